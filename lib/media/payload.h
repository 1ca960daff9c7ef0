/* SPDX-License-Identifier: MIT */
/*
 * What is inside a message of media: what it is for, and whether viewers need it. Knows the old
 * codecs of FLV and Enhanced RTMP v2, in which four characters (FourCC) name any codec.
 */
#ifndef SV_MEDIA_PAYLOAD_H
#define SV_MEDIA_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers as of RtmpPacket.PacketType in stream.proto. */
enum sv_media_type { SV_MEDIA_VIDEO = 0, SV_MEDIA_AUDIO = 1, SV_MEDIA_METADATA = 2 };

enum sv_payload_kind {
    /*
     * Headers, in the order in which a viewer wants them: onMetaData; a track's configuration; and
     * what else Enhanced RTMP tells of a track (colours, places of the channels).
     */
    SV_PAYLOAD_METADATA,
    SV_PAYLOAD_VIDEO_HEADER,
    SV_PAYLOAD_VIDEO_INFO,
    SV_PAYLOAD_AUDIO_HEADER,
    SV_PAYLOAD_AUDIO_INFO,
    /* Frames. */
    SV_PAYLOAD_KEY_FRAME,
    SV_PAYLOAD_VIDEO_FRAME,
    SV_PAYLOAD_AUDIO_FRAME,
};
#define SV_PAYLOAD_N_HEADERS 5

/* The longest frame, and the longest header. */
#define SV_PAYLOAD_MAX_BYTES (8 << 20)
#define SV_PAYLOAD_HEADER_MAX_BYTES (64 << 10)

struct sv_payload {
    enum sv_media_type type;
    enum sv_payload_kind kind;
    /* What goes on: these bytes, */
    uint8_t head[5];
    size_t head_len;
    /* then these, of the message. */
    const uint8_t *body;
    size_t body_len;
};

static inline bool sv_payload_is_header(enum sv_payload_kind kind)
{
    return kind < SV_PAYLOAD_N_HEADERS;
}

/*
 * Returns 1 and what goes on to viewers; or 0 if nothing does: it is empty or short, the end of a
 * sequence, a command to the player, another script than onMetaData, or malformed. Of several
 * tracks track 0 alone goes on, as if it were the only one. Metadata comes with or without
 * "@setDataFrame", and goes on without.
 * Errors: TOO_LARGE.
 */
int sv_payload_look(enum sv_media_type type, const uint8_t *data, size_t len,
    struct sv_payload *ret);

#endif
