/* SPDX-License-Identifier: MIT */
#include "client/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/methods.h"
#include "api/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "client/inside.h"
#include "client/stream.h"
#include "rpc/bytes.h"
#include "wire/request.h"
#include "wire/result.h"

/* A synctv_cancellable's view of a call. It outlives the call while its letter is on the way. */
struct withdrawal {
    struct sv_cancel_watch watch;
    struct sv_letter letter;
    atomic_uint refs;
    synctv_client *client;
    /* On the client's thread; NULL = the call is over. */
    struct sv_client_call *call;
};

struct sv_client_call {
    /* Of client->calls, on its thread. */
    struct sv_list link;
    struct sv_letter letter;
    /* The next attempt; or, while it waits for a token or an event, its time-out. */
    struct sv_client_alarm alarm;
    struct sv_client_token_waiter token;
    synctv_client *client;
    /* A reference. */
    synctv_caller *caller;
    synctv_method method;
    struct sv_rpc_bytes payload;
    bool has_payload;
    /* It needs an access token. */
    bool signed_in;
    /* It may be done twice. */
    bool repeatable;
    /* A fresh token was fetched for it already. */
    bool renewed;
    /* Its answer begins or ends the client's session. */
    bool signs_in;
    /* On client->calls. */
    bool started;
    bool on_wire;
    bool withdrawn;
    /* NULL = it cannot be withdrawn. */
    struct withdrawal *withdrawal;
    /* The token of this attempt. */
    char *access;
    struct sv_rpc_retry retry;
    synctv_done_fn *done;
    void *userdata;

    /* Of SEND_CHAT and SEND_DANMAKU, which travel on a stream. */
    struct sv_arena arena;
    synctv_request request;
    char message_id[SV_ID_SIZE];
};

static void withdrawal_unref(struct withdrawal *w)
{
    if (w != NULL && atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) == 1)
        free(w);
}

static void call_free(struct sv_client_call *call)
{
    if (call->withdrawal != NULL) {
        call->withdrawal->call = NULL;
        sv_cancel_unwatch(&call->withdrawal->watch);
        withdrawal_unref(call->withdrawal);
    }
    sv_client_alarm_cancel(&call->alarm);
    sv_list_remove(&call->token.link);
    sv_list_remove(&call->link);
    if (call->has_payload)
        sv_rpc_bytes_unref(call->payload);
    sv_arena_fini(&call->arena);
    free(call->access);
    synctv_caller_unref(call->caller);
    free(call);
}

static void finish(struct sv_client_call *call, const synctv_result *result)
{
    call->done(call->userdata, result);
    synctv_result_unref(result);
    call_free(call);
}

static void fail(struct sv_client_call *call, const synctv_error *err)
{
    finish(call, sv_result_failed(err->code, err));
}

/* --- withdrawing --- */

static void fail_cancelled(struct sv_client_call *call)
{
    synctv_error err;
    sv_error(&err, SYNCTV_E_CANCELLED);
    fail(call, &err);
}

static void withdraw_letter(struct sv_letter *letter)
{
    struct withdrawal *w = SV_CONTAINER_OF(letter, struct withdrawal, letter);
    struct sv_client_call *call = w->call;
    if (call != NULL) {
        call->withdrawn = true;
        if (call->on_wire)
            sv_rpc_unary_cancel(call->client->channel, call); /* answered() follows */
        else if (call->started)
            fail_cancelled(call);
    }
    withdrawal_unref(w);
}

static void withdraw(struct sv_cancel_watch *watch)
{
    struct withdrawal *w = SV_CONTAINER_OF(watch, struct withdrawal, watch);
    atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
    sv_client_post(w->client, &w->letter);
}

static int make_withdrawable(struct sv_client_call *call, synctv_cancellable *cancellable)
{
    struct withdrawal *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return SYNCTV_E_NO_MEMORY;
    atomic_init(&w->refs, 1);
    w->watch.withdraw = withdraw;
    w->letter.run = withdraw_letter;
    w->client = call->client;
    w->call = call;
    if (!sv_cancel_watch(&w->watch, cancellable)) {
        free(w);
        return SYNCTV_E_CANCELLED;
    }
    call->withdrawal = w;
    return 0;
}

/* --- an attempt --- */

static void begin(struct sv_client_call *call);

static void alarm_ring(struct sv_client_alarm *alarm)
{
    begin(SV_CONTAINER_OF(alarm, struct sv_client_call, alarm));
}

/* The state that came with a VERSION_CONFLICT goes into the result. */
static const synctv_result *failed_result(const struct sv_rpc_answer *answer)
{
    const synctv_error *err = &answer->error;
    synctv_result *result = NULL;
    synctv_playback *state = NULL;
    if (err->code == SYNCTV_E_VERSION_CONFLICT && answer->extra.type_url != NULL)
        result = sv_result_new();
    if (result != NULL)
        state = sv_arena_alloc(sv_result_arena(result), sizeof(*state));
    if (state != NULL &&
        sv_wire_playback_decode(answer->extra.data, answer->extra.len, sv_result_arena(result),
            state, NULL) >= 0 &&
        sv_result_fail(result, err->code, err) >= 0) {
        result->state = state;
        return result;
    }
    synctv_result_unref(result);
    return sv_result_failed(err->code, err);
}

/* Whether another attempt follows the failure. */
static bool try_again(struct sv_client_call *call, const struct sv_rpc_answer *answer)
{
    const synctv_error *err = &answer->error;
    bool elsewhere = sv_client_servers_failed(call->client, answer);
    bool repeatable = call->repeatable || sv_client_servers_has_done_nothing(call->client, answer);
    if (atomic_load(&call->client->closing) || call->withdrawn ||
        err->code == SYNCTV_E_RATE_LIMITED)
        return false; /* the program knows best which calls it can do without */
    if (sv_client_token_is_stale(err->code) && call->signed_in && !call->renewed) {
        call->renewed = true;
        sv_client_tokens_mark_stale(call->client, call->access);
        begin(call);
        return true;
    }
    int64_t now_ms = sv_mono_ms();
    int64_t wait_ms = sv_rpc_retry_next(&call->retry, err->code, repeatable, err->retry_after_ms,
        now_ms, sv_client_random());
    if (wait_ms < 0)
        return false;
    if (elsewhere)
        wait_ms = sv_client_servers_pause_ms();
    call->alarm.ring = alarm_ring;
    sv_client_alarm_set(call->client, &call->alarm, now_ms + wait_ms);
    return true;
}

static void answered(void *userdata, const struct sv_rpc_answer *answer)
{
    struct sv_client_call *call = userdata;
    call->client->n_on_wire--;
    call->on_wire = false;
    if (answer->grpc_status != 0) {
        if (call->access != NULL)
            sv_client_tokens_refused(call->client, call->access, answer->error.code);
        if (!try_again(call, answer))
            finish(call, failed_result(answer));
        return;
    }
    sv_client_servers_answered(call->client);
    synctv_result *result = NULL;
    synctv_error err;
    if (sv_wire_result_decode(call->method, answer->data, answer->len, &result, &err) < 0) {
        fail(call, &err);
        return;
    }
    if (call->signs_in)
        sv_client_tokens_update(call->client, call->method, result);
    finish(call, result);
}

static void send_attempt(struct sv_client_call *call, const char *access)
{
    int64_t left_ms = call->retry.deadline_ms - sv_mono_ms();
    synctv_error err;
    if (left_ms <= 0) {
        sv_error(&err, SYNCTV_E_TIMEOUT);
        fail(call, &err);
        return;
    }
    size_t size = sizeof("Bearer ") + strlen(sv_str(access));
    char *bearer = malloc(size);
    if (bearer == NULL) {
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        fail(call, &err);
        return;
    }
    char path[128];
    struct sv_rpc_md metadata = { .key = "authorization", .value = bearer };
    snprintf(path, sizeof(path), "/synctv.client.ClientService/%s",
        synctv_method_name(call->method));
    snprintf(bearer, size, "Bearer %s", sv_str(access));
    const struct sv_rpc_request rpc = {
        .path = path,
        .metadata = &metadata,
        .n_metadata = access != NULL ? 1 : 0,
        .timeout_ms = left_ms,
        .wait_for_ready = true, /* not connected: it was not sent, so it may wait */
    };
    struct sv_rpc_bytes payload = sv_rpc_bytes_ref(call->payload);
    int rv = sv_rpc_unary(call->client->channel, &rpc, payload, answered, call);
    free(bearer);
    if (rv == 0) {
        call->client->n_on_wire++;
        sv_client_servers_watch(call->client);
        call->on_wire = true;
    } else {
        sv_error(&err, rv);
        fail(call, &err);
    }
}

static void timeout_ring(struct sv_client_alarm *alarm)
{
    synctv_error err;
    sv_error(&err, SYNCTV_E_TIMEOUT);
    fail(SV_CONTAINER_OF(alarm, struct sv_client_call, alarm), &err);
}

static void set_timeout(struct sv_client_call *call)
{
    call->alarm.ring = timeout_ring;
    sv_client_alarm_set(call->client, &call->alarm, call->retry.deadline_ms);
}

static void have_token(struct sv_client_token_waiter *waiter, const char *access,
    const synctv_error *err)
{
    struct sv_client_call *call = SV_CONTAINER_OF(waiter, struct sv_client_call, token);
    sv_client_alarm_cancel(&call->alarm);
    if (access == NULL) {
        fail(call, err);
        return;
    }
    free(call->access);
    call->access = strdup(access);
    if (call->access != NULL) {
        send_attempt(call, access);
        return;
    }
    synctv_error no_memory;
    sv_error(&no_memory, SYNCTV_E_NO_MEMORY);
    fail(call, &no_memory);
}

static void begin(struct sv_client_call *call)
{
    if (!call->signed_in) {
        send_attempt(call, NULL);
        return;
    }
    set_timeout(call);
    call->token.done = have_token;
    sv_client_tokens_get(call->client, &call->token);
}

/* --- messages that travel on a stream --- */

/* A chat message waits until a stream is connected, and then for its chat event. */
static void begin_on_stream(struct sv_client_call *call)
{
    synctv_error err;
    int rv = sv_client_streams_send(call->client, &call->request, &err);
    if (call->method == SYNCTV_METHOD_SEND_CHAT &&
        (rv >= 0 || sv_client_streams_may_follow(call->client, sv_str(call->request.room_id)))) {
        set_timeout(call);
        return;
    }
    if (rv < 0) {
        fail(call, &err);
        return;
    }
    synctv_result *result = sv_result_new(); /* danmaku is not acknowledged */
    finish(call, result != NULL ? result : sv_result_failed(SYNCTV_E_NO_MEMORY, NULL));
}

static bool waits_for_chat(const struct sv_client_call *call)
{
    return call->method == SYNCTV_METHOD_SEND_CHAT && !sv_list_empty(&call->alarm.link);
}

static struct sv_client_call *find_sent(synctv_client *client, const char *message_id)
{
    SV_LIST_FOREACH(it, &client->calls) {
        struct sv_client_call *call = SV_CONTAINER_OF(it, struct sv_client_call, link);
        if (waits_for_chat(call) && strcmp(call->request.message_id, message_id) == 0)
            return call;
    }
    return NULL;
}

/* The server knows a message by its id, so sending it twice does no harm. */
void sv_client_calls_resend(synctv_client *client)
{
    SV_LIST_FOREACH(it, &client->calls) {
        struct sv_client_call *call = SV_CONTAINER_OF(it, struct sv_client_call, link);
        if (waits_for_chat(call))
            sv_client_streams_send(client, &call->request, NULL);
    }
}

static bool is_me(synctv_client *client, const char *user_id)
{
    pthread_mutex_lock(&client->lock);
    bool me = strcmp(client->user_id, user_id) == 0;
    pthread_mutex_unlock(&client->lock);
    return me;
}

void sv_client_calls_match_chat(synctv_client *client, const synctv_chat *chat)
{
    struct sv_client_call *call = find_sent(client, chat->client_message_id);
    if (call == NULL || strcmp(chat->room_id, sv_str(call->request.room_id)) != 0 ||
        !is_me(client, chat->user_id))
        return;
    synctv_result *result = sv_result_new();
    synctv_chat *copy =
        result == NULL ? NULL : sv_arena_alloc(sv_result_arena(result), sizeof(*copy));
    if (copy != NULL && sv_chat_copy(sv_result_arena(result), chat, copy) >= 0) {
        result->chat = copy;
        finish(call, result);
        return;
    }
    synctv_result_unref(result);
    finish(call, sv_result_failed(SYNCTV_E_NO_MEMORY, NULL));
}

bool sv_client_calls_match_error(synctv_client *client, const synctv_event *event)
{
    struct sv_client_call *call =
        event->in_reply_to[0] == '\0' ? NULL : find_sent(client, event->in_reply_to);
    if (call == NULL)
        return false;
    fail(call, event->error);
    return true;
}

/* --- submitting --- */

static void start_letter(struct sv_letter *letter)
{
    struct sv_client_call *call = SV_CONTAINER_OF(letter, struct sv_client_call, letter);
    if (atomic_load(&call->client->closing) || call->withdrawn) {
        fail_cancelled(call);
        return;
    }
    call->started = true;
    sv_list_append(&call->client->calls, &call->link);
    if (call->has_payload)
        begin(call);
    else
        begin_on_stream(call);
}

/* Encodes or copies the request, which is only borrowed. */
static int prepare(struct sv_client_call *call, const synctv_request *request, synctv_error *err)
{
    if (request->method != SYNCTV_METHOD_SEND_CHAT &&
        request->method != SYNCTV_METHOD_SEND_DANMAKU) {
        int rv = sv_wire_request_encode(request, sv_rpc_bytes_alloc, &call->payload, err);
        call->has_payload = rv >= 0;
        return rv;
    }
    int rv = sv_request_copy(&call->arena, request, &call->request);
    if (rv >= 0 && sv_str_empty(request->message_id)) {
        rv = sv_id_new(call->message_id);
        call->request.message_id = call->message_id;
    }
    return rv < 0 ? sv_error(err, rv) : 0;
}

static void refuse(synctv_done_fn *done, void *userdata, const synctv_error *err)
{
    const synctv_result *result = sv_result_failed(err->code, err);
    done(userdata, result);
    synctv_result_unref(result);
}

void sv_client_call_submit(synctv_caller *caller, const synctv_request *request,
    synctv_done_fn *done, void *userdata, bool direct)
{
    struct sv_client_caller *who = (struct sv_client_caller *)caller;
    struct sv_client_call *call = calloc(1, sizeof(*call));
    synctv_error err;
    int rv = call == NULL ? sv_error(&err, SYNCTV_E_NO_MEMORY) : prepare(call, request, &err);
    if (rv >= 0) {
        call->client = who->client;
        if (request->cancellable != NULL &&
            (rv = make_withdrawable(call, request->cancellable)) < 0)
            sv_error(&err, rv);
    }
    if (rv < 0) {
        if (call != NULL && call->has_payload)
            sv_rpc_bytes_unref(call->payload);
        if (call != NULL)
            sv_arena_fini(&call->arena);
        free(call);
        refuse(done, userdata, &err);
        return;
    }
    int timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : caller->timeout_ms;
    sv_list_init(&call->link);
    sv_list_init(&call->alarm.link);
    sv_list_init(&call->token.link);
    call->caller = synctv_caller_ref(caller);
    call->method = request->method;
    call->signed_in = sv_request_needs_access_token(request);
    /* A LOGOUT without a refresh token ends our own session. */
    call->signs_in = who->signs_in || (request->method == SYNCTV_METHOD_LOGOUT && call->signed_in);
    call->repeatable = sv_request_is_repeatable(request);
    call->retry.deadline_ms = sv_mono_ms() + timeout_ms;
    call->done = done;
    call->userdata = userdata;
    call->letter.run = start_letter;
    sv_client_post(call->client, &call->letter);
}

void sv_client_calls_stop(synctv_client *client)
{
    synctv_error err;
    sv_error(&err, SYNCTV_E_CANCELLED);
    SV_LIST_FOREACH(it, &client->calls) {
        struct sv_client_call *call = SV_CONTAINER_OF(it, struct sv_client_call, link);
        if (!sv_list_empty(&call->alarm.link))
            fail(call, &err); /* the channel and the tokens end the others */
    }
}
