/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/ratelimit.h"

static const struct sv_rate five_a_minute = { .per_second = 5.0 / 60, .burst = 5 };
static const struct sv_rate ten_a_second = { .per_second = 10, .burst = 10 };

START_TEST(a_fresh_bucket_is_full)
{
    struct sv_bucket b = { 0 };
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sv_bucket_take(&b, &five_a_minute, 1000), 0);
    ck_assert_int_eq(sv_bucket_take(&b, &five_a_minute, 1000), 12000);
}
END_TEST

START_TEST(the_wait_is_exact_to_the_millisecond)
{
    struct sv_bucket b = { 0 };
    for (int i = 0; i < 5; i++)
        sv_bucket_take(&b, &five_a_minute, 1000);
    ck_assert_int_eq(sv_bucket_take(&b, &five_a_minute, 12999), 1);
    ck_assert_int_eq(sv_bucket_take(&b, &five_a_minute, 13000), 0);
    ck_assert_int_eq(sv_bucket_take(&b, &five_a_minute, 13000), 12000);
}
END_TEST

START_TEST(waiting_as_told_is_always_enough)
{
    for (int per_hour = 1; per_hour < 4000; per_hour += 7) {
        struct sv_rate rate = { .per_second = per_hour / 3600.0, .burst = 1 };
        struct sv_bucket b = { 0 };
        int64_t now = 123456789;
        for (int i = 0; i < 20; i++) {
            int64_t wait = sv_bucket_take(&b, &rate, now);
            if (wait == 0)
                continue;
            /* In a few uneven steps: refused tries must not cost anything. */
            for (int64_t t = now; t < now + wait; t += wait / 3 + 1)
                ck_assert_int_gt(sv_bucket_take(&b, &rate, t), 0);
            now += wait;
            ck_assert_int_eq(sv_bucket_take(&b, &rate, now), 0);
        }
    }
}
END_TEST

START_TEST(a_bucket_never_holds_more_than_its_burst)
{
    struct sv_bucket b = { 0 };
    ck_assert_int_eq(sv_bucket_take(&b, &ten_a_second, 1), 0);
    int taken = 0;
    while (sv_bucket_take(&b, &ten_a_second, 1000000000) == 0)
        taken++;
    ck_assert_int_eq(taken, 10);
}
END_TEST

START_TEST(the_rate_holds_over_a_long_time)
{
    struct sv_bucket b = { 0 };
    int taken = 0;
    for (int64_t t = 1; t <= 100000; t++)
        taken += sv_bucket_take(&b, &ten_a_second, t) == 0;
    ck_assert_int_ge(taken, 1008);
    ck_assert_int_le(taken, 1010);
}
END_TEST

START_TEST(a_clock_that_stands_still_adds_nothing)
{
    struct sv_bucket b = { 0 };
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(sv_bucket_take(&b, &ten_a_second, 500), 0);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(sv_bucket_take(&b, &ten_a_second, 500), 100);
}
END_TEST

START_TEST(a_clock_that_goes_back_adds_nothing_twice)
{
    struct sv_bucket b = { 0 };
    int taken = 0;
    for (int i = 0; i < 1000; i++)
        taken += sv_bucket_take(&b, &ten_a_second, i % 2 == 0 ? 5000 : 1000) == 0;
    ck_assert_int_eq(taken, 10);
    ck_assert_int_eq(sv_bucket_take(&b, &ten_a_second, 1000), 4100);
    ck_assert_int_eq(sv_bucket_take(&b, &ten_a_second, 5100), 0);
}
END_TEST

START_TEST(zero_and_nonsense_are_no_limit)
{
    static const double rates[] = { 0, -1, INFINITY, NAN };
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct sv_rate rate = { .per_second = rates[i], .burst = 1 };
        struct sv_bucket b = { 0 };
        for (int n = 0; n < 100; n++)
            ck_assert_int_eq(sv_bucket_take(&b, &rate, 7), 0);
    }
}
END_TEST

START_TEST(a_burst_below_one_lets_one_through)
{
    static const double bursts[] = { 0, -5, 0.3, NAN };
    for (size_t i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
        struct sv_rate rate = { .per_second = 1, .burst = bursts[i] };
        struct sv_bucket b = { 0 };
        ck_assert_int_eq(sv_bucket_take(&b, &rate, 7), 0);
        ck_assert_int_eq(sv_bucket_take(&b, &rate, 7), 1000);
    }
}
END_TEST

START_TEST(extreme_times_and_rates_do_not_overflow)
{
    struct sv_rate slow = { .per_second = 1e-300, .burst = 1 };
    struct sv_bucket b = { 0 };
    ck_assert_int_eq(sv_bucket_take(&b, &slow, INT64_MAX), 0);
    ck_assert_int_gt(sv_bucket_take(&b, &slow, INT64_MAX), 0);
    ck_assert_int_gt(sv_bucket_take(&b, &slow, INT64_MIN), 0);
    struct sv_bucket c = { 0 };
    ck_assert_int_eq(sv_bucket_take(&c, &ten_a_second, INT64_MIN), 0);
    ck_assert_int_eq(sv_bucket_take(&c, &ten_a_second, 0), 0);
    ck_assert_int_eq(sv_bucket_take(&c, &ten_a_second, INT64_MAX), 0);
}
END_TEST

START_TEST(keys_have_buckets_of_their_own)
{
    struct sv_bucket_table *t = sv_bucket_table_new(five_a_minute, 10);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(sv_bucket_table_take(t, "a", 1), 0);
        ck_assert_int_eq(sv_bucket_table_take(t, "", 1), 0);
    }
    ck_assert_int_eq(sv_bucket_table_take(t, "a", 1), 12000);
    ck_assert_int_eq(sv_bucket_table_take(t, "", 1), 12000);
    ck_assert_int_eq(sv_bucket_table_take(t, "b", 1), 0);
    sv_bucket_table_free(t);
}
END_TEST

START_TEST(peeking_takes_nothing_and_makes_no_bucket)
{
    struct sv_bucket_table *t = sv_bucket_table_new(five_a_minute, 1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sv_bucket_table_take(t, "a", 1), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(sv_bucket_table_peek(t, "b", 1), 0);
    ck_assert_int_eq(sv_bucket_table_peek(t, "a", 1), 12000);
    ck_assert_int_eq(sv_bucket_table_peek(t, "a", 12001), 0);
    ck_assert_int_eq(sv_bucket_table_take(t, "a", 12001), 0);
    ck_assert_int_eq(sv_bucket_table_peek(t, "a", 12001), 12000);
    sv_bucket_table_free(t);
}
END_TEST

static void use_up(struct sv_bucket_table *t, const char *key)
{
    while (sv_bucket_table_take(t, key, 1) == 0)
        ;
}

START_TEST(the_least_recently_used_key_is_forgotten_first)
{
    struct sv_bucket_table *t = sv_bucket_table_new(five_a_minute, 3);
    use_up(t, "a");
    use_up(t, "b");
    use_up(t, "c");
    sv_bucket_table_take(t, "a", 1);
    sv_bucket_table_take(t, "d", 1);
    ck_assert_int_gt(sv_bucket_table_peek(t, "a", 1), 0);
    ck_assert_int_eq(sv_bucket_table_peek(t, "b", 1), 0);
    ck_assert_int_gt(sv_bucket_table_peek(t, "c", 1), 0);
    sv_bucket_table_free(t);
}
END_TEST

START_TEST(a_table_never_holds_more_keys_than_it_may)
{
    static const size_t sizes[] = { 0, 1, 2, 100 };
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct sv_bucket_table *t = sv_bucket_table_new(five_a_minute, sizes[s]);
        char key[32];
        for (int i = 0; i < 5000; i++) {
            snprintf(key, sizeof(key), "key %d", i);
            use_up(t, key);
        }
        size_t known = 0;
        for (int i = 0; i < 5000; i++) {
            snprintf(key, sizeof(key), "key %d", i);
            known += sv_bucket_table_peek(t, key, 1) > 0;
        }
        ck_assert_uint_eq(known, sizes[s] == 0 ? 1 : sizes[s]);
        sv_bucket_table_free(t);
    }
}
END_TEST

START_TEST(long_keys_differ_in_their_last_byte)
{
    struct sv_bucket_table *t = sv_bucket_table_new(five_a_minute, 10);
    static const size_t lengths[] = { 254, 255, 256, 257, 5000 };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char key[5001];
        memset(key, 'k', lengths[i]);
        key[lengths[i]] = '\0';
        use_up(t, key);
        ck_assert_int_gt(sv_bucket_table_peek(t, key, 1), 0);
        key[lengths[i] - 1] = 'x';
        ck_assert_int_eq(sv_bucket_table_peek(t, key, 1), 0);
    }
    sv_bucket_table_free(t);
}
END_TEST

START_TEST(a_table_without_a_limit_lets_everything_through)
{
    struct sv_rate off = { 0 };
    struct sv_bucket_table *t = sv_bucket_table_new(off, 2);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(sv_bucket_table_take(t, "a", 1), 0);
    ck_assert_int_eq(sv_bucket_table_peek(t, "a", 1), 0);
    sv_bucket_table_free(t);
    sv_bucket_table_free(NULL);
}
END_TEST

struct taker {
    pthread_t thread;
    struct sv_bucket_table *table;
    int taken;
};

static void *take_many(void *arg)
{
    struct taker *taker = arg;
    char key[16];
    for (int i = 0; i < 5000; i++) {
        taker->taken += sv_bucket_table_take(taker->table, "shared", 1) == 0;
        snprintf(key, sizeof(key), "%d", i % 64);
        sv_bucket_table_take(taker->table, key, 1);
        sv_bucket_table_peek(taker->table, key, 1);
    }
    return NULL;
}

START_TEST(threads_share_one_bucket)
{
    struct sv_rate rate = { .per_second = 1, .burst = 1000 };
    struct taker takers[4] = { 0 };
    struct sv_bucket_table *t = sv_bucket_table_new(rate, 128);
    int taken = 0;
    for (size_t i = 0; i < 4; i++) {
        takers[i].table = t;
        ck_assert_int_eq(pthread_create(&takers[i].thread, NULL, take_many, &takers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(takers[i].thread, NULL);
        taken += takers[i].taken;
    }
    ck_assert_int_eq(taken, 1000);
    sv_bucket_table_free(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ratelimit");
    TCase *tc = tcase_create("ratelimit");
    tcase_add_test(tc, a_fresh_bucket_is_full);
    tcase_add_test(tc, the_wait_is_exact_to_the_millisecond);
    tcase_add_test(tc, waiting_as_told_is_always_enough);
    tcase_add_test(tc, a_bucket_never_holds_more_than_its_burst);
    tcase_add_test(tc, the_rate_holds_over_a_long_time);
    tcase_add_test(tc, a_clock_that_stands_still_adds_nothing);
    tcase_add_test(tc, a_clock_that_goes_back_adds_nothing_twice);
    tcase_add_test(tc, zero_and_nonsense_are_no_limit);
    tcase_add_test(tc, a_burst_below_one_lets_one_through);
    tcase_add_test(tc, extreme_times_and_rates_do_not_overflow);
    tcase_add_test(tc, keys_have_buckets_of_their_own);
    tcase_add_test(tc, peeking_takes_nothing_and_makes_no_bucket);
    tcase_add_test(tc, the_least_recently_used_key_is_forgotten_first);
    tcase_add_test(tc, a_table_never_holds_more_keys_than_it_may);
    tcase_add_test(tc, long_keys_differ_in_their_last_byte);
    tcase_add_test(tc, a_table_without_a_limit_lets_everything_through);
    tcase_add_test(tc, threads_share_one_bucket);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
