/* SPDX-License-Identifier: MIT */
#include "media/flv.h"

#include <string.h>

#include "base/error.h"
#include "media/big_endian.h"

enum { TAG_AUDIO = 8, TAG_VIDEO = 9, TAG_SCRIPT = 18, TAG_IS_ENCRYPTED = 0x20 };
enum { FLAG_VIDEO = 1, FLAG_AUDIO = 4 };
/* Of the file, without the length behind it. */
#define FILE_HEAD_LEN 9
#define FILE_HEAD_MAX_LEN 65536
/* A larger buffer is not kept for the next tag. */
#define KEPT_BYTES (256 << 10)

/* ---- writing ---- */

void sv_flv_write_head(uint8_t ret[SV_FLV_HEAD_LEN], bool has_audio, bool has_video)
{
    static const uint8_t head[SV_FLV_HEAD_LEN] = { 'F', 'L', 'V', 1, [8] = FILE_HEAD_LEN };
    memcpy(ret, head, sizeof(head));
    ret[4] = (uint8_t)((has_audio ? FLAG_AUDIO : 0) | (has_video ? FLAG_VIDEO : 0));
}

void sv_flv_write_tag_head(uint8_t ret[SV_FLV_TAG_HEAD_LEN], enum sv_media_type type,
    int64_t timestamp_ms, size_t len)
{
    static const uint8_t tags[] = {
        [SV_MEDIA_VIDEO] = TAG_VIDEO,
        [SV_MEDIA_AUDIO] = TAG_AUDIO,
        [SV_MEDIA_METADATA] = TAG_SCRIPT,
    };
    uint32_t timestamp = (uint32_t)timestamp_ms & INT32_MAX;
    ret[0] = tags[type];
    sv_put_be24(ret + 1, (uint32_t)len);
    sv_put_be24(ret + 4, timestamp & 0xffffff);
    ret[7] = (uint8_t)(timestamp >> 24);
    sv_put_be24(ret + 8, 0);
}

void sv_flv_write_tag_tail(uint8_t ret[SV_FLV_TAG_TAIL_LEN], size_t len)
{
    sv_put_be32(ret, (uint32_t)(SV_FLV_TAG_HEAD_LEN + len));
}

/* ---- reading ---- */

void sv_flv_reader_fini(struct sv_flv_reader *reader)
{
    sv_buffer_fini(&reader->data);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Returns true when `len` bytes of a head are there. */
static bool take_head(struct sv_flv_reader *r, size_t len, const uint8_t *in, size_t in_len,
    size_t *ret_used)
{
    *ret_used = smaller(len - r->head_len, in_len);
    memcpy(r->head + r->head_len, in, *ret_used);
    r->head_len += *ret_used;
    if (r->head_len < len)
        return false;
    r->head_len = 0;
    return true;
}

static int begin_file(struct sv_flv_reader *r, synctv_error *err)
{
    uint32_t head_len = sv_get_be32(r->head + 5);
    if (memcmp(r->head, "FLV", 3) != 0 || head_len < FILE_HEAD_LEN || head_len > FILE_HEAD_MAX_LEN)
        return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT, "this is no FLV");
    r->has_head = true;
    r->skip_left = head_len - FILE_HEAD_LEN + SV_FLV_TAG_TAIL_LEN;
    return 0;
}

static bool type_of(uint8_t tag, enum sv_media_type *ret)
{
    switch (tag) {
    case TAG_VIDEO:
        *ret = SV_MEDIA_VIDEO;
        return true;
    case TAG_AUDIO:
        *ret = SV_MEDIA_AUDIO;
        return true;
    case TAG_SCRIPT:
        *ret = SV_MEDIA_METADATA;
        return true;
    default:
        return false;
    }
}

static int begin_tag(struct sv_flv_reader *r, synctv_error *err)
{
    enum sv_media_type type;
    uint32_t len = sv_get_be24(r->head + 1);
    if ((r->head[0] & TAG_IS_ENCRYPTED) != 0)
        return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT, "a tag of the FLV is encrypted");
    if (!type_of(r->head[0], &type) ||
        (type == SV_MEDIA_METADATA && len > SV_PAYLOAD_HEADER_MAX_BYTES)) {
        r->skip_left = len + SV_FLV_TAG_TAIL_LEN;
        return 0;
    }
    if (len > SV_PAYLOAD_MAX_BYTES)
        return sv_errorf(err, SYNCTV_E_TOO_LARGE, "a tag of the FLV has %u bytes; %d are the most",
            len, SV_PAYLOAD_MAX_BYTES);
    r->is_in_tag = true;
    r->tag_len = len;
    return 0;
}

static void end_tag(struct sv_flv_reader *r, struct sv_flv_tag *ret)
{
    uint32_t timestamp = sv_get_be24(r->head + 4) | (uint32_t)r->head[7] << 24;
    struct sv_flv_tag tag = {
        .data = r->data.data != NULL ? r->data.data : (const uint8_t *)"",
        .len = r->data.len,
    };
    type_of(r->head[0], &tag.type);
    tag.timestamp_ms = tag.type == SV_MEDIA_METADATA ? sv_clock32_now(&r->clock)
                                                     : sv_clock32_take(&r->clock, timestamp);
    r->is_in_tag = false;
    r->skip_left = SV_FLV_TAG_TAIL_LEN;
    *ret = tag;
}

/* Takes some bytes. Returns 1 if that completes a tag. */
static int step(struct sv_flv_reader *r, const uint8_t *in, size_t len, size_t *ret_used,
    struct sv_flv_tag *ret, synctv_error *err)
{
    int rv = 0;
    if (r->skip_left > 0) {
        *ret_used = smaller(r->skip_left, len);
        r->skip_left -= (uint32_t)*ret_used;
        return 0;
    }
    if (!r->is_in_tag) {
        if (take_head(r, r->has_head ? SV_FLV_TAG_HEAD_LEN : FILE_HEAD_LEN, in, len, ret_used))
            rv = r->has_head ? begin_tag(r, err) : begin_file(r, err);
        if (rv < 0 || !r->is_in_tag || r->tag_len > 0)
            return rv;
    } else {
        *ret_used = smaller(r->tag_len - r->data.len, len);
        rv = sv_buffer_append(&r->data, in, *ret_used, r->tag_len);
        if (rv < 0)
            return sv_error(err, rv);
    }
    if (r->data.len < r->tag_len)
        return 0;
    end_tag(r, ret);
    return 1;
}

int sv_flv_reader_feed(struct sv_flv_reader *reader, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_flv_tag *ret_tag, synctv_error *err)
{
    size_t pos = 0;
    int rv = 0;
    if (!reader->is_in_tag) {
        reader->data.len = 0;
        if (reader->data.size > KEPT_BYTES)
            sv_buffer_fini(&reader->data);
    }
    while (rv == 0 && pos < len) {
        size_t used = 0;
        rv = step(reader, in + pos, len - pos, &used, ret_tag, err);
        pos += used;
    }
    *ret_used = pos;
    return rv;
}
