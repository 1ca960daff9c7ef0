/* SPDX-License-Identifier: MIT */
#include "client/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "client/inside.h"
#include "rpc/bytes.h"
#include "wire/request.h"
#include "wire/result.h"

#define RENEW_TIMEOUT_MS 10000
/* An access token is renewed at least so often. */
#define LIFE_MAX_S (24 * 3600)

static void wipe(char *s)
{
    if (s != NULL)
        sv_secret_wipe(s, strlen(s));
    free(s);
}

static void drop_tokens(synctv_client *client)
{
    wipe(client->tokens.access);
    wipe(client->tokens.refresh);
    client->tokens = (struct sv_client_tokens){ .generation = client->tokens.generation + 1 };
    sv_client_alarm_cancel(&client->renew_alarm);
}

static void notify_program(synctv_client *client)
{
    if (client->token != NULL)
        client->token(client->userdata, sv_str(client->tokens.refresh),
            sv_str(client->tokens.access));
}

static void set_user(synctv_client *client, const char *id)
{
    pthread_mutex_lock(&client->lock);
    snprintf(client->user_id, sizeof(client->user_id), "%s", id);
    pthread_mutex_unlock(&client->lock);
}

/* The server has ended the session. */
static void end_session(synctv_client *client)
{
    drop_tokens(client);
    set_user(client, "");
    notify_program(client);
}

/* Gives all waiters the access token, or `err`. */
static void answer_waiters(synctv_client *client, const synctv_error *err)
{
    synctv_error missing;
    if (err == NULL && client->tokens.access == NULL) {
        sv_error(&missing, SYNCTV_E_TOKEN_MISSING);
        err = &missing;
    }
    struct sv_list waiters;
    sv_list_init(&waiters);
    sv_list_splice(&waiters, &client->token_waiters);
    for (struct sv_list *it; (it = sv_list_pop(&waiters)) != NULL;) {
        struct sv_client_token_waiter *waiter =
            SV_CONTAINER_OF(it, struct sv_client_token_waiter, link);
        waiter->done(waiter, err == NULL ? client->tokens.access : NULL, err);
    }
}

static void renew(synctv_client *client);

static void renew_ring(struct sv_client_alarm *alarm)
{
    renew(SV_CONTAINER_OF(alarm, synctv_client, renew_alarm));
}

/* Takes copies of the tokens in `result`. */
static void store_tokens(synctv_client *client, const synctv_result *result)
{
    char *access = strdup(result->access_token);
    char *refresh = strdup(result->refresh_token);
    drop_tokens(client);
    if (access == NULL || refresh == NULL) {
        wipe(access);
        wipe(refresh);
        return;
    }
    /* It is renewed when a fifth of its life is left, or a minute if that is less. */
    int64_t life_ms = result->expires_in_s > 0 && result->expires_in_s < LIFE_MAX_S
        ? result->expires_in_s * 1000
        : LIFE_MAX_S * INT64_C(1000);
    int64_t left_ms = life_ms / 5 < 60000 ? life_ms / 5 : 60000;
    int64_t now_ms = sv_mono_ms();
    client->tokens.access = access;
    client->tokens.refresh = refresh;
    client->tokens.fresh_until_ms = now_ms + life_ms - left_ms;
    client->renew_alarm.ring = renew_ring;
    sv_client_alarm_set(client, &client->renew_alarm, client->tokens.fresh_until_ms);
    notify_program(client);
}

/* Whether a refresh token that was refused with this code will never be taken. */
static bool ends_session(int code)
{
    return code == SYNCTV_E_TOKEN_INVALID || code == SYNCTV_E_TOKEN_EXPIRED ||
        code == SYNCTV_E_SESSION_ENDED || code == SYNCTV_E_USER_BANNED;
}

static void renewed(void *userdata, const struct sv_rpc_answer *answer)
{
    synctv_client *client = userdata;
    synctv_error err = answer->error;
    synctv_result *result = NULL;
    client->n_on_wire--;
    client->renewing = false;
    if (answer->grpc_status == 0 &&
        sv_wire_result_decode(SYNCTV_METHOD_REFRESH_TOKEN, answer->data, answer->len, &result,
            &err) >= 0)
        err.code = 0;
    bool elsewhere = sv_client_servers_failed(client, answer);
    if (client->renewed_generation != client->tokens.generation) {
        answer_waiters(client, NULL); /* somebody has signed in or out meanwhile */
    } else if (err.code == 0) {
        store_tokens(client, result);
        answer_waiters(client, NULL);
    } else if (elsewhere && sv_client_servers_has_done_nothing(client, answer)) {
        renew(client);
    } else {
        sv_logf(&client->log, SYNCTV_LOG_WARN, "client", "the session could not be renewed: %s",
            err.message);
        if (ends_session(err.code))
            end_session(client);
        answer_waiters(client, &err); /* other failures pass; the same refresh token may do later */
    }
    synctv_result_unref(result);
}

static void renew(synctv_client *client)
{
    if (client->renewing || client->tokens.refresh == NULL || atomic_load(&client->closing))
        return;
    synctv_error err;
    struct sv_rpc_bytes payload;
    synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_REFRESH_TOKEN, .refresh_token = client->tokens.refresh);
    if (sv_wire_request_encode(&request, sv_rpc_bytes_alloc, &payload, &err) < 0) {
        answer_waiters(client, &err);
        return;
    }
    const struct sv_rpc_request rpc = {
        .path = "/synctv.client.ClientService/RefreshToken",
        .timeout_ms = RENEW_TIMEOUT_MS,
        .wait_for_ready = true,
    };
    int rv = sv_rpc_unary(client->channel, &rpc, payload, renewed, client);
    if (rv < 0) {
        sv_error(&err, rv);
        answer_waiters(client, &err);
        return;
    }
    client->renewing = true;
    client->renewed_generation = client->tokens.generation;
    client->n_on_wire++;
    sv_client_servers_watch(client);
}

void sv_client_tokens_get(synctv_client *client, struct sv_client_token_waiter *waiter)
{
    struct sv_client_tokens *tokens = &client->tokens;
    if (tokens->access == NULL) {
        synctv_error err;
        sv_error(&err, SYNCTV_E_TOKEN_MISSING);
        waiter->done(waiter, NULL, &err);
    } else if (!client->renewing && sv_mono_ms() < tokens->fresh_until_ms) {
        waiter->done(waiter, tokens->access, NULL);
    } else {
        sv_list_append(&client->token_waiters, &waiter->link);
        renew(client);
    }
}

bool sv_client_token_is_stale(int code)
{
    return code == SYNCTV_E_TOKEN_EXPIRED || code == SYNCTV_E_TOKEN_INVALID;
}

static bool is_current(synctv_client *client, const char *access)
{
    return client->tokens.access != NULL && strcmp(client->tokens.access, access) == 0;
}

void sv_client_tokens_mark_stale(synctv_client *client, const char *access)
{
    if (is_current(client, access))
        client->tokens.fresh_until_ms = 0;
}

void sv_client_tokens_refused(synctv_client *client, const char *access, int code)
{
    if ((code == SYNCTV_E_SESSION_ENDED || code == SYNCTV_E_USER_BANNED) &&
        is_current(client, access))
        end_session(client);
}

void sv_client_tokens_update(synctv_client *client, synctv_method method,
    const synctv_result *result)
{
    switch (method) {
    case SYNCTV_METHOD_LOGIN:
    case SYNCTV_METHOD_REGISTER:
        set_user(client, result->user->id);
        store_tokens(client, result);
        break;
    case SYNCTV_METHOD_REFRESH_TOKEN:
        store_tokens(client, result);
        break;
    case SYNCTV_METHOD_GET_PROFILE: /* a session that was resumed does not say whose it is */
        set_user(client, result->user->id);
        break;
    case SYNCTV_METHOD_LOGOUT:
        end_session(client);
        break;
    default:
        break;
    }
}

void sv_client_tokens_stop(synctv_client *client)
{
    synctv_error err;
    sv_error(&err, SYNCTV_E_CANCELLED);
    sv_client_alarm_cancel(&client->renew_alarm);
    answer_waiters(client, &err);
}

void sv_client_tokens_fini(synctv_client *client)
{
    drop_tokens(client);
}
