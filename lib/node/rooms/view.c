/* SPDX-License-Identifier: MIT */
#include "node/rooms/view.h"

#include <string.h>

#include "base/error.h"
#include "node/rooms/clock.h"

/* --- who may do what --- */

struct sv_actor sv_room_actor(struct sv_room *room, const struct sv_actor_info *info)
{
    const struct sv_roster_entry *entry =
        info->user_id[0] == '\0' ? NULL : sv_roster_get(&room->roster, info->user_id);
    return (struct sv_actor){
        .user_id = info->user_id,
        .is_system = info->is_system,
        .platform_admin = info->platform_admin,
        .member = entry == NULL ? NULL : &entry->member,
        .kicked = entry != NULL && sv_kick_holds(room->node, entry->kicked_until_ms),
    };
}

uint64_t sv_room_permissions(struct sv_room *room, const struct sv_actor_info *info)
{
    struct sv_actor actor = sv_room_actor(room, info);
    return sv_actor_permissions(&actor, &room->settings);
}

int sv_room_need(struct sv_room *room, const struct sv_actor_info *info, uint64_t permission,
    synctv_error *err)
{
    struct sv_actor actor = sv_room_actor(room, info);
    return sv_room_check(&actor, &room->settings, permission, err);
}

/* --- copies --- */

int sv_room_fill(struct sv_room *room, struct sv_arena *a, bool for_member, synctv_room *ret)
{
    synctv_room view = {
        .id = room->id,
        .name = room->name,
        .description = room->description,
        .creator_id = room->creator_id,
        .settings = for_member ? &room->settings : NULL,
        .has_password = room->password_hash[0] != '\0',
        .member_count = (int32_t)(room->roster.n_active + room->roster.n_pending),
        .online_count = (int32_t)atomic_load(&room->attendance->n_online),
        .created_at_ms = room->created_at_ms,
        .revision = room->revision,
    };
    return sv_room_copy(a, &view, ret);
}

int sv_room_fill_member(struct sv_room *room, const struct sv_roster_entry *entry,
    struct sv_arena *a, synctv_member *ret)
{
    synctv_member view = entry->member;
    view.room_id = room->id;
    view.online = entry->online;
    view.permissions = sv_permissions_of(&room->settings, &entry->member);
    return sv_member_copy(a, &view, ret);
}

int sv_room_fill_members(struct sv_room *room, struct sv_arena *a, synctv_member **ret_members,
    size_t *ret_n)
{
    struct sv_roster_entry *first[100];
    size_t n = sv_roster_online_first(&room->roster, first, 100);
    synctv_member *members = sv_arena_array(a, n == 0 ? 1 : n, sizeof(*members));
    if (members == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (sv_room_fill_member(room, first[i], a, &members[i]) < 0)
            return SYNCTV_E_NO_MEMORY;
    }
    *ret_members = members;
    *ret_n = n;
    return 0;
}

double sv_room_duration(struct sv_room *room)
{
    const char *id = room->playback.movie_id;
    if (id[0] == '\0')
        return 0;
    if (strcmp(room->duration_of, id) != 0) {
        const synctv_movie *movie = sv_playlist_get(&room->movies, id);
        if (movie == NULL)
            return 0;
        room->duration_s = movie->duration_s;
        memcpy(room->duration_of, id, strlen(id) + 1);
    }
    return room->duration_s;
}

int sv_room_fill_state(struct sv_room *room, struct sv_arena *a, synctv_state_cause cause,
    synctv_playback *ret)
{
    synctv_playback view;
    sv_playback_view(&room->playback, &view);
    int64_t now_ms = sv_room_now_ms(room);
    view.room_id = room->id;
    view.cause = cause;
    view.duration_s = sv_room_duration(room);
    view.position_s = sv_playback_position_at(&room->playback, now_ms, view.duration_s);
    view.updated_at_ms = now_ms;
    return sv_playback_copy(a, &view, ret);
}

int64_t sv_room_ends_at_ms(struct sv_room *room)
{
    if (sv_list_empty(&room->follows))
        return 0;
    return sv_playback_ends_at_ms(&room->playback, sv_room_duration(room));
}

int sv_movie_set_key(struct sv_arena *a, synctv_movie *movie)
{
    movie->stream_key = "";
    if (movie->type != SYNCTV_MOVIE_TYPE_LIVE)
        return 0;
    const char *key = sv_arena_printf(a, "%s.%s", movie->room_id, movie->id);
    if (key == NULL)
        return SYNCTV_E_NO_MEMORY;
    movie->stream_key = key;
    return 0;
}
