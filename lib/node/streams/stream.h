/* SPDX-License-Identifier: MIT */
/* Streams: who gets which room's events, through a bounded queue each. */
#ifndef SV_NODE_STREAM_H
#define SV_NODE_STREAM_H

#include "api/event_ring.h"
#include "node/rooms/room.h"

#define SV_STREAM_MAX_EVENTS 1024 /* a disk that was slow for a moment lets hundreds go at once */
#define SV_STREAM_MAX_BYTES (1024 * 1024)
/*
 * What a change of the playlist counts for at most. It may have SV_MOVIE_MAX_BYTES, the writer may tell 256 in one go (a user
 * alone 100), and no stream whose client reads is to be cut by that. Such an event is one piece of memory that all streams of
 * the room share, and who does not read keeps a window of the newest: all of them together keep no more than the room's last
 * 256, 8 MiB (and as much encoded), while each is charged as if it had 1 MiB of its own.
 */
#define SV_STREAM_MOVIE_BYTES (SV_STREAM_MAX_BYTES / 256)
#define SV_STREAM_MAX_ROOMS 100

/* A stream that follows a room. Both lists are changed under both locks. */
struct sv_follow {
    struct sv_list in_room;   /* room->lock */
    struct sv_list in_stream; /* stream->lock */
    struct sv_room *room;     /* a reference */
    struct sv_stream *stream; /* a reference */
    bool counted;             /* in presence: a user's stream, not the system's */
};

struct sv_stream {
    synctv_stream base; /* first */
    atomic_uint refs;   /* the opener's, follows, the ready list, calls under way */
    synctv_node *node;
    struct sv_session *session; /* a reference */
    char room_id[SV_ID_SIZE];   /* constant; bound to this room; "" = all rooms of the user */
    bool observer;              /* constant; the system's, of all rooms */
    atomic_bool guest_ok;       /* the room's password was given rightly */
    synctv_stream_ready_fn *ready;
    void *userdata;
    atomic_bool finishing;       /* nothing more is sent: it ends with the last of: */
    atomic_uint n_calls;         /* under way */
    struct sv_list of_account;   /* accounts.lock */
    struct sv_list in_ready;     /* ready.lock */
    struct sv_list in_observers; /* rooms.lock */
    struct sv_list in_node;      /* all_streams.lock */

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t cond;  /* something to take; for synctv_stream_next() with a time-out */
    struct sv_event_ring events;
    bool told;              /* ready() was or will be called and next() has not yet returned 0 */
    bool closed;            /* by its opener */
    synctv_error end;       /* code 0 = still open */
    struct sv_list follows; /* sv_follow.in_stream */
    unsigned n_follows;
    struct sv_bucket control, ping, status;
};

/* sv_caller_ops.stream_open of sessions. */
int sv_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *err);
/* Ends every stream of the node. */
void sv_streams_end_all(synctv_node *node, int code);
/* Calls ready() of at most SV_READY_PER_TURN streams. Returns 0 once there are no more. */
size_t sv_streams_run_ready(synctv_node *node);

/* A new event with an id of its own and the time: what every event of a node begins as. NULL when out of memory. */
synctv_event *sv_node_event_new(synctv_node *node, synctv_event_type type);

struct sv_stream *sv_stream_ref(struct sv_stream *stream);
void sv_stream_unref(struct sv_stream *stream);
/* References of a call that was sent on the stream, or is made for it. */
struct sv_stream *sv_stream_begin_call(struct sv_stream *stream);
void sv_stream_end_call(struct sv_stream *stream);

/* Queues a reference to the event. A full queue ends the stream with SLOW_CONSUMER. Any locks but stream->lock may be held. */
void sv_stream_push(struct sv_stream *stream, const synctv_event *event);
/* To the system's streams of all rooms. */
void sv_stream_push_observers(synctv_node *node, const synctv_event *event);
/* An ERROR event for this stream alone. */
void sv_stream_push_error(struct sv_stream *stream, const synctv_error *err, const char *room_id,
    const char *in_reply_to);
/* No more events come in; those queued can still be taken, then next() returns code. First end wins. */
void sv_stream_end(struct sv_stream *stream, int code, const char *message);
void sv_stream_end_with(struct sv_stream *stream, const synctv_error *err);
/* Stops following everything. No locks held. */
void sv_stream_unfollow_all(struct sv_stream *stream);

/* Whether this stream's user may follow the room: enum sv_access, or NOT_A_MEMBER, MEMBER_…; ROOM_PASSWORD_WRONG for a guest who has
 * not given the room's password. Locked. */
int sv_stream_may_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err);
/* Whether the stream follows the room. Locked. */
bool sv_stream_follows(struct sv_stream *stream, const struct sv_room *room);
/* Starts to follow a room (locked, loaded): presence, snapshot, recent danmaku. Returns 0 or why not: NOT_A_MEMBER, MEMBER_…, ROOM_PASSWORD_WRONG, ROOM_LIMIT, NO_MEMORY. */
int sv_stream_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err);
/* Right after opening: finds the rooms to follow and follows them, in the background. */
void sv_stream_begin(struct sv_stream *stream, const char *room_password);
/* The user became an active member: their streams of all rooms follow this one, too. Loads it if need be. No locks held. */
void sv_streams_follow_room(synctv_node *node, const char *user_id, const char *room_id);
/* The user is no platform admin any more: their streams lose what they may no longer follow. No locks held. */
void sv_streams_drop_strange_rooms(synctv_node *node, const char *user_id);
/* Ends the follow, which is freed then, if the stream may not follow the room any more; and a stream bound to the room. Locked. */
void sv_follow_check(struct sv_follow *follow);
/* Ends one follow: presence, lists. Locked. Frees `follow`. */
void sv_follow_end(struct sv_follow *follow);

/* presence.c; the room is locked. A user's stream came (0 or NO_MEMORY) / went; who has been away for 10 s goes offline in the tick. */
int sv_presence_enter(struct sv_room *room, const struct sv_actor_info *who);
void sv_presence_leave(struct sv_room *room, const char *user_id);
void sv_presence_tick(struct sv_room *room, int64_t now_ms);
/* This user's row is about to be removed: no OFFLINE will be announced. */
void sv_presence_forget(struct sv_room *room, const char *user_id);

#endif
