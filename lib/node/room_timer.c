/* SPDX-License-Identifier: MIT */
/* What rooms do by themselves as time goes by. */
#include <stdlib.h>

#include "node/handlers.h"
#include "node/stream.h"

#define TICK_MS 50 /* the timers' granularity: that close together, rooms are looked at in one go */

/* --- playback states on their way to storage --- */

struct flush {
    struct sv_job job;
    struct sv_room *room; /* a reference */
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
    if (rv < 0 && rv != SYNCTV_E_ROOM_NOT_FOUND && !room->gone) {
        room->playback_dirty = true;
        room->flush_ms = sv_mono_ms() + 1000;
    }
    sv_room_schedule(room);
    pthread_mutex_unlock(&room->lock);
    sv_room_unref(room);
    free(flush);
}

/* Locked. */
static void flush_room(struct sv_room *room)
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
        if (room->node->store->ops->write(room->node->store, &flush->job) >= 0) {
            room->playback_dirty = false;
            room->playback_writing = true;
            return;
        }
        sv_room_unref(room);
        free(flush);
    }
    room->flush_ms =
        sv_mono_ms() + SV_FLUSH_MS; /* the last one is still under way, or storage is busy */
}

/* A reference to some room with a state to be written, NULL if there is none in this shard. */
static struct sv_room *find_dirty(struct sv_room_shard *shard)
{
    struct sv_room *room, *tmp, *found = NULL;
    pthread_mutex_lock(&shard->lock);
    HASH_ITER(hh, shard->by_id, room, tmp) {
        if (found == NULL && atomic_load(&room->playback_dirty))
            found = sv_room_ref(room);
    }
    pthread_mutex_unlock(&shard->lock);
    return found;
}

void sv_rooms_flush(synctv_node *node)
{
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        for (struct sv_room *room; (room = find_dirty(&node->shards[i])) != NULL;) {
            pthread_mutex_lock(&room->lock);
            room->playback_writing = false; /* this one goes behind the one under way */
            flush_room(room);
            room->playback_dirty = false; /* if storage did not take it now, there is no later */
            pthread_mutex_unlock(&room->lock);
            sv_room_unref(room);
        }
    }
}

/* --- timers --- */

static int64_t sooner(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

/* When the end of the movie is to be dealt with, monotonic; 0 = never. */
static int64_t end_due_ms(struct sv_room *room, int64_t now_ms)
{
    if (room->ended_version == room->playback.version)
        return 0;
    int64_t ends_at_ms = sv_playback_ends_at_ms(&room->playback, sv_room_duration(room));
    if (ends_at_ms == 0)
        return 0;
    int64_t due_ms = now_ms + (ends_at_ms - sv_node_clock_ms(&room->node->clock));
    return due_ms > now_ms ? due_ms : now_ms;
}

void sv_room_schedule(struct sv_room *room)
{
    synctv_node *node = room->node;
    int64_t due_ms = INT64_MAX;
    if (room->loaded && !room->gone) {
        due_ms = sooner(due_ms, room->flush_ms);
        due_ms = sooner(due_ms, room->offline_ms);
        due_ms = sooner(due_ms, room->online_tell_ms);
        due_ms = sooner(due_ms, room->reannounce_ms);
        due_ms = sooner(due_ms, end_due_ms(room, sv_mono_ms()));
    }
    bool earlier = false;
    pthread_mutex_lock(&node->rooms.lock);
    if (due_ms == INT64_MAX) {
        sv_list_remove(&room->timed);
        room->due_ms = 0;
    } else {
        if (sv_list_empty(&room->timed))
            sv_list_append(&node->rooms.timed, &room->timed);
        room->due_ms = due_ms;
        earlier = due_ms < node->rooms.next_due_ms;
        if (earlier)
            node->rooms.next_due_ms = due_ms;
    }
    pthread_mutex_unlock(&node->rooms.lock);
    if (earlier)
        sv_node_wake(node);
}

static void tick_room(struct sv_room *room, int64_t now_ms)
{
    pthread_mutex_lock(&room->lock);
    if (room->loaded && !room->gone) {
        if (room->flush_ms != 0 && room->flush_ms <= now_ms)
            flush_room(room);
        int64_t end_ms = end_due_ms(room, now_ms);
        if (end_ms != 0 && end_ms <= now_ms)
            sv_room_movie_ended(room);
        if (room->reannounce_ms != 0 && room->reannounce_ms <= now_ms) {
            room->reannounce_ms = now_ms + SV_REANNOUNCE_MS;
            sv_room_tell(room, sv_room_state_event(room, SYNCTV_STATE_CAUSE_RESYNC, "", ""));
        }
        sv_presence_tick(room, now_ms);
    }
    if (sv_list_empty(&room->follows))
        room->reannounce_ms = 0;
    sv_room_schedule(room);
    pthread_mutex_unlock(&room->lock);
}

/* Takes up to `max` rooms whose time has come; sets when the next one's comes. */
static size_t take_due(synctv_node *node, int64_t now_ms, struct sv_room **ret, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&node->rooms.lock);
    int64_t next_ms = INT64_MAX;
    SV_LIST_FOREACH(it, &node->rooms.timed) {
        struct sv_room *room = SV_CONTAINER_OF(it, struct sv_room, timed);
        if (room->due_ms <= now_ms && n < max) {
            sv_list_remove(it);
            ret[n++] = sv_room_ref(room);
        } else if (room->due_ms < next_ms) {
            next_ms = room->due_ms;
        }
    }
    node->rooms.next_due_ms = next_ms;
    pthread_mutex_unlock(&node->rooms.lock);
    return n;
}

int64_t sv_rooms_tick(synctv_node *node, int64_t now_ms)
{
    pthread_mutex_lock(&node->rooms.lock);
    int64_t next_ms = node->rooms.next_due_ms;
    pthread_mutex_unlock(&node->rooms.lock);
    if (next_ms <= now_ms) {
        struct sv_room *due[64];
        size_t n = take_due(node, now_ms, due, 64);
        for (size_t i = 0; i < n; i++) {
            tick_room(due[i], now_ms);
            sv_room_unref(due[i]);
        }
        pthread_mutex_lock(&node->rooms.lock);
        next_ms = node->rooms.next_due_ms;
        pthread_mutex_unlock(&node->rooms.lock);
    }
    return next_ms == INT64_MAX || next_ms > now_ms + TICK_MS ? next_ms : now_ms + TICK_MS;
}
