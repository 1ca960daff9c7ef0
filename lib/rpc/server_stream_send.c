/* SPDX-License-Identifier: MIT */
/*
 * The sending side of streams.
 *
 *   sv_rpc_stream_kick() --> server.kicked --> pump(), in a turn of the loop:
 *     ops->next() gives a message --> send it --> it is sent at once:  go on with the next one
 *                                             \-> it is not:           wait for write_done()
 *     ops->next() gives none -------> wait for the next kick
 *
 * A send that does not complete inside the call that starts it means that the client's window is
 * full; then the stream is put on server.stalled, and ended if it takes nothing for too long. The
 * completion of all other sends is caught in a cache of this thread, so that no other thread wakes
 * up for it.
 */
#include "rpc/server_stream_send.h"

#include "base/clock.h"
#include "rpc/trailer.h"

#define STREAMS_A_TURN 64
#define MESSAGES_A_TURN 64

/* ---- kicks ---- */

void sv_rpc_stream_kick(struct sv_rpc_stream *s)
{
    if (atomic_exchange(&s->kicked, true) || !sv_rpc_stream_hold(s))
        return;
    struct sv_rpc_server *server = s->server;
    pthread_mutex_lock(&server->lock);
    bool first = sv_list_empty(&server->kicked);
    sv_list_append(&server->kicked, &s->kick_link);
    atomic_store(&server->has_kicks, true);
    pthread_mutex_unlock(&server->lock);
    if (first && !sv_rpc_queue_is_mine(&server->queue))
        sv_rpc_queue_wake(&server->queue);
}

/* ---- sending ---- */

/*
 * Starts a batch and runs what completes inside the call; that may be an operation of another
 * stream.
 */
static void start_inline(struct sv_rpc_stream *s, const grpc_op *ops, size_t n,
    struct sv_rpc_op *op)
{
    void *tag;
    int ok;
    grpc_completion_queue_thread_local_cache_init(s->cq);
    grpc_call_error e = sv_rpc_op_start(op, s->call, ops, n);
    if (grpc_completion_queue_thread_local_cache_flush(s->cq, &tag, &ok))
        sv_rpc_op_done(tag, ok != 0);
    if (e != GRPC_CALL_OK)
        sv_rpc_op_done(op, false);
}

static void send_message(struct sv_rpc_stream *s, struct sv_rpc_bytes bytes, bool more_follow)
{
    grpc_byte_buffer *message = sv_rpc_bytes_buffer(bytes);
    sv_rpc_bytes_unref(bytes);
    grpc_op op = {
        .op = GRPC_OP_SEND_MESSAGE,
        .flags = more_follow ? GRPC_WRITE_BUFFER_HINT : 0,
        .data.send_message.send_message = message,
    };
    pthread_mutex_lock(&s->lock);
    s->writing = true;
    s->holds++;
    pthread_mutex_unlock(&s->lock);
    start_inline(s, &op, 1, &s->write_op);
    grpc_byte_buffer_destroy(message);
}

void sv_rpc_stream_write_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_stream, write_op);
    pthread_mutex_lock(&s->lock);
    s->writing = false;
    s->busy_since_ms = 0;
    s->broken = s->broken || !ok;
    /* pump() has a hold of its own and sees that the write is over. */
    bool dropped = s->pumping && s->holds > 1;
    if (dropped)
        s->holds--;
    pthread_mutex_unlock(&s->lock);
    if (dropped)
        return;
    sv_rpc_stream_kick(s);
    sv_rpc_stream_drop(s);
}

static bool pull(struct sv_rpc_stream *s, struct sv_rpc_bytes *ret_bytes)
{
    if (s->has_ahead) {
        s->has_ahead = false;
        *ret_bytes = s->ahead;
        return true;
    }
    if (s->ended)
        return false;
    synctv_error err;
    err.code = 0;
    int rv = s->ops->next(s, s->userdata, ret_bytes, &err);
    if (rv < 0) {
        s->ended = true;
        sv_rpc_stream_finish(s, rv, err.code < 0 ? &err : NULL);
    }
    return rv > 0;
}

/*
 * Sends one message and returns whether there was one. Unless it is the last of this turn, one more
 * is pulled, so that the core knows whether to wait for it before it writes to the socket.
 */
static bool send_next(struct sv_rpc_stream *s, bool last)
{
    struct sv_rpc_bytes bytes;
    if (!pull(s, &bytes))
        return false;
    if (!last)
        s->has_ahead = pull(s, &s->ahead);
    send_message(s, bytes, s->has_ahead);
    return true;
}

/* ---- the final batch ---- */

void sv_rpc_stream_status_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_stream *s = SV_CONTAINER_OF(op, struct sv_rpc_stream, status_op);
    pthread_mutex_lock(&s->lock);
    s->status_pending = false;
    s->busy_since_ms = 0;
    s->holds--; /* for being open; the hold that is dropped below was for this operation */
    pthread_mutex_unlock(&s->lock);
    sv_rpc_stream_drop(s);
}

/* status_sent is set, so end_code and end_error do not change any more. */
static void send_status(struct sv_rpc_stream *s)
{
    grpc_op ops[2] = {
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
            .data.recv_close_on_server.cancelled = &s->cancelled },
    };
    size_t n = s->close_armed ? 1 : 2;
    int code = s->finishing ? s->end_code : SYNCTV_E_CANCELLED;
    struct sv_rpc_trailer trailer;
    if (code != 0)
        sv_rpc_trailer_init(&trailer, code, s->end_error, NULL, &ops[0]);
    grpc_call_error e = sv_rpc_op_start(&s->status_op, s->call, ops, n);
    if (code != 0)
        sv_rpc_trailer_fini(&trailer);
    if (e != GRPC_CALL_OK)
        sv_rpc_op_done(&s->status_op, false);
}

/* ---- the pump ---- */

static void cancel_core(struct sv_rpc_stream *s)
{
    int code = s->finishing ? s->end_code : SYNCTV_E_CANCELLED;
    const char *text = s->end_error != NULL ? s->end_error->message : synctv_error_text(code);
    grpc_call_cancel_with_status(s->call, (grpc_status_code)synctv_error_grpc_status(code), text,
        NULL);
}

/* Puts the stream on server.stalled, where it is looked at again after a while. */
static void watch(struct sv_rpc_stream *s, int64_t now_ms)
{
    struct sv_rpc_server *server = s->server;
    pthread_mutex_lock(&server->lock);
    if (sv_list_empty(&s->stall_link)) {
        s->watched_ms = now_ms;
        sv_list_append(&server->stalled, &s->stall_link);
        if (server->stalled.next == &s->stall_link)
            atomic_store(&server->stalled_since_ms, now_ms);
    }
    pthread_mutex_unlock(&server->lock);
}

/* What pump() does next. REST: nothing, another event brings it back. */
enum step { STEP_REST, STEP_SEND, STEP_STATUS, STEP_CANCEL };

/* Locked. */
static enum step next_step(struct sv_rpc_stream *s)
{
    bool stuck = (s->broken && s->writing) || (s->cut && s->status_pending);
    if (stuck && !s->core_cancelled)
        return STEP_CANCEL;
    if (s->writing || s->status_sent)
        return STEP_REST;
    if (s->broken || s->drained >= s->server->opt.shutdown_drain_messages)
        return STEP_STATUS;
    return STEP_SEND;
}

static void begin_step(struct sv_rpc_stream *s, enum step step)
{
    if (step == STEP_CANCEL)
        s->core_cancelled = true;
    if (step == STEP_STATUS) {
        s->status_sent = s->status_pending = true;
        s->holds++;
    }
}

/*
 * Runs steps until there is nothing to do, or until it has sent what a stream may send in one turn:
 * then it returns true. Locked, but for the steps themselves.
 */
static bool pump_steps(struct sv_rpc_stream *s)
{
    for (unsigned budget = MESSAGES_A_TURN; budget > 0;) {
        s->again = false;
        bool was_finishing = s->finishing;
        enum step step = next_step(s);
        if (step == STEP_REST)
            return false;
        begin_step(s, step);
        pthread_mutex_unlock(&s->lock);
        bool sent = false;
        if (step == STEP_STATUS)
            send_status(s);
        else if (step == STEP_CANCEL)
            cancel_core(s);
        else
            sent = send_next(s, --budget == 0);
        pthread_mutex_lock(&s->lock);
        if (step != STEP_SEND)
            continue;
        if (sent)
            s->drained += was_finishing;
        else if (was_finishing)
            s->drained = s->server->opt.shutdown_drain_messages; /* there are no more */
        /* next() has said that there is no more. Before there is, a kick comes. */
        if (!s->has_ahead && budget > 0 && !s->again && !s->finishing && !s->broken)
            return false;
    }
    return true;
}

static void pump(struct sv_rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->pumping) {
        s->again = true;
        pthread_mutex_unlock(&s->lock);
        return;
    }
    s->pumping = true;
    bool more = pump_steps(s);
    s->pumping = false;
    int64_t now_ms = 0;
    if ((s->writing || s->status_pending) && s->busy_since_ms == 0)
        s->busy_since_ms = now_ms = sv_mono_ms();
    pthread_mutex_unlock(&s->lock);
    if (now_ms > 0)
        watch(s, now_ms);
    if (more)
        sv_rpc_stream_kick(s);
}

void sv_rpc_stream_pump_kicked(struct sv_rpc_server *server)
{
    if (!atomic_load(&server->has_kicks))
        return;
    struct sv_rpc_stream *streams[STREAMS_A_TURN];
    size_t n = 0;
    struct sv_list *l;
    pthread_mutex_lock(&server->lock);
    while (n < STREAMS_A_TURN && (l = sv_list_pop(&server->kicked)) != NULL)
        streams[n++] = SV_CONTAINER_OF(l, struct sv_rpc_stream, kick_link);
    atomic_store(&server->has_kicks, !sv_list_empty(&server->kicked));
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < n; i++) {
        atomic_store(&streams[i]->kicked, false);
        pump(streams[i]);
        sv_rpc_stream_drop(streams[i]); /* the hold of the kick */
    }
}

/* ---- stalled streams ---- */

int64_t sv_rpc_stream_next_check_ms(struct sv_rpc_server *server)
{
    int64_t since_ms = atomic_load(&server->stalled_since_ms);
    return since_ms == SV_RPC_NEVER ? SV_RPC_NEVER
                                    : since_ms + sv_rpc_server_stall_check_ms(server);
}

static void check_stalled(struct sv_rpc_stream *s, int64_t now_ms)
{
    pthread_mutex_lock(&s->lock);
    bool busy = !s->closed && s->busy_since_ms > 0;
    bool too_long = busy && now_ms - s->busy_since_ms >= s->server->opt.write_stall_ms;
    s->cut = s->cut || too_long;
    if (busy)
        s->holds++;
    pthread_mutex_unlock(&s->lock);
    if (!busy)
        return;
    if (too_long)
        sv_rpc_stream_cancel(s, SYNCTV_E_SLOW_CONSUMER, NULL);
    else
        watch(s, now_ms);
    sv_rpc_stream_drop(s);
}

void sv_rpc_stream_cut_stalled(struct sv_rpc_server *server)
{
    if (atomic_load(&server->stalled_since_ms) == SV_RPC_NEVER)
        return;
    int64_t now_ms = sv_mono_ms();
    if (now_ms < sv_rpc_stream_next_check_ms(server))
        return;
    struct sv_rpc_stream *due[STREAMS_A_TURN];
    size_t n = 0;
    pthread_mutex_lock(&server->lock);
    int64_t since_ms = SV_RPC_NEVER;
    SV_LIST_FOREACH(it, &server->stalled) {
        struct sv_rpc_stream *s = SV_CONTAINER_OF(it, struct sv_rpc_stream, stall_link);
        if (n == STREAMS_A_TURN || s->watched_ms + sv_rpc_server_stall_check_ms(server) > now_ms) {
            since_ms = s->watched_ms;
            break;
        }
        sv_list_remove(&s->stall_link);
        due[n++] = sv_rpc_stream_ref(s);
    }
    atomic_store(&server->stalled_since_ms, since_ms);
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < n; i++) {
        check_stalled(due[i], now_ms);
        sv_rpc_stream_unref(due[i]);
    }
}
