/* SPDX-License-Identifier: MIT */
/*
 * What an encoder sends to a session. The first byte says in what pieces it comes, on which the
 * events must not depend; the second one whether the handshake is made for it, and whether it may
 * publish.
 */
#include <string.h>

#include <synctv/error.h>

#include "fuzz.h"
#include "media/rtmp_publisher.h"

enum { OWN_HANDSHAKE = 1, REFUSED = 2 };

struct result {
    int rv;
    unsigned n, n_published;
    uint64_t sum;
};

static uint64_t add(uint64_t sum, uint64_t number)
{
    return (sum ^ number) * UINT64_C(0x100000001b3);
}

static bool is_name(const char *name, size_t size)
{
    size_t len = strnlen(name, size);
    return len > 0 && len < size &&
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") == len;
}

static void on_event(struct sv_rtmp_publisher *s, unsigned flags,
    const struct sv_rtmp_publisher_event *event, struct result *result)
{
    result->n++;
    result->sum = add(result->sum, event->kind);
    switch (event->kind) {
    case SV_RTMP_EVENT_PUBLISH:
        FUZZ_MUST(result->n_published == 0 && s->phase == SV_RTMP_WAITS);
        FUZZ_MUST(is_name(s->app, sizeof(s->app)) && is_name(s->stream_key, sizeof(s->stream_key)));
        FUZZ_MUST(memchr(s->query, '\0', sizeof(s->query)) != NULL);
        FUZZ_MUST(sv_rtmp_publisher_deadline_ms(s) == INT64_MAX);
        if ((flags & REFUSED) != 0)
            sv_rtmp_publisher_refuse(s, 0, SYNCTV_E_TOKEN_INVALID, "no");
        else
            FUZZ_MUST(sv_rtmp_publisher_accept(s, 0, NULL) == 0);
        result->n_published += s->phase == SV_RTMP_PUBLISHES;
        break;
    case SV_RTMP_EVENT_MEDIA:
        FUZZ_MUST(result->n_published == 1 && event->len > 0);
        FUZZ_MUST(event->len <= SV_RTMP_VIDEO_MAX_BYTES);
        result->sum = add(add(result->sum, event->type), (uint64_t)event->timestamp_ms);
        for (size_t i = 0; i < event->len; i++)
            result->sum = add(result->sum, event->data[i]);
        break;
    case SV_RTMP_EVENT_END:
        FUZZ_MUST(result->n_published == 1 && s->phase == SV_RTMP_IS_OVER);
        break;
    }
}

static void feed(struct sv_rtmp_publisher *s, unsigned flags, const uint8_t *data, size_t len,
    size_t piece, struct result *result)
{
    for (size_t pos = 0; pos < len && result->rv >= 0; pos += piece) {
        size_t n = len - pos < piece ? len - pos : piece, at = 0, used = 0;
        struct sv_rtmp_publisher_event event;
        while ((result->rv = sv_rtmp_publisher_feed(s, 0, data + pos + at, n - at, &used, &event,
                    NULL)) == 1) {
            FUZZ_MUST(used <= n - at);
            at += used;
            on_event(s, flags, &event, result);
        }
        FUZZ_MUST(result->rv < 0 || at + used == n);
        FUZZ_MUST(result->rv >= 0 || s->phase == SV_RTMP_IS_OVER);
        FUZZ_MUST(s->connection.out.len <= SV_RTMP_PUBLISHER_OUT_MAX_BYTES);
        sv_buffer_consume(&s->connection.out, s->connection.out.len);
    }
}

static struct result run(const uint8_t *data, size_t len, unsigned flags, size_t piece)
{
    static const uint8_t hello[SV_RTMP_HANDSHAKE_BYTES] = { 3 };
    struct sv_rtmp_publisher session;
    struct result result = { 0 };
    sv_rtmp_publisher_init(&session, 0);
    if ((flags & OWN_HANDSHAKE) == 0) {
        feed(&session, flags, hello, sizeof(hello), sizeof(hello), &result);
        FUZZ_MUST(result.rv == 0 && session.phase == SV_RTMP_SAYS_WHAT);
    }
    feed(&session, flags, data, len, piece, &result);
    sv_rtmp_publisher_fini(&session);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3)
        return 0;
    struct result whole = run(data + 2, len - 2, data[1], len);
    struct result pieces = run(data + 2, len - 2, data[1], 1u + data[0] % 64);
    FUZZ_MUST(whole.rv == pieces.rv && whole.n == pieces.n && whole.sum == pieces.sum);
    return 0;
}
