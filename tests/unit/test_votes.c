/* SPDX-License-Identifier: MIT */
/* What those who watch say about a movie of unknown length: whose word counts, when, and for how
 * long. */
#include "core/votes.h"

#include <stdio.h>

#include "test_playback.h"

static struct sv_votes votes;
static struct sv_playback_state state;

/* Plays from 0 since T0. */
static void setup(void)
{
    votes = (struct sv_votes){ .n_ended = 0 };
    state = playing_from(0, 1);
}

static void teardown(void)
{
    sv_votes_clear(&votes);
}

static const char *user(int nr)
{
    static char ids[8][SV_ID_SIZE];
    static int turn;
    char *id = ids[turn++ % 8];
    snprintf(id, SV_ID_SIZE, "user_%07u", (unsigned)nr % 10000000);
    return id;
}

static int64_t at_ms(double after_s)
{
    return T0 + (int64_t)(after_s * 1000);
}

/* The room has played for so long. */
static void take(int nr, double after_s, struct sv_report report)
{
    report.user_id = user(nr);
    sv_votes_take(&votes, &state, at_ms(after_s), &report);
}

static bool ends(int nr, double after_s, double position_s, size_t n_watching)
{
    take(nr, after_s, (struct sv_report){ .position_s = position_s, .ended = true });
    return sv_votes_end(&votes, &state, n_watching);
}

static void is_at(int nr, double after_s, double position_s)
{
    take(nr, after_s, (struct sv_report){ .position_s = position_s });
    ck_assert(!sv_votes_end(&votes, &state, 10));
    ck_assert_double_eq(sv_votes_length(&votes, &state, at_ms(after_s), 10), 0);
}

static double learned(int nr, double after_s, double duration_s, size_t n_watching)
{
    take(nr, after_s, (struct sv_report){ .position_s = after_s, .duration_s = duration_s });
    ck_assert(!sv_votes_end(&votes, &state, n_watching));
    return sv_votes_length(&votes, &state, at_ms(after_s), n_watching);
}

/* --- the end --- */

START_TEST(most_of_those_who_watch_decide_on_the_end)
{
    for (int n = 1; n <= 9; n++) {
        for (int nr = 1; nr <= n; nr++)
            ck_assert(ends(nr, 100, 100, (size_t)n) == (nr > n / 2));
        sv_votes_clear(&votes);
    }
    ck_assert(!ends(1, 100, 100, 0));
}
END_TEST

START_TEST(a_user_has_one_vote)
{
    for (int i = 0; i < 10; i++)
        ck_assert(!ends(1, 100 + i, 100, 3));
    ck_assert(ends(2, 110, 110, 3));
}
END_TEST

START_TEST(an_end_fits_where_the_room_is)
{
    ck_assert(!ends(1, 2400, 0, 1));
    ck_assert(!ends(1, 2400, 2389, 1));
    ck_assert(!ends(1, 2400, 2411, 1));
    ck_assert(ends(1, 2400, 2391, 1));
    sv_votes_clear(&votes);
    ck_assert(ends(1, 2400, 2409, 1));
}
END_TEST

START_TEST(an_end_fits_past_what_the_user_reported_before)
{
    is_at(1, 2300, 2250); /* their player is slow */
    ck_assert(!ends(2, 2400, 2340, 1));
    ck_assert(!ends(1, 2400, 2240, 1));
    ck_assert(!ends(1, 2400, 2250, 1));
    ck_assert(ends(1, 2400, 2340, 1));
}
END_TEST

START_TEST(an_end_that_did_not_fit_makes_no_later_one_fit)
{
    ck_assert(!ends(1, 2400, 0, 1));
    ck_assert(!ends(1, 2400, 4, 1));
}
END_TEST

START_TEST(what_has_just_begun_does_not_end)
{
    ck_assert(!ends(1, 2.9, 4, 1));
    ck_assert(ends(1, 3.1, 4, 1));
}
END_TEST

START_TEST(what_stands_still_does_not_end)
{
    struct sv_playback_change c = at(T0 + 100000, 0);
    ck_assert_int_eq(sv_playback_pause(&state, &c, NULL, &state, NULL), 0);
    ck_assert(!ends(1, 101, 100, 1));
}
END_TEST

/* --- other states --- */

START_TEST(a_vote_outlives_pause_play_and_another_rate)
{
    ck_assert(!ends(1, 100, 100, 2));
    struct sv_playback_change c = at(T0 + 101000, 0);
    ck_assert_int_eq(sv_playback_pause(&state, &c, NULL, &state, NULL), 0);
    c.now_ms += 60000;
    const double position_s = 100.5; /* as good as where the room stood */
    ck_assert_int_eq(sv_playback_play(&state, &c, &position_s, &state, NULL), 0);
    c.now_ms += 1000;
    ck_assert_int_eq(sv_playback_set_rate(&state, &c, 2, &state, NULL), 0);
    ck_assert(ends(2, 163, 103, 2));
}
END_TEST

START_TEST(a_seek_back_makes_votes_void)
{
    ck_assert(!ends(1, 100, 100, 2));
    struct sv_playback_change c = at(T0 + 101000, 0);
    ck_assert_int_eq(sv_playback_seek(&state, &c, 50, &state, NULL), 0);
    ck_assert(!ends(2, 151, 100, 2));
    ck_assert(ends(1, 152, 100, 2));
}
END_TEST

START_TEST(a_seek_onwards_leaves_them)
{
    ck_assert(!ends(1, 100, 100, 2));
    struct sv_playback_change c = at(T0 + 101000, 0);
    ck_assert_int_eq(sv_playback_seek(&state, &c, 200, &state, NULL), 0);
    ck_assert(ends(2, 102, 201, 2));
}
END_TEST

START_TEST(the_next_round_of_a_movie_is_another_one)
{
    is_at(1, 7, 7);
    ck_assert(!ends(1, 8, 8, 2));
    struct sv_playback_change c = at(T0 + 8000, 0);
    sv_playback_end(&state, &c, MOVIE, &state);
    ck_assert(!ends(2, 12, 8, 2));
    ck_assert(ends(1, 12, 8, 2)); /* within 10 s of where the room is */
}
END_TEST

START_TEST(another_movie_has_votes_of_its_own)
{
    ck_assert(!ends(1, 100, 100, 2));
    ck_assert_double_eq(learned(1, 100, 500, 2), 0);
    struct sv_playback_change c = at(T0 + 101000, 0);
    ck_assert_int_eq(sv_playback_set_movie(&state, &c, OTHER, SYNCTV_PLAYBACK_STATUS_PLAYING,
                         &state, NULL),
        0);
    ck_assert_double_eq(learned(2, 105, 500, 2), 0);
    ck_assert(!ends(2, 105, 4, 2));
}
END_TEST

START_TEST(a_vote_leaves_with_its_user)
{
    ck_assert(!ends(1, 100, 100, 4));
    ck_assert(!ends(2, 100, 100, 4));
    sv_votes_leave(&votes, user(1));
    sv_votes_leave(&votes, user(7));
    ck_assert_double_eq(learned(3, 100, 500, 3), 0);
    ck_assert_double_eq(learned(4, 100, 700, 3), 0);
    sv_votes_leave(&votes, user(3));
    ck_assert_double_eq(learned(2, 100, 500, 3), 0);
    ck_assert(ends(3, 101, 101, 3));
}
END_TEST

/* --- the length --- */

/* Says it to a room in which nobody has said anything for long enough. */
static void says(int nr, double after_s, double duration_s, size_t n_watching)
{
    ck_assert_double_eq(learned(nr, after_s, duration_s, n_watching), 0);
}

/* What the room finds when it looks by itself. */
static double found(double after_s, size_t n_watching)
{
    return sv_votes_length(&votes, &state, T0 + (int64_t)(after_s * 1000), n_watching);
}

START_TEST(most_have_to_say_the_same_length)
{
    says(1, 0, 500, 5);
    says(2, 0, 700, 5);
    says(3, 0, 500.6, 5);
    says(4, 0, 900, 5);
    ck_assert_double_eq(found(20, 5), 0);
    says(4, 30, 500.9, 5);
    ck_assert_double_eq(found(40, 5), 500.9); /* nobody's end is cut off */
    ck_assert_double_eq(sv_votes_length(&votes, &state, at_ms(50), 5), 500.9);
    ck_assert_double_eq(found(60, 6), 0);
}
END_TEST

START_TEST(whoever_they_are_that_agree)
{
    for (int nr = 1; nr <= 9; nr++)
        says(nr, 0, nr % 2 == 0 ? nr : 500 + nr / 10.0, 9); /* 500.1, 2, 500.3, 4 ... */
    ck_assert_double_eq_tol(found(10, 9), 500.9, 1e-9);
    sv_votes_clear(&votes);
    for (int nr = 1; nr <= 9; nr++)
        says(nr, 0, nr % 2 == 0 ? 500 + nr / 10.0 : 600 + 2 * nr, 9); /* four of nine */
    ck_assert_double_eq(found(10, 9), 0);
}
END_TEST

START_TEST(who_leaves_may_make_them_most)
{
    says(1, 0, 500, 4);
    says(2, 0, 500, 4);
    says(2, 20, 500, 4);
    ck_assert_double_eq(found(40, 3), 500);
}
END_TEST

START_TEST(a_length_is_learned_once_it_has_stood)
{
    says(1, 0, 500, 1);
    says(1, 9.9, 500, 1);
    ck_assert_double_eq(learned(1, 11, 500, 1), 500);
}
END_TEST

START_TEST(a_length_said_once_is_found_later)
{
    says(1, 0, 500, 1);
    ck_assert_double_eq(found(9.9, 1), 0);
    ck_assert_double_eq(found(20, 1), 500);
}
END_TEST

/* As that of a player which is loading does. */
START_TEST(a_length_that_grows_is_not_learned)
{
    double length_s = 3;
    for (int s = 0; s < 60; s++, length_s += 1.1) {
        for (int nr = 1; nr <= _i; nr++)
            says(nr, s, length_s + nr / 10.0, (size_t)_i);
    }
    for (int nr = 1; nr <= _i; nr++)
        says(nr, 60, 5400, (size_t)_i);
    ck_assert_double_eq(found(70, (size_t)_i), 5400);
}
END_TEST

START_TEST(nor_is_one_that_creeps)
{
    for (int i = 0; i < 240; i++)
        says(1, i / 4.0, 3 + i * 0.3, 1);
}
END_TEST

START_TEST(a_length_that_wavers_a_little_stands)
{
    for (int i = 0; i <= 18; i++)
        says(1, i / 2.0, i % 2 == 0 ? 500 : 500.9, 1);
    ck_assert_double_eq(learned(1, 10, 500.4, 1), 500.4);
}
END_TEST

START_TEST(a_clock_that_is_set_back_begins_anew)
{
    says(1, 3600, 5400, 1);
    ck_assert_double_eq(found(0, 1), 0);
    ck_assert_double_eq(found(10, 1), 5400);
}
END_TEST

START_TEST(a_length_is_never_before_the_playhead)
{
    says(1, 2400, 1, 1);
    ck_assert_double_eq(found(2410, 1), 0);
    says(1, 2420, 2429.9, 1);
    ck_assert_double_eq(found(2430, 1), 0);
    says(1, 2440, 5400, 1);
    ck_assert_double_eq(found(2450, 1), 5400);
}
END_TEST

START_TEST(what_is_no_length_says_nothing)
{
    const double none[] = { 0, -1, NAN, INFINITY, -INFINITY, 360001, 1e300 };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        says(1, 20.0 * (double)i, none[i], 1);
    ck_assert_double_eq(found(200, 1), 0);
    says(1, 300, 500, 3);
    says(2, 300, NAN, 3);
    says(1, 305, 0, 3); /* what they said before still holds */
    says(2, 305, 500, 3);
    ck_assert_double_eq(found(315, 3), 500);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("votes");
    TCase *t = tcase_create("votes");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, most_of_those_who_watch_decide_on_the_end);
    tcase_add_test(t, a_user_has_one_vote);
    tcase_add_test(t, an_end_fits_where_the_room_is);
    tcase_add_test(t, an_end_fits_past_what_the_user_reported_before);
    tcase_add_test(t, an_end_that_did_not_fit_makes_no_later_one_fit);
    tcase_add_test(t, what_has_just_begun_does_not_end);
    tcase_add_test(t, what_stands_still_does_not_end);
    tcase_add_test(t, a_vote_outlives_pause_play_and_another_rate);
    tcase_add_test(t, a_seek_back_makes_votes_void);
    tcase_add_test(t, a_seek_onwards_leaves_them);
    tcase_add_test(t, the_next_round_of_a_movie_is_another_one);
    tcase_add_test(t, another_movie_has_votes_of_its_own);
    tcase_add_test(t, a_vote_leaves_with_its_user);
    tcase_add_test(t, most_have_to_say_the_same_length);
    tcase_add_test(t, whoever_they_are_that_agree);
    tcase_add_test(t, who_leaves_may_make_them_most);
    tcase_add_test(t, a_length_is_learned_once_it_has_stood);
    tcase_add_test(t, a_length_said_once_is_found_later);
    tcase_add_loop_test(t, a_length_that_grows_is_not_learned, 1, 4);
    tcase_add_test(t, nor_is_one_that_creeps);
    tcase_add_test(t, a_length_that_wavers_a_little_stands);
    tcase_add_test(t, a_clock_that_is_set_back_begins_anew);
    tcase_add_test(t, a_length_is_never_before_the_playhead);
    tcase_add_test(t, what_is_no_length_says_nothing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
