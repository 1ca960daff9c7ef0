/* SPDX-License-Identifier: MIT */
/* What others may call: ClusterService. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "peer/link.h"

#define SERVICE "/synctv.cluster.ClusterService/"

/* ---- who calls ---- */

/* A node names the node that it means, a tool the address that it has dialled. */
static bool is_me(struct sv_peer *peer, const char *destination)
{
    struct sv_cluster_identity self = { 0 };
    sv_cluster_identify(peer->node, &self);
    const char *const names[] = { synctv_node_id(peer->node), synctv_node_address(peer->node),
        self.address };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i][0] != '\0' && strcmp(names[i], destination) == 0)
            return true;
    return false;
}

int sv_peer_authenticate(struct sv_peer *peer, struct sv_rpc_call *call,
    struct sv_token_claims *ret_claims, synctv_error *err)
{
    static const char scheme[] = "Bearer ";
    const size_t scheme_len = sizeof(scheme) - 1;
    size_t len = 0;
    const char *value = sv_rpc_call_metadata(call, "authorization", &len);
    if (peer->keys.n == 0)
        return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "this node is no member of a cluster");
    if (value == NULL || len < scheme_len || strncasecmp(value, scheme, scheme_len) != 0)
        return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED,
            "this is for nodes of the cluster: it wants their token");
    int rv = sv_peer_keys_verify(&peer->keys, value + scheme_len, len - scheme_len,
        synctv_node_now_ms(peer->node), ret_claims, err);
    if (rv == 0 && !is_me(peer, ret_claims->destination))
        rv = sv_errorf(err, SYNCTV_E_TOKEN_INVALID, "the token is for %.128s, this is %s",
            ret_claims->destination, synctv_node_id(peer->node));
    return rv;
}

void sv_peer_refuse(struct sv_peer *peer, struct sv_rpc_call *call, const synctv_error *err)
{
    char text[sizeof(err->message) + 160];
    snprintf(text, sizeof(text), "a call of %s from %s is refused: %s: %s", sv_rpc_call_path(call),
        sv_rpc_call_address(call), synctv_error_reason(err->code), err->message);
    sv_peer_complain(peer, SYNCTV_LOG_WARN, NULL, text);
    sv_rpc_call_fail(call, err->code, err, NULL);
}

/* The caller may speak for this node only if it is this node. */
static int check_self(const struct sv_token_claims *claims, const char *node_id, synctv_error *err)
{
    return strcmp(claims->subject, node_id) == 0
        ? 0
        : sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "the token is of %s, the call of %.64s",
              claims->subject, node_id);
}

/* ---- nodes ---- */

void sv_peer_own_stats(struct sv_peer *peer, struct sv_wire_node_stats *ret_stats)
{
    synctv_node_stats stats;
    synctv_node_get_stats(peer->node, &stats);
    *ret_stats = (struct sv_wire_node_stats){
        .active_streams = (int32_t)stats.streams,
        .connected_clients = (int32_t)stats.users_online,
    };
    sv_peer_usage_read(&peer->usage, ret_stats);
}

static struct sv_wire_node_info info_of(struct sv_peer *peer, const struct sv_fellow *fellow,
    int64_t now_ms)
{
    static const enum sv_wire_node_state states[] = { SV_WIRE_NODE_ALIVE, SV_WIRE_NODE_SUSPECT,
        SV_WIRE_NODE_DEAD };
    struct sv_wire_node_info info = {
        .node_id = fellow->id,
        .address = fellow->address,
        .last_heartbeat_ms = now_ms - fellow->age_ms,
        .alive = fellow->state != SV_FELLOW_DEAD,
        .epoch = fellow->epoch,
        .state = states[fellow->state],
    };
    pthread_mutex_lock(&peer->lock);
    const struct sv_peer_fellow *known = sv_peer_find(peer, fellow->id);
    if (known != NULL && known->has_stats)
        info.stats = known->stats;
    if (info.state == SV_WIRE_NODE_ALIVE && (known == NULL || known->linked == 0))
        info.state = SV_WIRE_NODE_UNREACHABLE;
    pthread_mutex_unlock(&peer->lock);
    return info;
}

/* What a list of nodes points into. */
struct nodes {
    struct sv_fellow fellows[SV_FELLOWS_MAX];
    struct sv_wire_node_info infos[SV_FELLOWS_MAX + 1];
    struct sv_cluster_identity self;
};

static void list_nodes(struct sv_peer *peer, struct nodes *nodes, bool only_alive,
    struct sv_wire_nodes_response *ret_response)
{
    int64_t now_ms = synctv_node_now_ms(peer->node);
    size_t n_fellows = sv_cluster_fellows(peer->node, nodes->fellows), n = 0;
    sv_cluster_identify(peer->node, &nodes->self);
    nodes->infos[n] = (struct sv_wire_node_info){
        .node_id = synctv_node_id(peer->node),
        .address = nodes->self.address,
        .last_heartbeat_ms = now_ms,
        .alive = true,
        .epoch = nodes->self.epoch,
        .state = SV_WIRE_NODE_ALIVE,
    };
    sv_peer_own_stats(peer, &nodes->infos[n++].stats);
    for (size_t i = 0; i < n_fellows; i++) {
        nodes->infos[n] = info_of(peer, &nodes->fellows[i], now_ms);
        n += nodes->infos[n].alive || !only_alive;
    }
    *ret_response = (struct sv_wire_nodes_response){ true, nodes->infos, n };
}

typedef int encode_nodes(const struct sv_wire_nodes_response *from, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err);

static void reply_nodes(struct sv_peer *peer, struct sv_rpc_call *call, bool only_alive,
    encode_nodes *encode)
{
    struct sv_wire_nodes_response response;
    struct sv_rpc_bytes bytes;
    synctv_error err;
    struct nodes *nodes = malloc(sizeof(*nodes));
    int rv = nodes == NULL ? sv_error(&err, SYNCTV_E_NO_MEMORY) : 0;
    if (rv == 0) {
        list_nodes(peer, nodes, only_alive, &response);
        rv = encode(&response, sv_rpc_bytes_alloc, &bytes, &err);
    }
    if (rv == 0)
        sv_rpc_call_reply(call, bytes);
    else
        sv_rpc_call_fail(call, rv, &err, NULL);
    free(nodes);
}

static void get_nodes(struct sv_rpc_call *call, void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_token_claims claims;
    struct sv_wire_get_nodes_request request;
    synctv_error err;
    size_t len;
    const void *payload = sv_rpc_call_payload(call, &len);
    int rv = sv_peer_authenticate(peer, call, &claims, &err);
    if (rv == 0)
        rv =
            sv_wire_get_nodes_request_decode(payload, len, sv_rpc_call_arena(call), &request, &err);
    if (rv < 0)
        sv_peer_refuse(peer, call, &err);
    else
        reply_nodes(peer, call, request.only_alive, sv_wire_get_nodes_response_encode);
}

/* ---- RegisterNode ---- */

struct registration {
    struct sv_cluster_check check;
    struct sv_peer *peer;
    struct sv_rpc_call *call;
};

static int check_registration(struct sv_peer *peer, const struct sv_wire_register_request *r,
    synctv_error *err)
{
    struct sv_cluster_identity self = { 0 };
    int64_t apart_ms = r->now_ms - synctv_node_now_ms(peer->node);
    sv_cluster_identify(peer->node, &self);
    if (strcmp(r->node_id, synctv_node_id(peer->node)) == 0)
        return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "this is the node %s itself", r->node_id);
    if (strcmp(r->version, SV_PEER_WIRE_VERSION) != 0)
        return sv_errorf(err, SYNCTV_E_UNIMPLEMENTED,
            "the node speaks version \"%.20s\" of what nodes say, this one " SV_PEER_WIRE_VERSION,
            r->version);
    if (strcmp(r->storage_id, self.storage_id) != 0)
        return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED,
            "the node has another database: its storage_id is not this one's");
    if (apart_ms > SV_PEER_SKEW_MS || apart_ms < -SV_PEER_SKEW_MS)
        return sv_errorf(err, SYNCTV_E_CLOCK_SKEW, "its clock and this one's are %lld ms apart",
            (long long)apart_ms);
    return 0;
}

static int take_registration(struct registration *reg, synctv_error *err)
{
    struct sv_peer *peer = reg->peer;
    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = sv_peer_need(peer, reg->check.id);
    if (fellow != NULL) {
        fellow->has_stats = fellow->has_stats && fellow->epoch == reg->check.epoch;
        fellow->epoch = reg->check.epoch;
        sv_peer_set_address(fellow, reg->check.address);
    }
    pthread_mutex_unlock(&peer->lock);
    return fellow != NULL ? 0 : sv_errorf(err, SYNCTV_E_OVERLOADED, "there are too many nodes");
}

static void registration_checked(struct sv_cluster_check *check, int rv)
{
    struct registration *reg = SV_CONTAINER_OF(check, struct registration, check);
    synctv_error err;
    if (rv == SYNCTV_E_NODE_NOT_FOUND)
        sv_errorf(&err, rv, "the database of this node has no such start of the node %s",
            check->id);
    else if (rv < 0)
        sv_error(&err, rv);
    else
        rv = take_registration(reg, &err);
    if (rv < 0)
        sv_peer_refuse(reg->peer, reg->call, &err);
    else
        reply_nodes(reg->peer, reg->call, false, sv_wire_register_response_encode);
    free(reg);
}

static void register_node(struct sv_rpc_call *call, void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_token_claims claims;
    struct sv_wire_register_request r;
    struct registration *reg = NULL;
    synctv_error err;
    size_t len;
    const void *payload = sv_rpc_call_payload(call, &len);
    int rv = sv_peer_authenticate(peer, call, &claims, &err);
    if (rv == 0)
        rv = sv_wire_register_request_decode(payload, len, sv_rpc_call_arena(call), &r, &err);
    if (rv == 0)
        rv = check_self(&claims, r.node_id, &err);
    if (rv == 0)
        rv = check_registration(peer, &r, &err);
    if (rv == 0 && (reg = calloc(1, sizeof(*reg))) == NULL)
        rv = sv_error(&err, SYNCTV_E_NO_MEMORY);
    if (rv == 0) {
        reg->peer = peer;
        reg->call = call;
        reg->check.epoch = r.epoch;
        reg->check.done = registration_checked;
        snprintf(reg->check.id, sizeof(reg->check.id), "%s", r.node_id);
        snprintf(reg->check.instance, sizeof(reg->check.instance), "%s", r.instance);
        rv = sv_cluster_check(peer->node, &reg->check);
        if (rv < 0)
            sv_error(&err, rv);
    }
    if (rv < 0) {
        free(reg);
        sv_peer_refuse(peer, call, &err);
    }
}

/* ---- Heartbeat ---- */

static int take_heartbeat(struct sv_peer *peer, const struct sv_wire_heartbeat_request *request,
    synctv_error *err)
{
    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = sv_peer_find(peer, request->node_id);
    bool known = fellow != NULL && fellow->epoch != 0 && fellow->epoch == request->epoch;
    if (known) {
        fellow->stats = request->stats;
        fellow->has_stats = true;
    }
    pthread_mutex_unlock(&peer->lock);
    return known ? 0
                 : sv_errorf(err, SYNCTV_E_NODE_NOT_FOUND,
                       "this start of the node %s has not registered here", request->node_id);
}

static void heartbeat(struct sv_rpc_call *call, void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_token_claims claims;
    struct sv_wire_heartbeat_request request;
    struct sv_rpc_bytes bytes;
    synctv_error err;
    size_t len;
    const void *payload = sv_rpc_call_payload(call, &len);
    int rv = sv_peer_authenticate(peer, call, &claims, &err);
    if (rv == 0)
        rv =
            sv_wire_heartbeat_request_decode(payload, len, sv_rpc_call_arena(call), &request, &err);
    if (rv == 0)
        rv = check_self(&claims, request.node_id, &err);
    if (rv < 0) {
        sv_peer_refuse(peer, call, &err);
        return;
    }
    rv = take_heartbeat(peer, &request, &err); /* nothing to complain of: it registers again */
    const struct sv_wire_heartbeat_response response = { synctv_node_now_ms(peer->node) };
    if (rv == 0)
        rv = sv_wire_heartbeat_response_encode(&response, sv_rpc_bytes_alloc, &bytes, &err);
    if (rv == 0)
        sv_rpc_call_reply(call, bytes);
    else
        sv_rpc_call_fail(call, rv, &err, NULL);
}

/* ---- SyncEvents ---- */

/* A node that has registered opens a link; whoever has not observes. */
static int make_link(struct sv_peer *peer, const struct sv_token_claims *claims,
    struct sv_peer_link **ret_link, synctv_error *err)
{
    int rv = 0;
    pthread_mutex_lock(&peer->lock);
    const struct sv_peer_fellow *fellow = sv_peer_find(peer, claims->subject);
    bool observes = fellow == NULL || fellow->epoch == 0;
    struct sv_peer_link *link = NULL;
    if (peer->closing) {
        rv = sv_error(err, SYNCTV_E_SHUTTING_DOWN);
    } else if (observes && atomic_load(&peer->n_observers) >= SV_PEER_OBSERVERS_MAX) {
        rv = sv_errorf(err, SYNCTV_E_STREAM_LIMIT, "%d others observe this node already",
            SV_PEER_OBSERVERS_MAX);
    } else if ((link = sv_peer_link_new(peer, claims->subject, false)) == NULL) {
        rv = sv_error(err, SYNCTV_E_NO_MEMORY);
    } else {
        link->observes = observes;
        link->epoch = observes ? 0 : fellow->epoch;
        atomic_fetch_add(&peer->n_observers, observes);
        *ret_link = sv_peer_link_ref(link);
    }
    pthread_mutex_unlock(&peer->lock);
    return rv;
}

static void sync_events(struct sv_rpc_call *call, void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_token_claims claims;
    struct sv_peer_link *link = NULL;
    struct sv_rpc_stream *stream;
    synctv_error err;
    int rv = sv_peer_authenticate(peer, call, &claims, &err);
    if (rv == 0)
        rv = make_link(peer, &claims, &link, &err);
    if (rv < 0) {
        sv_peer_refuse(peer, call, &err);
        return;
    }
    rv = sv_rpc_call_accept(call, &sv_peer_served_ops, link, &stream);
    if (rv == 0) {
        sv_peer_link_attach(link, stream, NULL);
    } else {
        sv_error(&err, rv);
        sv_peer_link_abandon(link);
        sv_peer_refuse(peer, call, &err);
    }
    sv_peer_link_unref(link);
}

void sv_peer_add_cluster_methods(struct sv_peer *peer, struct sv_rpc_method *methods)
{
    methods[0] =
        (struct sv_rpc_method){ SERVICE "RegisterNode", SV_RPC_UNARY, register_node, peer, 0 };
    methods[1] = (struct sv_rpc_method){ SERVICE "Heartbeat", SV_RPC_UNARY, heartbeat, peer, 0 };
    methods[2] = (struct sv_rpc_method){ SERVICE "GetNodes", SV_RPC_UNARY, get_nodes, peer, 0 };
    methods[3] = (struct sv_rpc_method){ SERVICE "SyncEvents", SV_RPC_BIDI, sync_events, peer,
        SV_RPC_STAYS_ON_QUEUE };
}
