/* SPDX-License-Identifier: MIT */
/* A server with a few methods and a channel to it, for the tests of lib/rpc. */
#ifndef TEST_RPC_H
#define TEST_RPC_H

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "rpc/channel.h"
#include "rpc/gzip.h"
#include "rpc/server.h"

/* ---- waiting ---- */

/* Something that several threads change and a test waits for. */
static pthread_mutex_t test_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t test_cond = PTHREAD_COND_INITIALIZER;

static inline void change(int *what, int by)
{
    pthread_mutex_lock(&test_lock);
    *what += by;
    pthread_cond_broadcast(&test_cond);
    pthread_mutex_unlock(&test_lock);
}

static inline int value(int *what)
{
    pthread_mutex_lock(&test_lock);
    int v = *what;
    pthread_mutex_unlock(&test_lock);
    return v;
}

/* Fails the test after 30 s. */
static inline void wait_for(int *what, int at_least)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&test_lock);
    int rv = 0;
    while (*what < at_least && rv == 0)
        rv = pthread_cond_timedwait(&test_cond, &test_lock, &until);
    int got = *what;
    pthread_mutex_unlock(&test_lock);
    ck_assert_int_ge(got, at_least);
}

/* ---- the service ---- */

struct held {
    struct sv_rpc_call *calls[512];
    int n;
};
static struct held held;

static inline void do_echo(struct sv_rpc_call *call, void *service)
{
    size_t len;
    const void *data = sv_rpc_call_payload(call, &len);
    sv_rpc_call_reply(call, sv_rpc_bytes_copy(data, len));
}

/* Says what it knows of the call. */
static inline void do_describe(struct sv_rpc_call *call, void *service)
{
    size_t len = 0;
    const char *token = sv_rpc_call_metadata(call, "authorization", &len);
    int64_t left_ms = sv_rpc_call_time_left_ms(call);
    char *text = sv_arena_alloc(sv_rpc_call_arena(call), 512);
    snprintf(text, 512, "%s|%.*s|%s|%s|%d", sv_rpc_call_path(call), (int)len,
        token != NULL ? token : "", sv_rpc_call_address(call), sv_rpc_call_cert_name(call),
        left_ms == INT64_MAX ? -1 : (int)(left_ms / 1000));
    sv_rpc_call_reply(call, sv_rpc_bytes_copy(text, strlen(text)));
}

static inline void do_fail(struct sv_rpc_call *call, void *service)
{
    synctv_error err;
    sv_error_field(&err, "movie.url", "no such thing: ä%%\n");
    err.retry_after_ms = 7;
    struct sv_rpc_detail extra = { .type_url = "t/x", .data = "\0\1", .len = 2 };
    sv_rpc_call_fail(call, SYNCTV_E_INVALID_ARGUMENT, &err, &extra);
}

static inline void do_hold(struct sv_rpc_call *call, void *service)
{
    pthread_mutex_lock(&test_lock);
    held.calls[held.n++] = call;
    pthread_cond_broadcast(&test_cond);
    pthread_mutex_unlock(&test_lock);
}

static inline void answer_held(int n)
{
    for (int i = 0; i < n; i++)
        sv_rpc_call_reply(held.calls[i], sv_rpc_bytes_copy("late", 4));
}

/*
 * A stream that sends back what it gets. "!bye" ends it; "!stop" blocks the server's thread until
 * the test lets it go on.
 */
struct echo_stream {
    struct sv_rpc_stream *stream;
    pthread_mutex_t lock;
    struct sv_rpc_bytes queue[2048];
    int head, tail;
    /* > 0: next() makes up messages of so many bytes without end. */
    long endless;
};

static int streams_open, streams_closed, may_go_on;
static struct echo_stream *last_stream;
/* All streams, for broadcasts. */
static struct echo_stream *all_streams[512];
static int n_all_streams;

static inline bool echo_push(struct echo_stream *e, struct sv_rpc_bytes bytes)
{
    pthread_mutex_lock(&e->lock);
    bool fits = e->tail - e->head < 2048;
    if (fits)
        e->queue[e->tail++ % 2048] = bytes;
    pthread_mutex_unlock(&e->lock);
    if (!fits)
        sv_rpc_bytes_unref(bytes);
    sv_rpc_stream_kick(e->stream);
    return fits;
}

static inline void echo_message(struct sv_rpc_stream *stream, void *userdata, const void *data,
    size_t len)
{
    struct echo_stream *e = userdata;
    if (len == 4 && memcmp(data, "!bye", 4) == 0) {
        synctv_error err;
        sv_errorf(&err, SYNCTV_E_ROOM_FULL, "bye");
        sv_rpc_stream_finish(stream, SYNCTV_E_ROOM_FULL, &err);
    } else if (len == 5 && memcmp(data, "!stop", 5) == 0) {
        wait_for(&may_go_on, 1);
    } else if (len == 8 && memcmp(data, "!endless", 8) == 0) {
        pthread_mutex_lock(&e->lock);
        e->endless = 16 << 10;
        pthread_mutex_unlock(&e->lock);
        sv_rpc_stream_kick(stream);
    } else {
        echo_push(e, sv_rpc_bytes_copy(data, len));
    }
}

static inline int echo_next(struct sv_rpc_stream *stream, void *userdata,
    struct sv_rpc_bytes *ret_bytes, synctv_error *ret_error)
{
    struct echo_stream *e = userdata;
    pthread_mutex_lock(&e->lock);
    bool has = e->head < e->tail;
    if (has)
        *ret_bytes = e->queue[e->head++ % 2048];
    long endless = e->endless;
    pthread_mutex_unlock(&e->lock);
    if (!has && endless > 0) {
        *ret_bytes = sv_rpc_bytes_new((size_t)endless);
        memset(sv_rpc_bytes_data(ret_bytes), 'x', (size_t)endless);
        return 1;
    }
    return has;
}

/* What "Packed" inflates at most. */
#define TEST_GZIP_MAX 100000

static inline int packed_next(struct sv_rpc_stream *stream, void *userdata,
    struct sv_rpc_bytes *ret_bytes, synctv_error *ret_error)
{
    int rv = echo_next(stream, userdata, ret_bytes, ret_error);
    if (rv > 0)
        *ret_bytes = sv_rpc_gzip(*ret_bytes);
    return rv;
}

static inline void echo_closed(struct sv_rpc_stream *stream, void *userdata)
{
    struct echo_stream *e = userdata;
    pthread_mutex_lock(&test_lock);
    for (int i = 0; i < n_all_streams; i++)
        if (all_streams[i] == e)
            all_streams[i] = NULL;
    if (last_stream == e)
        last_stream = NULL;
    pthread_mutex_unlock(&test_lock);
    while (e->head < e->tail)
        sv_rpc_bytes_unref(e->queue[e->head++ % 2048]);
    pthread_mutex_destroy(&e->lock);
    sv_rpc_stream_unref(e->stream);
    free(e);
    change(&streams_closed, 1);
}

/* Of "Linger", which goes on then. */
static inline void echo_half_closed(struct sv_rpc_stream *stream, void *userdata)
{
    echo_push(userdata, sv_rpc_bytes_copy("half-closed", 11));
}

static inline void do_stream(struct sv_rpc_call *call, void *service)
{
    static const struct sv_rpc_stream_ops ends = {
        .on_message = echo_message, .next = echo_next, .on_closed = echo_closed
    };
    static const struct sv_rpc_stream_ops lingers = { .on_message = echo_message,
        .next = echo_next,
        .on_half_close = echo_half_closed,
        .on_closed = echo_closed };
    static const struct sv_rpc_stream_ops packs = { .on_message = echo_message,
        .next = packed_next,
        .on_closed = echo_closed,
        .gzip_max = TEST_GZIP_MAX };
    bool is_linger = strcmp(sv_rpc_call_path(call), "/t.Echo/Linger") == 0;
    bool is_packed = strcmp(sv_rpc_call_path(call), "/t.Echo/Packed") == 0;
    struct echo_stream *e = calloc(1, sizeof(*e));
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_lock(&test_lock);
    last_stream = e;
    all_streams[n_all_streams++ % 512] = e;
    pthread_mutex_unlock(&test_lock);
    sv_rpc_call_accept(call, is_linger ? &lingers : is_packed ? &packs : &ends, e, &e->stream);
    change(&streams_open, 1);
}

static inline void do_refuse(struct sv_rpc_call *call, void *service)
{
    sv_rpc_call_fail(call, SYNCTV_E_TOKEN_MISSING, NULL, NULL);
}

/* For tests that share a process. */
static inline void test_reset(void)
{
    pthread_mutex_lock(&test_lock);
    held.n = streams_open = streams_closed = n_all_streams = 0;
    last_stream = NULL;
    pthread_mutex_unlock(&test_lock);
}

static const struct sv_rpc_method test_methods[] = {
    { "/t.Echo/Echo", SV_RPC_UNARY, do_echo, NULL, 0 },
    { "/t.Echo/Describe", SV_RPC_UNARY, do_describe, NULL, 0 },
    { "/t.Echo/Fail", SV_RPC_UNARY, do_fail, NULL, 0 },
    { "/t.Echo/Hold", SV_RPC_UNARY, do_hold, NULL, 0 },
    { "/t.Echo/Stream", SV_RPC_BIDI, do_stream, NULL, 0 },
    { "/t.Echo/Linger", SV_RPC_BIDI, do_stream, NULL, 0 },
    { "/t.Echo/Packed", SV_RPC_BIDI, do_stream, NULL, 0 },
    { "/t.Echo/Refuse", SV_RPC_BIDI, do_refuse, NULL, 0 },
    { "/t.Echo/Feed", SV_RPC_SERVER_STREAM, do_stream, NULL, 0 },
};

/* ---- server and channel ---- */

static inline void print_log(void *userdata, synctv_log_level level, const char *area,
    const char *message)
{
    fprintf(stderr, "# %s: %s\n", area, message);
}

static const struct sv_log test_log = { print_log, NULL, SYNCTV_LOG_INFO };

static inline void test_options(struct sv_rpc_server_options *o)
{
    sv_rpc_server_defaults(o);
    o->listen = "127.0.0.1:0";
    o->methods = test_methods;
    o->n_methods = sizeof(test_methods) / sizeof(test_methods[0]);
    o->log = &test_log;
}

/* Resets what the service counts, so one server at a time is served by it. */
static inline struct sv_rpc_server *server_with(const struct sv_rpc_server_options *o)
{
    test_reset();
    struct sv_rpc_server *server;
    synctv_error err = { 0 };
    int rv = sv_rpc_server_new(o, &server, &err);
    ck_assert_msg(rv == 0, "%s: %s", err.field, err.message);
    ck_assert_int_gt(sv_rpc_server_port(server), 0);
    return server;
}

static inline struct sv_rpc_server *server_new(void)
{
    struct sv_rpc_server_options o;
    test_options(&o);
    return server_with(&o);
}

static inline struct sv_rpc_channel *channel_to(int port)
{
    char target[32];
    snprintf(target, sizeof(target), "127.0.0.1:%d", port);
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = target;
    struct sv_rpc_channel *channel;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, NULL), 0);
    return channel;
}

/* ---- unary, blocking ---- */

struct reply {
    int done;
    int grpc_status;
    synctv_error error;
    char extra_type[32];
    size_t extra_len;
    char *data;
    size_t len;
};

static inline void got_reply(void *userdata, const struct sv_rpc_answer *answer)
{
    struct reply *r = userdata;
    r->grpc_status = answer->grpc_status;
    r->error = answer->error;
    if (answer->extra.type_url != NULL)
        snprintf(r->extra_type, sizeof(r->extra_type), "%.*s", (int)answer->extra.type_url_len,
            answer->extra.type_url);
    r->extra_len = answer->extra.len;
    r->len = answer->len;
    if (answer->grpc_status == 0) {
        r->data = calloc(1, answer->len + 1);
        if (answer->len > 0)
            memcpy(r->data, answer->data, answer->len);
    }
    change(&r->done, 1);
}

static inline void ask(struct sv_rpc_channel *channel, const char *path, const void *data,
    size_t len, int64_t timeout_ms, struct reply *r)
{
    struct sv_rpc_request request = { .path = path, .timeout_ms = timeout_ms };
    *r = (struct reply){ 0 };
    sv_rpc_unary(channel, &request, sv_rpc_bytes_copy(data, len), got_reply, r);
}

/* Returns the gRPC status; free r->data. */
static inline int call(struct sv_rpc_channel *channel, const char *path, const char *text,
    struct reply *r)
{
    ask(channel, path, text, strlen(text), 25000, r);
    wait_for(&r->done, 1);
    return r->grpc_status;
}

/* ---- streams ---- */

struct talk {
    struct sv_rpc_client_stream *stream;
    int opened, received, ended;
    int grpc_status;
    synctv_error error;
    char last[64];
    size_t bytes;
    /* Gets the numbers that were received; may be NULL. */
    int *order;
};

static inline void talk_open(struct sv_rpc_client_stream *stream, void *userdata)
{
    change(&((struct talk *)userdata)->opened, 1);
}

static inline void talk_message(struct sv_rpc_client_stream *stream, void *userdata,
    const void *data, size_t len)
{
    struct talk *t = userdata;
    snprintf(t->last, sizeof(t->last), "%.*s", (int)len, (const char *)data);
    t->bytes += len;
    if (t->order != NULL)
        t->order[t->received] = atoi(t->last);
    change(&t->received, 1);
}

static inline void talk_status(struct sv_rpc_client_stream *stream, void *userdata,
    const struct sv_rpc_answer *answer)
{
    struct talk *t = userdata;
    t->grpc_status = answer->grpc_status;
    t->error = answer->error;
    change(&t->ended, 1);
}

static inline void talk_begin(struct sv_rpc_channel *channel, const char *path, struct talk *t)
{
    static const struct sv_rpc_client_stream_ops ops = {
        .on_open = talk_open, .on_message = talk_message, .on_status = talk_status
    };
    struct sv_rpc_request request = { .path = path };
    int *order = t->order;
    *t = (struct talk){ .order = order };
    t->stream = sv_rpc_client_stream_open(channel, &request, &ops, t);
}

static inline int talk_say(struct talk *t, const char *text)
{
    return sv_rpc_client_stream_send(t->stream, sv_rpc_bytes_copy(text, strlen(text)));
}

/* Waits for the status and lets the stream go. */
static inline int talk_end(struct talk *t)
{
    wait_for(&t->ended, 1);
    sv_rpc_client_stream_unref(t->stream);
    t->stream = NULL;
    return t->grpc_status;
}

static inline int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

#endif
