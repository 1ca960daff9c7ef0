/* SPDX-License-Identifier: MIT */
/* Rooms, as who turns the node sees them. Times are monotonic. */
#ifndef SV_NODE_ROOMS_TICK_H
#define SV_NODE_ROOMS_TICK_H

#include "node/rooms/room.h"

/*
 * Runs what is due in rooms. Returns when it wants to be called again, INT64_MAX = when
 * sv_room_schedule() wakes the node.
 */
int64_t sv_rooms_tick(synctv_node *node, int64_t now_ms);
/* The node clock has stepped: all that plays goes on from where it is. No locks held. */
void sv_rooms_anchor(synctv_node *node);
/* Others may have changed any of them: all are read again. Without memory for that some are not,
 * which is logged. No locks held. */
void sv_rooms_read_all_again(synctv_node *node);
/* The same for a room, if it is in memory; "" = none. Its chat, too. */
void sv_rooms_doubt(synctv_node *node, const char *room_id);
/* No other will come: what calls wait for is read now. No locks held. */
void sv_rooms_last_tick(synctv_node *node);

#endif
