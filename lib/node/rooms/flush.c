/* SPDX-License-Identifier: MIT */
#include "node/rooms/flush.h"

#include <stdlib.h>

#include "base/error.h"
#include "node/engine/blocking_job.h"
#include "node/rooms/apply.h"
#include "node/rooms/playhead.h"
#include "node/rooms/timer.h"

#define FLUSH_RETRY_MS 1000
/* States in one job when all are to be written. */
#define FLUSH_AT_ONCE 64

/* --- one of them --- */

struct flush {
    struct sv_job job;
    /* Holds a reference. */
    struct sv_room *room;
    struct sv_playback_state state;
};

static int flush_run(struct sv_job *job, struct sv_tx *tx)
{
    struct flush *flush = SV_CONTAINER_OF(job, struct flush, job);
    synctv_playback view;
    sv_playback_view(&flush->state, &view);
    view.room_id = flush->room->id;
    return tx->ops->playback_put(tx, &view);
}

static void flush_apply(struct sv_job *job, int rv)
{
    struct flush *flush = SV_CONTAINER_OF(job, struct flush, job);
    struct sv_room *room = flush->room;
    pthread_mutex_lock(&room->lock);
    room->playback_writing = false;
    if (rv == SYNCTV_E_ROOM_NOT_FOUND && !room->gone) {
        sv_room_apply(room,
            &(struct sv_room_change){
                .room_id = room->id,
                .from_elsewhere = true,
                .deleted = true,
            });
    } else if (rv < 0 && !room->gone) {
        room->playback_dirty = true;
        room->flush_ms = sv_node_mono_ms(room->node) + FLUSH_RETRY_MS;
    }
    sv_room_schedule(room);
    pthread_mutex_unlock(&room->lock);
    sv_room_unref(room);
    free(flush);
}

void sv_room_flush(struct sv_room *room)
{
    room->flush_ms = 0;
    if (!room->playback_dirty || room->gone)
        return;
    struct flush *flush = room->playback_writing ? NULL : calloc(1, sizeof(*flush));
    if (flush != NULL) {
        flush->room = sv_room_ref(room);
        flush->state = room->playback;
        flush->job.run = flush_run;
        flush->job.apply = flush_apply;
        sv_job_set_scope(&flush->job, room->id, NULL, NULL);
        if (sv_store_write(room->node->store, &flush->job) >= 0) {
            room->playback_dirty = false;
            room->playback_writing = true;
            return;
        }
        sv_room_unref(room);
        free(flush);
    }
    /* the last one is still under way, or storage is busy */
    room->flush_ms = sv_node_mono_ms(room->node) + SV_FLUSH_MS;
}

/* --- all of them, at the end --- */

struct flush_all {
    struct sv_blocking_job blocking;
    /* Hold references. */
    struct sv_room *rooms[FLUSH_AT_ONCE];
    struct sv_playback_state states[FLUSH_AT_ONCE];
    size_t n;
};

static int flush_all_run(struct sv_blocking_job *blocking, struct sv_tx *tx)
{
    struct flush_all *all = SV_CONTAINER_OF(blocking, struct flush_all, blocking);
    int rv = 0;
    for (size_t i = 0; i < all->n && (rv >= 0 || rv == SYNCTV_E_ROOM_NOT_FOUND); i++) {
        synctv_playback view;
        sv_playback_view(&all->states[i], &view);
        view.room_id = all->rooms[i]->id;
        rv = tx->ops->playback_put(tx, &view);
    }
    return rv == SYNCTV_E_ROOM_NOT_FOUND || rv > 0 ? 0 : rv;
}

static void find_dirty(struct sv_room_shard *shard, struct flush_all *all)
{
    struct sv_room *room, *tmp;
    pthread_mutex_lock(&shard->lock);
    HASH_ITER(hh, shard->by_id, room, tmp) {
        if (all->n < FLUSH_AT_ONCE && atomic_load(&room->playback_dirty))
            all->rooms[all->n++] = sv_room_ref(room);
    }
    pthread_mutex_unlock(&shard->lock);
}

/* Some states that are to be written. */
static void collect_dirty(synctv_node *node, struct flush_all *all)
{
    all->n = 0;
    for (size_t i = 0; i < SV_ROOM_SHARDS && all->n < FLUSH_AT_ONCE; i++)
        find_dirty(&node->rooms->shards[i], all);
    for (size_t i = 0; i < all->n; i++) {
        struct sv_room *room = all->rooms[i];
        pthread_mutex_lock(&room->lock);
        all->states[i] = room->playback;
        room->playback_dirty = false;
        room->flush_ms = 0;
        pthread_mutex_unlock(&room->lock);
    }
}

void sv_rooms_flush(synctv_node *node)
{
    struct flush_all all = { .blocking.run = flush_all_run };
    int rv = 0;
    if (atomic_load(&node->n_rooms) == 0)
        return;
    /*
     * What is queued may change something yet. After that no other job is about these rooms, so one
     * job may be about all of them.
     */
    sv_store_drain(node->store);
    for (collect_dirty(node, &all); all.n > 0; collect_dirty(node, &all)) {
        rv = sv_blocking_job_do(&all.blocking, node->store, sv_store_write);
        for (size_t i = 0; i < all.n; i++)
            sv_room_unref(all.rooms[i]);
        if (rv < 0)
            sv_logf(&node->log, SYNCTV_LOG_ERROR, "node", "playback states are not stored: %s",
                synctv_error_text(rv));
        if (rv == SYNCTV_E_STORAGE_UNAVAILABLE)
            return; /* each job might wait for seconds */
    }
}
