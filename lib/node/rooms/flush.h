/* SPDX-License-Identifier: MIT */
/* Playback states on their way to storage. */
#ifndef SV_NODE_ROOMS_FLUSH_H
#define SV_NODE_ROOMS_FLUSH_H

#include "node/rooms/room.h"

/*
 * Queues a job with the state if storage has an older one. If that cannot be, sets when to try
 * again. Locked.
 */
void sv_room_flush(struct sv_room *room);
/*
 * Waits until storage has done all that it was asked for and has every playback state. Not on a
 * thread of the node or store.
 */
void sv_rooms_flush(synctv_node *node);

#endif
