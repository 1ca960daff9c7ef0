/* SPDX-License-Identifier: MIT */
/*
 * Telling those who follow a room. The room is locked, so that all of them see one order. An event
 * for which there is no memory ends their streams: what a stream has missed cannot be made good in
 * order.
 */
#ifndef SV_NODE_ROOMS_TELL_H
#define SV_NODE_ROOMS_TELL_H

#include "api/result.h"
#include "node/rooms/room.h"

/* An event that the caller made; the reference is taken over. NULL: there was no memory for it. */
void sv_room_tell(struct sv_room *room, const synctv_event *event);
/*
 * A MEMBER event about the row as it is in memory now, or about `gone` before the row goes from
 * there, to those who see that member in the list before or after.
 */
void sv_room_tell_member(struct sv_room *room, synctv_member_change change, const char *user_id,
    const synctv_member *gone, const char *actor_id, const char *reason);
/* A ROOM event with the room as it is now. */
void sv_room_tell_room(struct sv_room *room, const char *actor_id);
/* A ROOM event: this room is no more. */
void sv_room_tell_deleted(struct sv_room *room, const char *actor_id);
void sv_room_tell_movies(struct sv_room *room, synctv_list_change change, const synctv_movie *movie,
    const char *actor_id);
/* A STATE event to all. */
void sv_room_tell_state(struct sv_room *room, synctv_state_cause cause, const char *actor_id,
    const char *operation_id);
/* The STATE event alone, for one stream. NULL when out of memory. */
synctv_event *sv_room_state_event(struct sv_room *room, synctv_state_cause cause,
    const char *actor_id, const char *operation_id);

#endif
