/* SPDX-License-Identifier: MIT */
#include "h2.h"

#include <string.h>

#define WINDOW_MAX 0x7fffffffu
#define WINDOW_DEFAULT 65535u

static void put_number(uint8_t *at, uint32_t n)
{
    at[0] = (uint8_t)(n >> 24);
    at[1] = (uint8_t)(n >> 16);
    at[2] = (uint8_t)(n >> 8);
    at[3] = (uint8_t)n;
}

uint32_t h2_number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

size_t h2_read(const uint8_t *in, size_t len, struct h2_frame *ret)
{
    if (len < H2_HEAD)
        return 0;
    uint32_t size = h2_number(in) >> 8;
    if (len < H2_HEAD + size)
        return 0;
    *ret = (struct h2_frame){
        .len = size,
        .type = in[3],
        .flags = in[4],
        .stream_id = h2_number(in + 5) & WINDOW_MAX,
        .payload = in + H2_HEAD,
    };
    if (ret->type <= H2_HEADERS && (ret->flags & H2_PADDED) != 0)
        die("a padded frame, which nobody sends");
    return H2_HEAD + size;
}

void h2_put_head(struct bytes *out, size_t len, uint8_t type, uint8_t flags, uint32_t stream_id)
{
    uint8_t head[H2_HEAD];
    put_number(head, (uint32_t)len << 8 | type);
    head[4] = flags;
    put_number(head + 5, stream_id);
    bytes_put(out, head, sizeof(head));
}

void h2_put_message(struct bytes *out, const void *body, size_t len, uint8_t flags,
    uint32_t stream_id)
{
    uint8_t prefix[5] = { 0 };
    put_number(prefix + 1, (uint32_t)len);
    h2_put_head(out, sizeof(prefix) + len, H2_DATA, flags, stream_id);
    bytes_put(out, prefix, sizeof(prefix));
    bytes_put(out, body, len);
}

void h2_put_settings(struct bytes *out)
{
    static const uint8_t settings[] = { 0, 4, 0x7f, 0xff, 0xff, 0xff, 0, 3, 0x00, 0xff, 0xff,
        0xff }; /* INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS */
    h2_put_head(out, sizeof(settings), H2_SETTINGS, 0, 0);
    bytes_put(out, settings, sizeof(settings));
    h2_put_window(out, 0, WINDOW_MAX - WINDOW_DEFAULT);
}

void h2_put_ack(struct bytes *out, const struct h2_frame *frame)
{
    if ((frame->flags & H2_ACK) != 0)
        return;
    uint32_t len = frame->type == H2_PING ? frame->len : 0;
    h2_put_head(out, len, frame->type, H2_ACK, 0);
    bytes_put(out, frame->payload, len);
}

void h2_put_window(struct bytes *out, uint32_t stream_id, uint32_t increment)
{
    uint8_t payload[4];
    put_number(payload, increment);
    h2_put_head(out, sizeof(payload), H2_WINDOW_UPDATE, 0, stream_id);
    bytes_put(out, payload, sizeof(payload));
}

/* A length in HPACK's integers with a prefix of 7 bits; H (Huffman) is 0. */
static void put_text(struct bytes *out, const char *text)
{
    size_t len = strlen(text);
    uint8_t number[4];
    size_t n = 0;
    if (len < 127) {
        number[n++] = (uint8_t)len;
    } else {
        number[n++] = 127;
        size_t rest = len - 127;
        for (; rest >= 128; rest >>= 7)
            number[n++] = (uint8_t)(rest | 128);
        number[n++] = (uint8_t)rest;
    }
    bytes_put(out, number, n);
    bytes_put(out, text, len);
}

void h2_put_header(struct bytes *out, const char *name, const char *value)
{
    uint8_t literal = 0x40; /* with incremental indexing, new name */
    bytes_put(out, &literal, 1);
    put_text(out, name);
    put_text(out, value);
}

void h2_put_indexed(struct bytes *out, unsigned number)
{
    uint8_t byte = (uint8_t)(0x80 | number); /* below 127 */
    bytes_put(out, &byte, 1);
}

unsigned h2_count_messages(struct h2_messages *m, const uint8_t *data, size_t len)
{
    unsigned n = 0;
    while (len > 0) {
        if (m->n_prefix < sizeof(m->prefix)) {
            m->prefix[m->n_prefix++] = *data++;
            len--;
            if (m->n_prefix < sizeof(m->prefix))
                continue;
            m->left = h2_number(m->prefix + 1);
        }
        size_t piece = len < m->left ? len : m->left;
        data += piece;
        len -= piece;
        m->left -= (uint32_t)piece;
        if (m->left == 0) {
            m->n_prefix = 0;
            n++;
        }
    }
    return n;
}
