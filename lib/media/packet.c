/* SPDX-License-Identifier: MIT */
#include "media/packet.h"

#include <stdlib.h>
#include <string.h>

struct sv_packet *sv_packet_new(const struct sv_payload *payload, int64_t timestamp_ms)
{
    size_t data_len = payload->head_len + payload->body_len;
    size_t tag_len = SV_FLV_TAG_HEAD_LEN + data_len + SV_FLV_TAG_TAIL_LEN;
    struct sv_packet *packet = malloc(sizeof(*packet) + tag_len);
    if (packet == NULL)
        return NULL;
    atomic_init(&packet->n_refs, 1);
    packet->type = payload->type;
    packet->kind = payload->kind;
    packet->timestamp_ms = timestamp_ms;
    packet->tag_len = tag_len;
    sv_flv_write_tag_head(packet->tag, payload->type,
        payload->kind == SV_PAYLOAD_METADATA ? 0 : timestamp_ms, data_len);
    uint8_t *data = packet->tag + SV_FLV_TAG_HEAD_LEN;
    memcpy(data, payload->head, payload->head_len);
    memcpy(data + payload->head_len, payload->body, payload->body_len);
    sv_flv_write_tag_tail(data + data_len, data_len);
    return packet;
}

struct sv_packet *sv_packet_restamp(const struct sv_packet *packet, int64_t timestamp_ms)
{
    const struct sv_payload payload = {
        .type = packet->type,
        .kind = packet->kind,
        .body = sv_packet_data(packet),
        .body_len = sv_packet_data_len(packet),
    };
    return sv_packet_new(&payload, timestamp_ms);
}

struct sv_packet *sv_packet_ref(struct sv_packet *packet)
{
    atomic_fetch_add_explicit(&packet->n_refs, 1, memory_order_relaxed);
    return packet;
}

void sv_packet_unref(struct sv_packet *packet)
{
    if (packet != NULL && atomic_fetch_sub_explicit(&packet->n_refs, 1, memory_order_acq_rel) == 1)
        free(packet);
}

bool sv_packet_holds(const struct sv_packet *packet, const struct sv_payload *payload)
{
    const uint8_t *data = sv_packet_data(packet);
    return sv_packet_data_len(packet) == payload->head_len + payload->body_len &&
        memcmp(data, payload->head, payload->head_len) == 0 &&
        memcmp(data + payload->head_len, payload->body, payload->body_len) == 0;
}
