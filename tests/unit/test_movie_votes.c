/* SPDX-License-Identifier: MIT */
/* A movie whose length nobody knows: those who watch say when it is over, and how long it is. */
#include <stdlib.h>
#include <string.h>

#include "movie_room.h"

/* --- the end --- */

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
    fx_pass_ms(100);
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
    fx_pass_ms(100);
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

static Suite *movie_votes(void)
{
    Suite *s = suite_create("movie_votes");
    TCase *t = tcase_create("movie_votes");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
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
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(movie_votes());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
