/* SPDX-License-Identifier: MIT */
/* The end of a movie, by the clock or by its removal, and what plays next. */
#include <stdlib.h>
#include <string.h>

#include "movie_room.h"

/* --- by the clock --- */

START_TEST(a_movie_ends_a_second_after_its_end)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    fx_pass_ms(55000);
    ck_assert(!anything_but_resync());
    fx_pass_ms(6100);
    ck_assert_str_eq(expect_next(), movies[1]);
    ck_assert(!anything_but_resync()); /* once */
}
END_TEST

START_TEST(next_goes_on_to_the_end_of_the_list)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    fx_pass_ms(61100);
    ck_assert_str_eq(expect_next(), movies[1]);
    fx_pass_ms(61100);
    ck_assert_str_eq(expect_next(), movies[2]);
    fx_pass_ms(61100);
    expect_pause_at(60);
    fx_pass_ms(120000);
    ck_assert(!anything_but_resync());
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room)); /* again from the beginning */
    ck_assert_double_lt(fx_answer->state->position_s, 30);
}
END_TEST

START_TEST(without_auto_advance_it_stops)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_OFF, 60);
    fx_pass_ms(61100);
    expect_pause_at(60);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(repeat_one_plays_the_same_again)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_REPEAT_ONE, 60);
    for (int i = 0; i < 3; i++) {
        fx_pass_ms(61100);
        ck_assert_str_eq(expect_next(), movies[0]);
    }
}
END_TEST

START_TEST(repeat_all_begins_again_behind_the_last)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_REPEAT_ALL, 60);
    for (int i = 1; i <= 2 * N_MOVIES; i++) {
        fx_pass_ms(61100);
        ck_assert_str_eq(expect_next(), movies[i % N_MOVIES]);
    }
}
END_TEST

START_TEST(shuffle_plays_another_one)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_SHUFFLE, 60);
    const char *last = movies[0];
    for (int i = 0; i < 10; i++) {
        fx_pass_ms(61100);
        const char *next = expect_next();
        ck_assert_str_ne(next, last);
        last = next;
    }
}
END_TEST

START_TEST(the_end_moves_with_seek_rate_and_pause)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = 20));
    fx_assert_ok(FX_ASK(alice, SET_PLAYBACK_RATE, .room_id = room, .rate = 4));
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    anything_but_resync();
    fx_pass_ms(100000);
    ck_assert(!anything_but_resync());
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    anything_but_resync();
    fx_pass_ms(5000);
    ck_assert(!anything_but_resync());
    fx_pass_ms(6100);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(the_end_moves_with_the_length_in_the_playlist)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    static const char *const fields[] = { "duration" };
    const synctv_movie shorter = { .duration_s = 20 };
    fx_pass_ms(15000);
    fx_assert_ok(FX_ASK(alice, UPDATE_MOVIE, .room_id = room, .movie_id = movies[0],
        .movie = &shorter, .fields = fields, .n_fields = 1));
    anything_but_resync();
    fx_pass_ms(6100);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

static synctv_playback state_now(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return *fx_answer->state;
}

/* The system's streams of all rooms are nobody who watches. */
START_TEST(the_playlist_waits_for_somebody_to_watch)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_REPEAT_ALL, 60);
    fx_open_stream(fx_system(), "", NULL);
    nobody_watches();
    uint64_t version = state_now().version;
    fx_pass_ms(30000); /* the movie itself goes on */
    ck_assert_double_ge(state_now().position_s, 30);
    ck_assert_double_lt(state_now().position_s, 60);
    fx_pass_ms(3600000);
    synctv_playback state = state_now();
    ck_assert_str_eq(state.movie_id, movies[0]);
    ck_assert_uint_eq(state.version, version);
    ck_assert_double_eq(state.position_s, 60);

    watcher = fx_follow(bob, room);
    fx_pass_ms(0);
    ck_assert_str_eq(expect_next(), movies[1]);
    ck_assert(!anything_but_resync()); /* once */
    fx_pass_ms(61100);
    ck_assert_str_eq(expect_next(), movies[2]);
}
END_TEST

START_TEST(at_the_end_of_a_movie_nobody_watched_play_begins_it_again)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    nobody_watches();
    fx_pass_ms(3600000);
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    ck_assert_str_eq(fx_answer->state->movie_id, movies[0]);
    ck_assert_double_lt(fx_answer->state->position_s, 30);
}
END_TEST

/* What every node makes of an end of `before` that was due `after_ms` later. */
static void check_end_by_the_clock(const struct sv_playback_state *before, int64_t after_ms,
    const char *movie_id)
{
    struct sv_playback_state now = anchor();
    char name[SV_END_NODE_SIZE];
    sv_playback_end_node(revision(), name);
    ck_assert_str_eq(now.movie_id, movie_id);
    ck_assert_str_eq(now.node_id, name);
    ck_assert_int_eq(now.updated_at_ms, before->updated_at_ms + after_ms);
    ck_assert_uint_eq(now.version, (uint64_t)now.updated_at_ms);
}

START_TEST(a_node_that_is_late_makes_the_same_of_it)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    struct sv_playback_state before = anchor();
    fx_pass_ms(90000);
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_ENDED);
    ck_assert_double_ge(event->state->position_s, 29); /* it has been playing since */
    check_end_by_the_clock(&before, 61000, movies[1]);
}
END_TEST

START_TEST(a_node_that_slept_over_several_ends_makes_the_same_of_them)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    struct sv_playback_state before = anchor();
    fx_pass_ms(3 * 61000 + 5000);
    expect_pause_at(60); /* told once */
    ck_assert(!anything_but_resync());
    check_end_by_the_clock(&before, 3 * 61000, movies[2]);
    ck_assert_int_eq(anchor().status, SYNCTV_PLAYBACK_STATUS_PAUSED);
}
END_TEST

START_TEST(every_node_shuffles_alike)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_SHUFFLE, 60);
    for (int i = 0; i < 10; i++) {
        struct sv_playback_state before = anchor();
        struct sv_room *loaded = sv_room_enter(&fx_node, room);
        const char *next = sv_playlist_next(&loaded->movies, before.movie_id,
            SYNCTV_AUTO_ADVANCE_SHUFFLE, sv_playback_end_random(room, before.version))
                               ->id;
        sv_room_leave(loaded);
        fx_pass_ms(61100);
        check_end_by_the_clock(&before, 61000, next);
    }
}
END_TEST

/* As if the timer had not run yet. */
static void pass_without_a_turn(int64_t ms)
{
    fx_settle();
    fx_pass_unseen_ms(ms);
}

START_TEST(what_somebody_waited_for_comes_though_they_leave_at_that_moment)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    struct sv_playback_state before = anchor();
    pass_without_a_turn(61010);
    nobody_watches();
    check_end_by_the_clock(&before, 61000, movies[1]);
}
END_TEST

START_TEST(a_command_in_that_moment_finds_the_next_movie)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    struct sv_playback_state before = anchor();
    pass_without_a_turn(61010);
    fx_assert_code(FX_ASK(alice, PAUSE, .room_id = room, .expected_version = before.version),
        SYNCTV_E_VERSION_CONFLICT);
    check_end_by_the_clock(&before, 61000, movies[1]);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    ck_assert_str_eq(fx_answer->state->movie_id, movies[1]);
}
END_TEST

START_TEST(an_end_that_nobody_waited_for_begins_when_somebody_comes)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    nobody_watches();
    pass_without_a_turn(90000);
    int64_t now_ms = synctv_node_now_ms(&fx_node);
    watcher = fx_follow(bob, room);
    fx_turn();
    fx_pass_ms(50);
    ck_assert_str_eq(expect_next(), movies[1]);
    struct sv_playback_state now = anchor();
    ck_assert_str_eq(now.node_id, synctv_node_id(&fx_node));
    ck_assert_int_ge(now.updated_at_ms, now_ms);
    ck_assert_uint_eq(now.version, (uint64_t)now.updated_at_ms);
}
END_TEST

START_TEST(a_movie_made_shorter_than_it_has_played_ends_now)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    static const char *const fields[] = { "duration" };
    const synctv_movie shorter = { .duration_s = 10 };
    fx_pass_ms(40000);
    int64_t now_ms = synctv_node_now_ms(&fx_node);
    fx_assert_ok(FX_ASK(alice, UPDATE_MOVIE, .room_id = room, .movie_id = movies[0],
        .movie = &shorter, .fields = fields, .n_fields = 1));
    fx_pass_ms(50);
    ck_assert_str_eq(expect_next(), movies[1]);
    ck_assert_str_eq(anchor().node_id, synctv_node_id(&fx_node));
    ck_assert_int_ge(anchor().updated_at_ms, now_ms);
}
END_TEST

/* How many movies end by themselves. */
static int n_ends_in_s(int s)
{
    int n = 0;
    for (int i = 0; i < s * 10; i++) {
        fx_pass_ms(100);
        const synctv_event *event;
        while (synctv_stream_next(watcher, 0, &event, NULL) == 1) {
            n += event->type == SYNCTV_EVENT_STATE &&
                event->state->cause == SYNCTV_STATE_CAUSE_ENDED;
            synctv_event_unref(event);
        }
    }
    return n;
}

START_TEST(movies_that_take_no_time_do_not_spin)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_REPEAT_ALL, 0.001);
    fx_assert_ok(FX_ASK(alice, SET_PLAYBACK_RATE, .room_id = room, .rate = 4));
    int64_t start_ms = synctv_node_now_ms(&fx_node);
    int64_t n = n_ends_in_s(10);
    ck_assert_int_ge(n, 3);
    ck_assert_int_le(n, (synctv_node_now_ms(&fx_node) - start_ms) / 2000 + 1);
}
END_TEST

/* Whoever says what. */
START_TEST(of_known_length_it_ends_by_the_clock_alone)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 600);
    synctv_caller *const people_here[] = { alice, bob, carol, dave };
    synctv_stream *streams[4];
    for (int i = 0; i < 4; i++)
        streams[i] = fx_follow(people_here[i], room);
    const double at_s[] = { 4, 300, 594 };
    double passed_s = 0;
    for (int k = 0; k < 3; k++) {
        fx_pass_ms((int64_t)((at_s[k] - passed_s) * 1000));
        passed_s = at_s[k];
        const double positions[] = { 0, 4, at_s[k], 600 };
        for (int i = 0; i < 16; i++)
            REPORT(streams[i / 4], .movie_id = movies[0], .position_s = positions[i % 4],
                .duration_s = 4, .ended = true);
        ck_assert(!anything_but_resync());
    }
    fx_pass_ms(7100);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

/* --- removal --- */

/* Which movie follows the one at `from` when that is removed; -1 = none. */
static const struct removal {
    synctv_auto_advance mode;
    int from, to;
} removals[] = {
    { SYNCTV_AUTO_ADVANCE_OFF, 0, -1 },
    { SYNCTV_AUTO_ADVANCE_NEXT, 0, 1 },
    { SYNCTV_AUTO_ADVANCE_NEXT, 1, 2 },
    { SYNCTV_AUTO_ADVANCE_NEXT, 2, -1 },
    { SYNCTV_AUTO_ADVANCE_REPEAT_ONE, 0, -1 }, /* itself, which is no more */
    { SYNCTV_AUTO_ADVANCE_REPEAT_ALL, 0, 1 },
    { SYNCTV_AUTO_ADVANCE_REPEAT_ALL, 2, 0 },
};

#define N_REMOVALS (int)(sizeof(removals) / sizeof(removals[0]))

START_TEST(without_its_movie_the_room_goes_on_to_the_next)
{
    const struct removal *removal = &removals[_i / 2];
    bool plays = _i % 2 == 0;
    play_in_room(removal->mode, 60);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room,
        .movie_id = movies[removal->from], .autoplay = plays));
    fx_pass_ms(20000);
    fx_got(watcher, SYNCTV_EVENT_STATE);
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movies[removal->from]));
    const char *next = removal->to < 0 ? "" : movies[removal->to];
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_MOVIE);
    ck_assert_str_eq(event->state->movie_id, next);
    ck_assert_str_eq(event->state->actor_id, fx_id(alice));
    ck_assert_int_eq(event->state->status,
        plays && removal->to >= 0 ? SYNCTV_PLAYBACK_STATUS_PLAYING : SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_lt(event->state->position_s, 15);
    event = fx_expect(watcher, SYNCTV_EVENT_MOVIES);
    ck_assert_str_eq(event->current_movie_id, next);
    fx_pass_ms(30000);
    ck_assert(!anything_but_resync());
    fx_check_memory(room);
}
END_TEST

START_TEST(the_only_movie_leaves_none)
{
    play_in_room((synctv_auto_advance)_i, 60);
    for (int i = 1; i < N_MOVIES; i++)
        fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movies[i]));
    ck_assert(!anything_but_resync());
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movies[0]));
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->state->movie_id, "");
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(event->state->position_s, 0);
    fx_pass_ms(100000);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(shuffle_goes_on_to_another_one)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_SHUFFLE, 60);
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movies[0]));
    const char *now = fx_expect(watcher, SYNCTV_EVENT_STATE)->state->movie_id;
    ck_assert(strcmp(now, movies[1]) == 0 || strcmp(now, movies[2]) == 0);
}
END_TEST

START_TEST(an_empty_playlist_leaves_no_movie)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_REPEAT_ALL, 60);
    fx_assert_ok(FX_ASK(alice, CLEAR_MOVIES, .room_id = room));
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->state->movie_id, "");
    ck_assert_str_eq(event->state->actor_id, fx_id(alice));
    fx_pass_ms(100000);
    ck_assert(!anything_but_resync());
}
END_TEST

static Suite *movie_ends(void)
{
    Suite *s = suite_create("movie_ends");
    TCase *t = tcase_create("movie_ends");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_movie_ends_a_second_after_its_end);
    tcase_add_test(t, next_goes_on_to_the_end_of_the_list);
    tcase_add_test(t, without_auto_advance_it_stops);
    tcase_add_test(t, repeat_one_plays_the_same_again);
    tcase_add_test(t, repeat_all_begins_again_behind_the_last);
    tcase_add_test(t, shuffle_plays_another_one);
    tcase_add_test(t, the_end_moves_with_seek_rate_and_pause);
    tcase_add_test(t, the_end_moves_with_the_length_in_the_playlist);
    tcase_add_test(t, the_playlist_waits_for_somebody_to_watch);
    tcase_add_test(t, at_the_end_of_a_movie_nobody_watched_play_begins_it_again);
    tcase_add_test(t, movies_that_take_no_time_do_not_spin);
    tcase_add_test(t, of_known_length_it_ends_by_the_clock_alone);
    tcase_add_test(t, a_node_that_is_late_makes_the_same_of_it);
    tcase_add_test(t, a_node_that_slept_over_several_ends_makes_the_same_of_them);
    tcase_add_test(t, every_node_shuffles_alike);
    tcase_add_test(t, what_somebody_waited_for_comes_though_they_leave_at_that_moment);
    tcase_add_test(t, a_command_in_that_moment_finds_the_next_movie);
    tcase_add_test(t, an_end_that_nobody_waited_for_begins_when_somebody_comes);
    tcase_add_test(t, a_movie_made_shorter_than_it_has_played_ends_now);
    tcase_add_loop_test(t, without_its_movie_the_room_goes_on_to_the_next, 0, 2 * N_REMOVALS);
    tcase_add_loop_test(t, the_only_movie_leaves_none, SYNCTV_AUTO_ADVANCE_OFF,
        SYNCTV_AUTO_ADVANCE_SHUFFLE + 1);
    tcase_add_test(t, shuffle_goes_on_to_another_one);
    tcase_add_test(t, an_empty_playlist_leaves_no_movie);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(movie_ends());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
