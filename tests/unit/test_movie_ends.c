/* SPDX-License-Identifier: MIT */
/* The end of a movie: by the clock, by those who watch, by its removal; and what plays next. */
#include <stdlib.h>
#include <string.h>

#include "node/rooms/follow.h"
#include "support/node_fixture.h"

#define N_MOVIES 3

static synctv_caller *alice, *bob, *carol, *dave;
static synctv_stream *watcher; /* the system's: it sees all and has no vote */
static const char *room, *movies[N_MOVIES];

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    dave = fx_user("dave");
}

/* A room with movies of 60 s (or of unknown length) in which the first one plays. */
static void play_in_room(synctv_auto_advance mode, double duration_s)
{
    const synctv_room_settings settings = { .auto_advance = mode };
    room = fx_room(alice, &settings);
    fx_join(bob, room);
    fx_join(carol, room);
    fx_join(dave, room);
    for (int i = 0; i < N_MOVIES; i++)
        movies[i] = fx_movie(alice, room, "x", duration_s);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movies[0],
        .autoplay = true));
    watcher = fx_follow(fx_system(), room);
}

#define REPORT(stream, ...)                                                                        \
    fx_assert_ok(synctv_stream_send((stream),                                                      \
        &(synctv_request){ .method = SYNCTV_METHOD_REPORT_STATUS, __VA_ARGS__ }, &fx_error))

static void report_end(synctv_stream *stream, const char *movie_id)
{
    REPORT(stream, .movie_id = movie_id, .position_s = 55, .ended = true);
}

/* The movie that plays after the one before has ended. */
static const char *expect_next(void)
{
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    while (event->state->cause == SYNCTV_STATE_CAUSE_RESYNC)
        event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_ENDED);
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_lt(event->state->position_s, 30);
    ck_assert_str_eq(event->state->actor_id, "");
    return event->state->movie_id;
}

static void expect_pause_at(double position_s)
{
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    while (event->state->cause == SYNCTV_STATE_CAUSE_RESYNC)
        event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_ENDED);
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq_tol(event->state->position_s, position_s, 0.5);
}

static bool anything_but_resync(void)
{
    bool found = false;
    const synctv_event *event;
    while (synctv_stream_next(watcher, 0, &event, NULL) == 1) {
        found = found ||
            (event->type == SYNCTV_EVENT_STATE && event->state->cause != SYNCTV_STATE_CAUSE_RESYNC);
        synctv_event_unref(event);
    }
    return found;
}

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

static void nobody_watches(void)
{
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_ptr_nonnull(loaded);
    sv_room_drop_all(loaded, 0);
    sv_room_leave(loaded);
}

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

START_TEST(reports_do_not_make_them_spin)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_REPEAT_ONE, 0.001);
    synctv_stream *alices = fx_follow(alice, room);
    int64_t n = 0, start_ms = synctv_node_now_ms(&fx_node);
    for (int i = 0; i < 100; i++) {
        report_end(alices, movies[0]);
        fx_pass_ms(100);
        n += anything_but_resync();
    }
    ck_assert_int_ge(n, 8);
    ck_assert_int_le(n, (synctv_node_now_ms(&fx_node) - start_ms) / 1000 + 1);
}
END_TEST

/* --- a movie of unknown length --- */

START_TEST(a_movie_of_unknown_length_has_no_end_of_its_own)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    fx_pass_ms(3600000);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(most_of_those_who_watch_end_it)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs[8], *carols, *daves;
    for (int i = 0; i < 8; i++)
        bobs[i] = fx_follow(bob, room);
    carols = fx_follow(carol, room);
    daves = fx_follow(dave, room);
    fx_pass_ms(55000);
    for (int i = 0; i < 8; i++)
        report_end(bobs[i], movies[0]); /* has one vote */
    ck_assert(!anything_but_resync());
    report_end(carols, movies[1]); /* another movie's */
    ck_assert(!anything_but_resync());
    report_end(carols, movies[0]);
    ck_assert_str_eq(expect_next(), movies[1]);
    report_end(daves, movies[0]); /* late */
    ck_assert(!anything_but_resync());
    fx_pass_ms(5000);
    report_end(daves, movies[1]);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(votes_leave_with_those_who_gave_them)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = NULL, *carols = fx_follow(carol, room), *daves = fx_follow(dave, room);
    const synctv_stream_options options = { .room_id = room };
    fx_assert_ok(synctv_stream_open(bob, &options, &bobs, &fx_error));
    fx_follow(alice, room);
    fx_pass_ms(55000);
    report_end(bobs, movies[0]);
    report_end(carols, movies[0]);
    synctv_stream_close(bobs);
    ck_assert(!anything_but_resync());
    report_end(carols, movies[0]); /* still one of three */
    ck_assert(!anything_but_resync());
    report_end(daves, movies[0]);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(a_seek_makes_votes_void)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = fx_follow(bob, room), *carols = fx_follow(carol, room);
    fx_follow(dave, room);
    fx_pass_ms(55000);
    report_end(bobs, movies[0]);
    fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = 10));
    anything_but_resync();
    report_end(carols, movies[0]);
    ck_assert(!anything_but_resync());
    report_end(bobs, movies[0]);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(who_controls_playback_ends_it_alone)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    fx_follow(bob, room);
    fx_follow(carol, room);
    synctv_stream *alices = fx_follow(alice, room);
    fx_pass_ms(55000);
    report_end(alices, movies[0]);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(an_end_reported_twice_does_not_end_the_next_round)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_REPEAT_ONE, 0);
    synctv_stream *alices = fx_follow(alice, room), *other = fx_follow(alice, room);
    fx_pass_ms(55000);
    report_end(alices, movies[0]);
    report_end(other, movies[0]);
    ck_assert_str_eq(expect_next(), movies[0]);
    ck_assert(!anything_but_resync());
    fx_pass_ms(4000);
    report_end(other, movies[0]);
    ck_assert_str_eq(expect_next(), movies[0]);
}
END_TEST

START_TEST(a_paused_movie_does_not_end)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *alices = fx_follow(alice, room);
    fx_pass_ms(55000);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    anything_but_resync();
    report_end(alices, movies[0]);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(a_controllers_player_knows_how_long_it_is)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *alices = fx_follow(alice, room), *bobs = fx_follow(bob, room);
    REPORT(bobs, .movie_id = movies[0], .position_s = 0, .duration_s = 5); /* is not believed */
    REPORT(alices, .movie_id = movies[0], .position_s = 0, .duration_s = -1);
    REPORT(alices, .movie_id = movies[1], .position_s = 0, .duration_s = 7);
    fx_pass_ms(10000);
    ck_assert(!anything_but_resync());
    REPORT(alices, .movie_id = movies[0], .position_s = 10, .duration_s = 30);
    fx_assert_field(FX_ASK(alice, SEEK, .room_id = room, .position_s = 31), "position");
    fx_pass_ms(21100);
    ck_assert_str_eq(expect_next(), movies[1]);
    fx_pass_ms(60000); /* of the next one nothing is known */
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(what_the_playlist_says_is_not_to_be_learned)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    synctv_stream *alices = fx_follow(alice, room);
    REPORT(alices, .movie_id = movies[0], .position_s = 0, .duration_s = 5);
    fx_pass_ms(50000);
    ck_assert(!anything_but_resync());
}
END_TEST

/* --- removal --- */

START_TEST(without_its_movie_the_room_stands_still)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 60);
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movies[1]));
    ck_assert(!anything_but_resync());
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movies[0]));
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_MOVIE);
    ck_assert_str_eq(event->state->movie_id, "");
    ck_assert_str_eq(event->state->actor_id, fx_id(alice));
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(event->state->position_s, 0);
    event = fx_expect(watcher, SYNCTV_EVENT_MOVIES);
    ck_assert_str_eq(event->current_movie_id, "");
    fx_pass_ms(100000);
    ck_assert(!anything_but_resync());
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
    tcase_add_test(t, reports_do_not_make_them_spin);
    tcase_add_test(t, a_movie_of_unknown_length_has_no_end_of_its_own);
    tcase_add_test(t, most_of_those_who_watch_end_it);
    tcase_add_test(t, votes_leave_with_those_who_gave_them);
    tcase_add_test(t, a_seek_makes_votes_void);
    tcase_add_test(t, who_controls_playback_ends_it_alone);
    tcase_add_test(t, an_end_reported_twice_does_not_end_the_next_round);
    tcase_add_test(t, a_paused_movie_does_not_end);
    tcase_add_test(t, a_controllers_player_knows_how_long_it_is);
    tcase_add_test(t, what_the_playlist_says_is_not_to_be_learned);
    tcase_add_test(t, without_its_movie_the_room_stands_still);
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
