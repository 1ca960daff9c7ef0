/* SPDX-License-Identifier: MIT */
/* A node as a member: its options, its heartbeats, its clock, and what it does when it was declared
 * dead. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <synctv/cluster.h>

#include "base/clock.h"
#include "node/cluster.h"
#include "node/engine/blocking_job.h"
#include "support/node_fixture.h"

#define BEAT_MS 5000
#define HOUR_MS INT64_C(3600000)

static char secret_path[] = "/tmp/synctv-cluster-XXXXXX";

/* Before any test. */
static bool write_secret(void)
{
    static const char text[] = "0123456789abcdef0123456789abcdef\nmore\n";
    int fd = mkstemp(secret_path);
    bool written = fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1;
    if (fd >= 0)
        close(fd);
    return written;
}

/* ---- options ---- */

static void refuse(const synctv_node_options *o, const char *field, const char *word)
{
    synctv_node node;
    synctv_error err = { 0 };
    ck_assert_int_eq(sv_node_init(&node, o, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, field);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s", err.message);
}

START_TEST(what_is_wrong_with_the_options_of_a_member_is_said)
{
    synctv_node_options o;
    synctv_node_options_init(&o);
    o.advertise = "192.0.2.1:1";
    refuse(&o, "advertise", "cluster secret");
    o.cluster_secret_file = "/no/such/file";
    refuse(&o, "cluster_secret_file", "/no/such/file");
    o.cluster_secret_file = secret_path;
    static const char *const addresses[] = { "192.0.2.1", ":1", "192.0.2.1:0", "192.0.2.1:70000",
        "0.0.0.0:1", "[::]:1", "2001:db8::1:1" };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        o.advertise = addresses[i];
        refuse(&o, "advertise", addresses[i]);
    }
    o.advertise = NULL;
    refuse(&o, "node_id", "port");
    o.listen = "127.0.0.1:0";
    refuse(&o, "node_id", "port");
    o.listen = "0.0.0.0:1";
    refuse(&o, "advertise", "0.0.0.0:1");
    o.node_id = "end-0";
    refuse(&o, "node_id", "end-");
    o.node_id = NULL;
    o.heartbeat_ms = 99;
    refuse(&o, "heartbeat_ms", "100");
}
END_TEST

/* ---- a member ---- */

/* Writes and waits. */
struct work {
    struct sv_blocking_job blocking;
    int (*fn)(struct sv_tx *tx, void *arg);
    void *arg;
};

static int work_run(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct work *work = SV_CONTAINER_OF(b, struct work, blocking);
    return work->fn(tx, work->arg);
}

static int do_write(int (*fn)(struct sv_tx *tx, void *arg), void *arg)
{
    struct work work = { .blocking.run = work_run, .fn = fn, .arg = arg };
    return sv_blocking_job_do(&work.blocking, fx_node.store, sv_store_write);
}

static int nothing(struct sv_tx *tx, void *arg)
{
    return 0;
}

/* Behind all that a heartbeat has queued: itself, what it says of the dead, and a look at that. */
static void beat(void)
{
    ck_assert_int_eq(synctv_cluster_heartbeat(&fx_node, NULL), 0);
    for (int i = 0; i < 4; i++)
        do_write(nothing, NULL);
}

static int join_as(struct sv_tx *tx, void *arg)
{
    const struct sv_node_rec rec = {
        .id = arg,
        .instance = "other",
        .address = "192.0.2.2:2",
        .stats = "rooms=7 streams=8 users_online=99999999999 cpu_millis=1500 memory_kib=lots",
        .heartbeat_ms = BEAT_MS,
    };
    int64_t epoch;
    return tx->ops->node_register(tx, &rec, 1, &epoch);
}

static int leave_as(struct sv_tx *tx, void *arg)
{
    return tx->ops->node_forget(tx, arg, 1);
}

static int join_as_ahead(struct sv_tx *tx, void *arg)
{
    const struct sv_node_rec rec = {
        .id = arg,
        .instance = "other",
        .heartbeat_ms = BEAT_MS,
        .ahead_ms = HOUR_MS,
    };
    int64_t epoch;
    return tx->ops->node_register(tx, &rec, 1, &epoch);
}

static int rename_room(struct sv_tx *tx, void *arg)
{
    struct sv_arena arena = { 0 };
    struct sv_room_rec rec;
    uint64_t revision;
    int rv = tx->ops->room_get(tx, arg, &arena, &rec);
    rec.room.name = "renamed";
    if (rv == 0)
        rv = tx->ops->room_update(tx, &rec);
    if (rv == 0)
        rv = tx->ops->room_touch(tx, arg, &revision);
    sv_arena_fini(&arena);
    return rv;
}

static int kill_self(struct sv_tx *tx, void *arg)
{
    struct sv_arena arena = { 0 };
    struct sv_node_rec *rows;
    int n = tx->ops->node_list(tx, &arena, &rows), rv = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].id, "self") == 0)
            rv = tx->ops->node_declare_dead(tx, rows[i].id, rows[i].epoch, rows[i].beat);
    sv_arena_fini(&arena);
    return rv;
}

static int count_nodes(struct sv_tx *tx, void *arg)
{
    struct sv_arena arena = { 0 };
    struct sv_node_rec *rows;
    int n = tx->ops->node_list(tx, &arena, &rows);
    sv_arena_fini(&arena);
    return n;
}

static char db_path[64], db_url[80];
static struct sv_store *beside;

static bool hears_events;
static void on_event(void *userdata, const synctv_cluster_event *event);
static synctv_cluster_node last_node;

static void open_member(void)
{
    snprintf(db_path, sizeof(db_path), "%s-%d.db", secret_path, (int)getpid());
    snprintf(db_url, sizeof(db_url), "sqlite:%s", db_path);
    synctv_node_options_init(&fx_options);
    fx_options.db_url = db_url;
    fx_options.cluster_secret_file = secret_path;
    fx_options.node_id = "self";
    fx_options.advertise = "192.0.2.1:1";
    fx_options.cluster_event = hears_events ? on_event : NULL;
    fx_options.cluster_userdata = &last_node;
    fx_open();
    const struct sv_store_options o = { .url = db_url };
    ck_assert_int_eq(sv_store_open(&o, &beside, NULL), 0);
}

static void close_member(void)
{
    static const char *const suffixes[] = { "", ".lock", "-wal", "-shm", ".node-self.lock" };
    char name[100];
    fx_close();
    sv_store_close(beside);
    sv_store_free(beside);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", db_path, suffixes[i]);
        unlink(name);
    }
}

/* Of somebody else, over the same file. */
static int do_beside(int (*fn)(struct sv_tx *tx, void *arg), void *arg)
{
    struct work work = { .blocking.run = work_run, .fn = fn, .arg = arg };
    return sv_blocking_job_do(&work.blocking, beside, sv_store_write);
}

START_TEST(a_node_that_is_alone_has_no_cluster)
{
    synctv_cluster_node nodes[1];
    fx_options.db_url = NULL;
    fx_options.cluster_secret_file = NULL;
    fx_open();
    ck_assert_int_eq(synctv_cluster_heartbeat(&fx_node, NULL), 0);
    ck_assert_int_eq(synctv_cluster_nodes(&fx_node, nodes, 1), 0);
    ck_assert_int_eq(do_write(count_nodes, NULL), 0);
    fx_close();
}
END_TEST

START_TEST(members_see_each_other_and_grow_old_by_the_clock)
{
    synctv_cluster_node nodes[3];
    open_member();
    beat();
    ck_assert_int_eq(synctv_cluster_nodes(&fx_node, nodes, 3), 1);
    ck_assert_str_eq(nodes[0].node_id, "self");
    ck_assert_str_eq(nodes[0].address, "192.0.2.1:1");
    ck_assert_int_eq(nodes[0].state, SYNCTV_NODE_ALIVE);
    ck_assert_int_gt(nodes[0].epoch, 0);
    ck_assert_int_eq(do_write(join_as, "other"), 0);
    beat();
    ck_assert_int_eq(synctv_cluster_nodes(&fx_node, nodes, 1), 2);
    for (int i = 0; i <= 8; i++) {
        ck_assert_int_eq(synctv_cluster_nodes(&fx_node, nodes, 3), 2);
        ck_assert_str_eq(nodes[1].node_id, "other");
        ck_assert_str_eq(nodes[1].address, "192.0.2.2:2");
        ck_assert_uint_eq(nodes[1].struct_size, sizeof(nodes[1]));
        ck_assert_uint_eq(nodes[1].rooms_loaded, 7);
        ck_assert_uint_eq(nodes[1].streams, 8);
        ck_assert_uint_eq(nodes[1].users_online, UINT32_MAX);
        ck_assert_double_eq(nodes[1].cpu, 1.5);
        ck_assert_double_eq(nodes[1].memory_bytes, 0);
        ck_assert_int_eq(nodes[1].state,
            i < 3       ? SYNCTV_NODE_UNREACHABLE /* nobody dials in this test */
                : i < 6 ? SYNCTV_NODE_SUSPECT
                        : SYNCTV_NODE_DEAD);
        ck_assert_int_ge(nodes[1].age_ms, i * BEAT_MS);
        fx_pass_ms(BEAT_MS);
        beat();
    }
    close_member();
}
END_TEST

START_TEST(a_program_built_with_a_shorter_structure_gets_what_it_knows)
{
    struct {
        size_t struct_size;
        char node_id[65];
    } nodes[2];
    open_member();
    ck_assert_int_eq(do_write(join_as, "other"), 0);
    beat();
    int n = synctv_cluster_nodes_sized(&fx_node, (synctv_cluster_node *)nodes, 2, sizeof(nodes[0]));
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(nodes[0].node_id, "self");
    ck_assert_str_eq(nodes[1].node_id, "other");
    ck_assert_uint_eq(nodes[1].struct_size, sizeof(nodes[1]));
    close_member();
}
END_TEST

/* ---- events ---- */

static int n_events;
static synctv_cluster_change last_change;

static void on_event(void *userdata, const synctv_cluster_event *event)
{
    ck_assert_ptr_eq(userdata, &last_node);
    n_events++;
    last_change = event->change;
    last_node = *event->node;
}

static void expect_event(int number, synctv_cluster_change change, synctv_node_state state)
{
    fx_turn();
    ck_assert_int_eq(n_events, number);
    ck_assert_int_eq(last_change, change);
    ck_assert_str_eq(last_node.node_id, "other");
    ck_assert_int_eq(last_node.state, state);
}

START_TEST(members_that_come_change_and_go_are_told_once)
{
    hears_events = true;
    open_member();
    hears_events = false;
    n_events = 0;
    beat();
    fx_turn();
    ck_assert_int_eq(n_events, 0);
    ck_assert_int_eq(do_write(join_as, "other"), 0);
    beat();
    expect_event(1, SYNCTV_CLUSTER_CAME, SYNCTV_NODE_UNREACHABLE);
    beat();
    expect_event(1, SYNCTV_CLUSTER_CAME, SYNCTV_NODE_UNREACHABLE);
    for (int i = 0; i < 3; i++) {
        fx_pass_ms(BEAT_MS);
        beat();
    }
    expect_event(2, SYNCTV_CLUSTER_CHANGED, SYNCTV_NODE_SUSPECT);
    ck_assert_int_eq(do_write(leave_as, "other"), 1);
    beat();
    expect_event(3, SYNCTV_CLUSTER_LEFT, SYNCTV_NODE_SUSPECT);
    close_member();
    ck_assert_int_eq(n_events, 3);
}
END_TEST

/* ---- looking up ---- */

static int n_answers;
static synctv_error answer_error;
static synctv_user_online answer_users[2];
static char answer_room[16], answer_node[65];

static void on_online(void *userdata, const synctv_user_online *users, size_t n,
    const synctv_error *error)
{
    n_answers++;
    answer_error = error == NULL ? (synctv_error){ 0 } : *error;
    for (size_t i = 0; i < n; i++)
        answer_users[i] = users[i];
    snprintf(answer_room, sizeof(answer_room), "%s", n > 0 ? users[0].room_id : "");
    snprintf(answer_node, sizeof(answer_node), "%s", n > 0 ? users[0].node_id : "");
}

START_TEST(who_is_online_is_said_also_by_a_node_that_is_alone)
{
    synctv_node_options_init(&fx_options);
    fx_open();
    synctv_caller *alice = fx_user("alice"), *bob = fx_user("bob");
    const char *room = fx_room(alice, NULL);
    fx_follow(alice, room);
    const char *ids[] = { synctv_caller_user_id(alice), synctv_caller_user_id(bob) };
    synctv_cluster_online(&fx_node, ids, 2, on_online, NULL);
    ck_assert_int_eq(n_answers, 1);
    ck_assert(answer_users[0].online && !answer_users[1].online);
    ck_assert_str_eq(answer_room, room);
    ck_assert_str_eq(answer_node, synctv_node_id(&fx_node));

    const char *wrong[] = { ids[0], "no id" };
    synctv_cluster_online(&fx_node, wrong, 2, on_online, NULL);
    ck_assert_int_eq(n_answers, 2);
    ck_assert_int_eq(answer_error.code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(answer_error.field, "user_ids");
    fx_close();
}
END_TEST

static size_t n_rooms;
static char first_room[16];

static void on_rooms(void *userdata, const synctv_room *rooms, size_t n, const synctv_error *error)
{
    n_answers++;
    n_rooms = n;
    answer_error = error == NULL ? (synctv_error){ 0 } : *error;
    snprintf(first_room, sizeof(first_room), "%s", n > 0 ? rooms[0].id : "");
}

START_TEST(rooms_are_looked_up_many_at_a_time)
{
    const char *ids[SYNCTV_CLUSTER_ROOMS_MAX + 1];
    synctv_node_options_init(&fx_options);
    fx_open();
    const char *room = fx_room(fx_user("alice"), NULL);
    for (size_t i = 0; i < SYNCTV_CLUSTER_ROOMS_MAX + 1; i++)
        ids[i] = "notthere0001";
    ids[3] = room;
    n_answers = 0;
    synctv_cluster_rooms(&fx_node, ids, SYNCTV_CLUSTER_ROOMS_MAX, on_rooms, NULL);
    for (int i = 0; i < 1000 && n_answers == 0; i++) {
        fx_settle();
        fx_turn();
    }
    ck_assert_int_eq(n_answers, 1);
    ck_assert_uint_eq(n_rooms, 1);
    ck_assert_str_eq(first_room, room);
    synctv_cluster_rooms(&fx_node, ids, SYNCTV_CLUSTER_ROOMS_MAX + 1, on_rooms, NULL);
    ck_assert_int_eq(n_answers, 2);
    ck_assert_int_eq(answer_error.code, SYNCTV_E_INVALID_ARGUMENT);
    fx_close();
}
END_TEST

START_TEST(a_program_that_is_no_member_reads_the_table)
{
    synctv_cluster_node nodes[3];
    synctv_error err;
    open_member();
    ck_assert_int_eq(do_write(join_as, "other"), 0);
    beat();
    synctv_node_options o;
    synctv_node_options_init(&o);
    o.db_url = db_url;
    o.alone = false;
    synctv_node reader;
    ck_assert_int_eq(sv_node_init(&reader, &o, &err), 0);
    ck_assert_int_eq(synctv_cluster_nodes(&reader, nodes, 3), 0);
    ck_assert_int_eq(synctv_cluster_table(&reader, nodes, 3, &err), 2);
    ck_assert_str_eq(nodes[0].node_id, "other");
    ck_assert_int_eq(nodes[0].state, SYNCTV_NODE_SUSPECT); /* nobody holds its lock */
    ck_assert_uint_eq(nodes[0].rooms_loaded, 7);
    ck_assert_str_eq(nodes[1].node_id, "self");
    ck_assert_int_eq(nodes[1].state, SYNCTV_NODE_ALIVE);
    ck_assert_int_eq(nodes[1].age_ms, -1);
    ck_assert_int_eq(do_beside(kill_self, NULL), 1);
    ck_assert_int_eq(synctv_cluster_table(&reader, nodes, 3, &err), 2);
    ck_assert_int_eq(nodes[1].state, SYNCTV_NODE_DEAD);
    sv_node_close(&reader);
    sv_node_quiesce(&reader);
    sv_node_fini(&reader);
    close_member();
}
END_TEST

START_TEST(beside_others_the_clock_does_not_step)
{
    open_member();
    ck_assert_int_eq(do_write(join_as, "other"), 0);
    beat();
    ck_assert(sv_cluster_has_fellows(&fx_node));
    int64_t before_ms = synctv_node_now_ms(&fx_node);
    fx_step_clock_ms(HOUR_MS);
    ck_assert_int_lt(synctv_node_now_ms(&fx_node) - before_ms, HOUR_MS / 2);
    for (int i = 0; i < 8; i++) {
        fx_pass_ms(BEAT_MS);
        beat();
    }
    ck_assert(!sv_cluster_has_fellows(&fx_node));
    fx_pass_ms(2000);
    fx_turn();
    ck_assert_int_ge(synctv_node_now_ms(&fx_node) - before_ms, HOUR_MS);
    close_member();
}
END_TEST

START_TEST(who_starts_beside_others_takes_their_clock)
{
    open_member();
    ck_assert_int_eq(do_write(nothing, NULL), 0);
    fx_close();
    const struct sv_store_member other = { .id = "other", .instance = "other" };
    const struct sv_store_options o = { .url = db_url, .member = &other };
    struct sv_store *store;
    ck_assert_int_eq(sv_store_open(&o, &store, NULL), 0);
    struct work work = { .blocking.run = work_run, .fn = join_as_ahead, .arg = "other" };
    ck_assert_int_eq(sv_blocking_job_do(&work.blocking, store, sv_store_write), 0);
    fx_open();
    int64_t ahead_ms = synctv_node_now_ms(&fx_node) - sv_wall_ms();
    ck_assert_int_gt(ahead_ms, HOUR_MS - 60000);
    ck_assert_int_lt(ahead_ms, HOUR_MS + 60000);
    sv_store_close(store);
    sv_store_free(store);
    fx_close();

    /* Its row is still there, but it is not. */
    fx_open();
    ck_assert_int_lt(synctv_node_now_ms(&fx_node) - sv_wall_ms(), 60000);
    close_member();
}
END_TEST

START_TEST(a_node_that_was_declared_dead_comes_back_and_reads_its_rooms_again)
{
    open_member();
    synctv_caller *alice = fx_user("alice");
    const char *room = fx_room(alice, NULL);
    synctv_stream *stream = fx_follow(alice, room);
    beat();
    ck_assert_int_eq(do_beside(kill_self, NULL), 1);
    fx_assert_code(FX_ASK(alice, CREATE_ROOM, .name = "lost"), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(do_beside(rename_room, (void *)room), 0);
    do_write(nothing, NULL);
    fx_pass_ms(2000);
    const synctv_event *event = fx_next(stream);
    while (event->type != SYNCTV_EVENT_ROOM)
        event = fx_next(stream);
    ck_assert_str_eq(event->room->name, "renamed");
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "kept"));
    close_member();
}
END_TEST

START_TEST(who_has_been_replaced_stores_nothing_and_is_told_so)
{
    synctv_error err = { 0 };
    open_member();
    synctv_caller *alice = fx_user("alice");
    beat();
    ck_assert_int_eq(do_beside(join_as, "self"), 0);
    fx_assert_code(FX_ASK(alice, CREATE_ROOM, .name = "lost"), SYNCTV_E_STORAGE_UNAVAILABLE);
    do_write(nothing, NULL);
    ck_assert_int_eq(synctv_cluster_heartbeat(&fx_node, &err), SYNCTV_E_STALE_EPOCH);
    ck_assert_msg(strstr(err.message, "another start of the node self") != NULL, "%s", err.message);
    close_member();
}
END_TEST

/* Somebody else holds SQLite's write lock, as a process does that was stopped while it wrote. */
static sem_t lock_is_held, lock_is_to_go;

static int hold_lock(struct sv_job *job, struct sv_tx *tx)
{
    sem_post(&lock_is_held);
    sem_wait(&lock_is_to_go);
    return 0;
}

static void lock_is_gone(struct sv_job *job, int rv)
{
}

static unsigned n_warnings, n_news;

static void count_lines(void *userdata, synctv_log_level level, const char *area, const char *text)
{
    if (strstr(text, "in a row were not written") != NULL) {
        ck_assert_int_eq(level, SYNCTV_LOG_WARN);
        n_warnings++;
    }
    n_news += strstr(text, "are written again") != NULL;
}

START_TEST(who_cannot_write_its_heartbeats_says_so_once)
{
    struct sv_job holder = { .run = hold_lock, .apply = lock_is_gone };
    open_member();
    fx_node.log.fn = count_lines;
    beat();
    sem_init(&lock_is_held, 0, 0);
    sem_init(&lock_is_to_go, 0, 0);
    ck_assert_int_eq(sv_store_write(beside, &holder), 0);
    sem_wait(&lock_is_held);
    for (unsigned n = 1; n <= 20; n++) {
        ck_assert_uint_eq(n_warnings, n > 4);
        ck_assert_int_eq(synctv_cluster_heartbeat(&fx_node, NULL), 0);
    }
    ck_assert_uint_eq(n_warnings, 1);
    ck_assert_uint_eq(n_news, 0);
    sem_post(&lock_is_to_go);
    beat();
    beat();
    ck_assert_uint_eq(n_news, 1);
    ck_assert_uint_eq(n_warnings, 1);
    close_member();
}
END_TEST

START_TEST(who_stops_takes_its_row_away)
{
    open_member();
    beat();
    ck_assert_int_eq(do_beside(count_nodes, NULL), 1);
    fx_close();
    ck_assert_int_eq(do_beside(count_nodes, NULL), 0);
    fx_open();
    close_member();
}
END_TEST

int main(void)
{
    if (!write_secret())
        return EXIT_FAILURE;
    Suite *suite = suite_create("cluster");
    TCase *tc = tcase_create("cluster");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_is_wrong_with_the_options_of_a_member_is_said);
    tcase_add_test(tc, a_node_that_is_alone_has_no_cluster);
    tcase_add_test(tc, members_see_each_other_and_grow_old_by_the_clock);
    tcase_add_test(tc, a_program_built_with_a_shorter_structure_gets_what_it_knows);
    tcase_add_test(tc, members_that_come_change_and_go_are_told_once);
    tcase_add_test(tc, who_is_online_is_said_also_by_a_node_that_is_alone);
    tcase_add_test(tc, rooms_are_looked_up_many_at_a_time);
    tcase_add_test(tc, a_program_that_is_no_member_reads_the_table);
    tcase_add_test(tc, beside_others_the_clock_does_not_step);
    tcase_add_test(tc, who_starts_beside_others_takes_their_clock);
    tcase_add_test(tc, who_has_been_replaced_stores_nothing_and_is_told_so);
    tcase_add_test(tc, who_cannot_write_its_heartbeats_says_so_once);
    tcase_add_test(tc, who_stops_takes_its_row_away);
    tcase_add_test(tc, a_node_that_was_declared_dead_comes_back_and_reads_its_rooms_again);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unlink(secret_path);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
