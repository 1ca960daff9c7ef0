/* SPDX-License-Identifier: MIT */
/* The calls between nodes, to bytes and back, and what comes from a hostile one. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/cluster_rpc.h"

#define ROOM "room-0000001"
#define USER "user-0000001"
#define TIME_MS INT64_C(1700000000123)

/*
 * Encodes `sent`, decodes it into `got`, and does so again with `got`: the bytes must be the same.
 * Cut anywhere, the bytes must do no harm.
 */
#define THERE_AND_BACK(name, type)                                                                 \
    static void name##_there_and_back(const struct type *sent, struct sv_arena *a,                 \
        struct type *got)                                                                          \
    {                                                                                              \
        struct sv_wire_bytes once, twice;                                                          \
        synctv_error err;                                                                          \
        ck_assert_int_eq(sv_wire_##name##_encode(sent, sv_wire_bytes_alloc, &once, NULL), 0);      \
        for (size_t len = 0; len < once.len; len++) {                                              \
            void *copy = sv_arena_memdup(a, once.data, len);                                       \
            int rv = sv_wire_##name##_decode(copy, len, a, got, NULL);                             \
            ck_assert(rv == 0 || rv == SYNCTV_E_INVALID_ARGUMENT);                                 \
        }                                                                                          \
        int rv = sv_wire_##name##_decode(once.data, once.len, a, got, &err);                       \
        ck_assert_msg(rv == 0, "%s", err.message);                                                 \
        ck_assert_int_eq(sv_wire_##name##_encode(got, sv_wire_bytes_alloc, &twice, NULL), 0);      \
        ck_assert_uint_eq(once.len, twice.len);                                                    \
        ck_assert_mem_eq(once.data, twice.data, once.len);                                         \
        free(once.data);                                                                           \
        free(twice.data);                                                                          \
    }

/* Encodes `sent`, which decoding refuses because of the field. */
#define REFUSED(name, type)                                                                        \
    static void name##_refused(const struct type *sent, const char *field)                         \
    {                                                                                              \
        struct sv_wire_bytes bytes;                                                                \
        struct sv_arena a = { 0 };                                                                 \
        struct type got;                                                                           \
        synctv_error err;                                                                          \
        ck_assert_int_eq(sv_wire_##name##_encode(sent, sv_wire_bytes_alloc, &bytes, NULL), 0);     \
        int rv = sv_wire_##name##_decode(bytes.data, bytes.len, &a, &got, &err);                   \
        ck_assert_int_eq(rv, SYNCTV_E_INVALID_ARGUMENT);                                           \
        ck_assert_str_eq(err.field, field);                                                        \
        sv_arena_fini(&a);                                                                         \
        free(bytes.data);                                                                          \
    }

THERE_AND_BACK(register_request, sv_wire_register_request)
THERE_AND_BACK(register_response, sv_wire_nodes_response)
THERE_AND_BACK(heartbeat_request, sv_wire_heartbeat_request)
THERE_AND_BACK(heartbeat_response, sv_wire_heartbeat_response)
THERE_AND_BACK(get_nodes_request, sv_wire_get_nodes_request)
THERE_AND_BACK(get_nodes_response, sv_wire_nodes_response)
THERE_AND_BACK(sync_state_request, sv_wire_sync_state_request)
THERE_AND_BACK(sync_state_response, sv_wire_sync_state_response)
THERE_AND_BACK(batch_rooms_request, sv_wire_ids_request)
THERE_AND_BACK(batch_rooms_response, sv_wire_rooms_response)
THERE_AND_BACK(online_request, sv_wire_ids_request)
THERE_AND_BACK(online_response, sv_wire_online_response)

REFUSED(register_request, sv_wire_register_request)
REFUSED(register_response, sv_wire_nodes_response)
REFUSED(heartbeat_request, sv_wire_heartbeat_request)
REFUSED(heartbeat_response, sv_wire_heartbeat_response)
REFUSED(get_nodes_response, sv_wire_nodes_response)
REFUSED(sync_state_request, sv_wire_sync_state_request)
REFUSED(batch_rooms_request, sv_wire_ids_request)
REFUSED(batch_rooms_response, sv_wire_rooms_response)
REFUSED(online_request, sv_wire_ids_request)
REFUSED(online_response, sv_wire_online_response)

static const struct sv_wire_node_info node = {
    .node_id = "node.a",
    .address = "10.0.0.1:8081",
    .capabilities = { true, true, 12 },
    .stats = { 3, 4, 0.5, 0.25 },
    .last_heartbeat_ms = TIME_MS,
    .alive = true,
    .epoch = 7,
    .state = SV_WIRE_NODE_UNREACHABLE,
};

START_TEST(a_node_registers_with_all_that_it_says_of_itself)
{
    const struct sv_wire_register_request sent = { "node.a", "10.0.0.1:8081", { true, false, 12 },
        7, "storage", "instance", TIME_MS, "1.2" };
    struct sv_arena a = { 0 };
    struct sv_wire_register_request got;
    register_request_there_and_back(&sent, &a, &got);
    ck_assert_str_eq(got.node_id, "node.a");
    ck_assert_str_eq(got.address, "10.0.0.1:8081");
    ck_assert(got.capabilities.can_handle_rtmp && !got.capabilities.can_handle_http);
    ck_assert_int_eq(got.capabilities.max_streams, 12);
    ck_assert_int_eq(got.epoch, 7);
    ck_assert_str_eq(got.storage_id, "storage");
    ck_assert_str_eq(got.instance, "instance");
    ck_assert_int_eq(got.now_ms, TIME_MS);
    ck_assert_str_eq(got.version, "1.2");
    sv_arena_fini(&a);
}
END_TEST

START_TEST(a_caller_that_knows_only_the_specification_is_understood)
{
    struct sv_arena a = { 0 };
    struct sv_wire_register_request got;
    const char bytes[] = "\x0a\x06node.a\x12\x04h:81";
    ck_assert_int_eq(sv_wire_register_request_decode(bytes, sizeof(bytes) - 1, &a, &got, NULL), 0);
    ck_assert_str_eq(got.address, "h:81");
    ck_assert_int_eq(got.epoch, 0);
    ck_assert_str_eq(got.storage_id, "");
    ck_assert_int_eq(got.capabilities.max_streams, 0);
    struct sv_wire_heartbeat_request beat;
    ck_assert_int_eq(sv_wire_heartbeat_request_decode(bytes, 8, &a, &beat, NULL), 0);
    ck_assert_int_eq(beat.epoch, 0);
    ck_assert_int_eq(beat.stats.connected_clients, 0);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(the_nodes_come_through_with_their_stats)
{
    const struct sv_wire_nodes_response sent = { true, &node, 1 };
    struct sv_arena a = { 0 };
    struct sv_wire_nodes_response got;
    register_response_there_and_back(&sent, &a, &got);
    ck_assert(got.success);
    get_nodes_response_there_and_back(&sent, &a, &got);
    ck_assert_uint_eq(got.n_nodes, 1);
    ck_assert_str_eq(got.nodes[0].node_id, "node.a");
    ck_assert_int_eq(got.nodes[0].state, SV_WIRE_NODE_UNREACHABLE);
    ck_assert_int_eq(got.nodes[0].epoch, 7);
    ck_assert_int_eq(got.nodes[0].stats.connected_clients, 4);
    ck_assert_double_eq(got.nodes[0].stats.memory_usage, 0.25);
    ck_assert_int_eq(got.nodes[0].capabilities.max_streams, 12);
    const struct sv_wire_get_nodes_request ask = { true };
    struct sv_wire_get_nodes_request asked;
    get_nodes_request_there_and_back(&ask, &a, &asked);
    ck_assert(asked.only_alive);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(a_state_of_a_newer_node_is_unspecified)
{
    struct sv_wire_node_info odd = node;
    odd.state = 99;
    const struct sv_wire_nodes_response sent = { true, &odd, 1 };
    struct sv_wire_bytes bytes;
    struct sv_arena a = { 0 };
    struct sv_wire_nodes_response got;
    ck_assert_int_eq(sv_wire_get_nodes_response_encode(&sent, sv_wire_bytes_alloc, &bytes, NULL),
        0);
    ck_assert_int_eq(sv_wire_get_nodes_response_decode(bytes.data, bytes.len, &a, &got, NULL), 0);
    ck_assert_int_eq(got.nodes[0].state, SV_WIRE_NODE_UNSPECIFIED);
    sv_arena_fini(&a);
    free(bytes.data);
}
END_TEST

START_TEST(a_heartbeat_comes_through_with_its_stats)
{
    const struct sv_wire_heartbeat_request sent = { "node.a", { 3, 4, 0.5, 0.25 }, 7 };
    struct sv_arena a = { 0 };
    struct sv_wire_heartbeat_request got;
    heartbeat_request_there_and_back(&sent, &a, &got);
    ck_assert_int_eq(got.stats.active_streams, 3);
    ck_assert_double_eq(got.stats.cpu_usage, 0.5);
    ck_assert_int_eq(got.epoch, 7);
    const struct sv_wire_heartbeat_response answer = { TIME_MS };
    struct sv_wire_heartbeat_response answered;
    heartbeat_response_there_and_back(&answer, &a, &answered);
    ck_assert_int_eq(answered.timestamp_ms, TIME_MS);
    sv_arena_fini(&a);
}
END_TEST

static const synctv_playback state = {
    .room_id = ROOM,
    .movie_id = "movie-000001",
    .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
    .position_s = 1.25,
    .rate = 1.5,
    .updated_at_ms = TIME_MS,
    .version = 99,
    .node_id = "node.b",
};

START_TEST(a_rooms_state_comes_through)
{
    const struct sv_wire_sync_state_request sent = { "node.a", state };
    struct sv_arena a = { 0 };
    struct sv_wire_sync_state_request got;
    sync_state_request_there_and_back(&sent, &a, &got);
    ck_assert_str_eq(got.source_node_id, "node.a");
    ck_assert_str_eq(got.state.room_id, ROOM);
    ck_assert_str_eq(got.state.movie_id, "movie-000001");
    ck_assert_int_eq(got.state.status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_eq(got.state.position_s, 1.25);
    ck_assert_double_eq(got.state.rate, 1.5);
    ck_assert_uint_eq(got.state.version, 99);
    ck_assert_str_eq(got.state.node_id, "node.b");
    const struct sv_wire_sync_state_response answer = { true };
    struct sv_wire_sync_state_response answered;
    sync_state_response_there_and_back(&answer, &a, &answered);
    ck_assert(answered.success);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(rooms_come_through_with_and_without_their_data)
{
    const synctv_room_settings settings = { .max_members = 5 };
    const synctv_room rooms[] = {
        { .id = ROOM,
            .name = "Kino",
            .description = "é",
            .creator_id = USER,
            .settings = &settings,
            .member_count = 4,
            .online_count = 2,
            .is_live = true,
            .created_at_ms = TIME_MS,
            .revision = 3 },
        { .id = "room-0000002" },
    };
    const struct sv_wire_rooms_response sent = { rooms, 2 };
    struct sv_arena a = { 0 };
    struct sv_wire_rooms_response got;
    batch_rooms_response_there_and_back(&sent, &a, &got);
    ck_assert_uint_eq(got.n_rooms, 2);
    ck_assert_str_eq(got.rooms[0].name, "Kino");
    ck_assert_int_eq(got.rooms[0].online_count, 2);
    ck_assert_int_eq(got.rooms[0].settings->max_members, 5);
    ck_assert(got.rooms[0].is_live);
    ck_assert_ptr_null(got.rooms[1].settings);

    const char bytes[] = "\x0a\x12\x0a\x0c" ROOM "\x12\x02Hi";
    ck_assert_int_eq(sv_wire_batch_rooms_response_decode(bytes, sizeof(bytes) - 1, &a, &got, NULL),
        0);
    ck_assert_str_eq(got.rooms[0].name, "Hi");
    ck_assert_str_eq(got.rooms[0].creator_id, "");
    sv_arena_fini(&a);
}
END_TEST

START_TEST(who_is_online_comes_through)
{
    const struct sv_wire_online_status statuses[] = {
        { USER, true, ROOM, "node.a" },
        { "user-0000002", false, "", "" },
    };
    const struct sv_wire_online_response sent = { statuses, 2 };
    struct sv_arena a = { 0 };
    struct sv_wire_online_response got;
    online_response_there_and_back(&sent, &a, &got);
    ck_assert_uint_eq(got.n_statuses, 2);
    ck_assert_str_eq(got.statuses[0].user_id, USER);
    ck_assert(got.statuses[0].online && !got.statuses[1].online);
    ck_assert_str_eq(got.statuses[0].room_id, ROOM);
    ck_assert_str_eq(got.statuses[0].node_id, "node.a");
    sv_arena_fini(&a);
}
END_TEST

START_TEST(lists_end_where_the_header_says)
{
    static const char *ids[SV_WIRE_ONLINE_USERS_MAX + 1];
    static struct sv_wire_node_info nodes[SV_WIRE_NODES_MAX + 1];
    static synctv_room rooms[SV_WIRE_BATCH_ROOMS_MAX + 1];
    static struct sv_wire_online_status statuses[SV_WIRE_ONLINE_USERS_MAX + 1];
    for (size_t i = 0; i <= SV_WIRE_ONLINE_USERS_MAX; i++) {
        ids[i] = USER;
        statuses[i].user_id = USER;
    }
    for (size_t i = 0; i <= SV_WIRE_NODES_MAX; i++)
        nodes[i] = node;
    for (size_t i = 0; i <= SV_WIRE_BATCH_ROOMS_MAX; i++)
        rooms[i].id = ROOM;
    struct sv_wire_ids_request many = { ids, SV_WIRE_BATCH_ROOMS_MAX + 1 };
    batch_rooms_request_refused(&many, "room_ids");
    many.n_ids = SV_WIRE_ONLINE_USERS_MAX + 1;
    online_request_refused(&many, "user_ids");
    const struct sv_wire_nodes_response many_nodes = { true, nodes, SV_WIRE_NODES_MAX + 1 };
    register_response_refused(&many_nodes, "nodes");
    get_nodes_response_refused(&many_nodes, "nodes");
    const struct sv_wire_rooms_response many_rooms = { rooms, SV_WIRE_BATCH_ROOMS_MAX + 1 };
    batch_rooms_response_refused(&many_rooms, "rooms");
    const struct sv_wire_online_response many_users = { statuses, SV_WIRE_ONLINE_USERS_MAX + 1 };
    online_response_refused(&many_users, "statuses");

    struct sv_arena a = { 0 };
    struct sv_wire_ids_request got;
    many.n_ids = 2;
    batch_rooms_request_there_and_back(&many, &a, &got);
    ck_assert_uint_eq(got.n_ids, 2);
    many.n_ids = 3;
    online_request_there_and_back(&many, &a, &got);
    ck_assert_str_eq(got.ids[2], USER);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(values_that_cannot_be_are_refused_by_their_field)
{
    char text[200];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    register_request_refused(&(struct sv_wire_register_request){ .node_id = "a b" }, "node_id");
    register_request_refused(&(struct sv_wire_register_request){ .node_id = "a", .epoch = -1 },
        "epoch");
    register_request_refused(&(struct sv_wire_register_request){ .node_id = "a", .now_ms = -1 },
        "now");
    register_request_refused(&(struct sv_wire_register_request){ .node_id = "a", .address = text },
        "address");
    register_request_refused(&(struct sv_wire_register_request){ .node_id = "a",
                                 .capabilities.max_streams = -1 },
        "capabilities.max_streams");
    heartbeat_request_refused(&(struct sv_wire_heartbeat_request){ .node_id = "" }, "node_id");
    heartbeat_request_refused(&(struct sv_wire_heartbeat_request){ .node_id = "a",
                                  .stats.cpu_usage = NAN },
        "stats.cpu_usage");
    heartbeat_request_refused(&(struct sv_wire_heartbeat_request){ .node_id = "a",
                                  .stats.memory_usage = INFINITY },
        "stats.memory_usage");
    heartbeat_response_refused(&(struct sv_wire_heartbeat_response){ -1 }, "timestamp");

    struct sv_wire_sync_state_request sync = { "node.a", state };
    sync.state.room_id = "x";
    sync_state_request_refused(&sync, "room_id");
    sync.state = state;
    sync.state.position_s = -1;
    sync_state_request_refused(&sync, "current_time");
    sync.state = state;
    sync.state.version = UINT64_MAX;
    sync_state_request_refused(&sync, "version");
    sync.state = state;
    sync.source_node_id = "";
    sync_state_request_refused(&sync, "source_node_id");

    const char *const ids[] = { ROOM, "x" };
    batch_rooms_request_refused(&(struct sv_wire_ids_request){ ids, 2 }, "room_ids");
    const synctv_room nameless = { .id = "" };
    batch_rooms_response_refused(&(struct sv_wire_rooms_response){ &nameless, 1 }, "rooms.id");
    const struct sv_wire_online_status status = { USER, true, "x", "" };
    online_response_refused(&(struct sv_wire_online_response){ &status, 1 }, "statuses.room_id");
}
END_TEST

START_TEST(a_state_that_neither_plays_nor_pauses_is_refused)
{
    struct sv_arena a = { 0 };
    struct sv_wire_sync_state_request got;
    synctv_error err;
    const char no_state[] = "\x0a\x0c" ROOM;
    ck_assert_int_eq(sv_wire_sync_state_request_decode(no_state, sizeof(no_state) - 1, &a, &got,
                         &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "state");
    const char odd[] = "\x0a\x0c" ROOM "\x12\x04\x12\x02?!";
    ck_assert_int_eq(sv_wire_sync_state_request_decode(odd, sizeof(odd) - 1, &a, &got, &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "status");
    sv_arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire_cluster_rpc");
    TCase *tc = tcase_create("wire_cluster_rpc");
    tcase_add_test(tc, a_node_registers_with_all_that_it_says_of_itself);
    tcase_add_test(tc, a_caller_that_knows_only_the_specification_is_understood);
    tcase_add_test(tc, the_nodes_come_through_with_their_stats);
    tcase_add_test(tc, a_state_of_a_newer_node_is_unspecified);
    tcase_add_test(tc, a_heartbeat_comes_through_with_its_stats);
    tcase_add_test(tc, a_rooms_state_comes_through);
    tcase_add_test(tc, rooms_come_through_with_and_without_their_data);
    tcase_add_test(tc, who_is_online_comes_through);
    tcase_add_test(tc, lists_end_where_the_header_says);
    tcase_add_test(tc, values_that_cannot_be_are_refused_by_their_field);
    tcase_add_test(tc, a_state_that_neither_plays_nor_pauses_is_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
