/* SPDX-License-Identifier: MIT */
/* What others may call: DataSyncService, over the public API of the node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "node/cluster_calls.h"
#include "peer/link.h"

#define SERVICE "/synctv.data.DataSyncService/"
/* How long a node may take to say who is online there. */
#define ASK_MS 1000
#define RESPONSE_MAX_BYTES (1024 * 1024)

static void reply(struct sv_rpc_call *call, int rv, struct sv_rpc_bytes bytes, synctv_error *err)
{
    if (rv == 0 && sv_rpc_bytes_len(&bytes) > RESPONSE_MAX_BYTES) {
        sv_rpc_bytes_unref(bytes);
        rv = sv_errorf(err, SYNCTV_E_TOO_LARGE, "the answer is too large: ask for less");
    }
    if (rv == 0)
        sv_rpc_call_reply(call, bytes);
    else
        sv_rpc_call_fail(call, rv, err, NULL);
}

/* ---- BatchGetRooms ---- */

/* synctv_cluster_rooms_fn */
static void got_rooms(void *userdata, const synctv_room *rooms, size_t n, const synctv_error *error)
{
    struct sv_rpc_call *call = userdata;
    const struct sv_wire_rooms_response response = { rooms, n };
    struct sv_rpc_bytes bytes = { 0 };
    synctv_error err;
    int rv = 0;
    if (error != NULL)
        rv = (err = *error).code;
    else
        rv = sv_wire_batch_rooms_response_encode(&response, sv_rpc_bytes_alloc, &bytes, &err);
    reply(call, rv, bytes, &err);
}

static void batch_get_rooms(struct sv_rpc_call *call, void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_token_claims claims;
    struct sv_wire_ids_request request;
    synctv_error err;
    size_t len;
    const void *payload = sv_rpc_call_payload(call, &len);
    int rv = sv_peer_authenticate(peer, call, &claims, &err);
    if (rv == 0)
        rv = sv_wire_batch_rooms_request_decode(payload, len, sv_rpc_call_arena(call), &request,
            &err);
    if (rv < 0)
        sv_peer_refuse(peer, call, &err);
    else
        synctv_cluster_rooms(peer->node, request.ids, request.n_ids, got_rooms, call);
}

/* ---- SyncRoomState ---- */

/*
 * A state comes as what a user would do to have it: the movie, its rate, where it is. Each of these
 * is a change, and only of the state that was found at first; a version that is not above that
 * one's changes nothing.
 */
enum step { STEP_LOOK, STEP_MOVIE, STEP_RATE, STEP_PLAY, STEP_DONE };

struct sync {
    struct sv_rpc_call *call;
    synctv_caller *system;
    /* Lives with the call. */
    synctv_playback state;
    enum step step;
    /* What the room has. */
    uint64_t held_version;
    double held_rate;
    char held_movie[SV_ID_SIZE];
};

static void sync_answer(struct sync *sync, int rv, bool success, synctv_error *err)
{
    const struct sv_wire_sync_state_response response = { success };
    struct sv_rpc_bytes bytes = { 0 };
    if (rv == 0)
        rv = sv_wire_sync_state_response_encode(&response, sv_rpc_bytes_alloc, &bytes, err);
    reply(sync->call, rv, bytes, err);
    synctv_caller_unref(sync->system);
    free(sync);
}

/* Whether the room's state is the same as the one that came, or newer. */
static bool is_stale(const struct sync *sync, const synctv_playback *held)
{
    const synctv_playback *state = &sync->state;
    if (state->version == 0 || held == NULL)
        return false;
    if (state->version != held->version)
        return state->version < held->version;
    return strcmp(state->node_id, held->node_id) <= 0;
}

static void sync_hold(struct sync *sync, const synctv_playback *held)
{
    sync->held_version = held == NULL ? 0 : held->version;
    sync->held_rate = held == NULL ? 1.0 : held->rate;
    snprintf(sync->held_movie, sizeof(sync->held_movie), "%s", held == NULL ? "" : held->movie_id);
}

static void sync_done(void *userdata, const synctv_result *result);

/* Asks for the next change that there is to be made. */
static void sync_go_on(struct sync *sync)
{
    const synctv_playback *state = &sync->state;
    synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .room_id = state->room_id,
            .movie_id = state->movie_id, .expected_version = sync->held_version);
    synctv_error err;
    if (sync->step == STEP_LOOK) {
        sync->step = STEP_MOVIE;
        if (strcmp(state->movie_id, sync->held_movie) != 0) {
            synctv_call(sync->system, &request, sync_done, sync);
            return;
        }
    }
    if (sync->step == STEP_MOVIE) {
        sync->step = state->movie_id[0] == '\0' ? STEP_PLAY : STEP_RATE;
        if (sync->step == STEP_RATE && state->rate > 0 && state->rate != sync->held_rate) {
            request.method = SYNCTV_METHOD_SET_PLAYBACK_RATE;
            request.rate = state->rate;
            synctv_call(sync->system, &request, sync_done, sync);
            return;
        }
    }
    if (sync->step == STEP_RATE) {
        sync->step = STEP_PLAY;
        bool plays = state->status == SYNCTV_PLAYBACK_STATUS_PLAYING;
        request.method = plays ? SYNCTV_METHOD_PLAY : SYNCTV_METHOD_PAUSE;
        request.has_position = true;
        request.position_s = state->position_s;
        request.client_time_ms = plays ? state->updated_at_ms : 0;
        synctv_call(sync->system, &request, sync_done, sync);
        return;
    }
    sync_answer(sync, 0, true, &err);
}

/* synctv_done_fn */
static void sync_done(void *userdata, const synctv_result *result)
{
    struct sync *sync = userdata;
    synctv_error err;
    if (result->code < 0) {
        err = *result->error;
        bool is_older = result->code == SYNCTV_E_VERSION_CONFLICT;
        sync_answer(sync, is_older ? 0 : result->code, false, &err);
        return;
    }
    if (sync->step == STEP_LOOK && is_stale(sync, result->state)) {
        sync_answer(sync, 0, false, &err);
        return;
    }
    sync_hold(sync, result->state);
    sync_go_on(sync);
}

static void sync_room_state(struct sv_rpc_call *call, void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_token_claims claims;
    struct sv_wire_sync_state_request request;
    struct sync *sync = NULL;
    synctv_error err;
    size_t len;
    const void *payload = sv_rpc_call_payload(call, &len);
    int rv = sv_peer_authenticate(peer, call, &claims, &err);
    if (rv == 0)
        rv = sv_wire_sync_state_request_decode(payload, len, sv_rpc_call_arena(call), &request,
            &err);
    if (rv == 0 && strcmp(request.source_node_id, claims.subject) != 0)
        rv = sv_errorf(&err, SYNCTV_E_PERMISSION_DENIED, "the token is of %s, the state of %.64s",
            claims.subject, request.source_node_id);
    if (rv == 0 && (sync = calloc(1, sizeof(*sync))) == NULL)
        rv = sv_error(&err, SYNCTV_E_NO_MEMORY);
    if (rv == 0 && (sync->system = synctv_node_as_system(peer->node)) == NULL)
        rv = sv_error(&err, SYNCTV_E_NO_MEMORY);
    if (rv < 0) {
        free(sync);
        sv_peer_refuse(peer, call, &err);
        return;
    }
    sync->call = call;
    sync->state = request.state;
    const synctv_request look =
        SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = request.state.room_id);
    synctv_call(sync->system, &look, sync_done, sync);
}

/* ---- GetUserOnlineStatus ---- */

struct online_call {
    struct sv_online online;
    struct sv_rpc_call *call;
};

static void online_done(struct sv_online *online, bool is_asker)
{
    struct online_call *o = SV_CONTAINER_OF(online, struct online_call, online);
    struct sv_wire_online_status *statuses =
        sv_arena_array(sv_rpc_call_arena(o->call), online->n + 1, sizeof(*statuses));
    struct sv_rpc_bytes bytes = { 0 };
    synctv_error err;
    int rv = statuses == NULL ? sv_error(&err, SYNCTV_E_NO_MEMORY) : 0;
    for (size_t i = 0; i < online->n && rv == 0; i++) {
        const struct sv_online_place *place = &online->places[i];
        statuses[i] = (struct sv_wire_online_status){ place->user_id, place->online, place->room_id,
            place->node_id };
    }
    const struct sv_wire_online_response response = { statuses, online->n };
    if (rv == 0)
        rv = sv_wire_online_response_encode(&response, sv_rpc_bytes_alloc, &bytes, &err);
    reply(o->call, rv, bytes, &err);
    sv_online_fini(online);
    free(o);
}

/* sv_rpc_done_fn: another node has answered. */
static void got_statuses(void *userdata, const struct sv_rpc_answer *answer)
{
    struct sv_online *online = userdata;
    struct sv_arena arena = { 0 };
    struct sv_wire_online_response response;
    if (answer->grpc_status == 0 &&
        sv_wire_online_response_decode(answer->data, answer->len, &arena, &response, NULL) == 0) {
        for (size_t i = 0; i < response.n_statuses; i++) {
            const struct sv_wire_online_status *status = &response.statuses[i];
            if (status->online)
                sv_online_found(online, status->user_id, status->room_id, status->node_id);
        }
    }
    sv_arena_fini(&arena);
    sv_online_answered(online, false);
}

/* Locked: peer->lock. */
static void ask_fellow(struct sv_online *online, struct sv_peer_fellow *fellow,
    struct sv_rpc_bytes payload)
{
    struct sv_peer *peer = fellow->peer;
    char *authorization;
    if (fellow->channel == NULL || fellow->linked == 0 ||
        sv_peer_keys_sign(&peer->keys, synctv_node_id(peer->node), fellow->id,
            synctv_node_now_ms(peer->node), &authorization) < 0)
        return;
    const struct sv_rpc_md md = { "authorization", authorization, 0 };
    const struct sv_rpc_request request = {
        .path = SERVICE "GetUserOnlineStatus",
        .metadata = &md,
        .n_metadata = 1,
        .timeout_ms = ASK_MS,
    };
    sv_online_expect(online);
    if (sv_rpc_unary(fellow->channel, &request, sv_rpc_bytes_ref(payload), got_statuses, online) <
        0)
        atomic_fetch_sub(&online->n_missing, 1); /* whoever asks has not answered yet */
    free(authorization);
}

void sv_peer_ask_online(struct sv_peer *peer, struct sv_online *online)
{
    struct sv_rpc_bytes payload;
    const char **ids = malloc((online->n + 1) * sizeof(*ids));
    if (ids == NULL)
        return;
    for (size_t i = 0; i < online->n; i++)
        ids[i] = online->places[i].user_id;
    const struct sv_wire_ids_request request = { ids, online->n };
    int rv = sv_wire_online_request_encode(&request, sv_rpc_bytes_alloc, &payload, NULL);
    free(ids);
    if (rv < 0)
        return;
    pthread_mutex_lock(&peer->lock);
    SV_LIST_FOREACH(it, &peer->fellows)
        ask_fellow(online, SV_CONTAINER_OF(it, struct sv_peer_fellow, link_in_peer), payload);
    pthread_mutex_unlock(&peer->lock);
    sv_rpc_bytes_unref(payload);
}

/* Those who have registered ask for this node alone; for others, all nodes are asked. */
static bool has_registered(struct sv_peer *peer, const char *id)
{
    pthread_mutex_lock(&peer->lock);
    const struct sv_peer_fellow *fellow = sv_peer_find(peer, id);
    bool has = fellow != NULL && fellow->epoch != 0;
    pthread_mutex_unlock(&peer->lock);
    return has;
}

static void get_user_online_status(struct sv_rpc_call *call, void *arg)
{
    struct sv_peer *peer = arg;
    struct sv_token_claims claims;
    struct sv_wire_ids_request request;
    struct online_call *o = NULL;
    synctv_error err;
    size_t len;
    const void *payload = sv_rpc_call_payload(call, &len);
    int rv = sv_peer_authenticate(peer, call, &claims, &err);
    if (rv == 0)
        rv = sv_wire_online_request_decode(payload, len, sv_rpc_call_arena(call), &request, &err);
    if (rv == 0 &&
        ((o = calloc(1, sizeof(*o))) == NULL ||
            sv_online_begin(&o->online, peer->node, request.ids, request.n_ids, online_done) < 0))
        rv = sv_error(&err, SYNCTV_E_NO_MEMORY);
    if (rv < 0) {
        free(o);
        sv_peer_refuse(peer, call, &err);
        return;
    }
    o->call = call;
    if (!has_registered(peer, claims.subject))
        sv_peer_ask_online(peer, &o->online);
    sv_online_answered(&o->online, true);
}

void sv_peer_add_data_methods(struct sv_peer *peer, struct sv_rpc_method *methods)
{
    methods[0] =
        (struct sv_rpc_method){ SERVICE "SyncRoomState", SV_RPC_UNARY, sync_room_state, peer, 0 };
    methods[1] =
        (struct sv_rpc_method){ SERVICE "BatchGetRooms", SV_RPC_UNARY, batch_get_rooms, peer, 0 };
    methods[2] = (struct sv_rpc_method){ SERVICE "GetUserOnlineStatus", SV_RPC_UNARY,
        get_user_online_status, peer, 0 };
}
