/* SPDX-License-Identifier: MIT */
/* What RTMP carries: messages, in chunks. */
#ifndef SV_MEDIA_RTMP_MESSAGE_H
#define SV_MEDIA_RTMP_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum sv_rtmp_message_type {
    SV_RTMP_SET_CHUNK_SIZE = 1,
    SV_RTMP_ABORT = 2,
    SV_RTMP_ACK = 3,
    SV_RTMP_USER_CONTROL = 4,
    SV_RTMP_WINDOW_SIZE = 5,
    SV_RTMP_PEER_BANDWIDTH = 6,
    SV_RTMP_AUDIO = 8,
    SV_RTMP_VIDEO = 9,
    /* The same as below, behind a byte that is 0. */
    SV_RTMP_DATA_AMF3 = 15,
    SV_RTMP_COMMAND_AMF3 = 17,
    SV_RTMP_DATA = 18,
    SV_RTMP_COMMAND = 20,
    /* Several messages of media in one. */
    SV_RTMP_AGGREGATE = 22,
};

/* The longest message of each type; of those that are not named, as of commands. */
#define SV_RTMP_VIDEO_MAX_BYTES (8 << 20)
#define SV_RTMP_AUDIO_MAX_BYTES (1 << 20)
#define SV_RTMP_COMMAND_MAX_BYTES (64 << 10)

#define SV_RTMP_CHUNK_BYTES_DEFAULT 128
#define SV_RTMP_CHUNK_BYTES_MIN 128
#define SV_RTMP_CHUNK_BYTES_MAX 65536

struct sv_rtmp_message {
    /* An sv_rtmp_message_type, or anything else. */
    uint8_t type;
    uint32_t stream_id;
    /* Milliseconds; wraps after 49 days. */
    uint32_t timestamp;
    const uint8_t *data;
    size_t len;
};

#endif
