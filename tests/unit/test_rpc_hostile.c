/* SPDX-License-Identifier: MIT */
/* Peers that do not speak gRPC, or speak it badly, on raw sockets. */
#include "test_rpc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static struct sv_rpc_server *server;

static void setup(void)
{
    server = server_new();
}

/* For tests of these limits; 0 = as usual. */
static void serve_impatiently(unsigned handshake_ms, unsigned write_stall_ms)
{
    sv_rpc_server_free(server);
    struct sv_rpc_server_options o;
    test_options(&o);
    if (handshake_ms > 0)
        o.handshake_ms = handshake_ms;
    if (write_stall_ms > 0)
        o.write_stall_ms = write_stall_ms;
    server = server_with(&o);
}

/*
 * After each attack the server still serves others, and ends in order. A server with short limits
 * may have to be asked again.
 */
static void teardown(void)
{
    struct reply r;
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    for (int i = 0; i < 5 && call(channel, "/t.Echo/Echo", "still there", &r) != 0; i++)
        sleep(1);
    ck_assert_int_eq(r.grpc_status, 0);
    ck_assert_str_eq(r.data, "still there");
    free(r.data);
    sv_rpc_channel_free(channel);
    sv_rpc_server_free(server);
    ck_assert_int_eq(value(&streams_open), value(&streams_closed));
}

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)sv_rpc_server_port(server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void put(int fd, const void *data, size_t len)
{
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    (void)n; /* the server may have hung up; that is what the tests look at */
}

/* Reads until `want` was seen, the peer hangs up, or 25 s are over. Returns whether it was seen. */
static bool read_until(int fd, const void *want, size_t want_len)
{
    static unsigned char buf[1 << 20];
    size_t n = 0;
    int64_t end_ms = sv_mono_ms() + 25000;
    while (n < sizeof(buf) && sv_mono_ms() < end_ms) {
        struct pollfd p = { fd, POLLIN, 0 };
        if (poll(&p, 1, 1000) <= 0)
            continue;
        ssize_t got = read(fd, buf + n, sizeof(buf) - n);
        if (got <= 0)
            return want == NULL;
        n += (size_t)got;
        if (want != NULL && memmem(buf, n, want, want_len) != NULL)
            return true;
    }
    return false;
}

static bool hangs_up(int fd)
{
    return read_until(fd, NULL, 0);
}

/* ---- HTTP/2 by hand ---- */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void put_frame(int fd, int type, int flags, unsigned stream, const void *data, size_t len)
{
    unsigned char head[9] = { (unsigned char)(len >> 16), (unsigned char)(len >> 8),
        (unsigned char)len, (unsigned char)type, (unsigned char)flags,
        (unsigned char)(stream >> 24), (unsigned char)(stream >> 16), (unsigned char)(stream >> 8),
        (unsigned char)stream };
    put(fd, head, sizeof(head));
    if (len > 0)
        put(fd, data, len);
}

static size_t add_header(unsigned char *out, const char *name, const char *text)
{
    size_t n = 0, name_len = strlen(name), text_len = strlen(text);
    out[n++] = 0; /* literal, not indexed, new name */
    out[n++] = (unsigned char)name_len;
    memcpy(out + n, name, name_len);
    n += name_len;
    out[n++] = (unsigned char)text_len;
    memcpy(out + n, text, text_len);
    return n + text_len;
}

static void put_call(int fd, unsigned stream, const char *path, const char *encoding)
{
    unsigned char h[512];
    size_t n = 0;
    n += add_header(h + n, ":method", "POST");
    n += add_header(h + n, ":scheme", "http");
    n += add_header(h + n, ":path", path);
    n += add_header(h + n, ":authority", "x");
    n += add_header(h + n, "content-type", "application/grpc");
    n += add_header(h + n, "te", "trailers");
    if (encoding != NULL)
        n += add_header(h + n, "grpc-encoding", encoding);
    put_frame(fd, 1, 4, stream, h, n); /* HEADERS, END_HEADERS */
}

static int dial_http2(void)
{
    int fd = dial();
    put(fd, preface, sizeof(preface) - 1);
    put_frame(fd, 4, 0, 0, NULL, 0); /* SETTINGS */
    return fd;
}

static bool gets_status(int fd, const char *digits)
{
    char want[32];
    int n = snprintf(want, sizeof(want), "grpc-status%c%s", (char)strlen(digits), digits);
    return read_until(fd, want, (size_t)n);
}

/* ---- tests ---- */

START_TEST(garbage_is_hung_up_on)
{
    unsigned seed = 5;
    for (int i = 0; i < 50; i++) {
        char junk[300];
        for (size_t k = 0; k < sizeof(junk); k++)
            junk[k] = (char)rand_r(&seed);
        int fd = dial();
        if (i % 2 == 0)
            put(fd, preface, sizeof(preface) - 1);
        put(fd, junk, sizeof(junk));
        if (i < 3)
            ck_assert(hangs_up(fd));
        close(fd);
    }
}
END_TEST

START_TEST(a_silent_peer_is_hung_up_on)
{
    serve_impatiently(1000, 0);
    int fd = dial();
    ck_assert(hangs_up(fd));
    close(fd);
    fd = dial();
    put(fd, "PRI * HT", 8);
    ck_assert(hangs_up(fd));
    close(fd);
}
END_TEST

START_TEST(half_a_call_hurts_nobody)
{
    int fds[20];
    for (int i = 0; i < 20; i++) {
        fds[i] = dial_http2();
        put_call(fds[i], 1, "/t.Echo/Echo", NULL);
        put_frame(fds[i], 0, 0, 1, "\0\0\0\1\0ab", 7); /* DATA: 256 bytes announced, two sent */
    }
    for (int i = 0; i < 20; i++) { /* it has seen the half one when it answers a whole one */
        put_call(fds[i], 3, "/t.Echo/Echo", NULL);
        put_frame(fds[i], 0, 1, 3, "\0\0\0\0\5hello", 10);
        ck_assert(read_until(fds[i], "\0\0\0\0\5hello", 10));
        close(fds[i]);
    }
}
END_TEST

/* ---- calls that take long ---- */

#define N_MANY 60
#define N_LONG 20

static int n_long, n_long_before;

/* The first one until all have been asked for. */
static void do_long(struct sv_rpc_call *call, void *service)
{
    wait_for(&may_go_on, 1);
    usleep(1000);
    change(&n_long, 1);
    sv_rpc_call_reply(call, sv_rpc_bytes_copy("", 0));
}

static void do_short(struct sv_rpc_call *call, void *service)
{
    n_long_before = value(&n_long);
    do_echo(call, service);
}

static int dial_and_be_answered(void)
{
    int fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Short", NULL);
    put_frame(fd, 0, 1, 1, "\0\0\0\0\5hello", 10);
    ck_assert(read_until(fd, "\0\0\0\0\5hello", 10));
    return fd;
}

START_TEST(many_long_calls_of_many_do_not_come_before_the_call_of_another_one)
{
    static const struct sv_rpc_method methods[] = {
        { "/t.Echo/Echo", SV_RPC_UNARY, do_echo, NULL, 0 },
        { "/t.Echo/Long", SV_RPC_UNARY, do_long, NULL, 0 },
        { "/t.Echo/Short", SV_RPC_UNARY, do_short, NULL, 0 },
    };
    struct sv_rpc_server_options o;
    int fds[N_MANY];
    sv_rpc_server_free(server);
    test_options(&o);
    o.methods = methods;
    o.n_methods = 3;
    server = server_with(&o);
    n_long = may_go_on = 0;
    for (int i = 0; i < N_MANY; i++)
        fds[i] = dial_and_be_answered();
    int other = dial_and_be_answered();
    for (int i = 0; i < N_MANY; i++) {
        for (unsigned k = 0; k < N_LONG; k++) {
            put_call(fds[i], 3 + 2 * k, "/t.Echo/Long", NULL);
            put_frame(fds[i], 0, 1, 3 + 2 * k, "\0\0\0\0\0", 5);
        }
    }
    put_call(other, 3, "/t.Echo/Short", NULL);
    put_frame(other, 0, 1, 3, "\0\0\0\0\5again", 10);
    change(&may_go_on, 1);
    ck_assert(read_until(other, "\0\0\0\0\5again", 10));
    ck_assert_int_lt(n_long_before, N_MANY * N_LONG / 2);
    wait_for(&n_long, N_MANY * N_LONG);
    for (int i = 0; i < N_MANY; i++)
        close(fds[i]);
    close(other);
}
END_TEST

START_TEST(a_call_by_hand_is_answered)
{
    int fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Echo", NULL);
    put_frame(fd, 0, 1, 1, "\0\0\0\0\5hello", 10);
    ck_assert(read_until(fd, "\0\0\0\0\5hello", 10));
    close(fd);
}
END_TEST

START_TEST(a_call_without_a_message_is_refused)
{
    int fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Echo", NULL);
    put_frame(fd, 0, 1, 1, NULL, 0);
    ck_assert(gets_status(fd, "3"));
    close(fd);
}
END_TEST

START_TEST(a_message_announced_as_4_gib_is_not_believed)
{
    int fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Echo", NULL);
    put_frame(fd, 0, 0, 1, "\0\xff\xff\xff\xff", 5);
    for (int i = 0; i < 200; i++)
        put_frame(fd, 0, 0, 1, preface, sizeof(preface));
    put_call(fd, 3, "/t.Echo/Echo", NULL);
    put_frame(fd, 0, 1, 3, "\0\0\0\0\3end", 8);
    ck_assert(read_until(fd, "\0\0\0\0\3end", 8));
    close(fd);
}
END_TEST

START_TEST(a_message_is_cut_before_it_has_eaten_the_memory)
{
    sv_rpc_server_free(server);
    struct sv_rpc_server_options o;
    test_options(&o);
    o.max_memory_bytes = 16 << 20;
    server = server_with(&o);
    struct sv_rpc_channel *channel = channel_to(sv_rpc_server_port(server));
    size_t len = 64 << 20;
    char *data = calloc(1, len);
    struct reply r;
    ask(channel, "/t.Echo/Echo", data, len, 25000, &r);
    wait_for(&r.done, 1);
    ck_assert_int_eq(r.grpc_status, 8);
    ck_assert_ptr_null(strstr(r.error.message,
        "larger than max")); /* that would mean: all of it was there */
    free(r.data);
    free(data);
    sv_rpc_channel_free(channel);
}
END_TEST

/* gzip of 100 × 'a' */
static const unsigned char zipped[] = { 1, 0, 0, 0, 24, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x4b,
    0x4c, 0xa4, 0x3d, 0, 0, 0xe9, 0x7d, 0xac, 0xaf, 100, 0, 0, 0 };

START_TEST(compressed_messages_are_unimplemented)
{
    int fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Echo", "gzip");
    put_frame(fd, 0, 1, 1, zipped, sizeof(zipped));
    ck_assert(gets_status(fd, "12"));
    close(fd);
    fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Stream", "gzip");
    put_frame(fd, 0, 0, 1, zipped, sizeof(zipped));
    ck_assert(gets_status(fd, "12"));
    close(fd);
}
END_TEST

START_TEST(unknown_methods_in_a_burst_are_all_refused)
{
    int fd = dial_http2();
    for (unsigned i = 0; i < 90; i++) {
        put_call(fd, 1 + 2 * i, "/no.Such/Thing", NULL);
        put_frame(fd, 0, 1, 1 + 2 * i, "\0\0\0\0\0", 5);
    }
    put_call(fd, 201, "/t.Echo/Echo", NULL);
    put_frame(fd, 0, 1, 201, "\0\0\0\0\3end", 8);
    ck_assert(read_until(fd, "\0\0\0\0\3end", 8));
    close(fd);
}
END_TEST

START_TEST(a_stream_that_is_never_read_is_cut)
{
    serve_impatiently(0, 400);
    int fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Stream", NULL);
    put_frame(fd, 0, 0, 1, "\0\0\0\0\x08!endless", 13);
    wait_for(&streams_open, 1);
    wait_for(&streams_closed, 1); /* nothing was read and no window given */
    ck_assert(gets_status(fd, "8"));
    close(fd);
}
END_TEST

/* As a client that gives no window for what it asks for. */
static int dial_without_window(void)
{
    static const unsigned char no_window[] = { 0, 4, 0, 0, 0, 0 };
    int fd = dial();
    put(fd, preface, sizeof(preface) - 1);
    put_frame(fd, 4, 0, 0, no_window, sizeof(no_window));
    return fd;
}

START_TEST(answers_that_nobody_takes_are_dropped)
{
    serve_impatiently(0, 400);
    int fd = dial_without_window();
    for (unsigned i = 0; i < 10; i++) {
        put_call(fd, 1 + 2 * i, "/t.Echo/Echo", NULL);
        put_frame(fd, 0, 1, 1 + 2 * i, "\0\0\0\0\5hello", 10);
    }
    ck_assert(gets_status(fd, "8"));
    int64_t end_ms = sv_mono_ms() + 25000;
    struct sv_rpc_server_stats stats = { .live_calls = 1 };
    while ((stats.calls < 10 || stats.live_calls > 0) && sv_mono_ms() < end_ms) {
        usleep(10000);
        sv_rpc_server_get_stats(server, &stats);
    }
    ck_assert_uint_eq(stats.live_calls, 0);
    close(fd);
}
END_TEST

START_TEST(streams_reset_in_flight_are_closed)
{
    for (int i = 0; i < 30; i++) {
        int fd = dial_http2();
        put_call(fd, 1, "/t.Echo/Stream", NULL);
        put_frame(fd, 0, 0, 1, "\0\0\0\0\5hello", 10);
        if (i % 3 == 0)
            put_frame(fd, 3, 0, 1, "\0\0\0\x08", 4); /* RST_STREAM, CANCEL */
        if (i % 3 == 1)
            wait_for(&streams_open, 1);
        close(fd);
    }
    int64_t end_ms = sv_mono_ms() + 25000;
    struct sv_rpc_server_stats stats = { .live_streams = 1 };
    while (stats.live_streams > 0 && sv_mono_ms() < end_ms) {
        usleep(10000);
        sv_rpc_server_get_stats(server, &stats);
    }
    ck_assert_uint_eq(stats.live_streams, 0);
}
END_TEST

START_TEST(a_peer_that_never_reads_does_not_delay_the_end)
{
    int fd = dial_http2();
    put_call(fd, 1, "/t.Echo/Stream", NULL);
    put_frame(fd, 0, 0, 1, "\0\0\0\0\x08!endless", 13);
    wait_for(&streams_open, 1);
    int64_t start_ms = sv_mono_ms();
    sv_rpc_server_stop(server, 100);
    ck_assert_int_lt(sv_mono_ms() - start_ms, 20000); /* sooner than a stall is seen */
    sv_rpc_server_free(server);
    close(fd);
    setup();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc hostile");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, garbage_is_hung_up_on);
    tcase_add_test(t, a_silent_peer_is_hung_up_on);
    tcase_add_test(t, half_a_call_hurts_nobody);
    tcase_add_test(t, a_call_by_hand_is_answered);
    tcase_add_test(t, many_long_calls_of_many_do_not_come_before_the_call_of_another_one);
    tcase_add_test(t, a_call_without_a_message_is_refused);
    tcase_add_test(t, a_message_announced_as_4_gib_is_not_believed);
    tcase_add_test(t, a_message_is_cut_before_it_has_eaten_the_memory);
    tcase_add_test(t, compressed_messages_are_unimplemented);
    tcase_add_test(t, unknown_methods_in_a_burst_are_all_refused);
    tcase_add_test(t, a_stream_that_is_never_read_is_cut);
    tcase_add_test(t, answers_that_nobody_takes_are_dropped);
    tcase_add_test(t, streams_reset_in_flight_are_closed);
    tcase_add_test(t, a_peer_that_never_reads_does_not_delay_the_end);
    suite_add_tcase(s, t);
    return run_suite(s);
}
