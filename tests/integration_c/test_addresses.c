/* SPDX-License-Identifier: MIT */
/*
 * A client that knows the addresses of all members of a cluster, and members that are killed, stop
 * or cannot be reached.
 */
#include "support.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_SERVERS 3
/* As many streams as a user may have. */
#define N_CLIENTS 16

static struct server servers[N_SERVERS];
static char all[128];

static void begin(void)
{
    support_begin();
    const char *secret = temp_path("secret");
    write_file(secret, "0123456789abcdef0123456789abcdef\n");
    ck_assert_int_eq(chmod(secret, 0600), 0);
    all[0] = '\0';
    for (int i = 0; i < N_SERVERS; i++) {
        char setting[96];
        struct server *server = &servers[i];
        server_init(server);
        server_keep(server);
        snprintf(setting, sizeof(setting), "CLUSTER__SECRET_FILE=%s", secret);
        server_set(server, setting);
        snprintf(setting, sizeof(setting), "CLUSTER__NODE_ID=%c", 'a' + i);
        server_set(server, setting);
        server_set(server, "CLUSTER__HEARTBEAT_MS=200");
        server_start(server);
        size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? "," : "", server->address);
    }
}

static struct person *connect_to(const char *addresses)
{
    synctv_client_options options;
    client_options(&servers[0], &options);
    options.address = addresses;
    return person_connect_with(&options);
}

static struct person *somebody_new(const char *addresses, const char *name)
{
    struct person *person = connect_to(addresses);
    assert_ok(synctv_client_register(person->client, name, PASSWORD, "", NULL, &error));
    person->me = synctv_client_caller(person->client);
    person->id = synctv_caller_user_id(person->me);
    return person;
}

static void say(struct person *person, const char *room_id, const char *content)
{
    assert_ok(synctv_chat_send(person->stream, room_id, content, NULL, &error));
    while (strcmp(expect(person->stream, SYNCTV_EVENT_CHAT)->chat->content, content) != 0)
        ;
}

/* A listener that takes no connection: who connects hears nothing. */
static int hole(char *address, size_t size)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(address, size, "127.0.0.1:%d", ntohs(in.sin_port));
    return fd;
}

START_TEST(an_empty_address_among_others_is_refused)
{
    synctv_client_options options;
    synctv_client *client = NULL;
    synctv_client_options_init(&options);
    options.address = "127.0.0.1:1,,127.0.0.1:2";
    assert_code(synctv_client_connect(&options, &client, &error), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "address");
    ck_assert_ptr_null(client);
}
END_TEST

/* 0: SIGKILL. 1: SIGTERM. */
START_TEST(a_stream_goes_on_at_another_server_and_nothing_is_missed)
{
    struct person *alice = somebody_new(all, "alice");
    struct person *bob = somebody_new(servers[1].address, "bob");
    const char *room_id = new_room(alice);
    new_movie(alice, room_id, 600);
    join(bob, room_id);
    follow(bob, room_id);
    follow(alice, room_id);
    expect_change(bob->stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    say(alice, room_id, "before");
    const synctv_chat *before = NULL;
    while (before == NULL || strcmp(before->content, "before") != 0)
        before = expect(bob->stream, SYNCTV_EVENT_CHAT)->chat;

    long start_ms = now_ms();
    if (_i == 0)
        server_kill(&servers[0]);
    else
        server_stop(&servers[0]);
    long gone_ms = now_ms();
    say(bob, room_id, "meanwhile");
    expect(alice->stream, SYNCTV_EVENT_DISCONNECTED);
    expect_now(alice->stream, SYNCTV_EVENT_CONNECTED);
    const synctv_event *first = expect_state(alice->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
    ck_assert_str_eq(first->room_id, room_id);
    fprintf(stderr, "# %s: %ld ms to the end of the process, %ld to the first event elsewhere\n",
        _i == 0 ? "killed" : "stopped", gone_ms - start_ms, now_ms() - start_ms);

    const synctv_result *result;
    const synctv_chat_range range = { .after_seq = before->seq, .limit = 10 };
    assert_ok(synctv_chat_history(alice->me, room_id, &range, &result, &error));
    keep_result(result);
    ck_assert_uint_eq(result->n_messages, 1);
    ck_assert_str_eq(result->messages[0].content, "meanwhile");
    say(alice, room_id, "after");

    bool heard = false; /* bob, all that alice says; and nothing of her coming and going */
    while (!heard) {
        const synctv_event *event = NULL;
        ck_assert_int_eq(synctv_stream_next(bob->stream, WAIT_MS, &event, &error), 1);
        bool gone = event->type == SYNCTV_EVENT_MEMBER &&
            (event->change == SYNCTV_MEMBER_CHANGE_OFFLINE ||
                event->change == SYNCTV_MEMBER_CHANGE_LEFT);
        heard = event->type == SYNCTV_EVENT_CHAT && strcmp(event->chat->content, "after") == 0;
        synctv_event_unref(event);
        ck_assert(!gone);
    }
}
END_TEST

struct worker {
    struct person *person;
    const char *room_id;
    atomic_bool over;
    atomic_int n_added;
    /* With NODE_UNAVAILABLE; and the code of a failure that should not be. */
    int n_failed, wrong;
    long longest_ms;
};

/* Adds movies, which may not be done twice, and reads. */
static void *work(void *userdata)
{
    struct worker *w = userdata;
    synctv_error err;
    while (!atomic_load(&w->over)) {
        const synctv_movie movie = { .name = "a movie", .url = "https://example.org/movie.mp4" };
        long start_ms = now_ms();
        int rv = synctv_playlist_add(w->person->me, w->room_id, &movie, NULL, &err);
        if (rv >= 0)
            atomic_fetch_add(&w->n_added, 1);
        else if (rv == SYNCTV_E_NODE_UNAVAILABLE)
            w->n_failed++;
        else
            w->wrong = rv;
        rv = synctv_room_info(w->person->me, w->room_id, NULL, &err);
        if (rv < 0)
            w->wrong = rv; /* reads are repeated */
        if (w->longest_ms < now_ms() - start_ms)
            w->longest_ms = now_ms() - start_ms;
    }
    return NULL;
}

static void wait_for_more(struct worker *w)
{
    int seen = atomic_load(&w->n_added);
    for (long left = WAIT_MS / 10; left > 0 && atomic_load(&w->n_added) < seen + 5; left--)
        sleep_ms(10);
    ck_assert_int_ge(atomic_load(&w->n_added), seen + 5);
}

/* 0: SIGKILL. 1: SIGTERM. */
START_TEST(calls_go_on_at_another_server_and_none_is_done_twice)
{
    struct worker w = { .person = somebody_new(all, "alice") };
    w.room_id = new_room(w.person);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, work, &w), 0);
    for (int i = 0; i < 2; i++) {
        wait_for_more(&w);
        if (_i == 0)
            server_kill(&servers[i]);
        else
            server_stop(&servers[i]);
        wait_for_more(&w);
        server_start(&servers[i]);
    }
    atomic_store(&w.over, true);
    pthread_join(thread, NULL);
    const synctv_result *result;
    assert_ok(synctv_playlist_list(w.person->me, w.room_id, 1000, NULL, &result, &error));
    keep_result(result);
    fprintf(stderr, "# %d added, %d failed, the longest call took %ld ms\n",
        atomic_load(&w.n_added), w.n_failed, w.longest_ms);
    assert_code(w.wrong, 0);
    ck_assert_int_le(w.n_failed, 2); /* those that were under way when a server was killed */
    ck_assert_int_ge((int)result->n_movies, atomic_load(&w.n_added));
    ck_assert_int_le((int)result->n_movies, atomic_load(&w.n_added) + w.n_failed);
}
END_TEST

START_TEST(addresses_at_which_nobody_answers_are_passed_over)
{
    char silent[32], addresses[160];
    int fd = hole(silent, sizeof(silent));
    snprintf(addresses, sizeof(addresses), "127.0.0.1:1,%s,%s,127.0.0.1:2", silent,
        servers[0].address);
    long start_ms = now_ms();
    struct person *alice = somebody_new(addresses, "alice");
    fprintf(stderr, "# connected after %ld ms\n", now_ms() - start_ms);
    snprintf(addresses, sizeof(addresses), "%s,%s,%s", servers[0].address, silent,
        servers[1].address);
    struct person *bob = somebody_new(addresses, "bob");
    const char *room_id = new_room(alice);
    join(bob, room_id);
    follow(bob, room_id);
    server_kill(&servers[0]);
    start_ms = now_ms();
    expect_state(bob->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
    fprintf(stderr, "# the first event elsewhere came after %ld ms\n", now_ms() - start_ms);
    close(fd);
}
END_TEST

START_TEST(when_all_servers_were_away_the_first_that_is_back_is_found)
{
    struct person *alice = somebody_new(all, "alice");
    const char *room_id = new_room(alice);
    follow(alice, room_id);
    for (int i = 0; i < N_SERVERS; i++)
        server_kill(&servers[i]);
    expect(alice->stream, SYNCTV_EVENT_DISCONNECTED);
    sleep_ms(500); /* some rounds */
    server_start(&servers[2]);
    expect_state(alice->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
    say(alice, room_id, "here again");
}
END_TEST

START_TEST(many_clients_of_a_server_that_dies_spread)
{
    struct person *alice = somebody_new(all, "alice"), *people[N_CLIENTS];
    const char *room_id = new_room(alice);
    for (int i = 0; i < N_CLIENTS; i++) {
        people[i] = connect_to(all);
        assert_ok(synctv_client_login(people[i]->client, "alice", PASSWORD, NULL, &error));
        people[i]->me = synctv_client_caller(people[i]->client);
        follow(people[i], room_id);
    }
    long start_ms = now_ms(), first_ms = 0, last_ms = 0;
    server_kill(&servers[0]);
    for (int i = 0; i < N_CLIENTS; i++) {
        const synctv_event *event = expect_state(people[i]->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
        ck_assert_str_eq(event->room_id, room_id);
        long ms = now_ms() - start_ms;
        first_ms = first_ms == 0 ? ms : first_ms;
        last_ms = ms;
    }
    fprintf(stderr, "# all were back after %ld ms, the first of the list after %ld\n", last_ms,
        first_ms);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("addresses");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, begin, support_end);
    tcase_add_test(tcase, an_empty_address_among_others_is_refused);
    tcase_add_loop_test(tcase, a_stream_goes_on_at_another_server_and_nothing_is_missed, 0, 2);
    tcase_add_loop_test(tcase, calls_go_on_at_another_server_and_none_is_done_twice, 0, 2);
    tcase_add_test(tcase, addresses_at_which_nobody_answers_are_passed_over);
    tcase_add_test(tcase, when_all_servers_were_away_the_first_that_is_back_is_found);
    tcase_add_test(tcase, many_clients_of_a_server_that_dies_spread);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
