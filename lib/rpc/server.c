/* SPDX-License-Identifier: MIT */
/* A server's life: making it from its options, small questions about it, ending it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "rpc/core.h"
#include "rpc/listen.h"
#include "rpc/reflection.h"
#include "rpc/server_call.h"
#include "rpc/server_loop.h"
#include "rpc/server_stream.h"

/* When all streams are done, their last messages may take so long before connections are cut. */
#define FLUSH_MS 200
/* While sv_rpc_server_stop() waits for answers it logs so often that it does. */
#define STILL_WAITING_MS 5000

void sv_rpc_server_defaults(struct sv_rpc_server_options *o)
{
    *o = (struct sv_rpc_server_options){
        .threads = 1,
        .max_streams_per_connection = 100,
        .max_connections_per_address = 256,
        .max_receive_bytes = 1 << 20,
        .max_metadata_bytes = 8 << 10,
        .max_memory_bytes = 512 << 20,
        .keepalive_ms = 20000,
        .keepalive_timeout_ms = 10000,
        .min_client_ping_ms = 9000,
        .handshake_ms = 10000,
        .write_stall_ms = 30000,
        .shutdown_drain_messages = 256,
    };
}

/* ---- making ---- */

static grpc_arg int_arg(const char *key, unsigned value)
{
    return (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = (int)value };
}

static grpc_server *make_core(const struct sv_rpc_server_options *o)
{
    grpc_resource_quota *quota = grpc_resource_quota_create("synctv");
    grpc_resource_quota_resize(quota, o->max_memory_bytes);
    grpc_arg args[] = {
        int_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
        int_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, o->max_streams_per_connection),
        int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, o->max_receive_bytes),
        int_arg(GRPC_ARG_MAX_METADATA_SIZE, o->max_metadata_bytes),
        int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, o->keepalive_ms),
        int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, o->keepalive_timeout_ms),
        int_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        int_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, o->min_client_ping_ms),
        int_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, o->handshake_ms),
        /* A compressed message may grow a thousandfold before the core looks at its size. */
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        /* What has not agreed on gzip refuses it by itself (rpc/gzip.h). */
        int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
            1 << GRPC_COMPRESS_NONE | 1 << GRPC_COMPRESS_GZIP),
        int_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
        /* With it each message of a quiet client costs a ping, its answer and a timer. */
        int_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        { .type = GRPC_ARG_POINTER,
            .key = (char *)GRPC_ARG_RESOURCE_QUOTA,
            .value.pointer = { quota, grpc_resource_quota_arg_vtable() } },
    };
    grpc_channel_args all = { sizeof(args) / sizeof(args[0]), args };
    grpc_server *core = grpc_server_create(&all, NULL);
    grpc_resource_quota_unref(quota);
    return core;
}

static int listen_on(struct sv_rpc_server *server, const struct sv_rpc_server_options *o,
    synctv_error *err)
{
    if (o->tls != NULL) {
        int rv = sv_rpc_server_tls_new(o->tls, &server->tls, err);
        if (rv < 0)
            return rv;
    }
    grpc_server_credentials *credentials = server->tls != NULL
        ? sv_rpc_server_tls_credentials(server->tls)
        : grpc_insecure_server_credentials_create();
    if (credentials == NULL)
        return sv_errorf(err, SYNCTV_E_INTERNAL, "gRPC does not take the certificates");
    int rv = sv_rpc_listen(server->core, o->listen, credentials, o->log, &server->port, err);
    grpc_server_credentials_release(credentials);
    return rv;
}

static int bind_methods(struct sv_rpc_server *server, const struct sv_rpc_server_options *o,
    synctv_error *err)
{
    size_t n_max = o->n_methods + SV_RPC_HEALTH_METHODS + SV_RPC_REFLECTION_METHODS;
    server->methods = calloc(n_max, sizeof(*server->methods));
    struct sv_rpc_method *rows = calloc(n_max, sizeof(*rows));
    if (server->methods == NULL || rows == NULL) {
        free(rows);
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    }
    size_t n = o->n_methods;
    if (n > 0)
        memcpy(rows, o->methods, n * sizeof(*rows));
    sv_rpc_health_methods(server->health, &rows[n]);
    n += SV_RPC_HEALTH_METHODS;
    if (server->descriptors != NULL) {
        sv_rpc_reflection_methods(server, &rows[n]);
        n += SV_RPC_REFLECTION_METHODS;
    }
    int rv = 0;
    for (size_t i = 0; i < n && rv == 0; i++) {
        struct sv_rpc_bound_method *method = &server->methods[server->n_methods++];
        method->m = rows[i];
        method->registered = grpc_server_register_method(server->core, rows[i].path, NULL,
            rows[i].kind == SV_RPC_UNARY ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
                                         : GRPC_SRM_PAYLOAD_NONE,
            0);
        if (method->registered == NULL)
            rv = sv_error_field(err, "methods", "%s is there twice", rows[i].path);
    }
    free(rows);
    return rv;
}

static void no_such_method(struct sv_rpc_call *call, void *service)
{
    sv_rpc_call_fail(call, SYNCTV_E_UNIMPLEMENTED, NULL, NULL);
}

/* Asks the core for the first call of each method. */
static int arm_methods(struct sv_rpc_server *server)
{
    bool armed = true;
    for (size_t i = 0; i <= server->n_methods; i++) {
        struct sv_rpc_bound_method *method =
            i < server->n_methods ? &server->methods[i] : &server->catch_all;
        atomic_store(&method->slots, 1);
        armed = sv_rpc_call_arm(server, method) && armed;
    }
    return armed ? 0 : SYNCTV_E_NO_MEMORY;
}

static int make_listener(struct sv_rpc_server *server, const struct sv_rpc_server_options *o,
    synctv_error *err)
{
    int rv = sv_networks_parse(o->trusted_proxies, "trusted_proxies", &server->proxies, err);
    if (rv < 0)
        return rv;
    server->core = make_core(o);
    grpc_server_register_completion_queue(server->core, server->queue.cq, NULL);
    rv = sv_rpc_health_new(o, &server->health);
    if (rv == 0 && o->descriptor_set != NULL)
        rv = sv_rpc_descriptors_new(o->descriptor_set, o->descriptor_set_len, &server->descriptors);
    if (rv == 0 && (server->peers = sv_rpc_peers_new(o->max_connections_per_address)) == NULL)
        rv = SYNCTV_E_NO_MEMORY;
    if (rv < 0)
        return sv_error(err, rv);
    rv = bind_methods(server, o, err);
    if (rv == 0)
        rv = listen_on(server, o, err);
    if (rv == 0 && (rv = sv_rpc_loop_start_streams(server)) < 0)
        sv_errorf(err, rv, "no thread can be started");
    return rv;
}

static void init(struct sv_rpc_server *server, const struct sv_rpc_server_options *o)
{
    server->opt = *o;
    server->opt.listen = NULL;
    server->opt.tls = NULL;
    server->opt.trusted_proxies = NULL;
    server->opt.methods = NULL;
    server->catch_all.m = (struct sv_rpc_method){
        .path = "(unknown)", .kind = SV_RPC_UNARY, .start = no_such_method
    };
    pthread_mutex_init(&server->turn_lock, NULL);
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&server->idle, &attr);
    pthread_condattr_destroy(&attr);
    sv_list_init(&server->kicked);
    sv_list_init(&server->stalled);
    sv_list_init(&server->answers);
    sv_list_init(&server->streams);
    atomic_store(&server->turn_at_ms,
        o->turn != NULL ? 0 : SV_RPC_NEVER); /* the first comes at once */
    atomic_store(&server->stalled_since_ms, SV_RPC_NEVER);
}

int sv_rpc_server_new(const struct sv_rpc_server_options *options,
    struct sv_rpc_server **ret_server, synctv_error *ret_error)
{
    struct sv_rpc_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    bool with_grpc = options->listen != NULL;
    if (with_grpc)
        sv_rpc_core_init();
    int rv = sv_rpc_queue_init(&server->queue, with_grpc);
    if (rv < 0) {
        if (with_grpc)
            sv_rpc_core_shutdown();
        free(server);
        return sv_error(ret_error, rv);
    }
    init(server, options);
    if (options->threads == 0 && (rv = sv_rpc_queue_make_pollable(&server->queue)) < 0)
        sv_errorf(ret_error, rv, "no descriptor or thread is to be had");
    if (rv >= 0 && with_grpc)
        rv = make_listener(server, options, ret_error);
    if (rv < 0)
        goto fail;
    if (with_grpc) {
        grpc_server_start(server->core);
        rv = arm_methods(server);
    }
    if (rv < 0) {
        sv_error(ret_error, rv);
        goto fail;
    }
    rv = sv_rpc_loop_start(server);
    if (rv < 0) {
        sv_errorf(ret_error, rv, "no thread can be started");
        goto fail;
    }
    *ret_server = server;
    return 0;
fail:
    server->opt.turn = NULL; /* it never ran: its end must not run it either */
    atomic_store(&server->turn_at_ms, SV_RPC_NEVER);
    sv_rpc_server_free(server);
    return rv;
}

/* ---- small things ---- */

int sv_rpc_server_port(const struct sv_rpc_server *server)
{
    return server->port;
}

int sv_rpc_server_reload_tls(struct sv_rpc_server *server, const struct sv_rpc_tls *tls,
    synctv_error *ret_error)
{
    if (server->tls == NULL)
        return sv_error_field(ret_error, "tls", "the server was started without TLS");
    return sv_rpc_server_tls_replace(server->tls, tls, ret_error);
}

void sv_rpc_server_set_serving(struct sv_rpc_server *server, bool serving)
{
    if (server->health != NULL)
        sv_rpc_health_set(server->health, serving);
}

void sv_rpc_server_get_stats(struct sv_rpc_server *server, struct sv_rpc_server_stats *ret)
{
    pthread_mutex_lock(&server->lock);
    ret->live_calls = server->live_calls;
    ret->live_streams = server->live_streams;
    pthread_mutex_unlock(&server->lock);
    ret->calls = atomic_load(&server->n_calls);
}

/* ---- the end ---- */

static void core_down(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_server *server = SV_CONTAINER_OF(op, struct sv_rpc_server, shutdown_op);
    pthread_mutex_lock(&server->lock);
    server->core_down = true;
    pthread_cond_broadcast(&server->idle);
    pthread_mutex_unlock(&server->lock);
}

void sv_rpc_server_close(struct sv_rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool first = !server->closing;
    server->closing = true;
    if (server->core == NULL)
        server->core_down = true;
    pthread_mutex_unlock(&server->lock);
    if (!first)
        return;
    sv_rpc_server_set_serving(server, false);
    sv_rpc_stream_finish_all(server);
    if (server->core != NULL) {
        server->shutdown_op.done = core_down;
        grpc_server_shutdown_and_notify(server->core, server->queue.cq,
            sv_rpc_op_tag(&server->shutdown_op));
    }
}

static bool is_idle(const struct sv_rpc_server *server)
{
    return server->live_calls == 0 && server->live_streams == 0;
}

static bool is_down(const struct sv_rpc_server *server)
{
    return is_idle(server) && server->core_down;
}

/*
 * Waits until done() is true or until_ms. Runs the loop if the server has no threads. Returns
 * whether it is done.
 */
static bool wait_until(struct sv_rpc_server *server,
    bool (*done)(const struct sv_rpc_server *server), int64_t until_ms)
{
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
    pthread_mutex_lock(&server->lock);
    bool is_done;
    while (!(is_done = done(server)) && sv_mono_ms() < until_ms) {
        if (server->n_threads > 0) {
            pthread_cond_timedwait(&server->idle, &server->lock, &until);
            continue;
        }
        pthread_mutex_unlock(&server->lock);
        int64_t soon_ms = sv_mono_ms() + 50;
        sv_rpc_loop_once(server, soon_ms < until_ms ? soon_ms : until_ms);
        pthread_mutex_lock(&server->lock);
    }
    pthread_mutex_unlock(&server->lock);
    return is_done;
}

void sv_rpc_server_stop(struct sv_rpc_server *server, int64_t grace_ms)
{
    if (server->stopped)
        return;
    sv_rpc_server_close(server);
    int64_t start_ms = sv_mono_ms();
    if (wait_until(server, is_idle, start_ms + grace_ms))
        wait_until(server, is_down, sv_mono_ms() + (grace_ms < FLUSH_MS ? grace_ms : FLUSH_MS));
    if (server->core != NULL)
        grpc_server_cancel_all_calls(server->core);
    while (!wait_until(server, is_down, sv_mono_ms() + STILL_WAITING_MS)) {
        struct sv_rpc_server_stats stats;
        sv_rpc_server_get_stats(server, &stats);
        sv_logf(server->opt.log, SYNCTV_LOG_WARN, "rpc",
            "still waiting for %u calls to be answered and %u streams to end", stats.live_calls,
            stats.live_streams);
    }
    sv_rpc_loop_join(server);
    server->stopped = true;
    bool with_grpc = server->queue.cq != NULL;
    if (server->core != NULL)
        grpc_server_destroy(server->core);
    server->core = NULL;
    sv_rpc_queue_end(&server->queue);
    sv_rpc_health_free(server->health);
    server->health = NULL;
    if (with_grpc)
        sv_rpc_core_shutdown();
}

void sv_rpc_server_free(struct sv_rpc_server *server)
{
    if (server == NULL)
        return;
    sv_rpc_server_stop(server, 0);
    sv_rpc_queue_fini(&server->queue);
    sv_rpc_descriptors_free(server->descriptors);
    sv_rpc_server_tls_free(server->tls);
    sv_rpc_peers_free(server->peers);
    free(server->methods);
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->lock);
    pthread_mutex_destroy(&server->turn_lock);
    free(server);
}
