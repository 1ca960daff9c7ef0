/* SPDX-License-Identifier: MIT */
/* What every stream of a node is: with the rooms that it follows, or an observer of all rooms. */
#ifndef SV_NODE_ROOMS_FOLLOWER_H
#define SV_NODE_ROOMS_FOLLOWER_H

#include "node/rooms/room.h"
#include "node/streams/streams.h"

/* A stream that follows a room. Both lists are changed under both locks. */
struct sv_follow {
    /* Under room->lock. */
    struct sv_list in_room;
    /* Under stream->lock. */
    struct sv_list in_stream;
    /* Holds a reference. */
    struct sv_room *room;
    /* Holds a reference. */
    struct sv_stream *stream;
    /* In presence: a user's stream, not the system's. */
    bool counted;
};

struct sv_follower {
    /* The first field. */
    struct sv_stream stream;
    /* Constant; the system's, of all rooms. */
    bool observer;
    /* The room's password was given rightly. */
    atomic_bool guest_ok;
    /* The lock of the table of rooms. */
    struct sv_list in_observers;
    /* sv_follow.in_stream; stream->lock, here and below. */
    struct sv_list follows;
    unsigned n_follows;
};

static inline struct sv_follower *sv_follower_of(struct sv_stream *stream)
{
    return SV_CONTAINER_OF(stream, struct sv_follower, stream);
}

/* sv_stream_hooks.init. */
void sv_follower_init(struct sv_stream *stream);

/* Observers. What they get of a room they get with the room locked. */
void sv_observer_add(struct sv_follower *follower);
void sv_observer_remove(struct sv_follower *follower);
void sv_observers_push(synctv_node *node, const synctv_event *event);
void sv_observers_end(synctv_node *node, int code);

#endif
