/* SPDX-License-Identifier: MIT */
/* A node inside a program: with a loop of the program's own (`threads` = 0) and with the node's
 * threads, through the public API alone. */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <synctv/synctv.h>

static synctv_node *node;
static synctv_caller *alice;
static synctv_error err;
static char room[SYNCTV_ID_LEN + 1], movie[SYNCTV_ID_LEN + 1];

#define assert_code(code, expected)                                                                \
    do {                                                                                           \
        int code_ = (code);                                                                        \
        ck_assert_msg(code_ == (expected), "%s instead of %s (%s)", synctv_error_reason(code_),    \
            synctv_error_reason(expected), err.message);                                           \
    } while (0)

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The answer, to be released. */
static const synctv_result *ask(synctv_request request)
{
    const synctv_result *result = NULL;
    assert_code(synctv_call_wait(alice, &request, &result, &err), 0);
    return result;
}

static void do_ask(synctv_request request)
{
    synctv_result_unref(ask(request));
}

/* A node with alice and a room of hers in which a movie can play. */
static void open_with(unsigned threads, const char *listen)
{
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.threads = threads;
    options.listen = listen;
    assert_code(synctv_node_open(&options, &node, &err), 0);
    const synctv_result *result = NULL;
    assert_code(synctv_node_user_add(node, "alice", "correct horse", "", SYNCTV_USER_ROLE_USER,
                    &result, &err),
        0);
    assert_code(synctv_node_as_user(node, result->user->id, &alice, &err), 0);
    synctv_result_unref(result);
    result = ask(SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "room"));
    memcpy(room, result->room->id, sizeof(room));
    synctv_result_unref(result);
    const synctv_movie short_one = {
        .name = "x",
        .url = "https://example.org/",
        .duration_s = 0.2,
    };
    result = ask(SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .room_id = room, .movie = &short_one));
    memcpy(movie, result->movie->id, sizeof(movie));
    synctv_result_unref(result);
}

static void open_polled(void)
{
    open_with(0, NULL);
}

static void open_polled_listener(void)
{
    open_with(0, "127.0.0.1:0");
}

static void open_threaded(void)
{
    open_with(2, NULL);
}

static void close_all(void)
{
    synctv_caller_unref(alice);
    synctv_node_free(node);
}

/* --- what is called back --- */

struct counted {
    atomic_int n;
    atomic_int last_code;
    pthread_t where;
};

static atomic_bool polling;

static void done(void *userdata, const synctv_result *result)
{
    struct counted *c = userdata;
    c->where = pthread_self();
    atomic_store(&c->last_code, result->code);
    atomic_fetch_add(&c->n, 1);
}

static void ready(void *userdata, synctv_stream *stream)
{
    struct counted *c = userdata;
    const synctv_event *event;
    int rv;
    c->where = pthread_self();
    while ((rv = synctv_stream_next(stream, 0, &event, NULL)) == 1)
        synctv_event_unref(event);
    atomic_store(&c->last_code, rv);
    atomic_fetch_add(&c->n, 1);
}

static void ready_in_poll(void *userdata, synctv_stream *stream)
{
    ck_assert(atomic_load(&polling));
    ready(userdata, stream);
}

static void poll_once(int timeout_ms)
{
    atomic_store(&polling, true);
    assert_code(synctv_node_poll(node, timeout_ms), 0);
    atomic_store(&polling, false);
}

/* 30 s at most. */
static void poll_until(struct counted *c, int n)
{
    int64_t until_ms = now_ms() + 30000;
    while (atomic_load(&c->n) < n && now_ms() < until_ms)
        poll_once(100);
    ck_assert_int_ge(atomic_load(&c->n), n);
}

static synctv_stream *follow(struct counted *c, synctv_stream_ready_fn *fn)
{
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = room, .ready = fn, .userdata = c);
    synctv_stream *stream = NULL;
    assert_code(synctv_stream_open(alice, &options, &stream, &err), 0);
    return stream;
}

/* --- threads = 0 --- */

START_TEST(answers_that_take_time_come_inside_poll)
{
    struct counted c = { 0 };
    const synctv_request create = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "x");
    for (int i = 0; i < 5; i++)
        synctv_call(alice, &create, done, &c);
    do_ask(SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "x")); /* behind them */
    ck_assert_int_eq(atomic_load(&c.n), 0);
    poll_until(&c, 5);
    ck_assert_int_eq(atomic_load(&c.n), 5);
    assert_code(atomic_load(&c.last_code), 0);
    ck_assert(pthread_equal(c.where, pthread_self()));
}
END_TEST

START_TEST(streams_are_told_of_inside_poll_only)
{
    struct counted c = { 0 };
    synctv_stream *stream = follow(&c, ready_in_poll);
    do_ask(SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie));
    ck_assert_int_eq(atomic_load(&c.n), 0);
    poll_until(&c, 1);
    ck_assert(pthread_equal(c.where, pthread_self()));
    synctv_stream_close(stream);
}
END_TEST

START_TEST(blocking_calls_need_no_poll)
{
    const synctv_result *result = NULL;
    for (int i = 0; i < 20; i++) {
        assert_code(synctv_playback_play(alice, room, NULL, &result, &err),
            SYNCTV_E_NO_CURRENT_MOVIE);
        do_ask(SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room, .content = "hello"));
    }
    synctv_stream *stream = follow(NULL, NULL);
    const synctv_event *event = NULL;
    assert_code(synctv_stream_next(stream, 30000, &event, &err), 1);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    synctv_event_unref(event);
    synctv_stream_close(stream);
}
END_TEST

/* The node has something to do every 5 s: it takes some polls to tell the quick ones from those
 * that wait for that. */
START_TEST(poll_waits_no_longer_than_it_is_told_to)
{
    int64_t before_ms = now_ms();
    for (int i = 0; i < 10; i++) {
        poll_once(0);
        poll_once(30);
    }
    ck_assert_int_lt(now_ms() - before_ms, 20000);
}
END_TEST

static void *chat_from_elsewhere(void *userdata)
{
    do_ask(SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room, .content = "wake up"));
    return NULL;
}

START_TEST(poll_returns_when_there_is_something_to_do)
{
    struct counted c = { 0 };
    synctv_stream *stream = follow(&c, ready_in_poll);
    poll_until(&c, 1);
    int64_t before_ms = now_ms();
    for (int i = 0; i < 10; i++) { /* one alone may come as the node has something to do anyway */
        int n = atomic_load(&c.n);
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, chat_from_elsewhere, NULL), 0);
        while (atomic_load(&c.n) == n && now_ms() - before_ms < 30000)
            poll_once(60000);
        pthread_join(thread, NULL);
        ck_assert_int_gt(atomic_load(&c.n), n);
    }
    ck_assert_int_lt(now_ms() - before_ms, 30000);
    synctv_stream_close(stream);
}
END_TEST

static bool is_playing(void)
{
    const synctv_result *result = ask(SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room));
    bool playing = result->state->status == SYNCTV_PLAYBACK_STATUS_PLAYING;
    synctv_result_unref(result);
    return playing;
}

START_TEST(poll_runs_the_timers_of_rooms)
{
    struct counted c = { 0 };
    synctv_stream *stream = follow(&c, ready_in_poll);
    poll_until(&c, 1);
    do_ask(SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    int64_t until_ms = now_ms() + 30000;
    while (is_playing() && now_ms() < until_ms) /* a movie of 0.2 s, and one of grace */
        poll_once(100);
    const synctv_result *result = ask(SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(result->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(result->state->position_s, 0.2);
    synctv_result_unref(result);
    synctv_stream_close(stream);
}
END_TEST

static void ask_again(void *userdata, const synctv_result *result)
{
    struct counted *c = userdata;
    ck_assert(atomic_load(&polling) || c->n == 0);
    if (atomic_fetch_add(&c->n, 1) < 9) {
        const synctv_request create = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
        synctv_call(alice, &create, ask_again, c);
    }
}

START_TEST(a_callback_may_ask_for_more)
{
    struct counted c = { 0 };
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
    synctv_call(alice, &list, ask_again, &c);
    poll_until(&c, 10);
    ck_assert_int_eq(atomic_load(&c.n), 10);
}
END_TEST

static synctv_stream *doomed;

static void close_it(void *userdata, synctv_stream *stream)
{
    struct counted *c = userdata;
    atomic_fetch_add(&c->n, 1);
    ck_assert_ptr_eq(stream, doomed);
    synctv_stream_close(stream);
    doomed = NULL;
}

START_TEST(a_stream_may_be_closed_by_what_it_calls)
{
    struct counted c = { 0 };
    doomed = follow(&c, close_it);
    poll_until(&c, 1);
    ck_assert_ptr_null(doomed);
    poll_once(10);
    ck_assert_int_eq(atomic_load(&c.n), 1);
}
END_TEST

START_TEST(after_stop_there_is_nothing_to_poll)
{
    synctv_node_stop(node, 1000);
    assert_code(synctv_node_poll(node, 10000), SYNCTV_E_SHUTTING_DOWN);
    synctv_node_stop(node, 1000);
    struct counted c = { 0 };
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
    synctv_call(alice, &list, done, &c);
    ck_assert_int_eq(atomic_load(&c.n), 1);
    assert_code(atomic_load(&c.last_code), SYNCTV_E_SHUTTING_DOWN);
}
END_TEST

/* --- both --- */

static void stop_with_much_under_way(void)
{
    enum { N_STREAMS = 10, N_CALLS = 60 };
    struct counted streams[N_STREAMS], calls[N_CALLS];
    synctv_stream *open[N_STREAMS];
    memset(streams, 0, sizeof(streams));
    memset(calls, 0, sizeof(calls));
    for (int i = 0; i < N_STREAMS; i++)
        open[i] = follow(&streams[i], ready);
    const synctv_request requests[] = {
        SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "x"),
        SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS),
        SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room, .content = "x"),
        SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .room_id = room, .has_password = true,
            .password = "secret"),
    };
    for (int i = 0; i < N_CALLS; i++)
        synctv_call(alice, &requests[i % 20 == 19 ? 3 : i % 3], done, &calls[i]);
    int64_t before_ms = now_ms();
    synctv_node_stop(node, 5000);
    ck_assert_int_lt(now_ms() - before_ms, 30000);
    for (int i = 0; i < N_CALLS; i++)
        ck_assert_int_eq(atomic_load(&calls[i].n), 1);
    for (int i = 0; i < N_STREAMS; i++) {
        ck_assert_int_ge(atomic_load(&streams[i].n), 1);
        assert_code(atomic_load(&streams[i].last_code), SYNCTV_E_SHUTTING_DOWN);
        synctv_stream_close(open[i]);
    }
}

START_TEST(a_polled_node_stops_with_streams_open_and_calls_under_way)
{
    stop_with_much_under_way();
}
END_TEST

START_TEST(a_node_stops_with_streams_open_and_calls_under_way)
{
    stop_with_much_under_way();
}
END_TEST

/* --- a loop that sleeps on the node's descriptor --- */

struct loop {
    int64_t start_ms;
    unsigned n_turns;
};

/* Sleeps until the node wants a turn, and gives it one. */
static void sleep_and_turn(struct loop *loop)
{
    struct pollfd fd = { .fd = synctv_node_wake_fd(node), .events = POLLIN };
    ck_assert_int_ge(fd.fd, 0);
    int timeout_ms = synctv_node_timeout_ms(node);
    ck_assert_int_ge(timeout_ms, 0);
    ck_assert_int_ge(poll(&fd, 1, timeout_ms), 0);
    poll_once(0);
    loop->n_turns++;
}

/* It may have had a turn each 0.1 s and `n_wanted`; who spins has a hundred thousand a second. */
static void assert_slept(const struct loop *loop, unsigned n_wanted)
{
    ck_assert_uint_le(loop->n_turns, n_wanted + 10 + (now_ms() - loop->start_ms) / 100);
}

static void sleep_until(struct loop *loop, struct counted *c, int n)
{
    while (atomic_load(&c->n) < n && now_ms() < loop->start_ms + 30000)
        sleep_and_turn(loop);
    ck_assert_int_ge(atomic_load(&c->n), n);
}

static bool fd_is_readable(void)
{
    struct pollfd fd = { .fd = synctv_node_wake_fd(node), .events = POLLIN };
    ck_assert_int_ge(poll(&fd, 1, 0), 0);
    return fd.revents != 0;
}

/* Polls until nothing is left to be done but the timers. */
static void settle(void)
{
    int64_t until_ms = now_ms() + 30000;
    do
        poll_once(0);
    while ((fd_is_readable() || synctv_node_timeout_ms(node) == 0) && now_ms() < until_ms);
}

static void idle_for_two_seconds(void)
{
    settle();
    struct loop loop = { now_ms(), 0 };
    while (now_ms() < loop.start_ms + 2000)
        sleep_and_turn(&loop);
    assert_slept(&loop, 0);
}

START_TEST(a_loop_sleeps_while_the_node_is_idle)
{
    idle_for_two_seconds();
}
END_TEST

START_TEST(a_loop_sleeps_while_a_listening_node_is_idle)
{
    idle_for_two_seconds();
}
END_TEST

START_TEST(answers_wake_a_sleeping_loop)
{
    struct loop loop = { now_ms(), 0 };
    struct counted c = { 0 };
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
    for (int i = 1; i <= 50; i++) {
        synctv_call(alice, &list, done, &c);
        sleep_until(&loop, &c, i);
    }
    assert_slept(&loop, 50 * 4);
    ck_assert_int_lt(now_ms() - loop.start_ms, 25000); /* 50 s by the node's own timers alone */
}
END_TEST

START_TEST(what_other_threads_do_wakes_a_sleeping_loop)
{
    struct loop loop = { now_ms(), 0 };
    struct counted c = { 0 };
    synctv_stream *stream = follow(&c, ready_in_poll);
    sleep_until(&loop, &c, 1);
    for (int i = 0; i < 40; i++) {
        int n = atomic_load(&c.n);
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, chat_from_elsewhere, NULL), 0);
        sleep_until(&loop, &c, n + 1);
        pthread_join(thread, NULL);
    }
    assert_slept(&loop, 40 * 6);
    ck_assert_int_lt(now_ms() - loop.start_ms, 25000);
    synctv_stream_close(stream);
}
END_TEST

/* A movie of 0.2 s, and one of grace. */
START_TEST(a_sleeping_loop_keeps_the_timers_of_rooms)
{
    struct loop loop = { now_ms(), 0 };
    struct counted c = { 0 };
    synctv_stream *stream = follow(&c, ready_in_poll);
    sleep_until(&loop, &c, 1);
    do_ask(SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    while (is_playing() && now_ms() < loop.start_ms + 30000)
        sleep_and_turn(&loop);
    ck_assert(!is_playing());
    assert_slept(&loop, 50);
    synctv_stream_close(stream);
}
END_TEST

START_TEST(the_descriptor_is_readable_until_the_node_is_polled)
{
    struct counted c = { 0 };
    settle();
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
    synctv_call(alice, &list, done, &c);
    struct pollfd fd = { .fd = synctv_node_wake_fd(node), .events = POLLIN };
    ck_assert_int_eq(poll(&fd, 1, 30000), 1);
    ck_assert(fd_is_readable());
    settle();
    ck_assert_int_eq(atomic_load(&c.n), 1);
    ck_assert(!fd_is_readable());
}
END_TEST

static void *stop_it(void *userdata)
{
    synctv_node_stop(node, 1000);
    return NULL;
}

START_TEST(a_sleeping_loop_learns_that_the_node_has_stopped)
{
    settle();
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_it, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert(fd_is_readable());
    ck_assert_int_eq(synctv_node_timeout_ms(node), 0);
    assert_code(synctv_node_poll(node, 0), SYNCTV_E_SHUTTING_DOWN);
}
END_TEST

/* --- and over the network --- */

enum { N_REMOTE_CALLS = 40, N_REMOTE_CHATS = 10 };

/* A client signs in, asks this and that, and talks on a stream. */
static void *be_a_client(void *userdata)
{
    atomic_bool *over = userdata;
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = synctv_node_address(node);
    synctv_client *client = NULL;
    synctv_error e;
    ck_assert_int_eq(synctv_client_connect(&options, &client, &e), 0);
    ck_assert_int_eq(synctv_client_login(client, "alice", "correct horse", NULL, &e), 0);
    synctv_caller *me = synctv_client_caller(client);
    for (int i = 0; i < N_REMOTE_CALLS; i++)
        ck_assert_int_eq(synctv_account_profile(me, NULL, &e), 0);
    const synctv_stream_options follow_room = SYNCTV_STREAM_OPTIONS(.room_id = room);
    synctv_stream *stream = NULL;
    ck_assert_int_eq(synctv_stream_open(me, &follow_room, &stream, &e), 0);
    for (int heard = 0; heard < N_REMOTE_CHATS;) {
        const synctv_event *event = NULL;
        ck_assert_int_eq(synctv_stream_next(stream, 30000, &event, &e), 1);
        bool is_chat = event->type == SYNCTV_EVENT_CHAT;
        heard += is_chat;
        if (is_chat || event->type == SYNCTV_EVENT_STATE)
            ck_assert_int_eq(synctv_chat_send(stream, NULL, "hello", NULL, &e), 0);
        synctv_event_unref(event);
    }
    synctv_stream_close(stream);
    synctv_caller_unref(me);
    synctv_client_close(client);
    atomic_store(over, true);
    return NULL;
}

START_TEST(clients_are_served_by_a_loop_that_sleeps)
{
    struct loop loop = { now_ms(), 0 };
    atomic_bool over = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, be_a_client, &over), 0);
    while (!atomic_load(&over) && now_ms() < loop.start_ms + 50000)
        sleep_and_turn(&loop);
    ck_assert(atomic_load(&over));
    pthread_join(thread, NULL);
    ck_assert_int_lt(now_ms() - loop.start_ms, 25000); /* each call waits for no timer */
    assert_slept(&loop, (N_REMOTE_CALLS + N_REMOTE_CHATS) * 10 + 100);
}
END_TEST

START_TEST(a_polled_listener_stops)
{
    struct loop loop = { now_ms(), 0 };
    atomic_bool over = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, be_a_client, &over), 0);
    while (!atomic_load(&over) && now_ms() < loop.start_ms + 50000)
        sleep_and_turn(&loop);
    pthread_join(thread, NULL);
    synctv_node_stop(node, 5000);
    ck_assert(fd_is_readable());
    assert_code(synctv_node_poll(node, 0), SYNCTV_E_SHUTTING_DOWN);
}
END_TEST

/* --- threads of the node's own --- */

START_TEST(a_node_with_threads_is_not_polled)
{
    assert_code(synctv_node_poll(node, 0), SYNCTV_E_INVALID_ARGUMENT);
    assert_code(synctv_node_wake_fd(node), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(synctv_node_timeout_ms(node), -1);
}
END_TEST

START_TEST(callbacks_come_on_the_nodes_threads)
{
    struct counted c = { 0 }, s = { 0 };
    const synctv_request create = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "x");
    synctv_stream *stream = follow(&s, ready);
    synctv_call(alice, &create, done, &c);
    int64_t until_ms = now_ms() + 30000;
    while ((atomic_load(&c.n) == 0 || atomic_load(&s.n) == 0) && now_ms() < until_ms)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    ck_assert_int_eq(atomic_load(&c.n), 1);
    ck_assert_int_ge(atomic_load(&s.n), 1);
    ck_assert(!pthread_equal(c.where, pthread_self()));
    ck_assert(!pthread_equal(s.where, pthread_self()));
    synctv_stream_close(stream);
}
END_TEST

START_TEST(a_timer_set_on_another_thread_is_kept)
{
    synctv_stream *stream = follow(NULL, NULL);
    do_ask(SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    bool ended = false;
    const synctv_event *event;
    while (!ended) { /* 0.2 s, and one of grace */
        assert_code(synctv_stream_next(stream, 30000, &event, &err), 1);
        ended =
            event->type == SYNCTV_EVENT_STATE && event->state->cause == SYNCTV_STATE_CAUSE_ENDED;
        synctv_event_unref(event);
    }
    synctv_stream_close(stream);
}
END_TEST

START_TEST(streams_left_open_are_closed_after_stop)
{
    struct counted s[3];
    memset(s, 0, sizeof(s));
    synctv_stream *open[3];
    for (int i = 0; i < 3; i++)
        open[i] = follow(&s[i], ready);
    synctv_node_stop(node, 100);
    for (int i = 0; i < 3; i++)
        synctv_stream_close(open[i]);
}
END_TEST

static void *stop_too(void *userdata)
{
    synctv_node_stop(node, 1000);
    return NULL;
}

START_TEST(two_may_stop_a_node_at_once)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, stop_too, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_code(synctv_node_poll(node, 0), SYNCTV_E_SHUTTING_DOWN);
}
END_TEST

static Suite *poll_mode(void)
{
    Suite *s = suite_create("poll_mode");
    TCase *t = tcase_create("polled");
    tcase_add_checked_fixture(t, open_polled, close_all);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, answers_that_take_time_come_inside_poll);
    tcase_add_test(t, streams_are_told_of_inside_poll_only);
    tcase_add_test(t, blocking_calls_need_no_poll);
    tcase_add_test(t, poll_waits_no_longer_than_it_is_told_to);
    tcase_add_test(t, poll_returns_when_there_is_something_to_do);
    tcase_add_test(t, poll_runs_the_timers_of_rooms);
    tcase_add_test(t, a_callback_may_ask_for_more);
    tcase_add_test(t, a_stream_may_be_closed_by_what_it_calls);
    tcase_add_test(t, after_stop_there_is_nothing_to_poll);
    tcase_add_test(t, a_polled_node_stops_with_streams_open_and_calls_under_way);
    tcase_add_test(t, a_loop_sleeps_while_the_node_is_idle);
    tcase_add_test(t, answers_wake_a_sleeping_loop);
    tcase_add_test(t, what_other_threads_do_wakes_a_sleeping_loop);
    tcase_add_test(t, a_sleeping_loop_keeps_the_timers_of_rooms);
    tcase_add_test(t, the_descriptor_is_readable_until_the_node_is_polled);
    tcase_add_test(t, a_sleeping_loop_learns_that_the_node_has_stopped);
    suite_add_tcase(s, t);

    t = tcase_create("polled and listening");
    tcase_add_checked_fixture(t, open_polled_listener, close_all);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_loop_sleeps_while_a_listening_node_is_idle);
    tcase_add_test(t, answers_wake_a_sleeping_loop);
    tcase_add_test(t, clients_are_served_by_a_loop_that_sleeps);
    tcase_add_test(t, a_polled_listener_stops);
    suite_add_tcase(s, t);

    t = tcase_create("with threads");
    tcase_add_checked_fixture(t, open_threaded, close_all);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_node_with_threads_is_not_polled);
    tcase_add_test(t, callbacks_come_on_the_nodes_threads);
    tcase_add_test(t, a_node_stops_with_streams_open_and_calls_under_way);
    tcase_add_test(t, a_timer_set_on_another_thread_is_kept);
    tcase_add_test(t, streams_left_open_are_closed_after_stop);
    tcase_add_test(t, two_may_stop_a_node_at_once);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(poll_mode());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
