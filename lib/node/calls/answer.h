/* SPDX-License-Identifier: MIT */
/*
 * Filling in what a call answers. Each function copies something into sv_call_result() and returns 0 or NO_MEMORY. Where nobody
 * will see the result (a request on a stream) they do nothing. Rooms are locked.
 */
#ifndef SV_NODE_ANSWER_H
#define SV_NODE_ANSWER_H

#include "node/people/check.h"
#include "node/rooms/view.h"

int sv_answer_user(struct sv_call *call, const synctv_user *user);

/* What a room shows to its members, or to everybody else. */
enum sv_face { SV_FACE_PUBLIC, SV_FACE_MEMBER };

int sv_answer_room(struct sv_call *call, struct sv_room *room, enum sv_face face);
/* The same from a row, where the room is not in memory: nobody is online there. */
int sv_answer_room_rec(struct sv_call *call, const struct sv_room_rec *rec, enum sv_face face);
/* The state as a SNAPSHOT. */
int sv_answer_state(struct sv_call *call, struct sv_room *room);
int sv_answer_members(struct sv_call *call, struct sv_room *room);
/* From a row; `settings` are the room's and make the effective permissions. `room` NULL: not in memory, so not online. */
int sv_answer_member(struct sv_call *call, const synctv_member *member,
    const synctv_room_settings *settings, struct sv_room *room);
/* With its stream key if it is live. */
int sv_answer_movie(struct sv_call *call, const synctv_movie *movie);
int sv_answer_chat(struct sv_call *call, const synctv_chat *chat);

#endif
