/* SPDX-License-Identifier: MIT */
#include "node/calls/answer.h"

#include "base/error.h"

/* Memory for `size` bytes in the result. NULL when out of memory. */
static void *place(struct sv_call *call, size_t size)
{
    synctv_result *result = sv_call_result(call);
    return result == NULL ? NULL : sv_arena_alloc(sv_result_arena(result), size);
}

static bool wants_no_result(const struct sv_call *call)
{
    return call->done == NULL;
}

int sv_answer_user(struct sv_call *call, const synctv_user *user)
{
    if (wants_no_result(call))
        return 0;
    synctv_user *to = place(call, sizeof(*to));
    if (to == NULL || sv_user_copy(sv_result_arena(call->result), user, to) < 0)
        return SYNCTV_E_NO_MEMORY;
    call->result->user = to;
    return 0;
}

int sv_answer_room(struct sv_call *call, struct sv_room *room, enum sv_room_detail detail)
{
    if (wants_no_result(call))
        return 0;
    synctv_room *to = place(call, sizeof(*to));
    if (to == NULL ||
        sv_room_fill(room, sv_result_arena(call->result), detail == SV_ROOM_FULL, to) < 0)
        return SYNCTV_E_NO_MEMORY;
    call->result->room = to;
    return 0;
}

int sv_answer_room_rec(struct sv_call *call, const struct sv_room_rec *rec,
    enum sv_room_detail detail)
{
    if (wants_no_result(call))
        return 0;
    synctv_room *to = place(call, sizeof(*to));
    synctv_room from = rec->room;
    from.settings = detail == SV_ROOM_FULL ? &rec->settings : NULL;
    if (to == NULL || sv_room_copy(sv_result_arena(call->result), &from, to) < 0)
        return SYNCTV_E_NO_MEMORY;
    call->result->room = to;
    return 0;
}

int sv_answer_state(struct sv_call *call, struct sv_room *room)
{
    if (wants_no_result(call))
        return 0;
    synctv_playback *to = place(call, sizeof(*to));
    if (to == NULL ||
        sv_room_fill_state(room, sv_result_arena(call->result), SYNCTV_STATE_CAUSE_SNAPSHOT, to) <
            0)
        return SYNCTV_E_NO_MEMORY;
    call->result->state = to;
    return 0;
}

int sv_answer_members(struct sv_call *call, struct sv_room *room)
{
    if (wants_no_result(call))
        return 0;
    synctv_result *result = sv_call_result(call);
    synctv_member *members = NULL;
    size_t n = 0;
    if (result == NULL || sv_room_fill_members(room, sv_result_arena(result), &members, &n) < 0)
        return SYNCTV_E_NO_MEMORY;
    result->members = members;
    result->n_members = n;
    return 0;
}

int sv_answer_member(struct sv_call *call, const synctv_member *member,
    const synctv_room_settings *settings, struct sv_room *room)
{
    if (wants_no_result(call))
        return 0;
    synctv_member *to = place(call, sizeof(*to));
    if (to == NULL || sv_member_copy(sv_result_arena(call->result), member, to) < 0)
        return SYNCTV_E_NO_MEMORY;
    to->permissions = sv_permissions_of(settings, member);
    const struct sv_roster_entry *entry =
        room == NULL ? NULL : sv_roster_get(&room->roster, member->user_id);
    to->online = entry != NULL && entry->online;
    call->result->member = to;
    return 0;
}

int sv_answer_movie(struct sv_call *call, const synctv_movie *movie)
{
    if (wants_no_result(call))
        return 0;
    synctv_movie *to = place(call, sizeof(*to));
    if (to == NULL || sv_movie_copy(sv_result_arena(call->result), movie, to) < 0 ||
        sv_movie_set_key(sv_result_arena(call->result), to) < 0)
        return SYNCTV_E_NO_MEMORY;
    call->result->movie = to;
    return 0;
}

int sv_answer_chat(struct sv_call *call, const synctv_chat *chat)
{
    if (wants_no_result(call))
        return 0;
    synctv_chat *to = place(call, sizeof(*to));
    if (to == NULL || sv_chat_copy(sv_result_arena(call->result), chat, to) < 0)
        return SYNCTV_E_NO_MEMORY;
    call->result->chat = to;
    return 0;
}
