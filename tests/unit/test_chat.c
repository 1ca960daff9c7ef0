/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/chat.h"

static struct sv_danmaku_ring ring;
static int items[1000];
static unsigned released[1000];

static void release(const void *item)
{
    released[(const int *)item - items]++;
}

static void setup(void)
{
    sv_danmaku_ring_init(&ring, release);
    memset(released, 0, sizeof(released));
}

static void push(size_t i, int64_t now_ms)
{
    sv_danmaku_ring_push(&ring, &items[i], now_ms);
}

/* Recent are the items first..last, in that order. */
static void expect_recent(int64_t now_ms, size_t first, size_t last)
{
    const void *recent[SV_DANMAKU_KEEP];
    size_t n = sv_danmaku_ring_recent(&ring, now_ms, recent);
    ck_assert_uint_eq(n, last - first + 1);
    for (size_t i = 0; i < n; i++)
        ck_assert_ptr_eq(recent[i], &items[first + i]);
}

static void expect_nothing(int64_t now_ms)
{
    const void *recent[SV_DANMAKU_KEEP];
    ck_assert_uint_eq(sv_danmaku_ring_recent(&ring, now_ms, recent), 0);
}

START_TEST(an_empty_ring_has_nothing)
{
    expect_nothing(0);
    sv_danmaku_ring_expire(&ring, INT64_MAX);
    sv_danmaku_ring_fini(&ring);
}
END_TEST

START_TEST(the_last_ten_seconds_are_replayed_in_order)
{
    push(0, 1000);
    push(1, 2000);
    push(2, 2000);
    expect_recent(2000, 0, 2);
    expect_recent(11000, 0, 2);
    expect_recent(11001, 1, 2);
    expect_recent(12000, 1, 2);
    expect_nothing(12001);
    expect_recent(500, 0, 2); /* a clock that is behind loses nothing */
    ck_assert_uint_eq(released[0], 0);
    sv_danmaku_ring_fini(&ring);
}
END_TEST

START_TEST(what_is_too_old_is_released_once)
{
    push(0, 1000);
    push(1, 5000);
    sv_danmaku_ring_expire(&ring, 11001);
    ck_assert_uint_eq(released[0], 1);
    ck_assert_uint_eq(released[1], 0);
    push(2, 15001); /* pushing expires, too */
    ck_assert_uint_eq(released[1], 1);
    expect_recent(15001, 2, 2);
    sv_danmaku_ring_fini(&ring);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(released[i], 1);
    expect_nothing(15001);
    sv_danmaku_ring_fini(&ring);
    ck_assert_uint_eq(released[2], 1);
}
END_TEST

START_TEST(at_most_a_hundred_are_kept)
{
    for (size_t i = 0; i < 1000; i++) {
        push(i, (int64_t)i);
        ck_assert_uint_le(ring.n_kept, SV_DANMAKU_KEEP);
    }
    expect_recent(1000, 900, 999);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(released[i], i < 900);
    sv_danmaku_ring_fini(&ring);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(released[i], 1);
}
END_TEST

START_TEST(time_that_runs_backwards_is_the_newest_time)
{
    push(0, 50000);
    push(1, 20000);
    expect_recent(60000, 0, 1);
    expect_nothing(60001);
    sv_danmaku_ring_fini(&ring);
}
END_TEST

START_TEST(what_needs_no_release_is_fine)
{
    sv_danmaku_ring_init(&ring, NULL);
    push(0, 1);
    sv_danmaku_ring_expire(&ring, 100000);
    push(1, 100000);
    sv_danmaku_ring_fini(&ring);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chat");
    TCase *t = tcase_create("chat");
    tcase_add_checked_fixture(t, setup, NULL);
    suite_add_tcase(suite, t);
    tcase_add_test(t, an_empty_ring_has_nothing);
    tcase_add_test(t, the_last_ten_seconds_are_replayed_in_order);
    tcase_add_test(t, what_is_too_old_is_released_once);
    tcase_add_test(t, at_most_a_hundred_are_kept);
    tcase_add_test(t, time_that_runs_backwards_is_the_newest_time);
    tcase_add_test(t, what_needs_no_release_is_fine);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
