/* SPDX-License-Identifier: MIT */
/* Calls that are withdrawn, or whose time is over: one answer each, and what it says is true. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <synctv/synctv.h>

#define PASSWORD "correct horse"
#define WAIT_MS 60000

static synctv_node *node;
static synctv_caller *alice, *nobody;
static synctv_error err;

static void assert_code(int code, int expected)
{
    ck_assert_msg(code == expected, "%s instead of %s (%s)", synctv_error_reason(code),
        synctv_error_reason(expected), err.message);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void open_with(unsigned threads, const char *listen)
{
    const synctv_limits no_limits = { .struct_size = sizeof(no_limits) };
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.threads = threads;
    options.listen = listen;
    options.limits = &no_limits;
    assert_code(synctv_node_open(&options, &node, &err), 0);
    const synctv_result *result = NULL;
    assert_code(synctv_node_user_add(node, "alice", PASSWORD, "", SYNCTV_USER_ROLE_USER, &result,
                    &err),
        0);
    assert_code(synctv_node_as_user(node, result->user->id, &alice, &err), 0);
    assert_code(synctv_node_as_anonymous(node, "", &nobody, &err), 0);
    synctv_result_unref(result);
}

static void open_threaded(void)
{
    open_with(2, NULL);
}

static void open_polled(void)
{
    open_with(0, NULL);
}

static void open_listener(void)
{
    open_with(0, "127.0.0.1:0");
}

static void close_all(void)
{
    synctv_caller_unref(alice);
    synctv_caller_unref(nobody);
    synctv_node_free(node);
}

/* ---- answers ---- */

struct answer {
    atomic_int n;
    atomic_int code;
    /* How many of the others were there before it. */
    atomic_int place;
};

static atomic_int n_answers;

static void take_answer(void *userdata, const synctv_result *result)
{
    struct answer *a = userdata;
    atomic_store(&a->code, result->code);
    atomic_store(&a->place, atomic_fetch_add(&n_answers, 1));
    atomic_fetch_add(&a->n, 1);
}

static bool is_polled(void)
{
    return synctv_node_wake_fd(node) >= 0;
}

static void await(struct answer *a)
{
    int64_t until_ms = now_ms() + WAIT_MS;
    while (atomic_load(&a->n) == 0 && now_ms() < until_ms) {
        if (is_polled())
            synctv_node_poll(node, 10);
        else
            nap();
    }
    ck_assert_int_eq(atomic_load(&a->n), 1);
}

/* ---- a call that waits: behind many that compute a hash ---- */

enum { N_BEFORE = 40 };

static struct answer before[N_BEFORE];

static void keep_hashers_busy(void)
{
    const synctv_request login =
        SYNCTV_REQUEST(SYNCTV_METHOD_LOGIN, .username = "alice", .password = "wrong horse");
    memset(before, 0, sizeof(before));
    atomic_store(&n_answers, 0);
    for (int i = 0; i < N_BEFORE; i++)
        synctv_call(nobody, &login, take_answer, &before[i]);
}

static void await_those_before(void)
{
    for (int i = 0; i < N_BEFORE; i++) {
        await(&before[i]);
        assert_code(atomic_load(&before[i].code), SYNCTV_E_LOGIN_FAILED);
    }
}

static void assert_is_free(const char *username)
{
    assert_code(synctv_account_register(nobody, username, PASSWORD, NULL, NULL, &err), 0);
}

static void withdraw_what_waits(void)
{
    synctv_cancellable *c = synctv_cancellable_new();
    struct answer late = { 0 };
    const synctv_request enter = SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = "late",
        .password = PASSWORD, .cancellable = c);
    keep_hashers_busy();
    synctv_call(nobody, &enter, take_answer, &late);
    synctv_cancellable_cancel(c);
    if (is_polled()) /* nothing is called back but in poll() */
        ck_assert_int_eq(atomic_load(&late.n), 0);
    await(&late);
    assert_code(atomic_load(&late.code), SYNCTV_E_CANCELLED);
    ck_assert_int_lt(atomic_load(&late.place), N_BEFORE);
    await_those_before();
    synctv_cancellable_free(c);
    assert_is_free("late");
    ck_assert_int_eq(atomic_load(&late.n), 1);
}

START_TEST(what_waits_is_withdrawn_at_once_and_never_happens)
{
    withdraw_what_waits();
}
END_TEST

START_TEST(what_waits_is_answered_when_its_time_is_over)
{
    struct answer late = { 0 };
    const synctv_request enter = SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = "late",
        .password = PASSWORD, .timeout_ms = 1);
    keep_hashers_busy();
    synctv_call(nobody, &enter, take_answer, &late);
    await(&late);
    assert_code(atomic_load(&late.code), SYNCTV_E_TIMEOUT);
    ck_assert_int_lt(atomic_load(&late.place), N_BEFORE);
    await_those_before();
    ck_assert_int_eq(atomic_load(&late.n), 1);
}
END_TEST

START_TEST(what_has_enough_time_is_answered_as_ever)
{
    struct answer a = { 0 };
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS, .timeout_ms = WAIT_MS);
    synctv_call(alice, &list, take_answer, &a);
    await(&a);
    assert_code(atomic_load(&a.code), 0);
}
END_TEST

START_TEST(times_that_run_out_in_another_order_are_all_kept)
{
    enum { N = 6 };
    static const int32_t timeouts_ms[N] = { 40, 1, WAIT_MS, 20, 1, 30 };
    struct answer late[N];
    memset(late, 0, sizeof(late));
    keep_hashers_busy();
    for (int i = 0; i < N; i++) {
        const synctv_request login = SYNCTV_REQUEST(SYNCTV_METHOD_LOGIN, .username = "alice",
            .password = "wrong horse", .timeout_ms = timeouts_ms[i]);
        synctv_call(nobody, &login, take_answer, &late[i]);
    }
    for (int i = 0; i < N; i++) {
        await(&late[i]);
        assert_code(atomic_load(&late[i].code),
            timeouts_ms[i] == WAIT_MS ? SYNCTV_E_LOGIN_FAILED : SYNCTV_E_TIMEOUT);
    }
    await_those_before();
}
END_TEST

START_TEST(what_is_made_after_the_withdrawal_is_cancelled_at_once)
{
    synctv_cancellable *c = synctv_cancellable_new();
    struct answer a = { 0 };
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS, .cancellable = c);
    assert_code(synctv_call_wait(alice, &list, NULL, &err), 0);
    synctv_cancellable_cancel(c);
    synctv_cancellable_cancel(c);
    assert_code(synctv_call_wait(alice, &list, NULL, &err), SYNCTV_E_CANCELLED);
    synctv_call(alice, &list, take_answer, &a);
    ck_assert_int_eq(atomic_load(&a.n), 1);
    assert_code(atomic_load(&a.code), SYNCTV_E_CANCELLED);
    synctv_cancellable_free(c);
}
END_TEST

START_TEST(a_cancellable_may_be_freed_before_the_answer_is_there)
{
    synctv_cancellable *c = synctv_cancellable_new();
    struct answer a = { 0 };
    const synctv_request create =
        SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "x", .cancellable = c);
    synctv_call(alice, &create, take_answer, &a);
    synctv_cancellable_free(c);
    await(&a);
    assert_code(atomic_load(&a.code), 0);
    synctv_cancellable_free(NULL);
}
END_TEST

static void *cancel_it(void *userdata)
{
    synctv_cancellable_cancel(userdata);
    return NULL;
}

START_TEST(a_call_that_blocks_is_withdrawn_by_another_thread)
{
    synctv_cancellable *c = synctv_cancellable_new();
    const synctv_request enter = SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = "late",
        .password = PASSWORD, .cancellable = c);
    pthread_t thread;
    keep_hashers_busy();
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_it, c), 0);
    int rv = synctv_call_wait(nobody, &enter, NULL, &err);
    pthread_join(thread, NULL);
    assert_code(rv, SYNCTV_E_CANCELLED);
    await_those_before();
    synctv_cancellable_free(c);
    assert_is_free("late");
}
END_TEST

START_TEST(a_node_may_stop_with_calls_that_are_withdrawn)
{
    synctv_cancellable *c = synctv_cancellable_new();
    struct answer late[20];
    memset(late, 0, sizeof(late));
    const synctv_request enter = SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = "late",
        .password = PASSWORD, .cancellable = c, .timeout_ms = 5);
    keep_hashers_busy();
    for (int i = 0; i < 20; i++)
        synctv_call(nobody, &enter, take_answer, &late[i]);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_it, c), 0);
    synctv_node_stop(node, 100);
    pthread_join(thread, NULL);
    synctv_cancellable_free(c);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(atomic_load(&late[i].n), 1);
    for (int i = 0; i < N_BEFORE; i++)
        ck_assert_int_eq(atomic_load(&before[i].n), 1);
}
END_TEST

/* ---- races: many ask, many withdraw ---- */

enum { N_THREADS = 3, N_ROUNDS = 60 };

struct racer {
    synctv_caller *caller;
    synctv_cancellable *_Atomic current;
    synctv_cancellable *all[N_ROUNDS];
    struct answer answers[N_ROUNDS];
    atomic_bool over;
};

static void *ask_again(void *userdata)
{
    struct racer *r = userdata;
    for (int i = 0; i < N_ROUNDS; i++) {
        r->all[i] = synctv_cancellable_new();
        const synctv_request create = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "room",
            .cancellable = r->all[i], .timeout_ms = i % 3 == 0 ? WAIT_MS : 0);
        synctv_call(r->caller, &create, take_answer, &r->answers[i]);
        atomic_store(&r->current, r->all[i]);
    }
    for (int i = 0; i < N_ROUNDS; i++) {
        int64_t until_ms = now_ms() + WAIT_MS;
        while (atomic_load(&r->answers[i].n) == 0 && now_ms() < until_ms)
            nap();
    }
    atomic_store(&r->over, true);
    return NULL;
}

static void *withdraw_again(void *userdata)
{
    struct racer *r = userdata;
    while (!atomic_load(&r->over)) {
        synctv_cancellable *c = atomic_load(&r->current);
        if (c != NULL)
            synctv_cancellable_cancel(c);
        else
            sched_yield();
    }
    return NULL;
}

/* Returns how many rooms were made, as the answers tell. */
static int race(synctv_caller *caller)
{
    static struct racer racers[N_THREADS];
    pthread_t askers[N_THREADS], others[N_THREADS];
    memset(racers, 0, sizeof(racers));
    for (int i = 0; i < N_THREADS; i++) {
        racers[i].caller = caller;
        ck_assert_int_eq(pthread_create(&askers[i], NULL, ask_again, &racers[i]), 0);
        ck_assert_int_eq(pthread_create(&others[i], NULL, withdraw_again, &racers[i]), 0);
    }
    int n_made = 0;
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(askers[i], NULL);
        pthread_join(others[i], NULL);
        for (int k = 0; k < N_ROUNDS; k++) {
            synctv_cancellable_free(racers[i].all[k]);
            ck_assert_int_eq(atomic_load(&racers[i].answers[k].n), 1);
            int code = atomic_load(&racers[i].answers[k].code);
            ck_assert(code == 0 || code == SYNCTV_E_CANCELLED);
            n_made += code == 0;
        }
    }
    return n_made;
}

static int count_rooms(void)
{
    int n = 0;
    char token[64] = "";
    do {
        const synctv_room_filter filter = { .page_size = 100, .page_token = token };
        const synctv_result *result = NULL;
        assert_code(synctv_room_list(alice, &filter, &result, &err), 0);
        n += (int)result->n_rooms;
        strncpy(token, result->next_page_token, sizeof(token) - 1);
        synctv_result_unref(result);
    } while (token[0] != '\0');
    return n;
}

START_TEST(what_a_node_says_is_cancelled_has_not_happened)
{
    int n_made = race(alice);
    ck_assert_int_eq(count_rooms(), n_made);
}
END_TEST

/* ---- over the network ---- */

static atomic_bool polling, poller_rests, poller_over;

/* Turns the node while it may: else clients wait. */
static void *run_node(void *userdata)
{
    while (!atomic_load(&poller_over)) {
        if (atomic_load(&polling)) {
            synctv_node_poll(node, 10);
        } else {
            atomic_store(&poller_rests, true);
            nap();
        }
    }
    return NULL;
}

/* Returns when the node is not turned any more. */
static void stop_polling(void)
{
    atomic_store(&poller_rests, false);
    atomic_store(&polling, false);
    while (!atomic_load(&poller_rests))
        nap();
}

static pthread_t poller;
static synctv_client *client;
static synctv_caller *me;

static void connect_client(void)
{
    atomic_store(&poller_over, false);
    atomic_store(&polling, true);
    ck_assert_int_eq(pthread_create(&poller, NULL, run_node, NULL), 0);
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = synctv_node_address(node);
    options.connect_timeout_ms = WAIT_MS;
    assert_code(synctv_client_connect(&options, &client, &err), 0);
    assert_code(synctv_client_login(client, "alice", PASSWORD, NULL, &err), 0);
    me = synctv_client_caller(client);
}

static void disconnect_client(void)
{
    synctv_caller_unref(me);
    synctv_client_close(client);
    atomic_store(&poller_over, true);
    pthread_join(poller, NULL);
}

START_TEST(a_call_that_the_server_does_not_answer_is_withdrawn)
{
    connect_client();
    synctv_cancellable *c = synctv_cancellable_new();
    const synctv_request profile =
        SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE, .cancellable = c, .timeout_ms = 10 * WAIT_MS);
    struct answer a = { 0 }, b = { 0 };
    stop_polling();
    synctv_call(me, &profile, take_answer, &a);
    nap(); /* so that it may be on its way */
    synctv_cancellable_cancel(c);
    synctv_call(me, &profile, take_answer, &b);
    int64_t until_ms = now_ms() + WAIT_MS;
    while ((atomic_load(&a.n) == 0 || atomic_load(&b.n) == 0) && now_ms() < until_ms)
        nap();
    assert_code(atomic_load(&a.code), SYNCTV_E_CANCELLED);
    assert_code(atomic_load(&b.code), SYNCTV_E_CANCELLED);
    atomic_store(&polling, true);
    assert_code(synctv_account_profile(me, NULL, &err), 0);
    ck_assert_int_eq(atomic_load(&a.n), 1);
    synctv_cancellable_free(c);
    disconnect_client();
}
END_TEST

START_TEST(a_chat_message_that_waits_for_its_stream_is_withdrawn)
{
    connect_client();
    const synctv_result *result = NULL;
    assert_code(synctv_room_create(me, "room", NULL, &result, &err), 0);
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = result->room->id);
    synctv_stream *stream = NULL;
    assert_code(synctv_stream_open(me, &options, &stream, &err), 0);
    synctv_cancellable *c = synctv_cancellable_new();
    const synctv_request chat = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .cancellable = c,
        .room_id = result->room->id, .content = "hello", .timeout_ms = 10 * WAIT_MS);
    struct answer a = { 0 };
    stop_polling();
    synctv_call(me, &chat, take_answer, &a);
    synctv_cancellable_cancel(c);
    int64_t until_ms = now_ms() + WAIT_MS;
    while (atomic_load(&a.n) == 0 && now_ms() < until_ms)
        nap();
    assert_code(atomic_load(&a.code), SYNCTV_E_CANCELLED);
    atomic_store(&polling, true);
    synctv_cancellable_free(c);
    synctv_stream_close(stream);
    synctv_result_unref(result);
    disconnect_client();
    ck_assert_int_eq(atomic_load(&a.n), 1);
}
END_TEST

START_TEST(calls_of_a_client_that_are_withdrawn_have_one_answer)
{
    connect_client();
    int n_made = race(me);
    ck_assert_int_ge(count_rooms(), n_made);
    disconnect_client();
}
END_TEST

static Suite *withdrawal(void)
{
    Suite *s = suite_create("withdrawal");
    TCase *t = tcase_create("threaded");
    tcase_add_checked_fixture(t, open_threaded, close_all);
    tcase_set_timeout(t, 200);
    tcase_add_test(t, what_waits_is_withdrawn_at_once_and_never_happens);
    tcase_add_test(t, what_waits_is_answered_when_its_time_is_over);
    tcase_add_test(t, what_has_enough_time_is_answered_as_ever);
    tcase_add_test(t, times_that_run_out_in_another_order_are_all_kept);
    tcase_add_test(t, what_is_made_after_the_withdrawal_is_cancelled_at_once);
    tcase_add_test(t, a_cancellable_may_be_freed_before_the_answer_is_there);
    tcase_add_test(t, a_call_that_blocks_is_withdrawn_by_another_thread);
    tcase_add_test(t, a_node_may_stop_with_calls_that_are_withdrawn);
    tcase_add_test(t, what_a_node_says_is_cancelled_has_not_happened);
    suite_add_tcase(s, t);

    t = tcase_create("polled");
    tcase_add_checked_fixture(t, open_polled, close_all);
    tcase_set_timeout(t, 200);
    tcase_add_test(t, what_waits_is_withdrawn_at_once_and_never_happens);
    tcase_add_test(t, what_waits_is_answered_when_its_time_is_over);
    tcase_add_test(t, what_has_enough_time_is_answered_as_ever);
    tcase_add_test(t, a_node_may_stop_with_calls_that_are_withdrawn);
    suite_add_tcase(s, t);

    t = tcase_create("over the network");
    tcase_add_checked_fixture(t, open_listener, close_all);
    tcase_set_timeout(t, 200);
    tcase_add_test(t, a_call_that_the_server_does_not_answer_is_withdrawn);
    tcase_add_test(t, a_chat_message_that_waits_for_its_stream_is_withdrawn);
    tcase_add_test(t, calls_of_a_client_that_are_withdrawn_have_one_answer);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(withdrawal());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
