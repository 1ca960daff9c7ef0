/* SPDX-License-Identifier: MIT */
/* Signing in, staying signed in, and the ways in which a session ends. */
#include "support.h"

static struct server server;

static const char *profile_name(struct person *person)
{
    const synctv_result *r;
    assert_ok(synctv_account_profile(person->me, &r, &error));
    return keep_result(r)->user->username;
}

START_TEST(sign_in_tells_who_one_is_and_hands_out_tokens)
{
    server_init(&server);
    server_start(&server);
    struct person *alice = person_connect(&server);
    const synctv_result *r;
    assert_ok(synctv_client_register(alice->client, "alice", PASSWORD, "a@example.org", &r,
        &error));
    ck_assert_str_eq(keep_result(r)->user->username, "alice");
    ck_assert_str_ne(r->access_token, "");
    ck_assert_int_eq(r->expires_in_s, 3600);
    char told[128];
    person_copy_token(alice, told, sizeof(told));
    ck_assert_str_eq(told, r->refresh_token);
    const char *id = r->user->id;

    struct person *again = person_connect(&server);
    assert_code(synctv_client_login(again->client, "alice", "not this one", NULL, &error),
        SYNCTV_E_LOGIN_FAILED);
    ck_assert(!person_has_token(again));
    assert_ok(synctv_client_login(again->client, "ALICE", PASSWORD, &r, &error));
    ck_assert_str_eq(keep_result(r)->user->id, id);
    again->me = synctv_client_caller(again->client);
    ck_assert_str_eq(synctv_caller_user_id(again->me), id);
    ck_assert_str_eq(profile_name(again), "alice");
}
END_TEST

START_TEST(without_a_session_there_is_a_clear_answer)
{
    server_init(&server);
    server_start(&server);
    struct person *nobody = person_connect(&server);
    nobody->me = synctv_client_caller(nobody->client);
    ck_assert_str_eq(synctv_caller_user_id(nobody->me), "");
    assert_code(synctv_account_profile(nobody->me, NULL, &error), SYNCTV_E_TOKEN_MISSING);
    assert_code(synctv_client_logout(nobody->client, &error), SYNCTV_E_TOKEN_MISSING);
    assert_code(synctv_client_resume(nobody->client, "never seen before", &error),
        SYNCTV_E_TOKEN_INVALID);
    assert_ok(synctv_stream_open(nobody->me, NULL, &nobody->stream, &error));
    assert_code(expect_end(nobody->stream), SYNCTV_E_TOKEN_MISSING);
}
END_TEST

START_TEST(tokens_are_renewed_before_they_expire)
{
    server_init(&server);
    server_set(&server, "AUTH__ACCESS_TTL_S=4");
    server_start(&server);
    struct person *alice = person_new(&server, "alice");
    const char *room = new_room(alice);
    follow(alice, room);
    char before[128], after[128];
    person_copy_token(alice, before, sizeof(before));
    person_wait_tokens(alice, 3); /* by itself, while nothing is asked for */
    person_copy_token(alice, after, sizeof(after));
    ck_assert_str_ne(before, after);
    long until_ms = now_ms() + 5000; /* in use */
    while (now_ms() < until_ms) {
        ck_assert_str_eq(profile_name(alice), "alice");
        sleep_ms(20);
    }
    assert_ok(synctv_chat_send(alice->stream, NULL, "still here", NULL,
        &error)); /* as is the stream */
    expect(alice->stream, SYNCTV_EVENT_CHAT);
}
END_TEST

START_TEST(a_token_that_expired_while_the_server_was_away_is_renewed)
{
    server_init(&server);
    server_keep(&server);
    server_set(&server, "AUTH__ACCESS_TTL_S=4");
    server_start(&server);
    struct person *alice = person_new(&server, "alice");
    server_kill(&server);
    sleep_ms(4500);
    server_start(&server);
    ck_assert_str_eq(profile_name(alice), "alice");
    ck_assert(person_has_token(alice));
}
END_TEST

START_TEST(a_session_is_resumed_with_its_refresh_token)
{
    server_init(&server);
    server_keep(&server);
    server_start(&server);
    struct person *alice = person_new(&server, "alice");
    const char *room = new_room(alice);
    char token[128], next_token[128];
    person_copy_token(alice, token, sizeof(token));
    const char *id = alice->id;
    person_close(alice); /* the program ends, the session does not */
    server_stop(&server);
    server_start(&server);

    struct person *resumed = person_connect(&server);
    assert_ok(synctv_client_resume(resumed->client, token, &error));
    resumed->me = synctv_client_caller(resumed->client);
    ck_assert_str_eq(synctv_caller_user_id(resumed->me), id);
    person_copy_token(resumed, next_token, sizeof(next_token));
    ck_assert_str_ne(next_token, token); /* the old one is used up */
    follow(resumed, room);

    const synctv_request chat = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room,
        .content = "back", .timeout_ms = WAIT_MS);
    const synctv_result *r;
    assert_ok(synctv_call_wait(resumed->me, &chat, &r, &error)); /* it knows its own messages */
    ck_assert_str_eq(keep_result(r)->chat->user_id, id);
}
END_TEST

START_TEST(a_session_that_is_ended_elsewhere_is_over_here)
{
    server_init(&server);
    server_start(&server);
    struct person *here = person_new(&server, "alice");
    struct person *there = person_login(&server, "alice");
    const char *room = new_room(here);
    follow(here, room);
    assert_ok(synctv_account_change_password(there->me, PASSWORD, "battery staple", &error));
    assert_code(expect_end(here->stream), SYNCTV_E_SESSION_ENDED);
    person_wait_tokens(here, 2);
    ck_assert(!person_has_token(here));
    assert_code(synctv_account_profile(here->me, NULL, &error), SYNCTV_E_TOKEN_MISSING);
    ck_assert_str_eq(profile_name(there), "alice");

    /* The same connection serves a new session, also for callers from before. */
    assert_ok(synctv_client_login(here->client, "alice", "battery staple", NULL, &error));
    ck_assert(person_has_token(here));
    ck_assert_str_eq(profile_name(here), "alice");
}
END_TEST

START_TEST(a_call_learns_that_the_session_was_ended_elsewhere)
{
    server_init(&server);
    server_start(&server);
    struct person *here = person_new(&server, "alice");
    struct person *there = person_login(&server, "alice");
    assert_ok(synctv_account_change_password(there->me, PASSWORD, "battery staple", &error));
    assert_code(synctv_account_profile(here->me, NULL, &error), SYNCTV_E_SESSION_ENDED);
    person_wait_tokens(here, 2);
    ck_assert(!person_has_token(here));
}
END_TEST

START_TEST(one_login_too_many_ends_the_session_renewed_longest_ago)
{
    server_init(&server);
    server_set(&server, "LIMITS__SESSIONS_PER_USER=2");
    server_start(&server);
    struct person *first = person_new(&server, "alice");
    struct person *second = person_login(&server, "alice");
    char token[128];
    person_copy_token(first, token, sizeof(token));
    follow(first, new_room(first));
    struct person *third = person_login(&server, "alice");
    assert_code(expect_end(first->stream), SYNCTV_E_SESSION_ENDED);
    person_wait_tokens(first, 2);
    ck_assert(!person_has_token(first));
    assert_code(synctv_client_resume(first->client, token, &error), SYNCTV_E_SESSION_ENDED);
    ck_assert_str_eq(profile_name(second), "alice");
    ck_assert_str_eq(profile_name(third), "alice");
}
END_TEST

START_TEST(logging_out_ends_the_session_and_its_streams)
{
    server_init(&server);
    server_start(&server);
    struct person *alice = person_new(&server, "alice");
    const char *room = new_room(alice);
    char token[128];
    person_copy_token(alice, token, sizeof(token));
    follow(alice, room);
    assert_ok(synctv_client_logout(alice->client, &error));
    ck_assert(!person_has_token(alice));
    assert_code(expect_end(alice->stream), SYNCTV_E_SESSION_ENDED);
    assert_code(synctv_account_profile(alice->me, NULL, &error), SYNCTV_E_TOKEN_MISSING);
    synctv_caller *caller = synctv_client_caller(alice->client);
    ck_assert_str_eq(synctv_caller_user_id(caller), "");
    synctv_caller_unref(caller);
    int rv = synctv_client_resume(alice->client, token, &error);
    ck_assert(rv == SYNCTV_E_SESSION_ENDED || rv == SYNCTV_E_TOKEN_INVALID);
}
END_TEST

START_TEST(another_sign_in_changes_who_the_callers_are)
{
    server_init(&server);
    server_start(&server);
    struct person *alice = person_new(&server, "alice");
    assert_ok(synctv_client_register(alice->client, "bob", PASSWORD, "", NULL, &error));
    ck_assert_str_eq(profile_name(alice), "bob");
}
END_TEST

START_TEST(who_signs_in_too_often_is_told_at_once_when_to_come_back)
{
    server_init(&server);
    server_set(&server, "LIMITS__LOGIN_PER_MINUTE=2");
    server_start(&server);
    struct person *alice = person_new(&server, "alice");
    long start_ms = now_ms();
    int rv = 0;
    for (int i = 0; i < 5 && rv != SYNCTV_E_RATE_LIMITED; i++)
        rv = synctv_client_login(alice->client, "alice", "not this one", NULL, &error);
    assert_code(rv, SYNCTV_E_RATE_LIMITED);
    ck_assert_int_gt(error.retry_after_ms, 0);
    ck_assert_int_lt(now_ms() - start_ms, 20000);   /* it does not wait instead of the program */
    ck_assert_str_eq(profile_name(alice), "alice"); /* the session from before goes on */
}
END_TEST

START_TEST(who_is_banned_from_the_platform_is_out_at_once)
{
    server_init(&server);
    server_keep(&server);
    server_add_user(&server, "root", "root");
    server_start(&server);
    struct person *root = person_login(&server, "root");
    struct person *eve = person_new(&server, "eve");
    follow(eve, new_room(eve));
    assert_ok(synctv_account_set_status(root->me, eve->id, SYNCTV_USER_STATUS_BANNED, "", NULL,
        &error));
    int rv = expect_end(eve->stream);
    ck_assert(rv == SYNCTV_E_SESSION_ENDED || rv == SYNCTV_E_USER_BANNED);
    ck_assert_int_lt(synctv_account_profile(eve->me, NULL, &error), 0);
    ck_assert(!person_has_token(eve));
    assert_code(synctv_client_login(eve->client, "eve", PASSWORD, NULL, &error),
        SYNCTV_E_USER_BANNED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sessions");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, support_begin, support_end);
    tcase_add_test(tcase, sign_in_tells_who_one_is_and_hands_out_tokens);
    tcase_add_test(tcase, without_a_session_there_is_a_clear_answer);
    tcase_add_test(tcase, tokens_are_renewed_before_they_expire);
    tcase_add_test(tcase, a_token_that_expired_while_the_server_was_away_is_renewed);
    tcase_add_test(tcase, a_session_is_resumed_with_its_refresh_token);
    tcase_add_test(tcase, a_session_that_is_ended_elsewhere_is_over_here);
    tcase_add_test(tcase, a_call_learns_that_the_session_was_ended_elsewhere);
    tcase_add_test(tcase, one_login_too_many_ends_the_session_renewed_longest_ago);
    tcase_add_test(tcase, logging_out_ends_the_session_and_its_streams);
    tcase_add_test(tcase, another_sign_in_changes_who_the_callers_are);
    tcase_add_test(tcase, who_signs_in_too_often_is_told_at_once_when_to_come_back);
    tcase_add_test(tcase, who_is_banned_from_the_platform_is_out_at_once);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
