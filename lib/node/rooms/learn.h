/* SPDX-License-Identifier: MIT */
/* Writing the length of a movie into the playlist, once most of those who watch have reported it. */
#ifndef SV_NODE_ROOMS_LEARN_H
#define SV_NODE_ROOMS_LEARN_H

#include "node/rooms/room.h"

/* What a room does now and then: learns the length of the current movie, if most have agreed on one. Locked. */
void sv_room_look_at_lengths(struct sv_room *room);
/* Of the current movie; one at a time, else it is dropped: the next report begins it again. Locked. */
void sv_room_learn_length(struct sv_room *room, double length_s);

#endif
