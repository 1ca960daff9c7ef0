/* SPDX-License-Identifier: MIT */
/*
 * Filling in the result of a call. Each function copies something into sv_call_result() and
 * returns 0 or NO_MEMORY. For a request on a stream, which has no result, they do nothing. Rooms
 * are locked.
 */
#ifndef SV_NODE_ANSWER_H
#define SV_NODE_ANSWER_H

#include "node/people/check.h"
#include "node/rooms/view.h"

int sv_answer_user(struct sv_call *call, const synctv_user *user);

/* How much of a room is shown: what everybody may see, or what its members see. */
enum sv_room_detail { SV_ROOM_PUBLIC, SV_ROOM_FULL };

int sv_answer_room(struct sv_call *call, struct sv_room *room, enum sv_room_detail detail);
/* From a row, when the room is not in memory: then nobody is online in it. */
int sv_answer_room_rec(struct sv_call *call, const struct sv_room_rec *rec,
    enum sv_room_detail detail);
/* The state as a SNAPSHOT. */
int sv_answer_state(struct sv_call *call, struct sv_room *room);
int sv_answer_members(struct sv_call *call, struct sv_room *room);
/*
 * From a row. With the room's `settings` it works out the effective permissions. `room` is NULL if
 * it is not in memory: then the member is not online.
 */
int sv_answer_member(struct sv_call *call, const synctv_member *member,
    const synctv_room_settings *settings, struct sv_room *room);
/* With the stream key of a live one. */
int sv_answer_movie(struct sv_call *call, const synctv_movie *movie);
int sv_answer_chat(struct sv_call *call, const synctv_chat *chat);

#endif
