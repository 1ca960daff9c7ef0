/* SPDX-License-Identifier: MIT */
#include "rpc/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/grpc_security.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "rpc/client_call.h"
#include "rpc/core.h"
#include "rpc/server_inside.h"
#include "rpc/tls.h"

void sv_rpc_channel_defaults(struct sv_rpc_channel_options *o)
{
    *o = (struct sv_rpc_channel_options){
        .threads = 1,
        .connect_timeout_ms = 5000,
        .max_reconnect_ms = 10000,
        .max_receive_bytes = 4 << 20,
        .max_memory_bytes = 64 << 20,
        .keepalive_ms = 20000,
        .keepalive_timeout_ms = 10000,
        .max_queued_messages = 256,
        .max_queued_bytes = 1 << 20,
    };
}

/* ---- making ---- */

static grpc_arg int_arg(const char *key, unsigned value)
{
    return (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = (int)value };
}

static grpc_arg string_arg(const char *key, const char *value)
{
    return (grpc_arg){ .type = GRPC_ARG_STRING, .key = (char *)key, .value.string = (char *)value };
}

static grpc_channel *make_core(const struct sv_rpc_channel_options *o, const char *target,
    grpc_channel_credentials *credentials, grpc_resource_quota *quota)
{
    grpc_arg args[] = {
        { .type = GRPC_ARG_POINTER,
            .key = (char *)GRPC_ARG_RESOURCE_QUOTA,
            .value.pointer = { quota, grpc_resource_quota_arg_vtable() } },
        int_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1), /* a connection of its own */
        int_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
        int_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, o->connect_timeout_ms),
        int_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, o->max_reconnect_ms),
        int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, o->max_receive_bytes),
        int_arg(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10),
        int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, o->keepalive_ms),
        int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, o->keepalive_timeout_ms),
        int_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        /* What has not agreed on gzip refuses it by itself (rpc/gzip.h). */
        int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
            1 << GRPC_COMPRESS_NONE | 1 << GRPC_COMPRESS_GZIP),
        int_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
        int_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0), /* a library does not read the environment */
        int_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        string_arg(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, o->server_name),
        string_arg(GRPC_ARG_DEFAULT_AUTHORITY, o->server_name),
    };
    size_t n = sizeof(args) / sizeof(args[0]);
    grpc_channel_args all = { sv_str_empty(o->server_name) ? n - 2 : n, args };
    return grpc_channel_create(target, credentials, &all);
}

static int make_cores(struct sv_rpc_channel *channel, const struct sv_rpc_channel_options *o,
    grpc_channel_credentials *credentials, synctv_error *err)
{
    char *targets = strdup(o->target), *rest = targets;
    if (targets == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    grpc_resource_quota *quota = grpc_resource_quota_create("synctv");
    grpc_resource_quota_resize(quota, o->max_memory_bytes);
    int rv = 0;
    for (char *target; rv == 0 && (target = strsep(&rest, ",")) != NULL;) {
        if (target[0] == '\0')
            rv = sv_error_field(err, "target", "one of the addresses is empty");
        else if (channel->n_cores == SV_RPC_TARGETS_MAX)
            rv = sv_error_field(err, "target", "there are more than %d addresses",
                SV_RPC_TARGETS_MAX);
        else
            channel->cores[channel->n_cores++] = make_core(o, target, credentials, quota);
    }
    grpc_resource_quota_unref(quota);
    free(targets);
    return rv;
}

static void *run_channel(void *arg)
{
    struct sv_rpc_channel *channel = arg;
    while (atomic_load(&channel->running))
        sv_rpc_queue_run(channel->queue, SV_RPC_NEVER);
    return NULL;
}

static int start_thread(struct sv_rpc_channel *channel)
{
    atomic_store(&channel->running, true);
    if (pthread_create(&channel->thread, NULL, run_channel, channel) != 0)
        return SYNCTV_E_INTERNAL;
    pthread_setname_np(channel->thread, "sv-channel");
    channel->has_thread = true;
    return 0;
}

static int make_credentials(const struct sv_rpc_channel_options *o,
    grpc_channel_credentials **ret_credentials, synctv_error *err)
{
    if (o->tls)
        return sv_rpc_client_tls_credentials(o->root_ca, o->cert, o->key, ret_credentials, err);
    *ret_credentials = grpc_insecure_credentials_create();
    return 0;
}

int sv_rpc_channel_new(const struct sv_rpc_channel_options *o, struct sv_rpc_channel **ret_channel,
    synctv_error *ret_error)
{
    if (sv_str_empty(o->target))
        return sv_error_field(ret_error, "target", "a target is needed");
    struct sv_rpc_channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    sv_rpc_core_init();
    channel->queue = o->server != NULL ? sv_rpc_server_queue(o->server) : &channel->own_queue;
    int rv = o->server != NULL ? 0 : sv_rpc_queue_init(channel->queue, true);
    if (rv < 0) {
        sv_rpc_core_shutdown();
        free(channel);
        return sv_error(ret_error, rv);
    }
    channel->max_queued_messages = o->max_queued_messages;
    channel->max_queued_bytes = o->max_queued_bytes;
    sv_list_init(&channel->calls);
    pthread_mutex_init(&channel->lock, NULL);
    pthread_cond_init(&channel->idle, NULL);

    grpc_channel_credentials *credentials = NULL;
    rv = make_credentials(o, &credentials, ret_error);
    if (rv == 0) {
        rv = make_cores(channel, o, credentials, ret_error);
        grpc_channel_credentials_release(credentials);
        if (rv == 0 && o->server == NULL && o->threads > 0 && (rv = start_thread(channel)) < 0)
            sv_errorf(ret_error, rv, "no thread can be started");
    }
    if (rv < 0) {
        sv_rpc_channel_free(channel);
        return rv;
    }
    *ret_channel = channel;
    return 0;
}

void sv_rpc_channel_poll(struct sv_rpc_channel *channel, int timeout_ms)
{
    sv_rpc_queue_run(channel->queue, timeout_ms < 0 ? SV_RPC_NEVER : sv_mono_ms() + timeout_ms);
}

void sv_rpc_channel_wake(struct sv_rpc_channel *channel)
{
    sv_rpc_queue_wake(channel->queue);
}

/* ---- targets ---- */

unsigned sv_rpc_channel_n_targets(const struct sv_rpc_channel *channel)
{
    return channel->n_cores;
}

unsigned sv_rpc_channel_target(struct sv_rpc_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    unsigned target = channel->target;
    pthread_mutex_unlock(&channel->lock);
    return target;
}

void sv_rpc_channel_use(struct sv_rpc_channel *channel, unsigned target)
{
    pthread_mutex_lock(&channel->lock);
    channel->target = target;
    SV_LIST_FOREACH(it, &channel->calls) {
        struct sv_rpc_client_call *call = SV_CONTAINER_OF(it, struct sv_rpc_client_call, link);
        if (call->target == target || call->call == NULL || !sv_rpc_client_call_is_unsent(call))
            continue;
        call->left_behind = true;
        grpc_call_cancel(call->call, NULL);
    }
    pthread_mutex_unlock(&channel->lock);
    grpc_channel_reset_connect_backoff(channel->cores[target]);
}

enum sv_rpc_channel_state sv_rpc_channel_state(struct sv_rpc_channel *channel)
{
    switch (grpc_channel_check_connectivity_state(channel->cores[sv_rpc_channel_target(channel)],
        0)) {
    case GRPC_CHANNEL_READY:
        return SV_RPC_CONNECTED;
    case GRPC_CHANNEL_IDLE:
    case GRPC_CHANNEL_CONNECTING:
        return SV_RPC_CONNECTING;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
    case GRPC_CHANNEL_SHUTDOWN:
        break;
    }
    return SV_RPC_DISCONNECTED;
}

void sv_rpc_unary_cancel(struct sv_rpc_channel *channel, const void *userdata)
{
    pthread_mutex_lock(&channel->lock);
    SV_LIST_FOREACH(it, &channel->calls) {
        struct sv_rpc_client_call *call = SV_CONTAINER_OF(it, struct sv_rpc_client_call, link);
        if (call->owner == userdata && call->call != NULL) {
            atomic_store(&call->cancelled, true);
            grpc_call_cancel(call->call, NULL);
        }
    }
    pthread_mutex_unlock(&channel->lock);
}

/* ---- the end ---- */

void sv_rpc_channel_close(struct sv_rpc_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    channel->closing = true;
    SV_LIST_FOREACH(it, &channel->calls) {
        struct sv_rpc_client_call *call = SV_CONTAINER_OF(it, struct sv_rpc_client_call, link);
        if (call->call != NULL) {
            atomic_store(&call->cancelled, true);
            grpc_call_cancel(call->call, NULL);
        }
    }
    pthread_mutex_unlock(&channel->lock);
}

static void wait_for_calls(struct sv_rpc_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    while (!sv_list_empty(&channel->calls)) {
        if (channel->has_thread || channel->queue != &channel->own_queue) {
            pthread_cond_wait(&channel->idle, &channel->lock);
            continue;
        }
        pthread_mutex_unlock(&channel->lock);
        sv_rpc_queue_run(channel->queue, SV_RPC_NEVER);
        pthread_mutex_lock(&channel->lock);
    }
    pthread_mutex_unlock(&channel->lock);
}

void sv_rpc_channel_free(struct sv_rpc_channel *channel)
{
    if (channel == NULL)
        return;
    sv_rpc_channel_close(channel);
    wait_for_calls(channel);
    if (channel->has_thread) {
        atomic_store(&channel->running, false);
        sv_rpc_queue_wake(channel->queue);
        pthread_join(channel->thread, NULL);
    }
    for (unsigned i = 0; i < channel->n_cores; i++)
        grpc_channel_destroy(channel->cores[i]);
    if (channel->queue == &channel->own_queue)
        sv_rpc_queue_fini(channel->queue);
    pthread_cond_destroy(&channel->idle);
    pthread_mutex_destroy(&channel->lock);
    free(channel);
    sv_rpc_core_shutdown();
}
