/* SPDX-License-Identifier: MIT */
/* Who counts as alive, under a clock of the test's own. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/membership.h"

#define BEAT_MS 5000

static struct sv_membership m;
static struct sv_look look;
static int64_t now_ms;
static char news[200];

static void setup(void)
{
    sv_membership_init(&m, BEAT_MS);
    now_ms = 1000;
    news[0] = '\0';
}

static void note(void *userdata, enum sv_fellow_news what, const struct sv_fellow *fellow)
{
    static const char *const words[] = { "came", "left", "changed" };
    size_t len = strlen(news);
    snprintf(news + len, sizeof(news) - len, "%s %s %d;", fellow->id, words[what],
        (int)fellow->state);
}

static struct sv_fellow_row row(const char *id, int64_t epoch, uint64_t beat)
{
    return (struct sv_fellow_row){
        .id = id, .address = "192.0.2.1:1", .epoch = epoch, .beat = beat, .heartbeat_ms = BEAT_MS
    };
}

static void see(int64_t after_ms, const struct sv_fellow_row *rows, size_t n)
{
    now_ms += after_ms;
    news[0] = '\0';
    sv_membership_look(&m, now_ms, rows, n, &look, note, NULL);
}

static void see_one(int64_t after_ms, struct sv_fellow_row one)
{
    see(after_ms, &one, 1);
}

START_TEST(who_beats_is_alive)
{
    for (uint64_t beat = 1; beat < 100; beat++) {
        see_one(BEAT_MS, row("b", 1, beat));
        ck_assert_int_eq(m.fellows[0].state, SV_FELLOW_ALIVE);
        ck_assert_uint_eq(look.n_verdicts, 0);
        ck_assert_str_eq(news, beat == 1 ? "b came 0;" : "");
    }
    ck_assert_uint_eq(sv_membership_n_alive(&m), 1);
}
END_TEST

START_TEST(an_address_that_is_said_later_is_told)
{
    struct sv_fellow_row early = row("b", 1, 1);
    early.address = "";
    see_one(BEAT_MS, early);
    ck_assert_str_eq(news, "b came 0;");
    see_one(BEAT_MS, row("b", 1, 2));
    ck_assert_str_eq(news, "b changed 0;");
    ck_assert_str_eq(m.fellows[0].address, "192.0.2.1:1");
    see_one(BEAT_MS, row("b", 1, 3));
    ck_assert_str_eq(news, "");
}
END_TEST

START_TEST(three_missed_beats_make_suspect_and_six_are_a_verdict)
{
    see_one(0, row("b", 7, 3));
    for (int missed = 1; missed < 6; missed++) {
        see_one(BEAT_MS, row("b", 7, 3));
        ck_assert_int_eq(m.fellows[0].state, missed < 3 ? SV_FELLOW_ALIVE : SV_FELLOW_SUSPECT);
        ck_assert_int_eq(m.fellows[0].age_ms, missed * BEAT_MS);
        ck_assert_str_eq(news, missed == 3 ? "b changed 1;" : "");
        ck_assert_uint_eq(look.n_verdicts, 0);
    }
    see_one(BEAT_MS, row("b", 7, 3));
    ck_assert_uint_eq(look.n_verdicts, 1);
    ck_assert_int_eq(look.verdicts[0].what, SV_VERDICT_DEAD);
    ck_assert_str_eq(look.verdicts[0].id, "b");
    ck_assert_int_eq(look.verdicts[0].epoch, 7);
    ck_assert_uint_eq(look.verdicts[0].beat, 3);
    ck_assert_int_eq(m.fellows[0].state, SV_FELLOW_SUSPECT);
}
END_TEST

START_TEST(dead_is_who_the_row_says_is_dead)
{
    struct sv_fellow_row dead = row("b", 8, 3);
    dead.declared_dead = true;
    see_one(0, dead);
    ck_assert_str_eq(news, "b came 2;");
    ck_assert_uint_eq(sv_membership_n_alive(&m), 0);
    see_one(BEAT_MS, row("b", 9, 4));
    ck_assert_str_eq(news, "b changed 0;");
}
END_TEST

START_TEST(a_dead_row_is_forgotten_after_ten_minutes)
{
    struct sv_fellow_row dead = row("b", 8, 3);
    dead.declared_dead = true;
    see_one(0, dead);
    for (int64_t ms = BEAT_MS; ms < SV_DEAD_KEPT_MS; ms += BEAT_MS) {
        see_one(BEAT_MS, dead);
        ck_assert_uint_eq(look.n_verdicts, 0);
    }
    see_one(BEAT_MS, dead);
    ck_assert_uint_eq(look.n_verdicts, 1);
    ck_assert_int_eq(look.verdicts[0].what, SV_VERDICT_FORGET);
    ck_assert_int_eq(look.verdicts[0].epoch, 8);
    see(BEAT_MS, NULL, 0);
    ck_assert_str_eq(news, "b left 2;");
    ck_assert_uint_eq(m.n, 0);
}
END_TEST

START_TEST(who_slept_accuses_nobody_before_it_has_looked_twice)
{
    see_one(0, row("b", 1, 1));
    for (int i = 0; i < 5; i++)
        see_one(BEAT_MS, row("b", 1, 1));
    see_one(60 * 1000, row("b", 1, 1));
    ck_assert_uint_eq(look.n_verdicts, 0);
    ck_assert_int_eq(m.fellows[0].age_ms, 5 * BEAT_MS);
    see_one(BEAT_MS, row("b", 1, 2));
    ck_assert_uint_eq(look.n_verdicts, 0);
    ck_assert_str_eq(news, "b changed 0;");
    ck_assert_int_eq(m.fellows[0].age_ms, 0);
}
END_TEST

START_TEST(who_wakes_up_among_the_dead_says_so_in_the_end)
{
    int looks = 0;
    see_one(0, row("b", 1, 1));
    see_one(3600 * 1000, row("b", 1, 1));
    while (look.n_verdicts == 0 && looks++ < 100)
        see_one(BEAT_MS, row("b", 1, 1));
    ck_assert_int_eq(looks, 6);
}
END_TEST

START_TEST(a_slower_heartbeat_is_waited_for)
{
    struct sv_fellow_row slow = row("b", 1, 1);
    slow.heartbeat_ms = 10 * BEAT_MS;
    see_one(0, slow);
    for (int i = 1; i < 60; i++) {
        see_one(BEAT_MS, slow);
        ck_assert_uint_eq(look.n_verdicts, 0);
        ck_assert_int_eq(m.fellows[0].state, i < 30 ? SV_FELLOW_ALIVE : SV_FELLOW_SUSPECT);
    }
    see_one(BEAT_MS, slow);
    ck_assert_uint_eq(look.n_verdicts, 1);
}
END_TEST

START_TEST(who_stops_leaves_at_once)
{
    struct sv_fellow_row rows[] = { row("b", 1, 1), row("c", 1, 1), row("d", 1, 1) };
    see(0, rows, 3);
    ck_assert_str_eq(news, "b came 0;c came 0;d came 0;");
    rows[1] = rows[2];
    see(BEAT_MS, rows, 2);
    ck_assert_str_eq(news, "c left 0;");
    ck_assert_uint_eq(m.n, 2);
    ck_assert_str_eq(m.fellows[1].id, "d");
}
END_TEST

START_TEST(there_is_a_limit_to_fellows_and_to_verdicts)
{
    static char ids[SV_FELLOWS_MAX + 1][8];
    static struct sv_fellow_row rows[SV_FELLOWS_MAX + 1];
    for (size_t i = 0; i <= SV_FELLOWS_MAX; i++) {
        snprintf(ids[i], sizeof(ids[i]), "n%04d", (int)i);
        rows[i] = row(ids[i], 1, 1);
    }
    sv_membership_look(&m, now_ms, rows, SV_FELLOWS_MAX + 1, &look, NULL, NULL);
    ck_assert_uint_eq(m.n, SV_FELLOWS_MAX);
    for (int i = 0; i < 6; i++)
        sv_membership_look(&m, now_ms += BEAT_MS, rows, SV_FELLOWS_MAX + 1, &look, NULL, NULL);
    ck_assert_uint_eq(look.n_verdicts, SV_VERDICTS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("membership");
    TCase *tc = tcase_create("membership");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, who_beats_is_alive);
    tcase_add_test(tc, an_address_that_is_said_later_is_told);
    tcase_add_test(tc, three_missed_beats_make_suspect_and_six_are_a_verdict);
    tcase_add_test(tc, dead_is_who_the_row_says_is_dead);
    tcase_add_test(tc, a_dead_row_is_forgotten_after_ten_minutes);
    tcase_add_test(tc, who_slept_accuses_nobody_before_it_has_looked_twice);
    tcase_add_test(tc, who_wakes_up_among_the_dead_says_so_in_the_end);
    tcase_add_test(tc, a_slower_heartbeat_is_waited_for);
    tcase_add_test(tc, who_stops_leaves_at_once);
    tcase_add_test(tc, there_is_a_limit_to_fellows_and_to_verdicts);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
