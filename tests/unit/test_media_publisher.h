/* SPDX-License-Identifier: MIT */
/* A session of a publisher, and what encoders say, for its tests. */
#ifndef TEST_MEDIA_PUBLISHER_H
#define TEST_MEDIA_PUBLISHER_H

#include <stdarg.h>
#include <stdio.h>

#include <synctv/error.h>

#include "media/rtmp_command.h"
#include "media/rtmp_publisher.h"
#include "media_bytes.h"

static struct sv_rtmp_publisher session;
static struct bytes in, scratch;
/* All that was sent, without the handshake; and what happened, in short words. */
static struct bytes sent;
static char happened[4096];
static synctv_error err;
static int64_t now_ms;
static struct sv_rtmp_publisher_event last;
static bool is_asked_later;

static inline void setup(void)
{
    in = scratch = sent = (struct bytes){ 0 };
    happened[0] = '\0';
    err = (synctv_error){ 0 };
    now_ms = 1000;
    is_asked_later = false;
    sv_rtmp_publisher_init(&session, now_ms);
}

static inline void teardown(void)
{
    sv_rtmp_publisher_fini(&session);
    clear(&in);
    clear(&scratch);
    clear(&sent);
}

__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    size_t len = strlen(happened);
    va_list ap;
    va_start(ap, format);
    vsnprintf(happened + len, sizeof(happened) - len, format, ap);
    va_end(ap);
}

static inline void on_event(const struct sv_rtmp_publisher_event *event)
{
    last = *event;
    switch (event->kind) {
    case SV_RTMP_EVENT_PUBLISH:
        say("publish %s %s %s;", session.app, session.stream_key, session.query);
        if (!is_asked_later)
            ck_assert_int_eq(sv_rtmp_publisher_accept(&session, now_ms, &err), 0);
        break;
    case SV_RTMP_EVENT_MEDIA:
        say("%c%d@%lld;", "vam"[event->type], (int)event -> len, (long long)event -> timestamp_ms);
        break;
    case SV_RTMP_EVENT_END:
        say("end;");
        break;
    }
}

/* Feeds what is in `in`, and takes it out. Returns 0, or the error. */
static inline int feed_pieces(size_t piece)
{
    int rv = 0;
    size_t pos = 0, stop = 0;
    while (pos < in.len && rv >= 0) {
        size_t used;
        struct sv_rtmp_publisher_event event;
        stop = stop > pos ? stop : in.len - pos < piece ? in.len : pos + piece;
        uint8_t *copy = malloc(stop - pos);
        memcpy(copy, in.data + pos, stop - pos);
        rv = sv_rtmp_publisher_feed(&session, now_ms, copy, stop - pos, &used, &event, &err);
        if (rv == 1)
            on_event(&event);
        free(copy);
        pos += used;
        put(&sent, session.connection.out.data, session.connection.out.len);
        sv_buffer_consume(&session.connection.out, session.connection.out.len);
        if (rv == 0 && used == 0)
            break;
    }
    memmove(in.data, in.data + pos, in.len - pos);
    in.len -= pos;
    return rv < 0 ? rv : 0;
}

static inline int feed(void)
{
    return feed_pieces(in.len);
}

static inline void shake(void)
{
    put_byte(&in, 3);
    put_zeros(&in, 3072);
    ck_assert_int_eq(feed(), 0);
    sent.len = 0;
}

/* ---- what encoders say ---- */

static inline struct bytes *command(const char *name, double transaction)
{
    scratch.len = 0;
    put_amf_text(&scratch, name);
    put_amf_number(&scratch, transaction);
    return &scratch;
}

static inline void put_connect(const char *app)
{
    struct bytes *c = command("connect", 1);
    put_amf_object(c);
    put_amf_name(c, "fourCcList");
    put(c, "\x0a\0\0\0\2", 5);
    put_amf_text(c, "hvc1");
    put_amf_text(c, "av01");
    put_amf_name(c, "app");
    put_amf_text(c, app);
    put_amf_name(c, "tcUrl");
    put_amf_text(c, "rtmp://localhost/other");
    put_amf_end(c);
    put_command(&in, c);
}

static inline void put_text_command(const char *name, double transaction, const char *text)
{
    struct bytes *c = command(name, transaction);
    put_amf_null(c);
    if (text != NULL)
        put_amf_text(c, text);
    put_command(&in, c);
}

static inline void put_publish(const char *key)
{
    put_text_command("publish", 5, key);
}

static inline void put_frame(unsigned type, uint32_t timestamp, const char *data, size_t len)
{
    put_message(&in, 4, timestamp, type, data, len, 128);
}

static inline void start(void)
{
    shake();
    put_connect("live");
    put_publish("room.movie?token=abc");
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live room.movie token=abc;");
    happened[0] = '\0';
    sent.len = 0;
}

/* ---- what they are answered ---- */

/* Whether a message of this type with this command or text in it was sent; where it ends. */
static inline bool was_sent(unsigned type, const char *text, size_t *ret_at)
{
    struct sv_rtmp_chunk_reader reader;
    struct sv_rtmp_message m;
    size_t pos = 0, used;
    bool found = false;
    sv_rtmp_chunk_reader_init(&reader);
    while (!found &&
        sv_rtmp_chunk_reader_feed(&reader, sent.data + pos, sent.len - pos, &used, &m, NULL) == 1) {
        pos += used;
        found = m.type == type && memmem(m.data, m.len, text, strlen(text)) != NULL;
    }
    sv_rtmp_chunk_reader_fini(&reader);
    *ret_at = pos;
    return found;
}

static inline size_t assert_sent(unsigned type, const char *text)
{
    size_t at;
    ck_assert_msg(was_sent(type, text, &at), "no message of type %u with %s", type, text);
    return at;
}

static inline void assert_not_sent(unsigned type, const char *text)
{
    size_t at;
    ck_assert_msg(!was_sent(type, text, &at), "a message of type %u with %s", type, text);
}

enum { ACK = 3, CONTROL = 4, WINDOW = 5, BANDWIDTH = 6, AUDIO = 8, VIDEO = 9 };
enum { DATA_AMF3 = 15, COMMAND_AMF3 = 17, DATA = 18, COMMAND = 20, AGGREGATE = 22 };

static inline void put_odd_connect(const char *name, const char *text)
{
    struct bytes *c = command("connect", 1);
    put(c, "\x08\xff\xff\xff\xff", 5);
    put_amf_name(c, name);
    put_amf_text(c, text);
    put_amf_end(c);
    put_command(&in, c);
}

#endif
