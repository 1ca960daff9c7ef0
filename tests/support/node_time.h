/* SPDX-License-Identifier: MIT */
#ifndef TESTS_NODE_TIME_H
#define TESTS_NODE_TIME_H

#include "node/node.h"
#include "node/rooms/timer.h"

static inline void node_time_sooner(int64_t *at_ms, int64_t ms)
{
    if (*at_ms != 0)
        *at_ms -= ms;
}

static inline void node_time_pass_room(struct sv_room *room, int64_t ms)
{
    pthread_mutex_lock(&room->lock);
    node_time_sooner(&room->flush_ms, ms);
    node_time_sooner(&room->reload_ms, ms);
    node_time_sooner(&room->offline_ms, ms);
    node_time_sooner(&room->online_tell_ms, ms);
    node_time_sooner(&room->online_told_ms, ms);
    node_time_sooner(&room->reannounce_ms, ms);
    node_time_sooner(&room->danmaku_ms, ms);
    node_time_sooner(&room->awaited_ms, ms);
    for (struct sv_roster_entry *entry = sv_roster_first(&room->roster); entry != NULL;
         entry = sv_roster_next(entry))
        node_time_sooner(&entry->offline_at_ms, ms);
    sv_room_schedule(room);
    pthread_mutex_unlock(&room->lock);
}

/* As if so much time had passed: the clock, and what the rooms wait for. Nothing else may be under way on the node. */
static inline void node_time_pass(synctv_node *node, int64_t ms)
{
    node->clock.offset_ms += ms;
    pthread_mutex_lock(&node->rooms->lock);
    node->rooms->tick = 0; /* once around the whole wheel */
    pthread_mutex_unlock(&node->rooms->lock);
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        struct sv_room *room, *tmp;
        HASH_ITER(hh, node->rooms->shards[i].by_id, room, tmp)
            node_time_pass_room(room, ms);
    }
}

#endif
