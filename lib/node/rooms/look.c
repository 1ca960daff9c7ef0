/* SPDX-License-Identifier: MIT */
#include "node/rooms/look.h"

#include <stdlib.h>
#include <string.h>

#include "node/rooms/apply.h"
#include "node/rooms/playhead.h"

#define ROOMS_AT_ONCE SV_ROOM_HEADS_MAX

struct seen {
    /* Holds a reference. */
    struct sv_room *room;
    /* What memory has at the beginning. */
    uint64_t revision, chat_seq, version;
    char node_id[SV_NODE_ID_MAX + 1];

    /* A state that is newer was read. */
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
    const char *ids[ROOMS_AT_ONCE];
    struct sv_room_head heads[ROOMS_AT_ONCE];
};

/* --- what is read --- */

static bool is_newer(const struct sv_room_head *head, const struct seen *seen)
{
    return head->version > seen->version ||
        (head->version == seen->version && strcmp(head->node_id, seen->node_id) > 0);
}

static int see_state(struct sv_tx *tx, struct look *look, size_t i)
{
    struct seen *seen = &look->rooms[i];
    seen->has_state = false;
    if (!is_newer(&look->heads[i], seen))
        return 0;
    int rv = tx->ops->playback_get(tx, seen->room->id, &look->arena, &seen->state);
    seen->has_state = rv == 1;
    return rv < 0 ? rv : 0;
}

static int look_run(struct sv_job *job, struct sv_tx *tx)
{
    struct look *look = SV_CONTAINER_OF(job, struct look, job);
    sv_arena_fini(&look->arena);
    int rv = tx->ops->room_heads(tx, look->ids, look->n, look->heads);
    for (size_t i = 0; rv >= 0 && i < look->n; i++)
        rv = see_state(tx, look, i);
    return rv;
}

/* --- what is done about it --- */

/*
 * Memory may have gone on since, so what is newer counts; and what is older than memory was when
 * the look began. Locked.
 */
static void compare(struct sv_room *room, const struct seen *seen, const struct sv_room_head *head)
{
    if (!head->exists) {
        sv_room_apply(room,
            &(struct sv_room_change){
                .room_id = room->id,
                .from_elsewhere = true,
                .deleted = true,
            });
        return;
    }
    if (head->revision < seen->revision || head->chat_seq < seen->chat_seq)
        sv_room_go_back(room);
    sv_room_hear_of(room, head->revision);
    if (head->revision > room->revision)
        sv_room_mark_stale(room);
    if (head->chat_seq > room->chat_seq)
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
            compare(room, &look->rooms[i], &look->heads[i]);
        pthread_mutex_unlock(&room->lock);
    }
    release(look);
    if (rv >= 0) {
        look_at_some(look);
        return;
    }
    atomic_store(&look->node->rooms->look_failed, true);
    end(look);
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
    look->ids[look->n] = room->id;
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
    if (n > 0)
        atomic_store(&look->node->rooms->look_failed, true);
    release(look);
    end(look);
}

void sv_rooms_look(synctv_node *node)
{
    if (atomic_exchange(&node->rooms->looking, true))
        return;
    struct look *look = calloc(1, sizeof(*look));
    if (look == NULL) {
        atomic_store(&node->rooms->look_failed, true);
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
    struct sv_room *room = sv_room_find(node, room_id);
    if (room == NULL)
        return;
    bool is_loaded = room->loaded;
    room->heard_unread = room->heard_unread || !is_loaded; /* then it is looked at when it is */
    sv_room_ref(room);
    sv_room_leave(room);
    if (!is_loaded) {
        sv_room_unref(room);
        return;
    }
    struct look *look = calloc(1, sizeof(*look));
    if (look == NULL) {
        atomic_store(&node->rooms->look_failed, true);
        sv_room_unref(room);
        return;
    }
    look->node = node;
    look->job.run = look_run;
    look->job.apply = look_apply;
    take(look, room);
    if (look->n > 0 && sv_store_read(node->store, &look->job) >= 0)
        return;
    if (look->n > 0)
        atomic_store(&node->rooms->look_failed, true);
    release(look);
    end(look);
}

bool sv_rooms_have_missed_a_look(synctv_node *node)
{
    return atomic_exchange(&node->rooms->look_failed, false);
}
