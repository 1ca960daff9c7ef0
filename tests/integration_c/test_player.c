/* SPDX-License-Identifier: MIT */
/* What a player is told to do, and what of it the server hears. */
#include "puppet.h"

#include <math.h>

#include "api/result.h"

#define ROOM "roomabcdefgh"
#define FILM "filmabcdefgh"

static struct person *viewer;
static synctv_player *player;
static uint64_t version;
static int n_pauses;

/* The room's state, told to the viewer. */
static void room_is(const char *movie_id, synctv_playback_status status, double position_s,
    synctv_state_cause cause)
{
    const synctv_playback state = {
        .room_id = ROOM,
        .movie_id = movie_id,
        .status = status,
        .position_s = position_s,
        .rate = 1,
        .updated_at_ms = synctv_client_server_time_ms(viewer->client),
        .version = cause == SYNCTV_STATE_CAUSE_RESYNC ? version : ++version,
        .cause = cause,
        .actor_id = "",
        .operation_id = "",
        .node_id = "n",
    };
    synctv_event *event = sv_event_new(SYNCTV_EVENT_STATE);
    event->state = &state;
    puppet_send_event(event);
    synctv_event_unref(event);
    synctv_player_take(player, expect_now(viewer->stream, SYNCTV_EVENT_STATE));
}

static void room_stands_at(double position_s)
{
    room_is(FILM, SYNCTV_PLAYBACK_STATUS_PAUSED, position_s, SYNCTV_STATE_CAUSE_SEEK);
}

static void begin(void)
{
    puppet_begin();
    version = 0;
    n_pauses = 0;
    viewer = puppet_person();
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = ROOM);
    assert_ok(synctv_stream_open(viewer->me, &options, &viewer->stream, &error));
    expect_now(viewer->stream, SYNCTV_EVENT_CONNECTED);
    puppet_wait_calls("MessageStream", 1);
    assert_ok(synctv_player_new(viewer->client, viewer->stream, NULL, &player, &error));
}

static void end(void)
{
    synctv_player_free(player);
    puppet_end();
}

static synctv_player_target step(synctv_player_status status)
{
    synctv_player_target target;
    ck_assert(synctv_player_step(player, &status, &target));
    return target;
}

/* How many reports were sent, all of which have arrived: what is sent after them has. */
static int reports(void)
{
    const synctv_request pause = SYNCTV_REQUEST(SYNCTV_METHOD_PAUSE);
    assert_ok(synctv_stream_send(viewer->stream, &pause, &error));
    puppet_wait_message(++n_pauses);
    return puppet_reports(NULL);
}

/* Steps, as a program does all the time, until the server has so many reports. */
static struct puppet_report step_until(int n_reports, synctv_player_status status)
{
    struct puppet_report report;
    for (long left = WAIT_MS / 20; left > 0 && puppet_reports(NULL) < n_reports; left--) {
        step(status);
        sleep_ms(20);
    }
    ck_assert_int_eq(puppet_reports(&report), n_reports);
    return report;
}

/* --- the server hears what it cannot know --- */

START_TEST(a_player_that_is_in_step_sends_nothing)
{
    room_is(FILM, SYNCTV_PLAYBACK_STATUS_PLAYING, 100, SYNCTV_STATE_CAUSE_SNAPSHOT);
    double position_s = 100;
    for (int i = 0; i < 500; i++) {
        synctv_player_target target =
            step((synctv_player_status){ .movie_id = FILM, .position_s = position_s });
        ck_assert_str_eq(target.movie_id, FILM);
        ck_assert(target.playing);
        ck_assert_double_ge(target.position_s, 100);
        position_s = target.position_s; /* it does what it is told */
        if (i % 100 == 99) {            /* nor when the room is moved, and it follows */
            room_is(FILM, SYNCTV_PLAYBACK_STATUS_PLAYING, 100, SYNCTV_STATE_CAUSE_SEEK);
            position_s = 100;
        }
    }
    room_stands_at(50);
    ck_assert(step((synctv_player_status){ .movie_id = FILM, .position_s = 7 }).seek);
    ck_assert(!step((synctv_player_status){ .movie_id = FILM, .position_s = 50 }).playing);
    ck_assert_int_eq(reports(), 0);
}
END_TEST

START_TEST(buffering_is_told_when_it_begins_and_when_it_ends)
{
    room_stands_at(50);
    synctv_player_status now = { .movie_id = FILM, .position_s = 50.5, .buffering = true };
    struct puppet_report report = step_until(1, now);
    ck_assert(report.buffering);
    ck_assert_str_eq(report.movie_id, FILM);
    ck_assert_double_eq(report.position_s, 50.5);
    for (int i = 0; i < 100; i++)
        step(now);
    ck_assert_int_eq(reports(), 1);
    now.buffering = false;
    ck_assert(!step_until(2, now).buffering);
    for (int i = 0; i < 100; i++)
        step(now);
    ck_assert_int_eq(reports(), 2);
}
END_TEST

START_TEST(a_length_is_told_when_it_is_learned)
{
    room_stands_at(50);
    synctv_player_status now = { .movie_id = FILM, .position_s = 50, .duration_s = NAN };
    step(now);
    ck_assert_int_eq(reports(), 0);
    now.duration_s = 600;
    ck_assert_double_eq(step_until(1, now).duration_s, 600);
    now.duration_s = 600.4;
    for (int i = 0; i < 100; i++)
        step(now);
    ck_assert_int_eq(reports(), 1);
    now.duration_s = 900; /* it was not the whole of it */
    ck_assert_double_eq(step_until(2, now).duration_s, 900);

    room_is("another-film", SYNCTV_PLAYBACK_STATUS_PAUSED, 0, SYNCTV_STATE_CAUSE_MOVIE);
    step(now); /* what it says of the old one is of no interest */
    ck_assert_int_eq(reports(), 2);
    now = (synctv_player_status){ .movie_id = "another-film", .duration_s = 900 };
    ck_assert_str_eq(step_until(3, now).movie_id, "another-film");
}
END_TEST

START_TEST(the_end_is_told_once_a_round)
{
    room_is(FILM, SYNCTV_PLAYBACK_STATUS_PLAYING, 590, SYNCTV_STATE_CAUSE_SNAPSHOT);
    const synctv_player_status now = { .movie_id = FILM, .position_s = 600, .ended = true };
    struct puppet_report report = step_until(1, now);
    ck_assert(report.ended);
    ck_assert_double_eq(report.position_s, 600);
    for (int i = 0; i < 100; i++)
        step(now);
    ck_assert_int_eq(reports(), 1);
    room_is(FILM, SYNCTV_PLAYBACK_STATUS_PLAYING, 0, SYNCTV_STATE_CAUSE_ENDED); /* once more */
    ck_assert(step(now).seek);
    step((synctv_player_status){ .movie_id = FILM });
    ck_assert(step_until(2, now).ended);
}
END_TEST

START_TEST(reports_are_no_more_than_the_server_takes)
{
    room_stands_at(50);
    synctv_player_status now = { .movie_id = FILM, .position_s = 50 };
    long start_ms = now_ms();
    for (int i = 0; i < 1001; i++) {
        now.buffering = !now.buffering;
        step(now);
    }
    long took_ms = now_ms() - start_ms;
    ck_assert_int_le(reports(), 2 + took_ms / 1000);
    for (long left = WAIT_MS / 20; left > 0 && puppet_reports(NULL) % 2 == 0; left--) {
        step(now);
        sleep_ms(20);
    }
    struct puppet_report report;
    reports();
    puppet_reports(&report);
    ck_assert(report.buffering); /* how it stands in the end is always told */
}
END_TEST

START_TEST(what_could_not_be_told_is_told_later)
{
    room_stands_at(50);
    synctv_player_status now = { .movie_id = FILM, .position_s = 50, .buffering = true };
    puppet_finish(SYNCTV_E_OVERLOADED, 0);
    expect(viewer->stream, SYNCTV_EVENT_DISCONNECTED);
    step(now);
    expect(viewer->stream, SYNCTV_EVENT_CONNECTED);
    puppet_wait_calls("MessageStream", 2);
    ck_assert(step_until(1, now).buffering);

    puppet_finish(SYNCTV_E_OVERLOADED, 0); /* another server, perhaps, that has not heard it */
    expect(viewer->stream, SYNCTV_EVENT_CONNECTED);
    puppet_wait_calls("MessageStream", 3);
    room_is(FILM, SYNCTV_PLAYBACK_STATUS_PAUSED, 50, SYNCTV_STATE_CAUSE_SNAPSHOT);
    ck_assert(step_until(2, now).buffering);
}
END_TEST

START_TEST(a_report_that_was_refused_is_sent_again)
{
    room_stands_at(50);
    synctv_player_status now = { .movie_id = FILM, .position_s = 50, .ended = true };
    struct puppet_report report = step_until(1, now);
    synctv_error refusal = { .code = SYNCTV_E_RATE_LIMITED, .retry_after_ms = 300 };
    synctv_event *event = sv_event_new(SYNCTV_EVENT_ERROR);
    event->room_id = ROOM;
    event->error_code = refusal.code;
    event->error = &refusal;
    event->in_reply_to = "another-one-";
    puppet_send_event(event);
    synctv_player_take(player, expect_now(viewer->stream, SYNCTV_EVENT_ERROR));
    step(now);
    ck_assert_int_eq(reports(), 1);
    event->in_reply_to = report.message_id;
    puppet_send_event(event);
    synctv_event_unref(event);
    synctv_player_take(player, expect_now(viewer->stream, SYNCTV_EVENT_ERROR));
    ck_assert(step_until(2, now).ended);
}
END_TEST

/* --- the player hears what it has to do --- */

START_TEST(a_player_that_stays_wrong_seeks_again_and_the_server_hears_of_it)
{
    room_stands_at(100);
    const synctv_player_status wrong = { .movie_id = FILM, .position_s = 10 };
    synctv_player_target target = step(wrong);
    ck_assert(target.seek);
    ck_assert_double_eq(target.position_s, 100);
    bool again =
        step(wrong).seek; /* at once, it cannot have helped yet; unless this machine has slept */
    ck_assert(!again || reports() == 1);
    struct puppet_report report = step_until(1, wrong);
    ck_assert_double_eq(report.position_s, 10);
    ck_assert(!report.buffering && !report.ended);
    room_is(FILM, SYNCTV_PLAYBACK_STATUS_PAUSED, 100, SYNCTV_STATE_CAUSE_RESYNC);
    step((synctv_player_status){ .movie_id = FILM, .position_s = 100 });
    ck_assert(step(wrong).seek); /* off anew, and nothing to tell */
    ck_assert_int_eq(reports(), 1);
}
END_TEST

START_TEST(a_player_that_buffers_or_has_ended_is_not_asked_to_seek_forward)
{
    room_stands_at(100);
    const synctv_player_status right = { .movie_id = FILM, .position_s = 100 };
    synctv_player_status behind = { .movie_id = FILM, .position_s = 10, .buffering = true };
    step(right);
    ck_assert(!step(behind).seek);
    behind.buffering = false;
    behind.ended = true;
    ck_assert(!step(behind).seek);
    behind.ended = false;
    ck_assert(step(behind).seek);

    room_stands_at(50); /* but somebody has moved the room */
    ck_assert(step((synctv_player_status){ .movie_id = FILM, .position_s = 100, .buffering = true })
                  .seek);
    room_stands_at(20);
    ck_assert(
        step((synctv_player_status){ .movie_id = FILM, .position_s = 600, .ended = true }).seek);
}
END_TEST

START_TEST(a_small_difference_is_made_up_for_by_speed)
{
    room_is(FILM, SYNCTV_PLAYBACK_STATUS_PLAYING, 100, SYNCTV_STATE_CAUSE_SNAPSHOT);
    synctv_player_status now = { .movie_id = FILM };
    for (int i = -8; i <= 8; i++) {
        now.position_s = 100 + i / 10.0;
        room_is(FILM, SYNCTV_PLAYBACK_STATUS_PLAYING, 100, SYNCTV_STATE_CAUSE_SEEK);
        synctv_player_target target = step(now);
        double ahead_s = now.position_s - target.position_s;
        double rate = fabs(ahead_s) > 1 || fabs(ahead_s) <= 0.1 ? 1 : ahead_s > 0 ? 0.95 : 1.05;
        ck_assert_double_eq_tol(target.rate, rate, 1e-9);
        ck_assert_int_eq(target.seek, fabs(ahead_s) > 1);
    }
    room_stands_at(100); /* what stands has no speed */
    now.position_s = 100.5;
    ck_assert_double_eq(step(now).rate, 1);
    now.position_s = 98;
    ck_assert(step(now).seek);
}
END_TEST

START_TEST(another_movie_is_loaded_where_the_room_is)
{
    synctv_player_status status = { 0 };
    synctv_player_target target;
    ck_assert(!synctv_player_step(player, &status, &target)); /* nothing has come yet */
    room_is("", SYNCTV_PLAYBACK_STATUS_PAUSED, 0, SYNCTV_STATE_CAUSE_SNAPSHOT);
    target = step(status);
    ck_assert_str_eq(target.movie_id, "");
    ck_assert(!target.seek && !target.playing);
    room_stands_at(30);
    target = step(status);
    ck_assert_str_eq(target.movie_id, FILM);
    ck_assert(target.seek);
    ck_assert_double_eq(target.position_s, 30);
    status = (synctv_player_status){ .movie_id = FILM, .position_s = NAN };
    ck_assert(step(status).seek);
    ck_assert_int_eq(reports(), 0);
}
END_TEST

START_TEST(a_player_of_one_room_heeds_no_other)
{
    synctv_player *other = NULL;
    assert_ok(synctv_player_new(viewer->client, viewer->stream, "anotherroom-", &other, &error));
    room_stands_at(30);
    const synctv_event *event = NULL;
    ck_assert_int_eq(synctv_stream_next(viewer->stream, 0, &event, &error), 0);
    synctv_event *states = sv_event_new(SYNCTV_EVENT_STATE);
    const synctv_playback state = { .room_id = ROOM, .movie_id = FILM };
    states->state = &state;
    synctv_player_take(other, states);
    synctv_event_unref(states);
    const synctv_player_status status = { 0 };
    synctv_player_target target;
    ck_assert(!synctv_player_step(other, &status, &target));
    synctv_player_free(other);
    synctv_player_free(NULL);
    assert_code(synctv_player_new(viewer->client, viewer->stream, "no id", &other, &error),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "room_id");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("player");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, a_player_that_is_in_step_sends_nothing);
    tcase_add_test(tcase, buffering_is_told_when_it_begins_and_when_it_ends);
    tcase_add_test(tcase, a_length_is_told_when_it_is_learned);
    tcase_add_test(tcase, the_end_is_told_once_a_round);
    tcase_add_test(tcase, reports_are_no_more_than_the_server_takes);
    tcase_add_test(tcase, what_could_not_be_told_is_told_later);
    tcase_add_test(tcase, a_report_that_was_refused_is_sent_again);
    tcase_add_test(tcase, a_player_that_stays_wrong_seeks_again_and_the_server_hears_of_it);
    tcase_add_test(tcase, a_player_that_buffers_or_has_ended_is_not_asked_to_seek_forward);
    tcase_add_test(tcase, a_small_difference_is_made_up_for_by_speed);
    tcase_add_test(tcase, another_movie_is_loaded_where_the_room_is);
    tcase_add_test(tcase, a_player_of_one_room_heeds_no_other);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
