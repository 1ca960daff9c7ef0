/* SPDX-License-Identifier: MIT */
#include "rpc/server_stream.h"

#include <stdlib.h>

#include "base/error.h"
#include "rpc/server_call.h"
#include "rpc/server_stream_send.h"

static void read_done(struct sv_rpc_op *op, bool ok);
static void close_done(struct sv_rpc_op *op, bool ok);

/* ---- references and holds ---- */

struct sv_rpc_stream *sv_rpc_stream_ref(struct sv_rpc_stream *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void sv_rpc_stream_unref(struct sv_rpc_stream *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->end_error);
    free(s);
}

bool sv_rpc_stream_hold(struct sv_rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool open = !s->closed;
    if (open)
        s->holds++;
    pthread_mutex_unlock(&s->lock);
    return open;
}

static void stream_closed(struct sv_rpc_stream *s)
{
    struct sv_rpc_server *server = s->server;
    if (s->has_ahead)
        sv_rpc_bytes_unref(s->ahead);
    if (s->read_buffer != NULL)
        grpc_byte_buffer_destroy(s->read_buffer);
    pthread_mutex_lock(&server->lock);
    sv_list_remove(&s->link);
    sv_list_remove(&s->stall_link);
    pthread_mutex_unlock(&server->lock);

    s->ops->on_closed(s, s->userdata);
    grpc_call_unref(s->call);
    sv_rpc_peers_remove_stream(server->peers, s->peer, s->needs_no_sign_in);
    sv_rpc_stream_unref(s);

    pthread_mutex_lock(&server->lock);
    server->live_streams--;
    if (server->closing && server->live_streams == 0)
        pthread_cond_broadcast(&server->idle);
    pthread_mutex_unlock(&server->lock);
}

void sv_rpc_stream_drop(struct sv_rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->holds == 0;
    s->closed = s->closed || last;
    pthread_mutex_unlock(&s->lock);
    if (last)
        stream_closed(s);
}

/* ---- the beginning ---- */

static struct sv_rpc_stream *stream_new(struct sv_rpc_call *call,
    const struct sv_rpc_stream_ops *ops, void *userdata)
{
    struct sv_rpc_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    atomic_init(&s->refs, 1);
    s->server = call->server;
    s->kind = call->method->m.kind;
    s->call = call->call;
    s->cq = call->cq;
    s->peer = call->peer;
    s->needs_no_sign_in = (call->method->m.flags & SV_RPC_NO_SIGN_IN) != 0;
    s->ops = ops;
    s->userdata = userdata;
    s->read_op.done = read_done;
    s->write_op.done = sv_rpc_stream_write_done;
    s->status_op.done = sv_rpc_stream_status_done;
    s->close_op.done = close_done;
    sv_list_init(&s->kick_link);
    sv_list_init(&s->stall_link);
    sv_list_init(&s->link);
    pthread_mutex_init(&s->lock, NULL);
    s->holds = 2;      /* one for being open, one for reading */
    s->pumping = true; /* nothing is sent before the initial metadata */
    call->call = NULL; /* moved */
    call->peer = NULL;
    return s;
}

/* Returns whether the server goes on. */
static bool register_stream(struct sv_rpc_stream *s)
{
    struct sv_rpc_server *server = s->server;
    pthread_mutex_lock(&server->lock);
    sv_list_append(&server->streams, &s->link);
    server->live_streams++;
    server->live_calls--;
    bool open = !server->closing;
    pthread_mutex_unlock(&server->lock);
    return open;
}

static void start_batch(struct sv_rpc_stream *s, const grpc_op *ops, size_t n, struct sv_rpc_op *op)
{
    grpc_call_error e = sv_rpc_op_start(op, s->call, ops, n);
    if (e != GRPC_CALL_OK)
        sv_rpc_op_done(op, false);
}

int sv_rpc_call_accept(struct sv_rpc_call *call, const struct sv_rpc_stream_ops *ops,
    void *userdata, struct sv_rpc_stream **ret_stream)
{
    struct sv_rpc_stream *s = stream_new(call, ops, userdata);
    if (s == NULL)
        return SYNCTV_E_NO_MEMORY;
    sv_rpc_call_free(call);
    sv_rpc_stream_ref(s); /* for the lines below */
    if (ret_stream != NULL)
        *ret_stream = sv_rpc_stream_ref(s);
    bool open = register_stream(s);
    grpc_metadata encoding = {
        .key = grpc_slice_from_static_string("grpc-encoding"),
        .value = grpc_slice_from_static_string("gzip"),
    };
    grpc_op ops2[2] = {
        { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &s->read_buffer },
        { .op = GRPC_OP_SEND_INITIAL_METADATA,
            .data.send_initial_metadata = { .count = ops->gzip_max > 0, .metadata = &encoding } },
    };
    start_batch(s, ops2, 2, &s->read_op);
    pthread_mutex_lock(&s->lock);
    s->pumping = false;
    pthread_mutex_unlock(&s->lock);
    if (open)
        sv_rpc_stream_kick(s);
    else
        sv_rpc_stream_finish(s, SYNCTV_E_SHUTTING_DOWN, NULL);
    sv_rpc_stream_unref(s);
    return 0;
}

/* ---- reading ---- */

static void start_read(struct sv_rpc_stream *s)
{
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &s->read_buffer };
    start_batch(s, &op, 1, &s->read_op);
}

/* The client has half-closed: waits for the end of the call. */
static void start_close(struct sv_rpc_stream *s)
{
    grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
        .data.recv_close_on_server.cancelled = &s->cancelled };
    start_batch(s, &op, 1, &s->close_op);
}

static void stream_break(struct sv_rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->broken = true;
    pthread_mutex_unlock(&s->lock);
    sv_rpc_stream_kick(s);
}

static void close_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_stream, close_op);
    stream_break(s);
    sv_rpc_stream_drop(s);
}

static void deliver(struct sv_rpc_stream *s, grpc_byte_buffer *message)
{
    pthread_mutex_lock(&s->lock);
    bool wanted = !s->finishing && !s->broken;
    pthread_mutex_unlock(&s->lock);
    if (!wanted)
        return;
    grpc_slice slice;
    synctv_error err;
    if (s->kind == SV_RPC_SERVER_STREAM && s->has_request) {
        sv_errorf(&err, SYNCTV_E_INVALID_ARGUMENT, "one message is all that this call takes");
        sv_rpc_stream_finish(s, err.code, &err);
        return;
    }
    if (sv_rpc_payload_inflate(message, s->ops->gzip_max, &slice, &err) < 0) {
        sv_rpc_stream_finish(s, err.code, &err);
        return;
    }
    s->has_request = true;
    s->ops->on_message(s, s->userdata, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    grpc_slice_unref(slice);
}

/* What gets the hold of the read that has completed. */
enum next_read { READ, WAIT_FOR_CLOSE, READ_NO_MORE };

static enum next_read end_of_reads(struct sv_rpc_stream *s, bool ok)
{
    if (!ok || grpc_call_failed_before_recv_message(s->call)) {
        stream_break(s);
        return READ_NO_MORE;
    }
    bool is_bidi = s->kind == SV_RPC_BIDI;
    if (is_bidi ? s->ops->on_half_close == NULL : !s->has_request) {
        sv_rpc_stream_finish(s, is_bidi ? 0 : SYNCTV_E_INVALID_ARGUMENT, NULL);
        return READ_NO_MORE;
    }
    pthread_mutex_lock(&s->lock);
    bool goes_on = !s->finishing && !s->broken;
    if (goes_on) /* else the final batch may be starting, which reads it without the lock */
        s->close_armed = true;
    pthread_mutex_unlock(&s->lock);
    if (!goes_on)
        return READ_NO_MORE;
    if (is_bidi)
        s->ops->on_half_close(s, s->userdata);
    return WAIT_FOR_CLOSE;
}

/*
 * We read what a client sends even if the stream is about to end. A message that waits in the core
 * keeps the whole buffer that it was received in, which may be a thousand times as large.
 */
static enum next_read next_read(struct sv_rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool broken = s->broken;
    pthread_mutex_unlock(&s->lock);
    return broken ? READ_NO_MORE : READ;
}

static void read_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_stream, read_op);
    grpc_byte_buffer *message = s->read_buffer;
    s->read_buffer = NULL;
    enum next_read next;
    if (!ok || message == NULL) {
        next = end_of_reads(s, ok);
    } else {
        deliver(s, message);
        next = next_read(s);
        grpc_byte_buffer_destroy(message);
    }
    switch (next) {
    case READ:
        start_read(s);
        break;
    case WAIT_FOR_CLOSE:
        start_close(s);
        break;
    case READ_NO_MORE:
        sv_rpc_stream_drop(s);
        break;
    }
}

/* ---- the end ---- */

static void set_end(struct sv_rpc_stream *s, int code, const synctv_error *err, bool now)
{
    synctv_error *copy = NULL;
    if (code < 0 && err != NULL && (copy = malloc(sizeof(*copy))) != NULL)
        *copy = *err;
    pthread_mutex_lock(&s->lock);
    /* Then pump() reads the end without the lock. */
    bool is_final = s->status_sent || s->core_cancelled;
    /* A stream that was finished with OK, but cannot send the rest, ends with an error. */
    bool worse = s->end_code == 0 && code < 0;
    if (!is_final && (!s->finishing || worse)) {
        s->finishing = true;
        s->end_code = code;
        s->end_error = copy;
        copy = NULL;
    }
    s->broken = s->broken || now;
    pthread_mutex_unlock(&s->lock);
    free(copy);
    sv_rpc_stream_kick(s);
}

void sv_rpc_stream_finish(struct sv_rpc_stream *s, int code, const synctv_error *err)
{
    set_end(s, code, err, false);
}

void sv_rpc_stream_cancel(struct sv_rpc_stream *s, int code, const synctv_error *err)
{
    set_end(s, code, err, true);
}

void sv_rpc_stream_get_end(struct sv_rpc_stream *s, synctv_error *ret_error)
{
    *ret_error = (synctv_error){ 0 };
    pthread_mutex_lock(&s->lock);
    if (s->end_error != NULL)
        *ret_error = *s->end_error;
    else if (s->finishing && s->end_code < 0)
        sv_error(ret_error, s->end_code);
    pthread_mutex_unlock(&s->lock);
}

void sv_rpc_stream_finish_all(struct sv_rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = 0;
    struct sv_rpc_stream **all = calloc(server->live_streams + 1, sizeof(struct sv_rpc_stream *));
    SV_LIST_FOREACH(it, &server->streams)
        if (all != NULL)
            all[n++] = sv_rpc_stream_ref(SV_CONTAINER_OF(it, struct sv_rpc_stream, link));
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < n; i++) {
        sv_rpc_stream_finish(all[i], SYNCTV_E_SHUTTING_DOWN, NULL);
        sv_rpc_stream_unref(all[i]);
    }
    free(all);
}
