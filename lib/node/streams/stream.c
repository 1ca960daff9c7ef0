/* SPDX-License-Identifier: MIT */
/* A stream: its queue, taking events, sending requests, closing. */
#include "node/streams/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/streams/streams.h"

static const struct sv_stream_ops stream_ops;

struct sv_stream *sv_stream_ref(struct sv_stream *stream)
{
    atomic_fetch_add(&stream->refs, 1);
    return stream;
}

void sv_stream_unref(struct sv_stream *stream)
{
    if (atomic_fetch_sub(&stream->refs, 1) != 1)
        return;
    sv_event_ring_clear(&stream->events);
    pthread_cond_destroy(&stream->cond);
    pthread_mutex_destroy(&stream->lock);
    synctv_caller_unref(&stream->session->base);
    free(stream);
}

/* --- the queue --- */

synctv_event *sv_node_event_new(synctv_node *node, synctv_event_type type)
{
    char id[SV_ID_SIZE];
    synctv_event *event = sv_event_new(type);
    if (event == NULL)
        return NULL;
    sv_node_new_id(node, id); /* "" where no chance is to be had */
    event->timestamp_ms = sv_node_now_ms(node);
    event->message_id = sv_arena_strdup(sv_event_arena(event), id);
    if (event->message_id == NULL) {
        synctv_event_unref(event);
        return NULL;
    }
    return event;
}

/* There is something to take. Returns whether the node has to be woken. Locked. */
static bool notify_opener(struct sv_stream *stream)
{
    pthread_cond_signal(&stream->cond);
    if (stream->ready_pending || stream->closed || stream->ready == NULL)
        return false;
    stream->ready_pending = true;
    return sv_streams_want_ready(stream);
}

/* The bytes that an event counts for in a queue. */
static size_t charge(const synctv_event *event)
{
    size_t size = sv_event_size(event);
    bool capped = event->type == SYNCTV_EVENT_MOVIES && size > SV_STREAM_MOVIE_BYTES;
    return capped ? SV_STREAM_MOVIE_BYTES : size;
}

void sv_stream_push(struct sv_stream *stream, const synctv_event *event)
{
    bool wake = false;
    pthread_mutex_lock(&stream->lock);
    if (!stream->closed && stream->end.code == 0) {
        int rv =
            sv_event_ring_push(&stream->events, event, SV_STREAM_MAX_EVENTS, SV_STREAM_MAX_BYTES);
        if (rv < 0) {
            /* It has missed an event. It has to open again and begin with a snapshot. */
            sv_event_ring_clear(&stream->events);
            sv_error(&stream->end, rv);
            atomic_fetch_add_explicit(&stream->node->streams->n_slow, 1, memory_order_relaxed);
        }
        wake = notify_opener(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    if (wake)
        sv_node_wake(stream->node);
}

void sv_stream_push_error(struct sv_stream *stream, const synctv_error *err, const char *room_id,
    const char *in_reply_to)
{
    synctv_event *event = sv_node_event_new(stream->node, SYNCTV_EVENT_ERROR);
    if (event == NULL) {
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
        return;
    }
    struct sv_arena *a = sv_event_arena(event);
    event->error_code = err->code;
    event->error = sv_arena_memdup(a, err, sizeof(*err));
    event->room_id = sv_arena_strdup(a, room_id);
    event->in_reply_to = sv_arena_strdup(a, in_reply_to);
    if (event->error == NULL || event->room_id == NULL || event->in_reply_to == NULL)
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
    else
        sv_stream_push(stream, event);
    synctv_event_unref(event);
}

void sv_stream_end_with(struct sv_stream *stream, const synctv_error *err)
{
    bool wake = false;
    pthread_mutex_lock(&stream->lock);
    if (stream->end.code == 0) {
        stream->end = *err;
        wake = notify_opener(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    if (wake)
        sv_node_wake(stream->node);
}

void sv_stream_end(struct sv_stream *stream, int code, const char *message)
{
    synctv_error err;
    if (message != NULL)
        sv_errorf(&err, code, "%s", message);
    else
        sv_error(&err, code);
    sv_stream_end_with(stream, &err);
}

/* --- calls under way --- */

static struct sv_stream *of_origin(struct sv_origin *origin)
{
    return SV_CONTAINER_OF(origin, struct sv_stream, origin);
}

static void begin_call(struct sv_origin *origin)
{
    struct sv_stream *stream = of_origin(origin);
    atomic_fetch_add(&stream->n_calls, 1);
    sv_stream_ref(stream);
}

static void refuse_call(struct sv_origin *origin, const synctv_request *request,
    const synctv_error *err)
{
    sv_stream_push_error(of_origin(origin), err, request->room_id, request->message_id);
}

static void end_call(struct sv_origin *origin)
{
    struct sv_stream *stream = of_origin(origin);
    bool last = atomic_fetch_sub(&stream->n_calls, 1) == 1;
    if (last && atomic_load(&stream->finishing))
        sv_stream_end(stream, SYNCTV_E_NOT_CONNECTED, NULL);
    sv_stream_unref(stream);
}

static const struct sv_origin_ops origin_ops = {
    .begin = begin_call,
    .refuse = refuse_call,
    .end = end_call,
};

struct sv_stream *sv_stream_of_call(const struct sv_call *call)
{
    return call->origin == NULL ? NULL : of_origin(call->origin);
}

struct sv_call *sv_stream_call_new(struct sv_stream *stream, const synctv_request *request)
{
    struct sv_actor_info actor;
    sv_session_info(stream->session, &actor);
    return sv_call_new(stream->node, &stream->session->base, &actor, &stream->origin, request);
}

static void submit(struct sv_stream *stream, const synctv_request *request)
{
    struct sv_call *call = sv_stream_call_new(stream, request);
    if (call == NULL) {
        synctv_error err;
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        sv_stream_push_error(stream, &err, request->room_id, request->message_id);
        return;
    }
    sv_call_start(call, SV_BY_STREAM);
}

/* --- what synctv_stream's functions do --- */

static struct sv_stream *of(synctv_stream *stream)
{
    return (struct sv_stream *)stream;
}

/* Waits until there is something, at most so long. Locked. */
static void wait_for_event(struct sv_stream *stream, int timeout_ms)
{
    struct timespec until = sv_mono_deadline(timeout_ms);
    while (stream->events.count == 0 && stream->end.code == 0 &&
        pthread_cond_timedwait(&stream->cond, &stream->lock, &until) != ETIMEDOUT)
        ;
}

static int stream_next(synctv_stream *pub, int timeout_ms, const synctv_event **ret_event,
    synctv_error *err)
{
    struct sv_stream *stream = of(pub);
    int rv;
    pthread_mutex_lock(&stream->lock);
    if (timeout_ms > 0)
        wait_for_event(stream, timeout_ms);
    const synctv_event *event = sv_event_ring_pop(&stream->events);
    if (event != NULL) {
        *ret_event = event;
        rv = 1;
    } else {
        rv = stream->end.code;
        if (rv != 0 && err != NULL)
            *err = stream->end;
        stream->ready_pending = false;
    }
    pthread_mutex_unlock(&stream->lock);
    return rv;
}

/* Counts the request for its method's rate on a stream. 0 or the ms to wait. */
static int64_t stream_rate(struct sv_stream *stream, synctv_method method)
{
    const synctv_limits *limits = &stream->node->limits;
    struct sv_bucket *bucket = NULL;
    double per_second = 0;
    switch (sv_methods[method].stream_rate) {
    case SV_STREAM_RATE_NONE:
        return 0;
    case SV_STREAM_RATE_CONTROL:
        bucket = &stream->control;
        per_second = limits->control_per_second;
        break;
    case SV_STREAM_RATE_PING:
        bucket = &stream->ping;
        per_second = limits->ping_per_second;
        break;
    case SV_STREAM_RATE_STATUS:
        bucket = &stream->status;
        per_second = limits->status_per_second;
        break;
    }
    /* Twice the rate at once: the network may deliver in one go what a client sent evenly. */
    struct sv_rate rate = { .per_second = per_second, .burst = per_second * 2 };
    pthread_mutex_lock(&stream->lock);
    int64_t wait_ms = sv_bucket_take(bucket, &rate, sv_node_mono_ms(stream->node));
    pthread_mutex_unlock(&stream->lock);
    return wait_ms;
}

static int stream_send(synctv_stream *pub, const synctv_request *request, synctv_error *ret_error)
{
    struct sv_stream *stream = of(pub);
    pthread_mutex_lock(&stream->lock);
    bool over = stream->closed || stream->end.code != 0 || atomic_load(&stream->finishing);
    pthread_mutex_unlock(&stream->lock);
    if (over)
        return sv_error(ret_error, SYNCTV_E_NOT_CONNECTED);

    synctv_error err = { 0 };
    synctv_request bound = *request;
    int64_t wait_ms = 0;
    if (sv_message_id_validate(bound.message_id, &err) < 0) {
        bound.message_id = "";
    } else if ((wait_ms = stream_rate(stream, bound.method)) > 0) {
        sv_error_retry(&err, wait_ms);
    } else if (stream->room_id[0] != '\0') {
        if (sv_str_empty(bound.room_id))
            bound.room_id = stream->room_id;
        else if (strcmp(bound.room_id, stream->room_id) != 0)
            sv_error_field(&err, "room_id", "this stream is bound to another room");
    }
    if (err.code != 0)
        sv_stream_push_error(stream, &err, stream->room_id, bound.message_id);
    else
        submit(stream, &bound);
    return 0;
}

static void stream_finish(synctv_stream *pub)
{
    struct sv_stream *stream = of(pub);
    begin_call(&stream->origin);
    atomic_store(&stream->finishing, true);
    end_call(&stream->origin);
}

static void stream_close(synctv_stream *pub)
{
    struct sv_stream *stream = of(pub);
    pthread_mutex_lock(&stream->lock);
    stream->closed = true;
    sv_event_ring_clear(&stream->events);
    pthread_mutex_unlock(&stream->lock);

    stream->node->streams->hooks->over(stream);
    sv_streams_remove(stream);
    if (stream->ready != NULL)
        sv_streams_wait_for_ready(stream);
    sv_stream_unref(stream);
}

static const struct sv_stream_ops stream_ops = {
    .next = stream_next,
    .send = stream_send,
    .finish = stream_finish,
    .close = stream_close,
};

/* --- opening --- */

static struct sv_stream *stream_new(struct sv_session *session,
    const synctv_stream_options *options, const char *room_id)
{
    const struct sv_stream_hooks *hooks = session->node->streams->hooks;
    struct sv_stream *stream = calloc(1, hooks->size);
    if (stream == NULL)
        return NULL;
    stream->base.ops = &stream_ops;
    stream->origin.ops = &origin_ops;
    atomic_init(&stream->refs, 1);
    stream->node = session->node;
    stream->session = session;
    synctv_caller_ref(&session->base);
    memcpy(stream->room_id, room_id, strlen(room_id) + 1);
    stream->ready = options->ready;
    stream->userdata = options->userdata;
    sv_event_ring_init(&stream->events, charge);
    sv_list_init(&stream->in_all);
    sv_list_init(&stream->of_user);
    sv_list_init(&stream->in_ready);
    pthread_mutex_init(&stream->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&stream->cond, &attr);
    pthread_condattr_destroy(&attr);
    hooks->init(stream);
    return stream;
}

static int may_open(struct sv_session *session, const char *room_id, synctv_error *err)
{
    if (session->kind == SV_SESSION_ANONYMOUS)
        return sv_error(err, SYNCTV_E_PERMISSION_DENIED);
    if (!sv_node_takes_calls(session->node))
        return sv_error(err, SYNCTV_E_SHUTTING_DOWN);
    if (atomic_load(&session->ended))
        return sv_error(err, SYNCTV_E_SESSION_ENDED);
    struct sv_actor_info info;
    sv_session_info(session, &info);
    if (!info.is_system && info.status == SYNCTV_USER_STATUS_BANNED)
        return sv_error(err, SYNCTV_E_USER_BANNED);
    return room_id[0] == '\0' ? 0 : sv_id_validate(room_id, "room_id", err);
}

int sv_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *err)
{
    struct sv_session *session = (struct sv_session *)caller;
    synctv_node *node = session->node;
    const char *room_id = sv_str(options->room_id);
    int rv = may_open(session, room_id, err);
    if (rv < 0)
        return rv;
    struct sv_stream *stream = stream_new(session, options, room_id);
    if (stream == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    rv = sv_streams_add(stream);
    if (rv < 0) {
        sv_stream_unref(stream);
        return sv_error(err, rv);
    }
    if (!sv_node_takes_calls(node)) /* maybe too late for sv_streams_end_some() to see it */
        sv_stream_end(stream, SYNCTV_E_SHUTTING_DOWN, NULL);
    node->streams->hooks->opened(stream, options->room_password);
    *ret_stream = &stream->base;
    return 0;
}
