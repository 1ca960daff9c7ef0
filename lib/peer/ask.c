/* SPDX-License-Identifier: MIT */
/* What somebody asks who is no member but has the secret. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "peer/inside.h"

#define ASK_MS 5000

struct ask {
    sem_t done;
    synctv_cluster_node *nodes;
    int max;
    /* The count or the error, and that. */
    int rv;
    synctv_error *err;
};

static void take_node(const struct sv_wire_node_info *info, int64_t now_ms,
    synctv_cluster_node *out)
{
    *out = (synctv_cluster_node){
        .struct_size = sizeof(*out),
        .state = (synctv_node_state)info->state,
        .epoch = info->epoch,
        .age_ms = now_ms - info->last_heartbeat_ms,
        .streams = (uint32_t)info->stats.active_streams,
        .users_online = (uint32_t)info->stats.connected_clients,
        .cpu = info->stats.cpu_usage,
        .memory_bytes = info->stats.memory_usage,
    };
    snprintf(out->node_id, sizeof(out->node_id), "%s", info->node_id);
    snprintf(out->address, sizeof(out->address), "%s", info->address);
}

/* sv_rpc_done_fn */
static void got_nodes(void *userdata, const struct sv_rpc_answer *answer)
{
    struct ask *ask = userdata;
    struct sv_arena arena = { 0 };
    struct sv_wire_nodes_response response = { 0 };
    if (answer->grpc_status != 0) {
        *ask->err = answer->error;
        ask->rv = answer->error.code;
    } else {
        ask->rv = sv_wire_get_nodes_response_decode(answer->data, answer->len, &arena, &response,
            ask->err);
    }
    if (ask->rv == 0)
        ask->rv = (int)response.n_nodes;
    /* Of itself the member says its own time. */
    for (int i = 0; i < ask->rv && i < ask->max; i++)
        take_node(&response.nodes[i], response.nodes[0].last_heartbeat_ms, &ask->nodes[i]);
    sv_arena_fini(&arena);
    sem_post(&ask->done);
}

static int begin(struct ask *ask, struct sv_rpc_channel *channel, const struct sv_peer_keys *keys,
    const char *address)
{
    const struct sv_wire_get_nodes_request all = { .only_alive = false };
    struct sv_rpc_bytes payload;
    char *authorization;
    int rv = sv_peer_keys_sign(keys, "operator", address, sv_wall_ms(), &authorization);
    if (rv < 0)
        return sv_error(ask->err, rv);
    const struct sv_rpc_md md = { "authorization", authorization, 0 };
    const struct sv_rpc_request request = {
        .path = "/synctv.cluster.ClusterService/GetNodes",
        .metadata = &md,
        .n_metadata = 1,
        .timeout_ms = ASK_MS,
    };
    rv = sv_wire_get_nodes_request_encode(&all, sv_rpc_bytes_alloc, &payload, ask->err);
    if (rv == 0 && (rv = sv_rpc_unary(channel, &request, payload, got_nodes, ask)) < 0)
        sv_error(ask->err, rv);
    free(authorization);
    return rv;
}

int sv_peer_ask(const struct sv_peer_options *options, const char *address,
    synctv_cluster_node *ret_nodes, int max, synctv_error *err)
{
    synctv_error own;
    struct sv_peer_keys keys = { 0 };
    struct sv_rpc_channel *channel = NULL;
    struct ask ask = { .nodes = ret_nodes, .max = max, .err = err == NULL ? &own : err };
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = address;
    o.tls = options->tls;
    o.root_ca = options->root_ca;
    o.cert = options->cert;
    o.key = options->key;
    o.log = options->log;
    int rv = sv_str_empty(options->secret_file)
        ? sv_error_field(ask.err, "cluster_secret_file", "members answer those alone who have it")
        : sv_peer_keys_read(&keys, options->secret_file, ask.err);
    if (rv == 0)
        rv = sv_rpc_channel_new(&o, &channel, ask.err);
    sem_init(&ask.done, 0, 0);
    if (rv == 0)
        rv = begin(&ask, channel, &keys, address);
    if (rv == 0) {
        while (sem_wait(&ask.done) < 0)
            ;
        rv = ask.rv;
    }
    sv_rpc_channel_free(channel);
    sem_destroy(&ask.done);
    sv_peer_keys_fini(&keys);
    return rv;
}
