/* SPDX-License-Identifier: MIT */
/* From RTMP messages to bytes. Each message begins with a full head, so nothing is remembered. */
#ifndef SV_MEDIA_RTMP_CHUNK_WRITER_H
#define SV_MEDIA_RTMP_CHUNK_WRITER_H

#include "media/buffer.h"
#include "media/rtmp_message.h"

/*
 * Appends the message to `out`, up to max_bytes there. `chunk_stream_id` is 2 to 63.
 * Errors: TOO_LARGE, NO_MEMORY; then a part of it may be there.
 */
int sv_rtmp_chunk_write(struct sv_buffer *out, size_t max_bytes, uint32_t chunk_bytes,
    uint8_t chunk_stream_id, const struct sv_rtmp_message *message);

#endif
