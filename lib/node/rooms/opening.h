/* SPDX-License-Identifier: MIT */
/* What a stream does first, in the background: it finds the rooms to follow, and follows them. */
#ifndef SV_NODE_ROOMS_OPENING_H
#define SV_NODE_ROOMS_OPENING_H

#include "node/streams/streams.h"

/* sv_stream_hooks. */
void sv_follower_opened(struct sv_stream *stream, const char *room_password);
void sv_follower_over(struct sv_stream *stream);

/*
 * The user became an active member: their streams of all rooms follow this one, too. Loads it if
 * need be. No locks held.
 */
void sv_streams_follow_room(synctv_node *node, const char *user_id, const char *room_id);
/*
 * The same for one stream of all rooms, as a look at storage has found. If the room cannot be
 * loaded, nothing happens: the next look finds it again. No locks held.
 */
void sv_stream_come_into(struct sv_stream *stream, const char *room_id);

#endif
