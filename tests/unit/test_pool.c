/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/error.h>

#include "base/pool.h"

/* Work that says it has begun and then waits to be let go. */
struct gate {
    struct sv_work work;
    sem_t begun, go;
    atomic_int runs;
};

static void gate_run(struct sv_work *work)
{
    struct gate *g = SV_CONTAINER_OF(work, struct gate, work);
    sem_post(&g->begun);
    sem_wait(&g->go);
    atomic_fetch_add(&g->runs, 1);
}

static void gate_init(struct gate *g)
{
    *g = (struct gate){ .work.run = gate_run };
    sem_init(&g->begun, 0, 0);
    sem_init(&g->go, 0, 0);
}

struct count {
    struct sv_work work;
    atomic_int *counter;
};

static void count_run(struct sv_work *work)
{
    struct count *c = SV_CONTAINER_OF(work, struct count, work);
    atomic_fetch_add(c->counter, 1);
    free(c);
}

static struct count *count_new(atomic_int *counter)
{
    struct count *c = calloc(1, sizeof(*c));
    c->work.run = count_run;
    c->counter = counter;
    return c;
}

START_TEST(work_is_run_once_each)
{
    struct sv_pool *pool = NULL;
    atomic_int counter = 0;
    ck_assert_int_eq(sv_pool_new("test", 3, 100000, &pool), 0);
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(sv_pool_submit(pool, &count_new(&counter)->work), 0);
    sv_pool_stop(pool);
    ck_assert_int_eq(counter, 10000);
    sv_pool_free(pool);
}
END_TEST

START_TEST(a_full_queue_refuses_at_once_and_takes_again_when_there_is_room)
{
    struct sv_pool *pool = NULL;
    struct gate gates[2];
    atomic_int counter = 0;
    ck_assert_int_eq(sv_pool_new("test", 2, 3, &pool), 0);
    for (int i = 0; i < 2; i++) {
        gate_init(&gates[i]);
        ck_assert_int_eq(sv_pool_submit(pool, &gates[i].work), 0);
    }
    for (int i = 0; i < 2; i++)
        sem_wait(&gates[i].begun);

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(sv_pool_submit(pool, &count_new(&counter)->work), 0);
    struct count *refused = count_new(&counter);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(sv_pool_submit(pool, &refused->work), SYNCTV_E_OVERLOADED);
    ck_assert_int_eq(counter, 0);

    sem_post(&gates[0].go);
    int rv;
    while ((rv = sv_pool_submit(pool, &refused->work)) == SYNCTV_E_OVERLOADED)
        sched_yield();
    ck_assert_int_eq(rv, 0);
    sem_post(&gates[1].go);
    sv_pool_stop(pool);
    ck_assert_int_eq(counter, 4);
    sv_pool_free(pool);
}
END_TEST

START_TEST(a_burst_fits_the_free_threads_and_the_queue_whether_they_have_woken_or_not)
{
    for (int round = 0; round < 50; round++) {
        struct sv_pool *pool = NULL;
        struct gate gates[5];
        ck_assert_int_eq(sv_pool_new("test", 3, 1, &pool), 0);
        for (int i = 0; i < 5; i++)
            gate_init(&gates[i]);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(sv_pool_submit(pool, &gates[i].work), 0);
        ck_assert_int_eq(sv_pool_submit(pool, &gates[4].work), SYNCTV_E_OVERLOADED);
        for (int i = 0; i < 4; i++)
            sem_post(&gates[i].go);
        sv_pool_stop(pool);
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(gates[i].runs, i < 4);
        sv_pool_free(pool);
    }
}
END_TEST

static void *let_go(void *arg)
{
    struct gate *g = arg;
    sem_wait(&g->begun);
    sem_post(&g->go);
    return NULL;
}

START_TEST(stop_runs_what_is_queued_and_refuses_what_comes_later)
{
    struct sv_pool *pool = NULL;
    struct gate gate;
    atomic_int counter = 0;
    pthread_t thread;
    gate_init(&gate);
    ck_assert_int_eq(sv_pool_new("test", 1, 10, &pool), 0);
    ck_assert_int_eq(sv_pool_submit(pool, &gate.work), 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(sv_pool_submit(pool, &count_new(&counter)->work), 0);
    pthread_create(&thread, NULL, let_go, &gate);
    sv_pool_stop(pool);
    pthread_join(thread, NULL);
    ck_assert_int_eq(counter, 10);

    struct count *late = count_new(&counter);
    ck_assert_int_eq(sv_pool_submit(pool, &late->work), SYNCTV_E_SHUTTING_DOWN);
    free(late);
    sv_pool_stop(pool);
    ck_assert_int_eq(counter, 10);
    sv_pool_free(pool);
}
END_TEST

static void *stop_pool(void *arg)
{
    sv_pool_stop(arg);
    return NULL;
}

START_TEST(two_may_stop_at_once_and_both_wait)
{
    struct sv_pool *pool = NULL;
    atomic_int counter = 0;
    pthread_t thread;
    ck_assert_int_eq(sv_pool_new("test", 2, 1000, &pool), 0);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(sv_pool_submit(pool, &count_new(&counter)->work), 0);
    pthread_create(&thread, NULL, stop_pool, pool);
    sv_pool_stop(pool);
    ck_assert_int_eq(counter, 1000);
    pthread_join(thread, NULL);
    sv_pool_free(pool);
}
END_TEST

struct chain {
    struct sv_work work;
    struct sv_pool *pool;
    sem_t done;
    int left;
};

static void chain_run(struct sv_work *work)
{
    struct chain *c = SV_CONTAINER_OF(work, struct chain, work);
    if (c->left-- == 0)
        sem_post(&c->done);
    else
        sv_pool_submit(c->pool, work);
}

START_TEST(work_may_submit_itself_again)
{
    struct chain c = { .work.run = chain_run, .left = 500 };
    sem_init(&c.done, 0, 0);
    ck_assert_int_eq(sv_pool_new("test", 1, 1, &c.pool), 0);
    ck_assert_int_eq(sv_pool_submit(c.pool, &c.work), 0);
    sem_wait(&c.done);
    sv_pool_stop(c.pool);
    sv_pool_free(c.pool);
}
END_TEST

struct look {
    struct sv_work work;
    char name[32];
    sigset_t blocked;
};

static void look_run(struct sv_work *work)
{
    struct look *l = SV_CONTAINER_OF(work, struct look, work);
    pthread_getname_np(pthread_self(), l->name, sizeof(l->name));
    pthread_sigmask(SIG_BLOCK, NULL, &l->blocked);
}

START_TEST(threads_have_the_name_and_block_signals_and_the_caller_does_not)
{
    struct sv_pool *pool = NULL;
    struct look look = { .work.run = look_run };
    ck_assert_int_eq(sv_pool_new("a-name-that-is-too-long", 1, 1, &pool), 0);
    ck_assert_int_eq(sv_pool_submit(pool, &look.work), 0);
    sv_pool_stop(pool);
    ck_assert_str_eq(look.name, "a-name-that-is-");
    ck_assert_int_eq(sigismember(&look.blocked, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&look.blocked, SIGINT), 1);
    ck_assert_int_eq(sigismember(&look.blocked, SIGHUP), 1);

    sigset_t mine;
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    ck_assert_int_eq(sigismember(&mine, SIGTERM), 0);
    sv_pool_free(pool);
    sv_pool_free(NULL);
}
END_TEST

START_TEST(a_pool_of_no_threads_has_one)
{
    struct sv_pool *pool = NULL;
    atomic_int counter = 0;
    ck_assert_int_eq(sv_pool_new("test", 0, 0, &pool), 0);
    ck_assert_int_eq(sv_pool_submit(pool, &count_new(&counter)->work), 0);
    sv_pool_stop(pool);
    ck_assert_int_eq(counter, 1);
    sv_pool_free(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tc = tcase_create("pool");
    tcase_add_test(tc, work_is_run_once_each);
    tcase_add_test(tc, a_full_queue_refuses_at_once_and_takes_again_when_there_is_room);
    tcase_add_test(tc, a_burst_fits_the_free_threads_and_the_queue_whether_they_have_woken_or_not);
    tcase_add_test(tc, stop_runs_what_is_queued_and_refuses_what_comes_later);
    tcase_add_test(tc, two_may_stop_at_once_and_both_wait);
    tcase_add_test(tc, work_may_submit_itself_again);
    tcase_add_test(tc, threads_have_the_name_and_block_signals_and_the_caller_does_not);
    tcase_add_test(tc, a_pool_of_no_threads_has_one);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
