/* SPDX-License-Identifier: MIT */
/*
 * Servers that are not there, do not answer or are somebody else's; ends in the middle; many
 * clients and threads.
 */
#include "support.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server server;

static void begin(void)
{
    support_begin();
    server_init(&server);
    server_keep(&server);
}

/* --- connecting --- */

static int try_to_connect(const synctv_client_options *options)
{
    synctv_client *client = NULL;
    int rv = synctv_client_connect(options, &client, &error);
    ck_assert(rv < 0 || client != NULL);
    synctv_client_close(client);
    return rv;
}

START_TEST(options_that_make_no_sense_are_named)
{
    synctv_client_options options;
    synctv_client_options_init(&options);
    assert_code(try_to_connect(&options), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "address");
    options.address = "127.0.0.1:1";
    options.connect_timeout_ms = 0;
    assert_code(try_to_connect(&options), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "connect_timeout_ms");
    options.connect_timeout_ms = 300;
    options.tls = true;
    options.tls_ca_file = temp_path("nothing.pem");
    assert_code(try_to_connect(&options), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "tls_ca_file");
    options.tls_ca_file = "/";
    assert_code(try_to_connect(&options), SYNCTV_E_INVALID_ARGUMENT);
    options.tls_ca_file = temp_path("no.pem");
    write_file(options.tls_ca_file, "this is no certificate\n");
    assert_code(try_to_connect(&options), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "tls_ca_file");
    ck_assert_str_eq(error.message, "tls_ca_file: there is no PEM certificate in it");
}
END_TEST

/* A socket of ours. `backlog` < 0 = bound, but nobody listens. */
static int listener(int backlog, char *address, size_t size)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
    if (backlog >= 0)
        ck_assert_int_eq(listen(fd, backlog), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(address, size, "127.0.0.1:%d", ntohs(in.sin_port));
    return fd;
}

START_TEST(a_server_that_is_not_there_is_told_in_time)
{
    char address[32];
    int fd = listener(_i == 0 ? -1 : 5, address, sizeof(address));
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = address;
    options.connect_timeout_ms = _i == 0 ? 5000 : 700;
    long start_ms = now_ms();
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
    ck_assert_int_ge(now_ms() - start_ms, 300);
    ck_assert_int_lt(now_ms() - start_ms, WAIT_MS);
    ck_assert_ptr_nonnull(strstr(error.message, address));
    if (_i == 0)
        ck_assert_ptr_nonnull(strstr(error.message, "refused"));
    close(fd);
}
END_TEST

static void *connect_early(void *userdata)
{
    synctv_client_options options;
    client_options(&server, &options);
    *(int *)userdata = try_to_connect(&options);
    return NULL;
}

START_TEST(a_server_that_comes_late_is_waited_for)
{
    server_start(&server); /* to have its port */
    server_stop(&server);
    pthread_t thread;
    int rv = -1;
    ck_assert_int_eq(pthread_create(&thread, NULL, connect_early, &rv), 0);
    sleep_ms(700);
    server_start(&server);
    pthread_join(thread, NULL);
    assert_ok(rv);
}
END_TEST

START_TEST(what_is_no_server_of_ours_is_refused)
{
    char address[32];
    int fd = listener(5, address, sizeof(address));
    pid_t talker = fork();
    if (talker == 0) {
        static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        for (;;) {
            int peer = accept(fd, NULL, NULL);
            if (peer < 0 || write(peer, text, sizeof(text) - 1) < 0)
                sleep_ms(10);
            close(peer);
        }
    }
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = address;
    options.connect_timeout_ms = 700;
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
    kill(talker, SIGKILL);
    close(fd);
}
END_TEST

/* --- TLS --- */

START_TEST(a_certificate_of_another_name_is_not_trusted)
{
    server_use_tls(&server, false);
    server_start(&server);
    synctv_client_options options;
    client_options(&server, &options);
    assert_ok(try_to_connect(&options));
    options.connect_timeout_ms = 1000;
    options.tls_server_name = "another.example";
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
    options.tls_server_name = NULL; /* then it is 127.0.0.1 */
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
    options.tls_server_name = "watch.example";
    options.tls_ca_file = certificates.other_ca;
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
    options.tls_ca_file = NULL; /* the system's do not know ours */
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
    options.tls = false;
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
}
END_TEST

START_TEST(a_server_that_wants_certificates_wants_good_ones)
{
    server_use_tls(&server, true);
    server_start(&server);
    synctv_client_options options;
    client_options(&server, &options);
    assert_ok(try_to_connect(&options));
    options.connect_timeout_ms = 1000;
    options.tls_cert_file = options.tls_key_file = NULL;
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
    options.tls_cert_file = certificates.client; /* without its key */
    assert_code(try_to_connect(&options), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "tls_key_file");
    options.tls_cert_file = certificates.other_ca;
    options.tls_key_file = certificates.other_key;
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
}
END_TEST

START_TEST(a_client_with_tls_does_not_talk_to_a_server_without)
{
    server_start(&server);
    synctv_client_options options;
    client_options(&server, &options);
    options.tls = true;
    options.connect_timeout_ms = 1000;
    assert_code(try_to_connect(&options), SYNCTV_E_NODE_UNAVAILABLE);
}
END_TEST

/* --- a server that is away for a while --- */

START_TEST(calls_wait_for_a_server_that_comes_back)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.guest, s.room_id);
    server_kill(&server);
    expect(s.guest->stream, SYNCTV_EVENT_DISCONNECTED);
    struct answers answers = ANSWERS;
    const synctv_request requests[] = {
        SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = s.room_id, .timeout_ms = WAIT_MS),
        SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM, .room_id = s.room_id, .timeout_ms = WAIT_MS),
        SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS, .timeout_ms = WAIT_MS),
    };
    for (int i = 0; i < 3; i++)
        synctv_call(s.guest->me, &requests[i], take_answer, &answers);
    /* Not safe to repeat, but never sent. */
    const synctv_request create =
        SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "late", .timeout_ms = WAIT_MS);
    synctv_call(s.guest->me, &create, take_answer, &answers);
    server_start(&server);
    for (int i = 0; i < 4; i++)
        assert_ok(next_answer(&answers)->code);
    const synctv_room_filter mine = { .mine = true };
    const synctv_result *r;
    assert_ok(synctv_room_list(s.guest->me, &mine, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_rooms, 1); /* once */
}
END_TEST

START_TEST(a_call_ends_when_its_time_is_over)
{
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.guest, s.room_id);
    if (_i == 0)
        server_kill(&server);
    else
        server_freeze(&server, true);
    const synctv_method methods[] = { SYNCTV_METHOD_GET_ROOM_INFO, SYNCTV_METHOD_LEAVE_ROOM };
    for (int i = 0; i < 2; i++) {
        long start_ms = now_ms();
        const synctv_request request =
            SYNCTV_REQUEST(methods[i], .room_id = s.room_id, .timeout_ms = 600);
        int rv = synctv_call_wait(s.guest->me, &request, NULL, &error);
        ck_assert(rv == SYNCTV_E_TIMEOUT || rv == SYNCTV_E_NODE_UNAVAILABLE);
        ck_assert_int_lt(now_ms() - start_ms, WAIT_MS);
    }
    if (_i == 1)
        server_freeze(&server, false);
}
END_TEST

/* --- the end in the middle --- */

START_TEST(closing_answers_what_is_under_way)
{
    enum { N = 50 };
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.guest, s.room_id);
    if (_i == 0)
        server_freeze(&server, true);
    else
        server_kill(&server);
    struct answers answers = ANSWERS;
    for (int i = 0; i < N; i++) {
        const synctv_request request =
            SYNCTV_REQUEST(i % 2 == 0 ? SYNCTV_METHOD_GET_ROOM_INFO : SYNCTV_METHOD_SEND_CHAT,
                .room_id = s.room_id, .content = "x");
        synctv_call(s.guest->me, &request, take_answer, &answers);
    }
    long start_ms = now_ms();
    person_close(s.guest);
    ck_assert_int_lt(now_ms() - start_ms, WAIT_MS);
    ck_assert_int_eq(answers.n, N);
    for (int i = 0; i < N; i++) {
        int code = next_answer(&answers)->code;
        /* What goes over a stream cannot be sent once it is noticed that the server is dead. */
        if (_i == 0 || code != SYNCTV_E_NOT_CONNECTED)
            assert_code(code, SYNCTV_E_CANCELLED);
    }
    if (_i == 0)
        server_freeze(&server, false);
}
END_TEST

START_TEST(streams_and_clients_are_closed_at_any_moment)
{
    server_start(&server);
    struct scene s = scene(&server);
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = s.room_id);
    for (int i = 0; i < 40; i++) {
        struct person *person = person_login(&server, "guest");
        synctv_stream *streams[3];
        for (int j = 0; j < 3; j++)
            assert_ok(synctv_stream_open(person->me, &options, &streams[j], &error));
        if (i % 4 >= 2)
            sleep_ms(i);
        synctv_stream_close(streams[0]);
        if (i % 2 == 0)
            expect(streams[1], SYNCTV_EVENT_CONNECTED);
        synctv_stream_close(streams[1]);
        synctv_stream_close(streams[2]);
        person_close(person);
    }
}
END_TEST

/* --- many --- */

START_TEST(fifty_clients_see_the_same)
{
    enum { N = 50 };
    server_set(&server, "LIMITS__STREAMS_PER_USER=100");
    server_start(&server);
    struct scene s = scene(&server);
    struct person *viewers[N];
    for (int i = 0; i < N; i++) {
        viewers[i] = person_login(&server, "guest");
        const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = s.room_id);
        assert_ok(synctv_stream_open(viewers[i]->me, &options, &viewers[i]->stream, &error));
    }
    for (int i = 0; i < N; i++)
        expect_state(viewers[i]->stream, SYNCTV_STATE_CAUSE_SNAPSHOT);
    for (int i = 0; i < N; i++) {
        while (synctv_client_clock_offset(viewers[i]->client, NULL, NULL) < 2)
            sleep_ms(10);
    }
    const synctv_playback_options at = { .has_position = true, .position_s = 60 };
    assert_ok(synctv_playback_play(s.host->me, s.room_id, &at, NULL, &error));
    const synctv_playback *states[N];
    for (int i = 0; i < N; i++) {
        states[i] = expect_state(viewers[i]->stream, SYNCTV_STATE_CAUSE_PLAY)->state;
        ck_assert_uint_eq(states[i]->version, states[0]->version);
    }
    double min = 600, max = 0;
    int64_t worst_error_ms = 0;
    long start_ms = now_ms();
    for (int i = 0; i < N; i++) {
        int64_t error_ms;
        double position = synctv_client_position(viewers[i]->client, states[i], 600);
        synctv_client_clock_offset(viewers[i]->client, NULL, &error_ms);
        min = position < min ? position : min;
        max = position > max ? position : max;
        worst_error_ms = error_ms > worst_error_ms ? error_ms : worst_error_ms;
    }
    ck_assert_double_ge(min, 60);
    ck_assert_double_le((max - min) * 1000,
        (double)(100 + 2 * worst_error_ms + now_ms() - start_ms));
}
END_TEST

struct worker {
    pthread_t thread;
    struct person *person;
    const char *room_id;
    int failures;
};

static void *work(void *userdata)
{
    struct worker *w = userdata;
    for (int i = 0; i < 50; i++) {
        synctv_error err;
        synctv_request chat =
            SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = w->room_id, .content = "x");
        w->failures += synctv_room_info(w->person->me, w->room_id, NULL, &err) < 0;
        w->failures += synctv_chat_send(w->person->stream, NULL, "y", NULL, &err) < 0;
        w->failures += synctv_call_wait(w->person->me, &chat, NULL, &err) < 0;
        synctv_client_server_time_ms(w->person->client);
        synctv_caller *caller = synctv_client_caller(w->person->client);
        w->failures += synctv_account_profile(caller, NULL, &err) < 0;
        synctv_caller_unref(caller);
    }
    return NULL;
}

START_TEST(many_threads_use_one_client)
{
    enum { N = 8 };
    server_start(&server);
    struct scene s = scene(&server);
    follow(s.guest, s.room_id);
    struct worker workers[N];
    for (int i = 0; i < N; i++) {
        workers[i] = (struct worker){ .person = s.guest, .room_id = s.room_id };
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int chats = 0; chats < N * 50 * 2; chats++)
        expect(s.guest->stream, SYNCTV_EVENT_CHAT);
    for (int i = 0; i < N; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_int_eq(workers[i].failures, 0);
    }
}
END_TEST

struct chain {
    synctv_caller *caller;
    struct answers answers;
    int left;
};

/* Callbacks may call. */
static void next_link(void *userdata, const synctv_result *result)
{
    struct chain *chain = userdata;
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE);
    if (result->code < 0 || --chain->left == 0)
        take_answer(&chain->answers, result);
    else
        synctv_call(chain->caller, &request, next_link, chain);
}

START_TEST(an_answer_may_ask_the_next_question)
{
    server_start(&server);
    struct person *alice = person_new(&server, "alice");
    struct chain chain = { .caller = alice->me, .answers = ANSWERS, .left = 100 };
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE);
    synctv_call(alice->me, &request, next_link, &chain);
    assert_ok(next_answer(&chain.answers)->code);
    ck_assert_int_eq(chain.left, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trouble");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, certificates_make, certificates_remove);
    tcase_add_checked_fixture(tcase, begin, support_end);
    tcase_add_test(tcase, options_that_make_no_sense_are_named);
    tcase_add_loop_test(tcase, a_server_that_is_not_there_is_told_in_time, 0, 2);
    tcase_add_test(tcase, a_server_that_comes_late_is_waited_for);
    tcase_add_test(tcase, what_is_no_server_of_ours_is_refused);
    tcase_add_test(tcase, a_certificate_of_another_name_is_not_trusted);
    tcase_add_test(tcase, a_server_that_wants_certificates_wants_good_ones);
    tcase_add_test(tcase, a_client_with_tls_does_not_talk_to_a_server_without);
    tcase_add_test(tcase, calls_wait_for_a_server_that_comes_back);
    tcase_add_loop_test(tcase, a_call_ends_when_its_time_is_over, 0, 2);
    tcase_add_loop_test(tcase, closing_answers_what_is_under_way, 0, 2);
    tcase_add_test(tcase, streams_and_clients_are_closed_at_any_moment);
    tcase_add_test(tcase, fifty_clients_see_the_same);
    tcase_add_test(tcase, many_threads_use_one_client);
    tcase_add_test(tcase, an_answer_may_ask_the_next_question);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
