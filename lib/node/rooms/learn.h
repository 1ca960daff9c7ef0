/* SPDX-License-Identifier: MIT */
/* Writes the length of a movie into the playlist. */
#ifndef SV_NODE_ROOMS_LEARN_H
#define SV_NODE_ROOMS_LEARN_H

#include "node/rooms/room.h"

/*
 * Of the current movie, unless the playlist has one meanwhile. One job at a time: while it runs
 * another length is dropped, and is found again later. Locked.
 */
void sv_room_learn_length(struct sv_room *room, double length_s);

#endif
