/* SPDX-License-Identifier: MIT */
#include "node/cluster_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "node/engine/node.h"
#include "node/links/links.h"
#include "node/rooms/follow.h"

/* --- who is online --- */

int sv_online_begin(struct sv_online *online, synctv_node *node, const char *const *user_ids,
    size_t n, void (*done)(struct sv_online *online, bool is_asker))
{
    sv_arena_init(&online->arena, 0);
    online->done = done;
    online->n = n;
    online->places = sv_arena_array(&online->arena, n + 1, sizeof(*online->places));
    int rv = online->places == NULL ? SYNCTV_E_NO_MEMORY : 0;
    for (size_t i = 0; i < n && rv == 0; i++) {
        struct sv_online_place *place = &online->places[i];
        *place = (struct sv_online_place){
            .user_id = sv_arena_strdup(&online->arena, user_ids[i]),
        };
        if (place->user_id == NULL) {
            rv = SYNCTV_E_NO_MEMORY;
            break;
        }
        place->online = sv_user_follows(node, place->user_id, place->room_id);
        if (place->online)
            snprintf(place->node_id, sizeof(place->node_id), "%s", node->id);
    }
    if (rv < 0) {
        sv_arena_fini(&online->arena);
        return rv;
    }
    atomic_init(&online->n_missing, 1);
    pthread_mutex_init(&online->lock, NULL);
    return 0;
}

void sv_online_expect(struct sv_online *online)
{
    atomic_fetch_add(&online->n_missing, 1);
}

void sv_online_found(struct sv_online *online, const char *user_id, const char *room_id,
    const char *node_id)
{
    pthread_mutex_lock(&online->lock);
    for (size_t i = 0; i < online->n; i++) {
        struct sv_online_place *place = &online->places[i];
        if (place->online || strcmp(place->user_id, user_id) != 0)
            continue;
        place->online = true;
        snprintf(place->room_id, sizeof(place->room_id), "%s", room_id);
        snprintf(place->node_id, sizeof(place->node_id), "%s", node_id);
    }
    pthread_mutex_unlock(&online->lock);
}

void sv_online_answered(struct sv_online *online, bool is_asker)
{
    if (atomic_fetch_sub(&online->n_missing, 1) == 1)
        online->done(online, is_asker);
}

void sv_online_fini(struct sv_online *online)
{
    sv_arena_fini(&online->arena);
    pthread_mutex_destroy(&online->lock);
}

struct online_call {
    struct sv_online online;
    struct sv_letter letter;
    synctv_node *node;
    synctv_online_fn *done;
    void *userdata;
};

static void tell_online(struct online_call *call)
{
    struct sv_online *online = &call->online;
    synctv_user_online *users = sv_arena_array(&online->arena, online->n + 1, sizeof(*users));
    synctv_error err;
    for (size_t i = 0; i < online->n && users != NULL; i++) {
        const struct sv_online_place *place = &online->places[i];
        users[i] =
            (synctv_user_online){ place->user_id, place->online, place->room_id, place->node_id };
    }
    if (users != NULL) {
        call->done(call->userdata, users, online->n, NULL);
    } else {
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        call->done(call->userdata, NULL, 0, &err);
    }
    sv_online_fini(online);
    free(call);
}

static void online_letter(struct sv_letter *letter)
{
    tell_online(SV_CONTAINER_OF(letter, struct online_call, letter));
}

/* Answers of other nodes come on threads that are none of the node's. */
static void online_done(struct sv_online *online, bool is_asker)
{
    struct online_call *call = SV_CONTAINER_OF(online, struct online_call, online);
    if (is_asker) {
        tell_online(call);
        return;
    }
    call->letter.run = online_letter;
    sv_node_post(call->node, &call->letter);
}

/* The first of `ids` that is none, or NULL. */
static int check_ids(const char *const *ids, size_t n, size_t most, const char *field,
    synctv_error *err)
{
    if (n > most)
        return sv_error_field(err, field, "at most %zu are looked up at a time", most);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == NULL || !sv_id_valid(ids[i]))
            return sv_error_field(err, field, "the one at %zu is no id", i);
    return 0;
}

void synctv_cluster_online(synctv_node *node, const char *const *user_ids, size_t n,
    synctv_online_fn *done, void *userdata)
{
    struct online_call *call = NULL;
    synctv_error err;
    int rv = atomic_load(&node->stopping)
        ? sv_error(&err, SYNCTV_E_SHUTTING_DOWN)
        : check_ids(user_ids, n, SV_ONLINE_USERS_MAX, "user_ids", &err);
    if (rv == 0 &&
        ((call = calloc(1, sizeof(*call))) == NULL ||
            sv_online_begin(&call->online, node, user_ids, n, online_done) < 0))
        rv = sv_error(&err, SYNCTV_E_NO_MEMORY);
    if (rv < 0) {
        free(call);
        done(userdata, NULL, 0, &err);
        return;
    }
    call->node = node;
    call->done = done;
    call->userdata = userdata;
    sv_links_ask_online(node, &call->online);
    sv_online_answered(&call->online, true);
}

/* --- rooms --- */

struct rooms_call {
    synctv_cluster_rooms_fn *done;
    void *userdata;
    atomic_size_t n_missing;
    size_t n;
    struct room_look {
        struct rooms_call *call;
        const synctv_result *result;
    } looks[SYNCTV_CLUSTER_ROOMS_MAX];
};

/* Rooms that do not exist are left out; any other failure is one of the call. */
static void tell_rooms(struct rooms_call *call)
{
    synctv_room rooms[SYNCTV_CLUSTER_ROOMS_MAX];
    const synctv_error *failure = NULL;
    size_t n = 0;
    for (size_t i = 0; i < call->n; i++) {
        const synctv_result *result = call->looks[i].result;
        if (result->code == 0 && result->room != NULL)
            rooms[n++] = *result->room;
        else if (result->code != SYNCTV_E_ROOM_NOT_FOUND &&
            result->code != SYNCTV_E_INVALID_ARGUMENT)
            failure = result->error;
    }
    if (failure == NULL)
        call->done(call->userdata, rooms, n, NULL);
    else
        call->done(call->userdata, NULL, 0, failure);
    for (size_t i = 0; i < call->n; i++)
        synctv_result_unref(call->looks[i].result);
    free(call);
}

static void room_answered(struct rooms_call *call)
{
    if (atomic_fetch_sub(&call->n_missing, 1) == 1)
        tell_rooms(call);
}

/* synctv_done_fn */
static void got_room(void *userdata, const synctv_result *result)
{
    struct room_look *look = userdata;
    look->result = synctv_result_ref(result);
    room_answered(look->call);
}

void synctv_cluster_rooms(synctv_node *node, const char *const *room_ids, size_t n,
    synctv_cluster_rooms_fn *done, void *userdata)
{
    synctv_error err;
    if (n > SYNCTV_CLUSTER_ROOMS_MAX) {
        sv_error_field(&err, "room_ids", "at most %d rooms are looked up at a time",
            SYNCTV_CLUSTER_ROOMS_MAX);
        done(userdata, NULL, 0, &err);
        return;
    }
    struct rooms_call *call = calloc(1, sizeof(*call));
    synctv_caller *system = synctv_node_as_system(node);
    if (call == NULL || system == NULL) {
        free(call);
        if (system != NULL)
            synctv_caller_unref(system);
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        done(userdata, NULL, 0, &err);
        return;
    }
    call->done = done;
    call->userdata = userdata;
    call->n = n;
    atomic_init(&call->n_missing, n + 1);
    for (size_t i = 0; i < n; i++) {
        const synctv_request get =
            SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room_ids[i]);
        call->looks[i].call = call;
        synctv_call(system, &get, got_room, &call->looks[i]);
    }
    synctv_caller_unref(system);
    room_answered(call);
}
