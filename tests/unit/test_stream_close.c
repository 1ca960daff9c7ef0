/* SPDX-License-Identifier: MIT */
/* Once synctv_stream_close() has returned no callback of the stream runs or begins: its userdata
 * may be freed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <synctv/synctv.h>

#define N_THREADS 4
#define ROUNDS 400

static synctv_node *node;
static synctv_caller *caller;
static synctv_error err;
static char room[SYNCTV_ID_LEN + 1];

static void open_with(unsigned threads)
{
    synctv_node_options options;
    synctv_node_options_init(&options);
    synctv_limits limits;
    synctv_limits_init(&limits);
    options.limits = &limits;
    options.threads = threads;
    limits.streams_per_user = 1000;
    ck_assert_int_eq(synctv_node_open(&options, &node, &err), 0);
    const synctv_result *result;
    ck_assert_int_eq(synctv_node_user_add(node, "alice", "correct horse", "", SYNCTV_USER_ROLE_USER,
                         &result, &err),
        0);
    ck_assert_int_eq(synctv_node_as_user(node, result->user->id, &caller, &err), 0);
    synctv_result_unref(result);
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "r");
    ck_assert_int_eq(synctv_call_wait(caller, &request, &result, &err), 0);
    memcpy(room, result->room->id, sizeof(room));
    synctv_result_unref(result);
}

static void open_threaded(void)
{
    open_with(2);
}

static void open_polled(void)
{
    open_with(0);
}

static void close_all(void)
{
    synctv_caller_unref(caller);
    synctv_node_free(node);
}

static synctv_stream *follow(synctv_stream_ready_fn *ready, void *userdata)
{
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = room, .ready = ready, .userdata = userdata);
    synctv_stream *stream;
    ck_assert_int_eq(synctv_stream_open(caller, &options, &stream, &err), 0);
    return stream;
}

/* --- a callback that takes its time --- */

struct slow {
    atomic_bool begun, over;
};

static void slow_ready(void *userdata, synctv_stream *stream)
{
    struct slow *slow = userdata;
    atomic_store(&slow->begun, true);
    usleep(100 * 1000); /* only so that who does not wait for it is found out */
    atomic_store(&slow->over, true);
}

static void check_that_close_waits(void)
{
    struct slow *slow = calloc(1, sizeof(*slow));
    synctv_stream *stream = follow(slow_ready, slow);
    while (!atomic_load(&slow->begun))
        usleep(100);
    synctv_stream_close(stream);
    ck_assert(atomic_load(&slow->over));
    free(slow);
}

START_TEST(close_waits_for_a_callback_on_another_thread)
{
    check_that_close_waits();
}
END_TEST

static atomic_bool polling;

static void *poll_on(void *userdata)
{
    while (atomic_load(&polling))
        synctv_node_poll(node, 1);
    return NULL;
}

START_TEST(close_waits_for_a_callback_in_a_poll_on_another_thread)
{
    pthread_t poller;
    atomic_store(&polling, true);
    ck_assert_int_eq(pthread_create(&poller, NULL, poll_on, NULL), 0);
    check_that_close_waits();
    atomic_store(&polling, false);
    pthread_join(poller, NULL);
}
END_TEST

/* --- closing from inside --- */

/* Closes both, the other one first or last. */
struct pair {
    synctv_stream *other;
    struct pair *its;
    int calls;
};

static void close_both(void *userdata, synctv_stream *stream)
{
    struct pair *pair = userdata;
    pair->calls++;
    synctv_stream_close(pair->other);
    free(pair->its);
    synctv_stream_close(stream);
    free(pair);
}

START_TEST(a_callback_may_close_its_stream_and_one_that_is_still_to_be_told)
{
    struct pair *pairs[2] = { calloc(1, sizeof(**pairs)), calloc(1, sizeof(**pairs)) };
    synctv_stream *streams[2];
    for (int i = 0; i < 2; i++)
        streams[i] = follow(close_both, pairs[i]);
    for (int i = 0; i < 2; i++) {
        pairs[i]->other = streams[1 - i];
        pairs[i]->its = pairs[1 - i];
    }
    synctv_node_stats stats;
    do { /* until both are told of in the same turn, or one after the other: the first closes both
          */
        synctv_node_poll(node, 10);
        synctv_node_get_stats(node, &stats);
    } while (stats.streams > 0);
}
END_TEST

/* --- under load --- */

struct follower {
    unsigned n; /* the callback writes it without a lock: there is one at a time */
};

static void count(void *userdata, synctv_stream *stream)
{
    struct follower *f = userdata;
    f->n++;
    const synctv_event *event;
    while (synctv_stream_next(stream, 0, &event, NULL) == 1)
        synctv_event_unref(event);
    f->n++;
}

static void *come_and_go(void *userdata)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct follower *f = calloc(1, sizeof(*f));
        synctv_stream *stream = follow(count, f);
        if (i % 4 == 0)
            usleep((unsigned)i % 7 * 50);
        synctv_stream_close(stream);
        ck_assert_uint_eq(f->n % 2, 0);
        memset(f, 0xff, sizeof(*f));
        free(f);
    }
    return NULL;
}

static atomic_bool telling;

static void *tell(void *userdata)
{
    for (unsigned i = 0; atomic_load(&telling); i++) {
        const synctv_request request =
            SYNCTV_REQUEST(i % 2 == 0 ? SYNCTV_METHOD_PLAY : SYNCTV_METHOD_PAUSE, .room_id = room);
        synctv_call_wait(caller, &request, NULL, NULL);
    }
    return NULL;
}

START_TEST(userdata_may_be_freed_right_after_close)
{
    pthread_t threads[N_THREADS], teller;
    atomic_store(&telling, true);
    ck_assert_int_eq(pthread_create(&teller, NULL, tell, NULL), 0);
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&telling, false);
    pthread_join(teller, NULL);
}
END_TEST

START_TEST(no_callback_runs_after_stop)
{
    struct slow slow = { 0 };
    synctv_stream *stream = follow(slow_ready, &slow);
    synctv_node_stop(node, 1000);
    ck_assert_int_eq(atomic_load(&slow.begun), atomic_load(&slow.over));
    synctv_stream_close(stream);
}
END_TEST

static Suite *stream_close(void)
{
    Suite *s = suite_create("stream_close");
    TCase *t = tcase_create("threads");
    tcase_add_checked_fixture(t, open_threaded, close_all);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, close_waits_for_a_callback_on_another_thread);
    tcase_add_test(t, userdata_may_be_freed_right_after_close);
    tcase_add_test(t, no_callback_runs_after_stop);
    suite_add_tcase(s, t);
    t = tcase_create("polled");
    tcase_add_checked_fixture(t, open_polled, close_all);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, close_waits_for_a_callback_in_a_poll_on_another_thread);
    tcase_add_test(t, a_callback_may_close_its_stream_and_one_that_is_still_to_be_told);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(stream_close());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
