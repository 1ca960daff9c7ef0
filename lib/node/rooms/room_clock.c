/* SPDX-License-Identifier: MIT */
/* Rooms and the node clock, which may step. */
#include "node/streams/stream.h"

#define ROOMS_AT_ONCE 64

int64_t sv_room_now_ms(struct sv_room *room)
{
    int64_t stepped_ms;
    int64_t now_ms = sv_node_now_and_steps_ms(room->node, &stepped_ms);
    return now_ms - (stepped_ms - room->stepped_ms);
}

/* The playhead stays where it was at `was_ms`, which is `now_ms`. Locked. */
static void anchor(struct sv_room *room, int64_t was_ms, int64_t now_ms)
{
    const struct sv_playback_change change = {
        .now_ms = now_ms,
        .node_id = room->node->id,
        .duration_s = sv_room_duration(room),
    };
    bool is_over = room->ended_version == room->playback.version;
    sv_playback_anchor(&room->playback, was_ms, &change, &room->playback);
    if (is_over)
        room->ended_version = room->playback.version;
}

void sv_room_not_from_the_future(struct sv_room *room)
{
    int64_t now_ms = sv_room_now_ms(room);
    if (room->playback.status != SYNCTV_PLAYBACK_STATUS_PLAYING ||
        room->playback.updated_at_ms <= now_ms)
        return;
    anchor(room, now_ms, now_ms);
    room->playback_dirty = true;
    if (room->flush_ms == 0)
        room->flush_ms = sv_node_mono_ms(room->node) + SV_FLUSH_MS;
}

bool sv_kick_holds(const synctv_node *node, int64_t kicked_until_ms)
{
    if (kicked_until_ms <= 0) /* as nearly always: no look at the clock */
        return false;
    int64_t left_ms = kicked_until_ms - sv_node_now_ms(node);
    return left_ms > 0 && left_ms <= SV_KICK_PAUSE_MS;
}

/* --- a step --- */

static void follow_step(struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    int64_t stepped_ms;
    int64_t now_ms = sv_node_now_and_steps_ms(room->node, &stepped_ms);
    int64_t was_ms = now_ms - (stepped_ms - room->stepped_ms);
    room->stepped_ms = stepped_ms;
    if (room->loaded && !room->gone && room->playback.status == SYNCTV_PLAYBACK_STATUS_PLAYING) {
        anchor(room, was_ms, now_ms);
        sv_room_tell_state(room, SYNCTV_STATE_CAUSE_RESYNC, "", "");
    }
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
        for (size_t n; (n = find_behind(&node->shards[i], stepped_ms, rooms)) > 0;) {
            for (size_t k = 0; k < n; k++) {
                follow_step(rooms[k]);
                sv_room_unref(rooms[k]);
            }
        }
    }
}
