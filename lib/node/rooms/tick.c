/* SPDX-License-Identifier: MIT */
/* What rooms do by themselves as time goes by. */
#include "node/rooms/tick.h"

#include <stdlib.h>

#include "node/rooms/apply.h"
#include "node/rooms/chat.h"
#include "node/rooms/decide.h"
#include "node/rooms/flush.h"
#include "node/rooms/load.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"
#include "node/rooms/share.h"
#include "node/rooms/tell.h"
#include "node/rooms/timer.h"

#define ROOMS_AT_ONCE 64

static bool is_due(int64_t at_ms, int64_t now_ms)
{
    return at_ms != 0 && at_ms <= now_ms;
}

static void expire_danmaku(struct sv_room *room, int64_t now_ms)
{
    sv_danmaku_ring_expire(&room->danmaku, now_ms);
    room->danmaku_ms = room->danmaku.n_kept > 0 ? now_ms + SV_DANMAKU_KEEP_MS : 0;
}

static void reannounce(struct sv_room *room, int64_t now_ms)
{
    bool anybody = !sv_list_empty(&room->follows);
    room->reannounce_ms = anybody ? now_ms + SV_REANNOUNCE_MS : 0;
    if (!anybody)
        return;
    sv_room_tell(room, sv_room_state_event(room, SYNCTV_STATE_CAUSE_RESYNC, "", ""));
    sv_room_decide(room); /* a player says its length but once */
}

static void tick_room(struct sv_room *room, int64_t now_ms)
{
    bool to_be_read = false, chat_to_be_read = false;
    pthread_mutex_lock(&room->lock);
    if (room->loaded && !room->gone) {
        to_be_read = is_due(room->reload_ms, now_ms);
        if (to_be_read)
            room->reload_ms = 0;
        chat_to_be_read = is_due(room->chat_ms, now_ms);
        if (chat_to_be_read)
            room->chat_ms = 0;
        if (is_due(room->flush_ms, now_ms))
            sv_room_flush(room);
        sv_playhead_end_if_due(room);
        if (is_due(room->reannounce_ms, now_ms))
            reannounce(room, now_ms);
        if (is_due(room->decide_ms, now_ms))
            sv_room_decide(room);
        if (is_due(room->danmaku_ms, now_ms))
            expire_danmaku(room, now_ms);
        sv_presence_tick(room, now_ms);
    }
    sv_room_schedule(room);
    pthread_mutex_unlock(&room->lock);
    if (to_be_read)
        sv_room_read_again(room);
    if (chat_to_be_read)
        sv_room_read_chat(room);
}

int64_t sv_rooms_tick(synctv_node *node, int64_t now_ms)
{
    int64_t next_ms = sv_rooms_next_due_ms(node->rooms);
    if (next_ms > now_ms)
        return next_ms;
    struct sv_room *due[SV_ROOMS_PER_TURN];
    size_t n = sv_rooms_take_due(node->rooms, now_ms, due);
    for (size_t i = 0; i < n; i++) {
        tick_room(due[i], now_ms);
        sv_room_unref(due[i]);
    }
    return sv_rooms_next_due_ms(node->rooms);
}

void sv_rooms_last_tick(synctv_node *node)
{
    /* A timer's time is rounded up. */
    int64_t until_ms = sv_node_mono_ms(node) + SV_READ_PAUSE_MS + SV_TICK_MS;
    struct sv_room *due[SV_ROOMS_PER_TURN];
    size_t n;
    do {
        n = sv_rooms_take_due(node->rooms, until_ms, due);
        for (size_t i = 0; i < n; i++) {
            pthread_mutex_lock(&due[i]->lock);
            bool to_be_read = due[i]->reload_ms != 0;
            pthread_mutex_unlock(&due[i]->lock);
            if (to_be_read)
                sv_room_read_again(due[i]);
            sv_room_unref(due[i]);
        }
    } while (n == SV_ROOMS_PER_TURN);
}

/* --- a step of the clock --- */

static void follow_step(struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    sv_playhead_follow_step(room);
    pthread_mutex_unlock(&room->lock);
}

/* Rooms that have not heard of the step yet, with references. */
static size_t find_behind(struct sv_room_shard *shard, int64_t stepped_ms,
    struct sv_room *ret[ROOMS_AT_ONCE])
{
    size_t n = 0;
    struct sv_room *room, *tmp;
    pthread_mutex_lock(&shard->lock);
    HASH_ITER(hh, shard->by_id, room, tmp) {
        if (n < ROOMS_AT_ONCE && room->stepped_ms != stepped_ms)
            ret[n++] = sv_room_ref(room);
    }
    pthread_mutex_unlock(&shard->lock);
    return n;
}

void sv_rooms_anchor(synctv_node *node)
{
    int64_t stepped_ms = sv_node_clock_look(&node->clock).stepped_ms;
    struct sv_room *rooms[ROOMS_AT_ONCE];
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        /* A room that is made from now on knows of the step: it is made under the shard's lock. */
        for (size_t n; (n = find_behind(&node->rooms->shards[i], stepped_ms, rooms)) > 0;) {
            for (size_t k = 0; k < n; k++) {
                follow_step(rooms[k]);
                sv_room_unref(rooms[k]);
            }
        }
    }
}

/* --- reading all again --- */

/* References to all rooms of a shard. NULL when out of memory, or there are none. */
static struct sv_room **find_all(struct sv_room_shard *shard, size_t *ret_n)
{
    struct sv_room *room, *tmp, **rooms = NULL;
    size_t n = 0;
    pthread_mutex_lock(&shard->lock);
    *ret_n = HASH_COUNT(shard->by_id);
    if (*ret_n > 0)
        rooms = malloc(*ret_n * sizeof(struct sv_room *));
    if (rooms != NULL) {
        HASH_ITER(hh, shard->by_id, room, tmp) {
            rooms[n++] = sv_room_ref(room);
        }
    }
    pthread_mutex_unlock(&shard->lock);
    return rooms;
}

static void mark_stale(struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    if (room->loaded && !room->gone)
        sv_room_doubt(room);
    pthread_mutex_unlock(&room->lock);
}

void sv_rooms_read_all_again(synctv_node *node)
{
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        size_t n;
        struct sv_room **rooms = find_all(&node->rooms->shards[i], &n);
        if (rooms == NULL && n > 0)
            sv_logf(&node->log, SYNCTV_LOG_ERROR, "rooms",
                "%zu rooms are not read again: no memory", n);
        for (size_t k = 0; rooms != NULL && k < n; k++) {
            mark_stale(rooms[k]);
            sv_room_unref(rooms[k]);
        }
        free(rooms);
    }
}

void sv_rooms_doubt(synctv_node *node, const char *room_id)
{
    if (room_id[0] == '\0')
        return;
    struct sv_room *room = sv_room_enter(node, room_id);
    sv_share_doubt(node, room_id);
    if (room == NULL)
        return;
    sv_room_doubt(room);
    sv_room_miss_chat(room);
    sv_room_leave(room);
}
