/* SPDX-License-Identifier: MIT */
#include "media/rtmp_chunk_writer.h"

#include "media/big_endian.h"

/* The time does not fit into three bytes, and follows the head. */
#define TIME_EXTENDED 0xffffff
#define CHUNK_TYPE_3 (3 << 6)

static int add_head(struct sv_buffer *out, size_t max_bytes, uint8_t chunk_stream_id,
    const struct sv_rtmp_message *m)
{
    uint8_t head[12];
    head[0] = chunk_stream_id;
    sv_put_be24(head + 1, m->timestamp < TIME_EXTENDED ? m->timestamp : TIME_EXTENDED);
    sv_put_be24(head + 4, (uint32_t)m->len);
    head[7] = m->type;
    for (int i = 0; i < 4; i++)
        head[8 + i] = (uint8_t)(m->stream_id >> (8 * i));
    return sv_buffer_append(out, head, sizeof(head), max_bytes);
}

static int add_extended(struct sv_buffer *out, size_t max_bytes, uint32_t timestamp)
{
    uint8_t extended[4];
    sv_put_be32(extended, timestamp);
    return timestamp < TIME_EXTENDED ? 0 : sv_buffer_append(out, extended, 4, max_bytes);
}

int sv_rtmp_chunk_write(struct sv_buffer *out, size_t max_bytes, uint32_t chunk_bytes,
    uint8_t chunk_stream_id, const struct sv_rtmp_message *message)
{
    const uint8_t again = (uint8_t)(CHUNK_TYPE_3 | chunk_stream_id);
    size_t pos = 0;
    int rv = add_head(out, max_bytes, chunk_stream_id, message);
    while (rv == 0) {
        size_t left = message->len - pos, n = left < chunk_bytes ? left : chunk_bytes;
        rv = add_extended(out, max_bytes, message->timestamp);
        if (rv == 0)
            rv = sv_buffer_append(out, message->data + pos, n, max_bytes);
        pos += n;
        if (rv < 0 || pos == message->len)
            break;
        rv = sv_buffer_append(out, &again, 1, max_bytes);
    }
    return rv;
}
