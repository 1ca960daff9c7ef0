/* SPDX-License-Identifier: MIT */
/* What no good server does, and what is hard to make one do: the client against a puppet. */
#include "puppet.h"

#include <limits.h>

#define ROOM "roomabcdefgh"

static struct person *connected(const char *room_id)
{
    struct person *p = puppet_person();
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room_id);
    assert_ok(synctv_stream_open(p->me, &options, &p->stream, &error));
    expect_now(p->stream, SYNCTV_EVENT_CONNECTED);
    puppet_wait_calls("MessageStream", 1);
    return p;
}

static int call(struct person *p, synctv_method method, uint64_t expected_version)
{
    const synctv_request request = SYNCTV_REQUEST(method, .room_id = ROOM, .name = "n",
        .expected_version = expected_version, .timeout_ms = WAIT_MS);
    return synctv_call_wait(p->me, &request, NULL, &error);
}

/* --- what streams say --- */

static void expect_version(struct person *p, uint64_t version, const char *node_id)
{
    const synctv_event *event = expect_now(p->stream, SYNCTV_EVENT_STATE);
    ck_assert_uint_eq(event->state->version, version);
    ck_assert_str_eq(event->state->node_id, node_id);
}

START_TEST(states_that_are_older_than_the_one_held_are_dropped)
{
    struct person *p = connected(NULL);
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_SNAPSHOT, 10, "b");
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_PLAY, 9, "c"); /* older */
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_PLAY, 10,
        "a"); /* the lower node at the same version */
    puppet_send_state("anotherroom-", SYNCTV_STATE_CAUSE_PLAY, 1, "a"); /* another room's */
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_RESYNC, 10, "b");        /* the same once more */
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_SEEK, 10, "c");
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_PAUSE, 12, "a");
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_PAUSE, 11, "z");   /* late */
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_SNAPSHOT, 5, "a"); /* replaces whatever was known */
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_PLAY, 6, "a");
    expect_version(p, 10, "b");
    expect_version(p, 1, "a");
    expect_version(p, 10, "b");
    expect_version(p, 10, "c");
    expect_version(p, 12, "a");
    expect_version(p, 5, "a");
    expect_version(p, 6, "a");
}
END_TEST

START_TEST(messages_that_make_no_sense_are_skipped)
{
    static const uint8_t unknown[] = { 0xfa, 0x06, 0x02, 0x08, 0x01 }; /* a field from the future */
    static const uint8_t cut[] = { 0x5a, 0x7f, 0x0a };
    struct person *p = connected(NULL);
    puppet_send("", 0);
    puppet_send(unknown, sizeof(unknown));
    puppet_send(cut, sizeof(cut));
    puppet_send("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11);
    puppet_send_state("this is no id of a room at all", SYNCTV_STATE_CAUSE_PLAY, 3, "a");
    puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_PLAY, 4, "a");
    const synctv_event *event;
    do
        event = expect_now(p->stream, SYNCTV_EVENT_STATE);
    while (event->state->version == 3);
    ck_assert_uint_eq(event->state->version, 4);
}
END_TEST

START_TEST(a_server_that_names_rooms_without_end_is_followed_anyway)
{
    struct person *p = connected(NULL);
    for (int i = 0; i < 3000; i++) {
        char room_id[SYNCTV_ID_LEN + 1];
        snprintf(room_id, sizeof(room_id), "room-%07d", i);
        puppet_send_state(room_id, SYNCTV_STATE_CAUSE_PLAY, 1, "a");
        ck_assert_str_eq(expect(p->stream, SYNCTV_EVENT_STATE)->room_id, room_id);
    }
}
END_TEST

START_TEST(a_stream_that_the_server_ends_politely_comes_back)
{
    struct person *p = connected(NULL);
    puppet_finish(0, 0);
    expect_now(p->stream, SYNCTV_EVENT_DISCONNECTED);
    expect_now(p->stream, SYNCTV_EVENT_CONNECTED);
    puppet_finish(0, 0); /* also when it said nothing in between */
    expect_now(p->stream, SYNCTV_EVENT_DISCONNECTED);
    expect_now(p->stream, SYNCTV_EVENT_CONNECTED);
    long start_ms = now_ms();
    puppet_finish(SYNCTV_E_RATE_LIMITED, 700);
    expect_now(p->stream, SYNCTV_EVENT_DISCONNECTED);
    expect_now(p->stream, SYNCTV_EVENT_CONNECTED);
    ck_assert_int_ge(now_ms() - start_ms, 650);
    puppet_finish(SYNCTV_E_ROOM_NOT_FOUND, 0);
    assert_code(expect_end(p->stream), SYNCTV_E_ROOM_NOT_FOUND);
}
END_TEST

START_TEST(a_server_that_cuts_after_each_snapshot_is_asked_less_and_less)
{
    struct person *p = connected(NULL);
    long start_ms = now_ms();
    for (int i = 1; i <= 4; i++) {
        puppet_send_state(ROOM, SYNCTV_STATE_CAUSE_SNAPSHOT, (uint64_t)i, "a");
        expect_version(p, (uint64_t)i, "a");
        puppet_finish(0, 0);
        expect_now(p->stream, SYNCTV_EVENT_DISCONNECTED);
        expect_now(p->stream, SYNCTV_EVENT_CONNECTED);
    }
    ck_assert_int_ge(now_ms() - start_ms, 50 + 100 + 200 + 400); /* at least half of each wait */
}
END_TEST

START_TEST(refusals_in_a_row_are_told_once)
{
    struct person *p = connected(NULL);
    puppet_fail("MessageStream", SYNCTV_E_OVERLOADED, 3, 0);
    puppet_finish(SYNCTV_E_STORAGE_UNAVAILABLE, 0);
    const synctv_event *event = expect_now(p->stream, SYNCTV_EVENT_DISCONNECTED);
    assert_code(event->error_code, SYNCTV_E_STORAGE_UNAVAILABLE);
    expect_now(p->stream, SYNCTV_EVENT_CONNECTED);
    ck_assert_int_eq(puppet_calls("MessageStream"), 5);
}
END_TEST

/* --- tokens --- */

START_TEST(a_token_that_is_refused_is_renewed_once)
{
    struct person *p = puppet_person();
    puppet_fail("GetProfile", _i == 0 ? SYNCTV_E_TOKEN_EXPIRED : SYNCTV_E_TOKEN_INVALID, 1, 0);
    assert_ok(call(p, SYNCTV_METHOD_GET_PROFILE, 0));
    ck_assert_int_eq(puppet_calls("RefreshToken"), 1);
    ck_assert_int_eq(puppet_calls("GetProfile"), 2);
    puppet_fail("GetProfile", SYNCTV_E_TOKEN_EXPIRED, 100, 0);
    assert_code(call(p, SYNCTV_METHOD_GET_PROFILE, 0), SYNCTV_E_TOKEN_EXPIRED);
    ck_assert_int_eq(puppet_calls("RefreshToken"), 2);
    ck_assert_int_eq(puppet_calls("GetProfile"), 4);
}
END_TEST

START_TEST(a_streams_token_that_is_refused_is_renewed_once)
{
    struct person *p = puppet_person();
    puppet_fail("MessageStream", SYNCTV_E_TOKEN_EXPIRED, 1, 0);
    assert_ok(synctv_stream_open(p->me, NULL, &p->stream, &error));
    expect_now(p->stream, SYNCTV_EVENT_CONNECTED);
    ck_assert_int_eq(puppet_calls("RefreshToken"), 1);
    synctv_stream_close(p->stream);
    puppet_fail("MessageStream", SYNCTV_E_TOKEN_EXPIRED, 100, 0);
    assert_ok(synctv_stream_open(p->me, NULL, &p->stream, &error));
    assert_code(expect_end(p->stream), SYNCTV_E_TOKEN_EXPIRED);
}
END_TEST

START_TEST(a_refresh_token_that_is_refused_ends_the_session)
{
    struct person *p = puppet_person();
    puppet_fail("GetProfile", SYNCTV_E_TOKEN_EXPIRED, 1, 0);
    puppet_fail("RefreshToken", SYNCTV_E_SESSION_ENDED, 1, 0);
    assert_code(call(p, SYNCTV_METHOD_GET_PROFILE, 0), SYNCTV_E_SESSION_ENDED);
    ck_assert(!person_has_token(p));
    assert_code(call(p, SYNCTV_METHOD_GET_PROFILE, 0), SYNCTV_E_TOKEN_MISSING);
}
END_TEST

START_TEST(a_renewal_that_fails_by_accident_is_tried_again_later)
{
    struct person *p = puppet_person();
    puppet_fail("GetProfile", SYNCTV_E_TOKEN_EXPIRED, 1, 0);
    puppet_fail("RefreshToken", SYNCTV_E_STORAGE_UNAVAILABLE, 1, 0);
    assert_code(call(p, SYNCTV_METHOD_GET_PROFILE, 0), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert(person_has_token(p));
    assert_ok(call(p, SYNCTV_METHOD_GET_PROFILE, 0));
}
END_TEST

START_TEST(a_sign_in_during_a_renewal_wins)
{
    struct person *p = puppet_person();
    struct answers answers = ANSWERS;
    const synctv_request profile = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE, .timeout_ms = WAIT_MS);
    puppet_hold("RefreshToken");
    puppet_fail("GetProfile", SYNCTV_E_TOKEN_EXPIRED, 1, 0);
    synctv_call(p->me, &profile, take_answer, &answers);
    puppet_wait_calls("RefreshToken", 1);
    if (_i == 0) {
        assert_ok(synctv_client_login(p->client, "another", PASSWORD, NULL, &error)); /* access-2 */
        puppet_release("RefreshToken");
        assert_ok(next_answer(&answers)->code);
        ck_assert_str_eq(puppet_token(), "Bearer access-2");
    } else {
        const synctv_request quick = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE, .timeout_ms = 300);
        synctv_call(p->me, &quick, take_answer, &answers); /* does not wait longer than it may */
        long start_ms = now_ms();
        assert_code(next_answer(&answers)->code, SYNCTV_E_TIMEOUT);
        ck_assert_int_lt(now_ms() - start_ms, 5000);
        puppet_release("RefreshToken");
        assert_ok(next_answer(&answers)->code);
    }
}
END_TEST

START_TEST(closing_during_a_renewal)
{
    struct person *p = connected(NULL);
    struct answers answers = ANSWERS;
    const synctv_request profile = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE);
    puppet_hold("RefreshToken");
    puppet_fail("GetProfile", SYNCTV_E_TOKEN_EXPIRED, 1, 0);
    synctv_call(p->me, &profile, take_answer, &answers);
    puppet_wait_calls("RefreshToken", 1);
    puppet_finish(SYNCTV_E_OVERLOADED, 0); /* the stream waits for the token, too */
    expect_now(p->stream, SYNCTV_EVENT_DISCONNECTED);
    sleep_ms(200);
    person_close(p);
    assert_code(next_answer(&answers)->code, SYNCTV_E_CANCELLED);
    puppet_release("RefreshToken");
}
END_TEST

START_TEST(tokens_of_a_strange_life)
{
    static const int64_t lives[] = { 0, -1, INT64_MIN, INT64_MAX };
    puppet_set_expires_s(lives[_i]);
    struct person *p = puppet_person();
    assert_ok(call(p, SYNCTV_METHOD_GET_PROFILE, 0));
    sleep_ms(100);
    ck_assert_int_eq(puppet_calls("RefreshToken"), 0); /* and no storm of renewals */
}
END_TEST

/* --- calls --- */

START_TEST(only_what_is_safe_is_repeated)
{
    struct person *p = puppet_person();
    puppet_fail("GetProfile", SYNCTV_E_STORAGE_UNAVAILABLE, 2, 0);
    assert_ok(call(p, SYNCTV_METHOD_GET_PROFILE, 0));
    ck_assert_int_eq(puppet_calls("GetProfile"), 3);
    puppet_fail("Play", SYNCTV_E_STORAGE_UNAVAILABLE, 2, 0);
    assert_ok(call(p, SYNCTV_METHOD_PLAY, 7));
    ck_assert_int_eq(puppet_calls("Play"), 3);
    puppet_fail("Play", SYNCTV_E_STORAGE_UNAVAILABLE, 1, 0);
    assert_code(call(p, SYNCTV_METHOD_PLAY, 0), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(puppet_calls("Play"), 4);
    puppet_fail("CreateRoom", SYNCTV_E_STORAGE_UNAVAILABLE, 1, 0);
    assert_code(call(p, SYNCTV_METHOD_CREATE_ROOM, 0), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(puppet_calls("CreateRoom"), 1);
    puppet_fail("GetProfile", SYNCTV_E_RATE_LIMITED, 1, 50);
    assert_code(call(p, SYNCTV_METHOD_GET_PROFILE, 0), SYNCTV_E_RATE_LIMITED);
    ck_assert_int_eq(error.retry_after_ms, 50);
    ck_assert_int_eq(puppet_calls("GetProfile"), 4);
    puppet_fail("GetProfile", SYNCTV_E_STORAGE_UNAVAILABLE, 1000, 0);
    const synctv_request profile = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE, .timeout_ms = 3000);
    int rv = synctv_call_wait(p->me, &profile, NULL, &error);
    ck_assert(rv == SYNCTV_E_STORAGE_UNAVAILABLE || rv == SYNCTV_E_TIMEOUT); /* in the last try */
    ck_assert_int_gt(puppet_calls("GetProfile"), 4 + 1);
}
END_TEST

START_TEST(answers_that_make_no_sense_are_internal_errors)
{
    struct person *p = puppet_person();
    puppet_say("CreateRoom", "\xff\xff\xff", 3);
    assert_code(call(p, SYNCTV_METHOD_CREATE_ROOM, 0), SYNCTV_E_INTERNAL);
    puppet_say("CreateRoom", "\x10\x01", 2); /* no room in it */
    assert_code(call(p, SYNCTV_METHOD_CREATE_ROOM, 0), SYNCTV_E_INTERNAL);
    puppet_say("Login", "\x10\x01", 2);
    assert_code(synctv_client_login(p->client, "a", "b", NULL, &error), SYNCTV_E_INTERNAL);
    ck_assert(person_has_token(p)); /* the old session */
    puppet_say("RefreshToken", "\xff", 1);
    puppet_fail("GetProfile", SYNCTV_E_TOKEN_EXPIRED, 1, 0);
    assert_code(call(p, SYNCTV_METHOD_GET_PROFILE, 0), SYNCTV_E_INTERNAL);
    ck_assert(person_has_token(p));
}
END_TEST

START_TEST(a_conflict_without_a_state_is_a_conflict)
{
    struct person *p = puppet_person();
    for (int i = 0; i < 3; i++) {
        static const char *const extras[] = { "", "\xff\xff", "\x0a\x02" };
        puppet_extra(extras[i], strlen(extras[i]));
        puppet_fail("Play", SYNCTV_E_VERSION_CONFLICT, 1, 0);
        const synctv_result *r = NULL;
        const synctv_request play =
            SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = ROOM, .expected_version = 3);
        assert_code(synctv_call_wait(p->me, &play, &r, &error), SYNCTV_E_VERSION_CONFLICT);
        ck_assert_ptr_nonnull(r);
        ck_assert_ptr_null(keep_result(r)->state);
    }
}
END_TEST

/* --- the clock --- */

static void wait_for_pings(int n)
{
    for (long left = WAIT_MS / 10; left > 0 && puppet_pings() < n; left--)
        sleep_ms(10);
    ck_assert_int_ge(puppet_pings(), n);
    sleep_ms(100); /* the pong's way back */
}

static void expect_offset(struct person *p, int64_t wanted_ms)
{
    int64_t offset_ms = 0, error_ms = 0;
    for (long left = WAIT_MS / 10; left > 0; left--) {
        if (synctv_client_clock_offset(p->client, &offset_ms, &error_ms) > 0 &&
            llabs(offset_ms - wanted_ms) < 1800000)
            break; /* it is this clock that was asked */
        sleep_ms(10);
    }
    ck_assert_int_le(llabs(offset_ms - wanted_ms), error_ms + 100);
}

START_TEST(the_clock_of_the_server_is_estimated_and_used)
{
    const synctv_request pause = SYNCTV_REQUEST(SYNCTV_METHOD_PAUSE, .room_id = ROOM);
    puppet_set_clock(3600000, false);
    struct person *p = connected(ROOM);
    expect_offset(p, 3600000);
    assert_ok(synctv_stream_send(p->stream, &pause, &error));
    int64_t stamp = puppet_wait_message(1);
    ck_assert_int_le(llabs(stamp - synctv_client_server_time_ms(p->client)), 1800000);

    puppet_set_clock(0, false); /* it steps: what was known before is nothing */
    expect_offset(p, 0);
}
END_TEST

START_TEST(absurd_clocks_are_not_believed)
{
    static const int64_t times[] = { INT64_MIN, -1, INT64_MAX };
    const synctv_request pause = SYNCTV_REQUEST(SYNCTV_METHOD_PAUSE, .room_id = ROOM);
    puppet_set_clock(times[_i], true);
    struct person *p = connected(ROOM);
    wait_for_pings(2);
    ck_assert_int_eq(synctv_client_clock_offset(p->client, NULL, NULL), 0);
    assert_ok(synctv_stream_send(p->stream, &pause, &error));
    ck_assert_int_eq(puppet_wait_message(1), 0); /* unknown is 0, not our own clock */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("puppet");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, puppet_begin, puppet_end);
    tcase_add_test(tcase, states_that_are_older_than_the_one_held_are_dropped);
    tcase_add_test(tcase, messages_that_make_no_sense_are_skipped);
    tcase_add_test(tcase, a_server_that_names_rooms_without_end_is_followed_anyway);
    tcase_add_test(tcase, a_stream_that_the_server_ends_politely_comes_back);
    tcase_add_test(tcase, a_server_that_cuts_after_each_snapshot_is_asked_less_and_less);
    tcase_add_test(tcase, refusals_in_a_row_are_told_once);
    tcase_add_loop_test(tcase, a_token_that_is_refused_is_renewed_once, 0, 2);
    tcase_add_test(tcase, a_streams_token_that_is_refused_is_renewed_once);
    tcase_add_test(tcase, a_refresh_token_that_is_refused_ends_the_session);
    tcase_add_test(tcase, a_renewal_that_fails_by_accident_is_tried_again_later);
    tcase_add_loop_test(tcase, a_sign_in_during_a_renewal_wins, 0, 2);
    tcase_add_test(tcase, closing_during_a_renewal);
    tcase_add_loop_test(tcase, tokens_of_a_strange_life, 0, 4);
    tcase_add_test(tcase, only_what_is_safe_is_repeated);
    tcase_add_test(tcase, answers_that_make_no_sense_are_internal_errors);
    tcase_add_test(tcase, a_conflict_without_a_state_is_a_conflict);
    tcase_add_test(tcase, the_clock_of_the_server_is_estimated_and_used);
    tcase_add_loop_test(tcase, absurd_clocks_are_not_believed, 0, 3);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
