/* SPDX-License-Identifier: MIT */
#include "floor_core.h"

#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

#define GATHER_MAX 64
#define SLOTS_A_METHOD 8

static grpc_arg int_arg(const char *key, int value)
{
    return (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value };
}

grpc_server *floor_server(grpc_completion_queue *cq)
{
    grpc_arg args[] = {
        int_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
        int_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100000),
        int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, 1 << 20),
        int_arg(GRPC_ARG_MAX_METADATA_SIZE, 8 << 10),
        int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, 20000),
        int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000),
        int_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        int_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000),
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE),
        int_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
        int_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
    };
    grpc_channel_args all = { sizeof(args) / sizeof(args[0]), args };
    grpc_server *server = grpc_server_create(&all, NULL);
    grpc_server_register_completion_queue(server, cq, NULL);
    return server;
}

void floor_start(grpc_server *server)
{
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(server, "127.0.0.1:0", credentials);
    grpc_server_credentials_release(credentials);
    if (port <= 0)
        die("cannot listen");
    grpc_server_start(server);
    printf("ready port=%d\n", port);
    fflush(stdout);
}

void *floor_method(grpc_server *server, const char *path, bool is_stream)
{
    return grpc_server_register_method(server, path, NULL,
        is_stream ? GRPC_SRM_PAYLOAD_NONE : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
}

void floor_gather(grpc_completion_queue *cq, bool wait)
{
    grpc_event events[1 + GATHER_MAX];
    unsigned n = 0;
    gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
    grpc_event e =
        grpc_completion_queue_next(cq, wait ? gpr_inf_future(GPR_CLOCK_MONOTONIC) : at_once, NULL);
    while (e.type == GRPC_OP_COMPLETE) {
        events[n++] = e;
        if (n == sizeof(events) / sizeof(events[0]))
            break;
        e = grpc_completion_queue_next(cq, at_once, NULL);
    }
    for (unsigned i = 0; i < n; i++) {
        struct floor_op *op = events[i].tag;
        op->done(op, events[i].success != 0);
    }
}

/* ---- unary calls ---- */

struct unary {
    struct floor_op op;
    struct floor_method *method;
    grpc_call *call;
    grpc_metadata_array metadata;
    grpc_byte_buffer *message;
    gpr_timespec deadline;
    int cancelled;
};

static void arm(struct floor_method *m);

static void unary_free(struct unary *u)
{
    grpc_metadata_array_destroy(&u->metadata);
    if (u->message != NULL)
        grpc_byte_buffer_destroy(u->message);
    if (u->call != NULL)
        grpc_call_unref(u->call);
    free(u);
}

static void answered(struct floor_op *op, bool ok)
{
    unary_free((struct unary *)op);
}

static void arrived(struct floor_op *op, bool ok)
{
    struct unary *u = (struct unary *)op;
    if (!ok) {
        unary_free(u);
        return;
    }
    arm(u->method);
    if (u->method->arrived != NULL)
        u->method->arrived(u->method);
    u->op.done = answered;
    grpc_op ops[4] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = u->message },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
            .data.recv_close_on_server.cancelled = &u->cancelled },
    };
    if (grpc_call_start_batch(u->call, ops, 4, &u->op, NULL) != GRPC_CALL_OK)
        die("cannot answer");
}

static void arm(struct floor_method *m)
{
    struct unary *u = must_alloc(calloc(1, sizeof(*u)));
    u->op.done = arrived;
    u->method = m;
    grpc_metadata_array_init(&u->metadata);
    if (grpc_server_request_registered_call(m->server, m->registered, &u->call, &u->deadline,
            &u->metadata, &u->message, m->cq, m->cq, &u->op) != GRPC_CALL_OK)
        die("cannot ask for calls");
}

void floor_serve(struct floor_method *m)
{
    for (int slot = 0; slot < SLOTS_A_METHOD; slot++)
        arm(m);
}
