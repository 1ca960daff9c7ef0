/* SPDX-License-Identifier: MIT */
/* A server's life: loops, turns, ends. */
#include "test_rpc.h"

static struct reply r;

/* ---- turns ---- */

struct turns {
    int n, busy;
    int64_t wait_ms;
    struct sv_rpc_server *server;
};

static int64_t turn(void *userdata)
{
    struct turns *t = userdata;
    ck_assert_int_eq(value(&t->busy), 0); /* one thread at a time */
    change(&t->busy, 1);
    change(&t->n, 1);
    change(&t->busy, -1);
    return t->wait_ms;
}

START_TEST(a_node_without_a_listener_turns_and_wakes)
{
    struct turns t = { .wait_ms = -1 };
    struct sv_rpc_server_options o;
    sv_rpc_server_defaults(&o);
    o.turn = turn;
    o.userdata = &t;
    struct sv_rpc_server *server;
    ck_assert_int_eq(sv_rpc_server_new(&o, &server, NULL), 0);
    ck_assert_int_eq(sv_rpc_server_port(server), 0);
    for (int i = 0; i < 100; i++) {
        int before = value(&t.n);
        sv_rpc_server_wake(server);
        wait_for(&t.n, before + 1);
    }
    /* One at the start, and one or, if the turn before was not quite over, two for each wake. */
    ck_assert_int_le(value(&t.n), 1 + 100 * 2);
    sv_rpc_server_stop(server, 1000);
    int before = value(&t.n);
    sv_rpc_server_wake(server);
    sv_rpc_server_free(server); /* who could take a turn now? */
    ck_assert_int_eq(t.n, before);
}
END_TEST

START_TEST(a_turn_comes_again_when_it_asked_for_it)
{
    struct turns t = { .wait_ms = 5 };
    struct sv_rpc_server_options o;
    test_options(&o);
    o.turn = turn;
    o.userdata = &t;
    o.threads = 3;
    struct sv_rpc_server *server = server_with(&o);
    wait_for(&t.n, 20);
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    for (int i = 0; i < 200; i++) {
        sv_rpc_server_wake(server);
        ck_assert_int_eq(call(channel, "/t.Echo/Echo", "x", &r), 0);
        free(r.data);
    }
    sv_rpc_channel_free(channel);
    sv_rpc_server_free(server);
}
END_TEST

static int64_t greedy_turn(void *userdata)
{
    struct turns *t = userdata;
    change(&t->n, 1);
    pthread_mutex_lock(&test_lock);
    struct sv_rpc_server *server = t->server;
    pthread_mutex_unlock(&test_lock);
    if (server != NULL)
        sv_rpc_server_wake(server);
    return 0;
}

START_TEST(a_turn_that_always_wakes_itself_starves_nobody)
{
    struct turns t = { 0 };
    struct sv_rpc_server_options o;
    test_options(&o);
    o.turn = greedy_turn;
    o.userdata = &t;
    struct sv_rpc_server *server = server_with(&o);
    pthread_mutex_lock(&test_lock);
    t.server = server;
    pthread_mutex_unlock(&test_lock);
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "x", &r), 0);
    free(r.data);
    sv_rpc_channel_free(channel);
    sv_rpc_server_free(server);
}
END_TEST

static int64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

START_TEST(an_idle_server_sleeps)
{
    struct turns t = { .wait_ms = -1 };
    for (int with_turn = 0; with_turn < 2; with_turn++) {
        struct sv_rpc_server_options o;
        test_options(&o);
        o.turn = with_turn ? turn : NULL;
        o.userdata = &t;
        o.threads = 2;
        struct sv_rpc_server *server = server_with(&o);
        struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
        struct talk talk = { 0 };
        talk_begin(channel, "/t.Echo/Stream", &talk);
        talk_say(&talk, "x");
        wait_for(&talk.received, 1);
        int64_t before_ms = cpu_ms();
        usleep(500000);
        ck_assert_int_lt(cpu_ms() - before_ms, 200);
        sv_rpc_channel_close(channel);
        talk_end(&talk);
        sv_rpc_channel_free(channel);
        sv_rpc_server_free(server);
    }
}
END_TEST

/* ---- polled ---- */

static pthread_t polling_thread;

static void do_check_thread(struct sv_rpc_call *call, void *service)
{
    ck_assert(pthread_equal(pthread_self(), polling_thread));
    do_echo(call, service);
}

static int64_t turn_checking_thread(void *userdata)
{
    ck_assert(pthread_equal(pthread_self(), polling_thread));
    return turn(userdata);
}

static int poll_until(struct sv_rpc_server *server, int *what, int at_least)
{
    int64_t end_ms = sv_mono_ms() + 25000;
    while (value(what) < at_least && sv_mono_ms() < end_ms)
        sv_rpc_server_poll(server, 20);
    return value(what);
}

START_TEST(a_polled_server_works_inside_poll_only)
{
    struct sv_rpc_method methods[] = {
        { "/t.Echo/Echo", SV_RPC_UNARY, do_check_thread, NULL, 0 },
        { "/t.Echo/Stream", SV_RPC_BIDI, do_stream, NULL, 0 },
    };
    struct turns t = { .wait_ms = -1 };
    struct sv_rpc_server_options o;
    test_options(&o);
    o.threads = 0;
    o.methods = methods;
    o.n_methods = 2;
    o.turn = turn_checking_thread;
    o.userdata = &t;
    polling_thread = pthread_self();
    struct sv_rpc_server *server = server_with(&o);
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    ask(channel, "/t.Echo/Echo", "x", 1, 25000, &r);
    ck_assert_int_eq(value(&r.done), 0);
    ck_assert_int_eq(value(&t.n), 0);
    ck_assert_int_eq(poll_until(server, &r.done, 1), 1);
    free(r.data);

    struct talk talk = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &talk);
    for (int i = 0; i < 100; i++)
        talk_say(&talk, "x");
    ck_assert_int_eq(poll_until(server, &talk.received, 100), 100);
    sv_rpc_server_wake(server);
    int before = value(&t.n);
    sv_rpc_server_poll(server, 10000); /* the wake ends it at once */
    ck_assert_int_gt(value(&t.n), before);
    int64_t start_ms = sv_mono_ms();
    sv_rpc_server_poll(server, 0);
    sv_rpc_server_poll(server, 30);
    ck_assert_int_lt(sv_mono_ms() - start_ms, 20000);

    sv_rpc_server_stop(server, 5000);
    ck_assert_int_eq(talk_end(&talk), 14);
    ck_assert_int_eq(talk.error.code, SYNCTV_E_SHUTTING_DOWN);
    sv_rpc_server_free(server);
    sv_rpc_channel_free(channel);
}
END_TEST

START_TEST(a_polled_channel_works_inside_poll_only)
{
    struct sv_rpc_server *server = server_new();
    char target[32];
    snprintf(target, sizeof(target), "127.0.0.1:%d", sv_rpc_server_port(server));
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = target;
    o.threads = 0;
    struct sv_rpc_channel *channel;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, NULL), 0);
    ask(channel, "/t.Echo/Echo", "x", 1, 25000, &r);
    for (int i = 0; i < 1200 && r.done == 0; i++)
        sv_rpc_channel_poll(channel, 20);
    ck_assert_int_eq(r.done, 1);
    ck_assert_int_eq(r.grpc_status, 0);
    free(r.data);
    ask(channel, "/t.Echo/Hold", "x", 1, 25000, &r);
    wait_for(&held.n, 1);
    sv_rpc_channel_free(channel); /* polls for the last callback itself */
    ck_assert_int_eq(r.error.code, SYNCTV_E_CANCELLED);
    answer_held(1);
    free(r.data);
    sv_rpc_server_free(server);
}
END_TEST

/* ---- failing to begin ---- */

START_TEST(a_port_in_use_is_an_error)
{
    struct sv_rpc_server *first = server_new(), *second;
    struct sv_rpc_server_options o;
    test_options(&o);
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", sv_rpc_server_port(first));
    o.listen = listen;
    synctv_error err;
    ck_assert_int_eq(sv_rpc_server_new(&o, &second, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "listen");
    ck_assert_ptr_nonnull(strstr(err.message, "Address already in use"));
    o.listen = "no address";
    ck_assert_int_eq(sv_rpc_server_new(&o, &second, &err), SYNCTV_E_INVALID_ARGUMENT);
    sv_rpc_server_free(first);
}
END_TEST

START_TEST(a_method_twice_is_an_error)
{
    struct sv_rpc_method twice[2] = { test_methods[0], test_methods[0] };
    struct sv_rpc_server_options o;
    test_options(&o);
    o.methods = twice;
    o.n_methods = 2;
    struct sv_rpc_server *server;
    synctv_error err;
    ck_assert_int_eq(sv_rpc_server_new(&o, &server, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "methods");
}
END_TEST

START_TEST(a_channel_comes_back_with_its_server)
{
    struct sv_rpc_server *server = server_new();
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", sv_rpc_server_port(server));
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "one", &r), 0);
    free(r.data);
    sv_rpc_server_free(server);
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "two", &r), 14);
    free(r.data);
    struct sv_rpc_server_options o;
    test_options(&o);
    o.listen = listen;
    server = server_with(&o);
    struct sv_rpc_request request = {
        .path = "/t.Echo/Echo", .timeout_ms = 25000, .wait_for_ready = true
    };
    r = (struct reply){ 0 };
    sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("three", 5), got_reply, &r);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.grpc_status, 0);
    ck_assert_str_eq(r.data, "three");
    free(r.data);
    sv_rpc_channel_free(channel);
    sv_rpc_server_free(server);
}
END_TEST

/* ---- ending ---- */

START_TEST(a_stop_lets_calls_be_answered_and_ends_streams)
{
    struct sv_rpc_server *server = server_new();
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &t);
    wait_for(&t.opened, 1);
    ask(channel, "/t.Echo/Hold", "", 0, 25000, &r);
    wait_for(&held.n, 1);
    sv_rpc_server_close(server);
    ck_assert_int_eq(talk_end(&t), 14);
    ck_assert_int_eq(t.error.code, SYNCTV_E_SHUTTING_DOWN);
    answer_held(1);
    sv_rpc_server_stop(server, 25000);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.grpc_status, 0);
    ck_assert_str_eq(r.data, "late");
    free(r.data);
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "x", &r), 14);
    free(r.data);
    sv_rpc_server_free(server);
    sv_rpc_channel_free(channel);
}
END_TEST

static void *stop_server(void *server)
{
    sv_rpc_server_stop(server, 100);
    return NULL;
}

START_TEST(a_stop_cuts_what_does_not_end_in_time)
{
    struct sv_rpc_server *server = server_new();
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    ask(channel, "/t.Echo/Hold", "", 0, 60000, &r);
    wait_for(&held.n, 1);
    pthread_t thread;
    pthread_create(&thread, NULL, stop_server, server);
    wait_for(&r.done, 1); /* cut */
    ck_assert_int_ne(r.grpc_status, 0);
    answer_held(1); /* to nobody */
    pthread_join(thread, NULL);
    free(r.data);
    sv_rpc_server_free(server);
    sv_rpc_channel_free(channel);
}
END_TEST

static int flood_done;

static void count_any(void *userdata, const struct sv_rpc_answer *answer)
{
    change(&flood_done, 1);
}

START_TEST(a_server_under_load_ends_cleanly)
{
    for (int round = 0; round < 5; round++) {
        struct sv_rpc_server *server = server_new();
        struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
        struct talk talks[50] = { 0 };
        for (int i = 0; i < 50; i++)
            talk_begin(channel, "/t.Echo/Stream", &talks[i]);
        struct sv_rpc_request request = { .path = "/t.Echo/Echo", .timeout_ms = 25000 };
        flood_done = 0;
        for (int i = 0; i < 2000; i++) {
            sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("x", 1), count_any, NULL);
            talk_say(&talks[i % 50], "hello");
            if (i == 1000 + round * 200)
                sv_rpc_server_close(server);
        }
        sv_rpc_server_stop(server, 2000);
        sv_rpc_server_free(server);
        wait_for(&flood_done, 2000);
        for (int i = 0; i < 50; i++)
            ck_assert_int_ne(talk_end(&talks[i]), 0);
        sv_rpc_channel_free(channel);
    }
}
END_TEST

START_TEST(a_server_ends_while_a_thousand_streams_are_fed)
{
    struct sv_rpc_server_options o;
    test_options(&o);
    o.max_streams_per_connection = 1000;
    struct sv_rpc_server *server = server_with(&o);
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    static struct talk talks[500];
    for (int i = 0; i < 500; i++)
        talk_begin(channel, "/t.Echo/Stream", &talks[i]);
    wait_for(&streams_open, 500);
    for (int n = 0; n < 20; n++)
        for (int i = 0; i < 500; i++)
            echo_push(all_streams[i], sv_rpc_bytes_copy("x", 1));
    int64_t start_ms = sv_mono_ms();
    sv_rpc_server_free(server); /* stop(0) */
    ck_assert_int_lt(sv_mono_ms() - start_ms, 25000);
    ck_assert_int_eq(streams_closed, 500);
    for (int i = 0; i < 500; i++)
        talk_end(&talks[i]);
    sv_rpc_channel_free(channel);
}
END_TEST

START_TEST(a_graceful_end_sends_what_is_queued)
{
    struct sv_rpc_server *server = server_new();
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &t);
    wait_for(&t.opened, 1);
    for (int i = 0; i < 200; i++)
        echo_push(last_stream, sv_rpc_bytes_copy("x", 1));
    sv_rpc_server_stop(server, 25000);
    ck_assert_int_eq(talk_end(&t), 14);
    ck_assert_int_eq(t.received, 200);
    sv_rpc_server_free(server);
    sv_rpc_channel_free(channel);
}
END_TEST

/* Never reads: the target of a slow reader is a raw connection, see test_rpc_hostile.c. */
START_TEST(an_endless_stream_ends_with_its_server)
{
    struct sv_rpc_server *server = server_new();
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &t);
    talk_say(&t, "!endless");
    wait_for(&t.received, 100);
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "x", &r), 0); /* others are served meanwhile */
    free(r.data);
    sv_rpc_server_stop(server, 5000);
    ck_assert_int_eq(talk_end(&t), 14);
    sv_rpc_server_free(server);
    sv_rpc_channel_free(channel);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc server");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_node_without_a_listener_turns_and_wakes);
    tcase_add_test(t, a_turn_comes_again_when_it_asked_for_it);
    tcase_add_test(t, a_turn_that_always_wakes_itself_starves_nobody);
    tcase_add_test(t, an_idle_server_sleeps);
    tcase_add_test(t, a_polled_server_works_inside_poll_only);
    tcase_add_test(t, a_polled_channel_works_inside_poll_only);
    tcase_add_test(t, a_port_in_use_is_an_error);
    tcase_add_test(t, a_method_twice_is_an_error);
    tcase_add_test(t, a_channel_comes_back_with_its_server);
    tcase_add_test(t, a_stop_lets_calls_be_answered_and_ends_streams);
    tcase_add_test(t, a_stop_cuts_what_does_not_end_in_time);
    tcase_add_test(t, a_server_under_load_ends_cleanly);
    tcase_add_test(t, a_server_ends_while_a_thousand_streams_are_fed);
    tcase_add_test(t, a_graceful_end_sends_what_is_queued);
    tcase_add_test(t, an_endless_stream_ends_with_its_server);
    suite_add_tcase(s, t);
    return run_suite(s);
}
