/* SPDX-License-Identifier: MIT */
#include "rpc/server_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "rpc/origin.h"
#include "rpc/trailer.h"

/*
 * Smaller answers are not counted: a client cannot leave more of them unread than it may have
 * calls.
 */
#define SMALL_ANSWER_BYTES 4096
#define ANSWERS_A_TURN 64
/* Calls of one method that the core may hand out at once; more wait in a queue of the core. */
#define SLOTS_MAX 16

static void call_arrived(struct sv_rpc_op *op, bool ok);

/* ---- arrival ---- */

static grpc_completion_queue *pick_queue(struct sv_rpc_server *server,
    const struct sv_rpc_method *method)
{
    if (method->kind == SV_RPC_UNARY || (method->flags & SV_RPC_STAYS_ON_QUEUE) != 0 ||
        server->n_stream_queues == 0)
        return server->queue.cq;
    unsigned i = atomic_fetch_add(&server->next_stream_queue, 1) % server->n_stream_queues;
    return server->stream_queues[i].cq;
}

/* `call` is all zeros. */
static void arm(struct sv_rpc_call *call, struct sv_rpc_server *server,
    struct sv_rpc_bound_method *method)
{
    call->op.done = call_arrived;
    sv_list_init(&call->in_answers);
    call->server = server;
    call->method = method;
    call->cq = pick_queue(server, &method->m);
    grpc_metadata_array_init(&call->metadata);
    if (method->registered == NULL)
        grpc_call_details_init(&call->details);
    grpc_completion_queue *main_cq = server->queue.cq, *cq = call->cq;
    grpc_byte_buffer **payload = method->m.kind == SV_RPC_UNARY ? &call->payload : NULL;
    void *tag = sv_rpc_op_tag(&call->op);
    grpc_call_error e = method->registered != NULL
        ? grpc_server_request_registered_call(server->core, method->registered, &call->call,
              &call->deadline, &call->metadata, payload, cq, main_cq, tag)
        : grpc_server_request_call(server->core, &call->call, &call->details, &call->metadata, cq,
              main_cq, tag);
    if (e != GRPC_CALL_OK)
        sv_rpc_call_free(call);
}

bool sv_rpc_call_arm(struct sv_rpc_server *server, struct sv_rpc_bound_method *method)
{
    struct sv_rpc_call *call = sv_zalloc(sizeof(*call));
    if (call == NULL)
        return false;
    arm(call, server, method);
    return true;
}

/* When the call came there was no memory for the next one. Now the core gets this struct again. */
static void rearm(struct sv_rpc_call *call)
{
    struct sv_rpc_server *server = call->server;
    struct sv_rpc_bound_method *method = call->method;
    memset(call, 0, sizeof(*call));
    arm(call, server, method);
}

void sv_rpc_call_free(struct sv_rpc_call *call)
{
    grpc_metadata_array_destroy(&call->metadata);
    if (call->method->registered == NULL)
        grpc_call_details_destroy(&call->details);
    if (call->payload != NULL)
        grpc_byte_buffer_destroy(call->payload);
    if (call->has_flat)
        grpc_slice_unref(call->flat);
    if (call->answer_bytes > 0)
        sv_rpc_peers_end_answer(call->server->peers, call->peer, call->answer_bytes);
    else
        sv_rpc_peers_remove_stream(call->server->peers, call->peer,
            (call->method->m.flags & SV_RPC_NO_SIGN_IN) != 0);
    if (call->call != NULL)
        grpc_call_unref(call->call);
    free(call->cert_name);
    sv_arena_fini(&call->arena);
    if (call->keeps_slot)
        rearm(call);
    else
        free(call);
}

/*
 * A call of the method has come: asks the core for the next one. False when out of memory.
 *
 * A method begins with one slot, and gets another when all its slots are used within one turn of
 * the loop. More would cost: each slot is a tag that the core looks at whenever anything completes.
 * Threads that race here make a slot too many or too few, no more.
 */
static bool arm_again(struct sv_rpc_server *server, struct sv_rpc_bound_method *method)
{
    unsigned turn = atomic_load_explicit(&server->n_turns, memory_order_relaxed);
    if (atomic_exchange_explicit(&method->turn, turn, memory_order_relaxed) != turn)
        atomic_store_explicit(&method->in_turn, 0, memory_order_relaxed);
    unsigned n = atomic_fetch_add_explicit(&method->in_turn, 1, memory_order_relaxed) + 1;
    unsigned slots = atomic_load_explicit(&method->slots, memory_order_relaxed);
    if (n >= slots && slots < SLOTS_MAX) {
        atomic_fetch_add_explicit(&method->slots, 1, memory_order_relaxed);
        sv_rpc_call_arm(server, method);
    }
    return sv_rpc_call_arm(server, method);
}

static bool call_begin(struct sv_rpc_server *server)
{
    atomic_fetch_add(&server->n_calls, 1);
    pthread_mutex_lock(&server->lock);
    server->live_calls++;
    bool open = !server->closing;
    pthread_mutex_unlock(&server->lock);
    return open;
}

static void call_gone(struct sv_rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->live_calls--;
    if (server->closing && server->live_calls == 0)
        pthread_cond_broadcast(&server->idle);
    pthread_mutex_unlock(&server->lock);
}

static int enter_peer(struct sv_rpc_call *call)
{
    struct sv_rpc_origin origin;
    sv_rpc_origin_of(call->call, &call->metadata, &call->server->proxies, &origin);
    return sv_rpc_peers_add_stream(call->server->peers, origin.name,
        sv_rpc_origin_counted_address(&origin), (call->method->m.flags & SV_RPC_NO_SIGN_IN) != 0,
        &call->peer);
}

static bool take_payload(struct sv_rpc_call *call)
{
    if (call->payload == NULL) {
        bool too_large = grpc_call_failed_before_recv_message(call->call) != 0;
        sv_rpc_call_fail(call, too_large ? SYNCTV_E_TOO_LARGE : SYNCTV_E_INVALID_ARGUMENT, NULL,
            NULL);
        return false;
    }
    if (!sv_rpc_payload_flatten(call->payload, &call->flat)) {
        synctv_error err;
        sv_errorf(&err, SYNCTV_E_UNIMPLEMENTED, "compressed messages are not accepted");
        sv_rpc_call_fail(call, SYNCTV_E_UNIMPLEMENTED, &err, NULL);
        return false;
    }
    call->has_flat = true;
    return true;
}

static void call_arrived(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_call *call = SV_CONTAINER_OF(op, struct sv_rpc_call, op);
    struct sv_rpc_server *server = call->server;
    struct sv_rpc_bound_method *method = call->method;
    if (!ok) { /* the server shuts down */
        sv_rpc_call_free(call);
        return;
    }
    bool open = call_begin(server);
    if (open)
        call->keeps_slot = !arm_again(server, method);
    if (!open) {
        sv_rpc_call_fail(call, SYNCTV_E_SHUTTING_DOWN, NULL, NULL);
        return;
    }
    int rv = 0;
    if (method->m.kind != SV_RPC_UNARY)
        rv = enter_peer(call);
    else if (method->registered != NULL && !take_payload(call))
        return;
    if (rv < 0)
        sv_rpc_call_fail(call, rv, NULL, NULL);
    else
        method->m.start(call, method->m.service);
}

/* ---- what a call knows ---- */

const char *sv_rpc_call_path(const struct sv_rpc_call *call)
{
    return call->method->m.path;
}

const void *sv_rpc_call_payload(const struct sv_rpc_call *call, size_t *ret_len)
{
    if (!call->has_flat) {
        *ret_len = 0;
        return "";
    }
    *ret_len = GRPC_SLICE_LENGTH(call->flat);
    return GRPC_SLICE_START_PTR(call->flat);
}

const char *sv_rpc_call_metadata(const struct sv_rpc_call *call, const char *key, size_t *ret_len)
{
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *md = &call->metadata.metadata[i];
        if (grpc_slice_str_cmp(md->key, key) != 0)
            continue;
        *ret_len = GRPC_SLICE_LENGTH(md->value);
        return (const char *)GRPC_SLICE_START_PTR(md->value);
    }
    return NULL;
}

const char *sv_rpc_call_address(struct sv_rpc_call *call)
{
    if (call->address[0] != '\0')
        return call->address;
    struct sv_rpc_origin origin;
    sv_rpc_origin_of(call->call, &call->metadata, &call->server->proxies, &origin);
    if (origin.has_address)
        sv_address_format(&origin.address, call->address);
    else if (origin.is_unix)
        snprintf(call->address, sizeof(call->address), "unix");
    return call->address;
}

const char *sv_rpc_call_cert_name(struct sv_rpc_call *call)
{
    if (call->cert_name != NULL)
        return call->cert_name;
    grpc_auth_context *context = grpc_call_auth_context(call->call);
    const grpc_auth_property *name = NULL;
    if (context != NULL && grpc_auth_context_peer_is_authenticated(context)) {
        grpc_auth_property_iterator it =
            grpc_auth_context_find_properties_by_name(context, GRPC_X509_CN_PROPERTY_NAME);
        name = grpc_auth_property_iterator_next(&it);
    }
    if (name != NULL)
        call->cert_name = strndup(name->value, name->value_length);
    if (context != NULL)
        grpc_auth_context_release(context);
    return call->cert_name != NULL ? call->cert_name : "";
}

int64_t sv_rpc_call_time_left_ms(const struct sv_rpc_call *call)
{
    gpr_timespec deadline = gpr_convert_clock_type(call->deadline, GPR_CLOCK_MONOTONIC);
    if (gpr_time_cmp(deadline, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0)
        return INT64_MAX;
    gpr_timespec left = gpr_time_sub(deadline, gpr_now(GPR_CLOCK_MONOTONIC));
    int64_t ms = left.tv_sec * 1000 + left.tv_nsec / 1000000;
    return ms > 0 ? ms : 0;
}

struct sv_arena *sv_rpc_call_arena(struct sv_rpc_call *call)
{
    return &call->arena;
}

/* ---- the answer ---- */

static void call_answered(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_call *call = SV_CONTAINER_OF(op, struct sv_rpc_call, op);
    struct sv_rpc_server *server = call->server;
    pthread_mutex_lock(&server->lock);
    sv_list_remove(&call->in_answers);
    pthread_mutex_unlock(&server->lock);
    sv_rpc_call_free(call);
    call_gone(server);
}

static void send_answer(struct sv_rpc_call *call, const grpc_op *ops, size_t n_ops)
{
    struct sv_rpc_server *server = call->server;
    call->op.done = call_answered;
    call->answered_ms = sv_mono_ms();
    pthread_mutex_lock(&server->lock);
    sv_list_append(&server->answers, &call->in_answers);
    pthread_mutex_unlock(&server->lock);
    grpc_call_error e = sv_rpc_op_start(&call->op, call->call, ops, n_ops);
    if (e == GRPC_CALL_OK)
        return;
    sv_logf(server->opt.log, SYNCTV_LOG_ERROR, "rpc", "%s cannot be answered: %s",
        sv_rpc_call_path(call), grpc_call_error_to_string(e));
    grpc_call_cancel(call->call, NULL);
    sv_rpc_op_done(&call->op, false);
}

static int count_answer(struct sv_rpc_call *call, size_t bytes)
{
    if (bytes < SMALL_ANSWER_BYTES)
        return 0;
    struct sv_rpc_origin origin;
    sv_rpc_origin_of(call->call, &call->metadata, &call->server->proxies, &origin);
    int rv = sv_rpc_peers_begin_answer(call->server->peers, origin.name,
        sv_rpc_origin_counted_address(&origin), bytes, &call->peer);
    if (rv == 0)
        call->answer_bytes = bytes;
    return rv;
}

void sv_rpc_call_reply(struct sv_rpc_call *call, struct sv_rpc_bytes payload)
{
    int rv = count_answer(call, GRPC_SLICE_LENGTH(payload.slice));
    if (rv < 0) {
        synctv_error err;
        sv_rpc_bytes_unref(payload);
        sv_errorf(&err, rv, "too many answers are not taken");
        sv_rpc_call_fail(call, rv, rv == SYNCTV_E_OVERLOADED ? &err : NULL, NULL);
        return;
    }
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&payload.slice, 1);
    sv_rpc_bytes_unref(payload);
    grpc_op ops[4] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
            .data.recv_close_on_server.cancelled = &call->cancelled },
    };
    send_answer(call, ops, 4);
    grpc_byte_buffer_destroy(message);
}

void sv_rpc_call_fail(struct sv_rpc_call *call, int code, const synctv_error *err,
    const struct sv_rpc_detail *extra)
{
    grpc_op ops[3] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
            .data.recv_close_on_server.cancelled = &call->cancelled },
    };
    struct sv_rpc_trailer trailer;
    sv_rpc_trailer_init(&trailer, code, err, extra, &ops[1]);
    send_answer(call, ops, 3);
    sv_rpc_trailer_fini(&trailer);
}

/* ---- answers that clients do not read ---- */

/* Nothing tells us that an answer makes no progress, so while there are calls we look. */
int64_t sv_rpc_call_next_check_ms(struct sv_rpc_server *server)
{
    if (atomic_load_explicit(&server->live_calls, memory_order_relaxed) == 0)
        return SV_RPC_NEVER;
    return atomic_load(&server->answers_checked_ms) + sv_rpc_server_stall_check_ms(server);
}

/* Takes the oldest answers that have waited for too long: a reference to each one's grpc_call. */
static size_t take_stalled(struct sv_rpc_server *server, int64_t now_ms,
    grpc_call *out[ANSWERS_A_TURN])
{
    size_t n = 0;
    pthread_mutex_lock(&server->lock);
    while (n < ANSWERS_A_TURN && !sv_list_empty(&server->answers)) {
        struct sv_list *first = server->answers.next;
        struct sv_rpc_call *call = SV_CONTAINER_OF(first, struct sv_rpc_call, in_answers);
        if (now_ms - call->answered_ms < server->opt.write_stall_ms)
            break;
        sv_list_remove(first);
        grpc_call_ref(call->call);
        out[n++] = call->call;
    }
    pthread_mutex_unlock(&server->lock);
    return n;
}

void sv_rpc_call_cut_stalled(struct sv_rpc_server *server)
{
    if (atomic_load_explicit(&server->live_calls, memory_order_relaxed) == 0)
        return;
    int64_t now_ms = sv_mono_ms();
    if (now_ms < sv_rpc_call_next_check_ms(server))
        return;
    grpc_call *calls[ANSWERS_A_TURN];
    size_t n = take_stalled(server, now_ms, calls);
    if (n < ANSWERS_A_TURN)
        atomic_store(&server->answers_checked_ms, now_ms);
    for (size_t i = 0; i < n; i++) {
        int code = SYNCTV_E_SLOW_CONSUMER;
        grpc_call_cancel_with_status(calls[i], (grpc_status_code)synctv_error_grpc_status(code),
            synctv_error_text(code), NULL);
        grpc_call_unref(calls[i]);
    }
}
