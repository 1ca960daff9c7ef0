/* SPDX-License-Identifier: MIT */
#include "node/rooms/timer.h"

#include "core/playback.h"
#include "node/rooms/clock.h"
#include "node/rooms/view.h"

static int64_t sooner(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

/* When the end of the movie is to be dealt with, monotonic, maybe a while ago; 0 = never. */
static int64_t end_due_ms(struct sv_room *room, int64_t now_ms)
{
    int64_t ends_at_ms = sv_room_ends_at_ms(room);
    if (ends_at_ms == 0)
        return 0;
    int64_t due_ms = now_ms + (ends_at_ms - sv_room_now_ms(room));
    return due_ms > 1 ? due_ms : 1;
}

/* --- the wheel: a slot for each tick, and round again; rooms.lock --- */

void sv_room_stop_timer(struct sv_room *room)
{
    if (!sv_list_empty(&room->timed)) {
        sv_list_remove(&room->timed);
        room->node->rooms->n_timed--;
    }
    room->due_ms = 0;
}

/* Returns when it will be looked at. */
static int64_t set_timer(struct sv_room *room, int64_t due_ms)
{
    synctv_node *node = room->node;
    int64_t tick = (due_ms + SV_TICK_MS - 1) / SV_TICK_MS;
    if (tick < node->rooms->tick)
        tick = node->rooms->tick;
    sv_room_stop_timer(room);
    sv_list_append(&node->rooms->timed[tick % SV_TIMER_SLOTS], &room->timed);
    node->rooms->n_timed++;
    room->due_ms = due_ms;
    return tick * SV_TICK_MS;
}

/* When the next slot with something in it is to be looked at. */
static int64_t next_slot_ms(const struct sv_rooms *rooms)
{
    if (rooms->n_timed == 0)
        return INT64_MAX;
    int64_t tick = rooms->tick;
    while (sv_list_empty(&rooms->timed[tick % SV_TIMER_SLOTS]))
        tick++;
    return tick * SV_TICK_MS;
}

size_t sv_rooms_take_due(struct sv_rooms *rooms, int64_t now_ms, struct sv_room **ret)
{
    size_t n = 0;
    int64_t last = now_ms / SV_TICK_MS;
    pthread_mutex_lock(&rooms->lock);
    if (rooms->tick <= last - SV_TIMER_SLOTS)
        rooms->tick = last - SV_TIMER_SLOTS + 1; /* once around is all there is */
    while (rooms->tick <= last && n < SV_ROOMS_PER_TURN) {
        SV_LIST_FOREACH(it, &rooms->timed[rooms->tick % SV_TIMER_SLOTS]) {
            struct sv_room *room = SV_CONTAINER_OF(it, struct sv_room, timed);
            if (room->due_ms > now_ms || n == SV_ROOMS_PER_TURN)
                continue; /* another round, the next turn */
            sv_list_remove(it);
            rooms->n_timed--;
            ret[n++] = sv_room_ref(room);
        }
        if (n < SV_ROOMS_PER_TURN)
            rooms->tick++;
    }
    rooms->next_due_ms = n < SV_ROOMS_PER_TURN ? next_slot_ms(rooms) : now_ms;
    pthread_mutex_unlock(&rooms->lock);
    return n;
}

int64_t sv_rooms_next_due_ms(struct sv_rooms *rooms)
{
    pthread_mutex_lock(&rooms->lock);
    int64_t next_ms = rooms->next_due_ms;
    pthread_mutex_unlock(&rooms->lock);
    return next_ms;
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
        due_ms = sooner(due_ms, room->decide_ms);
        due_ms = sooner(due_ms, room->danmaku_ms);
        due_ms = sooner(due_ms, room->chat_ms);
        due_ms = sooner(due_ms, end_due_ms(room, sv_node_mono_ms(room->node)));
    }
    bool earlier = false;
    pthread_mutex_lock(&node->rooms->lock);
    room->may_be_idle = !room->playback_dirty && room->offline_ms == 0 && room->decide_ms == 0;
    if (due_ms == INT64_MAX) {
        sv_room_stop_timer(room);
    } else {
        int64_t at_ms = set_timer(room, due_ms);
        earlier = at_ms < node->rooms->next_due_ms;
        if (earlier)
            node->rooms->next_due_ms = at_ms;
    }
    pthread_mutex_unlock(&node->rooms->lock);
    if (earlier)
        sv_node_wake(node);
}

void sv_room_decide_soon(struct sv_room *room)
{
    if (room->decide_ms != 0)
        return;
    room->decide_ms = sv_node_mono_ms(room->node) + SV_TICK_MS;
    sv_room_schedule(room);
}
