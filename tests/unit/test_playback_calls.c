/* SPDX-License-Identifier: MIT */
/* Playing, pausing, seeking, changing rate and movie: who may, what comes of it, who is told. What
 * happens by itself: test_movie_ends.c. */
#include <math.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *bob;
static const char *room, *movie, *other_movie;
static int64_t began_ms;

static void people(void)
{
    began_ms = sv_mono_ms();
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
    movie = fx_movie(alice, room, "first", 100);
    other_movie = fx_movie(alice, room, "second", 0);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie));
}

#define SEND(stream, ...)                                                                          \
    synctv_stream_send((stream), &SYNCTV_REQUEST(SYNCTV_METHOD_##__VA_ARGS__), &fx_error)

static const synctv_playback *state_now(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return fx_answer->state;
}

/* As near as can be while real time passes too, at a rate of 4 at most. */
static void assert_near(double a, double b)
{
    double real_s = (double)(sv_mono_ms() - began_ms) / 1000;
    ck_assert_msg(fabs(a - b) < 0.1 + 4 * real_s, "%f is not about %f", a, b);
}

START_TEST(a_state_tells_how_long_the_movie_is)
{
    ck_assert_double_eq(state_now()->duration_s, 100);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = other_movie));
    ck_assert_double_eq(fx_answer->state->duration_s, 0);
}
END_TEST

/* --- the commands, by a table --- */

static const struct command {
    synctv_method method;
    uint64_t permission;
    synctv_state_cause cause;
} commands[] = {
    { SYNCTV_METHOD_PLAY, SYNCTV_PERM_PLAY_CONTROL, SYNCTV_STATE_CAUSE_PLAY },
    { SYNCTV_METHOD_PAUSE, SYNCTV_PERM_PLAY_CONTROL, SYNCTV_STATE_CAUSE_PAUSE },
    { SYNCTV_METHOD_SEEK, SYNCTV_PERM_PLAY_CONTROL, SYNCTV_STATE_CAUSE_SEEK },
    { SYNCTV_METHOD_SET_PLAYBACK_RATE, SYNCTV_PERM_CHANGE_PLAYBACK_RATE, SYNCTV_STATE_CAUSE_RATE },
    { SYNCTV_METHOD_SET_CURRENT_MOVIE, SYNCTV_PERM_CHANGE_CURRENT_MOVIE, SYNCTV_STATE_CAUSE_MOVIE },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static synctv_request request_of(const struct command *command)
{
    return SYNCTV_REQUEST(command->method, .room_id = room, .has_position = true, .position_s = 11,
        .rate = 1.5, .movie_id = movie);
}

static void give(uint64_t added, uint64_t removed)
{
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_PERMISSIONS, .room_id = room, .user_id = fx_id(bob),
        .added_permissions = added, .removed_permissions = removed));
}

START_TEST(each_command_takes_exactly_its_permission)
{
    const struct command *command = &commands[_i];
    give(command->permission, 0);
    fx_assert_ok(fx_ask(bob, request_of(command)));
    give(SYNCTV_PERM_ALL & ~command->permission, command->permission);
    uint64_t version = state_now()->version;
    fx_assert_code(fx_ask(bob, request_of(command)), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_uint_eq(state_now()->version, version);
}
END_TEST

START_TEST(each_command_asks_who_is_there)
{
    const struct command *command = &commands[_i];
    synctv_request request = request_of(command);
    fx_assert_code(fx_ask(bob, request), SYNCTV_E_PERMISSION_DENIED); /* by default */
    fx_assert_code(fx_ask(fx_user("carol"), request), SYNCTV_E_NOT_A_MEMBER);
    fx_assert_code(fx_ask(fx_anonymous(), request), SYNCTV_E_TOKEN_MISSING);
    fx_assert_ok(fx_ask(fx_system(), request));
    synctv_caller *root = fx_user_with("root", SYNCTV_USER_ROLE_ROOT, SYNCTV_USER_STATUS_ACTIVE);
    fx_assert_ok(fx_ask(root, request));
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_ROLE, .room_id = room, .user_id = fx_id(bob),
        .role = SYNCTV_ROOM_ROLE_ADMIN));
    fx_assert_ok(fx_ask(bob, request));
    request.room_id = "AAAAAAAAAAAA";
    fx_assert_code(fx_ask(alice, request), SYNCTV_E_ROOM_NOT_FOUND);
    request.room_id = "?";
    fx_assert_field(fx_ask(alice, request), "room_id");
}
END_TEST

START_TEST(each_command_makes_a_newer_state_and_tells_all)
{
    const struct command *command = &commands[_i];
    synctv_stream *stream = fx_follow(bob, room);
    const synctv_playback *before = state_now();
    int64_t now_ms = synctv_node_now_ms(&fx_node);
    fx_assert_ok(fx_ask(alice, request_of(command)));
    const synctv_playback *answer = fx_answer->state;
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);

    ck_assert_uint_gt(answer->version, before->version);
    ck_assert_uint_ge(answer->version, (uint64_t)now_ms);
    ck_assert_int_ge(answer->updated_at_ms, now_ms);
    ck_assert_str_eq(answer->node_id, synctv_node_id(&fx_node));
    const synctv_playback *told = event->state;
    const synctv_playback *both[] = { answer, told };
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(both[i]->cause, command->cause);
        ck_assert_str_eq(both[i]->room_id, room);
        ck_assert_str_eq(both[i]->movie_id, movie);
        ck_assert_str_eq(both[i]->actor_id, fx_id(alice));
        ck_assert_str_eq(both[i]->operation_id, "");
        ck_assert_uint_eq(both[i]->version, answer->version);
        ck_assert_int_eq(both[i]->status, answer->status);
        ck_assert_double_eq(both[i]->rate, answer->rate);
    }
    ck_assert_str_eq(event->actor_id, fx_id(alice));
}
END_TEST

/* Storage does nothing until it may go on: neither writes nor reads, of which memory: has one
 * thread. */
struct stopped_storage {
    struct sv_job job;
    sem_t stopped, go_on, is_over;
};

static int stop_storage(struct sv_job *job, struct sv_tx *tx)
{
    struct stopped_storage *s = SV_CONTAINER_OF(job, struct stopped_storage, job);
    sem_post(&s->stopped);
    sem_wait(&s->go_on);
    return 0;
}

static void storage_goes_on(struct sv_job *job, int rv)
{
    sem_post(&SV_CONTAINER_OF(job, struct stopped_storage, job)->is_over);
}

START_TEST(each_command_is_answered_and_told_while_storage_does_nothing)
{
    const struct command *command = &commands[_i];
    synctv_caller *outsider = fx_signed_in("alice");
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_ok(fx_ask(outsider, SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room)));
    struct stopped_storage s = { .job = { .run = stop_storage, .apply = storage_goes_on } };
    sem_init(&s.stopped, 0, 0);
    sem_init(&s.go_on, 0, 0);
    sem_init(&s.is_over, 0, 0);
    fx_assert_ok(sv_store_write(fx_node.store, &s.job));
    sem_wait(&s.stopped);
    for (int i = 0; i < 3; i++) {
        fx_assert_ok(fx_ask(outsider, request_of(command)));
        uint64_t version = fx_answer->state->version;
        const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
        ck_assert_uint_eq(event->state->version, version);
        fx_pass_unseen_ms(1000); /* the state is to be written */
        fx_turn();
    }
    sem_post(&s.go_on);
    sem_wait(&s.is_over);
    sem_destroy(&s.stopped);
    sem_destroy(&s.go_on);
    sem_destroy(&s.is_over);
}
END_TEST

START_TEST(each_command_heeds_the_version_it_expects)
{
    const struct command *command = &commands[_i];
    synctv_request request = request_of(command);
    request.expected_version = state_now()->version;
    fx_assert_ok(fx_ask(alice, request));
    uint64_t version = fx_answer->state->version;

    synctv_stream *stream = fx_follow(alice, room), *watcher = fx_follow(alice, room);
    fx_assert_code(fx_ask(alice, request), SYNCTV_E_VERSION_CONFLICT);
    ck_assert_ptr_nonnull(fx_answer);
    ck_assert_uint_eq(fx_answer->state->version, version);
    ck_assert_int_eq(fx_answer->state->cause, SYNCTV_STATE_CAUSE_RESYNC);
    ck_assert_str_eq(fx_answer->state->actor_id, "");

    fx_got(stream, SYNCTV_EVENT_MEMBER);
    fx_got(watcher, SYNCTV_EVENT_MEMBER);
    request.message_id = "mine";
    if (command->method == SYNCTV_METHOD_SET_CURRENT_MOVIE)
        return; /* not for streams */
    fx_assert_ok(synctv_stream_send(stream, &request, &fx_error));
    const synctv_event *event = fx_next(stream);
    ck_assert_int_eq(event->type, SYNCTV_EVENT_ERROR);
    fx_assert_code(event->error_code, SYNCTV_E_VERSION_CONFLICT);
    ck_assert_str_eq(event->in_reply_to, "mine");
    event = fx_next(stream);
    ck_assert_int_eq(event->type, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_RESYNC);
    ck_assert_uint_eq(event->state->version, version);
    fx_expect_nothing(stream);
    fx_expect_nothing(watcher);
}
END_TEST

START_TEST(what_came_on_a_stream_is_recognised_by_its_sender)
{
    const struct command *command = &commands[_i];
    if (command->method == SYNCTV_METHOD_SET_CURRENT_MOVIE)
        return; /* not for streams */
    synctv_stream *stream = fx_follow(alice, room), *watcher = fx_follow(bob, room);
    synctv_request request = request_of(command);
    request.message_id = "op-1";
    fx_assert_ok(synctv_stream_send(stream, &request, &fx_error));
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->state->operation_id, "op-1");
    ck_assert_str_eq(event->state->actor_id, fx_id(alice));
    ck_assert_ptr_eq(fx_expect(watcher, SYNCTV_EVENT_STATE), event);
    ck_assert(!fx_got(stream, SYNCTV_EVENT_ERROR));
}
END_TEST

START_TEST(what_cannot_be_is_refused_and_changes_nothing)
{
    uint64_t version = state_now()->version;
    fx_assert_field(FX_ASK(alice, SEEK, .room_id = room, .position_s = -1), "position");
    fx_assert_field(FX_ASK(alice, SEEK, .room_id = room, .position_s = NAN), "position");
    fx_assert_field(FX_ASK(alice, SEEK, .room_id = room, .position_s = 100.5), "position");
    fx_assert_field(FX_ASK(alice, PLAY, .room_id = room, .has_position = true,
                        .position_s = INFINITY),
        "position");
    fx_assert_field(FX_ASK(alice, SET_PLAYBACK_RATE, .room_id = room, .rate = 0), "rate");
    fx_assert_field(FX_ASK(alice, SET_PLAYBACK_RATE, .room_id = room, .rate = 4.1), "rate");
    fx_assert_field(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = ""), "movie_id");
    fx_assert_code(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = "AAAAAAAAAAAA"),
        SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_uint_eq(state_now()->version, version);
}
END_TEST

START_TEST(without_a_movie_there_is_nothing_to_move)
{
    room = fx_room(alice, NULL);
    fx_assert_code(FX_ASK(alice, PLAY, .room_id = room), SYNCTV_E_NO_CURRENT_MOVIE);
    fx_assert_code(FX_ASK(alice, PAUSE, .room_id = room), SYNCTV_E_NO_CURRENT_MOVIE);
    fx_assert_code(FX_ASK(alice, SEEK, .room_id = room), SYNCTV_E_NO_CURRENT_MOVIE);
    fx_assert_ok(FX_ASK(alice, SET_PLAYBACK_RATE, .room_id = room, .rate = 2));
    movie = fx_movie(alice, room, "x", 10);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie));
    ck_assert_double_eq(fx_answer->state->rate, 2);
}
END_TEST

/* --- where the playhead goes --- */

START_TEST(a_new_movie_begins_at_zero_and_waits_unless_it_is_to_play)
{
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room, .has_position = true, .position_s = 50));
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = other_movie));
    ck_assert_double_eq(fx_answer->state->position_s, 0);
    ck_assert_int_eq(fx_answer->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    ck_assert_int_eq(fx_answer->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    assert_near(fx_answer->state->position_s, 0);
}
END_TEST

START_TEST(the_playhead_runs_with_the_clock_and_the_rate)
{
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    fx_pass_ms(10000);
    assert_near(state_now()->position_s, 10);
    fx_assert_ok(FX_ASK(alice, SET_PLAYBACK_RATE, .room_id = room, .rate = 2));
    assert_near(fx_answer->state->position_s, 10);
    fx_pass_ms(10000);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    assert_near(fx_answer->state->position_s, 30);
    fx_pass_ms(10000);
    assert_near(state_now()->position_s, 30);
    fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = 5));
    ck_assert_int_eq(fx_answer->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(fx_answer->state->position_s, 5);
}
END_TEST

START_TEST(the_way_of_a_play_is_made_good)
{
    static const struct {
        int64_t ago_ms;
        double rate, ahead_s;
    } cases[] = {
        { 500, 1, 0.5 },    /* the way */
        { 1000, 2, 2.0 },   /* in media time */
        { 5000, 1, 1.5 },   /* no way is that long */
        { 31000, 1, 0 },    /* a clock that is not believed */
        { -10000, 1, 0 },   /* from the future */
        { INT64_MAX, 1, 0 } /* unknown */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t now_ms = synctv_node_now_ms(&fx_node);
        int64_t sent_ms = cases[i].ago_ms == INT64_MAX ? 0 : now_ms - cases[i].ago_ms;
        fx_assert_ok(FX_ASK(alice, SET_PLAYBACK_RATE, .room_id = room, .rate = cases[i].rate));
        fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room, .has_position = true, .position_s = 20,
            .client_time_ms = sent_ms));
        assert_near(fx_answer->state->position_s, 20 + cases[i].ahead_s);
        fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = 20,
            .client_time_ms = sent_ms));
        assert_near(fx_answer->state->position_s, 20);
        fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room, .has_position = true, .position_s = 20,
            .client_time_ms = sent_ms));
        ck_assert_double_eq(fx_answer->state->position_s, 20);
    }
}
END_TEST

START_TEST(play_and_pause_on_a_stream_may_change_the_rate_too)
{
    synctv_stream *stream = fx_follow(alice, room);
    uint64_t version = state_now()->version;
    fx_assert_ok(SEND(stream, PLAY, .has_rate = true, .rate = 2, .has_position = true,
        .position_s = 10, .expected_version = version));
    const synctv_playback *state = fx_expect(stream, SYNCTV_EVENT_STATE)->state;
    ck_assert_int_eq(state->cause, SYNCTV_STATE_CAUSE_PLAY);
    ck_assert_double_eq(state->rate, 2);
    assert_near(state->position_s, 10);
    fx_assert_ok(SEND(stream, PAUSE, .has_rate = true, .rate = 9));
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_ERROR)->error->field, "rate");
    ck_assert_int_eq(state_now()->status, SYNCTV_PLAYBACK_STATUS_PLAYING);

    synctv_stream *bobs = fx_follow(bob, room);
    give(SYNCTV_PERM_PLAY_CONTROL, 0);
    fx_assert_ok(SEND(bobs, PAUSE, .has_rate = true, .rate = 1));
    fx_assert_code(fx_expect(bobs, SYNCTV_EVENT_ERROR)->error_code, SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(SEND(bobs, PAUSE));
    ck_assert_int_eq(fx_expect(bobs, SYNCTV_EVENT_STATE)->state->cause, SYNCTV_STATE_CAUSE_PAUSE);
}
END_TEST

START_TEST(a_guest_controls_nothing_without_the_rooms_password)
{
    const synctv_room_settings settings = {
        .allow_guests = true,
        .guest_permissions = SYNCTV_PERM_PLAY_CONTROL,
    };
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "x", .settings = &settings,
        .password = "secret"));
    room = fx_answer->room->id;
    movie = fx_movie(alice, room, "x", 100);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie));
    synctv_caller *carol = fx_user("carol");
    fx_assert_code(FX_ASK(carol, PLAY, .room_id = room), SYNCTV_E_NOT_A_MEMBER);
    synctv_stream *stream = fx_open_stream(carol, room, "secret");
    fx_expect(stream, SYNCTV_EVENT_STATE);
    fx_assert_ok(SEND(stream, PLAY));
    ck_assert_int_eq(fx_expect(stream, SYNCTV_EVENT_STATE)->state->cause, SYNCTV_STATE_CAUSE_PLAY);
}
END_TEST

/* --- status reports --- */

#define REPORT(stream, ...) fx_assert_ok(SEND(stream, REPORT_STATUS, __VA_ARGS__))

START_TEST(who_is_off_is_told_where_the_room_is)
{
    synctv_stream *stream = fx_follow(bob, room), *other = fx_follow(alice, room);
    fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = 50)); /* stands still there */
    fx_got(stream, SYNCTV_EVENT_STATE);
    REPORT(stream, .movie_id = movie, .position_s = 51);
    REPORT(stream, .movie_id = movie, .position_s = 49);
    fx_expect_nothing(stream);

    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    fx_got(stream, SYNCTV_EVENT_STATE);
    fx_got(other, SYNCTV_EVENT_STATE);
    REPORT(stream, .movie_id = movie, .position_s = 20, .buffering = true);
    fx_expect_nothing(stream);
    REPORT(stream, .movie_id = movie, .position_s = 20);
    const synctv_event *event = fx_next(stream);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_RESYNC);
    assert_near(event->state->position_s, 50);
    REPORT(stream, .movie_id = other_movie, .position_s = 50);
    ck_assert_int_eq(fx_next(stream)->state->cause, SYNCTV_STATE_CAUSE_RESYNC);
    REPORT(stream, .movie_id = movie, .position_s = NAN);
    ck_assert_int_eq(fx_next(stream)->type, SYNCTV_EVENT_ERROR);
    fx_expect_nothing(stream);
    fx_expect_nothing(other); /* nobody else is told */
}
END_TEST

START_TEST(a_report_about_a_room_not_followed_says_nothing)
{
    const char *elsewhere = fx_room(alice, NULL);
    synctv_stream *stream = fx_follow(bob, "");
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    REPORT(stream, .room_id = elsewhere, .movie_id = movie, .position_s = 20, .ended = true);
    REPORT(stream, .room_id = "AAAAAAAAAAAA", .movie_id = movie, .position_s = 20);
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(a_playing_room_is_announced_again_every_ten_seconds)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    fx_expect(stream, SYNCTV_EVENT_STATE);
    for (int i = 1; i <= 3; i++) {
        fx_pass_ms(5000);
        fx_expect_nothing(stream);
        fx_pass_ms(5200);
        const synctv_event *event = fx_next(stream);
        ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_RESYNC);
        assert_near(event->state->position_s, 10.2 * i);
    }
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    fx_expect(stream, SYNCTV_EVENT_STATE);
    fx_pass_ms(60000);
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(a_room_is_announced_again_to_who_came_later)
{
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    fx_pass_ms(30000); /* nobody is here */
    synctv_stream *stream = fx_follow(bob, room);
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_pass_ms(10100);
    assert_near(fx_next(stream)->state->position_s, 40.1);
    fx_expect_nothing(stream);
}
END_TEST

static Suite *playback_calls(void)
{
    Suite *s = suite_create("playback_calls");
    TCase *t = tcase_create("playback_calls");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, each_command_takes_exactly_its_permission, 0, N_COMMANDS);
    tcase_add_loop_test(t, each_command_asks_who_is_there, 0, N_COMMANDS);
    tcase_add_loop_test(t, each_command_makes_a_newer_state_and_tells_all, 0, N_COMMANDS);
    tcase_add_loop_test(t, each_command_is_answered_and_told_while_storage_does_nothing, 0,
        N_COMMANDS);
    tcase_add_loop_test(t, each_command_heeds_the_version_it_expects, 0, N_COMMANDS);
    tcase_add_loop_test(t, what_came_on_a_stream_is_recognised_by_its_sender, 0, N_COMMANDS);
    tcase_add_test(t, a_state_tells_how_long_the_movie_is);
    tcase_add_test(t, what_cannot_be_is_refused_and_changes_nothing);
    tcase_add_test(t, without_a_movie_there_is_nothing_to_move);
    tcase_add_test(t, a_new_movie_begins_at_zero_and_waits_unless_it_is_to_play);
    tcase_add_test(t, the_playhead_runs_with_the_clock_and_the_rate);
    tcase_add_test(t, the_way_of_a_play_is_made_good);
    tcase_add_test(t, play_and_pause_on_a_stream_may_change_the_rate_too);
    tcase_add_test(t, a_guest_controls_nothing_without_the_rooms_password);
    tcase_add_test(t, who_is_off_is_told_where_the_room_is);
    tcase_add_test(t, a_report_about_a_room_not_followed_says_nothing);
    tcase_add_test(t, a_playing_room_is_announced_again_every_ten_seconds);
    tcase_add_test(t, a_room_is_announced_again_to_who_came_later);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(playback_calls());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
