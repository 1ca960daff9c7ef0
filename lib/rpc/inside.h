/* SPDX-License-Identifier: MIT */
/*
 * What the files of the server half share.
 *
 * Locks, none held while another is taken or anything foreign is called: server.lock, stream.lock, peers.lock,
 * tls.lock. The one exception: streams are kicked under health.lock.
 */
#ifndef SV_RPC_INSIDE_H
#define SV_RPC_INSIDE_H

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "base/address.h"
#include "rpc/descriptor.h"
#include "rpc/peers.h"
#include "rpc/queue.h"
#include "rpc/server.h"
#include "rpc/tls.h"

#define SV_STREAM_QUEUES 8
/* Calls of one method that wait to be handed out; more wait in a queue of the core. */
#define SV_SLOTS_MAX 16

struct sv_health;

/* A row of the table and what the core made of it. */
struct sv_bound_method {
    struct sv_rpc_method m;
    void *registered;    /* grpc's handle; NULL for the catch-all */
    atomic_uint slots;   /* calls that are waited for */
    atomic_uint in_turn; /* calls that came in `turn` of the loop */
    atomic_uint turn;
};

struct sv_stream_queue {
    grpc_completion_queue *cq;
    pthread_t thread;
};

struct sv_rpc_server {
    struct sv_rpc_server_options opt; /* its pointers to PEM, listen and methods are not used */
    struct sv_queue queue;
    grpc_server *core; /* NULL without a listener */
    int port;

    struct sv_bound_method *methods; /* the caller's, then those of health and reflection */
    size_t n_methods;
    struct sv_bound_method catch_all;
    struct sv_stream_queue stream_queues[SV_STREAM_QUEUES];
    unsigned n_stream_queues; /* 0 when polled: then streams use the main queue */
    atomic_uint next_stream_queue;

    struct sv_networks proxies; /* that are trusted; constant */
    struct sv_peers *peers;
    struct sv_health *health;
    struct sv_descriptors *descriptors; /* NULL = no reflection */
    struct sv_server_tls *tls;          /* NULL = plain text */

    pthread_t *threads;
    unsigned n_threads;
    atomic_bool running; /* the threads go on */

    pthread_mutex_t turn_lock; /* held during turn() */
    atomic_uint n_turns;       /* of the loops of all threads */
    atomic_bool turn_wanted, turning;
    atomic_int_least64_t turn_at_ms;

    pthread_mutex_t lock;
    struct sv_list kicked;  /* streams that want to be pumped */
    struct sv_list stalled; /* streams whose write does not complete, oldest first */
    struct sv_list streams; /* all that are open */
    struct sv_list answers; /* calls whose answer is under way, oldest first */
    atomic_uint live_calls; /* read without the lock, too */
    unsigned live_streams;
    bool closing, stopped;
    bool core_down;      /* the core's shutdown is complete */
    pthread_cond_t idle; /* live_calls, live_streams or core_down changed while closing */
    struct sv_op shutdown_op;

    atomic_bool has_kicks;
    atomic_int_least64_t stalled_since_ms; /* of the head of `stalled`; SV_NEVER */
    atomic_int_least64_t answers_checked_ms;
    atomic_ulong n_calls;
};

struct sv_rpc_call {
    struct sv_op op; /* the request, later the answer */
    struct sv_rpc_server *server;
    struct sv_bound_method *method;
    grpc_call *call;
    grpc_completion_queue *cq;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* the catch-all's */
    grpc_byte_buffer *payload;
    grpc_slice flat; /* the payload in one piece */
    struct sv_arena arena;
    struct sv_peer *peer;      /* where it is counted as a stream or with its answer */
    size_t answer_bytes;       /* counted there */
    struct sv_list in_answers; /* server.lock */
    int64_t answered_ms;
    char address[SV_ADDRESS_SIZE];
    char *cert_name;
    int cancelled;
    bool has_flat;
    bool keeps_slot; /* of its method */
};

/* How often what does not get on is looked at. */
static inline int64_t sv_stall_check_ms(const struct sv_rpc_server *server)
{
    return server->opt.write_stall_ms / 4 + 1;
}

/* ---- loop.c ---- */

/* The streams' queues and their threads; before the first call can come. */
int sv_loop_start_streams(struct sv_rpc_server *server);
int sv_loop_start(struct sv_rpc_server *server);
/* One turn; waits until until_ms at most. */
void sv_loop_once(struct sv_rpc_server *server, int64_t until_ms);
/* Ends and joins all threads of the server. */
void sv_loop_join(struct sv_rpc_server *server);

/* ---- call.c ---- */

/* Waits for one more call of the method. False when out of memory. */
bool sv_call_arm(struct sv_rpc_server *server, struct sv_bound_method *method);
void sv_call_free(struct sv_rpc_call *call);
void sv_server_call_gone(struct sv_rpc_server *server);
/* Ends the calls whose answer is not taken. */
void sv_call_cut_stalled(struct sv_rpc_server *server);
int64_t sv_call_next_check_ms(struct sv_rpc_server *server);
/* The trailing metadata of an error. */
struct sv_trailer {
    grpc_metadata md;
    grpc_slice text;
};
void sv_trailer_init(struct sv_trailer *t, int code, const synctv_error *err,
    const struct sv_rpc_detail *extra, grpc_op *status_op);
void sv_trailer_fini(struct sv_trailer *t);

/* ---- stream.c ---- */

void sv_stream_pump_kicked(struct sv_rpc_server *server);
void sv_stream_cut_stalled(struct sv_rpc_server *server);
/* When it has to look again; SV_NEVER. */
int64_t sv_stream_next_check_ms(struct sv_rpc_server *server);
void sv_stream_finish_all(struct sv_rpc_server *server);

/* ---- health.c, reflection.c ---- */

int sv_health_new(const struct sv_rpc_server_options *o, struct sv_health **ret);
void sv_health_free(struct sv_health *h);
void sv_health_set(struct sv_health *h, bool serving);
#define SV_HEALTH_METHODS 2
#define SV_REFLECTION_METHODS 2
void sv_health_methods(struct sv_health *h, struct sv_rpc_method out[SV_HEALTH_METHODS]);
void sv_reflection_methods(struct sv_rpc_server *server,
    struct sv_rpc_method out[SV_REFLECTION_METHODS]);

#endif
