/* SPDX-License-Identifier: MIT */
/*
 * The inside of a server, which the files of the server half share.
 *
 * Threads (with options.threads = 0 there are none: sv_rpc_server_poll() does it all on `queue`):
 *
 *   gRPC core --- calls, sent answers --> queue ----------> sv-rpc-0 ... : turns of the loop
 *             \-- messages of clients --> stream_queues --> sv-stream-0 ... 7: on_message()
 *
 *   A turn of the loop (server_loop.c)           is done in
 *   1. continue completed operations             queue.c; new calls in server_call.c
 *   2. send on streams that were kicked          server_stream_send.c
 *   3. cut streams whose client does not read    server_stream_send.c
 *   4. cancel answers that are not read          server_call.c
 *   5. options.turn(), for the node              server_loop.c
 *
 * Locks: server.lock, stream.lock, peers.lock and tls.lock. While one of them is held no other is
 * taken and no callback runs. One exception: streams are kicked under health.lock.
 */
#ifndef SV_RPC_SERVER_INSIDE_H
#define SV_RPC_SERVER_INSIDE_H

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "base/address.h"
#include "rpc/descriptor.h"
#include "rpc/health.h"
#include "rpc/peers.h"
#include "rpc/queue.h"
#include "rpc/server.h"
#include "rpc/tls.h"

#define SV_RPC_STREAM_QUEUES 8

/* A row of the table of methods and what the core made of it. */
struct sv_rpc_bound_method {
    struct sv_rpc_method m;
    /* The core's handle; NULL for the catch-all. */
    void *registered;
    /* Calls of the method that the core may hand out without being asked again. */
    atomic_uint slots;
    /* Calls that came in this `turn` of the loop. */
    atomic_uint in_turn;
    atomic_uint turn;
};

/* A completion queue of streams and its thread. A stream stays with one queue for its life. */
struct sv_rpc_stream_queue {
    grpc_completion_queue *cq;
    pthread_t thread;
};

struct sv_rpc_server {
    /* A copy; listen, tls, trusted_proxies and methods are NULL here. */
    struct sv_rpc_server_options opt;
    struct sv_rpc_queue queue;
    /* NULL without a listener. */
    grpc_server *core;
    int port;

    /* The caller's methods, then those of health and reflection. */
    struct sv_rpc_bound_method *methods;
    size_t n_methods;
    /* Answers calls of unknown methods. */
    struct sv_rpc_bound_method catch_all;
    struct sv_rpc_stream_queue stream_queues[SV_RPC_STREAM_QUEUES];
    /* 0 with threads = 0: then streams use `queue`. */
    unsigned n_stream_queues;
    atomic_uint next_stream_queue;

    /* The proxies that are trusted. Constant. */
    struct sv_networks proxies;
    struct sv_rpc_peers *peers;
    struct sv_rpc_health *health;
    /* NULL = no reflection. */
    struct sv_rpc_descriptors *descriptors;
    /* NULL = plain text. */
    struct sv_rpc_server_tls *tls;

    pthread_t *threads;
    unsigned n_threads;
    /* The threads of the loop go on. */
    atomic_bool running;

    /* Held while options.turn() runs. */
    pthread_mutex_t turn_lock;
    /* Turns of the loops of all threads so far. */
    atomic_uint n_turns;
    /* Somebody has asked for options.turn(); it runs now. */
    atomic_bool turn_wanted, turning;
    /* When options.turn() wants to run at the latest; SV_RPC_NEVER. */
    atomic_int_least64_t turn_at_ms;

    pthread_mutex_t lock;
    /* The lists of streams and calls are under `lock`. Streams that have something to send: */
    struct sv_list kicked;
    /* Streams with a write that has not completed, the oldest first. */
    struct sv_list stalled;
    /* All open streams. */
    struct sv_list streams;
    /* Calls with an answer that is not sent yet, the oldest first. */
    struct sv_list answers;
    /* Written under `lock`, read without it, too. */
    atomic_uint live_calls;
    unsigned live_streams;
    bool closing, stopped;
    /* The core's shutdown is complete. */
    bool core_down;
    /* While closing: live_calls, live_streams or core_down has changed. */
    pthread_cond_t idle;
    struct sv_rpc_op shutdown_op;

    /* `kicked` is not empty. */
    atomic_bool has_kicks;
    /* Since when the first of `stalled` is in it; SV_RPC_NEVER. */
    atomic_int_least64_t stalled_since_ms;
    atomic_int_least64_t answers_checked_ms;
    atomic_ulong n_calls;
};

/* The queue that the threads of the loop run. */
static inline struct sv_rpc_queue *sv_rpc_server_queue(struct sv_rpc_server *server)
{
    return &server->queue;
}

/* How often the server looks for streams and answers that make no progress. */
static inline int64_t sv_rpc_server_stall_check_ms(const struct sv_rpc_server *server)
{
    return server->opt.write_stall_ms / 4 + 1;
}

#endif
