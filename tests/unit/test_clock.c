/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#define WALL INT64_C(1700000000000)
#define MONO INT64_C(5000)
#define HOUR INT64_C(3600000)

static struct sv_node_clock clock_;

static void start(void)
{
    sv_node_clock_init(&clock_, WALL, MONO);
}

/* What it shows so long after the start. */
static int64_t at(int64_t ms)
{
    struct sv_clock_look look = sv_node_clock_look(&clock_);
    return sv_clock_look_ms(&look, MONO + ms) - WALL;
}

/* So long after the start the wall clock is off by that. */
static int64_t follow(int64_t ms, int64_t off_ms)
{
    return sv_node_clock_follow(&clock_, WALL + ms + off_ms, MONO + ms);
}

START_TEST(it_shows_the_time_of_day)
{
    struct sv_node_clock c;
    sv_node_clock_init(&c, sv_wall_ms(), sv_mono_ms());
    struct sv_clock_look look = sv_node_clock_look(&c);
    ck_assert_int_le(llabs(sv_clock_look_ms(&look, sv_mono_ms()) - sv_wall_ms()), 30000);
    ck_assert_int_le(llabs(sv_mono_ms() - sv_mono_us() / 1000), 30000);
}
END_TEST

START_TEST(with_a_wall_clock_that_is_right_it_runs_as_the_monotonic_one)
{
    for (int64_t ms = 0; ms < HOUR; ms += 977) {
        ck_assert_int_eq(follow(ms, 0), 0);
        ck_assert_int_eq(at(ms), ms);
    }
}
END_TEST

START_TEST(a_small_difference_is_made_good_at_5_ms_a_second)
{
    const int64_t offs_ms[] = { 100, -100, SV_CLOCK_STEP_MS, -SV_CLOCK_STEP_MS };
    for (size_t i = 0; i < sizeof(offs_ms) / sizeof(offs_ms[0]); i++) {
        start();
        int64_t off_ms = offs_ms[i], sign = off_ms < 0 ? -1 : 1;
        ck_assert_int_eq(follow(0, off_ms), 0);
        ck_assert_int_eq(at(0), 0);
        ck_assert_int_eq(at(1000), 1000 + sign * 5);
        ck_assert_int_eq(at(10000), 10000 + sign * 50);
        int64_t done_ms = llabs(off_ms) * 200;
        ck_assert_int_eq(at(done_ms), done_ms + off_ms);
        ck_assert_int_eq(at(done_ms + HOUR), done_ms + HOUR + off_ms);
    }
}
END_TEST

START_TEST(it_is_as_quick_however_often_it_is_told_the_time)
{
    int64_t n_steps = 0;
    for (int64_t ms = 0; ms < 20000; ms++)
        n_steps += follow(ms, 100) != 0;
    ck_assert_int_eq(n_steps, 0);
    ck_assert_int_eq(at(20000), 20100);
}
END_TEST

START_TEST(without_a_step_it_never_goes_back)
{
    uint64_t state = 1;
    int64_t last = at(0), off_ms = 0;
    bool ok = true;
    for (int64_t ms = 0; ms < 2000000 && ok; ms++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (state >> 56 == 0) {
            off_ms = (int64_t)(state >> 33) % 4000 - 2000;
            ok = follow(ms, off_ms) == 0;
        }
        int64_t now = at(ms);
        ok = ok && now >= last && now <= last + 2;
        last = now;
    }
    ck_assert(ok);
}
END_TEST

START_TEST(off_by_more_than_5_s_it_steps_and_says_by_how_much)
{
    ck_assert_int_eq(follow(1000, 2 * HOUR), 2 * HOUR);
    ck_assert_int_eq(at(1000), 1000 + 2 * HOUR);
    ck_assert_int_eq(follow(2000, 2 * HOUR), 0);
    ck_assert_int_eq(follow(3000, -HOUR), -3 * HOUR);
    ck_assert_int_eq(at(3000), 3000 - HOUR);
    ck_assert_int_eq(sv_node_clock_look(&clock_).stepped_ms, -HOUR);
    ck_assert_int_eq(follow(4000, -HOUR + SV_CLOCK_STEP_MS + 1), SV_CLOCK_STEP_MS + 1);
    ck_assert_int_eq(at(4000), 4000 - HOUR + SV_CLOCK_STEP_MS + 1);
}
END_TEST

START_TEST(a_step_in_the_midst_of_slewing_is_from_what_it_showed)
{
    ck_assert_int_eq(follow(0, 1000), 0);
    ck_assert_int_eq(at(100000), 100500);
    ck_assert_int_eq(follow(100000, HOUR), HOUR - 500);
    ck_assert_int_eq(at(100000), 100000 + HOUR);
    ck_assert_int_eq(sv_node_clock_look(&clock_).stepped_ms, HOUR - 500);
}
END_TEST

START_TEST(a_look_at_a_clock_that_has_changed_is_known_to_be_old)
{
    struct sv_clock_look look = sv_node_clock_look(&clock_);
    ck_assert(sv_node_clock_is(&clock_, &look));
    follow(1000, HOUR);
    ck_assert(!sv_node_clock_is(&clock_, &look));
}
END_TEST

static atomic_bool is_over;

/* Each time and what it was stepped by belong together. */
static void *look_all_the_time(void *userdata)
{
    while (!atomic_load(&is_over)) {
        struct sv_clock_look look = sv_node_clock_look(&clock_);
        if (sv_clock_look_ms(&look, MONO) != WALL + look.stepped_ms)
            *(bool *)userdata = false;
    }
    return NULL;
}

START_TEST(who_looks_while_it_steps_sees_it_before_or_after)
{
    pthread_t thread;
    bool ok = true;
    ck_assert_int_eq(pthread_create(&thread, NULL, look_all_the_time, &ok), 0);
    for (int i = 0; i < 100000; i++)
        follow(0, i % 2 == 0 ? HOUR : -HOUR);
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    ck_assert(ok);
}
END_TEST

START_TEST(beside_others_it_never_steps)
{
    for (int64_t ms = 0; ms <= 100000; ms += 1000) {
        sv_node_clock_slew(&clock_, WALL + ms - HOUR, MONO + ms);
        ck_assert_int_eq(at(ms), ms - ms / 200);
    }
    ck_assert_int_eq(sv_node_clock_look(&clock_).stepped_ms, 0);
    ck_assert_int_eq(follow(100000, -HOUR), -HOUR + 500);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tc = tcase_create("clock");
    tcase_add_checked_fixture(tc, start, NULL);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, it_shows_the_time_of_day);
    tcase_add_test(tc, with_a_wall_clock_that_is_right_it_runs_as_the_monotonic_one);
    tcase_add_test(tc, a_small_difference_is_made_good_at_5_ms_a_second);
    tcase_add_test(tc, it_is_as_quick_however_often_it_is_told_the_time);
    tcase_add_test(tc, without_a_step_it_never_goes_back);
    tcase_add_test(tc, off_by_more_than_5_s_it_steps_and_says_by_how_much);
    tcase_add_test(tc, a_step_in_the_midst_of_slewing_is_from_what_it_showed);
    tcase_add_test(tc, a_look_at_a_clock_that_has_changed_is_known_to_be_old);
    tcase_add_test(tc, who_looks_while_it_steps_sees_it_before_or_after);
    tcase_add_test(tc, beside_others_it_never_steps);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
