/* SPDX-License-Identifier: MIT */
/* Somebody sets the clock of the machine while a node runs, or while it does not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/node_fixture.h"

#define HOUR_MS INT64_C(3600000)

static synctv_caller *alice, *bob;
static const char *room;
static int64_t began_ms;
static unsigned n_warnings;
static char warning[512];

static void log_line(void *userdata, synctv_log_level level, const char *component,
    const char *message)
{
    if (level != SYNCTV_LOG_WARN || strcmp(component, "clock") != 0)
        return;
    n_warnings++;
    snprintf(warning, sizeof(warning), "%s", message);
}

static void people(void)
{
    n_warnings = 0;
    began_ms = sv_mono_ms();
    fx_open();
    fx_node.log = (struct sv_log){ log_line, NULL, SYNCTV_LOG_WARN };
    alice = fx_user("alice");
    bob = fx_user("bob");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
}

static void play_at(double duration_s, double position_s)
{
    const char *movie = fx_movie(alice, room, "movie", duration_s);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie));
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room, .has_position = true,
        .position_s = position_s));
}

static const synctv_playback *state_now(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return fx_answer->state;
}

/* As near as can be while real time passes too. */
static void assert_near(double a, double b)
{
    double real_s = (double)(sv_mono_ms() - began_ms) / 1000;
    ck_assert_msg(fabs(a - b) < 0.1 + real_s, "%f is not about %f", a, b);
}

/* Until the state is stored; then nobody has the room in memory. */
static void forget_room(void)
{
    fx_pass_ms(300);
    fx_settle();
    fx_turn();
    fx_forget_rooms();
}

static const int64_t steps_ms[] = {
    2 * HOUR_MS,
    -2 * HOUR_MS,
    10 * 365 * 24 * HOUR_MS,
    -40 * 365 * 24 * HOUR_MS,
    SV_CLOCK_STEP_MS + 5000,
    -SV_CLOCK_STEP_MS - 5000,
};

#define N_STEPS (sizeof(steps_ms) / sizeof(steps_ms[0]))

START_TEST(what_plays_stays_where_it_is_and_all_are_told_the_new_time)
{
    play_at(7200, 600);
    synctv_stream *stream = fx_follow(bob, room);
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    uint64_t version = state_now()->version;
    int64_t before_ms = synctv_node_now_ms(&fx_node);
    fx_step_clock_ms(steps_ms[_i]);
    assert_near((double)(synctv_node_now_ms(&fx_node) - before_ms) / 1000,
        (double)steps_ms[_i] / 1000 + 1);

    const synctv_event *event = fx_next(stream);
    ck_assert_int_eq(event->type, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_RESYNC);
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_uint_gt(event->state->version, version);
    assert_near(event->state->position_s, 601);
    assert_near((double)(event->state->updated_at_ms - before_ms) / 1000,
        (double)steps_ms[_i] / 1000 + 1);
    fx_expect_nothing(stream);

    assert_near(state_now()->position_s, 601);
    ck_assert_uint_eq(state_now()->version, event->state->version);
    fx_pass_ms(9000);
    assert_near(state_now()->position_s, 610);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    assert_near(fx_answer->state->position_s, 610);
    ck_assert_uint_gt(fx_answer->state->version, event->state->version);
}
END_TEST

START_TEST(what_is_stored_after_a_step_is_read_as_it_was)
{
    play_at(7200, 600);
    fx_step_clock_ms(steps_ms[_i]);
    uint64_t version = state_now()->version;
    forget_room();
    assert_near(state_now()->position_s, 601.3);
    ck_assert_uint_eq(state_now()->version, version);
    fx_check_memory(room);
}
END_TEST

START_TEST(what_is_paused_says_nothing_of_a_step)
{
    play_at(7200, 600);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room, .has_position = true, .position_s = 30));
    uint64_t version = fx_answer->state->version;
    synctv_stream *stream = fx_follow(bob, room);
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_step_clock_ms(steps_ms[_i]);
    fx_expect_nothing(stream);
    ck_assert_double_eq(state_now()->position_s, 30);
    ck_assert_uint_eq(state_now()->version, version);
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    ck_assert_uint_gt(fx_answer->state->version, version);
    fx_pass_ms(10000);
    assert_near(state_now()->position_s, 40);
}
END_TEST

START_TEST(many_rooms_stay_where_they_are)
{
    enum { N = 300 };
    const char *rooms[N];
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = N + 1;
    for (int i = 0; i < N; i++) {
        room = rooms[i] = fx_room(alice, NULL);
        fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room,
            .movie = &(synctv_movie){ .name = "a", .url = "https://example.org/a" }));
        fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room,
            .movie_id = fx_answer->movie->id));
        fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room, .has_position = true,
            .position_s = 1000 + i));
    }
    fx_step_clock_ms(2 * HOUR_MS);
    for (int i = 0; i < N; i++) {
        fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = rooms[i]));
        assert_near(fx_answer->state->position_s, 1001 + i);
    }
}
END_TEST

START_TEST(a_movie_ends_when_its_time_has_passed_whatever_the_clock_says)
{
    play_at(600, 500);
    synctv_stream *stream = fx_follow(bob, room);
    fx_step_clock_ms(steps_ms[_i]);
    ck_assert_int_eq(fx_expect(stream, SYNCTV_EVENT_STATE)->state->cause,
        SYNCTV_STATE_CAUSE_RESYNC);
    fx_pass_ms(40000);
    ck_assert_int_eq(state_now()->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    fx_pass_ms(60100);
    ck_assert_int_eq(state_now()->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    assert_near(state_now()->position_s, 600);
}
END_TEST

START_TEST(a_small_difference_is_made_good_without_a_word)
{
    play_at(7200, 600);
    synctv_stream *stream = fx_follow(bob, room);
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    int64_t before_ms = synctv_node_now_ms(&fx_node), start_ms = sv_mono_ms();
    fx_step_clock_ms(_i == 0 ? 2000 : -2000);
    fx_expect_nothing(stream);
    int64_t passed_ms = synctv_node_now_ms(&fx_node) - before_ms;
    int64_t real_ms = 1000 + sv_mono_ms() - start_ms;
    ck_assert_int_ge(passed_ms, 1000 - 5 - 1);
    ck_assert_int_le(passed_ms, real_ms + real_ms / 200 + 1);
    ck_assert_uint_eq(n_warnings, 0);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room)); /* no more states but this */
    fx_pass_ms(400 * 1000);
    passed_ms = synctv_node_now_ms(&fx_node) - before_ms;
    real_ms = 401 * 1000 + sv_mono_ms() - start_ms;
    ck_assert_int_ge(passed_ms, 401 * 1000 + (_i == 0 ? 2000 : -2000) - 1);
    ck_assert_int_le(passed_ms, real_ms + (_i == 0 ? 2000 : -2000) + 1);
}
END_TEST

START_TEST(the_log_says_once_what_was_wrong)
{
    fx_step_clock_ms(2 * HOUR_MS);
    fx_pass_ms(60000);
    ck_assert_uint_eq(n_warnings, 1);
    ck_assert_ptr_nonnull(strstr(warning, "7200.0 s behind this machine's"));
    fx_step_clock_ms(-HOUR_MS);
    fx_pass_ms(60000);
    ck_assert_uint_eq(n_warnings, 2);
    ck_assert_ptr_nonnull(strstr(warning, "3600.0 s ahead of this machine's"));
}
END_TEST

START_TEST(chat_has_the_new_time)
{
    fx_step_clock_ms(2 * HOUR_MS);
    fx_assert_ok(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = "now"));
    int64_t off_ms = fx_answer->chat->timestamp_ms - sv_wall_ms();
    assert_near((double)off_ms / 1000, 2 * 3600 + 1);
}
END_TEST

START_TEST(a_state_from_the_future_counts_as_of_now_and_newer_ones_follow_it)
{
    play_at(7200, 600);
    uint64_t version = state_now()->version;
    forget_room();
    fx_step_clock_ms(-2 * HOUR_MS);
    const synctv_playback *state = state_now();
    assert_near(state->position_s, 600);
    ck_assert_uint_gt(state->version, version);
    version = state->version;
    fx_pass_ms(10000);
    assert_near(state_now()->position_s, 610);

    /* That is stored, too. */
    forget_room();
    assert_near(state_now()->position_s, 610.3);
    ck_assert_uint_eq(state_now()->version, version);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    assert_near(fx_answer->state->position_s, 610.3);
    ck_assert_uint_gt(fx_answer->state->version, version);
}
END_TEST

START_TEST(a_state_from_the_future_runs_into_its_end)
{
    play_at(700, 600);
    forget_room();
    fx_step_clock_ms(-2 * HOUR_MS);
    synctv_stream *stream = fx_follow(bob, room);
    fx_pass_ms(50000);
    ck_assert(fx_got(stream, SYNCTV_EVENT_STATE));
    ck_assert_int_eq(state_now()->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    fx_pass_ms(51100);
    ck_assert_int_eq(fx_expect(stream, SYNCTV_EVENT_STATE)->state->cause, SYNCTV_STATE_CAUSE_ENDED);
}
END_TEST

START_TEST(nobody_is_kept_away_longer_than_a_kick_lasts)
{
    bool from_storage = _i == 1;
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_KICKED);
    if (from_storage)
        fx_forget_rooms();
    fx_step_clock_ms(-2 * HOUR_MS);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
    fx_check_memory(room);
}
END_TEST

START_TEST(danmaku_is_shown_to_newcomers_for_ten_seconds_whatever_the_clock_says)
{
    fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "old"));
    fx_step_clock_ms(steps_ms[_i]);
    synctv_stream *stream = fx_follow(alice, room);
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_DANMAKU)->danmaku->content, "old");
    fx_pass_ms(10000);
    ck_assert(!fx_got(fx_follow(bob, room), SYNCTV_EVENT_DANMAKU));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("clock_steps");
    TCase *t = tcase_create("clock_steps");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, what_plays_stays_where_it_is_and_all_are_told_the_new_time, 0, N_STEPS);
    tcase_add_loop_test(t, what_is_stored_after_a_step_is_read_as_it_was, 0, N_STEPS);
    tcase_add_loop_test(t, what_is_paused_says_nothing_of_a_step, 0, N_STEPS);
    tcase_add_test(t, many_rooms_stay_where_they_are);
    tcase_add_loop_test(t, a_movie_ends_when_its_time_has_passed_whatever_the_clock_says, 0,
        N_STEPS);
    tcase_add_loop_test(t, a_small_difference_is_made_good_without_a_word, 0, 2);
    tcase_add_test(t, the_log_says_once_what_was_wrong);
    tcase_add_test(t, chat_has_the_new_time);
    tcase_add_test(t, a_state_from_the_future_counts_as_of_now_and_newer_ones_follow_it);
    tcase_add_test(t, a_state_from_the_future_runs_into_its_end);
    tcase_add_loop_test(t, nobody_is_kept_away_longer_than_a_kick_lasts, 0, 2);
    tcase_add_loop_test(t, danmaku_is_shown_to_newcomers_for_ten_seconds_whatever_the_clock_says, 0,
        N_STEPS);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
