/* SPDX-License-Identifier: MIT */
/*
 * A piece of a live stream: one FLV tag, built once and shared by all who send it. It never changes
 * and is counted, so any thread may read it and drop it.
 */
#ifndef SV_MEDIA_PACKET_H
#define SV_MEDIA_PACKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/flv.h"
#include "media/payload.h"

struct sv_packet {
    /* For packet.c alone. */
    atomic_uint n_refs;
    enum sv_media_type type;
    enum sv_payload_kind kind;
    /* Stream time. The tag of metadata is stamped 0 all the same: players want it so. */
    int64_t timestamp_ms;
    /* The whole tag, with its length behind it. */
    size_t tag_len;
    uint8_t tag[];
};

/* A new reference. NULL when out of memory. */
struct sv_packet *sv_packet_new(const struct sv_payload *payload, int64_t timestamp_ms);
/* The same with another time, e.g. a header that a viewer gets later than others. */
struct sv_packet *sv_packet_restamp(const struct sv_packet *packet, int64_t timestamp_ms);
struct sv_packet *sv_packet_ref(struct sv_packet *packet);
/* NULL is fine. */
void sv_packet_unref(struct sv_packet *packet);

/* What the tag holds: the data of an RTMP message, or of an RtmpPacket. */
static inline const uint8_t *sv_packet_data(const struct sv_packet *packet)
{
    return packet->tag + SV_FLV_TAG_HEAD_LEN;
}

static inline size_t sv_packet_data_len(const struct sv_packet *packet)
{
    return packet->tag_len - SV_FLV_TAG_HEAD_LEN - SV_FLV_TAG_TAIL_LEN;
}

/* Whether its data is this payload. */
bool sv_packet_holds(const struct sv_packet *packet, const struct sv_payload *payload);

#endif
