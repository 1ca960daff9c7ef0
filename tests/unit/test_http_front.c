/* SPDX-License-Identifier: MIT */
/* HTTP over real sockets: what is answered, what is refused, and streams of counted buffers. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <openssl/ssl.h>

#include "../../server/conn/tls.h"
#include "../../server/http_front/front.h"
#include "test_identity.h"

#define GET "GET /hello HTTP/1.1\r\nHost: x\r\n"
#define LAST "Connection: close\r\n\r\n"

static uv_loop_t loop;
static struct http_front *front;

/* The stream of the test, and what became of it. */
static struct http_exchange *live;
static unsigned n_gone, n_drained, n_released;

static void hello(struct http_exchange *exchange, void *userdata)
{
    http_answer_text(exchange, 200, "hello");
}

static void on_gone(struct http_exchange *exchange, void *userdata)
{
    n_gone++;
    live = NULL;
}

static void on_drained(struct http_exchange *exchange, void *userdata)
{
    n_drained++;
}

static const struct http_watch_ops watch_ops = { on_drained, on_gone };

static void stream(struct http_exchange *exchange, void *userdata)
{
    ck_assert_int_eq(http_exchange_request(exchange)->path.data[5], '/');
    if (http_stream_begin(exchange, "video/x-flv")) {
        live = exchange;
        http_watch(exchange, &watch_ops, NULL);
    }
}

/* It is answered by the test. */
static void later(struct http_exchange *exchange, void *userdata)
{
    live = exchange;
    http_watch(exchange, &watch_ops, NULL);
}

static const struct http_route routes[] = {
    { "/hello", false, false, hello, NULL },
    { "/live/", true, true, stream, NULL },
    { "/later", false, false, later, NULL },
};

static void open_front(void (*change)(struct http_front_options *))
{
    struct http_front_options options;
    synctv_error error;
    http_front_defaults(&options);
    options.conn.listen = "127.0.0.1:0";
    options.conn.field = "http_listen";
    options.routes = routes;
    options.n_routes = sizeof(routes) / sizeof(routes[0]);
    if (change != NULL)
        change(&options);
    live = NULL;
    n_gone = n_drained = n_released = 0;
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(http_front_open(&loop, &options, &front, &error), 0);
}

static void close_front(void)
{
    http_front_close(front);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    http_front_free(front);
    front = NULL;
}

static void setup(void)
{
    open_front(NULL);
}

static int dial(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    const char *colon = strrchr(http_front_address(front), ':');
    addr.sin_port = htons((uint16_t)atoi(colon + 1));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void give(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return; /* the other side has had enough */
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

/* Reads until the text has come, NULL = until the end. Returns what has come, as a C string. */
static char *hear(int fd, const char *until)
{
    static char heard[1 << 20];
    size_t len = 0;
    for (heard[0] = '\0'; until == NULL || memmem(heard, len, until, strlen(until)) == NULL;) {
        uv_run(&loop, UV_RUN_NOWAIT);
        ssize_t n = recv(fd, heard + len, sizeof(heard) - 1 - len, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        len += n > 0 ? (size_t)n : 0;
        heard[len] = '\0';
    }
    return heard;
}

/* The answer to these bytes on a connection of their own, which then ends. */
static char *ask_bytes(const char *text, size_t len)
{
    int fd = dial();
    give(fd, text, len);
    char *heard = hear(fd, NULL);
    close(fd);
    return heard;
}

static char *ask(const char *text)
{
    return ask_bytes(text, strlen(text));
}

static int status_of(const char *answer)
{
    int status = 0;
    return sscanf(answer, "HTTP/1.1 %d ", &status) == 1 ? status : 0;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

START_TEST(a_request_is_answered)
{
    const char *answer = ask(GET LAST);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "\r\nContent-Length: 6\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "\r\nDate: "));
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\nhello\n");
}
END_TEST

START_TEST(http_1_0_ends_with_its_answer)
{
    const char *answer = ask("GET /hello HTTP/1.0\r\n\r\n");
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
    const char text[] = GET LAST;
    int fd = dial();
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        give(fd, text + i, 1);
    ck_assert_int_eq(status_of(hear(fd, NULL)), 200);
    close(fd);
}
END_TEST

static const struct {
    const char *text;
    int status;
} vectors[] = {
    { GET "\rX: y\r\n\r\n", 400 },                                 /* a CR alone */
    { "GET /hello HTTP/1.1\rHost: x\r\n\r\n", 400 },               /* the same, as a line end */
    { "GET /hello HTTP/1.1\nHost: x\n\n", 400 },                   /* LF alone */
    { GET "X: a\n\r\n", 400 },                                     /* LF alone, once */
    { GET "X: a\r\n b\r\n\r\n", 400 },                             /* a folded line */
    { GET "X: a\r\n\tb\r\n\r\n", 400 },                            /* the same with a tab */
    { "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n", 400 },            /* the first one folded */
    { GET "X : a\r\n\r\n", 400 },                                  /* space before the colon */
    { GET "Content-Length : 5\r\n\r\nhello", 400 },                /* the same where it matters */
    { GET "X\t: a\r\n\r\n", 400 },                                 /* a tab */
    { GET ": a\r\n\r\n", 400 },                                    /* no name */
    { GET "no colon\r\n\r\n", 400 },                               /* no header */
    { GET "X(y): a\r\n\r\n", 400 },                                /* no token */
    { GET "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400 }, /* two lengths, equal */
    { GET "Content-Length: 0\r\nContent-Length: 5\r\n\r\n", 400 }, /* two lengths */
    { GET "Content-Length: 1, 1\r\n\r\n", 400 },                   /* two in one */
    { GET "Content-Length: +1\r\n\r\n", 400 },                     /* a sign */
    { GET "Content-Length: 0x1\r\n\r\n", 400 },                    /* not decimal */
    { GET "Content-Length: \r\n\r\n", 400 },                       /* nothing */
    { GET "Content-Length: 99999999999999999999\r\n\r\n", 400 },   /* more than 64 bits */
    { GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 }, /* both */
    { GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
    { GET "Transfer-Encoding: chunked, gzip\r\n\r\n", 400 }, /* chunked is not the last */
    { GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { GET "Transfer-Encoding: identity\r\n\r\n", 400 },
    { GET "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
    { GET "Transfer-Encoding: xchunked\r\n\r\n", 400 },
    { "GET /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "GET /hello HTTP/1.1\r\n\r\n", 400 },             /* no Host */
    { GET "Host: y\r\n\r\n", 400 },                     /* two */
    { "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n", 400 }, /* two spaces */
    { "GET /hello  HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /hel lo HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /hello#x HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET hello HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /h\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400 }, /* not encoded */
    { "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
    { "GET /hello HTTP/1.7\r\nHost: x\r\n\r\n", 505 },
    { "GET /hello HTTP/0.9\r\nHost: x\r\n\r\n", 505 },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 }, /* HTTP/2 */
    { "BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n", 501 },
    { "POST /hello HTTP/1.1\r\nHost: x\r\n" LAST, 405 },
    { "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n" LAST, 400 },
    { "GET /nowhere HTTP/1.1\r\nHost: x\r\n" LAST, 404 },
    { "GET /hello/ HTTP/1.1\r\nHost: x\r\n" LAST, 404 },
    { GET "Content-Length: 65537\r\n\r\n", 413 },
    { "\r\n" GET LAST, 200 },     /* an empty line before it */
    { "\r\n\r\n" GET LAST, 400 }, /* but not two */
    { "GET http://x/hello?a=b HTTP/1.1\r\nHost: x\r\n" LAST, 200 },
    { GET "Upgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n", 200 },
    { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400 }, /* TLS to a port without it */
};

START_TEST(what_two_readers_could_understand_differently_is_refused)
{
    const char *answer = ask(vectors[_i].text);
    ck_assert_msg(status_of(answer) == vectors[_i].status, "%d instead of %d to: %s",
        status_of(answer), vectors[_i].status, vectors[_i].text);
    ck_assert_uint_eq(count(answer, "HTTP/1.1 "), 1);
}
END_TEST

START_TEST(a_zero_byte_is_refused)
{
    const char text[] = "GET /hello HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n";
    ck_assert_int_eq(status_of(ask_bytes(text, sizeof(text) - 1)), 400);
}
END_TEST

START_TEST(a_second_request_does_not_hide_in_a_body)
{
    const char *answer = ask(GET "Content-Length: 40\r\n\r\n" GET LAST);
    ck_assert_uint_eq(count(answer, "HTTP/1.1 200"), 1);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
    answer = ask(GET "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET LAST);
    ck_assert_uint_eq(count(answer, "HTTP/1.1 200"), 1);
}
END_TEST

START_TEST(a_long_line_and_a_long_head_are_refused)
{
    static char text[20000];
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    ck_assert_int_eq(status_of(ask_bytes(text, sizeof(text))), 414);
    memcpy(text, GET "X: ", strlen(GET "X: "));
    ck_assert_int_eq(status_of(ask_bytes(text, sizeof(text))), 431);
    size_t len = (size_t)snprintf(text, sizeof(text), GET);
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "a: b\r\n");
    len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
    ck_assert_int_eq(status_of(ask_bytes(text, len)), 431);
}
END_TEST

START_TEST(requests_on_one_connection_are_answered_in_their_order)
{
    static char text[200000];
    size_t len = 0;
    const unsigned n = 2000;
    for (unsigned i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", GET "\r\n");
    len += (size_t)snprintf(text + len, sizeof(text) - len, "GET /no HTTP/1.1\r\nHost: x\r\n" LAST);
    int fd = dial();
    size_t sent = 0;
    unsigned n_answers = 0;
    const char *answer = "";
    while (strstr(answer, "HTTP/1.1 404") == NULL) {
        size_t part = len - sent < 5000 ? len - sent : 5000;
        give(fd, text + sent, part);
        sent += part;
        answer = hear(fd, "hello\n");
        n_answers += count(answer, "HTTP/1.1 200");
    }
    ck_assert_uint_eq(n_answers, n);
    close(fd);
}
END_TEST

START_TEST(who_has_asked_much_and_says_no_more_gets_all_answers)
{
    static char text[200000], sink[5000];
    const size_t one = strlen(GET "\r\n");
    unsigned n = 0, n_slashes = 0;
    size_t sent = 0;
    for (; (n + 1) * one < sizeof(text); n++)
        memcpy(text + n * one, GET "\r\n", one);
    int fd = dial();
    for (ssize_t len = -1; len != 0;) {
        ssize_t part = send(fd, text + sent, n * one - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += part > 0 ? (size_t)part : 0;
        if (part > 0 && sent == n * one)
            shutdown(fd, SHUT_WR);
        uv_run(&loop, UV_RUN_NOWAIT);
        len = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
        if (len < 0 && errno != EAGAIN)
            ck_abort_msg("the connection is broken");
        for (ssize_t k = 0; k < len; k++)
            n_slashes += sink[k] == '/'; /* one in "HTTP/1.1", one in "text/plain" */
    }
    ck_assert_uint_eq(n_slashes, 2 * n);
    close(fd);
}
END_TEST

START_TEST(what_comes_early_waits_for_its_turn)
{
    int fd = dial();
    const char text[] = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n" GET LAST;
    give(fd, text, sizeof(text) - 1);
    while (live == NULL)
        uv_run(&loop, UV_RUN_ONCE);
    http_answer_text(live, 200, "first");
    const char *answer = hear(fd, NULL);
    ck_assert_ptr_nonnull(strstr(answer, "first\n"));
    ck_assert(strstr(answer, "hello\n") > strstr(answer, "first\n"));
    close(fd);
}
END_TEST

START_TEST(who_sends_without_end_is_not_read_without_end)
{
    static char junk[1 << 20];
    int fd = dial(), size = 4096;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    give(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n", 33);
    size_t taken = 0;
    unsigned n_full = 0;
    while (n_full < 100 && taken < 64 * sizeof(junk)) {
        ssize_t n = send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL);
        taken += n > 0 ? (size_t)n : 0;
        n_full = n > 0 ? 0 : n_full + 1;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    ck_assert_uint_eq(n_full, 100);
    ck_assert_ptr_nonnull(live);
    close(fd);
}
END_TEST

START_TEST(head_and_options_have_no_body)
{
    const char *answer = ask("HEAD /hello HTTP/1.1\r\nHost: x\r\n" LAST);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 6\r\n"));
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    answer = ask("HEAD /live/x HTTP/1.1\r\nHost: x\r\n" LAST);
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    ck_assert_ptr_null(live);
    answer = ask("OPTIONS /live/x HTTP/1.1\r\nHost: x\r\n" LAST);
    ck_assert_int_eq(status_of(answer), 204);
    ck_assert_ptr_nonnull(strstr(answer, "Access-Control-Allow-Origin: *\r\n"));
    ck_assert_ptr_null(strstr(answer, "Content-Length"));
    ck_assert_ptr_null(live);
    ck_assert_int_eq(status_of(ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n" LAST)), 204);
}
END_TEST

/* ---- streams ---- */

static void release(void *owner)
{
    n_released++;
    free(owner);
}

static struct conn_buf *packet(size_t len)
{
    char *bytes = malloc(len);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'p', len);
    struct conn_buf *buf = conn_buf_wrap(bytes, len, release, bytes);
    ck_assert_ptr_nonnull(buf);
    return buf;
}

static int watch_live(const char *version)
{
    char text[100];
    int fd = dial();
    snprintf(text, sizeof(text), "GET /live/x HTTP/%s\r\nHost: x\r\n\r\n", version);
    live = NULL;
    give(fd, text, strlen(text));
    while (live == NULL)
        uv_run(&loop, UV_RUN_ONCE);
    return fd;
}

START_TEST(a_stream_is_chunks_and_the_connection_goes_on_behind_it)
{
    int fd = watch_live("1.1");
    struct conn_buf *bufs[2] = { packet(3), packet(2) };
    ck_assert(http_stream_send(live, bufs, 2));
    const char *answer = hear(fd, "ppppp\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "Transfer-Encoding: chunked\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n5\r\nppppp\r\n"));
    conn_buf_unref(bufs[0]);
    conn_buf_unref(bufs[1]);
    ck_assert_uint_eq(n_released, 2);
    http_stream_end(live);
    give(fd, GET LAST, strlen(GET LAST));
    answer = hear(fd, NULL);
    ck_assert_int_eq(strncmp(answer, "0\r\n\r\nHTTP/1.1 200 OK\r\n", 22), 0);
    ck_assert_uint_eq(n_gone, 0);
    close(fd);
}
END_TEST

START_TEST(a_stream_of_http_1_0_ends_with_the_connection)
{
    int fd = watch_live("1.0");
    struct conn_buf *buf = packet(4);
    ck_assert(http_stream_send(live, &buf, 1));
    conn_buf_unref(buf);
    http_stream_end(live);
    const char *answer = hear(fd, NULL);
    ck_assert_ptr_null(strstr(answer, "chunked"));
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\npppp");
    close(fd);
}
END_TEST

START_TEST(viewers_share_a_packet)
{
    enum { N = 50 };
    int fds[N];
    struct http_exchange *viewers[N];
    struct conn_buf *buf = packet(1000);
    for (int i = 0; i < N; i++) {
        fds[i] = watch_live("1.1");
        viewers[i] = live;
    }
    for (int i = 0; i < N; i++)
        ck_assert(http_stream_send(viewers[i], &buf, 1));
    conn_buf_unref(buf);
    for (int i = 0; i < N; i++) {
        ck_assert_ptr_nonnull(strstr(hear(fds[i], "p\r\n"), "\r\n3e8\r\n"));
        close(fds[i]);
    }
    ck_assert_uint_eq(n_released, 1);
}
END_TEST

START_TEST(a_slow_viewer_fills_its_queue_and_is_told_when_it_drains)
{
    int fd = watch_live("1.1");
    struct conn_buf *buf = packet(100000);
    unsigned n = 0;
    while (http_stream_send(live, &buf, 1))
        n++;
    ck_assert_uint_gt(n, 10);
    ck_assert_uint_lt(n, 100); /* 10 MB: 4 wait, the kernel has its part */
    ck_assert_uint_gt(http_stream_queued_bytes(live), 3000000);
    conn_buf_unref(buf);
    ck_assert_uint_eq(n_drained, 0);
    char sink[65536];
    while (n_drained == 0) {
        uv_run(&loop, UV_RUN_NOWAIT);
        ck_assert(recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0 || errno == EAGAIN);
    }
    ck_assert_uint_le(http_stream_queued_bytes(live), 65536);
    close(fd);
}
END_TEST

START_TEST(a_viewer_who_goes_is_reported_and_gives_its_buffers_back)
{
    int fd = watch_live("1.1");
    struct conn_buf *buf = packet(1000000);
    while (http_stream_send(live, &buf, 1))
        ;
    conn_buf_unref(buf);
    ck_assert_uint_eq(n_released, 0);
    close(fd);
    while (n_gone == 0)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(n_released, 1);
}
END_TEST

/* ---- bytes of a stream arrive as they were sent ---- */

enum { PACKETS = 30, PACKET_BYTES = 70001 };

static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

/* Gives the next packets of 0 … PACKETS as long as there is room. */
static void give_packets(unsigned *n_given)
{
    for (; *n_given < PACKETS; ++*n_given) {
        uint8_t *data;
        struct conn_buf *buf = conn_buf_new(PACKET_BYTES, &data);
        ck_assert_ptr_nonnull(buf);
        for (size_t i = 0; i < PACKET_BYTES; i++)
            data[i] = byte_at(*n_given * (size_t)PACKET_BYTES + i);
        bool taken = http_stream_send(live, &buf, 1);
        conn_buf_unref(buf);
        if (!taken)
            return;
    }
}

/* Reads a stream of HTTP/1.0 with `receive`, slowly, and compares it. */
static void receive_packets(ssize_t (*receive)(void *from, void *out, size_t size), void *from)
{
    static const size_t total = (size_t)PACKETS * PACKET_BYTES;
    size_t n = 0, line = 0;
    unsigned n_given = 0;
    bool in_head = true, cut = false, is_same = true;
    while (n < total) {
        uint8_t part[5000];
        uv_run(&loop, UV_RUN_NOWAIT);
        if (live != NULL)
            give_packets(&n_given);
        ssize_t len = receive(from, part, sizeof(part));
        if (len < 0)
            ck_abort_msg("the stream has ended early");
        for (ssize_t i = 0; i < len; i++) {
            if (!in_head) {
                is_same = is_same && part[i] == byte_at(n);
                n++;
            } else if (part[i] == '\n') {
                in_head = line > 0;
                line = 0;
            } else if (part[i] != '\r') {
                line++;
            }
        }
        if (n_given == PACKETS && !cut) {
            http_stream_end(live);
            cut = true;
        }
    }
    ck_assert(is_same);
}

static ssize_t receive_plain(void *from, void *out, size_t size)
{
    ssize_t n = recv(*(const int *)from, out, size, MSG_DONTWAIT);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

static const char live_request[] = "GET /live/x HTTP/1.0\r\n\r\n";

static void make_slow(struct http_front_options *options)
{
    options->conn.max_queue_bytes = 300000;
}

START_TEST(a_stream_arrives_as_it_was_sent)
{
    close_front();
    open_front(make_slow);
    int fd = dial();
    give(fd, live_request, sizeof(live_request) - 1);
    receive_packets(receive_plain, &fd);
    close(fd);
}
END_TEST

static ssize_t receive_tls(void *from, void *out, size_t size)
{
    int n = SSL_read(from, out, (int)size);
    if (n > 0)
        return n;
    return SSL_get_error(from, n) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static struct conn_tls *tls;

static void use_tls(struct http_front_options *options)
{
    options->conn.max_queue_bytes = 300000;
    options->conn.tls = tls;
}

static void write_text(char *path, const char *text)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

START_TEST(a_stream_over_tls_arrives_as_it_was_sent)
{
    char cert[] = "/tmp/synctv-cert-XXXXXX", key[] = "/tmp/synctv-key-XXXXXX";
    struct identity identity = identity_new("test", NULL);
    synctv_error error;
    write_text(cert, identity.cert_pem);
    write_text(key, identity.key_pem);
    ck_assert_int_eq(conn_tls_new(cert, key, "http/1.1", &tls, &error), 0);
    ck_assert_int_eq(conn_tls_reload(tls, &error), 0);
    unlink(key);
    ck_assert_int_eq(conn_tls_reload(tls, &error), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "tls_key_file");
    unlink(cert);
    close_front();
    open_front(use_tls);

    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    int fd = dial();
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    while (SSL_do_handshake(ssl) != 1)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_int_gt(SSL_write(ssl, live_request, sizeof(live_request) - 1), 0);
    receive_packets(receive_tls, ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    close_front();
    conn_tls_free(tls);
    identity_free(&identity);
    setup();
}
END_TEST

static void be_impatient(struct http_front_options *options)
{
    options->conn.stall_ms = 1000;
    options->head_ms = 1000;
    options->idle_ms = 1000;
}

START_TEST(a_viewer_who_takes_nothing_is_closed)
{
    close_front();
    open_front(be_impatient);
    int fd = watch_live("1.1");
    struct conn_buf *buf = packet(1000000);
    while (http_stream_send(live, &buf, 1))
        ;
    conn_buf_unref(buf);
    while (n_gone == 0)
        uv_run(&loop, UV_RUN_ONCE);
    close(fd);
}
END_TEST

START_TEST(a_request_that_does_not_come_is_not_waited_for)
{
    close_front();
    open_front(be_impatient);
    ck_assert_int_eq(status_of(ask("GET /hello HTTP/1.1\r\nHo")), 408);
    ck_assert_str_eq(ask(""), "");
    int fd = dial();
    give(fd, GET "\r\n", strlen(GET "\r\n"));
    ck_assert_str_eq(strstr(hear(fd, NULL), "\r\n\r\n"), "\r\n\r\nhello\n");
    close(fd);
}
END_TEST

static void take_two(struct http_front_options *options)
{
    options->conn.max_per_address = 2;
}

START_TEST(an_address_has_so_many_connections_and_no_more)
{
    close_front();
    open_front(take_two);
    int first = watch_live("1.1"), second = watch_live("1.1");
    ck_assert_str_eq(ask(GET LAST), "");
    close(first);
    while (n_gone == 0)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(status_of(ask(GET LAST)), 200);
    close(second);
}
END_TEST

static void trust(struct http_front_options *options)
{
    options->conn.max_per_address = 1;
    options->conn.trusted_proxies = "127.0.0.0/8, 192.0.2.0/24";
}

START_TEST(behind_a_proxy_each_client_counts)
{
    static const char as[] = "GET /%s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.9\r\n"
                             "X-Forwarded-For: 6.6.6.6, %s, 192.0.2.7\r\n" LAST;
    char text[300];
    close_front();
    open_front(trust);
    int fd = dial();
    snprintf(text, sizeof(text), as, "live/x", "[2001:db8::1]:77");
    give(fd, text, strlen(text));
    while (live == NULL)
        uv_run(&loop, UV_RUN_ONCE);
    char client[INET6_ADDRSTRLEN] = "";
    const struct sockaddr *addr = http_exchange_client(live);
    ck_assert_int_eq(addr->sa_family, AF_INET6);
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)addr)->sin6_addr, client, sizeof(client));
    ck_assert_str_eq(client, "2001:db8::1");
    snprintf(text, sizeof(text), as, "hello", "2001:db8::2"); /* of the same /64 */
    ck_assert_int_eq(status_of(ask(text)), 429);
    snprintf(text, sizeof(text), as, "hello", "203.0.113.1:5");
    ck_assert_int_eq(status_of(ask(text)), 200);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http_front");
    TCase *tc = tcase_create("http_front");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, close_front);
    tcase_add_test(tc, a_request_is_answered);
    tcase_add_test(tc, http_1_0_ends_with_its_answer);
    tcase_add_test(tc, a_request_may_come_byte_by_byte);
    tcase_add_loop_test(tc, what_two_readers_could_understand_differently_is_refused, 0,
        (int)(sizeof(vectors) / sizeof(vectors[0])));
    tcase_add_test(tc, a_zero_byte_is_refused);
    tcase_add_test(tc, a_second_request_does_not_hide_in_a_body);
    tcase_add_test(tc, a_long_line_and_a_long_head_are_refused);
    tcase_add_test(tc, requests_on_one_connection_are_answered_in_their_order);
    tcase_add_test(tc, who_has_asked_much_and_says_no_more_gets_all_answers);
    tcase_add_test(tc, what_comes_early_waits_for_its_turn);
    tcase_add_test(tc, who_sends_without_end_is_not_read_without_end);
    tcase_add_test(tc, head_and_options_have_no_body);
    tcase_add_test(tc, a_stream_is_chunks_and_the_connection_goes_on_behind_it);
    tcase_add_test(tc, a_stream_of_http_1_0_ends_with_the_connection);
    tcase_add_test(tc, viewers_share_a_packet);
    tcase_add_test(tc, a_slow_viewer_fills_its_queue_and_is_told_when_it_drains);
    tcase_add_test(tc, a_viewer_who_goes_is_reported_and_gives_its_buffers_back);
    tcase_add_test(tc, a_stream_arrives_as_it_was_sent);
    tcase_add_test(tc, a_stream_over_tls_arrives_as_it_was_sent);
    tcase_add_test(tc, a_viewer_who_takes_nothing_is_closed);
    tcase_add_test(tc, a_request_that_does_not_come_is_not_waited_for);
    tcase_add_test(tc, an_address_has_so_many_connections_and_no_more);
    tcase_add_test(tc, behind_a_proxy_each_client_counts);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
