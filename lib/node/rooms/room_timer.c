/* SPDX-License-Identifier: MIT */
/* What rooms do by themselves as time goes by. */
#include <stdlib.h>

#include "base/error.h"
#include "node/engine/blocking_job.h"
#include "node/calls/handlers.h"
#include "node/streams/stream.h"

#define FLUSH_RETRY_MS 1000
#define FLUSH_AT_ONCE 64  /* states in one job when all are to be written */
#define ROOMS_PER_TURN 64 /* whose timers are run in one go */

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
    if (rv == SYNCTV_E_ROOM_NOT_FOUND && !room->gone) {
        sv_room_put_deleted(room, ""); /* by somebody else */
    } else if (rv < 0 && !room->gone) {
        room->playback_dirty = true;
        room->flush_ms = sv_mono_ms() + FLUSH_RETRY_MS;
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
        sv_job_set_scope(&flush->job, room->id, NULL, NULL);
        if (sv_store_write(room->node->store, &flush->job) >= 0) {
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

/* --- all of them, at the end --- */

struct flush_all {
    struct sv_blocking_job blocking;
    struct sv_room *rooms[FLUSH_AT_ONCE]; /* references */
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
        find_dirty(&node->shards[i], all);
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
    /* What is queued may change something yet. After that no other job is about these rooms, so that theirs may be one. */
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

/* --- timers --- */

static int64_t sooner(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

/* When the end of the movie is to be dealt with, monotonic, maybe a while ago; 0 = never, or once somebody follows the room: before
 * an empty house the playlist waits. */
static int64_t end_due_ms(struct sv_room *room, int64_t now_ms)
{
    if (room->ended_version == room->playback.version || sv_list_empty(&room->follows))
        return 0;
    int64_t ends_at_ms = sv_playback_ends_at_ms(&room->playback, sv_room_duration(room));
    if (ends_at_ms == 0)
        return 0;
    int64_t due_ms = now_ms + (ends_at_ms - sv_node_clock_ms(&room->node->clock));
    return due_ms > 1 ? due_ms : 1;
}

/* --- the wheel: a slot for each tick, and round again; rooms.lock --- */

void sv_room_stop_timer(struct sv_room *room)
{
    if (!sv_list_empty(&room->timed)) {
        sv_list_remove(&room->timed);
        room->node->rooms.n_timed--;
    }
    room->due_ms = 0;
}

/* Returns when it will be looked at. */
static int64_t set_timer(struct sv_room *room, int64_t due_ms)
{
    synctv_node *node = room->node;
    int64_t tick = (due_ms + SV_TICK_MS - 1) / SV_TICK_MS;
    if (tick < node->rooms.tick)
        tick = node->rooms.tick;
    sv_room_stop_timer(room);
    sv_list_append(&node->rooms.timed[tick % SV_TIMER_SLOTS], &room->timed);
    node->rooms.n_timed++;
    room->due_ms = due_ms;
    return tick * SV_TICK_MS;
}

/* When the next slot with something in it is to be looked at. */
static int64_t next_slot_ms(const synctv_node *node)
{
    if (node->rooms.n_timed == 0)
        return INT64_MAX;
    int64_t tick = node->rooms.tick;
    while (sv_list_empty(&node->rooms.timed[tick % SV_TIMER_SLOTS]))
        tick++;
    return tick * SV_TICK_MS;
}

/* Takes up to ROOMS_PER_TURN rooms whose time has come, with references; sets when to come back. */
static size_t take_due(synctv_node *node, int64_t now_ms, struct sv_room **ret)
{
    size_t n = 0;
    int64_t last = now_ms / SV_TICK_MS;
    pthread_mutex_lock(&node->rooms.lock);
    if (node->rooms.tick <= last - SV_TIMER_SLOTS)
        node->rooms.tick = last - SV_TIMER_SLOTS + 1; /* once around is all there is */
    while (node->rooms.tick <= last && n < ROOMS_PER_TURN) {
        SV_LIST_FOREACH(it, &node->rooms.timed[node->rooms.tick % SV_TIMER_SLOTS]) {
            struct sv_room *room = SV_CONTAINER_OF(it, struct sv_room, timed);
            if (room->due_ms > now_ms || n == ROOMS_PER_TURN)
                continue; /* another round, the next turn */
            sv_list_remove(it);
            node->rooms.n_timed--;
            ret[n++] = sv_room_ref(room);
        }
        if (n < ROOMS_PER_TURN)
            node->rooms.tick++;
    }
    node->rooms.next_due_ms = n < ROOMS_PER_TURN ? next_slot_ms(node) : now_ms;
    pthread_mutex_unlock(&node->rooms.lock);
    return n;
}

/* --- one room --- */

void sv_room_schedule(struct sv_room *room)
{
    synctv_node *node = room->node;
    int64_t due_ms = INT64_MAX;
    bool is_here = room->loaded && !room->gone;
    if (is_here) {
        due_ms = sooner(due_ms, room->flush_ms);
        due_ms = sooner(due_ms, room->reload_ms);
        due_ms = sooner(due_ms, room->offline_ms);
        due_ms = sooner(due_ms, room->online_tell_ms);
        due_ms = sooner(due_ms, room->reannounce_ms);
        due_ms = sooner(due_ms, room->danmaku_ms);
        due_ms = sooner(due_ms, end_due_ms(room, sv_mono_ms()));
    }
    bool earlier = false;
    pthread_mutex_lock(&node->rooms.lock);
    room->may_be_idle = !room->playback_dirty && room->offline_ms == 0;
    if (due_ms == INT64_MAX) {
        sv_room_stop_timer(room);
    } else {
        int64_t at_ms = set_timer(room, due_ms);
        earlier = at_ms < node->rooms.next_due_ms;
        if (earlier)
            node->rooms.next_due_ms = at_ms;
    }
    pthread_mutex_unlock(&node->rooms.lock);
    if (earlier)
        sv_node_wake(node);
}

static bool is_due(int64_t at_ms, int64_t now_ms)
{
    return at_ms != 0 && at_ms <= now_ms;
}

static void expire_danmaku(struct sv_room *room, int64_t now_ms)
{
    sv_danmaku_ring_expire(&room->danmaku, sv_node_clock_ms(&room->node->clock));
    room->danmaku_ms = room->danmaku.n_kept > 0 ? now_ms + SV_DANMAKU_KEEP_MS : 0;
}

static void reannounce(struct sv_room *room, int64_t now_ms)
{
    bool anybody = !sv_list_empty(&room->follows);
    room->reannounce_ms = anybody ? now_ms + SV_REANNOUNCE_MS : 0;
    if (anybody)
        sv_room_tell(room, sv_room_state_event(room, SYNCTV_STATE_CAUSE_RESYNC, "", ""));
}

static void tick_room(struct sv_room *room, int64_t now_ms)
{
    int reload_failure = 0;
    pthread_mutex_lock(&room->lock);
    if (room->loaded && !room->gone) {
        if (is_due(room->flush_ms, now_ms))
            flush_room(room);
        if (is_due(room->reload_ms, now_ms)) {
            reload_failure = room->reload_failure;
            sv_room_reload(room);
        }
        if (is_due(end_due_ms(room, now_ms), now_ms))
            sv_room_movie_ended(room);
        if (is_due(room->reannounce_ms, now_ms))
            reannounce(room, now_ms);
        if (is_due(room->danmaku_ms, now_ms))
            expire_danmaku(room, now_ms);
        sv_presence_tick(room, now_ms);
    }
    sv_room_schedule(room);
    pthread_mutex_unlock(&room->lock);
    if (reload_failure < 0)
        sv_logf(&room->node->log, SYNCTV_LOG_WARN, "node",
            "room %s could not be loaded again, now it is tried once more: %s", room->id,
            synctv_error_text(reload_failure));
}

int64_t sv_rooms_tick(synctv_node *node, int64_t now_ms)
{
    pthread_mutex_lock(&node->rooms.lock);
    int64_t next_ms = node->rooms.next_due_ms;
    pthread_mutex_unlock(&node->rooms.lock);
    if (next_ms > now_ms)
        return next_ms;
    struct sv_room *due[ROOMS_PER_TURN];
    size_t n = take_due(node, now_ms, due);
    for (size_t i = 0; i < n; i++) {
        tick_room(due[i], now_ms);
        sv_room_unref(due[i]);
    }
    pthread_mutex_lock(&node->rooms.lock);
    next_ms = node->rooms.next_due_ms;
    pthread_mutex_unlock(&node->rooms.lock);
    return next_ms;
}
