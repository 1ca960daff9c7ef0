/* SPDX-License-Identifier: MIT */
/* Streams over a network: they come back by themselves, and tell nobody what is older than what they told before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "client/inside.h"
#include "wire/event.h"
#include "wire/request.h"

#define MAX_EVENTS 1024 /* not taken by the program */
#define PING_FAST 8     /* so many at first, to know the clock soon … */
#define PING_FAST_MS 600
#define PING_SLOW_MS 10000

/* The newest state of a room that was passed on. */
struct held_state {
    UT_hash_handle hh;
    char room_id[SV_ID_SIZE];
    uint64_t version;
    char node_id[65];
};

struct sv_client_stream {
    synctv_stream base; /* first */
    atomic_uint refs;   /* the program's, the client's thread's */
    synctv_client *client;
    synctv_caller *caller; /* a reference */
    char room_id[SV_ID_SIZE];
    char *room_password;
    synctv_stream_ready_fn *ready;
    void *userdata;
    struct sv_client_letter start_letter, close_letter;

    pthread_mutex_t lock; /* this block */
    pthread_cond_t cond;
    const synctv_event **ring; /* of MAX_EVENTS */
    unsigned head, count;
    bool told;
    bool closed;
    synctv_error end;
    struct sv_rpc_client_stream *rpc; /* NULL = not connected; a reference */
    bool open;                        /* the server has accepted it */

    /* The client's thread. */
    struct sv_list link; /* client->streams */
    struct sv_token_waiter token;
    bool waiting_for_token;
    bool on_wire;
    char *access;
    unsigned attempts; /* failed ones since the last success */
    bool renewed;
    struct sv_alarm again, ping;
    unsigned n_pings;
    int64_t ping_sent_ms; /* our clock */
    struct held_state *held;
};

static void stream_unref(struct sv_client_stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    for (unsigned i = 0; i < s->count; i++)
        synctv_event_unref(s->ring[(s->head + i) % MAX_EVENTS]);
    struct held_state *held, *tmp;
    HASH_ITER(hh, s->held, held, tmp) {
        HASH_DEL(s->held, held);
        free(held);
    }
    free(s->ring);
    free(s->access);
    free(s->room_password);
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->lock);
    synctv_caller_unref(s->caller);
    free(s);
}

/* --- to the program --- */

/* Locked; true if ready() is to be called. */
static bool tell(struct sv_client_stream *s)
{
    pthread_cond_signal(&s->cond);
    if (s->told || s->closed || s->ready == NULL)
        return false;
    s->told = true;
    return true;
}

/* Takes the reference. False if there is no room. */
static bool push(struct sv_client_stream *s, const synctv_event *event)
{
    bool call = false;
    pthread_mutex_lock(&s->lock);
    bool fits = s->count < MAX_EVENTS;
    if (fits && !s->closed && s->end.code == 0) {
        s->ring[(s->head + s->count++) % MAX_EVENTS] = event;
        event = NULL;
        call = tell(s);
    }
    pthread_mutex_unlock(&s->lock);
    synctv_event_unref(event);
    if (call)
        s->ready(s->userdata, &s->base);
    return fits;
}

static void push_connection(struct sv_client_stream *s, synctv_event_type type,
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
    push(s, event);
}

static void end(struct sv_client_stream *s, const synctv_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (s->end.code == 0)
        s->end = *err;
    bool call = tell(s);
    pthread_mutex_unlock(&s->lock);
    sv_alarm_cancel(&s->again);
    sv_alarm_cancel(&s->ping);
    if (call)
        s->ready(s->userdata, &s->base);
}

static struct sv_client_stream *of(synctv_stream *stream)
{
    return (struct sv_client_stream *)stream;
}

static int stream_next(synctv_stream *pub, int timeout_ms, const synctv_event **ret_event,
    synctv_error *ret_error)
{
    struct sv_client_stream *s = of(pub);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int rv;
    pthread_mutex_lock(&s->lock);
    while (timeout_ms > 0 && s->count == 0 && s->end.code == 0 &&
        pthread_cond_timedwait(&s->cond, &s->lock, &until) != ETIMEDOUT)
        ;
    if (s->count > 0) {
        *ret_event = s->ring[s->head];
        s->head = (s->head + 1) % MAX_EVENTS;
        s->count--;
        rv = 1;
    } else {
        rv = s->end.code;
        if (rv != 0 && ret_error != NULL)
            *ret_error = s->end;
        s->told = false;
    }
    pthread_mutex_unlock(&s->lock);
    return rv;
}

/* --- to the server --- */

/* Any thread. */
static int send_message(struct sv_client_stream *s, const synctv_request *request,
    synctv_error *ret_error)
{
    synctv_request stamped = *request;
    if (stamped.client_time_ms == 0)
        stamped.client_time_ms = synctv_client_server_time_ms(s->client);
    struct sv_rpc_bytes bytes;
    int rv = sv_wire_client_message_encode(&stamped, sv_client_bytes_alloc, &bytes, ret_error);
    if (rv < 0)
        return rv;
    pthread_mutex_lock(&s->lock);
    struct sv_rpc_client_stream *rpc = s->open ? s->rpc : NULL;
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
    return send_message(of(pub), request, ret_error);
}

int sv_client_streams_send(synctv_client *client, const synctv_request *request,
    synctv_error *ret_error)
{
    SV_LIST_FOREACH(it, &client->streams) {
        struct sv_client_stream *s = SV_CONTAINER_OF(it, struct sv_client_stream, link);
        if (s->room_id[0] != '\0' && strcmp(s->room_id, sv_str(request->room_id)) != 0)
            continue;
        if (send_message(s, request, ret_error) >= 0)
            return 0;
    }
    return sv_errorf(ret_error, SYNCTV_E_NOT_CONNECTED,
        "this travels on a stream: open one that follows the room");
}

/* --- the clock --- */

static void ping_ring(struct sv_alarm *alarm)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(alarm, struct sv_client_stream, ping);
    const synctv_request ping = {
        .method = SYNCTV_METHOD_PING,
        .client_time_ms = sv_client_now_ms(s->client),
    };
    if (send_message(s, &ping, NULL) >= 0) {
        s->ping_sent_ms = ping.client_time_ms;
        s->n_pings++;
    }
    sv_alarm_set(s->client, &s->ping,
        sv_mono_ms() + (s->n_pings < PING_FAST ? PING_FAST_MS : PING_SLOW_MS));
}

/* Whether it answers a ping of ours, not of the program's. */
static bool take_pong(struct sv_client_stream *s, const synctv_event *event)
{
    if (s->ping_sent_ms == 0 || event->client_time_ms != s->ping_sent_ms)
        return false;
    sv_clock_learn(s->client, s->ping_sent_ms, sv_client_now_ms(s->client),
        event->server_recv_time_ms, event->server_send_time_ms);
    s->ping_sent_ms = 0;
    return true;
}

/* --- what comes in --- */

/* Whether this state is older than the one that the program has. */
static bool is_stale(struct sv_client_stream *s, const synctv_playback *state)
{
    struct held_state *held = NULL;
    HASH_FIND_STR(s->held, state->room_id, held);
    if (held != NULL && state->cause != SYNCTV_STATE_CAUSE_SNAPSHOT &&
        (state->version < held->version ||
            (state->version == held->version && strcmp(state->node_id, held->node_id) < 0)))
        return true;
    if (held == NULL && strlen(state->room_id) < sizeof(held->room_id) &&
        (held = calloc(1, sizeof(*held))) != NULL) {
        memcpy(held->room_id, state->room_id, strlen(state->room_id) + 1);
        HASH_ADD_STR(s->held, room_id, held);
        if (held->hh.tbl == NULL) {
            free(held);
            held = NULL;
        }
    }
    if (held != NULL && strlen(state->node_id) < sizeof(held->node_id)) {
        held->version = state->version;
        memcpy(held->node_id, state->node_id, strlen(state->node_id) + 1);
    }
    return false;
}

static void on_message(struct sv_rpc_client_stream *rpc, void *userdata, const void *data,
    size_t len)
{
    struct sv_client_stream *s = userdata;
    synctv_event *event = NULL;
    synctv_error err;
    int rv = sv_wire_event_decode(data, len, &event, &err);
    if (rv < 0) {
        if (rv != SYNCTV_E_UNIMPLEMENTED) /* what a newer server says besides is skipped */
            sv_logf(&s->client->log, SYNCTV_LOG_WARN, "client", "a message was skipped: %s",
                err.message);
        return;
    }
    s->attempts = 0;
    s->renewed = false;
    bool mine = false;
    switch (event->type) {
    case SYNCTV_EVENT_PONG:
        mine = take_pong(s, event);
        break;
    case SYNCTV_EVENT_STATE:
        mine = is_stale(s, event->state);
        break;
    case SYNCTV_EVENT_CHAT:
        sv_client_calls_match_chat(s->client, event->chat);
        break;
    case SYNCTV_EVENT_ERROR:
        mine = sv_client_calls_match_error(s->client, event);
        break;
    case SYNCTV_EVENT_DANMAKU:
    case SYNCTV_EVENT_MEMBER:
    case SYNCTV_EVENT_MOVIES:
    case SYNCTV_EVENT_ROOM:
    case SYNCTV_EVENT_LIVE:
    case SYNCTV_EVENT_CHAT_DELETED:
    case SYNCTV_EVENT_CONNECTED:
    case SYNCTV_EVENT_DISCONNECTED:
        break;
    }
    if (mine)
        synctv_event_unref(event);
    else if (!push(s, event))
        sv_rpc_client_stream_cancel(rpc); /* the program does not take them: begin again later */
}

/* --- connecting, and connecting again --- */

static void on_open(struct sv_rpc_client_stream *rpc, void *userdata)
{
    struct sv_client_stream *s = userdata;
    pthread_mutex_lock(&s->lock);
    s->open = true;
    pthread_mutex_unlock(&s->lock);
    push_connection(s, SYNCTV_EVENT_CONNECTED, NULL);
    s->n_pings = 0;
    s->ping.ring = ping_ring;
    sv_alarm_set(s->client, &s->ping, sv_mono_ms());
}

static void have_token(struct sv_token_waiter *waiter, const char *access, const synctv_error *err);

static void connect_now(struct sv_client_stream *s)
{
    s->waiting_for_token = true;
    s->token.done = have_token;
    sv_tokens_get(s->client, &s->token);
}

static void again_ring(struct sv_alarm *alarm)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(alarm, struct sv_client_stream, again);
    pthread_mutex_lock(&s->lock);
    bool full = s->count > MAX_EVENTS / 2;
    pthread_mutex_unlock(&s->lock);
    if (full) /* the program is still behind */
        sv_alarm_set(s->client, &s->again, sv_mono_ms() + SV_RETRY_MAX_MS);
    else
        connect_now(s);
}

/* Failures that another attempt may not meet. */
static bool passes(int code)
{
    switch (code) {
    case SYNCTV_E_NODE_UNAVAILABLE:
    case SYNCTV_E_NOT_CONNECTED:
    case SYNCTV_E_SHUTTING_DOWN:
    case SYNCTV_E_STORAGE_UNAVAILABLE:
    case SYNCTV_E_SLOW_CONSUMER:
    case SYNCTV_E_OVERLOADED:
    case SYNCTV_E_RATE_LIMITED:
    case SYNCTV_E_STREAM_LIMIT:
    case SYNCTV_E_TIMEOUT:
    case SYNCTV_E_CANCELLED:
    case SYNCTV_E_INTERNAL:
    case SYNCTV_E_NO_MEMORY:
        return true;
    default:
        return false;
    }
}

static bool is_over(struct sv_client_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool over = s->closed || s->end.code != 0;
    pthread_mutex_unlock(&s->lock);
    return over;
}

static void lost(struct sv_client_stream *s, const synctv_error *err)
{
    sv_alarm_cancel(&s->ping);
    if (is_over(s))
        return;
    bool stale_token = err->code == SYNCTV_E_TOKEN_EXPIRED && !s->renewed;
    if (atomic_load(&s->client->closing) || !(stale_token || passes(err->code))) {
        end(s, err);
        return;
    }
    if (stale_token) {
        s->renewed = true;
        sv_tokens_stale(s->client, sv_str(s->access));
        connect_now(s);
        return;
    }
    if (s->attempts++ == 0)
        push_connection(s, SYNCTV_EVENT_DISCONNECTED, err);
    int64_t wait_ms = sv_retry_delay_ms(s->attempts, sv_client_random());
    if (wait_ms < err->retry_after_ms)
        wait_ms = err->retry_after_ms;
    s->again.ring = again_ring;
    sv_alarm_set(s->client, &s->again, sv_mono_ms() + wait_ms);
}

static void finished(struct sv_client_stream *s)
{
    sv_alarm_cancel(&s->again);
    sv_alarm_cancel(&s->ping);
    sv_list_remove(&s->link);
    stream_unref(s);
}

static void on_status(struct sv_rpc_client_stream *rpc, void *userdata,
    const struct sv_rpc_answer *answer)
{
    struct sv_client_stream *s = userdata;
    s->client->n_on_wire--;
    s->on_wire = false;
    pthread_mutex_lock(&s->lock);
    s->open = false;
    s->rpc = NULL;
    bool closed = s->closed;
    pthread_mutex_unlock(&s->lock);
    sv_rpc_client_stream_unref(rpc);
    if (closed) {
        finished(s);
        return;
    }
    synctv_error err = answer->error;
    if (answer->grpc_status == 0)
        sv_error(&err, SYNCTV_E_NODE_UNAVAILABLE); /* we did not ask it to end */
    lost(s, &err);
}

static const struct sv_rpc_client_stream_ops rpc_ops = {
    .on_open = on_open,
    .on_message = on_message,
    .on_status = on_status,
};

static void have_token(struct sv_token_waiter *waiter, const char *access, const synctv_error *err)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(waiter, struct sv_client_stream, token);
    s->waiting_for_token = false;
    pthread_mutex_lock(&s->lock);
    bool closed = s->closed;
    pthread_mutex_unlock(&s->lock);
    if (closed) {
        finished(s);
        return;
    }
    char *bearer = NULL;
    synctv_error no_memory;
    if (access != NULL) {
        free(s->access);
        s->access = strdup(access);
        bearer = malloc(strlen(access) + sizeof("Bearer "));
        sv_error(&no_memory, SYNCTV_E_NO_MEMORY);
        err = &no_memory;
    }
    if (bearer == NULL || s->access == NULL) {
        free(bearer);
        lost(s, err);
        return;
    }
    memcpy(bearer, "Bearer ", 7);
    memcpy(bearer + 7, access, strlen(access) + 1);
    struct sv_rpc_md metadata[3] = { { .key = "authorization", .value = bearer } };
    size_t n = 1;
    if (s->room_id[0] != '\0')
        metadata[n++] = (struct sv_rpc_md){ .key = "x-room-id", .value = s->room_id };
    if (!sv_str_empty(s->room_password))
        metadata[n++] = (struct sv_rpc_md){ .key = "x-room-password", .value = s->room_password };
    const struct sv_rpc_request request = {
        .path = "/synctv.client.ClientService/MessageStream",
        .metadata = metadata,
        .n_metadata = n,
        .wait_for_ready = true,
    };
    s->client->n_on_wire++;
    s->on_wire = true;
    struct sv_rpc_client_stream *rpc =
        sv_rpc_client_stream_open(s->client->channel, &request, &rpc_ops, s);
    pthread_mutex_lock(&s->lock);
    s->rpc = rpc;
    pthread_mutex_unlock(&s->lock);
    free(bearer);
}

/* --- life --- */

static void close_on_thread(struct sv_client_letter *letter)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(letter, struct sv_client_stream, close_letter);
    if (s->on_wire)
        sv_rpc_client_stream_cancel(s->rpc); /* finished() in on_status() */
    else if (!s->waiting_for_token)
        finished(s);
    stream_unref(s); /* the program's */
}

static void stream_close(synctv_stream *pub)
{
    struct sv_client_stream *s = of(pub);
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
    s->close_letter.run = close_on_thread;
    sv_client_post(s->client, &s->close_letter);
}

static const struct sv_stream_ops stream_ops = {
    .next = stream_next,
    .send = stream_send,
    .close = stream_close,
};

static void start_on_thread(struct sv_client_letter *letter)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(letter, struct sv_client_stream, start_letter);
    sv_list_append(&s->client->streams, &s->link);
    if (atomic_load(&s->client->closing)) {
        synctv_error err;
        sv_error(&err, SYNCTV_E_CANCELLED);
        end(s, &err);
        return;
    }
    connect_now(s);
}

int sv_client_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error)
{
    const char *room_id = sv_str(options->room_id);
    if (room_id[0] != '\0' && !sv_id_valid(room_id))
        return sv_error_field(ret_error, "room_id", "this is no id of a room");
    struct sv_client_stream *s = calloc(1, sizeof(*s));
    char *password = strdup(sv_str(options->room_password));
    const synctv_event **ring = calloc(MAX_EVENTS, sizeof(*ring));
    if (s == NULL || password == NULL || ring == NULL) {
        free(s);
        free(password);
        free(ring);
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    }
    s->base.ops = &stream_ops;
    atomic_init(&s->refs, 2);
    s->client = ((struct sv_client_caller *)caller)->client;
    s->caller = synctv_caller_ref(caller);
    memcpy(s->room_id, room_id, strlen(room_id) + 1);
    s->room_password = password;
    s->ring = ring;
    s->ready = options->ready;
    s->userdata = options->userdata;
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
    s->start_letter.run = start_on_thread;
    sv_client_post(s->client, &s->start_letter);
    *ret_stream = &s->base;
    return 0;
}

void sv_client_streams_stop(synctv_client *client)
{
    synctv_error err;
    sv_error(&err, SYNCTV_E_CANCELLED);
    SV_LIST_FOREACH(it, &client->streams) {
        end(SV_CONTAINER_OF(it, struct sv_client_stream, link), &err);
    }
}
