/* SPDX-License-Identifier: MIT */
/*
 * What the people of a room decide together: by what they do and report, not by what one of them
 * asks for. The room is locked.
 *
 *   most of those who watch have reported the end of a movie whose length nobody knows:  it ends
 *   most of them have reported the same length:          it is written into the playlist
 *   the last one has gone offline, of a room that pauses when it is empty:          it pauses
 *
 * Every node that has the room knows all of that. The one with the lowest id acts at once. Each of
 * the others waits SV_TURN_MS for every node before it, and acts only if nothing has come: so a
 * node that hangs holds up nobody for long, and two do not act at once. While not all who watch
 * are known, nothing is decided.
 */
#ifndef SV_NODE_ROOMS_DECIDE_H
#define SV_NODE_ROOMS_DECIDE_H

#include "node/rooms/room.h"

/* How long a node may be silent whose turn it is. */
#define SV_TURN_MS 2000

/* Counts what somebody who watches reports of the current movie. */
void sv_room_count_report(struct sv_room *room, const struct sv_report *report);
/* Somebody has reported something, or watches no more; or it is time to look (decide_ms). */
void sv_room_decide(struct sv_room *room);

#endif
