/* SPDX-License-Identifier: MIT */
/* All streams of a node: how many each user has, whose ready() is next, the end of many at once. */
#ifndef SV_NODE_STREAMS_H
#define SV_NODE_STREAMS_H

#include "node/streams/stream.h"

/* Whose ready() is called in one turn. */
#define SV_READY_PER_TURN 64

/* What rooms/ does with streams. */
struct sv_stream_hooks {
    /* Of what begins with a struct sv_stream and is zero when init() gets it. */
    size_t size;
    /* Before anybody else has it. */
    void (*init)(struct sv_stream *stream);
    /* It is open now. */
    void (*opened)(struct sv_stream *stream, const char *room_password);
    /*
     * It is closed, or its session is over: it gets no more events. Called once or twice, maybe on
     * two threads at a time. No locks held.
     */
    void (*over)(struct sv_stream *stream);
};

/* Streams of one user whose sessions go on. */
struct sv_user_streams {
    /* By user_id. */
    UT_hash_handle hh;
    char user_id[SV_ID_SIZE];
    /* sv_stream.of_user */
    struct sv_list list;
    unsigned n;
};

struct sv_streams {
    const struct sv_stream_hooks *hooks;
    atomic_uint n;
    /* For metrics: events of rooms, those that were queued for a stream, streams that were not
     * read. */
    atomic_ullong n_events, n_deliveries, n_slow;

    /* Of the next two. */
    pthread_mutex_t lock;
    /* sv_stream.in_all */
    struct sv_list all;
    struct sv_user_streams *by_user;

    struct {
        pthread_mutex_t lock;
        /* With something to take. */
        struct sv_list streams;
        /* Whose ready() is running, one at a time; NULL = none. */
        const struct sv_stream *running;
        /* Where it is. */
        pthread_t thread;
        /* Until it is over, which `over` tells. */
        unsigned n_waiting;
        pthread_cond_t over;
    } ready;
};

int sv_streams_new(const struct sv_stream_hooks *hooks, struct sv_streams **ret);
/* All streams must have been closed. NULL is fine. */
void sv_streams_free(struct sv_streams *streams);

/* Counts a stream in: STREAM_LIMIT, SESSION_ENDED, USER_BANNED, NO_MEMORY. Streams of the system
 * have no limit. Then sv_streams_remove() comes before the opener's reference goes. */
int sv_streams_add(struct sv_stream *stream);
void sv_streams_remove(struct sv_stream *stream);

/* References to the streams of a user; release each with sv_stream_unref(), and free the array.
 * Returns how many, or NO_MEMORY. */
int sv_streams_of_user(synctv_node *node, const char *user_id, struct sv_stream ***ret_streams);
/* Ends every stream of the node. */
void sv_streams_end_all(synctv_node *node, int code);
/* Ends so many of the node's streams that have not ended. */
void sv_streams_end_some(synctv_node *node, unsigned n, int code);
/* sv_people_hooks.sessions_ended: ends the user's streams that have no session any more with
 * SESSION_ENDED, or all of them if the user is banned. No locks held. */
void sv_streams_end_of_user(synctv_node *node, const char *user_id);

/* Puts it into the ready list unless it is there. Whether the node has to be woken. */
bool sv_streams_want_ready(struct sv_stream *stream);
/* No ready() of a closed stream begins any more, and one that runs on another thread is waited
 * for. */
void sv_streams_wait_for_ready(struct sv_stream *stream);
/* Calls ready() of at most SV_READY_PER_TURN streams. Returns 0 once there are no more. */
size_t sv_streams_run_ready(synctv_node *node);

#endif
