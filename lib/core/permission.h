/* SPDX-License-Identifier: MIT */
/*
 * Who may do what in a room ("Who may do what" in ARCHITECTURE.md).
 *
 * Effective permissions:
 *   - the creator has all bits;
 *   - any other active member has (mask | added) & ~removed, where mask is the room's mask for the
 *     role, or the server's default if that is 0;
 *   - a pending or banned member has none;
 *   - a user without a membership is a guest, if the room allows guests.
 *
 * A function that takes `err` returns 0 (or what its comment says), or SYNCTV_E_* and fills `err`.
 * `err` may be NULL.
 */
#ifndef SV_CORE_PERMISSION_H
#define SV_CORE_PERMISSION_H

#include <synctv/types.h>

/* Who acts, as one room sees them. All pointers are borrowed. */
struct sv_actor {
    /* "" for the system. */
    const char *user_id;
    /* The embedder or the node itself: passes every check. */
    bool is_system;
    /* An active user with role ADMIN or ROOT: passes every check. */
    bool platform_admin;
    /* The row in this room; NULL = none. Roles GUEST and UNSPECIFIED are no membership. */
    const synctv_member *member;
    /* The row's kicked_until_ms is in the future: the user may not even be a guest. */
    bool kicked;
};

/* What sv_room_access() found. */
enum sv_access {
    /* An active member. */
    SV_ACCESS_MEMBER = 1,
    /* No member, but the room allows guests. */
    SV_ACCESS_GUEST = 2,
    /* No active member, but the system or a platform admin. */
    SV_ACCESS_ADMIN = 3,
};

/*
 * Whether the row makes a user a member: its role is MEMBER, ADMIN or CREATOR, whatever the status.
 * `row` may be NULL.
 */
bool sv_is_membership(const synctv_member *row);

/*
 * The mask of a role in this room, before anything is added or removed. Guests: 0 if they are not
 * allowed.
 */
uint64_t sv_role_permissions(const synctv_room_settings *settings, synctv_room_role role);
/* Effective permissions by the row alone; 0 unless the member is active. NULL is a guest. */
uint64_t sv_permissions_of(const synctv_room_settings *settings, const synctv_member *member);
/* Effective permissions of whoever acts: all bits for the system and platform admins. */
uint64_t sv_actor_permissions(const struct sv_actor *actor, const synctv_room_settings *settings);

/*
 * Which permissions show members of this status in the member list; one of the bits is enough.
 * Pending members are shown to those who may approve them, banned ones to those who may lift the
 * ban. 0 for UNSPECIFIED, which is not in the list.
 */
uint64_t sv_status_seen_with(synctv_member_status status);

/* PERMISSION_DENIED, naming what is missing, unless all bits of `needed` are there. */
int sv_permission_check(uint64_t permissions, uint64_t needed, synctv_error *err);
/*
 * The same for deleting and editing movies: `any` is the bit for everybody's movies, `own` the bit
 * for movies that the user has added.
 */
int sv_movie_permission_check(uint64_t permissions, const char *user_id, const synctv_movie *movie,
    uint64_t own, uint64_t any, synctv_error *err);

/*
 * How the actor gets into the room: enum sv_access.
 * Errors: NOT_A_MEMBER, MEMBER_BANNED, MEMBER_PENDING, MEMBER_KICKED.
 */
int sv_room_access(const struct sv_actor *actor, const synctv_room_settings *settings,
    synctv_error *err);
/* The same for calls that guests may never make: a guest gets NOT_A_MEMBER. */
int sv_member_access(const struct sv_actor *actor, const synctv_room_settings *settings,
    synctv_error *err);
/* Access and permission in one: the check in front of most commands. Returns enum sv_access. */
int sv_room_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    uint64_t needed, synctv_error *err);

/* INVALID_ARGUMENT that names `field` if the mask has an undefined bit. */
int sv_permission_mask_validate(uint64_t mask, const char *field, synctv_error *err);

/*
 * May `actor` do to `target` (kick, ban, approve, change) what `needed` allows? Nobody acts on the
 * creator, not even a platform admin (TransferRoom comes first). Only the system and platform
 * admins act on themselves. To act on an admin, also a banned one, takes MANAGE_ADMIN as well.
 * Errors: those of sv_room_check(), PERMISSION_DENIED.
 */
int sv_act_on_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, uint64_t needed, synctv_error *err);
/*
 * SetMemberRole: an active member becomes MEMBER or ADMIN. Takes MANAGE_ADMIN, and nobody gives
 * more than they have.
 * Errors: sv_act_on_check(); INVALID_ARGUMENT "role" (another role), "user_id" (the target is
 * pending or banned).
 */
int sv_set_role_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, synctv_room_role role, synctv_error *err);
/*
 * SetMemberPermissions: takes SET_MEMBER_PERMISSIONS. The actor must have every bit that is newly
 * added or no longer removed. Anybody with the permission may take bits away. A bit in both masks
 * is removed.
 * Errors: sv_act_on_check(); INVALID_ARGUMENT "added" or "removed" (an undefined bit).
 */
int sv_set_permissions_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, uint64_t added, uint64_t removed, synctv_error *err);
/*
 * The settings of UpdateRoom: takes SET_ROOM_SETTINGS. The actor must have every bit that is added
 * to a default mask; default_admin_permissions takes MANAGE_ADMIN. sv_settings_validate() in
 * validate.h checks the values themselves.
 */
int sv_set_settings_check(const struct sv_actor *actor, const synctv_room_settings *from,
    const synctv_room_settings *to, synctv_error *err);

/* The input of sv_join_check(). */
struct sv_join {
    /* With the row of the user in this room, if there is one. */
    const struct sv_actor *actor;
    /* Of that row; 0 = not kicked. */
    int64_t kicked_until_ms;
    int64_t now_ms;
    /* Active and pending members. */
    int32_t n_members;
    /* The limit if the settings say 0. */
    int32_t default_max_members;
};
/*
 * May this user become a member? The caller checks the room's password.
 * Returns the status of the membership:
 *   ACTIVE: the default, and for an active member. A pending member becomes active if approval is
 *   no longer needed.
 *   PENDING: approval is needed, and the actor is no platform admin.
 * Errors: MEMBER_BANNED, MEMBER_KICKED (err->retry_after_ms is set), ROOM_FULL.
 */
int sv_join_check(const struct sv_join *join, const synctv_room_settings *settings,
    synctv_error *err);

#endif
