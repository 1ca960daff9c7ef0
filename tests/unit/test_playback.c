/* SPDX-License-Identifier: MIT */
/* What a change makes of a state, and where it puts the playhead. */
#include "test_playback.h"

/* --- where the playhead is --- */

START_TEST(a_new_room_has_no_movie_and_stands_still)
{
    struct sv_playback_state s;
    sv_playback_init(&s);
    ck_assert_str_eq(s.movie_id, "");
    ck_assert_int_eq(s.status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(s.rate, 1);
    ck_assert_uint_eq(s.version, 1);
    ck_assert_double_eq(sv_playback_position_at(&s, INT64_MAX, 0), 0);
}
END_TEST

START_TEST(a_paused_playhead_ignores_the_clock)
{
    struct sv_playback_state s = with_movie();
    s.position_s = 7;
    ck_assert_double_eq(sv_playback_position_at(&s, T0, 0), 7);
    ck_assert_double_eq(sv_playback_position_at(&s, T0 + 99000, 0), 7);
}
END_TEST

START_TEST(a_playing_playhead_runs_at_its_rate_up_to_the_end)
{
    struct sv_playback_state s = playing_from(10, 1.5);
    ck_assert_double_eq(sv_playback_position_at(&s, T0, 100), 10);
    ck_assert_double_eq_tol(sv_playback_position_at(&s, T0 + 2000, 100), 13, EPS);
    ck_assert_double_eq(sv_playback_position_at(&s, T0 + 60000, 100), 100);
    ck_assert_double_eq_tol(sv_playback_position_at(&s, T0 + 60000, 0), 100, EPS);
    ck_assert_double_eq(sv_playback_position_at(&s, T0 + 90000, 100), 100);
}
END_TEST

START_TEST(a_clock_before_the_state_does_not_turn_the_playhead_back)
{
    struct sv_playback_state s = playing_from(10, 1);
    ck_assert_double_eq(sv_playback_position_at(&s, T0 - 5000, 100), 10);
    ck_assert_double_eq(sv_playback_position_at(&s, INT64_MIN, 100), 10);
}
END_TEST

START_TEST(extreme_times_do_not_overflow)
{
    struct sv_playback_state s = playing_from(0, 4);
    s.updated_at_ms = INT64_MIN;
    ck_assert(isfinite(sv_playback_position_at(&s, INT64_MAX, 0)));
    ck_assert_double_eq(sv_playback_position_at(&s, INT64_MAX, 60), 60);
    s.position_s = 1e308;
    ck_assert(sv_playback_position_at(&s, INT64_MAX, 60) <= 60);
    s.updated_at_ms = INT64_MAX;
    ck_assert_int_gt(sv_playback_ends_at_ms(&s, 1e300), 0);
}
END_TEST

/* --- changes --- */

START_TEST(play_without_a_position_goes_on_from_here)
{
    struct sv_playback_state s = with_movie(), r;
    s.position_s = 30;
    struct sv_playback_change c = at(T0 + 500, 100);
    c.client_time_ms = T0; /* only a position that was given is old */
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_eq(r.position_s, 30);
    ck_assert_int_eq(r.updated_at_ms, T0 + 500);
    ck_assert_str_eq(r.node_id, "node-a");
    ck_assert_str_eq(r.movie_id, MOVIE);

    c = at(T0 + 1500, 100);
    ck_assert_int_eq(sv_playback_play(&r, &c, NULL, &r, NULL), 0);
    ck_assert_double_eq_tol(r.position_s, 31, EPS);
}
END_TEST

START_TEST(play_at_the_end_starts_again)
{
    struct sv_playback_state s = with_movie(), r;
    s.position_s = 100;
    struct sv_playback_change c = at(T0, 100);
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_double_eq(r.position_s, 0);

    s = playing_from(99, 1); /* it ran out */
    c = at(T0 + 5000, 100);
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_double_eq(r.position_s, 0);

    double end = 100; /* asked for */
    ck_assert_int_eq(sv_playback_play(&s, &c, &end, &r, NULL), 0);
    ck_assert_double_eq(r.position_s, 100);

    c.duration_s = 0; /* no end is known */
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_double_eq_tol(r.position_s, 104, EPS);
}
END_TEST

START_TEST(play_with_a_position_adds_the_way_of_the_request)
{
    struct sv_playback_state s = with_movie(), r;
    double position = 50;
    struct sv_playback_change c = at(T0 + 1000, 100);
    c.client_time_ms = T0 + 600;
    ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, NULL), 0);
    ck_assert_double_eq_tol(r.position_s, 50.4, EPS);

    s.rate = 2;
    ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, NULL), 0);
    ck_assert_double_eq_tol(r.position_s, 50.8, EPS);

    position = 99.9;
    ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, NULL), 0);
    ck_assert_double_eq(r.position_s, 100);
}
END_TEST

START_TEST(the_way_of_a_request_is_believed_within_limits)
{
    const int64_t now = T0;
    const struct {
        int64_t client_time_ms;
        double expected_s;
    } rows[] = {
        { 0, 0 }, { -1, 0 }, { INT64_MIN, 0 }, { INT64_MAX, 0 }, { 1, 0 }, /* unknown, nonsense */
        { now, 0 }, { now + 1, 0 }, { now + 40000, 0 },                    /* the future */
        { now - 1, 0.001 }, { now - 250, 0.25 }, { now - 1499, 1.499 },    /* the way */
        { now - 1500, 1.5 }, { now - 1501, 1.5 }, { now - 30000, 1.5 },    /* capped */
        { now - 30001, 0 }, { now - 3600000, 0 },                          /* a wrong clock */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_double_eq_tol(sv_playback_delay_s(now, rows[i].client_time_ms),
            rows[i].expected_s, EPS);
}
END_TEST

START_TEST(pause_freezes_the_playhead_where_it_is)
{
    struct sv_playback_state s = playing_from(10, 2), r;
    struct sv_playback_change c = at(T0 + 3000, 100);
    c.client_time_ms = T0 + 2000;
    ck_assert_int_eq(sv_playback_pause(&s, &c, NULL, &r, NULL), 0);
    ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq_tol(r.position_s, 16, EPS);
    ck_assert_double_eq_tol(sv_playback_position_at(&r, T0 + 99000, 100), 16, EPS);

    double position = 12.5; /* taken as given */
    ck_assert_int_eq(sv_playback_pause(&s, &c, &position, &r, NULL), 0);
    ck_assert_double_eq(r.position_s, 12.5);
}
END_TEST

START_TEST(seek_moves_and_leaves_the_rest_as_it_is)
{
    struct sv_playback_state s = playing_from(10, 2), r;
    struct sv_playback_change c = at(T0 + 3000, 100);
    c.client_time_ms = T0 + 2000;
    ck_assert_int_eq(sv_playback_seek(&s, &c, 70, &r, NULL), 0);
    ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_eq(r.position_s, 70);
    ck_assert_double_eq(r.rate, 2);
    ck_assert_int_eq(r.updated_at_ms, T0 + 3000);

    s.status = SYNCTV_PLAYBACK_STATUS_PAUSED;
    ck_assert_int_eq(sv_playback_seek(&s, &c, 0, &r, NULL), 0);
    ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(r.position_s, 0);
}
END_TEST

START_TEST(another_rate_goes_on_from_the_same_place)
{
    struct sv_playback_state s = playing_from(10, 2), r;
    struct sv_playback_change c = at(T0 + 3000, 100);
    ck_assert_int_eq(sv_playback_set_rate(&s, &c, 0.5, &r, NULL), 0);
    ck_assert_double_eq_tol(r.position_s, 16, EPS);
    ck_assert_double_eq_tol(sv_playback_position_at(&r, T0 + 5000, 100), 17, EPS);
}
END_TEST

START_TEST(a_rate_without_a_movie_is_that_of_the_next_one)
{
    struct sv_playback_state s;
    sv_playback_init(&s);
    struct sv_playback_change c = at(T0, 0);
    ck_assert_int_eq(sv_playback_set_rate(&s, &c, 1.25, &s, NULL), 0);
    ck_assert_int_eq(sv_playback_set_movie(&s, &c, MOVIE, SYNCTV_PLAYBACK_STATUS_PLAYING, &s, NULL),
        0);
    ck_assert_double_eq(s.rate, 1.25);
}
END_TEST

START_TEST(another_movie_starts_at_zero_and_plays_only_if_asked_to)
{
    struct sv_playback_state s = playing_from(10, 2), r;
    struct sv_playback_change c = at(T0 + 3000, 55);
    ck_assert_int_eq(sv_playback_set_movie(&s, &c, OTHER, SYNCTV_PLAYBACK_STATUS_PAUSED, &r, NULL),
        0);
    ck_assert_str_eq(r.movie_id, OTHER);
    ck_assert_double_eq(r.position_s, 0);
    ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_int_eq(sv_playback_set_movie(&s, &c, OTHER, SYNCTV_PLAYBACK_STATUS_PLAYING, &r, NULL),
        0);
    ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_eq_tol(sv_playback_position_at(&r, T0 + 4000, 55), 2, EPS);
}
END_TEST

START_TEST(without_a_movie_there_is_no_playhead_to_move)
{
    struct sv_playback_state s = playing_from(10, 1), r;
    struct sv_playback_change c = at(T0 + 3000, 100);
    ck_assert_int_eq(sv_playback_clear_movie(&s, &c, &s, NULL), 0);
    ck_assert_str_eq(s.movie_id, "");
    ck_assert_int_eq(s.status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(s.position_s, 0);

    double position = 1;
    synctv_error err = { 0 };
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, &err), SYNCTV_E_NO_CURRENT_MOVIE);
    ck_assert_int_eq(err.code, SYNCTV_E_NO_CURRENT_MOVIE);
    ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, NULL), SYNCTV_E_NO_CURRENT_MOVIE);
    ck_assert_int_eq(sv_playback_pause(&s, &c, NULL, &r, NULL), SYNCTV_E_NO_CURRENT_MOVIE);
    ck_assert_int_eq(sv_playback_seek(&s, &c, 1, &r, NULL), SYNCTV_E_NO_CURRENT_MOVIE);
}
END_TEST

START_TEST(a_bad_position_is_refused_and_changes_nothing)
{
    const double bad[] = { -0.001, -INFINITY, INFINITY, NAN, -NAN, 100.001, 1e308 };
    struct sv_playback_state s = playing_from(10, 1), r = s;
    struct sv_playback_change c = at(T0 + 3000, 100);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        synctv_error err = { 0 };
        ck_assert_int_eq(sv_playback_play(&s, &c, &bad[i], &r, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "position");
        ck_assert_int_eq(sv_playback_pause(&s, &c, &bad[i], &r, NULL), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_int_eq(sv_playback_seek(&s, &c, bad[i], &r, NULL), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_mem_eq(&r, &s, sizeof(s));
    }
    ck_assert_int_eq(sv_playback_seek(&s, &c, 100, &r, NULL), 0);
    ck_assert_int_eq(sv_playback_seek(&s, &c, -0.0, &r, NULL), 0);
    ck_assert(!signbit(r.position_s));
    c.duration_s = 0;
    ck_assert_int_eq(sv_playback_seek(&s, &c, 1e9, &r, NULL), 0);
}
END_TEST

START_TEST(a_rate_is_between_a_quarter_and_four)
{
    const double bad[] = { 0.2499, 4.0001, 0, -1, NAN, INFINITY, -INFINITY };
    const double good[] = { 0.25, 0.5, 1, 1.25, 2, 4 };
    struct sv_playback_state s = playing_from(10, 1), r = s;
    struct sv_playback_change c = at(T0 + 3000, 100);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        synctv_error err = { 0 };
        ck_assert_int_eq(sv_playback_set_rate(&s, &c, bad[i], &r, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "rate");
        ck_assert_mem_eq(&r, &s, sizeof(s));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_int_eq(sv_playback_set_rate(&s, &c, good[i], &r, NULL), 0);
}
END_TEST

START_TEST(a_movie_is_named_by_its_id)
{
    const char *bad[] = { NULL, "", "short", "movie_0000012", "movie 000001", "movie_00000\xff" };
    struct sv_playback_state s = with_movie(), r = s;
    struct sv_playback_change c = at(T0, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        synctv_error err = { 0 };
        ck_assert_int_eq(sv_playback_set_movie(&s, &c, bad[i], SYNCTV_PLAYBACK_STATUS_PAUSED, &r,
                             &err),
            SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "movie_id");
    }
    ck_assert_mem_eq(&r, &s, sizeof(s));
}
END_TEST

/* --- the end --- */

START_TEST(a_movie_ends_a_second_after_its_end)
{
    struct sv_playback_state s = playing_from(90, 2);
    ck_assert_int_eq(sv_playback_ends_at_ms(&s, 100), T0 + 6000);
    s.position_s = 100;
    ck_assert_int_eq(sv_playback_ends_at_ms(&s, 100), T0 + 1000);
    s.position_s = 120; /* the duration was corrected */
    ck_assert_int_eq(sv_playback_ends_at_ms(&s, 100), T0 + 1000);
}
END_TEST

START_TEST(what_stands_still_or_has_no_known_end_does_not_end)
{
    struct sv_playback_state s = playing_from(90, 1);
    ck_assert_int_eq(sv_playback_ends_at_ms(&s, 0), 0);
    ck_assert_int_eq(sv_playback_ends_at_ms(&s, NAN), 0);
    s.status = SYNCTV_PLAYBACK_STATUS_PAUSED;
    ck_assert_int_eq(sv_playback_ends_at_ms(&s, 100), 0);
}
END_TEST

START_TEST(the_next_movie_plays_from_its_beginning_or_this_one_stops_at_its_end)
{
    struct sv_playback_state s = playing_from(90, 2), r;
    struct sv_playback_change c = at(T0 + 6000, 100);
    sv_playback_end(&s, &c, OTHER, &r);
    ck_assert_str_eq(r.movie_id, OTHER);
    ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_eq(r.position_s, 0);
    ck_assert_double_eq(r.rate, 2);
    ck_assert_uint_eq(r.version, T0 + 6000);
    const char *const none[] = { NULL, "", "no id" };
    for (int i = 0; i < 3; i++) {
        sv_playback_end(&s, &c, none[i], &r);
        ck_assert_str_eq(r.movie_id, MOVIE);
        ck_assert_int_eq(r.status, SYNCTV_PLAYBACK_STATUS_PAUSED);
        ck_assert_double_eq(r.position_s, 100);
    }
}
END_TEST

/* Between nodes a state is what the wire and storage carry. */
START_TEST(an_end_by_the_clock_has_a_name_that_goes_everywhere)
{
    const uint64_t revisions[] = { 0, 7, 10, 123456789, UINT64_MAX };
    char name[SV_END_NODE_SIZE], before[SV_END_NODE_SIZE] = "";
    for (size_t i = 0; i < sizeof(revisions) / sizeof(revisions[0]); i++) {
        sv_playback_end_node(revisions[i], name);
        ck_assert_str_gt(name, before);
        strcpy(before, name);
        struct sv_playback_state s = playing_from(90, 1), r;
        struct sv_playback_change c = at(T0 + 11000, 100);
        c.node_id = name;
        sv_playback_end(&s, &c, OTHER, &s);
        synctv_playback view;
        sv_playback_view(&s, &view);
        ck_assert_int_eq(sv_playback_load(&view, &r, NULL), 0);
        ck_assert_str_eq(r.node_id, name);
    }
    ck_assert_str_eq(name, "end-18446744073709551615");
}
END_TEST

START_TEST(chance_at_an_end_by_the_clock_is_the_same_for_all)
{
    uint64_t first = sv_playback_end_random("room_0000001", T0);
    ck_assert_uint_eq(first, sv_playback_end_random("room_0000001", T0));
    ck_assert_uint_ne(first, sv_playback_end_random("room_0000002", T0));
    ck_assert_uint_ne(first, sv_playback_end_random("room_0000001", T0 + 1));
    /* In every process, on every machine. */
    ck_assert_uint_eq(first, UINT64_C(7171131079989048023));
}
END_TEST

/* --- drift --- */

START_TEST(a_client_is_off_beyond_the_limit)
{
    struct sv_playback_state s = playing_from(10, 1);
    const int64_t now = T0 + 5000; /* at 15 */
    ck_assert_double_eq_tol(sv_playback_drift_s(&s, now, 100, 16), 1, EPS);
    ck_assert_double_eq_tol(sv_playback_drift_s(&s, now, 100, 12), -3, EPS);
    ck_assert(!sv_playback_is_off(&s, now, 100, MOVIE, 15));
    ck_assert(!sv_playback_is_off(&s, now, 100, MOVIE, 16.19));
    ck_assert(!sv_playback_is_off(&s, now, 100, MOVIE, 13.81));
    ck_assert(sv_playback_is_off(&s, now, 100, MOVIE, 16.21));
    ck_assert(sv_playback_is_off(&s, now, 100, MOVIE, 13.79));
    ck_assert(sv_playback_is_off(&s, now, 100, MOVIE, NAN));
    ck_assert(sv_playback_is_off(&s, now, 100, MOVIE, -INFINITY));
    ck_assert(sv_playback_is_off(&s, now, 100, OTHER, 15));
    ck_assert(sv_playback_is_off(&s, now, 100, NULL, 15));
}
END_TEST

START_TEST(without_a_movie_nobody_is_off)
{
    struct sv_playback_state s;
    sv_playback_init(&s);
    ck_assert(!sv_playback_is_off(&s, T0, 0, "", 17));
    ck_assert(!sv_playback_is_off(&s, T0, 0, NULL, NAN));
    ck_assert(sv_playback_is_off(&s, T0, 0, MOVIE, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("playback");
    TCase *t = tcase_create("playback");
    suite_add_tcase(suite, t);
    tcase_add_test(t, a_new_room_has_no_movie_and_stands_still);
    tcase_add_test(t, a_paused_playhead_ignores_the_clock);
    tcase_add_test(t, a_playing_playhead_runs_at_its_rate_up_to_the_end);
    tcase_add_test(t, a_clock_before_the_state_does_not_turn_the_playhead_back);
    tcase_add_test(t, extreme_times_do_not_overflow);
    tcase_add_test(t, play_without_a_position_goes_on_from_here);
    tcase_add_test(t, play_at_the_end_starts_again);
    tcase_add_test(t, play_with_a_position_adds_the_way_of_the_request);
    tcase_add_test(t, the_way_of_a_request_is_believed_within_limits);
    tcase_add_test(t, pause_freezes_the_playhead_where_it_is);
    tcase_add_test(t, seek_moves_and_leaves_the_rest_as_it_is);
    tcase_add_test(t, another_rate_goes_on_from_the_same_place);
    tcase_add_test(t, a_rate_without_a_movie_is_that_of_the_next_one);
    tcase_add_test(t, another_movie_starts_at_zero_and_plays_only_if_asked_to);
    tcase_add_test(t, without_a_movie_there_is_no_playhead_to_move);
    tcase_add_test(t, a_bad_position_is_refused_and_changes_nothing);
    tcase_add_test(t, a_rate_is_between_a_quarter_and_four);
    tcase_add_test(t, a_movie_is_named_by_its_id);
    tcase_add_test(t, a_movie_ends_a_second_after_its_end);
    tcase_add_test(t, what_stands_still_or_has_no_known_end_does_not_end);
    tcase_add_test(t, the_next_movie_plays_from_its_beginning_or_this_one_stops_at_its_end);
    tcase_add_test(t, an_end_by_the_clock_has_a_name_that_goes_everywhere);
    tcase_add_test(t, chance_at_an_end_by_the_clock_is_the_same_for_all);
    tcase_add_test(t, a_client_is_off_beyond_the_limit);
    tcase_add_test(t, without_a_movie_nobody_is_off);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
