/* SPDX-License-Identifier: MIT */
/*
 * What a room looks like from outside: who may do what, by what is in memory, and copies of it. The
 * room is locked.
 */
#ifndef SV_NODE_ROOMS_VIEW_H
#define SV_NODE_ROOMS_VIEW_H

#include "node/engine/call.h"
#include "node/rooms/room.h"

/* For core/permission.h. */
struct sv_actor sv_room_actor(struct sv_room *room, const struct sv_actor_info *info);
uint64_t sv_room_permissions(struct sv_room *room, const struct sv_actor_info *info);
/* 0 or the code. */
int sv_room_need(struct sv_room *room, const struct sv_actor_info *info, uint64_t permission,
    synctv_error *err);

/* Copies into an arena; 0 or NO_MEMORY. `for_member` false: the public face only (no settings). */
int sv_room_fill(struct sv_room *room, struct sv_arena *a, bool for_member, synctv_room *ret);
int sv_room_fill_member(struct sv_room *room, const struct sv_roster_entry *entry,
    struct sv_arena *a, synctv_member *ret);
/* At most 100, those online first. */
int sv_room_fill_members(struct sv_room *room, struct sv_arena *a, synctv_member **ret_members,
    size_t *ret_n);
int sv_room_fill_state(struct sv_room *room, struct sv_arena *a, synctv_state_cause cause,
    synctv_playback *ret);
/* Sets movie->stream_key, "<room>.<movie>" of live ones. 0 or NO_MEMORY. No lock. */
int sv_movie_set_key(struct sv_arena *a, synctv_movie *movie);
/* Duration of the current movie, 0 = unknown or none. */
double sv_room_duration(struct sv_room *room);
/*
 * When the current movie is over, node clock; 0 = never, or once somebody follows the room: before
 * an empty house the playlist waits.
 */
int64_t sv_room_ends_at_ms(struct sv_room *room);

#endif
