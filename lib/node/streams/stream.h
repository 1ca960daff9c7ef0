/* SPDX-License-Identifier: MIT */
/*
 * Streams: each has a bounded queue of events, which its opener takes, and passes on the requests
 * that are sent on it. What comes into the queue is decided above.
 */
#ifndef SV_NODE_STREAM_H
#define SV_NODE_STREAM_H

#include "api/result.h"
#include "base/ratelimit.h"
#include "node/people/account.h"

/* A disk that was slow for a moment lets hundreds go at once. */
#define SV_STREAM_MAX_EVENTS 1024
#define SV_STREAM_MAX_BYTES (1024 * 1024)
/*
 * What a change of the playlist counts for at most. It may have SV_MOVIE_MAX_BYTES, the writer may
 * tell 256 in one go (a user alone 100), and no stream whose client reads is to be cut by that.
 * Such an event is one piece of memory that all streams of the room share, and who does not read
 * keeps a window of the newest: all of them together keep no more than the room's last 256, 4 MiB
 * (and as much encoded), while each is charged as if it had 1 MiB of its own.
 */
#define SV_STREAM_MOVIE_BYTES (SV_STREAM_MAX_BYTES / 256)

struct sv_user_streams;

struct sv_stream {
    /* First. */
    synctv_stream base;
    /* The opener's, those of what is above, the ready list's, calls under way. */
    atomic_uint refs;
    synctv_node *node;
    /* A reference. */
    struct sv_session *session;
    /* Constant; bound to this room; "" = to none. */
    char room_id[SV_ID_SIZE];
    synctv_stream_ready_fn *ready;
    void *userdata;
    /* Nothing more is sent: it ends with the last of n_calls, which are under way. */
    atomic_bool finishing;
    atomic_uint n_calls;

    /* streams->lock */
    struct sv_list in_all;
    struct sv_list of_user;
    /* NULL = the system's, or its session is over. */
    struct sv_user_streams *user;

    /* ready.lock */
    struct sv_list in_ready;

    /* Everything below, and what is kept of the stream above. */
    pthread_mutex_t lock;
    /* Something to take; for synctv_stream_next() with a time-out. */
    pthread_cond_t cond;
    const synctv_event **ring;
    unsigned ring_size, head, count;
    size_t bytes;
    /* ready() was or will be called and next() has not yet returned 0. */
    bool told;
    /* By its opener. */
    bool closed;
    /* Code 0 = still open. */
    synctv_error end;
    struct sv_bucket control, ping, status;
};

/* sv_people_hooks.stream_open. */
int sv_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *err);
/* A new event with an id of its own and the time: what every event of a node begins as. NULL when
 * out of memory. */
synctv_event *sv_node_event_new(synctv_node *node, synctv_event_type type);

struct sv_stream *sv_stream_ref(struct sv_stream *stream);
void sv_stream_unref(struct sv_stream *stream);
/* References of a call that was sent on the stream, or is made for it. */
struct sv_stream *sv_stream_begin_call(struct sv_stream *stream);
void sv_stream_end_call(struct sv_stream *stream);

/* Queues a reference to the event. A full queue ends the stream with SLOW_CONSUMER. Any locks but
 * stream->lock may be held. */
void sv_stream_push(struct sv_stream *stream, const synctv_event *event);
/* An ERROR event for this stream alone. */
void sv_stream_push_error(struct sv_stream *stream, const synctv_error *err, const char *room_id,
    const char *in_reply_to);
/* No more events come in; those queued can still be taken, then next() returns code. First end
 * wins. */
void sv_stream_end(struct sv_stream *stream, int code, const char *message);
void sv_stream_end_with(struct sv_stream *stream, const synctv_error *err);

#endif
