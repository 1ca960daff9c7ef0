/* SPDX-License-Identifier: MIT */
#include "wire/cluster_rpc.h"

#include <float.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster.pb-c.h"
#include "core/playback.h"
#include "core/validate.h"
#include "data.pb-c.h"
#include "wire/check.h"
#include "wire/convert.h"
#include "wire/room_json.h"
#include "wire/unpack.h"

#define STATUS_PLAYING "playing"
#define STATUS_PAUSED "paused"

/* The first error ends the decoding: rv < 0 is kept. */
#define AND(rv, check)                                                                             \
    do {                                                                                           \
        if ((rv) == 0)                                                                             \
            (rv) = (check);                                                                        \
    } while (0)

/* Into `unpacked`, which stays NULL on failure. */
#define UNPACK(descriptor)                                                                         \
    sv_wire_unpack(&descriptor, data, len, SV_WIRE_RAWCHECK_LENIENT, a, &unpacked, err)

static int node_text(const char *text, const char *field, synctv_error *err)
{
    return sv_wire_check_text(text, SV_WIRE_NODE_TEXT_MAX_BYTES, field, err);
}

/* An epoch, or 0 from who knows none. */
static int maybe_epoch(uint64_t epoch, synctv_error *err)
{
    return epoch == 0 ? 0 : sv_wire_check_epoch(epoch, "epoch", err);
}

static int list_length(size_t n, size_t max, const char *field, synctv_error *err)
{
    return n <= max ? 0 : sv_error_field(err, field, "has more than %zu entries", max);
}

/* ---- What several messages have ---- */

static void capabilities_to(const struct sv_wire_node_capabilities *from,
    Synctv__Cluster__NodeCapabilities *ret)
{
    synctv__cluster__node_capabilities__init(ret);
    ret->can_handle_rtmp = from->can_handle_rtmp;
    ret->can_handle_http = from->can_handle_http;
    ret->max_streams = from->max_streams;
}

static int capabilities_from(const Synctv__Cluster__NodeCapabilities *m,
    struct sv_wire_node_capabilities *ret, synctv_error *err)
{
    if (m == NULL)
        return 0;
    ret->can_handle_rtmp = m->can_handle_rtmp;
    ret->can_handle_http = m->can_handle_http;
    ret->max_streams = m->max_streams;
    return sv_wire_check_int(m->max_streams, INT32_MAX, "capabilities.max_streams", err);
}

static void stats_to(const struct sv_wire_node_stats *from, Synctv__Cluster__NodeStats *ret)
{
    synctv__cluster__node_stats__init(ret);
    ret->active_streams = from->active_streams;
    ret->connected_clients = from->connected_clients;
    ret->cpu_usage = from->cpu_usage;
    ret->memory_usage = from->memory_usage;
}

static int stats_from(const Synctv__Cluster__NodeStats *m, struct sv_wire_node_stats *ret,
    synctv_error *err)
{
    if (m == NULL)
        return 0;
    ret->active_streams = m->active_streams;
    ret->connected_clients = m->connected_clients;
    ret->cpu_usage = m->cpu_usage;
    ret->memory_usage = m->memory_usage;
    int rv = sv_wire_check_int(m->active_streams, INT32_MAX, "stats.active_streams", err);
    AND(rv, sv_wire_check_int(m->connected_clients, INT32_MAX, "stats.connected_clients", err));
    AND(rv, sv_wire_check_double(m->cpu_usage, DBL_MAX, "stats.cpu_usage", err));
    AND(rv, sv_wire_check_double(m->memory_usage, DBL_MAX, "stats.memory_usage", err));
    return rv;
}

/* A NodeInfo and what it points to. */
struct node_parts {
    Synctv__Cluster__NodeInfo info;
    Synctv__Cluster__NodeCapabilities capabilities;
    Synctv__Cluster__NodeStats stats;
};

static void node_to(const struct sv_wire_node_info *from, struct node_parts *ret)
{
    synctv__cluster__node_info__init(&ret->info);
    capabilities_to(&from->capabilities, &ret->capabilities);
    stats_to(&from->stats, &ret->stats);
    ret->info.node_id = sv_wire_mutable(from->node_id);
    ret->info.address = sv_wire_mutable(from->address);
    ret->info.capabilities = &ret->capabilities;
    ret->info.stats = &ret->stats;
    ret->info.last_heartbeat = from->last_heartbeat_ms;
    ret->info.alive = from->alive;
    ret->info.epoch = (uint64_t)from->epoch;
    ret->info.state = (Synctv__Cluster__NodeState)from->state;
}

static bool nodes_to(struct sv_arena *a, const struct sv_wire_nodes_response *from, size_t *ret_n,
    Synctv__Cluster__NodeInfo ***ret)
{
    struct node_parts *parts = sv_arena_array(a, from->n_nodes, sizeof(*parts));
    Synctv__Cluster__NodeInfo **pointers = sv_arena_array(a, from->n_nodes, sizeof(*pointers));
    if (parts == NULL || pointers == NULL)
        return false;
    for (size_t i = 0; i < from->n_nodes; i++) {
        node_to(&from->nodes[i], &parts[i]);
        pointers[i] = &parts[i].info;
    }
    *ret = pointers;
    *ret_n = from->n_nodes;
    return true;
}

static int node_from(const Synctv__Cluster__NodeInfo *m, struct sv_wire_node_info *ret,
    synctv_error *err)
{
    bool known = protobuf_c_enum_descriptor_get_value(&synctv__cluster__node_state__descriptor,
                     (int)m->state) != NULL;
    *ret = (struct sv_wire_node_info){
        .node_id = m->node_id,
        .address = m->address,
        .last_heartbeat_ms = m->last_heartbeat,
        .alive = m->alive,
        .epoch = (int64_t)m->epoch,
        .state = known ? (enum sv_wire_node_state)m->state : SV_WIRE_NODE_UNSPECIFIED,
    };
    int rv = sv_wire_check_node_id(m->node_id, "nodes.node_id", err);
    AND(rv, node_text(m->address, "nodes.address", err));
    AND(rv, sv_wire_check_time(m->last_heartbeat, "nodes.last_heartbeat", err));
    AND(rv, maybe_epoch(m->epoch, err));
    AND(rv, capabilities_from(m->capabilities, &ret->capabilities, err));
    AND(rv, stats_from(m->stats, &ret->stats, err));
    return rv;
}

static int nodes_from(struct sv_arena *a, Synctv__Cluster__NodeInfo *const *from, size_t n,
    struct sv_wire_nodes_response *ret, synctv_error *err)
{
    int rv = list_length(n, SV_WIRE_NODES_MAX, "nodes", err);
    if (rv < 0)
        return rv;
    struct sv_wire_node_info *nodes = sv_arena_array(a, n, sizeof(*nodes));
    if (nodes == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    for (size_t i = 0; rv == 0 && i < n; i++)
        rv = node_from(from[i], &nodes[i], err);
    ret->nodes = nodes;
    ret->n_nodes = n;
    return rv;
}

/* protobuf-c has char **; packing writes to neither level. */
static char **ids_to(const struct sv_wire_ids_request *from)
{
    return (char **)from->ids;
}

static int ids_from(char *const *ids, size_t n, size_t max, const char *field,
    struct sv_wire_ids_request *ret, synctv_error *err)
{
    int rv = list_length(n, max, field, err);
    for (size_t i = 0; rv == 0 && i < n; i++)
        rv = sv_wire_check_id(ids[i], field, err);
    *ret = (struct sv_wire_ids_request){ (const char *const *)ids, n };
    return rv;
}

/* ---- RegisterNode ---- */

int sv_wire_register_request_encode(const struct sv_wire_register_request *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    Synctv__Cluster__NodeCapabilities capabilities;
    capabilities_to(&from->capabilities, &capabilities);
    Synctv__Cluster__RegisterNodeRequest m = SYNCTV__CLUSTER__REGISTER_NODE_REQUEST__INIT;
    m.node_id = sv_wire_mutable(from->node_id);
    m.address = sv_wire_mutable(from->address);
    m.capabilities = &capabilities;
    m.epoch = (uint64_t)from->epoch;
    m.storage_id = sv_wire_mutable(from->storage_id);
    m.instance = sv_wire_mutable(from->instance);
    m.now = from->now_ms;
    m.version = sv_wire_mutable(from->version);
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_register_request_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_register_request *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__cluster__register_node_request__descriptor);
    const Synctv__Cluster__RegisterNodeRequest *m = unpacked;
    if (rv < 0)
        return rv;
    *ret = (struct sv_wire_register_request){
        .node_id = m->node_id,
        .address = m->address,
        .epoch = (int64_t)m->epoch,
        .storage_id = m->storage_id,
        .instance = m->instance,
        .now_ms = m->now,
        .version = m->version,
    };
    rv = sv_wire_check_node_id(m->node_id, "node_id", err);
    AND(rv, node_text(m->address, "address", err));
    AND(rv, capabilities_from(m->capabilities, &ret->capabilities, err));
    AND(rv, maybe_epoch(m->epoch, err));
    AND(rv, node_text(m->storage_id, "storage_id", err));
    AND(rv, node_text(m->instance, "instance", err));
    AND(rv, sv_wire_check_time(m->now, "now", err));
    AND(rv, node_text(m->version, "version", err));
    return rv;
}

int sv_wire_register_response_encode(const struct sv_wire_nodes_response *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    struct sv_arena scratch = { 0 };
    Synctv__Cluster__RegisterNodeResponse m = SYNCTV__CLUSTER__REGISTER_NODE_RESPONSE__INIT;
    m.success = from->success;
    int rv = nodes_to(&scratch, from, &m.n_nodes, &m.nodes)
        ? sv_wire_pack(&m.base, alloc, userdata, err)
        : sv_error(err, SYNCTV_E_NO_MEMORY);
    sv_arena_fini(&scratch);
    return rv;
}

int sv_wire_register_response_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_nodes_response *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__cluster__register_node_response__descriptor);
    const Synctv__Cluster__RegisterNodeResponse *m = unpacked;
    if (rv < 0)
        return rv;
    ret->success = m->success;
    return nodes_from(a, m->nodes, m->n_nodes, ret, err);
}

/* ---- Heartbeat ---- */

int sv_wire_heartbeat_request_encode(const struct sv_wire_heartbeat_request *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    Synctv__Cluster__NodeStats stats;
    stats_to(&from->stats, &stats);
    Synctv__Cluster__HeartbeatRequest m = SYNCTV__CLUSTER__HEARTBEAT_REQUEST__INIT;
    m.node_id = sv_wire_mutable(from->node_id);
    m.stats = &stats;
    m.epoch = (uint64_t)from->epoch;
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_heartbeat_request_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_heartbeat_request *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__cluster__heartbeat_request__descriptor);
    const Synctv__Cluster__HeartbeatRequest *m = unpacked;
    if (rv < 0)
        return rv;
    *ret = (struct sv_wire_heartbeat_request){
        .node_id = m->node_id,
        .epoch = (int64_t)m->epoch,
    };
    rv = sv_wire_check_node_id(m->node_id, "node_id", err);
    AND(rv, stats_from(m->stats, &ret->stats, err));
    AND(rv, maybe_epoch(m->epoch, err));
    return rv;
}

int sv_wire_heartbeat_response_encode(const struct sv_wire_heartbeat_response *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    Synctv__Cluster__HeartbeatResponse m = SYNCTV__CLUSTER__HEARTBEAT_RESPONSE__INIT;
    m.timestamp = from->timestamp_ms;
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_heartbeat_response_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_heartbeat_response *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__cluster__heartbeat_response__descriptor);
    const Synctv__Cluster__HeartbeatResponse *m = unpacked;
    if (rv < 0)
        return rv;
    ret->timestamp_ms = m->timestamp;
    return sv_wire_check_time(m->timestamp, "timestamp", err);
}

/* ---- GetNodes ---- */

int sv_wire_get_nodes_request_encode(const struct sv_wire_get_nodes_request *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    Synctv__Cluster__GetNodesRequest m = SYNCTV__CLUSTER__GET_NODES_REQUEST__INIT;
    m.only_alive = from->only_alive;
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_get_nodes_request_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_get_nodes_request *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__cluster__get_nodes_request__descriptor);
    const Synctv__Cluster__GetNodesRequest *m = unpacked;
    if (rv == 0)
        ret->only_alive = m->only_alive;
    return rv;
}

int sv_wire_get_nodes_response_encode(const struct sv_wire_nodes_response *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    struct sv_arena scratch = { 0 };
    Synctv__Cluster__GetNodesResponse m = SYNCTV__CLUSTER__GET_NODES_RESPONSE__INIT;
    int rv = nodes_to(&scratch, from, &m.n_nodes, &m.nodes)
        ? sv_wire_pack(&m.base, alloc, userdata, err)
        : sv_error(err, SYNCTV_E_NO_MEMORY);
    sv_arena_fini(&scratch);
    return rv;
}

int sv_wire_get_nodes_response_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_nodes_response *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__cluster__get_nodes_response__descriptor);
    const Synctv__Cluster__GetNodesResponse *m = unpacked;
    if (rv < 0)
        return rv;
    ret->success = true;
    return nodes_from(a, m->nodes, m->n_nodes, ret, err);
}

/* ---- SyncRoomState ---- */

int sv_wire_sync_state_request_encode(const struct sv_wire_sync_state_request *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    const synctv_playback *s = &from->state;
    Synctv__Data__RoomState state = SYNCTV__DATA__ROOM_STATE__INIT;
    state.movie_id = sv_wire_mutable(s->movie_id);
    state.status = sv_wire_mutable(s->status == SYNCTV_PLAYBACK_STATUS_PLAYING ? STATUS_PLAYING
                                                                               : STATUS_PAUSED);
    state.current_time = s->position_s;
    state.rate = s->rate;
    state.updated_at = s->updated_at_ms;
    state.version = s->version;
    state.node_id = sv_wire_mutable(s->node_id);
    Synctv__Data__SyncRoomStateRequest m = SYNCTV__DATA__SYNC_ROOM_STATE_REQUEST__INIT;
    m.room_id = sv_wire_mutable(s->room_id);
    m.state = &state;
    m.source_node_id = sv_wire_mutable(from->source_node_id);
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

static int state_from(const Synctv__Data__RoomState *m, synctv_playback *ret, synctv_error *err)
{
    *ret = (synctv_playback){
        .movie_id = m->movie_id,
        .position_s = m->current_time,
        .rate = m->rate,
        .updated_at_ms = m->updated_at,
        .version = m->version,
        .actor_id = "",
        .operation_id = "",
        .node_id = m->node_id,
    };
    if (strcmp(m->status, STATUS_PLAYING) == 0)
        ret->status = SYNCTV_PLAYBACK_STATUS_PLAYING;
    else if (strcmp(m->status, STATUS_PAUSED) == 0)
        ret->status = SYNCTV_PLAYBACK_STATUS_PAUSED;
    else
        return sv_error_field(err, "status", "is neither playing nor paused");
    struct sv_playback_state loaded;
    int rv = sv_playback_load(ret, &loaded, err);
    AND(rv, sv_wire_check_time(m->updated_at, "updated_at", err));
    return rv;
}

int sv_wire_sync_state_request_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_sync_state_request *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__data__sync_room_state_request__descriptor);
    const Synctv__Data__SyncRoomStateRequest *m = unpacked;
    if (rv < 0)
        return rv;
    if (m->state == NULL)
        return sv_error_field(err, "state", "is missing");
    rv = state_from(m->state, &ret->state, err);
    ret->state.room_id = m->room_id;
    ret->source_node_id = m->source_node_id;
    AND(rv, sv_wire_check_id(m->room_id, "room_id", err));
    AND(rv, sv_wire_check_node_id(m->source_node_id, "source_node_id", err));
    return rv;
}

int sv_wire_sync_state_response_encode(const struct sv_wire_sync_state_response *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    Synctv__Data__SyncRoomStateResponse m = SYNCTV__DATA__SYNC_ROOM_STATE_RESPONSE__INIT;
    m.success = from->success;
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_sync_state_response_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_sync_state_response *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__data__sync_room_state_response__descriptor);
    const Synctv__Data__SyncRoomStateResponse *m = unpacked;
    if (rv == 0)
        ret->success = m->success;
    return rv;
}

/* ---- BatchGetRooms ---- */

int sv_wire_batch_rooms_request_encode(const struct sv_wire_ids_request *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    Synctv__Data__BatchGetRoomsRequest m = SYNCTV__DATA__BATCH_GET_ROOMS_REQUEST__INIT;
    m.n_room_ids = from->n_ids;
    m.room_ids = ids_to(from);
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_batch_rooms_request_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_ids_request *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__data__batch_get_rooms_request__descriptor);
    const Synctv__Data__BatchGetRoomsRequest *m = unpacked;
    return rv < 0
        ? rv
        : ids_from(m->room_ids, m->n_room_ids, SV_WIRE_BATCH_ROOMS_MAX, "room_ids", ret, err);
}

struct room_data {
    struct sv_arena *arena;
    ProtobufCBinaryData *bytes;
};

static void *room_data_alloc(void *userdata, size_t len)
{
    struct room_data *d = userdata;
    d->bytes->data = sv_arena_alloc(d->arena, len);
    d->bytes->len = len;
    return d->bytes->data;
}

static int rooms_to(struct sv_arena *a, const struct sv_wire_rooms_response *from,
    Synctv__Data__BatchGetRoomsResponse *ret)
{
    size_t n = from->n_rooms;
    Synctv__Data__RoomInfo *infos = sv_arena_array(a, n, sizeof(*infos));
    ret->rooms = sv_arena_array(a, n, sizeof(ret->rooms[0]));
    if (infos == NULL || ret->rooms == NULL)
        return SYNCTV_E_NO_MEMORY;
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < n; i++) {
        const synctv_room *room = &from->rooms[i];
        struct room_data data = { a, &infos[i].data };
        synctv__data__room_info__init(&infos[i]);
        infos[i].id = sv_wire_mutable(room->id);
        infos[i].name = sv_wire_mutable(room->name);
        infos[i].member_count = room->member_count;
        infos[i].is_live = room->is_live;
        rv = sv_wire_room_json_encode(room, room_data_alloc, &data, NULL);
        ret->rooms[i] = &infos[i];
    }
    ret->n_rooms = n;
    return rv;
}

int sv_wire_batch_rooms_response_encode(const struct sv_wire_rooms_response *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    struct sv_arena scratch = { 0 };
    Synctv__Data__BatchGetRoomsResponse m = SYNCTV__DATA__BATCH_GET_ROOMS_RESPONSE__INIT;
    int rv = rooms_to(&scratch, from, &m);
    rv = rv < 0 ? sv_error(err, rv) : sv_wire_pack(&m.base, alloc, userdata, err);
    sv_arena_fini(&scratch);
    return rv;
}

static int room_from(struct sv_arena *a, const Synctv__Data__RoomInfo *m, synctv_room *ret,
    synctv_error *err)
{
    int rv = 0;
    *ret = (synctv_room){ .description = "", .creator_id = "" };
    if (m->data.len > 0)
        rv = sv_wire_room_json_decode(m->data.data, m->data.len, a, ret, err);
    ret->id = m->id;
    ret->name = m->name;
    ret->member_count = m->member_count;
    ret->is_live = m->is_live;
    AND(rv, sv_wire_check_id(ret->id, "rooms.id", err));
    AND(rv,
        sv_wire_check_text(ret->name, SV_ROOM_NAME_MAX * SV_WIRE_CODE_POINT_BYTES, "rooms.name",
            err));
    AND(rv,
        sv_wire_check_text(ret->description, SV_ROOM_DESCRIPTION_MAX * SV_WIRE_CODE_POINT_BYTES,
            "rooms.description", err));
    AND(rv, sv_wire_check_maybe_id(ret->creator_id, "rooms.creatorId", err));
    AND(rv, sv_wire_check_int(ret->member_count, INT32_MAX, "rooms.member_count", err));
    AND(rv, sv_wire_check_int(ret->online_count, INT32_MAX, "rooms.onlineCount", err));
    AND(rv, sv_wire_check_time(ret->created_at_ms, "rooms.createdAt", err));
    return rv;
}

int sv_wire_batch_rooms_response_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_rooms_response *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__data__batch_get_rooms_response__descriptor);
    const Synctv__Data__BatchGetRoomsResponse *m = unpacked;
    AND(rv, list_length(m->n_rooms, SV_WIRE_BATCH_ROOMS_MAX, "rooms", err));
    if (rv < 0)
        return rv;
    synctv_room *rooms = sv_arena_array(a, m->n_rooms, sizeof(*rooms));
    if (rooms == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    for (size_t i = 0; rv == 0 && i < m->n_rooms; i++)
        rv = room_from(a, m->rooms[i], &rooms[i], err);
    *ret = (struct sv_wire_rooms_response){ rooms, m->n_rooms };
    return rv;
}

/* ---- GetUserOnlineStatus ---- */

int sv_wire_online_request_encode(const struct sv_wire_ids_request *from, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err)
{
    Synctv__Data__GetUserOnlineStatusRequest m = SYNCTV__DATA__GET_USER_ONLINE_STATUS_REQUEST__INIT;
    m.n_user_ids = from->n_ids;
    m.user_ids = ids_to(from);
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_online_request_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_ids_request *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__data__get_user_online_status_request__descriptor);
    const Synctv__Data__GetUserOnlineStatusRequest *m = unpacked;
    return rv < 0
        ? rv
        : ids_from(m->user_ids, m->n_user_ids, SV_WIRE_ONLINE_USERS_MAX, "user_ids", ret, err);
}

struct status_parts {
    Synctv__Data__GetUserOnlineStatusResponse__StatusesEntry entry;
    Synctv__Data__OnlineStatus status;
};

int sv_wire_online_response_encode(const struct sv_wire_online_response *from,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    struct sv_arena scratch = { 0 };
    size_t n = from->n_statuses;
    Synctv__Data__GetUserOnlineStatusResponse m =
        SYNCTV__DATA__GET_USER_ONLINE_STATUS_RESPONSE__INIT;
    struct status_parts *parts = sv_arena_array(&scratch, n, sizeof(*parts));
    m.statuses = sv_arena_array(&scratch, n, sizeof(m.statuses[0]));
    m.n_statuses = n;
    bool ok = parts != NULL && m.statuses != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        synctv__data__get_user_online_status_response__statuses_entry__init(&parts[i].entry);
        synctv__data__online_status__init(&parts[i].status);
        parts[i].status.online = from->statuses[i].online;
        parts[i].status.room_id = sv_wire_mutable(from->statuses[i].room_id);
        parts[i].status.node_id = sv_wire_mutable(from->statuses[i].node_id);
        parts[i].entry.key = sv_wire_mutable(from->statuses[i].user_id);
        parts[i].entry.value = &parts[i].status;
        m.statuses[i] = &parts[i].entry;
    }
    int rv = ok ? sv_wire_pack(&m.base, alloc, userdata, err) : sv_error(err, SYNCTV_E_NO_MEMORY);
    sv_arena_fini(&scratch);
    return rv;
}

static int status_from(const Synctv__Data__GetUserOnlineStatusResponse__StatusesEntry *m,
    struct sv_wire_online_status *ret, synctv_error *err)
{
    *ret = (struct sv_wire_online_status){ .user_id = m->key, .room_id = "", .node_id = "" };
    int rv = sv_wire_check_id(m->key, "statuses.key", err);
    if (rv < 0 || m->value == NULL)
        return rv;
    ret->online = m->value->online;
    ret->room_id = m->value->room_id;
    ret->node_id = m->value->node_id;
    AND(rv, sv_wire_check_maybe_id(ret->room_id, "statuses.room_id", err));
    if (!sv_str_empty(ret->node_id))
        AND(rv, sv_wire_check_node_id(ret->node_id, "statuses.node_id", err));
    return rv;
}

int sv_wire_online_response_decode(const void *data, size_t len, struct sv_arena *a,
    struct sv_wire_online_response *ret, synctv_error *err)
{
    const void *unpacked = NULL;
    int rv = UNPACK(synctv__data__get_user_online_status_response__descriptor);
    const Synctv__Data__GetUserOnlineStatusResponse *m = unpacked;
    AND(rv, list_length(m->n_statuses, SV_WIRE_ONLINE_USERS_MAX, "statuses", err));
    if (rv < 0)
        return rv;
    struct sv_wire_online_status *statuses = sv_arena_array(a, m->n_statuses, sizeof(*statuses));
    if (statuses == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    for (size_t i = 0; rv == 0 && i < m->n_statuses; i++)
        rv = status_from(m->statuses[i], &statuses[i], err);
    *ret = (struct sv_wire_online_response){ statuses, m->n_statuses };
    return rv;
}
