/* SPDX-License-Identifier: MIT */
/*
 * A look at storage, for what others have changed in rooms that are in memory here. It reads what
 * grows with each change (struct sv_room_head) and has read again what is newer there.
 */
#ifndef SV_NODE_ROOMS_LOOK_H
#define SV_NODE_ROOMS_LOOK_H

#include "node/rooms/room.h"

/* How often a node does so that shares its database. */
#define SV_LOOK_MS 1000

/* How often a node looks that hears of every change by links. */
#define SV_RARE_LOOK_MS 30000

/* At all rooms, in the background; unless a look is under way. */
void sv_rooms_look(synctv_node *node);
/* Whether one has failed since this was asked last: then another has to come. */
bool sv_rooms_have_missed_a_look(synctv_node *node);
/* At one room, if it is in memory, in the background. No locks held. */
void sv_rooms_look_at(synctv_node *node, const char *room_id);

#endif
