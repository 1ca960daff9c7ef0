/* SPDX-License-Identifier: MIT */
/* The end of a movie: by the clock, by those who watch, by its removal; and what plays next. */
#include <stdlib.h>
#include <string.h>

#include "node/rooms/follow.h"
#include "support/node_fixture.h"
#include "support/node_time.h"

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
        &SYNCTV_REQUEST(SYNCTV_METHOD_REPORT_STATUS, __VA_ARGS__), &fx_error))

static void report_end(synctv_stream *stream, const char *movie_id)
{
    REPORT(stream, .movie_id = movie_id, .position_s = 55, .ended = true);
}

static void report_length(synctv_stream *stream, const char *movie_id, double duration_s)
{
    REPORT(stream, .movie_id = movie_id, .position_s = 0, .duration_s = duration_s);
}

/* The anchor itself: clients see the playhead as it is now. */
static struct sv_playback_state anchor(void)
{
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_ptr_nonnull(loaded);
    struct sv_playback_state state = loaded->playback;
    sv_room_leave(loaded);
    return state;
}

static uint64_t revision(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return fx_answer->room->revision;
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

START_TEST(beside_other_nodes_votes_and_lengths_rest)
{
    fx_node.alone = false; /* viewers elsewhere are not known here */
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = fx_follow(bob, room), *carols = NULL;
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room);
    fx_assert_ok(synctv_stream_open(carol, &options, &carols, &fx_error));
    report_length(bobs, movies[0], 60);
    fx_pass_ms(55000);
    report_end(bobs, movies[0]);
    report_end(carols, movies[0]);
    synctv_stream_close(carols);
    fx_pass_ms(60000);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(votes_leave_with_those_who_gave_them)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = NULL, *carols = fx_follow(carol, room), *daves = fx_follow(dave, room);
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room);
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

START_TEST(who_is_gone_is_waited_for_no_more)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = fx_follow(bob, room), *carols = NULL;
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room);
    fx_assert_ok(synctv_stream_open(carol, &options, &carols, &fx_error));
    fx_pass_ms(55000);
    report_end(bobs, movies[0]); /* one of two; players say it once */
    ck_assert(!anything_but_resync());
    synctv_stream_close(carols);
    ck_assert(!anything_but_resync()); /* she may come back */
    fx_pass_ms(10100);
    ck_assert_str_eq(expect_next(), movies[1]);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(who_is_put_out_is_waited_for_no_more)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = fx_follow(bob, room);
    fx_follow(carol, room);
    fx_pass_ms(55000);
    report_end(bobs, movies[0]);
    ck_assert(!anything_but_resync());
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(carol)));
    fx_turn();
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(another_name_leaves_votes_as_they_are)
{
    static const char *const fields[] = { "name" };
    const synctv_movie renamed = { .name = "renamed" };
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = fx_follow(bob, room), *carols = fx_follow(carol, room);
    fx_follow(dave, room);
    fx_pass_ms(55000);
    report_end(bobs, movies[0]);
    fx_assert_ok(FX_ASK(alice, UPDATE_MOVIE, .room_id = room, .movie_id = movies[0],
        .movie = &renamed, .fields = fields, .n_fields = 1));
    report_end(carols, movies[0]);
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
    fx_pass_ms(45000);
    report_end(carols, movies[0]);
    ck_assert(!anything_but_resync());
    report_end(bobs, movies[0]);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(who_controls_playback_has_one_vote_like_all)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *bobs = fx_follow(bob, room), *alices = fx_follow(alice, room);
    fx_pass_ms(55000);
    report_end(alices, movies[0]);
    ck_assert(!anything_but_resync());
    report_end(bobs, movies[0]);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(an_end_that_does_not_fit_counts_for_nothing_and_is_corrected)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *alices = fx_follow(alice, room);
    fx_pass_ms(2400000);
    fx_got(alices, SYNCTV_EVENT_STATE);
    REPORT(alices, .movie_id = movies[0], .position_s = 4, .ended = true);
    ck_assert(!anything_but_resync());
    ck_assert_int_eq(fx_expect(alices, SYNCTV_EVENT_STATE)->state->cause,
        SYNCTV_STATE_CAUSE_RESYNC);
    REPORT(alices, .movie_id = movies[0], .position_s = 2395, .ended = true);
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
    ck_assert(!anything_but_resync());
    fx_pass_ms(50000);
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

/* --- the length --- */

static double duration_in_playlist(int i)
{
    fx_assert_ok(FX_ASK(alice, GET_MOVIE_LIST, .room_id = room));
    return fx_answer->movies[i].duration_s;
}

/* What storage and memory agree upon. */
static void expect_length(double duration_s)
{
    fx_settle();
    ck_assert_double_eq(duration_in_playlist(0), duration_s);
    fx_check_memory(room);
}

START_TEST(the_length_that_most_report_stands_in_the_playlist)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *alices = fx_follow(alice, room), *bobs = fx_follow(bob, room);
    fx_follow(carol, room);
    uint64_t before = revision();
    report_length(alices, movies[0], 30); /* one of three, whatever she may do */
    report_length(bobs, movies[1], 30);
    report_length(bobs, movies[0], 32);
    expect_length(0);
    fx_got(watcher, SYNCTV_EVENT_MOVIES);
    report_length(bobs, movies[0], 30.2); /* says no more, as players do */
    fx_pass_ms(10100);
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_MOVIES);
    ck_assert_int_eq(event->list_change, SYNCTV_LIST_CHANGE_CHANGED);
    ck_assert_str_eq(event->movie->id, movies[0]);
    ck_assert_str_eq(event->movie->added_by, fx_id(alice));
    ck_assert_double_eq(event->movie->duration_s, 30.2);
    ck_assert_str_eq(event->actor_id, "");
    ck_assert_uint_eq(event->revision, before + 1);
    expect_length(30.2);
    report_length(bobs, movies[0], 20); /* known is known */
    report_length(alices, movies[0], 20);
    expect_length(30.2);
    ck_assert_uint_eq(revision(), before + 1);

    fx_assert_field(FX_ASK(alice, SEEK, .room_id = room, .position_s = 31), "position");
    fx_pass_ms(21300);
    ck_assert_str_eq(expect_next(), movies[1]);
    fx_pass_ms(60000); /* of the next one nothing is known */
    ck_assert(!anything_but_resync());
    ck_assert_double_eq(duration_in_playlist(1), 0);

    nobody_watches();
    fx_settle();
    fx_forget_rooms();
    ck_assert_double_eq(duration_in_playlist(0), 30.2);
}
END_TEST

/* While players load they find out that the movie is longer than they thought. */
START_TEST(a_length_that_grows_cuts_nothing_off)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *alices = fx_follow(alice, room), *bobs = fx_follow(bob, room);
    const double grows[] = { 3.0, 4.1, 5.2, 6.3 };
    for (int i = 0; i < 4; i++) {
        fx_pass_ms(1000);
        REPORT(alices, .movie_id = movies[0], .position_s = i, .duration_s = grows[i]);
        REPORT(bobs, .movie_id = movies[0], .position_s = i, .duration_s = grows[i] + 0.5);
    }
    for (int i = 0; i < 6; i++)
        fx_pass_ms(10100);
    ck_assert(!anything_but_resync());
    expect_length(0);
    report_length(alices, movies[0], 5400);
    report_length(bobs, movies[0], 5400);
    for (int i = 0; i < 2; i++)
        fx_pass_ms(10100);
    expect_length(5400);
}
END_TEST

START_TEST(a_length_before_the_playhead_is_not_learned)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *alices = fx_follow(alice, room);
    fx_pass_ms(2400000);
    for (int i = 0; i < 6; i++) {
        REPORT(alices, .movie_id = movies[0], .position_s = 2400 + 10 * i, .duration_s = 100);
        fx_pass_ms(10100);
    }
    ck_assert(!anything_but_resync());
    expect_length(0);
}
END_TEST

START_TEST(a_live_picture_has_no_length)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    const synctv_movie live = {
        .name = "live", .url = "rtmp://example.org/live", .type = SYNCTV_MOVIE_TYPE_LIVE
    };
    fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = &live));
    const char *live_id = fx_answer->movie->id;
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = live_id,
        .autoplay = true));
    synctv_stream *alices = fx_follow(alice, room);
    anything_but_resync();
    report_length(alices, live_id, 3600);
    fx_pass_ms(20100);
    fx_settle();
    ck_assert_double_eq(duration_in_playlist(N_MOVIES), 0);
    fx_pass_ms(60000);
    ck_assert(!anything_but_resync());
}
END_TEST

START_TEST(what_somebody_writes_meanwhile_is_not_overwritten)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    synctv_stream *alices = fx_follow(alice, room);
    static const char *const fields[] = { "duration" };
    const synctv_movie known = { .duration_s = 5400 };
    for (int i = 0; i < 20; i++) {
        report_length(alices, movies[0], 3600);
        fx_pass_ms(10100);
        report_length(alices, movies[0], 3600); /* it has stood */
        fx_assert_ok(FX_ASK(alice, UPDATE_MOVIE, .room_id = room, .movie_id = movies[0],
            .movie = &known, .fields = fields, .n_fields = 1));
        report_length(alices, movies[0], 3600);
        expect_length(5400);
        const synctv_movie unknown = { .duration_s = 0 };
        fx_assert_ok(FX_ASK(alice, UPDATE_MOVIE, .room_id = room, .movie_id = movies[0],
            .movie = &unknown, .fields = fields, .n_fields = 1));
    }
}
END_TEST

START_TEST(a_movie_removed_meanwhile_stays_away)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_OFF, 0);
    synctv_stream *alices = fx_follow(alice, room);
    report_length(alices, movies[0], 3600);
    fx_pass_ms(10100);
    report_length(alices, movies[0], 3600); /* it has stood */
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movies[0]));
    fx_settle();
    fx_check_memory(room);
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
    tcase_add_test(t, a_movie_of_unknown_length_has_no_end_of_its_own);
    tcase_add_test(t, most_of_those_who_watch_end_it);
    tcase_add_test(t, beside_other_nodes_votes_and_lengths_rest);
    tcase_add_test(t, votes_leave_with_those_who_gave_them);
    tcase_add_test(t, who_is_gone_is_waited_for_no_more);
    tcase_add_test(t, who_is_put_out_is_waited_for_no_more);
    tcase_add_test(t, another_name_leaves_votes_as_they_are);
    tcase_add_test(t, a_seek_makes_votes_void);
    tcase_add_test(t, who_controls_playback_has_one_vote_like_all);
    tcase_add_test(t, an_end_that_does_not_fit_counts_for_nothing_and_is_corrected);
    tcase_add_test(t, an_end_reported_twice_does_not_end_the_next_round);
    tcase_add_test(t, a_paused_movie_does_not_end);
    tcase_add_test(t, the_length_that_most_report_stands_in_the_playlist);
    tcase_add_test(t, a_length_that_grows_cuts_nothing_off);
    tcase_add_test(t, a_length_before_the_playhead_is_not_learned);
    tcase_add_test(t, a_live_picture_has_no_length);
    tcase_add_test(t, what_somebody_writes_meanwhile_is_not_overwritten);
    tcase_add_test(t, a_movie_removed_meanwhile_stays_away);
    tcase_add_test(t, what_the_playlist_says_is_not_to_be_learned);
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
