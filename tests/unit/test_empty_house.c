/* SPDX-License-Identifier: MIT */
/* The setting pause_when_empty: the room pauses when the last one has gone offline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/node_fixture.h"

static synctv_caller *alice, *bob, *guest;
static const char *room, *movie;
static char folder[] = "/tmp/synctv-empty-XXXXXX", db_url[64];

static void people_in_room(bool pause_when_empty)
{
    const synctv_room_settings settings = {
        .allow_guests = true,
        .pause_when_empty = pause_when_empty,
    };
    room = fx_room(alice, &settings);
    fx_join(bob, room);
    movie = fx_movie(alice, room, "long", 36000);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
}

static void people(void)
{
    strcpy(strrchr(folder, '-'), "-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(db_url, sizeof(db_url), "sqlite:%s/db", folder);
    synctv_node_options_init(&fx_options);
    fx_options.db_url = db_url;
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    guest = fx_user("guest");
    people_in_room(true);
}

static void remove_disk(void)
{
    fx_close();
    static const char *const names[] = { "db", "db-wal", "db-shm", "db-journal" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static synctv_stream *open_own(synctv_caller *caller)
{
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room);
    synctv_stream *stream = NULL;
    fx_assert_ok(synctv_stream_open(caller, &options, &stream, &fx_error));
    const synctv_event *event = NULL;
    ck_assert_int_eq(synctv_stream_next(stream, 30000, &event, NULL), 1);
    synctv_event_unref(event);
    return stream;
}

static synctv_playback state_now(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return *fx_answer->state;
}

static void expect_status(synctv_playback_status status)
{
    ck_assert_int_eq(state_now().status, status);
}

/* It stands where it stood when the last one went offline: nothing that happens later moves it. */
static double paused_at(void)
{
    fx_pass_ms(100); /* it is decided in a moment */
    synctv_playback state = state_now();
    ck_assert_int_eq(state.status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_str_eq(state.movie_id, movie);
    fx_pass_ms(3600000);
    ck_assert_double_eq(state_now().position_s, state.position_s);
    ck_assert_uint_eq(state_now().version, state.version);
    return state.position_s;
}

START_TEST(the_room_pauses_when_the_last_one_has_gone_offline)
{
    synctv_stream *watcher = fx_follow(fx_system(), room); /* sees all and is nobody */
    synctv_stream *alices = open_own(alice), *guests = open_own(guest);
    fx_pass_ms(600000);
    synctv_stream_close(alices);
    fx_pass_ms(60000);
    expect_status(SYNCTV_PLAYBACK_STATUS_PLAYING);
    synctv_stream_close(guests);
    fx_pass_ms(5000); /* they may come back */
    expect_status(SYNCTV_PLAYBACK_STATUS_PLAYING);
    fx_got(watcher, SYNCTV_EVENT_STATE);
    fx_pass_ms(5100);
    fx_pass_ms(100); /* it is decided in a moment */
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    while (event->state->cause == SYNCTV_STATE_CAUSE_RESYNC)
        event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_PAUSE);
    ck_assert_str_eq(event->state->actor_id, "");
    ck_assert_double_ge(event->state->position_s, 670);
    ck_assert_double_eq(paused_at(), event->state->position_s);
}
END_TEST

START_TEST(who_comes_back_in_time_finds_it_playing)
{
    synctv_stream_close(open_own(alice));
    fx_pass_ms(5000);
    fx_follow(bob, room);
    fx_pass_ms(60000);
    expect_status(SYNCTV_PLAYBACK_STATUS_PLAYING);
}
END_TEST

START_TEST(who_is_put_out_as_the_last_one_leaves_it_paused)
{
    fx_follow(bob, room);
    fx_pass_ms(60000);
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    ck_assert_double_ge(paused_at(), 60);
}
END_TEST

START_TEST(without_the_setting_it_plays_on)
{
    people_in_room(false);
    synctv_stream_close(open_own(alice));
    fx_pass_ms(60000);
    expect_status(SYNCTV_PLAYBACK_STATUS_PLAYING);
}
END_TEST

START_TEST(beside_other_nodes_it_plays_on)
{
    fx_node.alone = false; /* viewers elsewhere are not known here */
    synctv_stream_close(open_own(alice));
    fx_pass_ms(60000);
    expect_status(SYNCTV_PLAYBACK_STATUS_PLAYING);
}
END_TEST

START_TEST(the_setting_can_be_changed)
{
    static const char *const fields[] = { "settings" };
    const synctv_room_settings off = { .pause_when_empty = false },
                               on = { .pause_when_empty = true };
    const synctv_room_settings *const settings[] = { &off, &on };
    for (int i = 0; i < 2; i++) {
        fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .fields = fields, .n_fields = 1,
            .settings = settings[i]));
        ck_assert(fx_answer->room->settings->pause_when_empty == settings[i]->pause_when_empty);
        synctv_stream_close(open_own(alice));
        fx_pass_ms(60000);
        fx_pass_ms(100);
        expect_status(i == 0 ? SYNCTV_PLAYBACK_STATUS_PLAYING : SYNCTV_PLAYBACK_STATUS_PAUSED);
    }
}
END_TEST

START_TEST(a_restart_leaves_it_where_it_paused)
{
    synctv_stream_close(open_own(alice));
    fx_pass_ms(60000);
    double position_s = paused_at();
    char alice_id[SYNCTV_ID_LEN + 1], room_id[SYNCTV_ID_LEN + 1];
    strcpy(alice_id, fx_id(alice));
    strcpy(room_id, room);
    fx_close();
    fx_open();
    synctv_caller *again = NULL;
    fx_assert_code(synctv_node_as_user(&fx_node, alice_id, &again, NULL), 0);
    fx_pass_ms(86400000);
    fx_assert_ok(FX_ASK(again, GET_ROOM_INFO, .room_id = room_id));
    ck_assert_int_eq(fx_answer->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(fx_answer->state->position_s, position_s);
    ck_assert(fx_answer->room->settings->pause_when_empty);
    synctv_caller_unref(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("empty_house");
    TCase *t = tcase_create("empty_house");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, people, remove_disk);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_room_pauses_when_the_last_one_has_gone_offline);
    tcase_add_test(t, who_comes_back_in_time_finds_it_playing);
    tcase_add_test(t, who_is_put_out_as_the_last_one_leaves_it_paused);
    tcase_add_test(t, without_the_setting_it_plays_on);
    tcase_add_test(t, beside_other_nodes_it_plays_on);
    tcase_add_test(t, the_setting_can_be_changed);
    tcase_add_test(t, a_restart_leaves_it_where_it_paused);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
