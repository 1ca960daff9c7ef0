/* SPDX-License-Identifier: MIT */
/* What the floors on gRPC's C core share. They are set up as lib/rpc sets up its server, and do
 * nothing else. */
#ifndef BENCH_FLOOR_CORE_H
#define BENCH_FLOOR_CORE_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <stdbool.h>

/* A tag of the core. */
struct floor_op {
    void (*done)(struct floor_op *op, bool ok);
};

/* A server with `cq` as its queue, not started yet. */
grpc_server *floor_server(grpc_completion_queue *cq);
/* Listens on a free port of 127.0.0.1 and says "ready port=…" on stdout. */
void floor_start(grpc_server *server);
void *floor_method(grpc_server *server, const char *path, bool is_stream);
/* Waits for an event unless told not to, takes up to 64 more, then handles them all. */
void floor_gather(grpc_completion_queue *cq, bool wait);

/*
 * A unary method that answers with the message it got; `arrived` is told before that, unless NULL.
 */
struct floor_method {
    grpc_server *server;
    grpc_completion_queue *cq;
    void *registered;
    void (*arrived)(struct floor_method *m);
};

/* Makes calls of the method arrive, 8 at a time. */
void floor_serve(struct floor_method *m);

#endif
