/* SPDX-License-Identifier: MIT */
/*
 * A stream has a bounded queue of events, which its opener takes, and passes on the requests that
 * are sent on it. rooms/ decides which events come into the queue.
 */
#ifndef SV_NODE_STREAM_H
#define SV_NODE_STREAM_H

#include "api/event_ring.h"
#include "base/ratelimit.h"
#include "node/people/account.h"

/* After a moment in which the disk was slow, hundreds may come at once. */
#define SV_STREAM_MAX_EVENTS 1024
#define SV_STREAM_MAX_BYTES (1024 * 1024)
/*
 * What a change of the playlist counts for at most. A movie may have SV_MOVIE_MAX_BYTES, and the
 * writer may send 256 such events at once (100 by one user). A stream whose client reads must not
 * end because of that. All streams of the room share the memory of an event, and a stream holds the
 * newest 256 at most. So all of them together hold no more than 8 MiB, and as much encoded, while
 * each is charged with 1 MiB.
 */
#define SV_STREAM_MOVIE_BYTES (SV_STREAM_MAX_BYTES / 256)

struct sv_user_streams;

struct sv_stream {
    /* First. */
    synctv_stream base;
    struct sv_origin origin;
    /* Held by the opener, rooms/, the ready list and each call under way. */
    atomic_uint refs;
    synctv_node *node;
    /* A reference. */
    struct sv_session *session;
    /* The room that it is bound to; "" = to none. Constant. */
    char room_id[SV_ID_SIZE];
    synctv_stream_ready_fn *ready;
    void *userdata;
    /* Nothing more is sent on it: it ends when the last of n_calls is over. */
    atomic_bool finishing;
    atomic_uint n_calls;

    /* Under streams->lock. */
    struct sv_list in_all;
    struct sv_list of_user;
    /* NULL = the system's, or its session is over. */
    struct sv_user_streams *user;

    /* Under ready.lock. */
    struct sv_list in_ready;

    /* For everything below, and for what rooms/ keeps of the stream. */
    pthread_mutex_t lock;
    /* There is something to take. synctv_stream_next() with a time-out waits for it. */
    pthread_cond_t cond;
    struct sv_event_ring events;
    /* ready() was or will be called, and since then next() has not returned 0. */
    bool ready_pending;
    /* By its opener. */
    bool closed;
    /* Code 0 = still open. */
    synctv_error end;
    struct sv_bucket control, ping, status;
};

/* sv_people_hooks.stream_open. */
int sv_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *err);
/* A new event with an id and the time, as all events of a node have. NULL when out of memory. */
synctv_event *sv_node_event_new(synctv_node *node, synctv_event_type type);

struct sv_stream *sv_stream_ref(struct sv_stream *stream);
void sv_stream_unref(struct sv_stream *stream);
/* The stream that the call came in on, or was made for; NULL if there is none. */
struct sv_stream *sv_stream_of_call(const struct sv_call *call);
/* A call of the node's own for the stream; NULL when out of memory. */
struct sv_call *sv_stream_call_new(struct sv_stream *stream, const synctv_request *request);

/*
 * Queues a reference to the event. A full queue ends the stream with SLOW_CONSUMER. All locks but
 * stream->lock may be held.
 */
void sv_stream_push(struct sv_stream *stream, const synctv_event *event);
/* An ERROR event for this stream alone. */
void sv_stream_push_error(struct sv_stream *stream, const synctv_error *err, const char *room_id,
    const char *in_reply_to);
/*
 * No more events come in. Those that are queued can still be taken, then next() returns the code.
 * Of several ends the first one counts.
 */
void sv_stream_end(struct sv_stream *stream, int code, const char *message);
void sv_stream_end_with(struct sv_stream *stream, const synctv_error *err);

#endif
