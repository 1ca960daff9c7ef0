/* SPDX-License-Identifier: MIT */
/*
 * Who calls a member without being one, or is one that does what it must not: it is refused or its
 * link ends, with a sentence in the log, and the link between the others goes on.
 */
#include "test_peer.h"

#define CLUSTER "/synctv.cluster.ClusterService/"
#define OTHER_SECRET "another secret, which is long enough too"
#define HOUR_MS INT64_C(3600000)

static struct member *a, *b;
static struct sv_rpc_channel *channel;

static void setup(void)
{
    folder_setup();
    struct sv_rpc_server_options limits;
    sv_rpc_server_defaults(&limits);
    limits.write_stall_ms = 1000;
    a = member_open_with("a", test_db_url, test_secret_path, &limits);
    b = member_open("b");
    wait_for_link(a, b);
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = a->address;
    o.max_queued_bytes = 8 << 20;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, NULL), 0);
}

/* The link between a and b has seen nothing of all that. */
static void teardown(void)
{
    sv_rpc_channel_free(channel);
    ck_assert_int_eq(lines_with(b, "node a: the link to it has ended"), 0);
    member_close(a);
    member_close(b);
    folder_teardown();
}

static int64_t now_ms(void)
{
    return synctv_node_now_ms(&a->node);
}

/* ---- a node that is there only in the database ---- */

struct ghost {
    struct sv_cluster_check check;
    char id[16];
    int64_t epoch;
    sem_t done;
    struct sv_job job;
};

static int ghost_run(struct sv_job *job, struct sv_tx *tx)
{
    struct ghost *ghost = SV_CONTAINER_OF(job, struct ghost, job);
    const struct sv_node_rec rec = {
        .id = ghost->id,
        .instance = "ghost",
        .address = "",
        .heartbeat_ms = 60000,
    };
    return tx->ops->node_register(tx, &rec, 1, &ghost->epoch);
}

static void ghost_apply(struct sv_job *job, int rv)
{
    sem_post(&SV_CONTAINER_OF(job, struct ghost, job)->done);
}

/* Puts its row into a store of its own, which no member is. */
static void ghost_appear(struct ghost *ghost, const char *id)
{
    struct sv_store *store;
    const struct sv_store_member member = { .id = id, .instance = "ghost" };
    const struct sv_store_options options = { .url = test_db_url, .member = &member };
    ck_assert_int_eq(sv_store_open(&options, &store, NULL), 0);
    snprintf(ghost->id, sizeof(ghost->id), "%s", id);
    sem_init(&ghost->done, 0, 0);
    ghost->job = (struct sv_job){ .run = ghost_run, .apply = ghost_apply };
    ck_assert_int_eq(sv_store_write(store, &ghost->job), 0);
    sem_wait(&ghost->done);
    sv_store_close(store);
    sv_store_free(store);
    sem_destroy(&ghost->done);
}

static struct sv_wire_register_request registration_of(const char *id, int64_t epoch)
{
    static struct sv_cluster_identity self;
    sv_cluster_identify(&a->node, &self);
    return (struct sv_wire_register_request){
        .node_id = id,
        .address = "127.0.0.1:1",
        .epoch = epoch,
        .storage_id = self.storage_id,
        .instance = "ghost",
        .now_ms = now_ms(),
        .version = "1",
    };
}

static int register_as(const char *subject, const struct sv_wire_register_request *request,
    struct reply *r)
{
    struct sv_wire_bytes bytes;
    sv_wire_register_request_encode(request, sv_wire_bytes_alloc, &bytes, NULL);
    char *token = token_of(TEST_SECRET, subject, "a", now_ms());
    call_with(channel, CLUSTER "RegisterNode", token, bytes.data, bytes.len, r);
    free(token);
    free(bytes.data);
    free(r->data);
    r->data = NULL;
    return r->error.code;
}

/* ---- its link ---- */

static struct sv_rpc_client_stream *open_events(const char *subject, struct talk *talk)
{
    static const struct sv_rpc_client_stream_ops ops = {
        .on_open = talk_open,
        .on_message = talk_message,
        .on_status = talk_status,
        .gzip_max = 4 << 20,
    };
    char *token = token_of(TEST_SECRET, subject, "a", now_ms());
    const struct sv_rpc_md md = { "authorization", token, 0 };
    const struct sv_rpc_request request = {
        .path = CLUSTER "SyncEvents", .metadata = &md, .n_metadata = 1
    };
    *talk = (struct talk){ 0 };
    talk->stream = sv_rpc_client_stream_open(channel, &request, &ops, talk);
    free(token);
    return talk->stream;
}

static void say_event(struct talk *talk, const struct sv_cluster_event *event)
{
    struct sv_wire_bytes one;
    struct sv_rpc_bytes bytes;
    ck_assert_int_eq(sv_wire_cluster_event_encode(event, sv_wire_bytes_alloc, &one, NULL), 0);
    const struct sv_wire_batch_part part = { one.data, one.len, event->sequence };
    sv_wire_cluster_batch(&part, 1, sv_rpc_bytes_alloc, &bytes, NULL);
    free(one.data);
    while (sv_rpc_client_stream_send(talk->stream, sv_rpc_bytes_ref(bytes)) == SYNCTV_E_OVERLOADED)
        usleep(1000);
    sv_rpc_bytes_unref(bytes);
}

static struct sv_cluster_event hello_of(const char *id, int64_t epoch)
{
    return (struct sv_cluster_event){
        .kind = SV_CLUSTER_HELLO,
        .node_id = id,
        .room_id = "",
        .hello = { .epoch = epoch, .session = 1, .now_ms = now_ms(), .version = "0" },
    };
}

static struct sv_cluster_event idle_of(const char *id, uint64_t sequence)
{
    return (struct sv_cluster_event){
        .kind = SV_CLUSTER_INTEREST,
        .node_id = id,
        .room_id = "",
        .sequence = sequence,
    };
}

/* A node that has registered and opened a link. */
static void open_ghost(struct ghost *ghost, struct talk *talk, const char *id)
{
    struct reply r;
    ghost_appear(ghost, id);
    const struct sv_wire_register_request request = registration_of(id, ghost->epoch);
    ck_assert_int_eq(register_as(id, &request, &r), 0);
    open_events(id, talk);
    const struct sv_cluster_event hello = hello_of(id, ghost->epoch);
    say_event(talk, &hello);
    wait_for(&talk->received, 1);
}

/* `line`: in the log, if it is another one than the last second's. */
static void expect_end(struct talk *talk, int code, const char *line)
{
    talk_end(talk);
    ck_assert_str_eq(synctv_error_reason(talk->error.code), synctv_error_reason(code));
    if (line != NULL)
        wait_for_line(a, line);
}

/* ---- tokens ---- */

/* What GetNodes answers. */
static int ask_nodes(const char *authorization, struct reply *r)
{
    call_with(channel, CLUSTER "GetNodes", authorization, "", 0, r);
    free(r->data);
    r->data = NULL;
    return r->error.code;
}

static int ask_nodes_with(const char *secret, const char *callee, int64_t shift_ms)
{
    struct reply r;
    char *token = token_of(secret, "tool", callee, now_ms() + shift_ms);
    int code = ask_nodes(token, &r);
    free(token);
    return code;
}

START_TEST(a_token_is_good_for_one_minute_and_one_node)
{
    struct reply r;
    ck_assert_int_eq(ask_nodes_with(TEST_SECRET, "a", 0), 0);
    ck_assert_int_eq(ask_nodes_with(TEST_SECRET, a->address, 0), 0);
    ck_assert_int_eq(ask_nodes_with("second line of the file, an older key 1234", "a", 0), 0);
    ck_assert_int_eq(ask_nodes(NULL, &r), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(r.grpc_status, 7);
    ck_assert_int_eq(ask_nodes("Bearer no.such.token", &r), SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_eq(ask_nodes("Basic dG9vbA==", &r), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(ask_nodes_with(OTHER_SECRET, "a", 0), SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_eq(ask_nodes_with(TEST_SECRET, "b", 0), SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_eq(ask_nodes_with(TEST_SECRET, "a", HOUR_MS), SYNCTV_E_CLOCK_SKEW);
    ck_assert_int_eq(ask_nodes_with(TEST_SECRET, "a", -HOUR_MS), SYNCTV_E_CLOCK_SKEW);
    wait_for_line(a, "is refused");
}
END_TEST

START_TEST(a_token_of_a_user_is_refused)
{
    struct sv_token_claims claims = {
        .subject = "user-0000001",
        .username = "alice",
        .session_id = "session-0001",
        .token_id = "token",
        .issued_at_s = now_ms() / 1000,
        .expires_at_s = now_ms() / 1000 + 60,
    };
    const char *const keys[] = { TEST_SECRET, (const char *)a->node.jwt_key };
    for (int i = 0; i < 2; i++) {
        char *token, text[1024];
        struct reply r;
        ck_assert_int_eq(sv_token_sign(keys[i], i == 0 ? strlen(keys[i]) : a->node.jwt_key_len,
                             SV_TOKEN_CLIENT, &claims, &token),
            0);
        snprintf(text, sizeof(text), "Bearer %s", token);
        ck_assert_int_eq(ask_nodes(text, &r), SYNCTV_E_TOKEN_INVALID);
        free(token);
    }
}
END_TEST

START_TEST(many_bad_tokens_are_few_lines_in_the_log)
{
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(ask_nodes_with(OTHER_SECRET, "a", 0), SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_le(lines_with(a, "is refused"), 5);
    ck_assert_int_ge(lines_with(a, "is refused"), 1);
}
END_TEST

/* ---- RegisterNode and Heartbeat ---- */

START_TEST(a_node_registers_only_as_what_it_is)
{
    struct ghost ghost = { 0 };
    struct reply r;
    ghost_appear(&ghost, "c");
    struct sv_wire_register_request good = registration_of("c", ghost.epoch), bad;
    ck_assert_int_eq(register_as("d", &good, &r), SYNCTV_E_PERMISSION_DENIED);
    bad = good;
    bad.storage_id = "of-another-database-1";
    ck_assert_int_eq(register_as("c", &bad, &r), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(r.error.message, "database"));
    bad = good;
    bad.epoch--;
    ck_assert_int_eq(register_as("c", &bad, &r), SYNCTV_E_NODE_NOT_FOUND);
    bad = good;
    bad.instance = "another";
    ck_assert_int_eq(register_as("c", &bad, &r), SYNCTV_E_NODE_NOT_FOUND);
    bad = good;
    bad.node_id = "nobody";
    ck_assert_int_eq(register_as("nobody", &bad, &r), SYNCTV_E_NODE_NOT_FOUND);
    bad = good;
    bad.version = "2";
    ck_assert_int_eq(register_as("c", &bad, &r), SYNCTV_E_UNIMPLEMENTED);
    bad = good;
    bad.now_ms += HOUR_MS;
    ck_assert_int_eq(register_as("c", &bad, &r), SYNCTV_E_CLOCK_SKEW);
    bad = good;
    bad.node_id = "a";
    ck_assert_int_eq(register_as("a", &bad, &r), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(register_as("c", &good, &r), 0);
    call_with(channel, CLUSTER "RegisterNode", NULL, "\xff\xff", 2, &r);
    ck_assert_int_eq(r.error.code, SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

static int beat_as(const char *subject, const char *id, int64_t epoch)
{
    const struct sv_wire_heartbeat_request request = { .node_id = id, .epoch = epoch };
    struct sv_wire_bytes bytes;
    struct reply r;
    sv_wire_heartbeat_request_encode(&request, sv_wire_bytes_alloc, &bytes, NULL);
    char *token = token_of(TEST_SECRET, subject, "a", now_ms());
    call_with(channel, CLUSTER "Heartbeat", token, bytes.data, bytes.len, &r);
    free(token);
    free(bytes.data);
    free(r.data);
    return r.error.code;
}

START_TEST(a_heartbeat_of_nobody_or_of_an_earlier_start_is_not_found)
{
    struct ghost ghost = { 0 };
    struct reply r;
    ghost_appear(&ghost, "c");
    ck_assert_int_eq(beat_as("c", "c", ghost.epoch), SYNCTV_E_NODE_NOT_FOUND);
    const struct sv_wire_register_request request = registration_of("c", ghost.epoch);
    ck_assert_int_eq(register_as("c", &request, &r), 0);
    ck_assert_int_eq(beat_as("c", "c", ghost.epoch), 0);
    ck_assert_int_eq(beat_as("c", "c", ghost.epoch - 1), SYNCTV_E_NODE_NOT_FOUND);
    ck_assert_int_eq(beat_as("c", "b", ghost.epoch), SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

/* ---- links ---- */

START_TEST(hello_of_another_ends_the_link)
{
    struct ghost ghost = { 0 };
    struct reply r;
    struct talk talk;
    ghost_appear(&ghost, "c");
    const struct sv_wire_register_request request = registration_of("c", ghost.epoch);
    ck_assert_int_eq(register_as("c", &request, &r), 0);
    struct sv_cluster_event hello = hello_of("b", ghost.epoch);
    open_events("c", &talk);
    say_event(&talk, &hello);
    expect_end(&talk, SYNCTV_E_INVALID_ARGUMENT, "another node than it should be says hello");
    hello = hello_of("c", ghost.epoch + 1);
    open_events("c", &talk);
    say_event(&talk, &hello);
    expect_end(&talk, SYNCTV_E_INVALID_ARGUMENT, NULL);
    ck_assert_ptr_nonnull(strstr(talk.error.message, "its hello has another epoch"));
    hello = idle_of("c", 1);
    open_events("c", &talk);
    say_event(&talk, &hello);
    expect_end(&talk, SYNCTV_E_INVALID_ARGUMENT, NULL);
    ck_assert_ptr_nonnull(strstr(talk.error.message, "its first event is no hello"));
}
END_TEST

START_TEST(garbage_ends_the_link)
{
    struct ghost ghost = { 0 };
    struct talk talk;
    open_ghost(&ghost, &talk, "c");
    talk_say(&talk, "this is no protobuf at all");
    expect_end(&talk, SYNCTV_E_INVALID_ARGUMENT,
        "node c: the link to it has ended: it sends what is"
        " no event");
}
END_TEST

START_TEST(a_gap_ends_the_link)
{
    struct ghost ghost = { 0 };
    struct talk talk;
    open_ghost(&ghost, &talk, "c");
    struct sv_cluster_event event = idle_of("c", 1);
    say_event(&talk, &event);
    event.sequence = 3;
    say_event(&talk, &event);
    expect_end(&talk, SYNCTV_E_CANCELLED, "node c: the link to it has ended: an event is missing");
}
END_TEST

START_TEST(an_event_of_another_node_ends_the_link)
{
    struct ghost ghost = { 0 };
    struct talk talk;
    open_ghost(&ghost, &talk, "c");
    const struct sv_cluster_event event = idle_of("b", 1);
    say_event(&talk, &event);
    expect_end(&talk, SYNCTV_E_INVALID_ARGUMENT, "it sends an event of another node, b");
}
END_TEST

START_TEST(a_gzip_bomb_ends_the_link)
{
    struct ghost ghost = { 0 };
    struct talk talk;
    open_ghost(&ghost, &talk, "c");
    struct sv_rpc_bytes bomb = sv_rpc_bytes_new(64 << 20);
    memset(sv_rpc_bytes_data(&bomb), 0, 64 << 20);
    bomb = sv_rpc_gzip(bomb);
    ck_assert_uint_lt(sv_rpc_bytes_len(&bomb), 1 << 20);
    sv_rpc_client_stream_send(talk.stream, bomb);
    expect_end(&talk, SYNCTV_E_TOO_LARGE, "a compressed message has more than 4194304 bytes");
}
END_TEST

START_TEST(an_oversized_message_ends_the_link)
{
    struct ghost ghost = { 0 };
    struct talk talk;
    open_ghost(&ghost, &talk, "c");
    struct sv_rpc_bytes large = sv_rpc_bytes_new(2 << 20);
    memset(sv_rpc_bytes_data(&large), 0, 2 << 20);
    ck_assert_int_eq(sv_rpc_client_stream_send(talk.stream, large), 0);
    talk_end(&talk);
    ck_assert_int_ne(talk.grpc_status, 0);
    wait_for_line(a, "node c: the link to it has ended");
}
END_TEST

START_TEST(a_second_link_of_a_node_takes_the_place_of_the_first)
{
    struct ghost ghost = { 0 };
    struct talk talk, again;
    open_ghost(&ghost, &talk, "c");
    open_events("c", &again);
    const struct sv_cluster_event hello = hello_of("c", ghost.epoch);
    say_event(&again, &hello);
    expect_end(&talk, SYNCTV_E_CANCELLED, "a newer link to this node has taken its place");
    wait_for(&again.received, 1);
    ck_assert_int_eq(value(&again.ended), 0);
    sv_rpc_client_stream_cancel(again.stream);
    talk_end(&again);
}
END_TEST

START_TEST(a_storm_of_events_ends_the_link)
{
    struct ghost ghost = { 0 };
    struct talk talk;
    open_ghost(&ghost, &talk, "c");
    /* A batch of 4000 events of a kind that nobody knows, again and again. */
    enum { N = 4000 };
    static struct sv_wire_batch_part parts[N];
    struct sv_wire_bytes one;
    struct sv_cluster_event event = idle_of("c", 0);
    sv_wire_cluster_event_encode(&event, sv_wire_bytes_alloc, &one, NULL);
    uint64_t sequence = 0;
    while (value(&talk.ended) == 0) {
        struct sv_rpc_bytes bytes;
        for (int i = 0; i < N; i++)
            parts[i] = (struct sv_wire_batch_part){ one.data, one.len, ++sequence };
        ck_assert_int_eq(sv_wire_cluster_batch(parts, N, sv_rpc_bytes_alloc, &bytes, NULL), 0);
        bytes = sv_rpc_gzip(bytes);
        int rv;
        while ((rv = sv_rpc_client_stream_send(talk.stream, sv_rpc_bytes_ref(bytes))) ==
            SYNCTV_E_OVERLOADED)
            usleep(1000);
        sv_rpc_bytes_unref(bytes);
        if (sequence > 100000000)
            break;
    }
    free(one.data);
    expect_end(&talk, SYNCTV_E_RATE_LIMITED, "it sends more than");
}
END_TEST

/* Blocks the channel's thread, so that nothing is read any more. */
static void talk_blocks(struct sv_rpc_client_stream *stream, void *userdata, const void *data,
    size_t len)
{
    talk_message(stream, userdata, data, len);
    if (((struct talk *)userdata)->received > 1)
        wait_for(&may_go_on, 1);
}

START_TEST(a_node_that_does_not_read_loses_its_link)
{
    static const struct sv_rpc_client_stream_ops ops = { .on_message = talk_blocks,
        .on_status = talk_status };
    struct ghost ghost = { 0 };
    struct reply r;
    struct talk talk = { 0 };
    ghost_appear(&ghost, "c");
    const struct sv_wire_register_request request = registration_of("c", ghost.epoch);
    ck_assert_int_eq(register_as("c", &request, &r), 0);
    char *token = token_of(TEST_SECRET, "c", "a", now_ms());
    const struct sv_rpc_md md = { "authorization", token, 0 };
    const struct sv_rpc_request events = {
        .path = CLUSTER "SyncEvents", .metadata = &md, .n_metadata = 1
    };
    talk.stream = sv_rpc_client_stream_open(channel, &events, &ops, &talk);
    free(token);
    const struct sv_cluster_event hello = hello_of("c", ghost.epoch);
    say_event(&talk, &hello);
    wait_for(&talk.received, 1);
    /* It wants every room, and reads nothing of what comes. */
    struct sv_cluster_event all = idle_of("c", 1);
    all.all = true;
    say_event(&talk, &all);
    static char text[8000];
    unsigned seed = 1;
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = (char)('a' + (rand_r(&seed) >> 8) % 26);
    int64_t until_ms = sv_mono_ms() + 60000;
    while (lines_with(a, "node c: the link to it has ended") == 0 && sv_mono_ms() < until_ms)
        for (int i = 0; i < 100; i++)
            say_chat(a, "room-0000001", (uint64_t)i + 1, text);
    wait_for_line(a, "node c: the link to it has ended");
    change(&may_go_on, 1);
    talk_end(&talk);
}
END_TEST

/* ---- observers ---- */

START_TEST(who_has_not_registered_observes)
{
    struct talk talk;
    open_events("tool", &talk);
    wait_for(&talk.opened, 1);
    say_chat(a, "room-0000001", 1, "hello to whoever observes");
    wait_for(&talk.received, 1);
    /* What it says is not applied. */
    int had = value(&a->n_applied);
    const struct sv_cluster_event event = idle_of("tool", 1);
    say_event(&talk, &event);
    say_chat(a, "room-0000001", 2, "more");
    wait_for(&talk.received, 2);
    ck_assert_int_eq(value(&a->n_applied), had);
    const struct sv_cluster_event hello = hello_of("tool", 1);
    say_event(&talk, &hello);
    expect_end(&talk, SYNCTV_E_NODE_NOT_FOUND, "it says hello, but has not registered here");
}
END_TEST

START_TEST(there_is_a_limit_for_observers)
{
    struct talk talks[17];
    for (int i = 0; i < 16; i++) {
        open_events("tool", &talks[i]);
        wait_for(&talks[i].opened, 1);
    }
    open_events("tool", &talks[16]);
    talk_end(&talks[16]);
    ck_assert_int_eq(talks[16].error.code, SYNCTV_E_STREAM_LIMIT);
    for (int i = 0; i < 16; i++) {
        sv_rpc_client_stream_cancel(talks[i].stream);
        talk_end(&talks[i]);
    }
}
END_TEST

/* ---- nodes ---- */

static void get_nodes(struct sv_arena *arena, struct sv_wire_nodes_response *ret)
{
    struct reply r;
    char *token = token_of(TEST_SECRET, "tool", a->address, now_ms());
    ck_assert_int_eq(call_with(channel, CLUSTER "GetNodes", token, "", 0, &r), 0);
    ck_assert_int_eq(sv_wire_get_nodes_response_decode(sv_arena_memdup(arena, r.data, r.len), r.len,
                         arena, ret, NULL),
        0);
    free(r.data);
    free(token);
}

START_TEST(a_tool_sees_all_nodes_with_their_stats)
{
    int64_t until_ms = sv_mono_ms() + 60000;
    struct sv_arena arena = { 0 };
    struct sv_wire_nodes_response nodes;
    do {
        sv_arena_fini(&arena);
        get_nodes(&arena, &nodes);
    } while (nodes.nodes[1].stats.memory_usage == 0 && sv_mono_ms() < until_ms);
    ck_assert_uint_eq(nodes.n_nodes, 2);
    ck_assert_str_eq(nodes.nodes[0].node_id, "a");
    ck_assert_str_eq(nodes.nodes[1].node_id, "b");
    ck_assert_str_eq(nodes.nodes[1].address, b->address);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(nodes.nodes[i].state, SV_WIRE_NODE_ALIVE);
        ck_assert(nodes.nodes[i].stats.memory_usage > 1e6);
        ck_assert(nodes.nodes[i].epoch > 0);
    }
    sv_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostile nodes");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 250);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_token_is_good_for_one_minute_and_one_node);
    tcase_add_test(t, a_token_of_a_user_is_refused);
    tcase_add_test(t, many_bad_tokens_are_few_lines_in_the_log);
    tcase_add_test(t, a_node_registers_only_as_what_it_is);
    tcase_add_test(t, a_heartbeat_of_nobody_or_of_an_earlier_start_is_not_found);
    tcase_add_test(t, hello_of_another_ends_the_link);
    tcase_add_test(t, garbage_ends_the_link);
    tcase_add_test(t, a_gap_ends_the_link);
    tcase_add_test(t, an_event_of_another_node_ends_the_link);
    tcase_add_test(t, a_gzip_bomb_ends_the_link);
    tcase_add_test(t, an_oversized_message_ends_the_link);
    tcase_add_test(t, a_second_link_of_a_node_takes_the_place_of_the_first);
    tcase_add_test(t, a_storm_of_events_ends_the_link);
    tcase_add_test(t, a_node_that_does_not_read_loses_its_link);
    tcase_add_test(t, who_has_not_registered_observes);
    tcase_add_test(t, there_is_a_limit_for_observers);
    tcase_add_test(t, a_tool_sees_all_nodes_with_their_stats);
    suite_add_tcase(s, t);
    return run_suite(s);
}
