/* SPDX-License-Identifier: MIT */
/* What the people of a room decide together, of whom some are at other nodes: who acts, and when.
 */
#include "linked_member.h"

#include "node/rooms/decide.h"

static void is_online_at(uint64_t link, synctv_caller *who, bool online)
{
    const struct sv_cluster_presence presence = {
        .room_id = room, .user_id = fx_id(who), .username = "x", .online = online
    };
    hear(link,
        (struct sv_cluster_event){
            .kind = SV_CLUSTER_PRESENCE, .presences = &presence, .n_presences = 1 });
}

static void end_is_reported_at(uint64_t link, synctv_caller *who)
{
    hear(link,
        (struct sv_cluster_event){ .kind = SV_CLUSTER_VOTE,
            .vote = { .user_id = fx_id(who),
                .version = anchor().version,
                .ended = true,
                .position_s = 55 } });
}

/* ---- judging by the time that has passed ---- */

static int64_t began_ms;

static void begin_to_wait(void)
{
    began_ms = sv_node_mono_ms(&fx_node);
}

/* Nothing has happened; or the test was so slow that it may have. */
static void assert_nothing_within(int64_t ms)
{
    bool any = anything_but_resync();
    ck_assert(!any || sv_node_mono_ms(&fx_node) - began_ms >= ms);
}

/* The movie plays, and bob and carol watch it here, with votes enough for its end. */
static void most_have_reported_the_end(void)
{
    synctv_stream *bobs = fx_follow(bob, room), *carols = fx_follow(carol, room);
    fx_pass_ms(55000);
    anything_but_resync();
    report_end(bobs, movies[0]);
    begin_to_wait();
    report_end(carols, movies[0]);
}

START_TEST(who_comes_first_acts_at_once)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    link_with(Z);
    most_have_reported_the_end();
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

START_TEST(the_next_one_acts_when_the_one_before_is_silent)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    link_with(A);
    most_have_reported_the_end();
    assert_nothing_within(SV_TURN_MS);
    fx_pass_ms(SV_TURN_MS / 2);
    assert_nothing_within(SV_TURN_MS);
    fx_pass_ms(SV_TURN_MS / 2 + 100);
    ck_assert_str_eq(anchor().movie_id, movies[1]);
    fx_pass_ms(3 * SV_TURN_MS);
    ck_assert_str_eq(anchor().movie_id, movies[1]);
}
END_TEST

START_TEST(the_next_one_leaves_it_to_the_one_before)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    link_with(A);
    most_have_reported_the_end();
    const synctv_playback state = {
        .movie_id = movies[2],
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .rate = 1,
        .updated_at_ms = sv_node_now_ms(&fx_node),
        .version = anchor().version + 1,
        .node_id = "a",
        .cause = SYNCTV_STATE_CAUSE_ENDED,
        .actor_id = "",
        .operation_id = "",
    };
    hear(A, (struct sv_cluster_event){ .kind = SV_CLUSTER_STATE, .state = &state });
    bool was_first = sv_node_mono_ms(&fx_node) - began_ms < SV_TURN_MS;
    fx_pass_ms(3 * SV_TURN_MS);
    ck_assert(!was_first || strcmp(anchor().movie_id, movies[2]) == 0);
}
END_TEST

START_TEST(reports_at_other_nodes_count)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    link_with(Z);
    synctv_stream *bobs = fx_follow(bob, room);
    is_online_at(Z, carol, true);
    is_online_at(Z, dave, true);
    fx_pass_ms(55000);
    anything_but_resync();
    report_end(bobs, movies[0]); /* one of three */
    fx_pass_ms(3 * SV_TURN_MS);
    ck_assert(!anything_but_resync());
    end_is_reported_at(Z, carol);
    fx_pass_ms(100);
    ck_assert_str_eq(expect_next(), movies[1]);
}
END_TEST

/* What it hears first when it wakes up are reports, and behind them what became of them. */
START_TEST(who_has_slept_does_not_act_on_what_others_have_dealt_with)
{
    play_in_room(SYNCTV_AUTO_ADVANCE_NEXT, 0);
    link_with(Z);
    is_online_at(Z, carol, true);
    is_online_at(Z, dave, true);
    fx_pass_ms(55000);
    anything_but_resync();
    end_is_reported_at(Z, carol);
    end_is_reported_at(Z, dave);
    const synctv_playback state = {
        .movie_id = movies[1],
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .rate = 1,
        .updated_at_ms = sv_node_now_ms(&fx_node),
        .version = anchor().version + 1,
        .node_id = "z",
        .cause = SYNCTV_STATE_CAUSE_ENDED,
        .actor_id = "",
        .operation_id = "",
    };
    hear(Z, (struct sv_cluster_event){ .kind = SV_CLUSTER_STATE, .state = &state });
    fx_pass_ms(3 * SV_TURN_MS);
    ck_assert_str_eq(anchor().movie_id, movies[1]);
    ck_assert_str_eq(anchor().node_id, "z");
}
END_TEST

START_TEST(a_room_pauses_though_the_node_that_comes_first_is_silent)
{
    const synctv_room_settings settings = { .pause_when_empty = true };
    room = fx_room(alice, &settings);
    const char *movie = fx_movie(alice, room, "x", 0);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    link_with(A);
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room);
    synctv_stream *alices = NULL;
    fx_assert_ok(synctv_stream_open(alice, &options, &alices, &fx_error));
    synctv_stream_close(alices);
    fx_pass_ms(10100);
    fx_pass_ms(100);
    fx_pass_ms(SV_TURN_MS + 100);
    ck_assert_int_eq(anchor().status, SYNCTV_PLAYBACK_STATUS_PAUSED);
}
END_TEST

static Suite *decisions(void)
{
    Suite *s = suite_create("decisions");
    TCase *t = tcase_create("decisions");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, open_linked_member, close_linked_member);
    tcase_add_test(t, who_comes_first_acts_at_once);
    tcase_add_test(t, the_next_one_acts_when_the_one_before_is_silent);
    tcase_add_test(t, the_next_one_leaves_it_to_the_one_before);
    tcase_add_test(t, reports_at_other_nodes_count);
    tcase_add_test(t, who_has_slept_does_not_act_on_what_others_have_dealt_with);
    tcase_add_test(t, a_room_pauses_though_the_node_that_comes_first_is_silent);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(decisions());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
