/* SPDX-License-Identifier: MIT */
/* Which stream follows which room. */
#ifndef SV_NODE_ROOMS_FOLLOW_H
#define SV_NODE_ROOMS_FOLLOW_H

#include "node/rooms/follower.h"

#define SV_STREAM_MAX_ROOMS 100

/* --- the room is locked --- */

bool sv_stream_follows(struct sv_stream *stream, const struct sv_room *room);
/* The same, or observes all rooms: what the room is told comes out of it. */
bool sv_stream_hears(struct sv_stream *stream, const struct sv_room *room);
/*
 * Starts to follow a loaded room: presence, snapshot, recent danmaku. Returns 0 or why not:
 * NOT_A_MEMBER, MEMBER_…, ROOM_PASSWORD_WRONG (a guest who has not given the room's password),
 * ROOM_LIMIT, NO_MEMORY.
 */
int sv_stream_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err);

/* Takes the room from this user's streams: bound ones end with `code`, others go on without. */
void sv_room_drop_user(struct sv_room *room, const char *user_id, int code);
/* The same for all whom the room no longer lets in. */
void sv_room_drop_strangers(struct sv_room *room);
/* The same for all. */
void sv_room_drop_all(struct sv_room *room, int code);
/* That a guest once gave the room's password counts no more. */
void sv_room_forget_password(struct sv_room *room);

/* --- no locks held --- */

bool sv_stream_follows_id(struct sv_stream *stream, const char *room_id);

/* Whether the user has a stream here that is open; in `ret_room_id`, of SV_ID_SIZE bytes, a room
 * that it follows, "" = none. */
bool sv_user_follows(synctv_node *node, const char *user_id, char *ret_room_id);
/* ROOM_LIMIT, in words. */
int sv_too_many_rooms(synctv_error *err);
/* Stops following everything. */
void sv_stream_unfollow_all(struct sv_stream *stream);
/* sv_people_hooks.admin_lost: the user's streams lose what they may no longer follow. */
void sv_streams_drop_strange_rooms(synctv_node *node, const char *user_id);

#endif
