/* SPDX-License-Identifier: MIT */
#include "client/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "client/connection.h"
#include "rpc/bytes.h"
#include "wire/client_message.h"

static struct sv_client_stream *of(synctv_stream *stream)
{
    return (struct sv_client_stream *)stream;
}

static void stream_unref(struct sv_client_stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    sv_event_ring_clear(&s->events);
    sv_client_connection_fini(s);
    free(s->room_password);
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->lock);
    synctv_caller_unref(s->caller);
    free(s);
}

/* --- events --- */

/* Locked. There is something to take. Returns whether the caller has to call_ready(). */
static bool signal_ready(struct sv_client_stream *s)
{
    pthread_cond_signal(&s->cond);
    if (s->signalled || s->closed || s->ready == NULL)
        return false;
    s->signalled = true;
    s->in_ready = true;
    return true;
}

static void call_ready(struct sv_client_stream *s)
{
    s->ready(s->userdata, &s->base);
    pthread_mutex_lock(&s->lock);
    s->in_ready = false;
    if (s->closed)
        pthread_cond_broadcast(&s->cond); /* stream_close() waits for it */
    pthread_mutex_unlock(&s->lock);
}

static int push(struct sv_client_stream *s, const synctv_event *event, unsigned max_events,
    size_t max_bytes)
{
    int rv = 0;
    bool call = false;
    pthread_mutex_lock(&s->lock);
    if (!s->closed && s->end.code == 0) {
        rv = sv_event_ring_push(&s->events, event, max_events, max_bytes);
        call = rv == 0 && signal_ready(s);
    }
    pthread_mutex_unlock(&s->lock);
    synctv_event_unref(event);
    if (call)
        call_ready(s);
    return rv;
}

int sv_client_stream_push(struct sv_client_stream *s, const synctv_event *event)
{
    return push(s, event, SV_CLIENT_MAX_EVENTS, SV_CLIENT_MAX_EVENT_BYTES);
}

void sv_client_stream_push_connection(struct sv_client_stream *s, synctv_event_type type,
    const synctv_error *err)
{
    synctv_event *event = sv_event_new(type);
    if (event == NULL)
        return;
    event->timestamp_ms = synctv_client_server_time_ms(s->client);
    if (err != NULL) {
        event->error_code = err->code;
        event->error = sv_arena_memdup(sv_event_arena(event), err, sizeof(*err));
    }
    /*
     * DISCONNECTED has a place even if the queue is full. CONNECTED does not come before half of
     * the queue is taken.
     */
    push(s, event, SV_CLIENT_MAX_EVENTS + 1, SIZE_MAX);
}

void sv_client_stream_end(struct sv_client_stream *s, const synctv_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (s->end.code == 0)
        s->end = *err;
    bool call = signal_ready(s);
    pthread_mutex_unlock(&s->lock);
    if (call)
        call_ready(s);
}

bool sv_client_stream_is_over(struct sv_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool over = s->closed || s->end.code != 0;
    pthread_mutex_unlock(&s->lock);
    return over;
}

bool sv_client_stream_is_behind(struct sv_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool behind = s->events.count > SV_CLIENT_MAX_EVENTS / 2 ||
        s->events.bytes > SV_CLIENT_MAX_EVENT_BYTES / 2;
    pthread_mutex_unlock(&s->lock);
    return behind;
}

static int stream_next(synctv_stream *pub, int timeout_ms, const synctv_event **ret_event,
    synctv_error *ret_error)
{
    struct sv_client_stream *s = of(pub);
    struct timespec until = sv_mono_deadline(timeout_ms > 0 ? timeout_ms : 0);
    int rv;
    pthread_mutex_lock(&s->lock);
    while (timeout_ms > 0 && s->events.count == 0 && s->end.code == 0 &&
        pthread_cond_timedwait(&s->cond, &s->lock, &until) != ETIMEDOUT)
        ;
    const synctv_event *event = sv_event_ring_pop(&s->events);
    if (event != NULL) {
        *ret_event = event;
        rv = 1;
    } else {
        rv = s->end.code;
        if (rv != 0 && ret_error != NULL)
            *ret_error = s->end;
        s->signalled = false;
    }
    pthread_mutex_unlock(&s->lock);
    return rv;
}

/* --- requests --- */

int sv_client_stream_send(struct sv_client_stream *s, const synctv_request *request,
    synctv_error *ret_error)
{
    synctv_request stamped = *request;
    if (stamped.client_time_ms == 0 && synctv_client_clock_offset(s->client, NULL, NULL) > 0)
        stamped.client_time_ms = synctv_client_server_time_ms(s->client);
    struct sv_rpc_bytes bytes;
    int rv = sv_wire_client_message_encode(&stamped, sv_rpc_bytes_alloc, &bytes, ret_error);
    if (rv < 0)
        return rv;
    pthread_mutex_lock(&s->lock);
    struct sv_rpc_client_stream *rpc = s->open && !atomic_load(&s->finishing) ? s->rpc : NULL;
    if (rpc != NULL)
        sv_rpc_client_stream_ref(rpc);
    pthread_mutex_unlock(&s->lock);
    if (rpc == NULL) {
        sv_rpc_bytes_unref(bytes);
        return sv_error(ret_error, SYNCTV_E_NOT_CONNECTED);
    }
    rv = sv_rpc_client_stream_send(rpc, bytes);
    sv_rpc_client_stream_unref(rpc);
    return rv < 0 ? sv_error(ret_error, rv) : 0;
}

static int stream_send(synctv_stream *pub, const synctv_request *request, synctv_error *ret_error)
{
    return sv_client_stream_send(of(pub), request, ret_error);
}

static bool follows(const struct sv_client_stream *s, const char *room_id)
{
    return s->room_id[0] == '\0' || strcmp(s->room_id, room_id) == 0;
}

int sv_client_streams_send(synctv_client *client, const synctv_request *request,
    synctv_error *ret_error)
{
    SV_LIST_FOREACH(it, &client->streams) {
        struct sv_client_stream *s = SV_CONTAINER_OF(it, struct sv_client_stream, link);
        if (follows(s, sv_str(request->room_id)) &&
            sv_client_stream_send(s, request, ret_error) >= 0)
            return 0;
    }
    return sv_errorf(ret_error, SYNCTV_E_NOT_CONNECTED,
        "this travels on a stream: open one that follows the room");
}

bool sv_client_streams_may_follow(synctv_client *client, const char *room_id)
{
    SV_LIST_FOREACH(it, &client->streams) {
        struct sv_client_stream *s = SV_CONTAINER_OF(it, struct sv_client_stream, link);
        if (follows(s, room_id) && !sv_client_stream_is_over(s) && !atomic_load(&s->finishing))
            return true;
    }
    return false;
}

/* --- life --- */

static void start_on_thread(struct sv_letter *letter)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(letter, struct sv_client_stream, start_letter);
    sv_list_append(&s->client->streams, &s->link);
    if (atomic_load(&s->client->closing)) {
        synctv_error err;
        sv_error(&err, SYNCTV_E_CANCELLED);
        sv_client_stream_end(s, &err);
        return;
    }
    sv_client_connection_start(s);
}

static void finish_on_thread(struct sv_letter *letter)
{
    sv_client_connection_finish(SV_CONTAINER_OF(letter, struct sv_client_stream, finish_letter));
}

static void close_on_thread(struct sv_letter *letter)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(letter, struct sv_client_stream, close_letter);
    sv_client_connection_close(s);
    stream_unref(s); /* the program's reference */
}

static void stream_finish(synctv_stream *pub)
{
    struct sv_client_stream *s = of(pub);
    if (atomic_exchange(&s->finishing, true))
        return;
    s->finish_letter.run = finish_on_thread;
    sv_client_post(s->client, &s->finish_letter);
}

static void stream_close(synctv_stream *pub)
{
    struct sv_client_stream *s = of(pub);
    bool inside = pthread_equal(s->client->thread, pthread_self());
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    while (s->in_ready && !inside)
        pthread_cond_wait(&s->cond, &s->lock);
    pthread_mutex_unlock(&s->lock);
    s->close_letter.run = close_on_thread;
    sv_client_post(s->client, &s->close_letter);
}

void sv_client_stream_released(struct sv_client_stream *s)
{
    sv_list_remove(&s->link);
    stream_unref(s);
}

static const struct sv_stream_ops stream_ops = {
    .next = stream_next,
    .send = stream_send,
    .finish = stream_finish,
    .close = stream_close,
};

static struct sv_client_stream *stream_new(const synctv_stream_options *options)
{
    struct sv_client_stream *s = calloc(1, sizeof(*s));
    char *password = strdup(sv_str(options->room_password));
    if (s == NULL || password == NULL) {
        free(s);
        free(password);
        return NULL;
    }
    s->base.ops = &stream_ops;
    sv_event_ring_init(&s->events, sv_event_size);
    atomic_init(&s->refs, 2);
    s->room_password = password;
    s->ready = options->ready;
    s->userdata = options->userdata;
    s->start_letter.run = start_on_thread;
    sv_list_init(&s->link);
    sv_list_init(&s->token.link);
    sv_list_init(&s->again.link);
    sv_list_init(&s->ping.link);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->cond, &attr);
    pthread_condattr_destroy(&attr);
    return s;
}

int sv_client_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error)
{
    const char *room_id = sv_str(options->room_id);
    if (room_id[0] != '\0' && !sv_id_valid(room_id))
        return sv_error_field(ret_error, "room_id", "this is no id of a room");
    struct sv_client_stream *s = stream_new(options);
    if (s == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    s->client = ((struct sv_client_caller *)caller)->client;
    s->caller = synctv_caller_ref(caller);
    memcpy(s->room_id, room_id, strlen(room_id) + 1);
    sv_client_post(s->client, &s->start_letter);
    *ret_stream = &s->base;
    return 0;
}

void sv_client_streams_stop(synctv_client *client)
{
    synctv_error err;
    sv_error(&err, SYNCTV_E_CANCELLED);
    SV_LIST_FOREACH(it, &client->streams) {
        sv_client_stream_end(SV_CONTAINER_OF(it, struct sv_client_stream, link), &err);
    }
}
