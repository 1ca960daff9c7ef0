/* SPDX-License-Identifier: MIT */
#include "core/permission.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const struct {
    uint64_t bit;
    const char *name;
} permission_names[] = {
#define PERMISSION(name)                                                                           \
    {                                                                                              \
        SYNCTV_PERM_##name, #name                                                                  \
    }
    PERMISSION(SEND_CHAT),
    PERMISSION(ADD_MOVIE),
    PERMISSION(DELETE_MOVIE_SELF),
    PERMISSION(DELETE_MOVIE_ANY),
    PERMISSION(EDIT_MOVIE_SELF),
    PERMISSION(EDIT_MOVIE_ANY),
    PERMISSION(REORDER_PLAYLIST),
    PERMISSION(CLEAR_PLAYLIST),
    PERMISSION(PLAY_CONTROL),
    PERMISSION(CHANGE_CURRENT_MOVIE),
    PERMISSION(CHANGE_PLAYBACK_RATE),
    PERMISSION(APPROVE_MEMBER),
    PERMISSION(KICK_MEMBER),
    PERMISSION(BAN_MEMBER),
    PERMISSION(SET_MEMBER_PERMISSIONS),
    PERMISSION(MANAGE_ADMIN),
    PERMISSION(SET_ROOM_SETTINGS),
    PERMISSION(SET_ROOM_PASSWORD),
    PERMISSION(DELETE_CHAT),
    PERMISSION(VIEW_STATS),
    PERMISSION(EXPORT_DATA),
    PERMISSION(DELETE_ROOM),
    PERMISSION(VIEW_PLAYLIST),
    PERMISSION(VIEW_MEMBER_LIST),
    PERMISSION(VIEW_CHAT_HISTORY),
    PERMISSION(USE_WEBRTC),
#undef PERMISSION
};

static uint64_t mask_or(uint64_t mask, uint64_t fallback)
{
    return (mask != 0 ? mask : fallback) & SYNCTV_PERM_ALL;
}

uint64_t sv_role_permissions(const synctv_room_settings *settings, synctv_room_role role)
{
    switch (role) {
    case SYNCTV_ROOM_ROLE_CREATOR:
        return SYNCTV_PERM_ALL;
    case SYNCTV_ROOM_ROLE_ADMIN:
        return mask_or(settings->default_admin_permissions, SYNCTV_PERM_DEFAULT_ADMIN);
    case SYNCTV_ROOM_ROLE_MEMBER:
        return mask_or(settings->default_member_permissions, SYNCTV_PERM_DEFAULT_MEMBER);
    case SYNCTV_ROOM_ROLE_UNSPECIFIED: /* a row kept for something else, such as a kick */
    case SYNCTV_ROOM_ROLE_GUEST:
        return settings->allow_guests
            ? mask_or(settings->guest_permissions, SYNCTV_PERM_DEFAULT_GUEST)
            : 0;
    }
    return 0;
}

bool sv_is_membership(const synctv_member *row)
{
    return row != NULL &&
        (row->role == SYNCTV_ROOM_ROLE_MEMBER || row->role == SYNCTV_ROOM_ROLE_ADMIN ||
            row->role == SYNCTV_ROOM_ROLE_CREATOR);
}

uint64_t sv_permissions_of(const synctv_room_settings *settings, const synctv_member *member)
{
    if (member != NULL && member->status == SYNCTV_MEMBER_STATUS_BANNED)
        return 0;
    if (!sv_is_membership(member))
        return sv_role_permissions(settings, SYNCTV_ROOM_ROLE_GUEST);
    if (member->status != SYNCTV_MEMBER_STATUS_ACTIVE)
        return 0;
    uint64_t mask = sv_role_permissions(settings, member->role);
    if (member->role == SYNCTV_ROOM_ROLE_CREATOR)
        return mask;
    return (mask | (member->added_permissions & SYNCTV_PERM_ALL)) & ~member->removed_permissions;
}

static bool passes_everything(const struct sv_actor *actor)
{
    return actor->is_system || actor->platform_admin;
}

uint64_t sv_actor_permissions(const struct sv_actor *actor, const synctv_room_settings *settings)
{
    if (passes_everything(actor))
        return SYNCTV_PERM_ALL;
    if (actor->kicked && !sv_is_membership(actor->member))
        return 0;
    return sv_permissions_of(settings, actor->member);
}

uint64_t sv_status_seen_with(synctv_member_status status)
{
    switch (status) {
    case SYNCTV_MEMBER_STATUS_ACTIVE:
        return SYNCTV_PERM_VIEW_MEMBER_LIST;
    case SYNCTV_MEMBER_STATUS_PENDING:
        return SYNCTV_PERM_APPROVE_MEMBER;
    case SYNCTV_MEMBER_STATUS_BANNED:
        return SYNCTV_PERM_BAN_MEMBER;
    case SYNCTV_MEMBER_STATUS_UNSPECIFIED:
        break;
    }
    return 0;
}

int sv_permission_check(uint64_t permissions, uint64_t needed, synctv_error *err)
{
    uint64_t missing = needed & ~permissions;
    if (missing == 0)
        return 0;
    for (size_t i = 0; i < sizeof(permission_names) / sizeof(permission_names[0]); i++) {
        if ((missing & permission_names[i].bit) != 0)
            return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "this takes the permission %s",
                permission_names[i].name);
    }
    return sv_error(err, SYNCTV_E_PERMISSION_DENIED);
}

int sv_movie_permission_check(uint64_t permissions, const char *user_id, const synctv_movie *movie,
    uint64_t own, uint64_t any, synctv_error *err)
{
    bool is_own = !sv_str_empty(user_id) && strcmp(sv_str(movie->added_by), user_id) == 0;
    if (is_own && (permissions & own) == own)
        return 0;
    return sv_permission_check(permissions, any, err);
}

int sv_room_access(const struct sv_actor *actor, const synctv_room_settings *settings,
    synctv_error *err)
{
    const synctv_member *m = actor->member;
    if (sv_is_membership(m) && m->status == SYNCTV_MEMBER_STATUS_ACTIVE)
        return SV_ACCESS_MEMBER;
    if (passes_everything(actor))
        return SV_ACCESS_ADMIN;
    if (m != NULL && m->status == SYNCTV_MEMBER_STATUS_BANNED)
        return sv_error(err, SYNCTV_E_MEMBER_BANNED);
    if (sv_is_membership(m))
        return sv_error(err, SYNCTV_E_MEMBER_PENDING);
    if (actor->kicked)
        return sv_error(err, SYNCTV_E_MEMBER_KICKED);
    if (settings->allow_guests)
        return SV_ACCESS_GUEST;
    return sv_error(err, SYNCTV_E_NOT_A_MEMBER);
}

int sv_member_access(const struct sv_actor *actor, const synctv_room_settings *settings,
    synctv_error *err)
{
    int access = sv_room_access(actor, settings, err);
    return access == SV_ACCESS_GUEST ? sv_error(err, SYNCTV_E_NOT_A_MEMBER) : access;
}

int sv_room_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    uint64_t needed, synctv_error *err)
{
    int access = sv_room_access(actor, settings, err);
    if (access < 0)
        return access;
    int rv = sv_permission_check(sv_actor_permissions(actor, settings), needed, err);
    return rv < 0 ? rv : access;
}

int sv_act_on_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, uint64_t needed, synctv_error *err)
{
    int rv = sv_room_check(actor, settings, needed, err);
    if (rv < 0)
        return rv;
    if (target->role == SYNCTV_ROOM_ROLE_CREATOR)
        return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "nobody acts on the room's creator");
    if (!passes_everything(actor) && strcmp(sv_str(actor->user_id), sv_str(target->user_id)) == 0)
        return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "nobody acts on themselves");
    if (target->role == SYNCTV_ROOM_ROLE_ADMIN)
        return sv_permission_check(sv_actor_permissions(actor, settings), SYNCTV_PERM_MANAGE_ADMIN,
            err);
    return 0;
}

/* Nobody gives a bit that they lack. */
static int grant_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    uint64_t granted, synctv_error *err)
{
    return sv_permission_check(sv_actor_permissions(actor, settings), granted, err);
}

int sv_set_role_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, synctv_room_role role, synctv_error *err)
{
    int rv = sv_act_on_check(actor, settings, target, SYNCTV_PERM_MANAGE_ADMIN, err);
    if (rv < 0)
        return rv;
    if (role == SYNCTV_ROOM_ROLE_CREATOR)
        return sv_error_field(err, "role", "a room gets another creator with TransferRoom");
    if (role != SYNCTV_ROOM_ROLE_MEMBER && role != SYNCTV_ROOM_ROLE_ADMIN)
        return sv_error_field(err, "role", "is neither member nor admin");
    if (!sv_is_membership(target) || target->status != SYNCTV_MEMBER_STATUS_ACTIVE)
        return sv_error_field(err, "user_id", "is not an active member of this room");
    synctv_member changed = *target;
    changed.role = role;
    uint64_t granted = sv_permissions_of(settings, &changed) & ~sv_permissions_of(settings, target);
    return grant_check(actor, settings, granted, err);
}

int sv_permission_mask_validate(uint64_t mask, const char *field, synctv_error *err)
{
    if ((mask & ~SYNCTV_PERM_ALL) != 0)
        return sv_error_field(err, field, "has a permission bit that means nothing");
    return 0;
}

int sv_set_permissions_check(const struct sv_actor *actor, const synctv_room_settings *settings,
    const synctv_member *target, uint64_t added, uint64_t removed, synctv_error *err)
{
    int rv = sv_act_on_check(actor, settings, target, SYNCTV_PERM_SET_MEMBER_PERMISSIONS, err);
    if (rv < 0)
        return rv;
    if ((rv = sv_permission_mask_validate(added, "added", err)) < 0 ||
        (rv = sv_permission_mask_validate(removed, "removed", err)) < 0)
        return rv;
    uint64_t granted =
        (added & ~target->added_permissions) | (target->removed_permissions & ~removed);
    return grant_check(actor, settings, granted & SYNCTV_PERM_ALL, err);
}

/* The bits that `to` puts into the mask of a role. */
static uint64_t mask_growth(uint64_t from, uint64_t to, uint64_t fallback)
{
    return mask_or(to, fallback) & ~mask_or(from, fallback);
}

int sv_set_settings_check(const struct sv_actor *actor, const synctv_room_settings *from,
    const synctv_room_settings *to, synctv_error *err)
{
    int rv = sv_room_check(actor, from, SYNCTV_PERM_SET_ROOM_SETTINGS, err);
    if (rv < 0)
        return rv;
    if (to->default_admin_permissions != from->default_admin_permissions &&
        (rv = sv_permission_check(sv_actor_permissions(actor, from), SYNCTV_PERM_MANAGE_ADMIN,
             err)) < 0)
        return rv;
    uint64_t granted = mask_growth(from->default_member_permissions, to->default_member_permissions,
                           SYNCTV_PERM_DEFAULT_MEMBER) |
        mask_growth(from->default_admin_permissions, to->default_admin_permissions,
            SYNCTV_PERM_DEFAULT_ADMIN) |
        mask_growth(from->guest_permissions, to->guest_permissions, SYNCTV_PERM_DEFAULT_GUEST);
    return grant_check(actor, from, granted, err);
}

int sv_join_check(const struct sv_join *join, const synctv_room_settings *settings,
    synctv_error *err)
{
    const synctv_member *m = join->actor->member;
    bool waits = settings->require_approval && !passes_everything(join->actor);
    if (m != NULL && m->status == SYNCTV_MEMBER_STATUS_BANNED)
        return sv_error(err, SYNCTV_E_MEMBER_BANNED);
    if (sv_is_membership(m)) {
        bool is_pending = m->status != SYNCTV_MEMBER_STATUS_ACTIVE;
        return is_pending && waits ? SYNCTV_MEMBER_STATUS_PENDING : SYNCTV_MEMBER_STATUS_ACTIVE;
    }
    if (join->kicked_until_ms > join->now_ms) {
        int rv = sv_error(err, SYNCTV_E_MEMBER_KICKED);
        if (err != NULL)
            err->retry_after_ms = join->kicked_until_ms - join->now_ms;
        return rv;
    }
    int32_t max = settings->max_members > 0 ? settings->max_members : join->default_max_members;
    if (join->n_members >= max)
        return sv_error(err, SYNCTV_E_ROOM_FULL);
    return waits ? SYNCTV_MEMBER_STATUS_PENDING : SYNCTV_MEMBER_STATUS_ACTIVE;
}
