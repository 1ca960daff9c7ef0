/* SPDX-License-Identifier: MIT */
/* Login, Register, RefreshToken, Logout, against a node in this process. */
#include "node/engine/blocking_job.h"
#include "node_fixture.h"

static const synctv_result *sign_up(const char *peer, const char *username, const char *password,
    const char *email, int expected)
{
    return ask_as_nobody(peer,
        &SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = username, .password = password,
            .email = email),
        expected);
}

static const synctv_result *refresh(const char *token, int expected)
{
    return ask_as_nobody(PEER, &SYNCTV_REQUEST(SYNCTV_METHOD_REFRESH_TOKEN, .refresh_token = token),
        expected);
}

static void log_out(const char *token, int expected)
{
    synctv_result_unref(ask_as_nobody(PEER,
        &SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT, .refresh_token = token), expected));
}

static void works(const char *access_token)
{
    synctv_caller_unref(authenticate(node, access_token, 0));
}

static void is_over(const char *access_token)
{
    authenticate(node, access_token, SYNCTV_E_SESSION_ENDED);
}

/* --- Register --- */

START_TEST(registering_yields_the_user_and_a_session)
{
    const synctv_result *r = sign_up(PEER, "Ann", PASSWORD, "Ann@Example.org", 0);
    ck_assert_str_eq(r->user->username, "Ann");
    ck_assert_str_eq(r->user->email, "Ann@Example.org");
    ck_assert_int_eq(r->user->role, SYNCTV_USER_ROLE_USER);
    ck_assert_int_eq(r->user->status, SYNCTV_USER_STATUS_ACTIVE);
    ck_assert_int_eq(r->expires_in_s, 3600);
    synctv_caller *ann = authenticate(node, r->access_token, 0);
    ck_assert_str_eq(synctv_caller_user_id(ann), r->user->id);
    synctv_caller_unref(ann);
    synctv_result_unref(refresh(r->refresh_token, 0));
    synctv_result_unref(r);
}
END_TEST

static void expect_field(const char *username, const char *password, const char *email,
    const char *field)
{
    synctv_error err = { 0 };
    synctv_caller *nobody = nobody_at(PEER);
    int rv = synctv_account_register(nobody, username, password, email, NULL, &err);
    ck_assert_int_eq(rv, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, field);
    synctv_caller_unref(nobody);
}

START_TEST(registering_names_the_bad_field)
{
    expect_field(NULL, PASSWORD, NULL, "username");
    expect_field("a", PASSWORD, NULL, "username");
    expect_field("a\xff", PASSWORD, NULL, "username");
    expect_field("anna", NULL, NULL, "password");
    expect_field("anna", "short", NULL, "password");
    expect_field("annalena", "AnnaLena", NULL, "password");
    expect_field("anna", PASSWORD, "nowhere", "email");
}
END_TEST

START_TEST(a_taken_name_or_address_is_refused_whatever_its_case)
{
    synctv_result_unref(sign_up(PEER, "Bob", PASSWORD, "bob@example.org", 0));
    sign_up(PEER, "bOB", PASSWORD, NULL, SYNCTV_E_USERNAME_TAKEN);
    sign_up(PEER, "Ｂｏｂ", PASSWORD, NULL, SYNCTV_E_USERNAME_TAKEN);
    sign_up(PEER, "Bobby", PASSWORD, "BOB@example.ORG", SYNCTV_E_EMAIL_TAKEN);
    synctv_result_unref(sign_up(PEER, "Carl", PASSWORD, NULL, 0));
    synctv_result_unref(sign_up(PEER, "Dora", PASSWORD, "", 0));
}
END_TEST

START_TEST(with_approval_a_new_user_is_pending_and_may_log_in)
{
    options.registration = SYNCTV_REGISTRATION_APPROVE;
    reopen();
    const synctv_result *r = sign_up(PEER, "Ann", PASSWORD, NULL, 0);
    ck_assert_int_eq(r->user->status, SYNCTV_USER_STATUS_PENDING);
    synctv_caller *ann = authenticate(node, r->access_token, 0);
    synctv_result_unref(ask(ann, &SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE), 0));
    ask(ann, &SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "room"), SYNCTV_E_USER_PENDING);
    synctv_caller_unref(ann);
    synctv_result_unref(r);
    synctv_result_unref(log_in(PEER, "Ann", PASSWORD, 0));
}
END_TEST

START_TEST(closed_registration_is_open_to_the_system_alone)
{
    options.registration = SYNCTV_REGISTRATION_CLOSED;
    reopen();
    sign_up(PEER, "Ann", PASSWORD, NULL, SYNCTV_E_REGISTRATION_CLOSED);
    const synctv_result *r = register_user("Ann");
    ck_assert_int_eq(r->user->status, SYNCTV_USER_STATUS_ACTIVE);
    synctv_result_unref(r);
}
END_TEST

START_TEST(registering_is_limited_by_address)
{
    limits.register_per_hour = 2;
    reopen();
    synctv_result_unref(sign_up("192.0.2.1", "Ann", PASSWORD, NULL, 0));
    synctv_result_unref(sign_up("192.0.2.1", "Bob", PASSWORD, NULL, 0));
    synctv_error err = { 0 };
    synctv_caller *nobody = nobody_at("192.0.2.1");
    ck_assert_int_eq(synctv_account_register(nobody, "Carl", PASSWORD, NULL, NULL, &err),
        SYNCTV_E_RATE_LIMITED);
    ck_assert_int_gt(err.retry_after_ms, 0);
    ck_assert_int_le(err.retry_after_ms, 30 * 60000);
    synctv_caller_unref(nobody);
    synctv_result_unref(sign_up("192.0.2.2", "Carl", PASSWORD, NULL, 0));
    pass_ms(node, err.retry_after_ms);
    synctv_result_unref(sign_up("192.0.2.1", "Dora", PASSWORD, NULL, 0));
}
END_TEST

/* --- Login --- */

START_TEST(login_takes_the_name_in_any_case)
{
    synctv_result_unref(register_user("Ännchen"));
    const synctv_result *r = log_in(PEER, "ÄNNCHEN", PASSWORD, 0);
    ck_assert_str_eq(r->user->username, "Ännchen");
    works(r->access_token);
    synctv_result_unref(r);
}
END_TEST

START_TEST(login_takes_the_name_with_white_space_around_it)
{
    static const char *const names[] = { "Ann Lee ", " Ann Lee", "\t\nAnn Lee\r\n", "  ann lee  ",
        "\xc2\xa0"
        "Ann Lee\xe3\x80\x80",
        "\xe2\x80\xa8"
        "Ann Lee\xc2\x85" };
    limits.login_per_minute = 0;
    reopen();
    synctv_result_unref(register_user("Ann Lee"));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const synctv_result *r = log_in(PEER, names[i], PASSWORD, 0);
        ck_assert_str_eq(r->user->username, "Ann Lee");
        synctv_result_unref(r);
    }
    log_in(PEER, "Ann  Lee", PASSWORD, SYNCTV_E_LOGIN_FAILED);
    log_in(PEER, "AnnLee", PASSWORD, SYNCTV_E_LOGIN_FAILED);
    log_in(PEER, " ", PASSWORD, SYNCTV_E_LOGIN_FAILED);
    log_in(PEER, "Ann Lee\xff ", PASSWORD, SYNCTV_E_LOGIN_FAILED);
}
END_TEST

START_TEST(white_space_around_a_name_makes_no_other_name_of_it)
{
    limits.login_per_minute = 1;
    reopen();
    synctv_result_unref(register_user("Ann"));
    log_in(PEER, "Ann", "wrong horse", SYNCTV_E_LOGIN_FAILED);
    log_in(PEER, "Ann ", PASSWORD, SYNCTV_E_RATE_LIMITED);
    sign_up(PEER, "Ann ", PASSWORD, NULL, SYNCTV_E_INVALID_ARGUMENT);
}
END_TEST

static synctv_error failed_login(const char *username, const char *password)
{
    synctv_error err = { 0 };
    synctv_caller *nobody = nobody_at(PEER);
    int rv = synctv_call_wait(nobody,
        &SYNCTV_REQUEST(SYNCTV_METHOD_LOGIN, .username = username, .password = password), NULL,
        &err);
    ck_assert_int_eq(rv, SYNCTV_E_LOGIN_FAILED);
    synctv_caller_unref(nobody);
    return err;
}

START_TEST(a_wrong_name_looks_like_a_wrong_password)
{
    limits.login_per_minute = 0;
    limits.login_per_minute_per_address = 0;
    reopen();
    synctv_result_unref(register_user("Ann"));
    synctv_error wrong_password = failed_login("Ann", "wrong horse");
    static const char *const names[] = { "Nobody", "", "\xff\xfe", NULL };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        synctv_error wrong_name = failed_login(names[i], PASSWORD);
        ck_assert_str_eq(wrong_name.message, wrong_password.message);
        ck_assert_str_eq(wrong_name.field, wrong_password.field);
    }
    failed_login("Ann", "");
    failed_login("Ann", NULL);
}
END_TEST

/* Of all threads. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

START_TEST(a_wrong_name_takes_as_long_as_a_wrong_password)
{
    limits.login_per_minute = 0;
    limits.login_per_minute_per_address = 0;
    reopen();
    synctv_result_unref(register_user("Ann"));
    int64_t known_us = INT64_MAX, unknown_us = INT64_MAX;
    for (int i = 0; i < 10; i++) {
        int64_t start = cpu_us();
        failed_login("Ann", "wrong horse");
        int64_t middle = cpu_us();
        failed_login("Nobody", "wrong horse");
        int64_t end = cpu_us();
        known_us = middle - start < known_us ? middle - start : known_us;
        unknown_us = end - middle < unknown_us ? end - middle : unknown_us;
    }
    ck_assert_int_lt(unknown_us, known_us * 2);
    ck_assert_int_lt(known_us, unknown_us * 2);
}
END_TEST

START_TEST(only_the_right_password_tells_that_an_account_is_banned)
{
    synctv_result_unref(register_user("Ann"));
    ck_assert_int_eq(synctv_node_user_set_status(node, "ann", SYNCTV_USER_STATUS_BANNED, NULL), 0);
    log_in(PEER, "Ann", "wrong horse", SYNCTV_E_LOGIN_FAILED);
    log_in(PEER, "Ann", PASSWORD, SYNCTV_E_USER_BANNED);
}
END_TEST

START_TEST(login_is_limited_by_name_and_address)
{
    limits.login_per_minute = 1;
    reopen();
    synctv_result_unref(register_user("Ann"));
    synctv_result_unref(register_user("Bob"));
    log_in(PEER, "ANN", "wrong horse", SYNCTV_E_LOGIN_FAILED);
    log_in(PEER, "ann", PASSWORD, SYNCTV_E_RATE_LIMITED);
    synctv_result_unref(log_in(PEER, "Bob", PASSWORD, 0));
    synctv_result_unref(log_in("192.0.2.9", "Ann", PASSWORD, 0));
    pass_ms(node, 60000);
    synctv_result_unref(log_in(PEER, "ann", PASSWORD, 0));
}
END_TEST

START_TEST(login_is_limited_by_address_for_all_names)
{
    limits.login_per_minute_per_address = 2;
    reopen();
    log_in("[2001:db8::1]", "n1", "wrong horse", SYNCTV_E_LOGIN_FAILED);
    log_in("[2001:db8::2]", "n2", "wrong horse", SYNCTV_E_LOGIN_FAILED);
    log_in("[2001:db8::3]", "n3", "wrong horse", SYNCTV_E_RATE_LIMITED);
    log_in("[2001:db8:0:1::3]", "n3", "wrong horse", SYNCTV_E_LOGIN_FAILED);
}
END_TEST

START_TEST(one_login_too_many_ends_the_session_renewed_longest_ago)
{
    limits.sessions_per_user = 3;
    reopen();
    const synctv_result *r[4], *renewed, *other = register_user("Bob");
    r[0] = register_user("Ann");
    for (int i = 1; i < 3; i++) {
        pass_ms(node, 1000);
        r[i] = log_in(PEER, "Ann", PASSWORD, 0);
    }
    pass_ms(node, 1000);
    renewed = refresh(r[0]->refresh_token, 0);
    for (int i = 0; i < 3; i++)
        works(r[i]->access_token);
    pass_ms(node, 1000);
    r[3] = log_in(PEER, "Ann", PASSWORD, 0);
    is_over(r[1]->access_token);
    refresh(r[1]->refresh_token, SYNCTV_E_SESSION_ENDED);
    works(renewed->access_token);
    works(r[2]->access_token);
    works(r[3]->access_token);
    works(other->access_token);
    log_in(PEER, "Ann", "wrong horse", SYNCTV_E_LOGIN_FAILED);
    works(r[2]->access_token);
    for (int i = 0; i < 4; i++)
        synctv_result_unref(r[i]);
    synctv_result_unref(renewed);
    synctv_result_unref(other);
}
END_TEST

START_TEST(the_login_that_is_one_too_many_is_never_the_one_that_ends)
{
    limits.sessions_per_user = 1;
    reopen();
    const synctv_result *before = register_user("Ann");
    node_time_step(&fixture_time, -60000);
    pass_ms(node, 1000);
    sv_node_turn(node); /* it sees that */
    const synctv_result *after = log_in(PEER, "Ann", PASSWORD, 0);
    works(after->access_token);
    refresh(before->refresh_token, SYNCTV_E_SESSION_ENDED);
    synctv_result_unref(refresh(after->refresh_token, 0));
    synctv_result_unref(after);
    synctv_result_unref(before);
}
END_TEST

/* --- RefreshToken --- */

START_TEST(refreshing_gives_a_new_pair)
{
    const synctv_result *first = register_user("Ann");
    const synctv_result *second = refresh(first->refresh_token, 0);
    ck_assert_str_ne(second->refresh_token, first->refresh_token);
    ck_assert_str_ne(second->access_token, first->access_token);
    ck_assert_int_eq(second->expires_in_s, 3600);
    works(first->access_token);
    works(second->access_token);
    const synctv_result *third = refresh(second->refresh_token, 0);
    works(third->access_token);
    synctv_result_unref(third);
    synctv_result_unref(second);
    synctv_result_unref(first);
}
END_TEST

START_TEST(what_is_no_refresh_token_is_refused)
{
    const synctv_result *r = register_user("Ann");
    refresh(NULL, SYNCTV_E_TOKEN_MISSING);
    refresh("", SYNCTV_E_TOKEN_MISSING);
    refresh("not a token", SYNCTV_E_TOKEN_INVALID);
    refresh(r->access_token, SYNCTV_E_TOKEN_INVALID);
    refresh("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", SYNCTV_E_SESSION_ENDED);
    works(r->access_token);
    synctv_result_unref(r);
}
END_TEST

START_TEST(a_lost_answer_is_made_good_once)
{
    const synctv_result *r0 = register_user("Ann");
    const synctv_result *lost = refresh(r0->refresh_token, 0);
    pass_ms(node, 50000);
    const synctv_result *again = refresh(r0->refresh_token, 0);
    ck_assert_str_ne(again->refresh_token, lost->refresh_token);
    works(again->access_token);

    refresh(r0->refresh_token, SYNCTV_E_SESSION_ENDED); /* the third time somebody has a copy */
    is_over(again->access_token);
    is_over(lost->access_token);
    refresh(again->refresh_token, SYNCTV_E_SESSION_ENDED);
    refresh(lost->refresh_token, SYNCTV_E_SESSION_ENDED);
    synctv_result_unref(again);
    synctv_result_unref(lost);
    synctv_result_unref(r0);
}
END_TEST

START_TEST(the_token_before_ends_the_session_after_a_minute)
{
    const synctv_result *r0 = register_user("Ann");
    const synctv_result *r1 = refresh(r0->refresh_token, 0);
    pass_ms(node, 61000);
    refresh(r0->refresh_token, SYNCTV_E_SESSION_ENDED);
    is_over(r1->access_token);
    refresh(r1->refresh_token, SYNCTV_E_SESSION_ENDED);
    synctv_result_unref(r1);
    synctv_result_unref(r0);
}
END_TEST

START_TEST(making_good_does_not_begin_the_minute_anew)
{
    const synctv_result *r0 = register_user("Ann");
    const synctv_result *r1 = refresh(r0->refresh_token, 0);
    pass_ms(node, 50000);
    const synctv_result *r2 = refresh(r0->refresh_token, 0);
    pass_ms(node, 11000);
    refresh(r1->refresh_token, SYNCTV_E_SESSION_ENDED);
    is_over(r2->access_token);
    synctv_result_unref(r2);
    synctv_result_unref(r1);
    synctv_result_unref(r0);
}
END_TEST

START_TEST(a_session_that_is_not_refreshed_expires)
{
    options.refresh_ttl_s = 7200;
    reopen();
    const synctv_result *r0 = register_user("Ann");
    pass_ms(node, 7100 * 1000);
    const synctv_result *r1 = refresh(r0->refresh_token, 0);
    pass_ms(node, 7100 * 1000);
    authenticate(node, r1->access_token, SYNCTV_E_TOKEN_EXPIRED);
    pass_ms(node, 200 * 1000);
    refresh(r1->refresh_token, SYNCTV_E_SESSION_ENDED);
    synctv_result_unref(r1);
    synctv_result_unref(r0);
}
END_TEST

static int do_nothing(struct sv_blocking_job *job, struct sv_tx *tx)
{
    return 0;
}

/* Waits until storage has done what it was asked for. */
static void settle(void)
{
    struct sv_blocking_job job = { .run = do_nothing };
    ck_assert_int_eq(sv_blocking_job_do(&job, node->store, sv_store_write), 0);
}

START_TEST(a_session_outlives_a_clock_that_is_wrong_for_a_while)
{
    const int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;
    const synctv_result *r0 = register_user("Ann");
    node_time_step(&fixture_time, year_ms);
    for (int i = 0; i < 10; i++) {
        pass_ms(node, 61 * 1000);
        sv_node_turn(node);
        settle();
    }
    refresh(r0->refresh_token, SYNCTV_E_SESSION_ENDED);
    node_time_step(&fixture_time, -year_ms);
    pass_ms(node, 1000);
    sv_node_turn(node);
    works(r0->access_token);
    const synctv_result *r1 = refresh(r0->refresh_token, 0);
    works(r1->access_token);
    synctv_result_unref(r1);
    synctv_result_unref(r0);
}
END_TEST

START_TEST(refreshing_is_limited_by_address)
{
    limits.calls_per_second = 0.05;
    reopen();
    refresh("", SYNCTV_E_TOKEN_MISSING);
    refresh("", SYNCTV_E_RATE_LIMITED);
    pass_ms(node, 20000);
    refresh("", SYNCTV_E_TOKEN_MISSING);
}
END_TEST

/* --- Logout --- */

START_TEST(a_refresh_token_logs_its_session_out)
{
    const synctv_result *r = register_user("Ann");
    const synctv_result *other = log_in(PEER, "Ann", PASSWORD, 0);
    works(r->access_token);
    log_out(r->refresh_token, 0);
    is_over(r->access_token);
    refresh(r->refresh_token, SYNCTV_E_SESSION_ENDED);
    log_out(r->refresh_token, 0); /* it is over already: that is what was asked for */
    works(other->access_token);
    synctv_result_unref(other);
    synctv_result_unref(r);
}
END_TEST

START_TEST(an_access_token_logs_its_session_out)
{
    const synctv_result *r = register_user("Ann");
    synctv_caller *ann = authenticate(node, r->access_token, 0);
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT);
    synctv_result_unref(ask(ann, &request, 0));
    ask(ann, &SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE), SYNCTV_E_SESSION_ENDED);
    synctv_result_unref(ask(ann, &request, 0));
    is_over(r->access_token);
    synctv_caller_unref(ann);
    synctv_result_unref(r);
}
END_TEST

START_TEST(logging_out_wants_a_session)
{
    const synctv_result *r = register_user("Ann");
    synctv_caller *ann = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, r->user->id, &ann, NULL), 0);
    log_out(NULL, SYNCTV_E_TOKEN_MISSING);
    log_out("not a token", SYNCTV_E_TOKEN_INVALID);
    ask(ann, &SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT), SYNCTV_E_INVALID_ARGUMENT);
    works(r->access_token);
    synctv_caller_unref(ann);
    synctv_result_unref(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sign_in");
    TCase *tc = tcase_create("sign_in");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, registering_yields_the_user_and_a_session);
    tcase_add_test(tc, registering_names_the_bad_field);
    tcase_add_test(tc, a_taken_name_or_address_is_refused_whatever_its_case);
    tcase_add_test(tc, with_approval_a_new_user_is_pending_and_may_log_in);
    tcase_add_test(tc, closed_registration_is_open_to_the_system_alone);
    tcase_add_test(tc, registering_is_limited_by_address);
    tcase_add_test(tc, login_takes_the_name_in_any_case);
    tcase_add_test(tc, login_takes_the_name_with_white_space_around_it);
    tcase_add_test(tc, white_space_around_a_name_makes_no_other_name_of_it);
    tcase_add_test(tc, a_wrong_name_looks_like_a_wrong_password);
    tcase_add_test(tc, a_wrong_name_takes_as_long_as_a_wrong_password);
    tcase_add_test(tc, only_the_right_password_tells_that_an_account_is_banned);
    tcase_add_test(tc, login_is_limited_by_name_and_address);
    tcase_add_test(tc, login_is_limited_by_address_for_all_names);
    tcase_add_test(tc, one_login_too_many_ends_the_session_renewed_longest_ago);
    tcase_add_test(tc, the_login_that_is_one_too_many_is_never_the_one_that_ends);
    tcase_add_test(tc, refreshing_gives_a_new_pair);
    tcase_add_test(tc, what_is_no_refresh_token_is_refused);
    tcase_add_test(tc, a_lost_answer_is_made_good_once);
    tcase_add_test(tc, the_token_before_ends_the_session_after_a_minute);
    tcase_add_test(tc, making_good_does_not_begin_the_minute_anew);
    tcase_add_test(tc, a_session_that_is_not_refreshed_expires);
    tcase_add_test(tc, a_session_outlives_a_clock_that_is_wrong_for_a_while);
    tcase_add_test(tc, refreshing_is_limited_by_address);
    tcase_add_test(tc, a_refresh_token_logs_its_session_out);
    tcase_add_test(tc, an_access_token_logs_its_session_out);
    tcase_add_test(tc, logging_out_wants_a_session);
    suite_add_tcase(suite, tc);
    return run_tests(suite);
}
