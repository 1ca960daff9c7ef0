/* SPDX-License-Identifier: MIT */
/* Writes the length of a movie into the playlist, once most of those who watch have reported it. */
#ifndef SV_NODE_ROOMS_LEARN_H
#define SV_NODE_ROOMS_LEARN_H

#include "core/votes.h"
#include "node/rooms/room.h"

/* Counts what somebody who watches reports of the current movie, if this node counts. Locked. */
void sv_room_count_report(struct sv_room *room, const struct sv_report *report);
/* Learns the length of the current movie if most have agreed on one. Locked. */
void sv_room_look_at_lengths(struct sv_room *room);

#endif
