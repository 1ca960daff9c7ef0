/* SPDX-License-Identifier: MIT */
/* A client's life from connect to close, its thread, signing in and out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sized.h"
#include "base/text.h"
#include "client/call.h"
#include "client/inside.h"
#include "client/stream.h"

#define PROBE_PAUSE_MAX_MS 500

/* --- the thread --- */

static void *thread_main(void *userdata)
{
    synctv_client *client = userdata;
    while (!atomic_load(&client->closing))
        sv_client_turn(client);
    sv_client_tokens_stop(client);
    sv_client_calls_stop(client);
    sv_client_streams_stop(client);
    sv_rpc_channel_close(client->channel);
    sv_client_drain(client);
    return NULL;
}

/* --- options --- */

static const synctv_client_options default_options = {
    .struct_size = sizeof(default_options),
    .connect_timeout_ms = 5000,
    .call_timeout_ms = 30000,
    .log_level = SYNCTV_LOG_INFO,
};

void synctv_client_options_init_sized(synctv_client_options *options, size_t struct_size)
{
    sv_sized_give(options, struct_size, &default_options, sizeof(default_options));
}

static int make_channel(synctv_client *client, const synctv_client_options *options,
    synctv_error *err)
{
    char *ca = NULL, *cert = NULL, *key = NULL;
    int rv = sv_pem_read(options->tls_ca_file, "tls_ca_file", &ca, err);
    if (rv >= 0)
        rv = sv_pem_read(options->tls_cert_file, "tls_cert_file", &cert, err);
    if (rv >= 0)
        rv = sv_pem_read(options->tls_key_file, "tls_key_file", &key, err);
    if (rv >= 0) {
        struct sv_rpc_channel_options channel;
        sv_rpc_channel_defaults(&channel);
        channel.target = options->address;
        channel.tls = options->tls;
        channel.root_ca = ca;
        channel.cert = cert;
        channel.key = key;
        channel.server_name = options->tls_server_name;
        channel.threads = 0;
        channel.log = &client->log;
        rv = sv_rpc_channel_new(&channel, &client->channel, err);
        if (rv == SYNCTV_E_INVALID_ARGUMENT && err != NULL && strcmp(err->field, "target") == 0)
            snprintf(err->field, sizeof(err->field), "address");
    }
    sv_pem_free(ca);
    sv_pem_free(cert);
    sv_pem_free(key);
    return rv;
}

/* --- connecting: asks until a server answers --- */

struct probe {
    struct sv_letter letter;
    struct sv_client_alarm again;
    synctv_client *client;
    int64_t deadline_ms;
    unsigned attempts;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool over;
    synctv_error error;
};

static void probed(void *userdata, const struct sv_rpc_answer *answer);

static void probe_end(struct probe *probe)
{
    pthread_mutex_lock(&probe->lock);
    probe->over = true;
    pthread_cond_signal(&probe->cond);
    pthread_mutex_unlock(&probe->lock);
}

/* It does not wait for a connection, so that its failure says what is wrong. */
static void probe_send(struct probe *probe)
{
    int64_t left_ms = probe->deadline_ms - sv_mono_ms();
    const struct sv_rpc_request rpc = {
        .path = "/grpc.health.v1.Health/Check",
        .timeout_ms = left_ms > 0 ? left_ms : 1,
    };
    int rv = sv_rpc_unary(probe->client->channel, &rpc, sv_rpc_bytes_new(0), probed, probe);
    if (rv == 0) {
        probe->client->n_on_wire++;
        sv_client_servers_watch(probe->client);
    } else {
        sv_error(&probe->error, rv);
        probe_end(probe);
    }
}

static void probe_ring(struct sv_client_alarm *alarm)
{
    probe_send(SV_CONTAINER_OF(alarm, struct probe, again));
}

static void probe_letter(struct sv_letter *letter)
{
    probe_send(SV_CONTAINER_OF(letter, struct probe, letter));
}

static void probed(void *userdata, const struct sv_rpc_answer *answer)
{
    struct probe *probe = userdata;
    synctv_client *client = probe->client;
    int code = answer->error.code;
    client->n_on_wire--;
    int64_t now_ms = sv_mono_ms();
    int64_t wait_ms = sv_rpc_retry_delay_ms(++probe->attempts, sv_client_random());
    if (wait_ms > PROBE_PAUSE_MAX_MS)
        wait_ms = PROBE_PAUSE_MAX_MS;
    if (sv_client_servers_failed(client, answer))
        wait_ms = 0;
    if (code != SYNCTV_E_TIMEOUT || probe->error.code == 0)
        probe->error = answer->error;
    if (code == SYNCTV_E_NODE_UNAVAILABLE && now_ms + wait_ms < probe->deadline_ms) {
        probe->again.ring = probe_ring;
        sv_client_alarm_set(client, &probe->again, now_ms + wait_ms);
        return;
    }
    probe_end(probe);
}

static int wait_for_server(synctv_client *client, const synctv_client_options *options,
    synctv_error *err)
{
    struct probe probe = {
        .letter.run = probe_letter,
        .client = client,
        .deadline_ms = sv_mono_ms() + options->connect_timeout_ms,
    };
    sv_list_init(&probe.again.link);
    pthread_mutex_init(&probe.lock, NULL);
    pthread_cond_init(&probe.cond, NULL);
    sv_client_post(client, &probe.letter);
    pthread_mutex_lock(&probe.lock);
    while (!probe.over) /* the channel always answers before the deadline */
        pthread_cond_wait(&probe.cond, &probe.lock);
    pthread_mutex_unlock(&probe.lock);
    pthread_cond_destroy(&probe.cond);
    pthread_mutex_destroy(&probe.lock);

    /* The core's text is so long that it would be cut before it says what is wrong. */
    static const char no_such_name[] = "DNS resolution failed";
    const char *why = probe.error.message;
    if (strncmp(why, no_such_name, strlen(no_such_name)) == 0)
        why = "this name cannot be resolved to an address";
    /* Any answer will do, even that the server has no health service. */
    if (probe.error.code == SYNCTV_E_TIMEOUT || probe.error.code == SYNCTV_E_NODE_UNAVAILABLE)
        return sv_errorf(err, SYNCTV_E_NODE_UNAVAILABLE, "no server answers at %s: %s",
            options->address, why);
    if (probe.error.code == SYNCTV_E_NO_MEMORY)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    return 0;
}

/* --- from outside --- */

static int check_options(const synctv_client_options *options, synctv_error *err)
{
    if (sv_str_empty(options->address))
        return sv_error_field(err, "address", "an address is needed");
    if (options->connect_timeout_ms < 1)
        return sv_error_field(err, "connect_timeout_ms", "must be at least 1");
    if (options->call_timeout_ms < 1)
        return sv_error_field(err, "call_timeout_ms", "must be at least 1");
    return 0;
}

static int connect_with(const synctv_client_options *options, synctv_client **ret_client,
    synctv_error *ret_error)
{
    synctv_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    client->log = (struct sv_log){ options->log, options->log_userdata, options->log_level };
    client->token = options->token;
    client->userdata = options->userdata;
    client->call_timeout_ms = options->call_timeout_ms;
    client->wall_offset_ms = sv_wall_ms() - sv_mono_ms();
    pthread_mutex_init(&client->lock, NULL);
    sv_mailbox_init(&client->mailbox);
    sv_list_init(&client->alarms);
    sv_list_init(&client->token_waiters);
    sv_list_init(&client->renew_alarm.link);
    sv_client_servers_init(&client->servers);
    sv_list_init(&client->calls);
    sv_list_init(&client->streams);

    bool running = false;
    int rv = make_channel(client, options, ret_error);
    if (rv >= 0) {
        running = pthread_create(&client->thread, NULL, thread_main, client) == 0;
        rv = running ? wait_for_server(client, options, ret_error)
                     : sv_errorf(ret_error, SYNCTV_E_INTERNAL, "no thread can be started");
    }
    if (rv >= 0) {
        *ret_client = client;
    } else if (running) {
        synctv_client_close(client);
    } else {
        sv_rpc_channel_free(client->channel);
        sv_mailbox_fini(&client->mailbox);
        pthread_mutex_destroy(&client->lock);
        free(client);
    }
    return rv;
}

int synctv_client_connect(const synctv_client_options *options, synctv_client **ret_client,
    synctv_error *ret_error)
{
    synctv_client_options known = default_options;
    int rv = sv_sized_take(&known, sizeof(known), options, sizeof(known.struct_size), ret_error);
    if (rv >= 0)
        rv = check_options(&known, ret_error);
    return rv < 0 ? rv : connect_with(&known, ret_client, ret_error);
}

void synctv_client_close(synctv_client *client)
{
    if (client == NULL)
        return;
    atomic_store(&client->closing, true);
    sv_rpc_channel_wake(client->channel);
    pthread_join(client->thread, NULL);
    sv_rpc_channel_free(client->channel);
    sv_client_tokens_fini(client);
    sv_mailbox_fini(&client->mailbox);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

static void destroy_caller(synctv_caller *caller)
{
    free(caller);
}

static const struct sv_caller_ops caller_ops = {
    .submit = sv_client_call_submit,
    .stream_open = sv_client_stream_open,
    .destroy = destroy_caller,
};

static struct sv_client_caller *caller_new(synctv_client *client)
{
    struct sv_client_caller *caller = calloc(1, sizeof(*caller));
    if (caller == NULL)
        return NULL;
    caller->base.ops = &caller_ops;
    atomic_init(&caller->base.refs, 1);
    caller->base.timeout_ms = client->call_timeout_ms;
    caller->client = client;
    pthread_mutex_lock(&client->lock);
    memcpy(caller->base.user_id, client->user_id, sizeof(caller->base.user_id));
    pthread_mutex_unlock(&client->lock);
    return caller;
}

synctv_caller *synctv_client_caller(synctv_client *client)
{
    struct sv_client_caller *caller = caller_new(client);
    return caller != NULL ? &caller->base : NULL;
}

/* --- signing in and out --- */

static int sign_in(synctv_client *client, const synctv_request *request,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    struct sv_client_caller *caller = caller_new(client);
    if (caller == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    caller->signs_in = true;
    int rv = synctv_call_wait(&caller->base, request, ret_result, ret_error);
    synctv_caller_unref(&caller->base);
    return rv;
}

int synctv_client_login(synctv_client *client, const char *username, const char *password,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_LOGIN, .username = username, .password = password);
    return sign_in(client, &request, ret_result, ret_error);
}

int synctv_client_register(synctv_client *client, const char *username, const char *password,
    const char *email, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = username,
        .password = password, .email = email);
    return sign_in(client, &request, ret_result, ret_error);
}

int synctv_client_resume(synctv_client *client, const char *refresh_token, synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_REFRESH_TOKEN, .refresh_token = refresh_token);
    int rv = sign_in(client, &request, NULL, ret_error);
    if (rv < 0)
        return rv;
    /* The answer does not say whose session it is. */
    const synctv_request profile = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE);
    return sign_in(client, &profile, NULL, ret_error);
}

int synctv_client_logout(synctv_client *client, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT);
    return sign_in(client, &request, NULL, ret_error);
}
