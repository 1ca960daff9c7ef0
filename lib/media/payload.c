/* SPDX-License-Identifier: MIT */
#include "media/payload.h"

#include <string.h>

#include <synctv/error.h>

#include "media/amf0_reader.h"
#include "media/big_endian.h"

/* Frame types of video. Only the first is a key frame that a decoder can begin with. */
enum { FRAME_KEY = 1, FRAME_COMMAND = 5 };
/* Old codecs whose second byte says whether it is a header. */
enum { CODEC_AVC = 7, CODEC_HEVC = 12, CODEC_AV1 = 13, FORMAT_AAC = 10 };
enum { OLD_HEADER = 0, OLD_FRAME = 1 };
/* Behind AVC's second byte is a time of three bytes. */
enum { OLD_VIDEO_HEAD = 5, OLD_AAC_HEAD = 2 };

/* Enhanced RTMP: the bit of video, the format of audio, and packet types. */
enum { VIDEO_IS_ENHANCED = 0x80, FORMAT_ENHANCED = 9 };
enum {
    SEQUENCE_START = 0,
    CODED_FRAMES = 1,
    CODED_FRAMES_X = 3,
    TRACK_INFO = 4,
    AUDIO_MULTITRACK = 5,
    MPEG2_TS_SEQUENCE_START = 5,
    VIDEO_MULTITRACK = 6,
    MOD_EX = 7,
};
/* How several tracks share a message. */
enum { ONE_TRACK = 0, MANY_TRACKS = 1, MANY_TRACKS_MANY_CODECS = 2 };
enum { FOURCC_LEN = 4 };

/* ---- Enhanced RTMP ---- */

/* A place in a message, and the packet type that was read last. */
struct cursor {
    const uint8_t *pos, *end;
    unsigned packet_type;
};

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->pos);
}

/* Skips what modifies the packet. Behind each such block is the type that is meant. */
static bool skip_mod_ex(struct cursor *c)
{
    while (c->packet_type == MOD_EX) {
        if (left(c) < 1)
            return false;
        size_t len = (size_t)*c->pos++ + 1;
        if (len == 256) {
            if (left(c) < 2)
                return false;
            len = (size_t)sv_get_be16(c->pos) + 1;
            c->pos += 2;
        }
        if (left(c) < len + 1)
            return false;
        c->pos += len;
        c->packet_type = *c->pos++ & 15;
    }
    return true;
}

/* Goes to the body of track 0. Returns its FourCC, or NULL if it is not there. */
static const uint8_t *find_track(struct cursor *c, unsigned multitrack)
{
    const uint8_t *fourcc = c->pos;
    if (multitrack != MANY_TRACKS_MANY_CODECS) {
        if (left(c) < FOURCC_LEN)
            return NULL;
        c->pos += FOURCC_LEN;
    }
    size_t head_len = (multitrack == MANY_TRACKS_MANY_CODECS ? FOURCC_LEN : 0) + 1 +
        (multitrack == ONE_TRACK ? 0 : 3);
    while (left(c) >= head_len) {
        if (multitrack == MANY_TRACKS_MANY_CODECS) {
            fourcc = c->pos;
            c->pos += FOURCC_LEN;
        }
        unsigned track = *c->pos++;
        size_t len = left(c);
        if (multitrack != ONE_TRACK) {
            len = sv_get_be24(c->pos);
            c->pos += 3;
        }
        if (len > left(c))
            return NULL;
        if (track == 0) {
            c->end = c->pos + len;
            return fourcc;
        }
        c->pos += len;
    }
    return NULL;
}

/* Makes the message of one track from that of several. */
static bool take_track(struct cursor *c, uint8_t first_byte, struct sv_payload *ret)
{
    if (left(c) < 1)
        return false;
    unsigned multitrack = *c->pos >> 4;
    c->packet_type = *c->pos++ & 15;
    if (multitrack > MANY_TRACKS_MANY_CODECS)
        return false;
    const uint8_t *fourcc = find_track(c, multitrack);
    if (fourcc == NULL)
        return false;
    ret->head[0] = (uint8_t)((first_byte & 0xf0) | c->packet_type);
    memcpy(ret->head + 1, fourcc, FOURCC_LEN);
    ret->head_len = 1 + FOURCC_LEN;
    ret->body = c->pos;
    ret->body_len = left(c);
    return true;
}

/* Returns the packet type, or -1 if there is nothing behind the FourCC that anybody needs. */
static int look_enhanced(const uint8_t *data, size_t len, unsigned multitrack_type,
    struct sv_payload *ret)
{
    struct cursor c = { .pos = data + 1, .end = data + len, .packet_type = data[0] & 15 };
    if (!skip_mod_ex(&c))
        return -1;
    if (c.packet_type == multitrack_type) {
        if (!take_track(&c, data[0], ret))
            return -1;
    } else if (left(&c) < FOURCC_LEN) {
        return -1;
    } else {
        c.pos += FOURCC_LEN;
    }
    return left(&c) > 0 ? (int)c.packet_type : -1;
}

/* ---- video and audio: whether it goes on, and as what ---- */

static bool look_enhanced_video(const uint8_t *data, size_t len, unsigned frame_type,
    struct sv_payload *ret)
{
    switch (look_enhanced(data, len, VIDEO_MULTITRACK, ret)) {
    case SEQUENCE_START:
    case MPEG2_TS_SEQUENCE_START:
        ret->kind = SV_PAYLOAD_VIDEO_HEADER;
        return true;
    case TRACK_INFO:
        ret->kind = SV_PAYLOAD_VIDEO_INFO;
        return true;
    case CODED_FRAMES:
    case CODED_FRAMES_X:
        ret->kind = frame_type == FRAME_KEY ? SV_PAYLOAD_KEY_FRAME : SV_PAYLOAD_VIDEO_FRAME;
        return frame_type != FRAME_COMMAND;
    default:
        return false;
    }
}

static bool look_video(const uint8_t *data, size_t len, struct sv_payload *ret)
{
    unsigned frame_type = data[0] >> 4 & 7, codec = data[0] & 15;
    if ((data[0] & VIDEO_IS_ENHANCED) != 0)
        return look_enhanced_video(data, len, frame_type, ret);
    bool has_packet_type = codec == CODEC_AVC || codec == CODEC_HEVC || codec == CODEC_AV1;
    if (frame_type == FRAME_COMMAND || len <= (has_packet_type ? OLD_VIDEO_HEAD : 1))
        return false;
    if (has_packet_type && data[1] == OLD_HEADER) {
        ret->kind = SV_PAYLOAD_VIDEO_HEADER;
        return true;
    }
    ret->kind = frame_type == FRAME_KEY ? SV_PAYLOAD_KEY_FRAME : SV_PAYLOAD_VIDEO_FRAME;
    return !has_packet_type || data[1] == OLD_FRAME;
}

static bool look_enhanced_audio(const uint8_t *data, size_t len, struct sv_payload *ret)
{
    switch (look_enhanced(data, len, AUDIO_MULTITRACK, ret)) {
    case SEQUENCE_START:
        ret->kind = SV_PAYLOAD_AUDIO_HEADER;
        return true;
    case TRACK_INFO:
        ret->kind = SV_PAYLOAD_AUDIO_INFO;
        return true;
    case CODED_FRAMES:
        ret->kind = SV_PAYLOAD_AUDIO_FRAME;
        return true;
    default:
        return false;
    }
}

static bool look_audio(const uint8_t *data, size_t len, struct sv_payload *ret)
{
    unsigned format = data[0] >> 4;
    if (format == FORMAT_ENHANCED)
        return look_enhanced_audio(data, len, ret);
    bool has_packet_type = format == FORMAT_AAC;
    if (len <= (has_packet_type ? OLD_AAC_HEAD : 1))
        return false;
    bool is_header = has_packet_type && data[1] == OLD_HEADER;
    ret->kind = is_header ? SV_PAYLOAD_AUDIO_HEADER : SV_PAYLOAD_AUDIO_FRAME;
    return is_header || !has_packet_type || data[1] == OLD_FRAME;
}

/* ---- metadata ---- */

static bool is_text(const struct sv_amf0_item *item, const char *text)
{
    return item->type == SV_AMF0_TEXT && item->text_len == strlen(text) &&
        memcmp(item->text, text, item->text_len) == 0;
}

static bool look_metadata(const uint8_t *data, size_t len, struct sv_payload *ret)
{
    struct sv_amf0_reader reader;
    struct sv_amf0_item item;
    sv_amf0_reader_init(&reader, data, len);
    if (sv_amf0_reader_next(&reader, &item) <= 0)
        return false;
    if (is_text(&item, "@setDataFrame")) {
        ret->body = reader.pos;
        if (sv_amf0_reader_next(&reader, &item) <= 0)
            return false;
    }
    if (!is_text(&item, "onMetaData") || sv_amf0_reader_next(&reader, &item) <= 0 ||
        item.type != SV_AMF0_OBJECT || sv_amf0_reader_skip(&reader, &item) < 0)
        return false;
    /* What follows is dropped. */
    ret->body_len = (size_t)(reader.pos - ret->body);
    ret->kind = SV_PAYLOAD_METADATA;
    return true;
}

/* ---- the way in ---- */

static bool look(enum sv_media_type type, const uint8_t *data, size_t len, struct sv_payload *ret)
{
    switch (type) {
    case SV_MEDIA_VIDEO:
        return look_video(data, len, ret);
    case SV_MEDIA_AUDIO:
        return look_audio(data, len, ret);
    case SV_MEDIA_METADATA:
        return len <= SV_PAYLOAD_HEADER_MAX_BYTES && look_metadata(data, len, ret);
    }
    return false;
}

int sv_payload_look(enum sv_media_type type, const uint8_t *data, size_t len,
    struct sv_payload *ret)
{
    struct sv_payload payload = { .type = type, .body = data, .body_len = len };
    if (len > SV_PAYLOAD_MAX_BYTES)
        return SYNCTV_E_TOO_LARGE;
    if (len == 0 || !look(type, data, len, &payload))
        return 0;
    if (sv_payload_is_header(payload.kind) &&
        payload.head_len + payload.body_len > SV_PAYLOAD_HEADER_MAX_BYTES)
        return SYNCTV_E_TOO_LARGE;
    *ret = payload;
    return 1;
}
