/* SPDX-License-Identifier: MIT */
#include "node/rooms/hold.h"

#include <stdlib.h>

#include "base/text.h"

struct held {
    /* In room.held. */
    struct sv_list link;
    struct sv_room_change change;
    /* What it points to. */
    struct sv_arena arena;
    struct sv_room_rec room;
    struct sv_member_rec rows[2];
    synctv_member gone[2];
    synctv_movie movie;
};

static bool copy_text(struct sv_arena *a, const char **text)
{
    *text = sv_arena_strdup(a, sv_str(*text));
    return *text != NULL;
}

static bool copy_room(struct held *held)
{
    if (held->change.room == NULL)
        return true;
    const struct sv_room_rec *from = held->change.room;
    held->room = *from;
    held->room.room.settings = NULL; /* they are in the record itself */
    const synctv_room room = held->room.room;
    if (sv_room_copy(&held->arena, &room, &held->room.room) < 0 ||
        !copy_text(&held->arena, &held->room.password_hash))
        return false;
    held->room.room.settings = &held->room.settings;
    held->change.room = &held->room;
    return true;
}

static bool copy_member(struct held *held, size_t i)
{
    struct sv_member_diff *diff = &held->change.members[i];
    if (diff->row != NULL) {
        held->rows[i] = *diff->row;
        if (sv_member_copy(&held->arena, &diff->row->member, &held->rows[i].member) < 0)
            return false;
        diff->row = &held->rows[i];
    }
    if (diff->gone != NULL) {
        if (sv_member_copy(&held->arena, diff->gone, &held->gone[i]) < 0)
            return false;
        diff->gone = &held->gone[i];
    }
    return true;
}

static bool copy_movie(struct held *held)
{
    if (held->change.movie == NULL)
        return true;
    if (sv_movie_copy(&held->arena, held->change.movie, &held->movie) < 0)
        return false;
    held->change.movie = &held->movie;
    return true;
}

/* But for the state and the message, which follow no revision. */
static bool copy(struct held *held, const struct sv_room_change *from)
{
    held->change = *from;
    held->change.state = NULL;
    held->change.operation_id = NULL;
    held->change.event = NULL;
    held->change.chat_seq = 0;
    bool fits = copy_text(&held->arena, &held->change.room_id) &&
        copy_text(&held->arena, &held->change.actor_id) &&
        copy_text(&held->arena, &held->change.reason) && copy_room(held) && copy_movie(held);
    for (size_t i = 0; fits && i < from->n_members; i++)
        fits = copy_member(held, i);
    return fits;
}

static void forget(struct sv_room *room, struct held *held)
{
    sv_list_remove(&held->link);
    room->n_held--;
    sv_arena_fini(&held->arena);
    free(held);
}

bool sv_room_hold(struct sv_room *room, const struct sv_room_change *change)
{
    if (sv_room_held(room, change->revision) != NULL)
        return true;
    struct held *held = room->n_held < SV_HELD_MAX ? calloc(1, sizeof(*held)) : NULL;
    if (held == NULL)
        return false;
    sv_list_append(&room->held, &held->link);
    room->n_held++;
    if (copy(held, change))
        return true;
    forget(room, held);
    return false;
}

void sv_room_forget_held(struct sv_room *room, uint64_t revision)
{
    SV_LIST_FOREACH(it, &room->held) {
        struct held *held = SV_CONTAINER_OF(it, struct held, link);
        if (held->change.revision <= revision)
            forget(room, held);
    }
}

const struct sv_room_change *sv_room_held(struct sv_room *room, uint64_t revision)
{
    SV_LIST_FOREACH(it, &room->held) {
        const struct held *held = SV_CONTAINER_OF(it, struct held, link);
        if (held->change.revision == revision)
            return &held->change;
    }
    return NULL;
}
