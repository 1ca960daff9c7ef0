/* SPDX-License-Identifier: MIT */
/*
 * Streams of a client: coming back, ending for good, keeping up, the clock that they bring, and
 * players beside them.
 */
#include "support.h"

#include <math.h>

static struct server server;

static void begin(void)
{
    support_begin();
    server_init(&server);
    server_keep(&server); /* several tests start it again */
}

/* --- coming back --- */

static void comes_back(struct scene s, const synctv_event *down)
{
    ck_assert_int_lt(down->error_code, 0);
    ck_assert_str_ne(down->error->message, "");
    const synctv_request pause = SYNCTV_REQUEST(SYNCTV_METHOD_PAUSE);
    assert_code(synctv_stream_send(s.host->stream, &pause, &error), SYNCTV_E_NOT_CONNECTED);
    server_start(&server);
    expect_now(s.host->stream, SYNCTV_EVENT_CONNECTED);
    const synctv_event *snapshot = expect_now(s.host->stream, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(snapshot->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    ck_assert_str_eq(snapshot->state->movie_id, s.movie_id);
    assert_ok(synctv_chat_send(s.host->stream, NULL, "back again", NULL, &error));
    ck_assert_str_eq(expect(s.host->stream, SYNCTV_EVENT_CHAT)->chat->content, "back again");
}

START_TEST(a_stream_comes_back_when_the_server_was_killed)
{
    server_start(&server);
    struct scene s = scene(&server);
    server_stop(&server); /* a change of playback is written a little later, or at the end */
    server_start(&server);
    follow(s.host, s.room_id);
    for (int i = 0; i < 2; i++) {
        server_kill(&server);
        comes_back(s, expect(s.host->stream, SYNCTV_EVENT_DISCONNECTED));
    }
}
END_TEST

START_TEST(a_stream_comes_back_when_the_server_was_stopped)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.host, s.room_id);
    server_stop(&server);
    const synctv_event *down = expect(s.host->stream, SYNCTV_EVENT_DISCONNECTED);
    assert_code(down->error_code, SYNCTV_E_SHUTTING_DOWN);
    comes_back(s, down);
}
END_TEST

START_TEST(chat_that_is_called_waits_for_the_stream_to_come_back)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.host, s.room_id);
    server_kill(&server);
    expect(s.host->stream, SYNCTV_EVENT_DISCONNECTED);
    synctv_request chat = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = s.room_id,
        .content = "too soon", .timeout_ms = 300);
    assert_code(synctv_call_wait(s.host->me, &chat, NULL, &error), SYNCTV_E_TIMEOUT);
    struct answers answers = ANSWERS;
    chat.content = "did you hear me?";
    chat.timeout_ms = WAIT_MS;
    synctv_call(s.host->me, &chat, take_answer, &answers);
    server_start(&server);
    const synctv_result *said = next_answer(&answers);
    assert_ok(said->code);
    ck_assert_str_eq(said->chat->content, "did you hear me?");
    chat.method = SYNCTV_METHOD_SEND_DANMAKU; /* never waits */
    chat.room_id = "anotherroom-";
    assert_code(synctv_call_wait(s.host->me, &chat, NULL, &error), SYNCTV_E_NOT_CONNECTED);
}
END_TEST

/* --- ending for good --- */

enum fate { KICKED, BANNED, LEFT, DELETED, LOGGED_OUT, N_FATES };

START_TEST(a_stream_ends_when_its_room_is_over_for_the_user)
{
    static const int codes[N_FATES] = {
        [KICKED] = SYNCTV_E_MEMBER_KICKED,
        [BANNED] = SYNCTV_E_MEMBER_BANNED,
        [LEFT] = SYNCTV_E_NOT_A_MEMBER,
        [DELETED] = SYNCTV_E_ROOM_NOT_FOUND,
        [LOGGED_OUT] = SYNCTV_E_SESSION_ENDED,
    };
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.guest, s.room_id);
    switch ((enum fate)_i) {
    case KICKED:
        assert_ok(synctv_member_kick(s.host->me, s.room_id, s.guest->id, "", &error));
        break;
    case BANNED:
        assert_ok(synctv_member_ban(s.host->me, s.room_id, s.guest->id, "", NULL, &error));
        break;
    case LEFT:
        assert_ok(synctv_room_leave(s.guest->me, s.room_id, &error));
        break;
    case DELETED:
        assert_ok(synctv_room_delete(s.host->me, s.room_id, &error));
        break;
    case LOGGED_OUT:
        assert_ok(synctv_client_logout(s.guest->client, &error));
        break;
    case N_FATES:
        break;
    }
    int end = expect_end(s.guest->stream);
    assert_code(end, codes[_i]);
    assert_code(expect_end(s.guest->stream), end); /* it stays ended */
    const synctv_request pause = SYNCTV_REQUEST(SYNCTV_METHOD_PAUSE);
    assert_code(synctv_stream_send(s.guest->stream, &pause, &error), SYNCTV_E_NOT_CONNECTED);
}
END_TEST

/* Whichever comes first. Returns 0, or what the stream ended with before. */
static int hear_chat_and_play(synctv_stream *stream)
{
    const synctv_event *event;
    for (bool said = false, plays = false; !said || !plays; synctv_event_unref(event)) {
        int rv = synctv_stream_next(stream, WAIT_MS, &event, &error);
        if (rv != 1)
            return rv < 0 ? rv : SYNCTV_E_TIMEOUT;
        said = said || event->type == SYNCTV_EVENT_CHAT;
        plays = plays ||
            (event->type == SYNCTV_EVENT_STATE && event->state->cause == SYNCTV_STATE_CAUSE_PLAY);
    }
    return 0;
}

START_TEST(a_stream_that_is_finished_hears_what_it_said_and_does_not_come_back)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.host, s.room_id);
    follow(s.guest, s.room_id);
    const synctv_request chat = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .content = "good night");
    const synctv_request play = SYNCTV_REQUEST(SYNCTV_METHOD_PLAY);
    assert_ok(synctv_stream_send(s.host->stream, &chat, &error));
    assert_ok(synctv_stream_send(s.host->stream, &play, &error));
    synctv_stream_finish(s.host->stream);
    synctv_stream_finish(s.host->stream);
    assert_code(synctv_stream_send(s.host->stream, &chat, &error), SYNCTV_E_NOT_CONNECTED);
    assert_code(hear_chat_and_play(s.host->stream), 0);
    assert_code(expect_end(s.host->stream), SYNCTV_E_NOT_CONNECTED);
    assert_code(hear_chat_and_play(s.guest->stream), 0);
}
END_TEST

START_TEST(a_stream_that_is_down_is_finished_at_once)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.host, s.room_id);
    server_kill(&server);
    expect(s.host->stream, SYNCTV_EVENT_DISCONNECTED);
    synctv_stream_finish(s.host->stream);
    assert_code(expect_end(s.host->stream), SYNCTV_E_NOT_CONNECTED);
}
END_TEST

START_TEST(a_stream_of_a_room_that_is_not_ones_own_ends_at_once)
{
    server_start(&server);
    struct scene s = scene(&server);
    struct person *stranger = person_new(&server, "stranger");
    synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = s.room_id);
    assert_ok(synctv_stream_open(stranger->me, &options, &stranger->stream, &error));
    assert_code(expect_end(stranger->stream), SYNCTV_E_NOT_A_MEMBER);
    synctv_stream_close(stranger->stream);
    stranger->stream = NULL;
    options.room_id = "nosuchroom--";
    assert_ok(synctv_stream_open(stranger->me, &options, &stranger->stream, &error));
    assert_code(expect_end(stranger->stream), SYNCTV_E_ROOM_NOT_FOUND);
    synctv_stream *stream;
    options.room_id = "no id";
    assert_code(synctv_stream_open(stranger->me, &options, &stream, &error),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "room_id");
}
END_TEST

START_TEST(a_stream_of_all_rooms_outlives_one_of_them)
{
    server_start(&server);
    struct scene s = scene(&server);
    const char *own = new_room(s.guest);
    const synctv_stream_options all = SYNCTV_STREAM_OPTIONS(.room_id = NULL);
    assert_ok(synctv_stream_open(s.guest->me, &all, &s.guest->stream, &error));
    expect_now(s.guest->stream, SYNCTV_EVENT_CONNECTED);
    expect_state(s.guest->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
    expect_state(s.guest->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
    assert_ok(synctv_member_kick(s.host->me, s.room_id, s.guest->id, "", &error));
    expect_change(s.guest->stream, SYNCTV_MEMBER_CHANGE_KICKED);
    assert_ok(synctv_chat_send(s.guest->stream, own, "to myself", NULL, &error));
    ck_assert_str_eq(expect(s.guest->stream, SYNCTV_EVENT_CHAT)->room_id, own);
    const char *later = new_room(s.guest); /* joined while it is open */
    const synctv_event *snapshot = expect_state(s.guest->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
    ck_assert_str_eq(snapshot->room_id, later);
}
END_TEST

/* --- guests --- */

START_TEST(a_guest_follows_with_the_rooms_password)
{
    server_start(&server);
    struct person *host = person_new(&server, "host"), *guest = person_new(&server, "guest");
    const synctv_room_settings settings = { .allow_guests = true };
    const synctv_room_options with_password = { .password = "pä55 🔑", .settings = &settings };
    const synctv_result *r;
    assert_ok(synctv_room_create(host->me, "open house", &with_password, &r, &error));
    synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = keep_result(r)->room->id, .room_password = "wrong");
    assert_ok(synctv_stream_open(guest->me, &options, &guest->stream, &error));
    assert_code(expect_end(guest->stream), SYNCTV_E_ROOM_PASSWORD_WRONG);
    synctv_stream_close(guest->stream);
    guest->stream = NULL;
    options.room_password = "pä55 🔑";
    assert_ok(synctv_stream_open(guest->me, &options, &guest->stream, &error));
    expect_state(guest->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
}
END_TEST

/* --- keeping up --- */

struct ready {
    pthread_mutex_t lock;
    int calls;
    bool close;
};

static void on_ready(void *userdata, synctv_stream *stream)
{
    struct ready *ready = userdata;
    pthread_mutex_lock(&ready->lock);
    ready->calls++;
    bool close = ready->close;
    ready->close = false;
    pthread_mutex_unlock(&ready->lock);
    if (close)
        synctv_stream_close(stream);
}

static int ready_calls(struct ready *ready)
{
    pthread_mutex_lock(&ready->lock);
    int calls = ready->calls;
    pthread_mutex_unlock(&ready->lock);
    return calls;
}

static void await_ready_calls(struct ready *ready, int n)
{
    for (long left = WAIT_MS / 5; left > 0 && ready_calls(ready) < n; left--)
        sleep_ms(5);
    ck_assert_int_eq(ready_calls(ready), n);
}

START_TEST(ready_is_called_once_until_all_is_taken)
{
    server_start(&server);
    struct scene s = scene(&server);
    struct ready ready = { PTHREAD_MUTEX_INITIALIZER, 0, false };
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = s.room_id, .ready = on_ready, .userdata = &ready);
    follow(s.guest, s.room_id);
    assert_ok(synctv_stream_open(s.host->me, &options, &s.host->stream, &error));
    const synctv_event *online;
    do
        online = expect_change(s.guest->stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    while (strcmp(online->member->user_id, s.host->id) != 0); /* first the guest */
    for (int i = 0; i < 10; i++) {
        assert_ok(synctv_chat_send(s.guest->stream, NULL, "x", NULL, &error));
        expect(s.guest->stream, SYNCTV_EVENT_CHAT);
    }
    await_ready_calls(&ready, 1);
    for (int chats = 0; chats < 10; chats++)
        expect(s.host->stream, SYNCTV_EVENT_CHAT);
    const synctv_event *event;
    while (synctv_stream_next(s.host->stream, 0, &event, &error) == 1)
        synctv_event_unref(event);
    assert_ok(synctv_chat_send(s.guest->stream, NULL, "x", NULL, &error));
    await_ready_calls(&ready, 2);
}
END_TEST

START_TEST(a_stream_may_be_closed_inside_its_callback)
{
    server_start(&server);
    struct scene s = scene(&server);
    struct ready ready = { PTHREAD_MUTEX_INITIALIZER, 0, true };
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = s.room_id, .ready = on_ready, .userdata = &ready);
    synctv_stream *stream;
    assert_ok(synctv_stream_open(s.host->me, &options, &stream, &error));
    for (long left = WAIT_MS / 5; left > 0 && ready_calls(&ready) < 1; left--)
        sleep_ms(5);
    follow(s.guest, s.room_id);
    assert_ok(synctv_chat_send(s.guest->stream, NULL, "gone?", NULL, &error));
    expect(s.guest->stream, SYNCTV_EVENT_CHAT);
    ck_assert_int_eq(ready_calls(&ready), 1);
}
END_TEST

struct slow {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool begun, over;
};

static void slow_ready(void *userdata, synctv_stream *stream)
{
    struct slow *slow = userdata;
    pthread_mutex_lock(&slow->lock);
    slow->begun = true;
    pthread_cond_signal(&slow->cond);
    pthread_mutex_unlock(&slow->lock);
    sleep_ms(100); /* only so that who does not wait for it is found out */
    slow->over = true;
}

START_TEST(close_waits_for_a_callback_that_runs)
{
    server_start(&server);
    struct scene s = scene(&server);
    struct slow *slow = calloc(1, sizeof(*slow));
    pthread_mutex_init(&slow->lock, NULL);
    pthread_cond_init(&slow->cond, NULL);
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = s.room_id, .ready = slow_ready, .userdata = slow);
    synctv_stream *stream;
    assert_ok(synctv_stream_open(s.host->me, &options, &stream, &error));
    pthread_mutex_lock(&slow->lock);
    while (!slow->begun)
        pthread_cond_wait(&slow->cond, &slow->lock);
    pthread_mutex_unlock(&slow->lock);
    synctv_stream_close(stream);
    ck_assert(slow->over);
    pthread_cond_destroy(&slow->cond);
    pthread_mutex_destroy(&slow->lock);
    free(slow);
}
END_TEST

static void take_all(void *userdata, synctv_stream *stream)
{
    unsigned *n = userdata;
    ++*n;
    const synctv_event *event;
    while (synctv_stream_next(stream, 0, &event, NULL) == 1)
        synctv_event_unref(event);
    ++*n;
}

START_TEST(userdata_may_be_freed_right_after_close)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.guest, s.room_id);
    for (int i = 0; i < 150; i++) {
        unsigned *n = calloc(1, sizeof(*n));
        const synctv_stream_options options =
            SYNCTV_STREAM_OPTIONS(.room_id = s.room_id, .ready = take_all, .userdata = n);
        synctv_stream *stream;
        assert_ok(synctv_stream_open(s.host->me, &options, &stream, &error));
        assert_ok(synctv_chat_send(s.guest->stream, NULL, "x", NULL, &error));
        if (i % 3 > 0)
            expect(s.guest->stream, SYNCTV_EVENT_CHAT);
        synctv_stream_close(stream);
        ck_assert_uint_eq(*n % 2, 0);
        free(n);
    }
}
END_TEST

START_TEST(a_program_that_does_not_take_events_is_brought_up_to_date_later)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.host, s.room_id);
    follow(s.guest, s.room_id);
    for (int i = 0; i < 1200; i++) { /* the guest takes none of them */
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        assert_ok(synctv_chat_send(s.host->stream, NULL, text, NULL, &error));
        expect(s.host->stream, SYNCTV_EVENT_CHAT);
    }
    for (int chats = 0; chats < 1000; chats++)
        expect(s.guest->stream, SYNCTV_EVENT_CHAT);
    const synctv_event *event = expect(s.guest->stream, SYNCTV_EVENT_DISCONNECTED);
    assert_code(event->error_code, SYNCTV_E_SLOW_CONSUMER);
    expect_now(s.guest->stream, SYNCTV_EVENT_CONNECTED);
    ck_assert_int_eq(expect_now(s.guest->stream, SYNCTV_EVENT_STATE)->state->cause,
        SYNCTV_STATE_CAUSE_SNAPSHOT);
    assert_ok(synctv_chat_send(s.host->stream, NULL, "the end", NULL, &error));
    ck_assert_str_eq(expect(s.guest->stream, SYNCTV_EVENT_CHAT)->chat->content, "the end");
}
END_TEST

START_TEST(one_stream_more_than_allowed_waits_for_a_place)
{
    server_set(&server, "LIMITS__STREAMS_PER_USER=1");
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.host, s.room_id);
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = s.room_id);
    synctv_stream *second;
    assert_ok(synctv_stream_open(s.host->me, &options, &second, &error));
    const synctv_event *event = expect(second, SYNCTV_EVENT_DISCONNECTED);
    assert_code(event->error_code, SYNCTV_E_STREAM_LIMIT);
    synctv_stream_close(s.host->stream);
    s.host->stream = second;
    expect_state(second, SYNCTV_STATE_CAUSE_SNAPSHOT);
}
END_TEST

/* --- the clock --- */

static void wait_for_clock(struct person *person, int samples)
{
    for (long left = WAIT_MS / 10; left > 0; left--) {
        if (synctv_client_clock_offset(person->client, NULL, NULL) >= samples)
            return;
        sleep_ms(10);
    }
    ck_abort_msg("the clock did not come");
}

START_TEST(the_servers_clock_and_the_position_are_known)
{
    server_start(&server);
    struct scene s = scene(&server);
    int64_t offset_ms = -1, error_ms = -1;
    ck_assert_int_eq(synctv_client_clock_offset(s.guest->client, &offset_ms, &error_ms), 0);
    ck_assert_int_eq(offset_ms, 0);
    ck_assert_int_eq(error_ms, 0);
    follow(s.guest, s.room_id);
    wait_for_clock(s.guest, 3);
    synctv_client_clock_offset(s.guest->client, &offset_ms, &error_ms);
    ck_assert_int_ge(error_ms, 1);
    ck_assert_int_le(llabs(offset_ms),
        error_ms + 50); /* the same machine; processes start at different ms */

    int64_t told_ms = synctv_client_server_time_ms(s.guest->client);
    for (int i = 0; i < 1000; i++) { /* never backwards */
        int64_t next_ms = synctv_client_server_time_ms(s.guest->client);
        ck_assert_int_ge(next_ms, told_ms);
        told_ms = next_ms;
    }
    synctv_playback_options at = { .has_position = true, .position_s = 100 };
    const synctv_result *r;
    assert_ok(synctv_playback_play(s.host->me, s.room_id, &at, NULL, &error));
    assert_ok(synctv_playback_set_rate(s.host->me, s.room_id, 2, NULL, &r, &error));
    const synctv_playback *state = keep_result(r)->state;
    sleep_ms(1000);
    double before =
        synctv_playback_position(state, synctv_client_server_time_ms(s.guest->client), 600);
    double position = synctv_client_position(s.guest->client, state, 600);
    double after =
        synctv_playback_position(state, synctv_client_server_time_ms(s.guest->client), 600);
    ck_assert(before <= position && position <= after);
    ck_assert_double_ge(position, 100.5);
    ck_assert_double_eq(synctv_client_position(s.guest->client, state, 100.25), 100.25);

    /* What the server thinks, by its own arithmetic. */
    double slack = 2 * (double)(error_ms + 50) / 1000; /* at the rate of 2 */
    before = synctv_client_position(s.guest->client, state, 600);
    assert_ok(synctv_playback_pause(s.host->me, s.room_id, NULL, &r, &error));
    after = synctv_client_position(s.guest->client, state, 600);
    ck_assert_double_ge(keep_result(r)->state->position_s, before - slack);
    ck_assert_double_le(r->state->position_s, after + slack);
    ck_assert_double_eq(synctv_client_position(s.guest->client, r->state, 600),
        r->state->position_s);
}
END_TEST

/* --- players --- */

/* Gives the player what has come; whether there was a state of this cause among it. */
static bool takes(struct person *person, synctv_player *player, synctv_state_cause cause)
{
    const synctv_event *event = NULL;
    bool taken = false;
    while (synctv_stream_next(person->stream, 0, &event, &error) == 1) {
        synctv_player_take(player, event);
        taken = taken || (event->type == SYNCTV_EVENT_STATE && event->state->cause == cause);
        synctv_event_unref(event);
    }
    return taken;
}

START_TEST(players_that_have_come_to_the_end_take_the_room_there)
{
    server_start(&server);
    struct scene s = scene(&server);
    const char *movie_id = new_movie(s.host, s.room_id, 0); /* nobody knows how long it is */
    const synctv_playlist_options autoplay = { .autoplay = true };
    assert_ok(synctv_playlist_set_current(s.host->me, s.room_id, movie_id, &autoplay, NULL,
        &error));
    assert_ok(synctv_playback_seek(s.host->me, s.room_id, 100, NULL, NULL, &error));
    struct person *viewers[] = { s.host, s.guest };
    synctv_player *players[2];
    for (int i = 0; i < 2; i++) {
        const synctv_event *snapshot = follow(viewers[i], s.room_id);
        assert_ok(synctv_player_new(viewers[i]->client, viewers[i]->stream, NULL, &players[i],
            &error));
        synctv_player_take(players[i], snapshot);
    }
    const synctv_player_status now = { .movie_id = movie_id, .position_s = 100, .ended = true };
    bool over[2] = { false, false };
    for (long left = WAIT_MS / 20; left > 0 && !(over[0] && over[1]); left--) {
        for (int i = 0; i < 2; i++) {
            synctv_player_target target;
            ck_assert(synctv_player_step(players[i], &now, &target));
            over[i] = over[i] || takes(viewers[i], players[i], SYNCTV_STATE_CAUSE_ENDED);
        }
        sleep_ms(20);
    }
    ck_assert(over[0] && over[1]);
    for (int i = 0; i < 2; i++) {
        synctv_player_target target;
        ck_assert(synctv_player_step(players[i], &now, &target));
        ck_assert(!target.playing);
        synctv_player_free(players[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("streams");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, begin, support_end);
    tcase_add_test(tcase, a_stream_comes_back_when_the_server_was_killed);
    tcase_add_test(tcase, a_stream_comes_back_when_the_server_was_stopped);
    tcase_add_test(tcase, chat_that_is_called_waits_for_the_stream_to_come_back);
    tcase_add_loop_test(tcase, a_stream_ends_when_its_room_is_over_for_the_user, 0, N_FATES);
    tcase_add_test(tcase, a_stream_that_is_finished_hears_what_it_said_and_does_not_come_back);
    tcase_add_test(tcase, a_stream_that_is_down_is_finished_at_once);
    tcase_add_test(tcase, a_stream_of_a_room_that_is_not_ones_own_ends_at_once);
    tcase_add_test(tcase, a_stream_of_all_rooms_outlives_one_of_them);
    tcase_add_test(tcase, a_guest_follows_with_the_rooms_password);
    tcase_add_test(tcase, ready_is_called_once_until_all_is_taken);
    tcase_add_test(tcase, a_stream_may_be_closed_inside_its_callback);
    tcase_add_test(tcase, close_waits_for_a_callback_that_runs);
    tcase_add_test(tcase, userdata_may_be_freed_right_after_close);
    tcase_add_test(tcase, a_program_that_does_not_take_events_is_brought_up_to_date_later);
    tcase_add_test(tcase, one_stream_more_than_allowed_waits_for_a_place);
    tcase_add_test(tcase, the_servers_clock_and_the_position_are_known);
    tcase_add_test(tcase, players_that_have_come_to_the_end_take_the_room_there);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
