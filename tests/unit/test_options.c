/* SPDX-License-Identifier: MIT */
/*
 * What a program gives that was built with another header: shorter structures from an older one,
 * longer ones from a newer one. They lie in blocks of just their size, so that a sanitizer sees
 * who reads beyond. And what the options say.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/synctv.h>

#define SIZE_THROUGH(type, field) (offsetof(type, field) + sizeof(((type *)NULL)->field))
#define LONGER(type) (sizeof(type) + 24)

static synctv_node *node;
static synctv_caller *alice;
static synctv_error err;
static char room[SYNCTV_ID_LEN + 1];

static void assert_code(int code, int expected)
{
    ck_assert_msg(code == expected, "%s instead of %s (%s)", synctv_error_reason(code),
        synctv_error_reason(expected), err.message);
}

static void assert_size_refused(int code)
{
    assert_code(code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "struct_size");
    memset(&err, 0, sizeof(err));
}

/* A block of `size` bytes that begins with what `from` has of `from_size`; the rest is 0. */
static void *resized(const void *from, size_t from_size, size_t size)
{
    unsigned char *block = calloc(1, size);
    ck_assert_ptr_nonnull(block);
    memcpy(block, from, from_size < size ? from_size : size);
    memcpy(block, &size, sizeof(size));
    return block;
}

static void open_node_with(const synctv_node_options *options)
{
    assert_code(synctv_node_open(options, &node, &err), 0);
    const synctv_result *result = NULL;
    assert_code(synctv_node_user_add(node, "alice", "correct horse", "", SYNCTV_USER_ROLE_USER,
                    &result, &err),
        0);
    assert_code(synctv_node_as_user(node, result->user->id, &alice, &err), 0);
    synctv_result_unref(result);
    assert_code(synctv_room_create(alice, "room", NULL, &result, &err), 0);
    memcpy(room, result->room->id, sizeof(room));
    synctv_result_unref(result);
}

static void setup(void)
{
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.listen = "127.0.0.1:0";
    open_node_with(&options);
}

static void teardown(void)
{
    synctv_caller_unref(alice);
    synctv_node_free(node);
    alice = NULL;
    node = NULL;
}

/* ---- requests and streams ---- */

START_TEST(a_shorter_request_has_the_fields_that_it_has)
{
    const synctv_request info = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room);
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
    synctv_request *with_room = resized(&info, sizeof(info), SIZE_THROUGH(synctv_request, room_id));
    synctv_request *bare = resized(&list, sizeof(list), SIZE_THROUGH(synctv_request, method));
    const synctv_result *result = NULL;
    assert_code(synctv_call_wait(alice, with_room, &result, &err), 0);
    ck_assert_str_eq(result->room->id, room);
    synctv_result_unref(result);
    assert_code(synctv_call_wait(alice, bare, &result, &err), 0);
    ck_assert_uint_eq(result->n_rooms, 1);
    synctv_result_unref(result);
    free(with_room);
    free(bare);
}
END_TEST

START_TEST(a_longer_request_is_taken_if_it_asks_for_nothing_unknown)
{
    const synctv_request info = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room);
    unsigned char *newer = resized(&info, sizeof(info), LONGER(synctv_request));
    assert_code(synctv_call_wait(alice, (synctv_request *)newer, NULL, &err), 0);
    newer[sizeof(info)] = 1;
    assert_size_refused(synctv_call_wait(alice, (synctv_request *)newer, NULL, &err));
    free(newer);
}
END_TEST

static void keep_error(void *userdata, const synctv_result *result)
{
    int *n = userdata;
    err = *result->error;
    ++*n;
}

START_TEST(a_request_that_was_not_initialised_is_refused)
{
    const synctv_request request = { .method = SYNCTV_METHOD_LIST_ROOMS };
    int n = 0;
    assert_size_refused(synctv_call_wait(alice, &request, NULL, &err));
    synctv_call(alice, &request, keep_error, &n);
    ck_assert_int_eq(n, 1);
    assert_size_refused(err.code);
    synctv_stream *stream = NULL;
    assert_code(synctv_stream_open(alice, NULL, &stream, &err), 0);
    assert_size_refused(synctv_stream_send(stream, &request, &err));
    synctv_stream_close(stream);
}
END_TEST

START_TEST(a_request_can_be_begun_without_the_macro)
{
    synctv_request request;
    memset(&request, 0xff, sizeof(request));
    synctv_request_init(&request);
    request.method = SYNCTV_METHOD_GET_ROOM_INFO;
    request.room_id = room;
    assert_code(synctv_call_wait(alice, &request, NULL, &err), 0);
}
END_TEST

START_TEST(options_of_streams_may_be_shorter_or_longer)
{
    const synctv_stream_options given = SYNCTV_STREAM_OPTIONS(.room_id = room);
    synctv_stream_options *older =
        resized(&given, sizeof(given), SIZE_THROUGH(synctv_stream_options, room_id));
    unsigned char *newer = resized(&given, sizeof(given), LONGER(synctv_stream_options));
    synctv_stream *stream = NULL;
    assert_code(synctv_stream_open(alice, older, &stream, &err), 0);
    synctv_stream_close(stream);
    assert_code(synctv_stream_open(alice, (synctv_stream_options *)newer, &stream, &err), 0);
    synctv_stream_close(stream);
    newer[LONGER(synctv_stream_options) - 1] = 1;
    assert_size_refused(synctv_stream_open(alice, (synctv_stream_options *)newer, &stream, &err));
    const synctv_stream_options blank = { .room_id = room };
    assert_size_refused(synctv_stream_open(alice, &blank, &stream, &err));
    free(older);
    free(newer);
}
END_TEST

/* ---- clients ---- */

START_TEST(options_of_clients_may_be_shorter_or_longer)
{
    const volatile size_t size = SIZE_THROUGH(synctv_client_options, address);
    synctv_client_options *older = malloc(size);
    synctv_client_options_init_sized(older, size);
    older->address = synctv_node_address(node);
    synctv_client *client = NULL;
    assert_code(synctv_client_connect(older, &client, &err), 0);
    synctv_client_close(client);
    free(older);

    unsigned char *newer = malloc(LONGER(synctv_client_options));
    synctv_client_options_init_sized((synctv_client_options *)newer, LONGER(synctv_client_options));
    ((synctv_client_options *)newer)->address = synctv_node_address(node);
    assert_code(synctv_client_connect((synctv_client_options *)newer, &client, &err), 0);
    synctv_client_close(client);
    newer[sizeof(synctv_client_options)] = 1;
    assert_size_refused(synctv_client_connect((synctv_client_options *)newer, &client, &err));
    free(newer);
    const synctv_client_options blank = { .address = "127.0.0.1:1" };
    assert_size_refused(synctv_client_connect(&blank, &client, &err));
}
END_TEST

/* ---- threads that cannot be started ---- */

static bool no_threads;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
    void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
    void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
    void *arg)
{
    return no_threads ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

START_TEST(a_client_without_its_thread_says_so)
{
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = synctv_node_address(node);
    synctv_client *client = NULL;
    no_threads = true;
    int rv = synctv_client_connect(&options, &client, &err);
    no_threads = false;
    assert_code(rv, SYNCTV_E_INTERNAL);
    ck_assert_str_eq(err.message, "no thread can be started");
    ck_assert_ptr_null(client);
}
END_TEST

/* ---- nodes ---- */

START_TEST(options_of_nodes_may_be_shorter)
{
    const volatile size_t size = SIZE_THROUGH(synctv_node_options, db_url);
    synctv_node_options *older = malloc(size);
    synctv_node_options_init_sized(older, size);
    ck_assert_str_eq(older->db_url, "memory:");
    open_node_with(older);
    free(older);
    assert_code(synctv_node_poll(node, 0),
        SYNCTV_E_INVALID_ARGUMENT); /* by default it has a thread */
}
END_TEST

START_TEST(options_of_nodes_may_be_longer)
{
    const volatile size_t size = LONGER(synctv_node_options);
    unsigned char *newer = malloc(size);
    synctv_node_options_init_sized((synctv_node_options *)newer, size);
    open_node_with((synctv_node_options *)newer);
    newer[size - 1] = 1;
    synctv_node *other = NULL;
    assert_size_refused(synctv_node_open((synctv_node_options *)newer, &other, &err));
    free(newer);
    const synctv_node_options blank = { .db_url = "memory:" };
    assert_size_refused(synctv_node_open(&blank, &other, &err));
}
END_TEST

START_TEST(limits_may_be_shorter)
{
    const volatile size_t size = SIZE_THROUGH(synctv_limits, rooms_per_user);
    synctv_limits *older = malloc(size);
    synctv_limits_init_sized(older, size);
    older->rooms_per_user = 1;
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.limits = older;
    open_node_with(&options);
    free(older);
    assert_code(synctv_room_create(alice, "one more", NULL, NULL, &err), SYNCTV_E_ROOM_LIMIT);
    synctv_stream *streams[17] = { NULL };
    for (int i = 0; i < 16; i++) /* as many as by default */
        assert_code(synctv_stream_open(alice, NULL, &streams[i], &err), 0);
    assert_code(synctv_stream_open(alice, NULL, &streams[16], &err), SYNCTV_E_STREAM_LIMIT);
    for (int i = 0; i < 16; i++)
        synctv_stream_close(streams[i]);
}
END_TEST

START_TEST(limits_that_were_not_initialised_are_refused)
{
    const synctv_limits blank = { .rooms_per_user = 1 };
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.limits = &blank;
    assert_size_refused(synctv_node_open(&options, &node, &err));
}
END_TEST

/* More than by default, of all that can be counted quickly. */
START_TEST(a_limit_of_0_is_none)
{
    enum { N = 20 };
    const synctv_limits none = { .struct_size = sizeof(none) };
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.listen = "127.0.0.1:0";
    options.limits = &none;
    open_node_with(&options);
    synctv_stream *streams[N];
    for (int i = 0; i < N; i++) {
        assert_code(synctv_room_create(alice, "one more", NULL, NULL, &err), 0);
        assert_code(synctv_stream_open(alice, NULL, &streams[i], &err), 0);
    }
    for (int i = 0; i < N; i++)
        synctv_stream_close(streams[i]);
    /* Over the network, too. */
    synctv_client_options client_options;
    synctv_client_options_init(&client_options);
    client_options.address = synctv_node_address(node);
    synctv_client *client = NULL;
    assert_code(synctv_client_connect(&client_options, &client, &err), 0);
    assert_code(synctv_client_login(client, "alice", "correct horse", NULL, &err), 0);
    synctv_client_close(client);
}
END_TEST

START_TEST(a_limit_below_0_is_refused)
{
    synctv_limits limits;
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.limits = &limits;
    int32_t *const counts[] = { &limits.rooms_per_user, &limits.memberships_per_user,
        &limits.members_per_room, &limits.movies_per_room, &limits.sessions_per_user,
        &limits.streams_per_user, &limits.streams_per_connection, &limits.connections_per_address };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        synctv_limits_init(&limits);
        *counts[i] = -1;
        assert_code(synctv_node_open(&options, &node, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "limits");
    }
}
END_TEST

/* ---- who is not signed in ---- */

START_TEST(an_anonymous_caller_has_an_address_or_none)
{
    static const char *const good[] = { "192.0.2.7", "2001:db8::1", "[2001:db8::1]:80", "", NULL };
    static const char *const bad[] = { "ipv4:192.0.2.7:1", "example.org", "192.0.2", "unix:" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        synctv_caller *nobody = NULL;
        assert_code(synctv_node_as_anonymous(node, good[i], &nobody, &err), 0);
        ck_assert_str_eq(synctv_caller_user_id(nobody), "");
        synctv_caller_unref(nobody);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        synctv_caller *nobody = NULL;
        assert_code(synctv_node_as_anonymous(node, bad[i], &nobody, &err),
            SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "address");
        ck_assert_ptr_null(nobody);
    }
}
END_TEST

static Suite *options_suite(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("of a program built with another header");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_shorter_request_has_the_fields_that_it_has);
    tcase_add_test(t, a_longer_request_is_taken_if_it_asks_for_nothing_unknown);
    tcase_add_test(t, a_request_that_was_not_initialised_is_refused);
    tcase_add_test(t, a_request_can_be_begun_without_the_macro);
    tcase_add_test(t, options_of_streams_may_be_shorter_or_longer);
    tcase_add_test(t, options_of_clients_may_be_shorter_or_longer);
    tcase_add_test(t, a_client_without_its_thread_says_so);
    tcase_add_test(t, an_anonymous_caller_has_an_address_or_none);
    suite_add_tcase(s, t);

    t = tcase_create("of nodes");
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, options_of_nodes_may_be_shorter);
    tcase_add_test(t, options_of_nodes_may_be_longer);
    tcase_add_test(t, limits_may_be_shorter);
    tcase_add_test(t, limits_that_were_not_initialised_are_refused);
    tcase_add_test(t, a_limit_of_0_is_none);
    tcase_add_test(t, a_limit_below_0_is_refused);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(options_suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
