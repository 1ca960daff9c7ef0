/* SPDX-License-Identifier: MIT */
#include "client/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "client/call.h"
#include "client/stream.h"
#include "wire/event.h"

/* The first 8 pings come fast, so that the clock is known soon. */
#define PING_FAST 8
#define PING_FAST_MS 600
#define PING_SLOW_MS 10000
#define BEHIND_POLL_MS 250
/* The longest wait that a server may ask for. */
#define WAIT_MAX_MS 60000
/* After a connection that has lasted so long the next one is tried without a longer wait. */
#define UP_MS 10000
/* Rooms whose newest state is kept. A server that names more is not one of ours. */
#define MAX_HELD 1024

/* The newest state of a room that the program got. */
struct sv_client_held_state {
    UT_hash_handle hh;
    char room_id[SV_ID_SIZE];
    uint64_t version;
    char node_id[65];
};

/* --- the clock --- */

static void ping_ring(struct sv_client_alarm *alarm)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(alarm, struct sv_client_stream, ping);
    const synctv_request ping =
        SYNCTV_REQUEST(SYNCTV_METHOD_PING, .client_time_ms = sv_client_now_ms(s->client));
    if (sv_client_stream_send(s, &ping, NULL) >= 0) {
        s->ping_sent_ms = ping.client_time_ms;
        s->n_pings++;
    }
    sv_client_alarm_set(s->client, &s->ping,
        sv_mono_ms() + (s->n_pings < PING_FAST ? PING_FAST_MS : PING_SLOW_MS));
}

/* Whether it answers a ping of ours, and not one of the program. */
static bool take_pong(struct sv_client_stream *s, const synctv_event *event)
{
    if (s->ping_sent_ms == 0 || event->client_time_ms != s->ping_sent_ms)
        return false;
    sv_client_clock_add_sample(s->client, s->ping_sent_ms, sv_client_now_ms(s->client),
        event->server_recv_time_ms, event->server_send_time_ms);
    s->ping_sent_ms = 0;
    return true;
}

/* --- what comes in --- */

static struct sv_client_held_state *hold_room(struct sv_client_stream *s, const char *room_id)
{
    struct sv_client_held_state *held = NULL;
    HASH_FIND_STR(s->held, room_id, held);
    if (held != NULL || strlen(room_id) >= sizeof(held->room_id) || HASH_COUNT(s->held) >= MAX_HELD)
        return held;
    held = calloc(1, sizeof(*held));
    if (held == NULL)
        return NULL;
    memcpy(held->room_id, room_id, strlen(room_id) + 1);
    HASH_ADD_STR(s->held, room_id, held);
    if (held->hh.tbl == NULL) {
        free(held);
        held = NULL;
    }
    return held;
}

/* Whether this state is older than the one that the program has; remembers it if not. */
static bool is_stale(struct sv_client_stream *s, const synctv_playback *state)
{
    struct sv_client_held_state *held = hold_room(s, state->room_id);
    if (held == NULL || strlen(state->node_id) >= sizeof(held->node_id))
        return false;
    if (state->cause != SYNCTV_STATE_CAUSE_SNAPSHOT &&
        (state->version < held->version ||
            (state->version == held->version && strcmp(state->node_id, held->node_id) < 0)))
        return true;
    held->version = state->version;
    memcpy(held->node_id, state->node_id, strlen(state->node_id) + 1);
    return false;
}

/* Whether the event is not for the program: a pong of ours, an old state, an answer to a call. */
static bool is_ours(struct sv_client_stream *s, const synctv_event *event)
{
    switch (event->type) {
    case SYNCTV_EVENT_PONG:
        return take_pong(s, event);
    case SYNCTV_EVENT_STATE:
        return is_stale(s, event->state);
    case SYNCTV_EVENT_CHAT:
        sv_client_calls_match_chat(s->client, event->chat);
        return false;
    case SYNCTV_EVENT_ERROR:
        return sv_client_calls_match_error(s->client, event);
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
    return false;
}

static void on_message(struct sv_rpc_client_stream *rpc, void *userdata, const void *data,
    size_t len)
{
    struct sv_client_stream *s = userdata;
    if (s->overrun < 0)
        return; /* an event is missing: nothing that comes after it is passed on */
    synctv_event *event = NULL;
    synctv_error err;
    int rv = sv_wire_event_decode(data, len, &event, &err);
    if (rv < 0) {
        if (rv != SYNCTV_E_UNIMPLEMENTED) /* a newer server may send what we do not know */
            sv_logf(&s->client->log, SYNCTV_LOG_WARN, "client", "a message was skipped: %s",
                err.message);
        return;
    }
    if (s->up_since_ms == 0)
        s->up_since_ms = sv_mono_ms();
    s->renewed = false;
    if (is_ours(s, event)) {
        synctv_event_unref(event);
        return;
    }
    s->overrun = sv_client_stream_push(s, event);
    if (s->overrun < 0) /* reconnects, with a SNAPSHOT, once the program has caught up */
        sv_rpc_client_stream_cancel(rpc);
}

/* --- connecting, and connecting again --- */

static void on_open(struct sv_rpc_client_stream *rpc, void *userdata)
{
    struct sv_client_stream *s = userdata;
    pthread_mutex_lock(&s->lock);
    s->open = true;
    pthread_mutex_unlock(&s->lock);
    s->down = false;
    sv_client_servers_answered(s->client);
    sv_client_stream_push_connection(s, SYNCTV_EVENT_CONNECTED, NULL);
    s->n_pings = 0;
    s->ping_sent_ms = 0;
    s->ping.ring = ping_ring;
    sv_client_alarm_set(s->client, &s->ping, sv_mono_ms());
    sv_client_calls_resend(s->client);
}

static void again_ring(struct sv_client_alarm *alarm)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(alarm, struct sv_client_stream, again);
    if (sv_client_stream_is_behind(s))
        sv_client_alarm_set(s->client, &s->again, sv_mono_ms() + BEHIND_POLL_MS);
    else
        sv_client_connection_start(s);
}

/* Whether another attempt to connect may succeed. */
static bool is_transient(int code)
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

/*
 * There is no connection, or none any more: tries again later, `elsewhere` soon, or ends the
 * stream.
 */
static void connection_lost(struct sv_client_stream *s, const synctv_error *err, bool elsewhere)
{
    sv_client_alarm_cancel(&s->ping);
    if (sv_client_stream_is_over(s))
        return;
    if (atomic_load(&s->client->closing) || atomic_load(&s->finishing) ||
        !is_transient(err->code)) {
        sv_client_stream_end(s, err);
        return;
    }
    if (!s->down)
        sv_client_stream_push_connection(s, SYNCTV_EVENT_DISCONNECTED, err);
    s->down = true;
    int64_t now_ms = sv_mono_ms();
    if (s->up_since_ms != 0 && now_ms - s->up_since_ms >= UP_MS)
        s->attempts = 0;
    s->up_since_ms = 0;
    int64_t wait_ms = sv_rpc_retry_delay_ms(++s->attempts, sv_client_random());
    if (elsewhere)
        wait_ms = sv_client_servers_pause_ms();
    if (wait_ms < err->retry_after_ms)
        wait_ms = err->retry_after_ms < WAIT_MAX_MS ? err->retry_after_ms : WAIT_MAX_MS;
    s->again.ring = again_ring;
    sv_client_alarm_set(s->client, &s->again, now_ms + wait_ms);
}

/* The server has refused our token: tries once with another. */
static bool try_another_token(struct sv_client_stream *s, int code)
{
    if (s->renewed || !sv_client_token_is_stale(code) || atomic_load(&s->client->closing) ||
        atomic_load(&s->finishing) || sv_client_stream_is_over(s))
        return false;
    s->renewed = true;
    sv_client_alarm_cancel(&s->ping);
    sv_client_tokens_mark_stale(s->client, sv_str(s->access));
    sv_client_connection_start(s);
    return true;
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
    pthread_mutex_unlock(&s->lock);
    sv_rpc_client_stream_unref(rpc);
    synctv_error err = answer->error;
    bool elsewhere = sv_client_servers_failed(s->client, answer);
    if (answer->grpc_status == 0)
        sv_error(&err,
            atomic_load(&s->finishing) ? SYNCTV_E_NOT_CONNECTED : SYNCTV_E_NODE_UNAVAILABLE);
    if (s->overrun == SYNCTV_E_SLOW_CONSUMER)
        sv_errorf(&err, s->overrun, "the program does not take its events");
    else if (s->overrun < 0)
        sv_error(&err, s->overrun);
    s->overrun = 0;
    sv_client_tokens_refused(s->client, sv_str(s->access), err.code);
    if (s->closing_down)
        sv_client_connection_close(s);
    else if (!try_another_token(s, err.code))
        connection_lost(s, &err, elsewhere);
}

static const struct sv_rpc_client_stream_ops rpc_ops = {
    .on_open = on_open,
    .on_message = on_message,
    .on_status = on_status,
};

static void open_stream(struct sv_client_stream *s, const char *bearer)
{
    struct sv_rpc_md metadata[3] = { { .key = "authorization", .value = bearer } };
    size_t n = 1;
    if (s->room_id[0] != '\0')
        metadata[n++] = (struct sv_rpc_md){ .key = "x-room-id", .value = s->room_id };
    if (s->room_password[0] != '\0')
        metadata[n++] = (struct sv_rpc_md){ .key = "x-room-password-bin", /* any bytes */
            .value = s->room_password,
            .len = strlen(s->room_password) };
    const struct sv_rpc_request request = {
        .path = "/synctv.client.ClientService/MessageStream",
        .metadata = metadata,
        .n_metadata = n,
        .wait_for_ready = true,
    };
    struct sv_rpc_client_stream *rpc =
        sv_rpc_client_stream_open(s->client->channel, &request, &rpc_ops, s);
    if (rpc == NULL) {
        synctv_error no_memory;
        sv_error(&no_memory, SYNCTV_E_NO_MEMORY);
        connection_lost(s, &no_memory, false);
        return;
    }
    s->client->n_on_wire++;
    s->on_wire = true;
    sv_client_servers_watch(s->client);
    pthread_mutex_lock(&s->lock);
    s->rpc = rpc;
    pthread_mutex_unlock(&s->lock);
}

static void have_token(struct sv_client_token_waiter *waiter, const char *access,
    const synctv_error *err)
{
    struct sv_client_stream *s = SV_CONTAINER_OF(waiter, struct sv_client_stream, token);
    s->waiting_for_token = false;
    if (s->closing_down) {
        sv_client_connection_close(s);
        return;
    }
    if (sv_client_stream_is_over(s))
        return;
    if (access == NULL) {
        connection_lost(s, err, false);
        return;
    }
    size_t size = strlen(access) + sizeof("Bearer ");
    char *bearer = malloc(size);
    free(s->access);
    s->access = strdup(access);
    if (bearer != NULL && s->access != NULL) {
        snprintf(bearer, size, "Bearer %s", access);
        open_stream(s, bearer);
    } else {
        synctv_error no_memory;
        sv_error(&no_memory, SYNCTV_E_NO_MEMORY);
        connection_lost(s, &no_memory, false);
    }
    free(bearer);
}

void sv_client_connection_start(struct sv_client_stream *s)
{
    s->waiting_for_token = true;
    s->token.done = have_token;
    sv_client_tokens_get(s->client, &s->token);
}

void sv_client_connection_finish(struct sv_client_stream *s)
{
    sv_client_alarm_cancel(&s->ping);
    if (s->open) {
        sv_rpc_client_stream_half_close(s->rpc);
        return;
    }
    synctv_error err;
    sv_error(&err, SYNCTV_E_NOT_CONNECTED);
    sv_client_stream_end(s, &err);
    sv_client_alarm_cancel(&s->again);
    if (s->on_wire)
        sv_rpc_client_stream_cancel(s->rpc);
}

void sv_client_connection_close(struct sv_client_stream *s)
{
    s->closing_down = true;
    sv_client_alarm_cancel(&s->again);
    sv_client_alarm_cancel(&s->ping);
    if (s->on_wire)
        sv_rpc_client_stream_cancel(s->rpc); /* on_status() comes back here */
    else if (!s->waiting_for_token)          /* have_token() does */
        sv_client_stream_released(s);
}

void sv_client_connection_fini(struct sv_client_stream *s)
{
    struct sv_client_held_state *held, *tmp;
    HASH_ITER(hh, s->held, held, tmp) {
        HASH_DEL(s->held, held);
        free(held);
    }
    free(s->access);
}
