/* SPDX-License-Identifier: MIT */
/* A stream of a client: its messages both ways, its status. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "rpc/client_call.h"

/* A message that waits to be sent. */
struct out {
    struct sv_list link;
    struct sv_rpc_bytes bytes;
};

struct sv_rpc_client_stream {
    struct sv_rpc_client_call c;
    atomic_uint refs;
    const struct sv_rpc_client_stream_ops *ops;
    void *userdata;
    struct sv_rpc_op start_op, read_op, write_op, status_op;
    struct sv_letter opening, kick;
    /* on_open() was called. */
    bool opened;
    grpc_byte_buffer *read_buffer;

    /* Of all below. */
    pthread_mutex_t lock;
    /* Operations under way. When the last one is done on_status() is called. */
    unsigned holds;
    /* The status has come: nothing more is sent. */
    bool over;
    bool writing;
    /* While next() was asked there was a kick: it has to be asked again. */
    bool ask_again;
    /* Since when it does; monotonic. */
    int64_t writing_since_ms;
    /* `kick` is on its way. */
    bool kicked;
    /* The program wants to half-close; it was done. */
    bool half_close, half_closed;
    struct sv_list queued;
    size_t n_queued, n_bytes;
};

struct sv_rpc_client_stream *sv_rpc_client_stream_ref(struct sv_rpc_client_stream *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void sv_rpc_client_stream_unref(struct sv_rpc_client_stream *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- the end ---- */

static void drop_queued(struct sv_rpc_client_stream *s)
{
    for (struct sv_list *l; (l = sv_list_pop(&s->queued)) != NULL;) {
        struct out *o = SV_CONTAINER_OF(l, struct out, link);
        sv_rpc_bytes_unref(o->bytes);
        free(o);
    }
}

static void finish(struct sv_rpc_client_stream *s)
{
    struct sv_rpc_client_answer a;
    sv_rpc_client_answer_init(&a, &s->c);
    s->ops->on_status(s, s->userdata, &a.answer);
    sv_rpc_client_answer_fini(&a);
    drop_queued(s);
    sv_rpc_client_call_end(&s->c);
    sv_rpc_client_stream_unref(s);
}

static void drop(struct sv_rpc_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->holds == 0;
    pthread_mutex_unlock(&s->lock);
    if (last)
        finish(s);
}

static void status_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_client_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_client_stream, status_op);
    pthread_mutex_lock(&s->lock);
    s->over = true;
    pthread_mutex_unlock(&s->lock);
    drop(s);
}

static void stream_refused(struct sv_letter *letter)
{
    drop(SV_CONTAINER_OF(letter, struct sv_rpc_client_stream, c.refusal));
}

/* ---- reading ---- */

static void tell_open(struct sv_rpc_client_stream *s)
{
    if (!s->opened && s->ops->on_open != NULL)
        s->ops->on_open(s, s->userdata);
    s->opened = true;
}

/*
 * The initial metadata of a refused stream comes, too, but its status comes with it. So on_open()
 * is called a letter later, if there is no status by then.
 */
static void open_later(struct sv_letter *letter)
{
    struct sv_rpc_client_stream *s = SV_CONTAINER_OF(letter, struct sv_rpc_client_stream, opening);
    pthread_mutex_lock(&s->lock);
    bool over = s->over;
    pthread_mutex_unlock(&s->lock);
    if (!over)
        tell_open(s);
    drop(s);
}

static void start_read(struct sv_rpc_client_stream *s)
{
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &s->read_buffer };
    if (sv_rpc_op_start(&s->read_op, s->c.call, &op, 1) != GRPC_CALL_OK)
        drop(s);
}

static void read_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_client_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_client_stream, read_op);
    grpc_byte_buffer *message = s->read_buffer;
    grpc_slice slice;
    s->read_buffer = NULL;
    if (message == NULL) {
        drop(s); /* the status tells why */
        return;
    }
    tell_open(s);
    synctv_error err;
    if (sv_rpc_payload_inflate(message, s->ops->gzip_max, &slice, &err) == 0) {
        s->ops->on_message(s, s->userdata, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
        grpc_slice_unref(slice);
    } else {
        grpc_call_cancel_with_status(s->c.call, GRPC_STATUS_UNIMPLEMENTED, err.message, NULL);
    }
    grpc_byte_buffer_destroy(message);
    start_read(s);
}

static void start_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_client_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_client_stream, start_op);
    if (!ok) {
        drop(s);
        return;
    }
    if (s->ops->on_open != NULL) {
        pthread_mutex_lock(&s->lock);
        s->holds++; /* for the letter; the hold of the start goes to the read */
        pthread_mutex_unlock(&s->lock);
        sv_rpc_queue_post(s->c.channel->queue, &s->opening);
    }
    start_read(s);
}

/* ---- sending ---- */

enum next_send { SEND_NOTHING, SEND_MESSAGE, SEND_HALF_CLOSE };

/* Locked. */
static void begin_write(struct sv_rpc_client_stream *s)
{
    s->writing = true;
    s->writing_since_ms = sv_mono_ms();
    s->holds++;
}

/* Locked. Says what the caller has to send now. */
static enum next_send claim(struct sv_rpc_client_stream *s, struct out **ret_out, bool *ret_more)
{
    if (s->writing || s->over)
        return SEND_NOTHING;
    struct sv_list *l = sv_list_pop(&s->queued);
    if (l != NULL) {
        *ret_out = SV_CONTAINER_OF(l, struct out, link);
        *ret_more = !sv_list_empty(&s->queued);
        s->n_queued--;
        s->n_bytes -= sv_rpc_bytes_len(&(*ret_out)->bytes);
    } else if (!s->half_close || s->half_closed) {
        return SEND_NOTHING;
    } else {
        s->half_closed = true;
    }
    begin_write(s);
    return l != NULL ? SEND_MESSAGE : SEND_HALF_CLOSE;
}

static void start_write(struct sv_rpc_client_stream *s, const grpc_op *op)
{
    if (sv_rpc_op_start(&s->write_op, s->c.call, op, 1) == GRPC_CALL_OK)
        return;
    /* Cannot be; the hold must be dropped on the channel's thread. */
    grpc_call_cancel(s->c.call, NULL);
    sv_rpc_queue_post(s->c.channel->queue, &s->c.refusal);
}

static void send_some(struct sv_rpc_client_stream *s)
{
    struct out *o = NULL;
    bool more = false;
    pthread_mutex_lock(&s->lock);
    enum next_send next = claim(s, &o, &more);
    pthread_mutex_unlock(&s->lock);
    if (next == SEND_NOTHING)
        return;
    grpc_byte_buffer *message = NULL;
    grpc_op op = { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT };
    if (next == SEND_MESSAGE) {
        message = sv_rpc_bytes_buffer(o->bytes);
        sv_rpc_bytes_unref(o->bytes);
        free(o);
        op = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE,
            .flags = more ? GRPC_WRITE_BUFFER_HINT : 0,
            .data.send_message.send_message = message };
    }
    start_write(s, &op);
    if (message != NULL)
        grpc_byte_buffer_destroy(message);
}

/* One thread at a time sends and asks. */
static bool may_ask(struct sv_rpc_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool may = !s->writing && !s->over && !s->half_close;
    s->ask_again = !may;
    if (may)
        begin_write(s);
    pthread_mutex_unlock(&s->lock);
    return may;
}

static bool must_ask_again(struct sv_rpc_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool must = s->ask_again && !s->over;
    s->ask_again = false;
    s->writing = must;
    pthread_mutex_unlock(&s->lock);
    return must;
}

/* On the channel's threads. */
static void send_pulled(struct sv_rpc_client_stream *s)
{
    struct sv_rpc_bytes bytes;
    if (!may_ask(s))
        return;
    while (s->ops->next(s, s->userdata, &bytes) == 0) {
        if (!must_ask_again(s)) {
            drop(s);
            return;
        }
    }
    grpc_byte_buffer *message = sv_rpc_bytes_buffer(bytes);
    sv_rpc_bytes_unref(bytes);
    grpc_op op = { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message };
    start_write(s, &op);
    grpc_byte_buffer_destroy(message);
}

static void kick_arrived(struct sv_letter *letter)
{
    struct sv_rpc_client_stream *s = SV_CONTAINER_OF(letter, struct sv_rpc_client_stream, kick);
    pthread_mutex_lock(&s->lock);
    s->kicked = false;
    pthread_mutex_unlock(&s->lock);
    send_pulled(s);
    send_some(s); /* next() may have half-closed */
    drop(s);
}

void sv_rpc_client_stream_kick(struct sv_rpc_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->kicked && !s->over) {
        s->kicked = true;
        s->holds++;
        sv_rpc_queue_post(s->c.channel->queue, &s->kick);
    }
    pthread_mutex_unlock(&s->lock);
}

int64_t sv_rpc_client_stream_stalled_ms(struct sv_rpc_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t ms = s->writing && !s->over ? sv_mono_ms() - s->writing_since_ms : 0;
    pthread_mutex_unlock(&s->lock);
    return ms;
}

static void write_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_client_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_client_stream, write_op);
    pthread_mutex_lock(&s->lock);
    s->writing = false;
    s->over = s->over || !ok;
    pthread_mutex_unlock(&s->lock);
    if (s->ops->next != NULL)
        send_pulled(s);
    send_some(s);
    drop(s);
}

int sv_rpc_client_stream_send(struct sv_rpc_client_stream *s, struct sv_rpc_bytes payload)
{
    int rv = 0;
    size_t len = sv_rpc_bytes_len(&payload);
    struct out *o = calloc(1, sizeof(*o));
    if (o == NULL) {
        sv_rpc_bytes_unref(payload);
        return SYNCTV_E_NO_MEMORY;
    }
    o->bytes = payload;
    pthread_mutex_lock(&s->lock);
    if (s->over || s->half_close)
        rv = SYNCTV_E_NOT_CONNECTED;
    else if (s->n_queued >= s->c.channel->max_queued_messages ||
        s->n_bytes + len > s->c.channel->max_queued_bytes)
        rv = SYNCTV_E_OVERLOADED;
    if (rv == 0) {
        sv_list_append(&s->queued, &o->link);
        s->n_queued++;
        s->n_bytes += len;
    }
    pthread_mutex_unlock(&s->lock);
    if (rv == 0) {
        send_some(s);
    } else {
        sv_rpc_bytes_unref(payload);
        free(o);
    }
    return rv;
}

void sv_rpc_client_stream_half_close(struct sv_rpc_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->half_close = true;
    pthread_mutex_unlock(&s->lock);
    send_some(s);
}

void sv_rpc_client_stream_cancel(struct sv_rpc_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->over && s->c.call != NULL) {
        atomic_store(&s->c.cancelled, true);
        grpc_call_cancel(s->c.call, NULL); /* calls nothing back */
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- the beginning ---- */

static grpc_call_error start(struct sv_rpc_client_stream *s, const struct sv_rpc_request *request)
{
    struct sv_rpc_client_metadata md;
    sv_rpc_client_metadata_init(&md, request);
    if (s->ops->gzip_max > 0)
        sv_rpc_client_metadata_add(&md, &(struct sv_rpc_md){ "grpc-encoding", "gzip", 0 });
    grpc_op ops[2] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA,
            .flags = sv_rpc_client_flags(request),
            .data.send_initial_metadata = { .count = md.n, .metadata = md.items } },
        { .op = GRPC_OP_RECV_INITIAL_METADATA,
            .data.recv_initial_metadata.recv_initial_metadata = &s->c.initial },
    };
    grpc_call_error e = sv_rpc_op_start(&s->start_op, s->c.call, ops, 2);
    sv_rpc_client_metadata_fini(&md);
    return e;
}

static grpc_call_error start_status(struct sv_rpc_client_stream *s)
{
    grpc_op op = {
        .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
        .data.recv_status_on_client = {
            .trailing_metadata = &s->c.trailing,
            .status = &s->c.status,
            .status_details = &s->c.text,
        },
    };
    return sv_rpc_op_start(&s->status_op, s->c.call, &op, 1);
}

struct sv_rpc_client_stream *sv_rpc_client_stream_open(struct sv_rpc_channel *channel,
    const struct sv_rpc_request *request, const struct sv_rpc_client_stream_ops *ops,
    void *userdata)
{
    struct sv_rpc_client_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    atomic_init(&s->refs, 2); /* one of the stream itself, one of the caller */
    s->ops = ops;
    s->userdata = userdata;
    s->start_op.done = start_done;
    s->read_op.done = read_done;
    s->write_op.done = write_done;
    s->status_op.done = status_done;
    s->c.refusal.run = stream_refused;
    s->opening.run = open_later;
    s->kick.run = kick_arrived;
    sv_list_init(&s->queued);
    pthread_mutex_init(&s->lock, NULL);
    s->holds = 1;
    if (sv_rpc_client_call_begin(&s->c, channel, request)) {
        s->holds = 2; /* one for start_op, one for status_op */
        if (start(s, request) != GRPC_CALL_OK) {
            s->c.refused = SYNCTV_E_INVALID_ARGUMENT; /* the core does not take the metadata */
            s->holds = 1;
        } else if (start_status(s) != GRPC_CALL_OK) {
            s->c.refused = SYNCTV_E_INTERNAL; /* cannot be */
            grpc_call_cancel(s->c.call, NULL);
        }
    }
    if (s->c.refused != 0) {
        pthread_mutex_lock(&s->lock);
        s->over = true;
        pthread_mutex_unlock(&s->lock);
        sv_rpc_queue_post(channel->queue, &s->c.refusal);
    }
    return s;
}
