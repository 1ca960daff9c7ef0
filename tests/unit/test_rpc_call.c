/* SPDX-License-Identifier: MIT */
/* Unary calls from our channel to our server, over a socket. */
#include "test_rpc.h"

static struct sv_rpc_server *server;
static struct sv_rpc_channel *channel;
static struct reply r;

static void setup(void)
{
    server = server_new();
    channel = channel_to(sv_rpc_server_port(server));
}

static void teardown(void)
{
    sv_rpc_channel_free(channel);
    sv_rpc_server_free(server);
    free(r.data);
    r.data = NULL;
}

START_TEST(a_call_is_answered)
{
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "hello", &r), 0);
    ck_assert_str_eq(r.data, "hello");
    ck_assert_int_eq(r.error.code, 0);
}
END_TEST

START_TEST(an_empty_message_is_a_message)
{
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "", &r), 0);
    ck_assert_uint_eq(r.len, 0);
}
END_TEST

START_TEST(a_large_message_arrives_in_one_piece)
{
    size_t len = 1000000;
    char *data = malloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i * 7);
    ask(channel, "/t.Echo/Echo", data, len, 25000, &r);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.grpc_status, 0);
    ck_assert_uint_eq(r.len, len);
    ck_assert(memcmp(r.data, data, len) == 0);
    free(data);
}
END_TEST

START_TEST(a_message_above_the_limit_is_refused)
{
    size_t len = (1 << 20) + 1;
    char *data = calloc(1, len);
    ask(channel, "/t.Echo/Echo", data, len, 25000, &r);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.grpc_status, 8);
    free(data);
    free(r.data);
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "still there", &r), 0);
}
END_TEST

START_TEST(a_service_sees_metadata_address_and_deadline)
{
    struct sv_rpc_md md = { "authorization", "Bearer abc", 0 };
    struct sv_rpc_request request = {
        .path = "/t.Echo/Describe", .metadata = &md, .n_metadata = 1, .timeout_ms = 30000
    };
    r = (struct reply){ 0 };
    sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("", 0), got_reply, &r);
    wait_for(&r.done, 1);
    char *left_s = strrchr(r.data, '|') + 1;
    ck_assert_int_ge(atoi(left_s), 10);
    ck_assert_int_le(atoi(left_s), 30);
    *left_s = '\0';
    ck_assert_str_eq(r.data, "/t.Echo/Describe|Bearer abc|127.0.0.1||");
    free(r.data);

    request.timeout_ms = 0;
    request.n_metadata = 0;
    r = (struct reply){ 0 };
    sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("", 0), got_reply, &r);
    wait_for(&r.done, 1);
    ck_assert_str_eq(r.data, "/t.Echo/Describe||127.0.0.1||-1");
}
END_TEST

/* The address that a service sees of a call with these headers x-forwarded-for. */
static void ck_assert_seen(const char *trusted_proxies, const char *first, const char *second,
    const char *address)
{
    struct sv_rpc_server_options o;
    test_options(&o);
    o.trusted_proxies = trusted_proxies;
    struct sv_rpc_server *s = server_with(&o);
    struct sv_rpc_channel *c = channel_to(sv_rpc_server_port(s));
    struct sv_rpc_md md[2] = { { "x-forwarded-for", first, 0 }, { "x-forwarded-for", second, 0 } };
    struct sv_rpc_request request = {
        .path = "/t.Echo/Describe", .metadata = md, .n_metadata = second != NULL ? 2 : 1
    };
    char expected[100];
    snprintf(expected, sizeof(expected), "/t.Echo/Describe||%s||-1", address);
    r = (struct reply){ 0 };
    sv_rpc_unary(c, &request, sv_rpc_bytes_copy("", 0), got_reply, &r);
    wait_for(&r.done, 1);
    ck_assert_str_eq(r.data, expected);
    free(r.data);
    r.data = NULL;
    sv_rpc_channel_free(c);
    sv_rpc_server_free(s);
}

START_TEST(behind_a_trusted_proxy_the_address_is_its_clients)
{
    ck_assert_seen("127.0.0.0/8", "192.0.2.7", NULL, "192.0.2.7");
    ck_assert_seen("127.0.0.0/8", "192.0.2.9, 192.0.2.7", NULL, "192.0.2.7");
    ck_assert_seen("127.0.0.0/8", "[2001:db8::7]:443", NULL, "2001:db8::7");
    ck_assert_seen("127.0.0.0/8", "192.0.2.9", "192.0.2.7", "192.0.2.7");
    ck_assert_seen("127.0.0.0/8", "192.0.2.7", "127.0.0.2", "192.0.2.7");
    ck_assert_seen("127.0.0.0/8", "192.0.2.7", "unknown", "127.0.0.1");
}
END_TEST

START_TEST(what_a_stranger_says_of_its_address_counts_for_nothing)
{
    ck_assert_seen(NULL, "192.0.2.7", NULL, "127.0.0.1");
    ck_assert_seen("10.0.0.0/8, ::1", "192.0.2.7", "10.0.0.1", "127.0.0.1");
}
END_TEST

START_TEST(metadata_that_cannot_be_sent_fails_the_call)
{
    struct sv_rpc_md md = { "Not A Key\n", "x", 0 };
    struct sv_rpc_request request = { .path = "/t.Echo/Echo", .metadata = &md, .n_metadata = 1 };
    r = (struct reply){ 0 };
    sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("", 0), got_reply, &r);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.error.code, SYNCTV_E_INVALID_ARGUMENT);
}
END_TEST

START_TEST(too_much_metadata_is_refused)
{
    char *big = malloc(20000);
    memset(big, 'x', 20000);
    struct sv_rpc_md md = { "big", big, 20000 };
    struct sv_rpc_request request = {
        .path = "/t.Echo/Echo", .metadata = &md, .n_metadata = 1, .timeout_ms = 25000
    };
    r = (struct reply){ 0 };
    sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("", 0), got_reply, &r);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.grpc_status, 8);
    free(big);
}
END_TEST

START_TEST(an_error_arrives_with_reason_field_and_detail)
{
    ck_assert_int_eq(call(channel, "/t.Echo/Fail", "", &r), 3);
    ck_assert_int_eq(r.error.code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(r.error.field, "movie.url");
    ck_assert_int_eq(r.error.retry_after_ms, 7);
    ck_assert_str_eq(r.error.message, "movie.url: no such thing: ä%\n");
    ck_assert_str_eq(r.extra_type, "t/x");
    ck_assert_uint_eq(r.extra_len, 2);
}
END_TEST

START_TEST(an_unknown_method_is_unimplemented)
{
    for (int i = 0; i < 40; i++) { /* more than there are slots */
        ck_assert_int_eq(call(channel, "/t.Echo/Nothing", "x", &r), 12);
        ck_assert_int_eq(r.error.code, SYNCTV_E_UNIMPLEMENTED);
        free(r.data);
    }
    r.data = NULL;
}
END_TEST

START_TEST(calls_are_answered_late_and_from_another_thread)
{
    struct reply replies[100];
    for (int i = 0; i < 100; i++)
        ask(channel, "/t.Echo/Hold", "", 0, 25000, &replies[i]);
    wait_for(&held.n, 100);
    struct sv_rpc_server_stats stats;
    sv_rpc_server_get_stats(server, &stats);
    ck_assert_uint_eq(stats.live_calls, 100);
    answer_held(100);
    for (int i = 0; i < 100; i++) {
        wait_for(&replies[i].done, 1);
        ck_assert_str_eq(replies[i].data, "late");
        free(replies[i].data);
    }
}
END_TEST

START_TEST(a_call_may_be_answered_after_its_client_has_gone)
{
    ask(channel, "/t.Echo/Hold", "", 0, 25000, &r);
    wait_for(&held.n, 1);
    sv_rpc_channel_free(channel);
    ck_assert_int_eq(r.error.code, SYNCTV_E_CANCELLED);
    answer_held(1);
    channel = channel_to(sv_rpc_server_port(server));
    free(r.data);
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "x", &r), 0);
}
END_TEST

START_TEST(the_deadline_ends_a_call_for_the_client)
{
    call(channel, "/t.Echo/Echo", "", &r); /* connects */
    free(r.data);
    ask(channel, "/t.Echo/Hold", "", 0, 3000, &r);
    wait_for(&held.n, 1);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.error.code, SYNCTV_E_TIMEOUT);
    answer_held(1);
}
END_TEST

START_TEST(nobody_there_is_unavailable)
{
    sv_rpc_channel_free(channel);
    channel = channel_to(1);
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "x", &r), 14);
    ck_assert_int_eq(r.error.code, SYNCTV_E_NODE_UNAVAILABLE);
}
END_TEST

START_TEST(a_closed_channel_fails_calls_at_once)
{
    sv_rpc_channel_close(channel);
    ck_assert_int_eq(call(channel, "/t.Echo/Echo", "x", &r), 1);
    ck_assert_int_eq(r.error.code, SYNCTV_E_CANCELLED);
}
END_TEST

static int n_done;

static void count_done(void *userdata, const struct sv_rpc_answer *answer)
{
    ck_assert_int_eq(answer->grpc_status, 0);
    change(&n_done, 1);
}

START_TEST(thousands_of_calls_at_once_are_all_answered)
{
    struct sv_rpc_request request = { .path = "/t.Echo/Echo", .timeout_ms = 25000 };
    for (int i = 0; i < 3000; i++)
        sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("x", 1), count_done, NULL);
    wait_for(&n_done, 3000);
    struct sv_rpc_server_stats stats;
    sv_rpc_server_get_stats(server, &stats);
    ck_assert_uint_eq(stats.calls, 3000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc calls");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_call_is_answered);
    tcase_add_test(t, behind_a_trusted_proxy_the_address_is_its_clients);
    tcase_add_test(t, what_a_stranger_says_of_its_address_counts_for_nothing);
    tcase_add_test(t, an_empty_message_is_a_message);
    tcase_add_test(t, a_large_message_arrives_in_one_piece);
    tcase_add_test(t, a_message_above_the_limit_is_refused);
    tcase_add_test(t, a_service_sees_metadata_address_and_deadline);
    tcase_add_test(t, behind_a_trusted_proxy_the_address_is_its_clients);
    tcase_add_test(t, what_a_stranger_says_of_its_address_counts_for_nothing);
    tcase_add_test(t, metadata_that_cannot_be_sent_fails_the_call);
    tcase_add_test(t, too_much_metadata_is_refused);
    tcase_add_test(t, an_error_arrives_with_reason_field_and_detail);
    tcase_add_test(t, an_unknown_method_is_unimplemented);
    tcase_add_test(t, calls_are_answered_late_and_from_another_thread);
    tcase_add_test(t, a_call_may_be_answered_after_its_client_has_gone);
    tcase_add_test(t, the_deadline_ends_a_call_for_the_client);
    tcase_add_test(t, nobody_there_is_unavailable);
    tcase_add_test(t, a_closed_channel_fails_calls_at_once);
    tcase_add_test(t, thousands_of_calls_at_once_are_all_answered);
    suite_add_tcase(s, t);
    return run_suite(s);
}
