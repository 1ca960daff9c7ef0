/* SPDX-License-Identifier: MIT */
/* Which stream follows which room, and those that observe all rooms. */
#ifndef SV_NODE_FOLLOW_H
#define SV_NODE_FOLLOW_H

#include "node/rooms/room.h"
#include "node/streams/streams.h"

#define SV_STREAM_MAX_ROOMS 100

/* A stream that follows a room. Both lists are changed under both locks. */
struct sv_follow {
    /* room->lock */
    struct sv_list in_room;
    /* stream->lock */
    struct sv_list in_stream;
    /* A reference. */
    struct sv_room *room;
    /* A reference. */
    struct sv_stream *stream;
    /* In presence: a user's stream, not the system's. */
    bool counted;
};

/* What every stream of a node is: with the rooms that it follows. */
struct sv_follower {
    /* First. */
    struct sv_stream stream;
    /* Constant; the system's, of all rooms. */
    bool observer;
    /* The room's password was given rightly. */
    atomic_bool guest_ok;
    /* rooms.lock */
    struct sv_list in_observers;
    /* sv_follow.in_stream; stream->lock, here and below. */
    struct sv_list follows;
    unsigned n_follows;
};

static inline struct sv_follower *sv_follower_of(struct sv_stream *stream)
{
    return SV_CONTAINER_OF(stream, struct sv_follower, stream);
}

/* sv_stream_hooks: size, init, opened, over. Opening finds the rooms to follow and follows them, in
 * the background. */
void sv_follower_init(struct sv_stream *stream);
void sv_follower_opened(struct sv_stream *stream, const char *room_password);
void sv_follower_over(struct sv_stream *stream);

/* Whether this stream's user may follow the room: enum sv_access, or NOT_A_MEMBER, MEMBER_…;
 * ROOM_PASSWORD_WRONG for a guest who has not given the room's password. Locked. */
int sv_stream_may_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err);
/* Whether the stream follows the room. Locked. */
bool sv_stream_follows(struct sv_stream *stream, const struct sv_room *room);
/* The same, or observes all rooms: what the room is told comes out of it. Locked. */
bool sv_stream_hears(struct sv_stream *stream, const struct sv_room *room);
/* Starts to follow a room (locked, loaded): presence, snapshot, recent danmaku. Returns 0 or why
 * not: NOT_A_MEMBER, MEMBER_…, ROOM_PASSWORD_WRONG, ROOM_LIMIT, NO_MEMORY. */
int sv_stream_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err);
/* The user became an active member: their streams of all rooms follow this one, too. Loads it if
 * need be. No locks held. */
void sv_streams_follow_room(synctv_node *node, const char *user_id, const char *room_id);
/* sv_people_hooks.admin_lost: the user's streams lose what they may no longer follow. No locks
 * held. */
void sv_streams_drop_strange_rooms(synctv_node *node, const char *user_id);

/* Ends the follow, which is freed then, if the stream may not follow the room any more; and a
 * stream bound to the room. Locked. */
void sv_follow_check(struct sv_follow *follow);
/* Ends one follow: presence, lists. Locked. Frees `follow`. */
void sv_follow_end(struct sv_follow *follow);

/* To the system's streams of all rooms: an event, or the end. */
void sv_observers_push(synctv_node *node, const synctv_event *event);
void sv_observers_end(synctv_node *node, int code);

#endif
