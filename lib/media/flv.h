/* SPDX-License-Identifier: MIT */
/*
 * FLV: a head, then tags. A tag is a head, the data of an RTMP message, and its length once more.
 */
#ifndef SV_MEDIA_FLV_H
#define SV_MEDIA_FLV_H

#include <stdbool.h>

#include <synctv/error.h>

#include "media/buffer.h"
#include "media/payload.h"
#include "media/timeline.h"

/* ---- writing ---- */

/* The file's head, with the length of the tag before the first one, which is 0. */
#define SV_FLV_HEAD_LEN 13
#define SV_FLV_TAG_HEAD_LEN 11
#define SV_FLV_TAG_TAIL_LEN 4

/* The flags should be true: some players wait for a track that is announced. */
void sv_flv_write_head(uint8_t ret[SV_FLV_HEAD_LEN], bool has_audio, bool has_video);
/* Players read times as signed 32 bits, so the time wraps at 2^31 ms. `len` is below 2^24. */
void sv_flv_write_tag_head(uint8_t ret[SV_FLV_TAG_HEAD_LEN], enum sv_media_type type,
    int64_t timestamp_ms, size_t len);
void sv_flv_write_tag_tail(uint8_t ret[SV_FLV_TAG_TAIL_LEN], size_t len);

/* ---- reading ---- */

struct sv_flv_tag {
    enum sv_media_type type;
    int64_t timestamp_ms;
    const uint8_t *data;
    size_t len;
};

/* All zeros at first. */
struct sv_flv_reader {
    bool has_head;
    uint8_t head[SV_FLV_TAG_HEAD_LEN];
    size_t head_len;
    /* Bytes to be skipped; or of the tag that comes. */
    uint32_t skip_left;
    bool is_in_tag;
    uint32_t tag_len;
    struct sv_buffer data;
    struct sv_clock32 clock;
};

void sv_flv_reader_fini(struct sv_flv_reader *reader);
/*
 * Takes bytes up to the end of a tag: returns 1 and the tag, which is valid until the next call; or
 * 0 when all of the input is used. Call it until it returns 0. Tags of other types, and metadata
 * longer than SV_PAYLOAD_HEADER_MAX_BYTES, are left out. The lengths behind tags are not looked at.
 * Errors: INVALID_ARGUMENT (no FLV, or encrypted), TOO_LARGE (a tag), NO_MEMORY.
 */
int sv_flv_reader_feed(struct sv_flv_reader *reader, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_flv_tag *ret_tag, synctv_error *err);

#endif
