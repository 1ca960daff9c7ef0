/* SPDX-License-Identifier: MIT */
/*
 * A node from its options to its end. Puts the use cases (lib/node), the queue (lib/rpc) and the
 * services (lib/service) together.
 */
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "embed/metrics.h"
#include "embed/tls_files.h"
#include "node/cluster.h"
#include "node/node.h"
#include "node/rooms/flush.h"
#include "node/streams/streams.h"
#include "peer/peer.h"
#include "service/service.h"

#define MAX_THREADS 64
/* Turns for what the last jobs have left in the mailbox; each one may post once more. */
#define LAST_TURNS 1000
/* The streams of a member that stops end one after the other, so many a second … */
#define DRAIN_STREAMS_PER_SECOND 500
/* … or more, so that all have ended after this. */
#define DRAIN_MAX_MS 2000
#define DRAIN_STEP_MS 10

struct front {
    /* NULL until its threads have started. */
    struct sv_rpc_server *_Atomic server;
    struct sv_service *service;
    struct sv_peer *peer;
    /* Of both. */
    struct sv_rpc_method *methods;
    size_t n_methods;
    /* For what is for members alone; NULL = the other one serves it. */
    struct sv_rpc_server *cluster_server;
    /* With threads = 0. */
    bool polled;
    /* NULL = there is none. */
    char *tls_cert_file, *tls_key_file, *tls_client_ca_file;
    pthread_mutex_t stop_lock;
    /* Also that stop() has begun, for poll(). */
    atomic_bool stopped;
    /* Under stop_lock: nothing is left to be stopped. */
    bool ended;
};

/* ---- what the queue and the node want of each other ---- */

static int64_t turn(void *userdata)
{
    return sv_node_turn(userdata);
}

/* Before the server is known its first turn is still to come. */
static void wake(void *userdata)
{
    struct front *front = userdata;
    struct sv_rpc_server *server = atomic_load(&front->server);
    if (server != NULL)
        sv_rpc_server_wake(server);
}

/* ---- opening ---- */

static int check_options(const synctv_node *node, const synctv_node_options *options,
    synctv_error *err)
{
    if (options->threads > MAX_THREADS)
        return sv_error_field(err, "threads", "a node has at most %d threads", MAX_THREADS);
    if (options->listen != NULL &&
        (sv_port_of(options->listen) == NULL ||
            strlen(options->listen) >= sizeof(node->address) - 5))
        return sv_error_field(err, "listen", "an address is HOST:PORT or [IPV6]:PORT, not %s",
            options->listen);
    if (options->cluster_listen != NULL &&
        (sv_port_of(options->cluster_listen) == NULL ||
            strlen(options->cluster_listen) >= sizeof(node->address) - 5 ||
            options->listen == NULL))
        return sv_error_field(err, "cluster_listen",
            "an address is HOST:PORT or [IPV6]:PORT, beside one for clients, not %s",
            options->cluster_listen);
    struct sv_networks proxies;
    return sv_networks_parse(options->trusted_proxies, "trusted_proxies", &proxies, err);
}

/* As `listen`, with the port that it got. */
static void real_address(char *out, size_t size, const char *listen,
    const struct sv_rpc_server *server)
{
    snprintf(out, size, "%.*s%d", (int)(sv_port_of(listen) - listen), listen,
        sv_rpc_server_port(server));
}

/* Has a thread of its own; what it serves is nothing that the node's loop would have to turn for.
 */
static int start_cluster_server(synctv_node *node, const synctv_node_options *options,
    const struct sv_rpc_tls *tls, synctv_error *err)
{
    struct front *front = node->front;
    struct sv_rpc_server_options o;
    sv_rpc_server_defaults(&o);
    o.listen = options->cluster_listen;
    o.tls = tls->cert != NULL ? tls : NULL;
    o.methods = sv_peer_methods(front->peer, &o.n_methods);
    o.log = &node->log;
    o.max_connections_per_address = 0;
    synctv_error own;
    if (err == NULL)
        err = &own;
    int rv = sv_rpc_server_new(&o, &front->cluster_server, err);
    if (rv == SYNCTV_E_INVALID_ARGUMENT && strcmp(err->field, "listen") == 0) {
        snprintf(err->field, sizeof(err->field), "cluster_listen");
        return err->code = SYNCTV_E_NODE_UNAVAILABLE; /* the address is well-formed */
    }
    if (rv < 0)
        return rv;
    char address[sizeof(node->address)];
    real_address(address, sizeof(address), options->cluster_listen, front->cluster_server);
    sv_cluster_set_address(node, address);
    return 0;
}

static int start_server(synctv_node *node, const synctv_node_options *options,
    const struct sv_rpc_tls *tls, synctv_error *err)
{
    struct front *front = node->front;
    struct sv_rpc_server_options o;
    sv_rpc_server_defaults(&o);
    o.listen = options->listen;
    o.trusted_proxies = options->trusted_proxies;
    o.tls = tls->cert != NULL ? tls : NULL;
    o.threads = options->threads;
    o.methods = front->methods;
    o.n_methods = front->n_methods;
    struct sv_rpc_tls clients_tls = *tls;
    if (front->cluster_server != NULL) {
        o.methods = sv_service_methods(front->service, &o.n_methods);
        clients_tls.client_ca = NULL;
        o.tls = tls->cert != NULL ? &clients_tls : NULL;
    }
    o.descriptor_set = sv_service_descriptor_set(&o.descriptor_set_len);
    o.turn = turn;
    o.userdata = node;
    o.log = &node->log;
    int32_t streams = node->limits.streams_per_connection;
    o.max_streams_per_connection = streams > 0 ? (unsigned)streams : INT_MAX;
    o.max_connections_per_address = (unsigned)node->limits.connections_per_address;

    synctv_error own;
    if (err == NULL)
        err = &own;
    struct sv_rpc_server *server = NULL;
    int rv = sv_rpc_server_new(&o, &server, err);
    if (rv == SYNCTV_E_INVALID_ARGUMENT && strcmp(err->field, "listen") == 0)
        return err->code = SYNCTV_E_NODE_UNAVAILABLE; /* the address is well-formed */
    if (rv < 0)
        return rv;
    if (options->listen != NULL)
        real_address(node->address, sizeof(node->address), options->listen, server);
    if (front->cluster_server == NULL)
        sv_cluster_set_address(node, node->address);
    atomic_store(&front->server, server);
    sv_rpc_server_wake(server);
    return 0;
}

static void front_free(struct front *front)
{
    if (front == NULL)
        return;
    sv_service_free(front->service);
    sv_peer_free(front->peer);
    free(front->methods);
    free(front->tls_cert_file);
    free(front->tls_key_file);
    free(front->tls_client_ca_file);
    pthread_mutex_destroy(&front->stop_lock);
    free(front);
}

static bool copy_path(char **ret_copy, const char *path)
{
    *ret_copy = sv_str_empty(path) ? NULL : strdup(path);
    return *ret_copy != NULL || sv_str_empty(path);
}

static int join_methods(struct front *front)
{
    size_t n_service, n_peer;
    const struct sv_rpc_method *service = sv_service_methods(front->service, &n_service);
    const struct sv_rpc_method *peer = sv_peer_methods(front->peer, &n_peer);
    front->methods = calloc(n_service + n_peer, sizeof(*front->methods));
    if (front->methods == NULL)
        return SYNCTV_E_NO_MEMORY;
    memcpy(front->methods, service, n_service * sizeof(*service));
    memcpy(front->methods + n_service, peer, n_peer * sizeof(*peer));
    front->n_methods = n_service + n_peer;
    return 0;
}

/* What calls other nodes. They listen as this one does: with TLS or without. */
static int make_peer(synctv_node *node, struct front *front, const synctv_node_options *options,
    const struct sv_tls_files *files, synctv_error *err)
{
    const struct sv_peer_options o = {
        .node = node,
        .log = &node->log,
        .secret_file = options->cluster_secret_file,
        .tls = files->tls.cert != NULL,
        .root_ca = files->cluster_ca,
        .cert = files->cert,
        .key = files->key,
    };
    int rv = sv_peer_new(&o, &front->peer, err);
    if (rv == 0 && (rv = join_methods(front)) < 0)
        sv_error(err, rv);
    return rv;
}

static struct front *front_new(synctv_node *node, const synctv_node_options *options)
{
    struct front *front = calloc(1, sizeof(*front));
    if (front == NULL)
        return NULL;
    pthread_mutex_init(&front->stop_lock, NULL);
    front->polled = options->threads == 0;
    if (!copy_path(&front->tls_cert_file, options->tls_cert_file) ||
        !copy_path(&front->tls_key_file, options->tls_key_file) ||
        !copy_path(&front->tls_client_ca_file, options->tls_client_ca_file) ||
        sv_service_new(node, &node->log, &front->service) < 0) {
        front_free(front);
        return NULL;
    }
    return front;
}

static int open_node(const synctv_node_options *options, synctv_node **ret_node,
    synctv_error *ret_error)
{
    struct sv_tls_files tls = { 0 };
    struct front *front = NULL;
    bool started = false;
    synctv_node *node = calloc(1, sizeof(*node));
    if (node == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    int rv = check_options(node, options, ret_error);
    if (rv == 0)
        rv = sv_tls_files_read(&tls, options, ret_error);
    if (rv < 0)
        goto out;
    rv = sv_node_init(node, options, ret_error);
    if (rv < 0)
        goto out;
    started = true;
    front = front_new(node, options);
    if (front == NULL) {
        rv = sv_error(ret_error, SYNCTV_E_NO_MEMORY);
        goto out;
    }
    rv = make_peer(node, front, options, &tls, ret_error);
    if (rv < 0)
        goto out;
    node->front = front;
    node->wake_userdata = front;
    node->wake = wake;
    if (options->cluster_listen != NULL)
        rv = start_cluster_server(node, options, &tls.tls, ret_error);
    if (rv == 0)
        rv = start_server(node, options, &tls.tls, ret_error);
    if (rv < 0)
        goto out;
    rv = sv_peer_start(front->peer,
        options->listen == NULL || front->polled ? NULL : atomic_load(&front->server), ret_error);
    if (rv < 0) {
        sv_rpc_server_free(atomic_exchange(&front->server, NULL));
        goto out;
    }
    *ret_node = node;
    node = NULL; /* moved to the caller */
out:
    if (node != NULL && started) {
        sv_rpc_server_free(front == NULL ? NULL : front->cluster_server);
        sv_node_close(node);
        sv_node_quiesce(node);
        sv_node_fini(node);
    }
    if (node != NULL)
        front_free(front);
    free(node);
    sv_tls_files_fini(&tls);
    return rv < 0 ? rv : 0;
}

int synctv_node_open(const synctv_node_options *options, synctv_node **ret_node,
    synctv_error *ret_error)
{
    synctv_node_options known;
    int rv = sv_node_options_take(options, &known, ret_error);
    return rv < 0 ? rv : open_node(&known, ret_node, ret_error);
}

/* ---- running ---- */

int synctv_node_poll(synctv_node *node, int timeout_ms)
{
    struct front *front = node->front;
    if (atomic_load(&front->stopped))
        return SYNCTV_E_SHUTTING_DOWN;
    if (!front->polled)
        return SYNCTV_E_INVALID_ARGUMENT;
    sv_rpc_server_poll(atomic_load(&front->server), timeout_ms);
    return 0;
}

int synctv_node_wake_fd(const synctv_node *node)
{
    struct front *front = node->front;
    return front->polled ? sv_rpc_server_fd(atomic_load(&front->server))
                         : SYNCTV_E_INVALID_ARGUMENT;
}

int synctv_node_timeout_ms(const synctv_node *node)
{
    struct front *front = node->front;
    if (!front->polled)
        return -1;
    if (atomic_load(&front->stopped))
        return 0;
    int64_t wait_ms = sv_rpc_server_wait_ms(atomic_load(&front->server));
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}

int synctv_node_reload_tls(synctv_node *node, synctv_error *ret_error)
{
    struct front *front = node->front;
    struct sv_rpc_server *server = atomic_load(&front->server);
    const synctv_node_options files = {
        .tls_cert_file = front->tls_cert_file,
        .tls_key_file = front->tls_key_file,
        .tls_client_ca_file = front->tls_client_ca_file,
    };
    if (files.tls_cert_file == NULL || sv_rpc_server_port(server) == 0)
        return sv_error_field(ret_error, "tls_cert_file", "the node was opened without TLS");
    struct sv_tls_files tls;
    int rv = sv_tls_files_read(&tls, &files, ret_error);
    if (rv == 0 && front->cluster_server != NULL) {
        rv = sv_rpc_server_reload_tls(front->cluster_server, &tls.tls, ret_error);
        tls.tls.client_ca = NULL;
    }
    if (rv == 0)
        rv = sv_rpc_server_reload_tls(server, &tls.tls, ret_error);
    sv_tls_files_fini(&tls);
    return rv;
}

void synctv_node_read_metrics(synctv_node *node, synctv_metric_fn *fn, void *userdata)
{
    struct front *front = node->front;
    const struct sv_metrics_parts parts = {
        .node = node,
        .server = atomic_load(&front->server),
        .service = front->service,
        .peer = front->peer,
    };
    sv_metrics_read(&parts, fn, userdata);
}

/* ---- ending ---- */

static void wait_ms(struct front *front, int ms)
{
    if (front->polled) {
        sv_rpc_server_poll(atomic_load(&front->server), ms);
        return;
    }
    struct timespec t = { .tv_nsec = ms * 1000000L };
    nanosleep(&t, NULL);
}

/*
 * Other members are there for this node's clients. So streams do not all end at the same moment,
 * nor come to the others then; who still has one goes on and hears what happens. What the rooms
 * play is stored before the others stop asking this node for it.
 */
static void drain(synctv_node *node, int grace_ms)
{
    const atomic_uint *n_streams = &node->streams->n;
    int64_t total = atomic_load(n_streams), ended = 0;
    int64_t span_ms = total * 1000 / DRAIN_STREAMS_PER_SECOND;
    int64_t max_ms = grace_ms < DRAIN_MAX_MS ? grace_ms : DRAIN_MAX_MS;
    int64_t start_ms = sv_mono_ms();
    if (span_ms > max_ms)
        span_ms = max_ms;
    for (int64_t passed_ms = 0; passed_ms < span_ms && atomic_load(n_streams) > 0;
         passed_ms = sv_mono_ms() - start_ms) {
        int64_t due = total * passed_ms / span_ms;
        sv_streams_end_some(node, (unsigned)(due - ended), SYNCTV_E_SHUTTING_DOWN);
        ended = due;
        wait_ms(node->front, DRAIN_STEP_MS);
    }
    sv_node_close(node);
    sv_rooms_flush(node);
}

void synctv_node_stop(synctv_node *node, int grace_ms)
{
    struct front *front = node->front;
    atomic_store(&front->stopped, true);
    pthread_mutex_lock(&front->stop_lock);
    if (!front->ended) {
        struct sv_rpc_server *server = atomic_load(&front->server);
        bool drains = sv_cluster_has_fellows(node);
        if (drains)
            sv_node_drain(node); /* first: who hears NOT_SERVING has no call taken any more */
        sv_rpc_server_set_serving(server, false);
        if (drains)
            drain(node, grace_ms);
        sv_node_close(node);
        sv_peer_close(front->peer);
        if (front->cluster_server != NULL)
            sv_rpc_server_stop(front->cluster_server, grace_ms < 0 ? 0 : grace_ms);
        sv_rpc_server_stop(server, grace_ms < 0 ? 0 : grace_ms);
        sv_node_quiesce(node);
        for (int i = 0; i < LAST_TURNS && turn(node) == 0; i++)
            ;
        front->ended = true;
    }
    pthread_mutex_unlock(&front->stop_lock);
}

void synctv_node_free(synctv_node *node)
{
    if (node == NULL)
        return;
    struct front *front = node->front;
    synctv_node_stop(node, 0);
    sv_rpc_server_free(front->cluster_server);
    sv_rpc_server_free(atomic_exchange(&front->server, NULL));
    sv_node_fini(node);
    front_free(front);
    free(node);
}
