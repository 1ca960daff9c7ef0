/* SPDX-License-Identifier: MIT */
/*
 * Who is online in a room: somebody with a stream that follows it, and for 10 s after the last one
 * has gone, so that a reconnect announces nothing. With many people online only their number is
 * told, at most once a second. The room is locked.
 */
#ifndef SV_NODE_ROOMS_PRESENCE_H
#define SV_NODE_ROOMS_PRESENCE_H

#include "cluster/event.h"
#include "node/engine/call.h"
#include "node/rooms/room.h"

/* With more people online, ONLINE and OFFLINE are not announced one by one. */
#define SV_ONLINE_MESSAGES_MAX 100
#define SV_OFFLINE_AFTER_MS 10000

/* A user's stream came. 0 or NO_MEMORY. */
int sv_presence_enter(struct sv_room *room, const struct sv_actor_info *who);
/* A user's stream went. */
void sv_presence_leave(struct sv_room *room, const char *user_id);
/* Their row is new in memory: it says from now on whether they are online. */
void sv_presence_mark(struct sv_room *room, const char *user_id);
/*
 * Whether everybody who watches is known here. If a node that uses the database has no link, users
 * may watch there: then nothing is decided by how many watch.
 */
bool sv_presence_is_complete(const struct sv_room *room);
/* Whether they are online at another node has changed. */
void sv_presence_elsewhere(struct sv_room *room, const char *user_id);
/* The room was read and nobody has seen it yet: each row says who is online, elsewhere, too. */
void sv_presence_begin(struct sv_room *room);
/* The room is no more: nobody is online in it. */
void sv_presence_clear(struct sv_room *room);
/* Who is online at this node, at most `max`. Strings live as long as the lock is held. */
size_t sv_presence_list(struct sv_room *room, struct sv_cluster_presence *ret, size_t max);
/* How many are online in a room that need not be in memory. No locks held. */
int32_t sv_presence_count(synctv_node *node, const char *room_id);
/* Whether a stream of theirs follows. */
bool sv_presence_is_here(struct sv_room *room, const char *user_id);
/* This user's row is about to be removed: no OFFLINE will be announced. */
void sv_presence_forget(struct sv_room *room, const char *user_id);
/* Who has been away for 10 s goes offline; tells the number that is owed. */
void sv_presence_tick(struct sv_room *room, int64_t now_ms);

#endif
