/* SPDX-License-Identifier: MIT */
/*
 * A look at storage for the rooms that users with a stream of all rooms have come into through
 * another node: rooms which need not be in memory here, so that the look at those misses them.
 */
#ifndef SV_NODE_ROOMS_NEWCOMERS_H
#define SV_NODE_ROOMS_NEWCOMERS_H

#include "node/rooms/room.h"

/* In the background; unless a look is under way. The streams follow what is found. */
void sv_newcomers_look(synctv_node *node);

#endif
