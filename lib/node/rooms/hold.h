/* SPDX-License-Identifier: MIT */
/*
 * Changes of a room that came before those in front of them. What two nodes commit one after the
 * other may be told the other way round, so a change is held for a moment before the room is read
 * again. The room is locked.
 */
#ifndef SV_NODE_ROOMS_HOLD_H
#define SV_NODE_ROOMS_HOLD_H

#include "node/rooms/apply.h"

/* How long what is missing is waited for. */
#define SV_GAP_MS 100
/* More are not held: the room is read. */
#define SV_HELD_MAX 64

/* Keeps a copy. False: no memory, or too many. */
bool sv_room_hold(struct sv_room *room, const struct sv_room_change *change);
/* Forgets what has this revision or an older one; 0 = nothing, UINT64_MAX = all. */
void sv_room_forget_held(struct sv_room *room, uint64_t revision);
/* The change with this revision, NULL = it is not held. It lives until it is forgotten. */
const struct sv_room_change *sv_room_held(struct sv_room *room, uint64_t revision);

#endif
