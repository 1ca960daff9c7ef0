/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/playback.h"

#define MOVIE "movie_000001"
#define OTHER "movie_000002"
#define T0 INT64_C(1700000000000) /* some node clock */
#define EPS 1e-6

static struct sv_playback_change at(int64_t now_ms, double duration_s)
{
    return (struct sv_playback_change){
        .now_ms = now_ms, .node_id = "node-a", .duration_s = duration_s
    };
}

/* With a movie, paused at 0 since T0. */
static struct sv_playback_state with_movie(void)
{
    struct sv_playback_state s;
    sv_playback_init(&s);
    struct sv_playback_change c = at(T0, 0);
    ck_assert_int_eq(sv_playback_set_movie(&s, &c, MOVIE, SYNCTV_PLAYBACK_STATUS_PAUSED, &s, NULL),
        0);
    return s;
}

/* Playing from position_s since T0. */
static struct sv_playback_state playing_from(double position_s, double rate)
{
    struct sv_playback_state s = with_movie();
    s.status = SYNCTV_PLAYBACK_STATUS_PLAYING;
    s.position_s = position_s;
    s.rate = rate;
    return s;
}

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

/* --- versions --- */

START_TEST(a_version_is_the_clock_or_one_more_than_the_last)
{
    struct sv_playback_state s = with_movie(), r;
    ck_assert_uint_eq(s.version, T0);
    struct sv_playback_change c = at(T0 + 10, 0);
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 10);
    ck_assert_int_eq(sv_playback_pause(&r, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 11);
    c = at(T0 - 100000, 0); /* another node's clock is behind */
    ck_assert_int_eq(sv_playback_play(&r, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 12);
    c = at(-5, 0);
    ck_assert_int_eq(sv_playback_play(&r, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 13);
}
END_TEST

START_TEST(the_highest_version_does_not_wrap)
{
    struct sv_playback_state s = with_movie(), r;
    s.version = INT64_MAX;
    struct sv_playback_change c = at(T0, 0);
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, INT64_MAX);
}
END_TEST

START_TEST(a_stale_version_is_refused_by_every_change)
{
    struct sv_playback_state s = playing_from(10, 1), r = s;
    struct sv_playback_change c = at(T0 + 3000, 100);
    double position = 1;
    const uint64_t stale[] = { 1, s.version - 1, s.version + 1, UINT64_MAX };
    for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
        c.expected_version = stale[i];
        synctv_error err = { 0 };
        const int no = SYNCTV_E_VERSION_CONFLICT;
        ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, &err), no);
        ck_assert_int_eq(err.code, no);
        ck_assert_int_eq(sv_playback_pause(&s, &c, NULL, &r, NULL), no);
        ck_assert_int_eq(sv_playback_seek(&s, &c, 1, &r, NULL), no);
        ck_assert_int_eq(sv_playback_set_rate(&s, &c, 1, &r, NULL), no);
        ck_assert_int_eq(sv_playback_clear_movie(&s, &c, &r, NULL), no);
        ck_assert_int_eq(sv_playback_set_movie(&s, &c, OTHER, SYNCTV_PLAYBACK_STATUS_PAUSED, &r,
                             NULL),
            no);
        ck_assert_mem_eq(&r, &s, sizeof(s));
    }
    c.expected_version = s.version;
    ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, NULL), 0);
    ck_assert_int_eq(sv_playback_play(&r, &c, &position, &r, NULL), SYNCTV_E_VERSION_CONFLICT);
}
END_TEST

START_TEST(version_then_node_orders_states)
{
    struct sv_playback_state a = with_movie(), b = a;
    ck_assert(!sv_playback_newer(&a, &b));
    b.version++;
    ck_assert(sv_playback_newer(&b, &a));
    ck_assert(!sv_playback_newer(&a, &b));
    b.version = a.version;
    strcpy(b.node_id, "node-b");
    ck_assert(sv_playback_newer(&b, &a));
    ck_assert(!sv_playback_newer(&a, &b));
    a.version++;
    ck_assert(sv_playback_newer(&a, &b));
}
END_TEST

/* --- in and out --- */

START_TEST(a_state_survives_the_way_out_and_in)
{
    struct sv_playback_state s = playing_from(12.25, 1.5), r;
    synctv_playback view;
    sv_playback_view(&s, &view);
    ck_assert_str_eq(view.room_id, "");
    ck_assert_str_eq(view.operation_id, "");
    ck_assert_str_eq(view.actor_id, "");
    ck_assert_int_eq(sv_playback_load(&view, &r, NULL), 0);
    ck_assert_str_eq(r.movie_id, s.movie_id);
    ck_assert_str_eq(r.node_id, s.node_id);
    ck_assert_int_eq(r.status, s.status);
    ck_assert_double_eq(r.position_s, s.position_s);
    ck_assert_double_eq(r.rate, s.rate);
    ck_assert_int_eq(r.updated_at_ms, s.updated_at_ms);
    ck_assert_uint_eq(r.version, s.version);

    sv_playback_init(&s);
    sv_playback_view(&s, &view);
    ck_assert_int_eq(sv_playback_load(&view, &r, NULL), 0);
}
END_TEST

START_TEST(a_state_that_no_node_makes_is_refused)
{
    struct sv_playback_state s = playing_from(12.25, 1.5), r = s;
    synctv_playback good;
    sv_playback_view(&s, &good);
    char long_id[SV_NODE_ID_MAX + 2];
    memset(long_id, 'x', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    struct {
        const char *field;
        synctv_playback state;
    } rows[] = {
        { "movie_id", good },
        { "movie_id", good },
        { "node_id", good },
        { "node_id", good },
        { "status", good },
        { "status", good },
        { "status", good },
        { "current_time", good },
        { "current_time", good },
        { "current_time", good },
        { "rate", good },
        { "rate", good },
        { "updated_at", good },
        { "version", good },
    };
    rows[0].state.movie_id = "nonsense";
    rows[1].state.movie_id = "movie_0000010";
    rows[2].state.node_id = "a b";
    rows[3].state.node_id = long_id;
    rows[4].state.status = SYNCTV_PLAYBACK_STATUS_UNSPECIFIED;
    rows[5].state.status = (synctv_playback_status)3;
    rows[6].state.movie_id = NULL;
    rows[7].state.position_s = NAN;
    rows[8].state.position_s = -1;
    rows[9].state.position_s = INFINITY;
    rows[10].state.rate = 0;
    rows[11].state.rate = NAN;
    rows[12].state.updated_at_ms = -1;
    rows[13].state.version = UINT64_C(1) << 63;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        synctv_error err = { 0 };
        ck_assert_int_eq(sv_playback_load(&rows[i].state, &r, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, rows[i].field);
    }
    ck_assert_mem_eq(&r, &s, sizeof(s));
}
END_TEST

START_TEST(a_long_node_id_is_cut_and_never_overflows)
{
    char long_id[200];
    memset(long_id, 'x', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    struct sv_playback_state s = with_movie();
    struct sv_playback_change c = at(T0, 0);
    c.node_id = long_id;
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &s, NULL), 0);
    ck_assert_uint_eq(strlen(s.node_id), SV_NODE_ID_MAX);
    c.node_id = NULL;
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &s, NULL), 0);
    ck_assert_str_eq(s.node_id, "");
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

START_TEST(most_of_those_who_watch_decide_on_the_end)
{
    const struct {
        size_t reports, watching;
        bool expected;
    } rows[] = {
        { 0, 0, false },
        { 1, 0, false },
        { 0, 1, false },
        { 1, 1, true },
        { 1, 2, false },
        { 2, 2, true },
        { 1, 3, false },
        { 2, 3, true },
        { 2, 4, false },
        { 3, 4, true },
        { 5000, 10000, false },
        { 5001, 10000, true },
        { SIZE_MAX, SIZE_MAX, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert(sv_ended_quorum(rows[i].reports, rows[i].watching) == rows[i].expected);
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

/* --- properties --- */

static uint64_t random_state;

static uint64_t random_u64(void) /* splitmix64 */
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double random_up_to(double max)
{
    return (double)(random_u64() >> 11) / 9007199254740992.0 * max;
}

static int random_change(const struct sv_playback_state *from, const struct sv_playback_change *c,
    struct sv_playback_state *ret)
{
    double position = random_up_to(c->duration_s > 0 ? c->duration_s * 1.1 : 10000);
    const double *maybe = random_u64() % 2 == 0 ? &position : NULL;
    switch (random_u64() % 7) {
    case 0:
    case 1:
        return sv_playback_play(from, c, maybe, ret, NULL);
    case 2:
        return sv_playback_pause(from, c, maybe, ret, NULL);
    case 3:
        return sv_playback_seek(from, c, position, ret, NULL);
    case 4:
        return sv_playback_set_rate(from, c, random_up_to(5), ret, NULL);
    case 5:
        return sv_playback_set_movie(from, c, random_u64() % 2 == 0 ? MOVIE : OTHER,
            random_u64() % 2 == 0 ? SYNCTV_PLAYBACK_STATUS_PLAYING : SYNCTV_PLAYBACK_STATUS_PAUSED,
            ret, NULL);
    default:
        return random_u64() % 8 == 0 ? sv_playback_clear_movie(from, c, ret, NULL)
                                     : sv_playback_play(from, c, NULL, ret, NULL);
    }
}

static void check_invariants(const struct sv_playback_state *s, const struct sv_playback_change *c)
{
    ck_assert(isfinite(s->position_s) && s->position_s >= 0);
    ck_assert(c->duration_s <= 0 || s->position_s <= c->duration_s);
    ck_assert(s->rate >= SV_RATE_MIN && s->rate <= SV_RATE_MAX);
    ck_assert(s->status == SYNCTV_PLAYBACK_STATUS_PAUSED || s->movie_id[0] != '\0');
    ck_assert_int_eq(s->updated_at_ms, c->now_ms);
    ck_assert_uint_ge(s->version, (uint64_t)c->now_ms);
    ck_assert_str_eq(s->node_id, c->node_id);

    synctv_playback view; /* whatever a change makes, another node takes */
    struct sv_playback_state loaded;
    sv_playback_view(s, &view);
    ck_assert_int_eq(sv_playback_load(&view, &loaded, NULL), 0);

    int64_t end_ms = sv_playback_ends_at_ms(s, c->duration_s);
    if (end_ms > 0) {
        ck_assert_double_eq_tol(sv_playback_position_at(s, end_ms, c->duration_s), c->duration_s,
            EPS);
        ck_assert_int_ge(end_ms, s->updated_at_ms + SV_END_GRACE_MS);
    }
    double last = -1; /* monotonous */
    for (int64_t t = 0; t < 5; t++) {
        double p = sv_playback_position_at(s, s->updated_at_ms + t * 777, c->duration_s);
        ck_assert(p >= last);
        last = p;
    }
}

START_TEST(random_changes_keep_every_promise)
{
    random_state = 20240229;
    for (int round = 0; round < 200; round++) {
        struct sv_playback_state s;
        sv_playback_init(&s);
        double duration = random_u64() % 3 == 0 ? 0 : random_up_to(7200) + 0.1;
        int64_t now = T0;
        for (int step = 0; step < 200; step++) {
            now += (int64_t)(random_u64() % 20000) - 2000; /* other nodes' clocks differ */
            struct sv_playback_change c = at(now, duration);
            c.node_id = random_u64() % 2 == 0 ? "node-a" : "node-b";
            c.client_time_ms = now - (int64_t)(random_u64() % 40000) + 3000;
            if (random_u64() % 4 == 0)
                c.expected_version = s.version + random_u64() % 2;
            struct sv_playback_state before = s, after = s;
            int rv = random_change(&s, &c, &after);
            ck_assert_mem_eq(&before, &s, sizeof(s));
            if (rv < 0) {
                ck_assert_mem_eq(&before, &after, sizeof(s));
                continue;
            }
            ck_assert(sv_playback_newer(&after, &before));
            ck_assert(c.expected_version == 0 || c.expected_version == before.version);
            check_invariants(&after, &c);
            s = after;
        }
    }
}
END_TEST

START_TEST(nodes_that_see_the_same_states_in_any_order_agree)
{
    random_state = 7;
    for (int round = 0; round < 300; round++) {
        enum { N = 12 };
        struct sv_playback_state made[N], nodes[3];
        for (size_t i = 0; i < N; i++) {
            made[i] = playing_from((double)i, 1);
            made[i].version = (uint64_t)T0 + random_u64() % 5;
            made[i].node_id[5] = (char)('a' + random_u64() % 3);
        }
        for (size_t n = 0; n < 3; n++) {
            sv_playback_init(&nodes[n]);
            size_t start = random_u64() % N, step = n % 2 == 0 ? 5 : 7; /* coprime to 12 */
            for (size_t i = 0; i < N; i++) {
                const struct sv_playback_state *s = &made[(start + i * step) % N];
                if (sv_playback_newer(s, &nodes[n]))
                    nodes[n] = *s;
            }
        }
        for (size_t n = 1; n < 3; n++) {
            ck_assert_uint_eq(nodes[n].version, nodes[0].version);
            ck_assert_str_eq(nodes[n].node_id, nodes[0].node_id);
        }
    }
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
    tcase_add_test(t, a_version_is_the_clock_or_one_more_than_the_last);
    tcase_add_test(t, the_highest_version_does_not_wrap);
    tcase_add_test(t, a_stale_version_is_refused_by_every_change);
    tcase_add_test(t, version_then_node_orders_states);
    tcase_add_test(t, a_state_survives_the_way_out_and_in);
    tcase_add_test(t, a_state_that_no_node_makes_is_refused);
    tcase_add_test(t, a_long_node_id_is_cut_and_never_overflows);
    tcase_add_test(t, a_movie_ends_a_second_after_its_end);
    tcase_add_test(t, what_stands_still_or_has_no_known_end_does_not_end);
    tcase_add_test(t, most_of_those_who_watch_decide_on_the_end);
    tcase_add_test(t, a_client_is_off_beyond_the_limit);
    tcase_add_test(t, without_a_movie_nobody_is_off);
    tcase_add_test(t, random_changes_keep_every_promise);
    tcase_add_test(t, nodes_that_see_the_same_states_in_any_order_agree);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
