/* SPDX-License-Identifier: MIT */
#include "node/rooms/look.h"

#include <stdlib.h>
#include <string.h>

#include "node/rooms/apply.h"
#include "node/rooms/playhead.h"

#define ROOMS_AT_ONCE 256

struct seen {
    /* Holds a reference. */
    struct sv_room *room;
    /* What memory has at the beginning. */
    uint64_t revision, chat_seq, version;
    char node_id[SV_NODE_ID_MAX + 1];

    /* What was read: 0 or ROOM_NOT_FOUND, and a state if it is newer. */
    int rv;
    struct sv_room_head head;
    bool has_state;
    synctv_playback state;
};

struct look {
    struct sv_job job;
    synctv_node *node;
    /* It goes on with the rooms behind the cursor. */
    bool is_of_all;
    struct sv_rooms_cursor cursor;
    struct sv_arena arena;
    size_t n;
    struct seen rooms[ROOMS_AT_ONCE];
};

/* --- what is read --- */

static bool is_newer(const struct seen *seen)
{
    return seen->head.version > seen->version ||
        (seen->head.version == seen->version && strcmp(seen->head.node_id, seen->node_id) > 0);
}

static int see(struct sv_tx *tx, struct look *look, struct seen *seen)
{
    seen->has_state = false;
    seen->rv = tx->ops->room_head(tx, seen->room->id, &seen->head);
    if (seen->rv == SYNCTV_E_ROOM_NOT_FOUND)
        return 0;
    if (seen->rv < 0 || !is_newer(seen))
        return seen->rv;
    int rv = tx->ops->playback_get(tx, seen->room->id, &look->arena, &seen->state);
    seen->has_state = rv == 1;
    return rv < 0 ? rv : 0;
}

static int look_run(struct sv_job *job, struct sv_tx *tx)
{
    struct look *look = SV_CONTAINER_OF(job, struct look, job);
    int rv = 0;
    sv_arena_fini(&look->arena);
    for (size_t i = 0; rv >= 0 && i < look->n; i++)
        rv = see(tx, look, &look->rooms[i]);
    return rv;
}

/* --- what is done about it --- */

/*
 * Memory may have gone on since, so what is newer counts; and what is older than memory was when
 * the look began. Locked.
 */
static void compare(struct sv_room *room, const struct seen *seen)
{
    if (seen->rv == SYNCTV_E_ROOM_NOT_FOUND) {
        sv_room_apply(room,
            &(struct sv_room_change){
                .room_id = room->id,
                .from_elsewhere = true,
                .deleted = true,
            });
        return;
    }
    if (seen->head.revision < seen->revision || seen->head.chat_seq < seen->chat_seq)
        sv_room_go_back(room);
    sv_room_hear_of(room, seen->head.revision);
    if (seen->head.revision > room->revision)
        sv_room_mark_stale(room);
    if (seen->head.chat_seq > room->chat_seq)
        sv_room_miss_chat(room);
    if (seen->has_state)
        sv_playhead_adopt(room, &seen->state);
}

static void release(struct look *look)
{
    for (size_t i = 0; i < look->n; i++)
        sv_room_unref(look->rooms[i].room);
    look->n = 0;
}

static void end(struct look *look)
{
    if (look->is_of_all)
        atomic_store(&look->node->rooms->looking, false);
    sv_arena_fini(&look->arena);
    free(look);
}

static void look_at_some(struct look *look);

static void look_apply(struct sv_job *job, int rv)
{
    struct look *look = SV_CONTAINER_OF(job, struct look, job);
    for (size_t i = 0; rv >= 0 && i < look->n; i++) {
        struct sv_room *room = look->rooms[i].room;
        pthread_mutex_lock(&room->lock);
        if (room->loaded && !room->gone)
            compare(room, &look->rooms[i]);
        pthread_mutex_unlock(&room->lock);
    }
    release(look);
    if (rv < 0)
        end(look); /* the next look finds what this one has missed */
    else
        look_at_some(look);
}

/* --- which rooms --- */

static void take(struct look *look, struct sv_room *room)
{
    struct seen *seen = &look->rooms[look->n];
    pthread_mutex_lock(&room->lock);
    bool is_here = room->loaded && !room->gone;
    seen->room = room;
    seen->revision = room->revision;
    seen->chat_seq = room->chat_seq;
    seen->version = room->playback.version;
    memcpy(seen->node_id, room->playback.node_id, sizeof(seen->node_id));
    pthread_mutex_unlock(&room->lock);
    if (is_here)
        look->n++;
    else
        sv_room_unref(room);
}

static void look_at_some(struct look *look)
{
    struct sv_room *rooms[ROOMS_AT_ONCE];
    size_t n = look->is_of_all ? sv_rooms_some(look->node, &look->cursor, rooms, ROOMS_AT_ONCE) : 0;
    for (size_t i = 0; i < n; i++)
        take(look, rooms[i]);
    if (n > 0 && sv_store_read(look->node->store, &look->job) >= 0)
        return;
    release(look);
    end(look);
}

void sv_rooms_look(synctv_node *node)
{
    if (atomic_exchange(&node->rooms->looking, true))
        return;
    struct look *look = calloc(1, sizeof(*look));
    if (look == NULL) {
        atomic_store(&node->rooms->looking, false);
        return;
    }
    look->node = node;
    look->is_of_all = true;
    look->job.run = look_run;
    look->job.apply = look_apply;
    look_at_some(look);
}

void sv_rooms_look_at(synctv_node *node, const char *room_id)
{
    struct sv_room *room = sv_room_enter(node, room_id);
    if (room == NULL)
        return;
    sv_room_ref(room);
    sv_room_leave(room);
    struct look *look = calloc(1, sizeof(*look));
    if (look == NULL) {
        sv_room_unref(room);
        return; /* the next look at all rooms makes up */
    }
    look->node = node;
    look->job.run = look_run;
    look->job.apply = look_apply;
    take(look, room);
    if (look->n > 0 && sv_store_read(node->store, &look->job) >= 0)
        return;
    release(look);
    end(look);
}
