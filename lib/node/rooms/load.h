/* SPDX-License-Identifier: MIT */
/*
 * Reading rooms from storage. A room is read by a job in the room's own order, so reading it and
 * changing it cannot race: whoever changes a room in storage afterwards looks for it in memory in
 * its apply().
 */
#ifndef SV_NODE_ROOMS_LOAD_H
#define SV_NODE_ROOMS_LOAD_H

#include "node/engine/call.h"
#include "node/rooms/room.h"

/* More calls do not wait for one room: OVERLOADED. */
#define SV_ROOM_WAITING_MAX 8192

/*
 * Pins the room in memory as call->room, reading it first if it is not here or is stale; takes the
 * call over. ROOM_NOT_FOUND fails the call. next(call) runs at once if there is nothing to wait
 * for, otherwise on the writer's thread in the room's order. With a room pinned already it waits
 * only while that is stale.
 */
void sv_call_load_room(struct sv_call *call, const char *room_id, void (*next)(struct sv_call *));
/*
 * sv_call_write() for a change of the request's room: while somebody observes all rooms, that room
 * is loaded first, so that they are told.
 */
void sv_call_write_room(struct sv_call *call, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));

/* It waited for other nodes, which know of it now (links/links.h). No locks held. */
void sv_room_read_wanted(synctv_node *node, const char *room_id);
/* Its time has come to be read again. No locks held. */
void sv_room_read_again(struct sv_room *room);

#endif
