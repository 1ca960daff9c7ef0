/* SPDX-License-Identifier: MIT */
#include "media/rtmp_handshake.h"

#include <stdbool.h>

#include "base/error.h"

#define RTMP_VERSION 3
#define HELLO_BYTES (1 + SV_RTMP_HANDSHAKE_PART_BYTES)
/* Said before there is a queue that could be full. */
#define NO_LIMIT SIZE_MAX

/* Time, version and what should be random are zeros: nobody looks at them but to send them back. */
static const uint8_t hello[HELLO_BYTES] = { RTMP_VERSION };

int sv_rtmp_handshake_hello(struct sv_buffer *out)
{
    return sv_buffer_append(out, hello, sizeof(hello), NO_LIMIT);
}

static int take_version(uint8_t version, bool is_server, struct sv_buffer *out, synctv_error *err)
{
    if (version != RTMP_VERSION)
        return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT,
            "what it speaks is no RTMP (its first byte is 0x%02x; HTTP, or TLS to a port without?)",
            version);
    return is_server && sv_rtmp_handshake_hello(out) < 0 ? sv_error(err, SYNCTV_E_NO_MEMORY) : 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int feed(struct sv_rtmp_handshake *h, bool is_server, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_buffer *out, synctv_error *err)
{
    size_t used = 0;
    if (h->have == 0 && len > 0) {
        int rv = take_version(in[0], is_server, out, err);
        if (rv < 0)
            return rv;
        h->have = used = 1;
    }
    if (h->have >= 1 && h->have < HELLO_BYTES) {
        size_t n = smaller(HELLO_BYTES - h->have, len - used);
        if (sv_buffer_append(out, in + used, n, NO_LIMIT) < 0)
            return sv_error(err, SYNCTV_E_NO_MEMORY);
        h->have += n;
        used += n;
    }
    if (h->have >= HELLO_BYTES) {
        /* Our own bytes come back. Some clients send others. */
        size_t n = smaller(SV_RTMP_HANDSHAKE_BYTES - h->have, len - used);
        h->have += n;
        used += n;
    }
    *ret_used = used;
    return h->have == SV_RTMP_HANDSHAKE_BYTES;
}

int sv_rtmp_handshake_feed_server(struct sv_rtmp_handshake *handshake, const uint8_t *in,
    size_t len, size_t *ret_used, struct sv_buffer *out, synctv_error *err)
{
    return feed(handshake, true, in, len, ret_used, out, err);
}

int sv_rtmp_handshake_feed_client(struct sv_rtmp_handshake *handshake, const uint8_t *in,
    size_t len, size_t *ret_used, struct sv_buffer *out, synctv_error *err)
{
    return feed(handshake, false, in, len, ret_used, out, err);
}
