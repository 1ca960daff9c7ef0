/* SPDX-License-Identifier: MIT */
/*
 * The thread that calls others. For each fellow that the mesh wants a link to, or that has one:
 *
 *   no channel -> make one -> RegisterNode, if this epoch has not -> SyncEvents, if it is wanted
 *                                                                 -> Heartbeat, when it is due
 *
 * one call at a time. What fails is tried again later, and later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "node/links/links.h"
#include "peer/link.h"

#define CALL_MS 30000
/* How often the thread looks for links that stall, and for fellows that are gone. */
#define LOOK_MS 1000
/* How long goodbyes may take. */
#define LEAVE_MS 500
/* One failure may be a restart: nothing is said before so many in a row. */
#define QUIET_ATTEMPTS 2

/* ---- calls ---- */

struct call {
    struct sv_peer *peer;
    char id[65];
    bool is_registration;
    /* With which it registers. */
    int64_t epoch;
};

static void call_done(void *userdata, const struct sv_rpc_answer *answer)
{
    struct call *call = userdata;
    struct sv_peer *peer = call->peer;
    bool failed = answer->grpc_status != 0, tell = false;
    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = sv_peer_find(peer, call->id);
    if (fellow != NULL) {
        fellow->calling = false;
        if (failed && answer->error.code == SYNCTV_E_NODE_NOT_FOUND)
            fellow->registered_epoch = 0;
        else if (!failed && call->is_registration)
            fellow->registered_epoch = call->epoch;
        if (failed && (call->is_registration || fellow->registered_epoch == 0)) {
            sv_peer_back_off(fellow);
            tell = fellow->attempts > QUIET_ATTEMPTS || fellow->registered_epoch != 0;
        }
    }
    sv_peer_stir(peer);
    bool closing = peer->closing;
    pthread_mutex_unlock(&peer->lock);
    if (tell && !closing) {
        char text[sizeof(answer->error.message) + 64];
        snprintf(text, sizeof(text), "%s fails: %s: %s",
            call->is_registration ? "RegisterNode" : "Heartbeat",
            synctv_error_reason(answer->error.code), answer->error.message);
        sv_peer_complain(peer, SYNCTV_LOG_WARN, call->id, text);
    }
    free(call);
}

/* Takes the payload. Locked. */
static void start_call(struct sv_peer_fellow *fellow, const char *path, struct sv_rpc_bytes payload,
    bool is_registration, int64_t epoch)
{
    struct sv_peer *peer = fellow->peer;
    char *authorization = NULL;
    struct call *call = calloc(1, sizeof(*call));
    int rv = call == NULL ? SYNCTV_E_NO_MEMORY
                          : sv_peer_keys_sign(&peer->keys, synctv_node_id(peer->node), fellow->id,
                                synctv_node_now_ms(peer->node), &authorization);
    if (rv < 0) {
        sv_rpc_bytes_unref(payload);
    } else {
        *call = (struct call){ .peer = peer, .is_registration = is_registration, .epoch = epoch };
        memcpy(call->id, fellow->id, sizeof(call->id));
        const struct sv_rpc_md md = { "authorization", authorization, 0 };
        const struct sv_rpc_request request = {
            .path = path, .metadata = &md, .n_metadata = 1, .timeout_ms = CALL_MS
        };
        rv = sv_rpc_unary(fellow->channel, &request, payload, call_done, call);
    }
    free(authorization);
    fellow->calling = rv == 0;
    if (rv == 0)
        return;
    free(call);
    sv_peer_back_off(fellow);
}

static void register_there(struct sv_peer_fellow *fellow, const struct sv_cluster_identity *self)
{
    synctv_node *node = fellow->peer->node;
    const struct sv_wire_register_request request = {
        .node_id = synctv_node_id(node),
        .address = self->address,
        .epoch = self->epoch,
        .storage_id = self->storage_id,
        .instance = self->instance,
        .now_ms = synctv_node_now_ms(node),
        .version = SV_PEER_WIRE_VERSION,
    };
    struct sv_rpc_bytes bytes;
    if (sv_wire_register_request_encode(&request, sv_rpc_bytes_alloc, &bytes, NULL) < 0)
        sv_peer_back_off(fellow);
    else
        start_call(fellow, "/synctv.cluster.ClusterService/RegisterNode", bytes, true, self->epoch);
}

static void beat_there(struct sv_peer_fellow *fellow, const struct sv_cluster_identity *self)
{
    struct sv_peer *peer = fellow->peer;
    struct sv_wire_heartbeat_request request = {
        .node_id = synctv_node_id(peer->node),
        .epoch = self->epoch,
    };
    sv_peer_own_stats(peer, &request.stats);
    struct sv_rpc_bytes bytes;
    if (sv_wire_heartbeat_request_encode(&request, sv_rpc_bytes_alloc, &bytes, NULL) < 0)
        sv_peer_back_off(fellow);
    else
        start_call(fellow, "/synctv.cluster.ClusterService/Heartbeat", bytes, false, 0);
    fellow->next_beat_ms = sv_mono_ms() + self->heartbeat_ms;
}

/* ---- links ---- */

/* Locked. */
static void open_stream(struct sv_peer_fellow *fellow)
{
    struct sv_peer *peer = fellow->peer;
    char *authorization;
    if (sv_peer_keys_sign(&peer->keys, synctv_node_id(peer->node), fellow->id,
            synctv_node_now_ms(peer->node), &authorization) < 0) {
        sv_peer_back_off(fellow);
        return;
    }
    struct sv_peer_link *link = sv_peer_link_new(peer, fellow->id, true);
    if (link == NULL) {
        free(authorization);
        sv_peer_back_off(fellow);
        return;
    }
    link->session = ++peer->n_sessions;
    sv_peer_link_say_hello(link);
    sv_peer_link_ref(link);
    const struct sv_rpc_md md = { "authorization", authorization, 0 };
    const struct sv_rpc_request request = {
        .path = "/synctv.cluster.ClusterService/SyncEvents", .metadata = &md, .n_metadata = 1
    };
    struct sv_rpc_client_stream *stream =
        sv_rpc_client_stream_open(fellow->channel, &request, &sv_peer_dialled_ops, link);
    free(authorization);
    if (stream == NULL) {
        sv_peer_back_off(fellow);
        HASH_DEL(peer->links, link);
        sv_peer_link_unref(link);
    } else {
        fellow->opening = link->number;
        sv_peer_link_attach(link, NULL, stream);
    }
    sv_peer_link_unref(link);
}

/* ---- what the mesh wants ---- */

static void on_dial(void *peers, const char *peer_id, const char *address)
{
    struct sv_peer *peer = peers;
    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = peer->closing ? NULL : sv_peer_need(peer, peer_id);
    if (fellow != NULL) {
        sv_peer_set_address(fellow, address);
        fellow->wanted = true;
        sv_peer_stir(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}

static void end_locked(struct sv_peer *peer, uint64_t number, const char *reason)
{
    struct sv_peer_link *link = number == 0 ? NULL : sv_peer_find_link(peer, number);
    if (link == NULL)
        return;
    sv_peer_link_end(link, SYNCTV_LOG_INFO, SYNCTV_E_CANCELLED, "%s", reason);
    sv_peer_link_unref(link);
}

static void on_hang_up(void *peers, uint64_t number, const char *peer_id, const char *reason)
{
    struct sv_peer *peer = peers;
    struct sv_peer_link *link, *next;
    pthread_mutex_lock(&peer->lock);
    if (number != 0) {
        end_locked(peer, number, reason);
    } else if (peer_id == NULL) {
        HASH_ITER(hh, peer->links, link, next) {
            sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_NO_MEMORY, "%s", reason);
        }
    } else {
        struct sv_peer_fellow *fellow = sv_peer_find(peer, peer_id);
        if (fellow != NULL) {
            fellow->wanted = false;
            end_locked(peer, fellow->opening, reason);
        }
    }
    pthread_mutex_unlock(&peer->lock);
}

static void on_send(void *peers, const struct sv_cluster_event *event,
    const struct sv_link_place *places, size_t n_places)
{
    struct sv_peer *peer = peers;
    struct sv_rpc_bytes bytes;
    bool is_encoded = sv_peer_encode(event, &bytes);
    pthread_mutex_lock(&peer->lock);
    for (size_t i = 0; i < n_places; i++) {
        struct sv_peer_link *link = sv_peer_find_link(peer, places[i].link);
        if (link == NULL)
            continue;
        if (is_encoded)
            sv_peer_link_push(link, bytes, places[i].sequence, event->kind != SV_CLUSTER_SNAPSHOT);
        else
            sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_NO_MEMORY, "out of memory");
        sv_peer_link_unref(link);
    }
    pthread_mutex_unlock(&peer->lock);
    if (is_encoded)
        sv_rpc_bytes_unref(bytes);
}

static void on_observed(void *peers, const struct sv_cluster_event *event)
{
    struct sv_peer *peer = peers;
    struct sv_peer_link *link, *next;
    struct sv_rpc_bytes bytes;
    if (atomic_load(&peer->n_observers) == 0 || !sv_peer_encode(event, &bytes))
        return;
    pthread_mutex_lock(&peer->lock);
    HASH_ITER(hh, peer->links, link, next) {
        if (link->observes) /* one event at a time comes here, so they are numbered in order */
            sv_peer_link_push(link, bytes, ++link->observed, true);
    }
    pthread_mutex_unlock(&peer->lock);
    sv_rpc_bytes_unref(bytes);
}

static void on_usage(void *peers, double *ret_cpu, double *ret_memory)
{
    struct sv_peer *peer = peers;
    struct sv_wire_node_stats stats;
    sv_peer_usage_read(&peer->usage, &stats);
    *ret_cpu = stats.cpu_usage;
    *ret_memory = stats.memory_usage;
}

static void on_ask_online(void *peers, struct sv_online *online)
{
    sv_peer_ask_online(peers, online);
}

static const struct sv_link_ops link_ops = {
    .dial = on_dial,
    .hang_up = on_hang_up,
    .send = on_send,
    .observed = on_observed,
    .usage = on_usage,
    .ask_online = on_ask_online,
};

/* ---- the thread ---- */

/* Locked. */
static void make_channel(struct sv_peer_fellow *fellow)
{
    struct sv_peer *peer = fellow->peer;
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = fellow->address;
    o.max_reconnect_ms = SV_PEER_RECONNECT_MS;
    o.tls = peer->tls;
    o.root_ca = peer->root_ca;
    o.cert = peer->cert;
    o.key = peer->key;
    o.log = peer->log;
    if (sv_rpc_channel_new(&o, &fellow->channel, NULL) < 0) {
        fellow->channel = NULL;
        sv_peer_back_off(fellow);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Does what is due for a fellow. Returns when it wants to be asked again. Locked. */
static int64_t serve(struct sv_peer_fellow *fellow, const struct sv_cluster_identity *self,
    int64_t now_ms)
{
    bool is_used = fellow->wanted || fellow->linked != 0;
    if (!is_used || fellow->calling || fellow->address[0] == '\0')
        return INT64_MAX;
    if (fellow->not_before_ms > now_ms)
        return fellow->not_before_ms;
    if (fellow->channel == NULL)
        make_channel(fellow);
    if (fellow->channel == NULL)
        return fellow->not_before_ms;
    if (fellow->registered_epoch != self->epoch) {
        register_there(fellow, self);
        return INT64_MAX;
    }
    if (fellow->wanted && fellow->opening == 0)
        open_stream(fellow);
    if (fellow->linked != 0 && fellow->next_beat_ms <= now_ms)
        beat_there(fellow, self);
    return fellow->linked != 0 ? fellow->next_beat_ms : INT64_MAX;
}

/* Links that we have dialled; the server watches those that it serves. Locked. */
static void end_stalled(struct sv_peer *peer)
{
    struct sv_peer_link *link, *next;
    HASH_ITER(hh, peer->links, link, next) {
        struct sv_rpc_client_stream *calls = atomic_load(&link->calls);
        if (calls != NULL && sv_rpc_client_stream_stalled_ms(calls) > SV_PEER_STALL_MS)
            sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_SLOW_CONSUMER,
                "it has taken nothing for %d s", SV_PEER_STALL_MS / 1000);
    }
}

/* Fellows who are in the table of nodes no longer. Locked. */
static void forget_fellows(struct sv_peer *peer, const struct sv_fellow *seen, size_t n_seen)
{
    SV_LIST_FOREACH(it, &peer->fellows) {
        struct sv_peer_fellow *fellow = SV_CONTAINER_OF(it, struct sv_peer_fellow, link_in_peer);
        bool is_seen = fellow->wanted || fellow->calling || fellow->linked != 0 ||
            fellow->opening != 0 || fellow->not_before_ms > sv_mono_ms();
        for (size_t i = 0; i < n_seen && !is_seen; i++)
            is_seen = strcmp(seen[i].id, fellow->id) == 0;
        if (!is_seen)
            sv_peer_drop(fellow);
        else if (!fellow->wanted && !fellow->calling && fellow->linked == 0 && fellow->opening == 0)
            sv_peer_drop_channel(fellow);
    }
}

/* Unlocks for it, as calls that are cancelled come back then. */
static void free_old_channels(struct sv_peer *peer)
{
    while (peer->n_old_channels > 0) {
        struct sv_rpc_channel *channel = peer->old_channels[--peer->n_old_channels];
        pthread_mutex_unlock(&peer->lock);
        sv_rpc_channel_free(channel);
        pthread_mutex_lock(&peer->lock);
    }
}

static void wait_until(struct sv_peer *peer, int64_t until_ms)
{
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
    while (!peer->stirred && !peer->closing &&
        pthread_cond_timedwait(&peer->changed, &peer->lock, &until) == 0)
        ;
}

static void leave(struct sv_peer *peer)
{
    struct sv_peer_link *link, *next;
    HASH_ITER(hh, peer->links, link, next) {
        sv_peer_link_leave(link);
    }
}

/* Waits for what was dialled; what is served ends with the server. */
static bool has_dialled(const struct sv_peer *peer)
{
    struct sv_peer_link *link, *next;
    HASH_ITER(hh, peer->links, link, next) {
        if (link->dialled)
            return true;
    }
    return false;
}

static void *run(void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_fellow *seen = calloc(SV_FELLOWS_MAX, sizeof(*seen));
    int64_t looked_ms = 0;
    pthread_mutex_lock(&peer->lock);
    while (!peer->closing) {
        struct sv_cluster_identity self;
        int64_t now_ms = sv_mono_ms(), next_ms = looked_ms + LOOK_MS;
        sv_cluster_identify(peer->node, &self);
        peer->stirred = false;
        SV_LIST_FOREACH(it, &peer->fellows)
            next_ms = earlier(next_ms,
                serve(SV_CONTAINER_OF(it, struct sv_peer_fellow, link_in_peer), &self, now_ms));
        if (looked_ms + LOOK_MS <= now_ms && seen != NULL) {
            looked_ms = now_ms;
            end_stalled(peer);
            forget_fellows(peer, seen, sv_cluster_fellows(peer->node, seen));
        }
        free_old_channels(peer);
        wait_until(peer, next_ms);
    }
    leave(peer);
    int64_t until_ms = sv_mono_ms() + LEAVE_MS;
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
    while (has_dialled(peer) && pthread_cond_timedwait(&peer->changed, &peer->lock, &until) == 0)
        ;
    SV_LIST_FOREACH(it, &peer->fellows) {
        sv_peer_drop_channel(SV_CONTAINER_OF(it, struct sv_peer_fellow, link_in_peer));
        free_old_channels(peer);
    }
    pthread_mutex_unlock(&peer->lock);
    free(seen);
    return NULL;
}

int sv_peer_dial_start(struct sv_peer *peer, synctv_error *err)
{
    if (pthread_create(&peer->thread, NULL, run, peer) != 0)
        return sv_errorf(err, SYNCTV_E_INTERNAL, "no thread can be started");
    pthread_setname_np(peer->thread, "sv-peer");
    peer->has_thread = true;
    sv_links_set_ops(peer->node, &link_ops, peer);
    return 0;
}
