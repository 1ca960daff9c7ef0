/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include <string.h>

enum { HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, CONTINUATION = 9 }; /* types of frames */
enum { ACK = 1, END_HEADERS = 4 };                                    /* flags */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LEN (sizeof(preface) - 1)

void frames_init(struct frames *f, unsigned max_calls)
{
    *f = (struct frames){ .max_calls = max_calls };
}

/* ---- frames ---- */

static const char *on_block(struct frames *f, unsigned flags)
{
    f->block_bytes += f->left + (uint32_t)sizeof(f->head);
    if (f->block_bytes > FRAMES_BLOCK_MAX_BYTES)
        return "its header fields do not end";
    if (flags & END_HEADERS)
        f->block_bytes = 0;
    return NULL;
}

static const char *on_headers(struct frames *f, unsigned flags, uint32_t call_id)
{
    if (call_id > f->call_id) { /* else they are trailers, or nothing that the core would take */
        f->call_id = call_id;
        if (!f->acknowledged && f->max_calls > 0 && ++f->n_calls > f->max_calls)
            return "it makes more calls than it may and does not acknowledge our settings";
    }
    f->block_bytes = 0;
    return on_block(f, flags);
}

static const char *on_reset(struct frames *f, int64_t now_ms)
{
    if (f->max_calls == 0)
        return NULL;
    f->n_taken_back -= (double)(now_ms - f->taken_back_ms) / 1000 * f->max_calls;
    if (f->n_taken_back < 0)
        f->n_taken_back = 0;
    f->taken_back_ms = now_ms;
    f->n_taken_back++;
    return f->n_taken_back > 2.0 * f->max_calls ? "it takes back its calls too fast" : NULL;
}

static const char *on_head(struct frames *f, int64_t now_ms)
{
    const unsigned char *h = f->head;
    uint32_t id = (uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8];
    f->left = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
    switch (h[3]) {
    case HEADERS:
        return on_headers(f, h[4], id);
    case CONTINUATION:
        return on_block(f, h[4]);
    case RST_STREAM:
        return on_reset(f, now_ms);
    case SETTINGS:
        f->acknowledged = f->acknowledged || (h[4] & ACK) != 0;
        return NULL;
    default:
        return NULL;
    }
}

/* ---- bytes ---- */

/* What begins otherwise is no HTTP/2, and the core hangs up. */
static size_t take_preface(struct frames *f, const char *data, size_t len)
{
    size_t n = PREFACE_LEN - f->have < len ? PREFACE_LEN - f->have : len;
    if (memcmp(data, preface + f->have, n) != 0) {
        f->state = FRAMES_FOREIGN;
        return len;
    }
    f->have += (unsigned)n;
    if (f->have == PREFACE_LEN) {
        f->state = FRAMES_HEAD;
        f->have = 0;
    }
    return n;
}

static size_t take_head(struct frames *f, const char *data, size_t len, int64_t now_ms,
    const char **ret_why)
{
    size_t missing = sizeof(f->head) - f->have, n = missing < len ? missing : len;
    memcpy(f->head + f->have, data, n);
    f->have += (unsigned)n;
    if (f->have == sizeof(f->head)) {
        f->have = 0;
        *ret_why = on_head(f, now_ms);
        f->state = f->left > 0 ? FRAMES_PAYLOAD : FRAMES_HEAD;
    }
    return n;
}

static size_t skip_payload(struct frames *f, size_t len)
{
    size_t n = f->left < len ? f->left : len;
    f->left -= (uint32_t)n;
    if (f->left == 0)
        f->state = FRAMES_HEAD;
    return n;
}

const char *frames_take(struct frames *f, const void *data, size_t len, int64_t now_ms)
{
    const char *p = data, *end = p + len, *why = NULL;
    while (p < end && why == NULL) {
        size_t left = (size_t)(end - p);
        switch (f->state) {
        case FRAMES_PREFACE:
            p += take_preface(f, p, left);
            break;
        case FRAMES_HEAD:
            p += take_head(f, p, left, now_ms, &why);
            break;
        case FRAMES_PAYLOAD:
            p += skip_payload(f, left);
            break;
        case FRAMES_FOREIGN:
            return NULL;
        }
    }
    return why;
}
