/* SPDX-License-Identifier: MIT */
#include "media/rtmp_chunk_reader.h"

#include <string.h>

#include "base/error.h"
#include "media/big_endian.h"

/* The time does not fit into three bytes. */
#define TIME_EXTENDED 0xffffff
/* More is not kept for the next message. */
#define SPARE_MAX_BYTES (256 << 10)

void sv_rtmp_chunk_reader_init(struct sv_rtmp_chunk_reader *reader)
{
    *reader = (struct sv_rtmp_chunk_reader){ .chunk_bytes = SV_RTMP_CHUNK_BYTES_DEFAULT };
}

void sv_rtmp_chunk_reader_fini(struct sv_rtmp_chunk_reader *reader)
{
    for (unsigned i = 0; i < reader->n_streams; i++)
        sv_buffer_fini(&reader->streams[i].data);
    sv_buffer_fini(&reader->spare);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static uint32_t max_len(uint8_t type)
{
    switch (type) {
    case SV_RTMP_VIDEO:
    case SV_RTMP_AGGREGATE:
        return SV_RTMP_VIDEO_MAX_BYTES;
    case SV_RTMP_AUDIO:
        return SV_RTMP_AUDIO_MAX_BYTES;
    default:
        return SV_RTMP_COMMAND_MAX_BYTES;
    }
}

/* ---- memory: a stream takes the spare buffer for a message, and gives it back ---- */

static void recycle(struct sv_rtmp_chunk_reader *r, struct sv_rtmp_chunk_stream *stream)
{
    stream->data.len = 0;
    if (stream->data.size > r->spare.size && stream->data.size <= SPARE_MAX_BYTES) {
        struct sv_buffer other = r->spare;
        r->spare = stream->data;
        stream->data = other;
    }
    sv_buffer_fini(&stream->data);
}

static void drop_partial(struct sv_rtmp_chunk_reader *r, struct sv_rtmp_chunk_stream *stream)
{
    if (!stream->is_in_message)
        return;
    r->partial_bytes -= stream->data.len;
    stream->is_in_message = false;
    recycle(r, stream);
}

static int add_payload(struct sv_rtmp_chunk_reader *r, const uint8_t *in, size_t len,
    synctv_error *err)
{
    struct sv_rtmp_chunk_stream *stream = r->stream;
    if (len > SV_RTMP_PARTIAL_MAX_BYTES - r->partial_bytes)
        return sv_errorf(err, SYNCTV_E_TOO_LARGE, "too many bytes of messages without an end");
    if (stream->data.data == NULL) {
        stream->data = r->spare;
        r->spare = (struct sv_buffer){ 0 };
    }
    int rv = sv_buffer_append(&stream->data, in, len, stream->len);
    if (rv < 0)
        return sv_error(err, rv);
    r->partial_bytes += len;
    return 0;
}

/* ---- heads ---- */

/* Bytes of the head in front of the time, by its first byte. */
static size_t basic_len(uint8_t first)
{
    unsigned id = first & 63;
    return id == 0 ? 2 : id == 1 ? 3 : 1;
}

static size_t head_len(uint8_t first)
{
    static const uint8_t message_len[] = { 11, 7, 3, 0 };
    return basic_len(first) + message_len[first >> 6];
}

static uint32_t chunk_stream_id(const uint8_t *head)
{
    unsigned id = head[0] & 63;
    if (id == 0)
        return 64u + head[1];
    return id == 1 ? 64u + head[1] + 256u * head[2] : id;
}

static int find_stream(struct sv_rtmp_chunk_reader *r, synctv_error *err)
{
    uint32_t id = chunk_stream_id(r->head);
    unsigned type = r->head[0] >> 6;
    for (unsigned i = 0; i < r->n_streams; i++) {
        if (r->streams[i].id == id) {
            r->stream = &r->streams[i];
            return 0;
        }
    }
    if (type >= 2)
        return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT,
            "chunk stream %u begins with a head of type %u, which does not say how long it is", id,
            type);
    if (r->n_streams == SV_RTMP_CHUNK_STREAMS_MAX)
        return sv_errorf(err, SYNCTV_E_TOO_LARGE, "more than %d chunk streams",
            SV_RTMP_CHUNK_STREAMS_MAX);
    r->stream = &r->streams[r->n_streams++];
    r->stream->id = id;
    return 0;
}

/* The head is complete but for what follows it if the time is extended. */
static int take_head(struct sv_rtmp_chunk_reader *r, synctv_error *err)
{
    int rv = find_stream(r, err);
    if (rv < 0)
        return rv;
    struct sv_rtmp_chunk_stream *stream = r->stream;
    const uint8_t *p = r->head + basic_len(r->head[0]);
    unsigned type = r->head[0] >> 6;
    r->extended_len = 0;
    if (type == 3) {
        r->state = stream->is_extended ? SV_RTMP_CHUNK_EXTENDED_AGAIN : SV_RTMP_CHUNK_PAYLOAD;
        return 0;
    }
    if (stream->is_in_message)
        return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT,
            "a message begins in the middle of another one of chunk stream %u", stream->id);
    if (type <= 1) {
        stream->len = sv_get_be24(p + 3);
        stream->type = p[6];
    }
    if (type == 0)
        stream->message_stream_id =
            (uint32_t)p[10] << 24 | (uint32_t)p[9] << 16 | (uint32_t)p[8] << 8 | p[7];
    if (stream->len > max_len(stream->type))
        return sv_errorf(err, SYNCTV_E_TOO_LARGE,
            "a message of type %u with %u bytes; %u are the most", stream->type, stream->len,
            max_len(stream->type));
    stream->time_field = sv_get_be24(p);
    stream->is_extended = stream->time_field == TIME_EXTENDED;
    r->state = stream->is_extended ? SV_RTMP_CHUNK_EXTENDED : SV_RTMP_CHUNK_PAYLOAD;
    return 0;
}

/*
 * The payload begins. A message that begins with type 3 adds what the last head said, be it a
 * difference or, behind one of type 0, a time: encoders count on it.
 */
static void begin_payload(struct sv_rtmp_chunk_reader *r)
{
    struct sv_rtmp_chunk_stream *stream = r->stream;
    if (!stream->is_in_message) {
        bool is_absolute = r->head[0] >> 6 == 0;
        stream->timestamp = (is_absolute ? 0 : stream->timestamp) + stream->time_field;
        stream->is_in_message = true;
    }
    r->chunk_left = smaller(stream->len - stream->data.len, r->chunk_bytes);
    r->head_len = 0;
    r->state = SV_RTMP_CHUNK_PAYLOAD;
}

static int feed_head(struct sv_rtmp_chunk_reader *r, uint8_t byte, synctv_error *err)
{
    r->head[r->head_len++] = byte;
    if (r->head_len < head_len(r->head[0]))
        return 0;
    int rv = take_head(r, err);
    if (rv == 0 && r->state == SV_RTMP_CHUNK_PAYLOAD)
        begin_payload(r);
    return rv;
}

static void feed_extended(struct sv_rtmp_chunk_reader *r, uint8_t byte)
{
    r->extended[r->extended_len++] = byte;
    if (r->extended_len == sizeof(r->extended)) {
        r->stream->time_field = sv_get_be32(r->extended);
        begin_payload(r);
    }
}

/*
 * Behind a head of type 3 an extended time is there again with most encoders, and is not with some.
 * It is there if these bytes are those of the time; else they are payload, and are read again.
 */
static void feed_extended_again(struct sv_rtmp_chunk_reader *r, uint8_t byte)
{
    uint8_t expected[4];
    sv_put_be32(expected, r->stream->time_field);
    bool is_equal = byte == expected[r->extended_len];
    r->extended[r->extended_len++] = byte;
    if (is_equal && r->extended_len < sizeof(r->extended))
        return;
    if (!is_equal) {
        memcpy(r->again, r->extended, r->extended_len);
        r->again_len = r->extended_len;
    }
    begin_payload(r);
}

/* ---- messages ---- */

static int obey_chunk_size(struct sv_rtmp_chunk_reader *r, const struct sv_rtmp_message *message,
    synctv_error *err)
{
    uint32_t bytes = message->len >= 4 ? sv_get_be32(message->data) : 0;
    if (bytes < SV_RTMP_CHUNK_BYTES_MIN || bytes > SV_RTMP_CHUNK_BYTES_MAX)
        return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT,
            "chunks of %u bytes; %d to %d are accepted", bytes, SV_RTMP_CHUNK_BYTES_MIN,
            SV_RTMP_CHUNK_BYTES_MAX);
    r->chunk_bytes = bytes;
    return 0;
}

static void obey_abort(struct sv_rtmp_chunk_reader *r, const struct sv_rtmp_message *message)
{
    for (unsigned i = 0; message->len >= 4 && i < r->n_streams; i++) {
        if (r->streams[i].id == sv_get_be32(message->data))
            drop_partial(r, &r->streams[i]);
    }
}

/* Returns 1 if the message that is complete now is for the caller. */
static int end_message(struct sv_rtmp_chunk_reader *r, struct sv_rtmp_message *ret,
    synctv_error *err)
{
    struct sv_rtmp_chunk_stream *stream = r->stream;
    struct sv_rtmp_message message = {
        .type = stream->type,
        .stream_id = stream->message_stream_id,
        .timestamp = stream->timestamp,
        .data = stream->data.data != NULL ? stream->data.data : (const uint8_t *)"",
        .len = stream->data.len,
    };
    r->partial_bytes -= stream->data.len;
    stream->is_in_message = false;
    r->returned = stream;
    if (message.type == SV_RTMP_SET_CHUNK_SIZE)
        return obey_chunk_size(r, &message, err);
    if (message.type == SV_RTMP_ABORT) {
        obey_abort(r, &message);
        return 0;
    }
    *ret = message;
    return 1;
}

/* Takes some bytes, at least one. Returns 1 if that completes a message for the caller. */
static int step(struct sv_rtmp_chunk_reader *r, const uint8_t *in, size_t len, size_t *ret_used,
    struct sv_rtmp_message *ret, synctv_error *err)
{
    size_t used = 1;
    int rv = 0;
    switch (r->state) {
    case SV_RTMP_CHUNK_HEAD:
        rv = feed_head(r, in[0], err);
        break;
    case SV_RTMP_CHUNK_EXTENDED:
        feed_extended(r, in[0]);
        break;
    case SV_RTMP_CHUNK_EXTENDED_AGAIN:
        feed_extended_again(r, in[0]);
        break;
    case SV_RTMP_CHUNK_PAYLOAD:
        used = smaller(r->chunk_left, len);
        rv = add_payload(r, in, used, err);
        r->chunk_left -= used;
        break;
    }
    *ret_used = used;
    if (rv < 0 || r->state != SV_RTMP_CHUNK_PAYLOAD || r->chunk_left > 0)
        return rv;
    r->state = SV_RTMP_CHUNK_HEAD;
    return r->stream->data.len == r->stream->len ? end_message(r, ret, err) : 0;
}

/* The bytes that are to be read again come before what is new. */
static int step_again(struct sv_rtmp_chunk_reader *r, struct sv_rtmp_message *ret,
    synctv_error *err)
{
    uint8_t bytes[sizeof(r->again)];
    size_t len = r->again_len, used = 0;
    memcpy(bytes, r->again, len);
    r->again_len = 0;
    int rv = step(r, bytes, len, &used, ret, err);
    /* Some of those used may have to be read once more: they come first. */
    memcpy(r->again + r->again_len, bytes + used, len - used);
    r->again_len = (uint8_t)(r->again_len + len - used);
    return rv;
}

int sv_rtmp_chunk_reader_feed(struct sv_rtmp_chunk_reader *reader, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_rtmp_message *ret_message, synctv_error *err)
{
    size_t pos = 0;
    int rv = 0;
    while (rv == 0 && (reader->again_len > 0 || pos < len)) {
        size_t used = 0;
        if (reader->returned != NULL)
            recycle(reader, reader->returned);
        reader->returned = NULL;
        if (reader->again_len > 0)
            rv = step_again(reader, ret_message, err);
        else
            rv = step(reader, in + pos, len - pos, &used, ret_message, err);
        pos += used;
    }
    *ret_used = pos;
    return rv;
}
