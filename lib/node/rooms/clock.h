/* SPDX-License-Identifier: MIT */
/* What rooms know of the node clock, which may step. */
#ifndef SV_NODE_ROOMS_CLOCK_H
#define SV_NODE_ROOMS_CLOCK_H

#include "node/rooms/room.h"

/* Who was kicked may not come back before that. */
#define SV_KICK_PAUSE_MS 30000

/* The node clock, without a step until the playback state is anchored anew. Locked. */
int64_t sv_room_now_ms(struct sv_room *room);
/*
 * Whether who was kicked is kept away now. A time that is further ahead than a kick can be was
 * written by another clock: it is over.
 */
bool sv_kick_holds(const synctv_node *node, int64_t kicked_until_ms);

#endif
