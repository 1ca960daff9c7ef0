/* SPDX-License-Identifier: MIT */
/*
 * From bytes to RTMP messages. A message comes in chunks, and those of several *chunk streams* may
 * be mixed. The head of a chunk leaves out what is as in the chunk stream's last one:
 *
 *   type 0   time, length, type, message stream
 *   type 1   time since the last message, length, type
 *   type 2   time since the last message
 *   type 3   nothing: it goes on with the message, or begins one like the last
 *
 * Memory grows with the bytes that have come, whatever length a head declares.
 */
#ifndef SV_MEDIA_RTMP_CHUNK_READER_H
#define SV_MEDIA_RTMP_CHUNK_READER_H

#include <stdbool.h>

#include <synctv/error.h>

#include "media/buffer.h"
#include "media/rtmp_message.h"

#define SV_RTMP_CHUNK_STREAMS_MAX 32
/* Bytes of all messages that are incomplete: a large video message, and some others beside it. */
#define SV_RTMP_PARTIAL_MAX_BYTES (SV_RTMP_VIDEO_MAX_BYTES + (1 << 20))

struct sv_rtmp_chunk_stream {
    uint32_t id;
    /* Of the message that comes, or came last. */
    uint32_t timestamp, len, message_stream_id;
    uint8_t type;
    /* What the last head said that was not of type 3: a time, or the difference of two. */
    uint32_t time_field;
    /* That did not fit into the head, and follows it. */
    bool is_extended;
    bool is_in_message;
    struct sv_buffer data;
};

struct sv_rtmp_chunk_reader {
    enum sv_rtmp_chunk_state {
        SV_RTMP_CHUNK_HEAD,
        SV_RTMP_CHUNK_EXTENDED,
        SV_RTMP_CHUNK_EXTENDED_AGAIN,
        SV_RTMP_CHUNK_PAYLOAD,
    } state;
    /* Of the other side's chunks. */
    uint32_t chunk_bytes;
    struct sv_rtmp_chunk_stream streams[SV_RTMP_CHUNK_STREAMS_MAX];
    unsigned n_streams;
    size_t partial_bytes;

    /* The chunk that comes. */
    uint8_t head[3 + 11], head_len;
    uint8_t extended[4], extended_len;
    struct sv_rtmp_chunk_stream *stream;
    size_t chunk_left;

    /* Bytes that looked like a time, and were not. */
    uint8_t again[4], again_len;
    /* Whose message was returned last. */
    struct sv_rtmp_chunk_stream *returned;
    /* Memory for the next message. */
    struct sv_buffer spare;
};

void sv_rtmp_chunk_reader_init(struct sv_rtmp_chunk_reader *reader);
void sv_rtmp_chunk_reader_fini(struct sv_rtmp_chunk_reader *reader);
/*
 * Takes bytes up to the end of a message: returns 1 and the message, which is valid until the next
 * call; or 0 when all of the input is used and no message is complete. Call it until it returns 0.
 * The reader itself obeys Set Chunk Size and Abort, and does not return them.
 * Errors: INVALID_ARGUMENT, TOO_LARGE, NO_MEMORY. Then the connection is of no more use.
 */
int sv_rtmp_chunk_reader_feed(struct sv_rtmp_chunk_reader *reader, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_rtmp_message *ret_message, synctv_error *err);

#endif
