/* SPDX-License-Identifier: MIT */
#include "service/message_stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/ratelimit.h"
#include "base/text.h"
#include "service/failure.h"
#include "service/inside.h"
#include "wire/client_message.h"
#include "wire/event.h"

/*
 * A client may send so many messages a second that are refused, and so many of the answers to them
 * may be unread. One more ends the stream.
 */
#define REFUSALS_PER_SECOND 5
#define REFUSALS_MAX 32
#define ROOM_PASSWORD_MAX 64

/* The answer to a message that could not be decoded or was refused at once. */
struct refusal {
    synctv_error err;
    char in_reply_to[65];
};

struct sv_service_message_stream {
    struct sv_service *service;
    synctv_stream *events;
    /* NULL until the call is accepted. */
    struct sv_rpc_stream *_Atomic rpc;
    /* One of start_as(), one of the accepted call. */
    atomic_uint refs;

    /* The rate of refusals. For on_message() alone. */
    struct sv_bucket refusal_rate;
    /* Of all below. */
    pthread_mutex_t lock;
    /* A ring of REFUSALS_MAX; NULL until the first refusal. */
    struct refusal *_Atomic refusals;
    unsigned first_refusal, n_refusals;
};

/* ---- life ---- */

static void stream_free(struct sv_service_message_stream *s)
{
    struct sv_rpc_stream *rpc = atomic_load(&s->rpc);
    if (rpc != NULL)
        sv_rpc_stream_unref(rpc);
    free(s->refusals);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void stream_unref(struct sv_service_message_stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) == 1)
        stream_free(s);
}

/* synctv_stream_ready_fn */
static void on_ready(void *userdata, synctv_stream *events)
{
    struct sv_service_message_stream *s = userdata;
    struct sv_rpc_stream *rpc = atomic_load(&s->rpc);
    if (rpc != NULL)
        sv_rpc_stream_kick(rpc);
}

static void on_closed(struct sv_rpc_stream *rpc, void *userdata)
{
    struct sv_service_message_stream *s = userdata;
    synctv_stream_close(s->events);
    s->events = NULL;
    stream_unref(s);
}

/* ---- out ---- */

static void *encode_shared(const synctv_event *event)
{
    struct sv_rpc_bytes *bytes = malloc(sizeof(*bytes));
    if (bytes != NULL && sv_wire_event_encode(event, sv_rpc_bytes_alloc, bytes, NULL) < 0) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

static void free_shared(void *value)
{
    struct sv_rpc_bytes *bytes = value;
    sv_rpc_bytes_unref(*bytes);
    free(bytes);
}

static int encode_pong(struct sv_service_message_stream *s, const synctv_event *event,
    struct sv_rpc_bytes *ret_bytes, synctv_error *err)
{
    synctv_event pong = *event;
    pong.server_send_time_ms = synctv_node_now_ms(s->service->node);
    return sv_wire_event_encode(&pong, sv_rpc_bytes_alloc, ret_bytes, err);
}

static int encode_error(struct sv_service_message_stream *s, const synctv_event *event,
    struct sv_rpc_bytes *ret_bytes, synctv_error *err)
{
    synctv_error shown = *event->error;
    sv_service_hide_internal(s->service, "a message of a stream", &shown);
    synctv_event copy = *event;
    copy.error = &shown;
    return sv_wire_event_encode(&copy, sv_rpc_bytes_alloc, ret_bytes, err);
}

static int encode(struct sv_service_message_stream *s, const synctv_event *event,
    struct sv_rpc_bytes *ret_bytes, synctv_error *err)
{
    if (event->type == SYNCTV_EVENT_PONG)
        return encode_pong(s, event, ret_bytes, err);
    if (event->type == SYNCTV_EVENT_ERROR)
        return encode_error(s, event, ret_bytes, err);
    struct sv_rpc_bytes *shared = synctv_event_derive(event, encode_shared, free_shared);
    if (shared == NULL) /* no memory, or embedders have derived too many values */
        return sv_wire_event_encode(event, sv_rpc_bytes_alloc, ret_bytes, err);
    *ret_bytes = sv_rpc_bytes_ref(*shared);
    return 0;
}

/* Takes the oldest refusal. */
static bool take_refusal(struct sv_service_message_stream *s, struct refusal *ret)
{
    if (atomic_load(&s->refusals) == NULL) /* nearly always; each refusal is followed by a kick */
        return false;
    pthread_mutex_lock(&s->lock);
    bool found = s->n_refusals > 0;
    if (found) {
        *ret = s->refusals[s->first_refusal];
        s->first_refusal = (s->first_refusal + 1) % REFUSALS_MAX;
        s->n_refusals--;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static int encode_refusal(struct sv_service_message_stream *s, const struct refusal *refusal,
    struct sv_rpc_bytes *ret_bytes, synctv_error *err)
{
    char id[SV_ID_SIZE];
    sv_id_new(id);
    synctv_event event = {
        .type = SYNCTV_EVENT_ERROR,
        .message_id = id,
        .timestamp_ms = synctv_node_now_ms(s->service->node),
        .room_id = "",
        .actor_id = "",
        .error_code = refusal->err.code,
        .error = &refusal->err,
        .in_reply_to = refusal->in_reply_to,
    };
    return encode_error(s, &event, ret_bytes, err);
}

/* sv_rpc_stream_ops.next */
static int next_message(struct sv_rpc_stream *rpc, void *userdata, struct sv_rpc_bytes *ret_bytes,
    synctv_error *ret_error)
{
    struct sv_service_message_stream *s = userdata;
    struct refusal refusal;
    if (take_refusal(s, &refusal)) {
        int rv = encode_refusal(s, &refusal, ret_bytes, ret_error);
        return rv < 0 ? rv : 1;
    }
    const synctv_event *event;
    int rv = synctv_stream_next(s->events, 0, &event, ret_error);
    if (rv == SYNCTV_E_NOT_CONNECTED) { /* half-closed, and all is answered */
        sv_rpc_stream_finish(rpc, 0, NULL);
        return 0;
    }
    if (rv < 0)
        sv_service_hide_internal(s->service, "a stream", ret_error);
    if (rv <= 0)
        return rv;
    rv = encode(s, event, ret_bytes, ret_error);
    synctv_event_unref(event);
    return rv < 0 ? rv : 1;
}

/* ---- in ---- */

static bool add_refusal(struct sv_service_message_stream *s, const synctv_error *err,
    const char *in_reply_to)
{
    bool added = false;
    pthread_mutex_lock(&s->lock);
    struct refusal *ring = atomic_load(&s->refusals);
    if (ring == NULL && (ring = calloc(REFUSALS_MAX, sizeof(*ring))) != NULL)
        atomic_store(&s->refusals, ring);
    if (ring != NULL && s->n_refusals < REFUSALS_MAX) {
        struct refusal *refusal = &ring[(s->first_refusal + s->n_refusals) % REFUSALS_MAX];
        refusal->err = *err;
        size_t len = strlen(in_reply_to);
        bool fits = len < sizeof(refusal->in_reply_to); /* no valid one is longer */
        memcpy(refusal->in_reply_to, in_reply_to, fits ? len : 0);
        refusal->in_reply_to[fits ? len : 0] = '\0';
        s->n_refusals++;
        added = true;
    }
    pthread_mutex_unlock(&s->lock);
    return added;
}

/* Answers with an ErrorMessage; too many of them end the stream. */
static void refuse(struct sv_service_message_stream *s, struct sv_rpc_stream *rpc,
    const synctv_error *err, const char *in_reply_to)
{
    static const struct sv_rate rate = { REFUSALS_PER_SECOND, REFUSALS_MAX };
    int64_t wait_ms = sv_bucket_take(&s->refusal_rate, &rate, sv_mono_ms());
    if (wait_ms == 0 && add_refusal(s, err, in_reply_to)) {
        sv_rpc_stream_kick(rpc);
        return;
    }
    synctv_error flood;
    sv_errorf(&flood, SYNCTV_E_RATE_LIMITED, "too many messages that could not be taken");
    /* Nothing to wait for in the rate: the ring is full, of a client that does not read. */
    flood.retry_after_ms = wait_ms > 0 ? wait_ms : 1000 / REFUSALS_PER_SECOND;
    sv_rpc_stream_finish(rpc, flood.code, &flood);
}

static void on_message(struct sv_rpc_stream *rpc, void *userdata, const void *data, size_t len)
{
    struct sv_service_message_stream *s = userdata;
    struct sv_arena arena = { 0 };
    synctv_request request;
    synctv_error err;
    int rv = sv_wire_client_message_decode(data, len, &arena, &request, &err);
    if (rv >= 0)
        rv = synctv_stream_send(s->events, &request, &err);
    if (rv < 0 && rv != SYNCTV_E_NOT_CONNECTED) /* then next_message() says why it has ended */
        refuse(s, rpc, &err, sv_str(request.message_id));
    sv_arena_fini(&arena);
}

static void on_half_close(struct sv_rpc_stream *rpc, void *userdata)
{
    struct sv_service_message_stream *s = userdata;
    synctv_stream_finish(s->events);
}

/* ---- the beginning ---- */

static const struct sv_rpc_stream_ops stream_ops = {
    .on_message = on_message,
    .next = next_message,
    .on_half_close = on_half_close,
    .on_closed = on_closed,
};

/*
 * Copies a metadata value into `out` as a string; "" = there is none. Errors: INVALID_ARGUMENT (it
 * is too long or not UTF-8).
 */
static int metadata_string(struct sv_rpc_call *rpc, const char *key, char *out, size_t size,
    synctv_error *err)
{
    size_t len = 0;
    const char *value = sv_rpc_call_metadata(rpc, key, &len);
    out[0] = '\0';
    if (value == NULL)
        return 0;
    if (len >= size || !sv_utf8_valid(value, len))
        return sv_error_field(err, key, "%s is not valid", key);
    memcpy(out, value, len);
    out[len] = '\0';
    return 0;
}

static struct sv_service_message_stream *stream_new(struct sv_service *service)
{
    struct sv_service_message_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->service = service;
    atomic_init(&s->refs, 2);
    atomic_init(&s->rpc, NULL);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

/* Opens the node's stream. Passwords that are not ASCII come as x-room-password-bin. */
static int open_events(struct sv_service_message_stream *s, struct sv_rpc_call *rpc,
    synctv_caller *caller, synctv_error *err)
{
    char room_id[SV_ID_SIZE], password[ROOM_PASSWORD_MAX + 1];
    int rv = metadata_string(rpc, "x-room-id", room_id, sizeof(room_id), err);
    if (rv == 0)
        rv = metadata_string(rpc, "x-room-password", password, sizeof(password), err);
    if (rv == 0 && password[0] == '\0')
        rv = metadata_string(rpc, "x-room-password-bin", password, sizeof(password), err);
    if (rv < 0)
        return rv;
    synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room_id,
        .room_password = password, .ready = on_ready, .userdata = s);
    return synctv_stream_open(caller, &options, &s->events, err);
}

struct start {
    struct sv_service *service;
    struct sv_rpc_call *rpc;
};

/* synctv_authenticated_fn; `userdata` lives in the call's arena. */
static void start_as(void *userdata, synctv_caller *caller, const synctv_error *error)
{
    struct start start = *(struct start *)userdata;
    if (caller == NULL) {
        sv_service_fail(start.service, start.rpc, error, NULL);
        return;
    }
    synctv_error err;
    struct sv_service_message_stream *s = stream_new(start.service);
    if (s == NULL) {
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        sv_service_fail(start.service, start.rpc, &err, NULL);
        return;
    }
    if (open_events(s, start.rpc, caller, &err) < 0) {
        sv_service_fail(start.service, start.rpc, &err, NULL);
        stream_free(s);
        return;
    }
    struct sv_rpc_stream *rpc;
    int rv = sv_rpc_call_accept(start.rpc, &stream_ops, s, &rpc);
    if (rv < 0) {
        sv_error(&err, rv);
        sv_service_fail(start.service, start.rpc, &err, NULL);
        on_closed(NULL, s);
        stream_unref(s);
        return;
    }
    atomic_store(&s->rpc, rpc);
    sv_rpc_stream_kick(rpc); /* on_ready() could not do it before */
    stream_unref(s);
}

void sv_service_message_stream_start(struct sv_rpc_call *rpc, void *arg)
{
    const struct sv_service_method *m = arg;
    synctv_error err;
    const char *token;
    struct start *start = sv_arena_alloc(sv_rpc_call_arena(rpc), sizeof(*start));
    if (start == NULL) {
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        sv_service_fail(m->service, rpc, &err, NULL);
    } else if (sv_service_bearer(rpc, &token, &err) < 0) {
        sv_service_fail(m->service, rpc, &err, NULL);
    } else {
        start->service = m->service;
        start->rpc = rpc;
        synctv_node_authenticate(m->service->node, token, start_as, start);
    }
}
