/* SPDX-License-Identifier: MIT */
/*
 * Encodes and decodes the calls between nodes, both their sides: the unary methods of
 * ClusterService and DataSyncService. SyncEvents is in cluster_event.h.
 *
 * Encoders: NULL is "", as anywhere. Errors: NO_MEMORY.
 * Decoders: ids, numbers and lengths are checked; what the strings mean is not. *ret is what was
 * sent, lives as long as `a`, and is undefined on failure. Errors: INVALID_ARGUMENT (with the
 * field), TOO_LARGE, NO_MEMORY.
 */
#ifndef SV_WIRE_CLUSTER_RPC_H
#define SV_WIRE_CLUSTER_RPC_H

#include <synctv/types.h>

#include "base/arena.h"
#include "wire/pack.h"

/* Lists are not longer. */
#define SV_WIRE_NODES_MAX 257 /* SV_FELLOWS_MAX and the node itself */
#define SV_WIRE_BATCH_ROOMS_MAX 100
#define SV_WIRE_ONLINE_USERS_MAX 1000
/* Addresses, versions and the like. */
#define SV_WIRE_NODE_TEXT_MAX_BYTES 127

/* As NodeState on the wire; one that we do not know is UNSPECIFIED. */
enum sv_wire_node_state {
    SV_WIRE_NODE_UNSPECIFIED = 0,
    SV_WIRE_NODE_ALIVE = 1,
    SV_WIRE_NODE_SUSPECT = 2,
    SV_WIRE_NODE_UNREACHABLE = 3,
    SV_WIRE_NODE_DEAD = 4,
};

struct sv_wire_node_capabilities {
    bool can_handle_rtmp, can_handle_http;
    int32_t max_streams;
};

struct sv_wire_node_stats {
    int32_t active_streams, connected_clients;
    double cpu_usage, memory_usage;
};

struct sv_wire_node_info {
    const char *node_id, *address;
    struct sv_wire_node_capabilities capabilities;
    struct sv_wire_node_stats stats;
    int64_t last_heartbeat_ms;
    bool alive;
    int64_t epoch;
    enum sv_wire_node_state state;
};

/* ---- Requests ---- */

/* An epoch of 0, and "" for what follows it: the caller knows only the specification. */
struct sv_wire_register_request {
    const char *node_id, *address;
    struct sv_wire_node_capabilities capabilities;
    int64_t epoch;
    const char *storage_id, *instance;
    int64_t now_ms;
    const char *version;
};

struct sv_wire_heartbeat_request {
    const char *node_id;
    struct sv_wire_node_stats stats;
    /* 0 as above. */
    int64_t epoch;
};

struct sv_wire_get_nodes_request {
    bool only_alive;
};

struct sv_wire_sync_state_request {
    const char *source_node_id;
    /*
     * room_id, movie_id, status, position_s, rate, updated_at_ms, version and node_id travel.
     * version 0: a new change.
     */
    synctv_playback state;
};

/* BatchGetRooms, GetUserOnlineStatus: ids of rooms or users. */
struct sv_wire_ids_request {
    const char *const *ids;
    size_t n_ids;
};

/* ---- Responses ---- */

/* RegisterNode, GetNodes. */
struct sv_wire_nodes_response {
    /* Of RegisterNode. */
    bool success;
    const struct sv_wire_node_info *nodes;
    size_t n_nodes;
};

struct sv_wire_heartbeat_response {
    int64_t timestamp_ms;
};

struct sv_wire_sync_state_response {
    bool success;
};

/* A room without `data` has no more than id, name, member_count and is_live. */
struct sv_wire_rooms_response {
    const synctv_room *rooms;
    size_t n_rooms;
};

struct sv_wire_online_status {
    const char *user_id;
    bool online;
    /* "" = in no room. */
    const char *room_id;
    const char *node_id;
};

struct sv_wire_online_response {
    const struct sv_wire_online_status *statuses;
    size_t n_statuses;
};

/* sv_wire_<name>_encode() and sv_wire_<name>_decode(). */
#define SV_WIRE_CLUSTER_RPC(name, type)                                                            \
    int sv_wire_##name##_encode(const struct type *from, sv_wire_alloc_fn *alloc, void *userdata,  \
        synctv_error *err);                                                                        \
    int sv_wire_##name##_decode(const void *data, size_t len, struct sv_arena *a,                  \
        struct type *ret, synctv_error *err)

SV_WIRE_CLUSTER_RPC(register_request, sv_wire_register_request);
SV_WIRE_CLUSTER_RPC(register_response, sv_wire_nodes_response);
SV_WIRE_CLUSTER_RPC(heartbeat_request, sv_wire_heartbeat_request);
SV_WIRE_CLUSTER_RPC(heartbeat_response, sv_wire_heartbeat_response);
SV_WIRE_CLUSTER_RPC(get_nodes_request, sv_wire_get_nodes_request);
SV_WIRE_CLUSTER_RPC(get_nodes_response, sv_wire_nodes_response);
SV_WIRE_CLUSTER_RPC(sync_state_request, sv_wire_sync_state_request);
SV_WIRE_CLUSTER_RPC(sync_state_response, sv_wire_sync_state_response);
SV_WIRE_CLUSTER_RPC(batch_rooms_request, sv_wire_ids_request);
SV_WIRE_CLUSTER_RPC(batch_rooms_response, sv_wire_rooms_response);
SV_WIRE_CLUSTER_RPC(online_request, sv_wire_ids_request);
SV_WIRE_CLUSTER_RPC(online_response, sv_wire_online_response);

#endif
