/* SPDX-License-Identifier: MIT */
/*
 * Who may do what in a room ("Who may do what" in ARCHITECTURE.md).
 *
 * Effective permissions of an active member: the creator has all bits; anybody else has
 * ((the room's mask for the role, or the server's default where that is 0) | added) & ~removed. Who is pending or banned has none.
 * Somebody without a membership is a guest where the room allows guests.
 *
 * Every function that takes `err` returns 0 (or what it says) or SYNCTV_E_* with `err`, which may be NULL, filled.
 */
#ifndef SV_CORE_PERMISSION_H
#define SV_CORE_PERMISSION_H

#include <synctv/types.h>

/* Who acts, seen from one room. All pointers are borrowed. */
struct sv_actor {
    const char *user_id; /* "" for the system */
    bool is_system;      /* the embedder or the node itself: passes every check */
    bool platform_admin; /* an active user with role ADMIN or ROOT: passes every check */
    const synctv_member *
        member; /* their row in this room; NULL = none. Roles GUEST and UNSPECIFIED are no membership either */
    bool kicked; /* that row's kicked_until_ms is still to come: not even a guest */
};

/* What sv_room_access() found. */
enum sv_access {
    SV_ACCESS_MEMBER = 1, /* an active member */
    SV_ACCESS_GUEST = 2,  /* no member, but the room allows guests */
    SV_ACCESS_ADMIN = 3,  /* no active member, but the system or a platform admin */
};

/* Whether this row, which may be NULL, makes somebody a member, whatever the status: role MEMBER, ADMIN or CREATOR. */
bool sv_is_membership(const synctv_member *row);

/* The mask that a role has in this room before anything is added or removed; guests: 0 where they are not allowed. */
uint64_t sv_role_permissions(const synctv_room_settings *settings, synctv_room_role role);
/* Effective permissions by the row alone; 0 unless the member is active. NULL is a guest. */
uint64_t sv_permissions_of(const synctv_room_settings *settings, const synctv_member *member);
/* Effective permissions of whoever acts: all bits for the system and platform admins. */
uint64_t sv_actor_permissions(const struct sv_actor *actor, const synctv_room_settings *settings);

/*
 * The bits of which one lets somebody who sees the member list see those with that status in it: who waits is for those who may let them in, who
 * is banned for those who may lift the ban. 0 for UNSPECIFIED, that is for who is not in the list.
 */
uint64_t sv_status_seen_with(synctv_member_status status);

/* PERMISSION_DENIED, naming what is missing, unless all bits of `needed` are there. */
int sv_permission_check(uint64_t permissions, uint64_t needed, synctv_error *err);
/* The same for what may be done to anybody's movies (bit `any`) or only to one's own (bit `own`): delete and edit. */
int sv_movie_permission_check(uint64_t permissions, const char *user_id, const synctv_movie *movie,
    uint64_t own, uint64_t any, synctv_error *err);

/* How this actor gets into the room: enum sv_access, or NOT_A_MEMBER, MEMBER_BANNED, MEMBER_PENDING, MEMBER_KICKED. */
int sv_room_access(const struct sv_actor *actor, const synctv_room_settings *settings,
    synctv_error *err);
/* The same for what guests never may: for them NOT_A_MEMBER. */
int sv_member_access(const struct sv_actor *actor, const synctv_room_settings *settings,
    synctv_error *err);
/* Access and permission in one: the check in front of most commands. Returns enum sv_access. */
int sv_room_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    uint64_t needed, synctv_error *err);

/* INVALID_ARGUMENT that names `field` if the mask has a bit that means nothing. */
int sv_permission_mask_validate(uint64_t mask, const char *field, synctv_error *err);

/*
 * May `actor` do to `target` (kick, ban, approve, change) what `needed` allows? Nobody acts on the creator, platform admins
 * included (TransferRoom comes first), nor on themselves; acting on an admin, banned ones included, takes MANAGE_ADMIN as well.
 * Errors: those of sv_room_check(), PERMISSION_DENIED.
 */
int sv_act_on_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, uint64_t needed, synctv_error *err);
/*
 * SetMemberRole: MEMBER <-> ADMIN of an active member. Takes MANAGE_ADMIN, and nobody gives more than they have.
 * Errors: sv_act_on_check(); INVALID_ARGUMENT "role" (another role), "user_id" (the target is pending or banned).
 */
int sv_set_role_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, synctv_room_role role, synctv_error *err);
/*
 * SetMemberPermissions: takes SET_MEMBER_PERMISSIONS. Every bit that is newly added, and every one that is no longer removed,
 * must be one that the actor has; taking bits away is free. A bit in both masks is removed.
 * Errors: sv_act_on_check(); INVALID_ARGUMENT "added" or "removed" (a bit without meaning).
 */
int sv_set_permissions_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, uint64_t added, uint64_t removed, synctv_error *err);
/*
 * UpdateRoom's settings: takes SET_ROOM_SETTINGS; a bit that comes into a default mask must be one that the actor has;
 * default_admin_permissions takes MANAGE_ADMIN. The values themselves: sv_settings_validate() in validate.h.
 */
int sv_set_settings_check(const struct sv_actor *actor, const synctv_room_settings *from,
    const synctv_room_settings *to, synctv_error *err);

/* What JoinRoom finds. */
struct sv_join {
    const struct sv_actor *actor; /* with their row, whatever it says */
    int64_t kicked_until_ms;      /* of that row */
    int64_t now_ms;
    int32_t n_members;           /* active and pending ones */
    int32_t default_max_members; /* where the settings say 0 */
};
/*
 * May this user become a member? The room's password is checked elsewhere.
 * Returns the status that the membership then has: ACTIVE (also for who is a member already) or PENDING (approval is on and the actor is no
 * platform admin; who was pending when approval was switched off becomes ACTIVE).
 * Errors: MEMBER_BANNED, MEMBER_KICKED (err->retry_after_ms is set), ROOM_FULL.
 */
int sv_join_check(const struct sv_join *join, const synctv_room_settings *settings,
    synctv_error *err);

#endif
