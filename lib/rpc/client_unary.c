/* SPDX-License-Identifier: MIT */
/* A unary call of a client: one request, one answer, all in one batch. */
#include <stdlib.h>

#include "base/error.h"
#include "rpc/client_call.h"

struct unary {
    struct sv_rpc_client_call c;
    struct sv_rpc_op op;
    sv_rpc_done_fn *done;
    void *userdata;
    grpc_byte_buffer *reply;
};

static void fail(struct sv_rpc_answer *answer, int code, const char *text)
{
    sv_errorf(&answer->error, code, "%s", text);
    answer->grpc_status = synctv_error_grpc_status(code);
}

static void finish(struct unary *u)
{
    struct sv_rpc_client_answer a;
    sv_rpc_client_answer_init(&a, &u->c);
    grpc_slice payload = grpc_empty_slice();
    if (a.answer.grpc_status == 0) {
        if (u->reply == NULL)
            fail(&a.answer, SYNCTV_E_INTERNAL, "the server has sent no reply");
        else if (!sv_rpc_payload_flatten(u->reply, &payload))
            fail(&a.answer, SYNCTV_E_UNIMPLEMENTED, "the server has sent a compressed reply");
    }
    a.answer.data = GRPC_SLICE_START_PTR(payload);
    a.answer.len = GRPC_SLICE_LENGTH(payload);
    u->done(u->userdata, &a.answer);
    grpc_slice_unref(payload);
    sv_rpc_client_answer_fini(&a);
    if (u->reply != NULL)
        grpc_byte_buffer_destroy(u->reply);
    sv_rpc_client_call_end(&u->c);
    free(u);
}

static void unary_done(struct sv_rpc_op *op, bool ok)
{
    finish(SV_CONTAINER_OF(op, struct unary, op));
}

static void unary_refused(struct sv_letter *letter)
{
    finish(SV_CONTAINER_OF(letter, struct unary, c.refusal));
}

static grpc_call_error start(struct unary *u, const struct sv_rpc_request *request,
    grpc_byte_buffer *message)
{
    struct sv_rpc_client_metadata md;
    sv_rpc_client_metadata_init(&md, request);
    grpc_op ops[6] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA,
            .flags = sv_rpc_client_flags(request),
            .data.send_initial_metadata = { .count = md.n, .metadata = md.items } },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message },
        { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
        { .op = GRPC_OP_RECV_INITIAL_METADATA,
            .data.recv_initial_metadata.recv_initial_metadata = &u->c.initial },
        { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &u->reply },
        { .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
            .data.recv_status_on_client = {
                .trailing_metadata = &u->c.trailing,
                .status = &u->c.status,
                .status_details = &u->c.text,
            } },
    };
    grpc_call_error e = sv_rpc_op_start(&u->op, u->c.call, ops, 6);
    sv_rpc_client_metadata_fini(&md);
    return e;
}

int sv_rpc_unary(struct sv_rpc_channel *channel, const struct sv_rpc_request *request,
    struct sv_rpc_bytes payload, sv_rpc_done_fn *done, void *userdata)
{
    struct unary *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        sv_rpc_bytes_unref(payload);
        return SYNCTV_E_NO_MEMORY;
    }
    u->op.done = unary_done;
    u->done = done;
    u->userdata = userdata;
    u->c.refusal.run = unary_refused;
    u->c.owner = userdata;
    bool started = false; /* once it has, `u` may be gone */
    if (sv_rpc_client_call_begin(&u->c, channel, request)) {
        grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&payload.slice, 1);
        started = start(u, request, message) == GRPC_CALL_OK;
        grpc_byte_buffer_destroy(message);
        if (!started)
            u->c.refused = SYNCTV_E_INVALID_ARGUMENT; /* the core does not take the metadata */
    }
    sv_rpc_bytes_unref(payload);
    if (!started)
        sv_rpc_queue_post(channel->queue, &u->c.refusal);
    return 0;
}
