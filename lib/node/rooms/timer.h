/* SPDX-License-Identifier: MIT */
/* When rooms are to be looked at: a wheel of slots of SV_TICK_MS. Times are monotonic. */
#ifndef SV_NODE_ROOMS_TIMER_H
#define SV_NODE_ROOMS_TIMER_H

#include "node/rooms/room.h"

/* The timers' granularity: that close together, rooms are looked at in one go. */
#define SV_TICK_MS 50
/* Rooms whose timers are run in one go. */
#define SV_ROOMS_PER_TURN 64

/* Works out when this room needs its timer next, from its fields, and sets it. Locked. */
void sv_room_schedule(struct sv_room *room);
/*
 * Looks in a moment whether the room's people have decided something (decide.h): somebody has gone,
 * or another node has said something. If this node has slept, what others have decided meanwhile
 * comes right behind it. Locked.
 */
void sv_room_decide_soon(struct sv_room *room);
/* The table's lock is held. */
void sv_room_stop_timer(struct sv_room *room);

/* Takes up to SV_ROOMS_PER_TURN rooms whose time has come, with references. */
size_t sv_rooms_take_due(struct sv_rooms *rooms, int64_t now_ms, struct sv_room **ret);
/* When the next room is due; INT64_MAX = when sv_room_schedule() wakes the node. */
int64_t sv_rooms_next_due_ms(struct sv_rooms *rooms);

#endif
