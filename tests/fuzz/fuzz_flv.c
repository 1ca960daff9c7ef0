/* SPDX-License-Identifier: MIT */
/* FLV files. The first byte says in what pieces they come; the tags must not depend on it. */
#include <synctv/error.h>

#include "fuzz.h"
#include "media/flv.h"
#include "media/packet.h"

struct result {
    int rv;
    unsigned n;
    uint64_t sum;
};

static uint64_t add(uint64_t sum, uint64_t number)
{
    return (sum ^ number) * UINT64_C(0x100000001b3);
}

/* What viewers need of a tag becomes a packet that says the same of itself. */
static void pack(const struct sv_flv_tag *tag)
{
    struct sv_payload payload, again;
    if (sv_payload_look(tag->type, tag->data, tag->len, &payload) != 1)
        return;
    struct sv_packet *packet = sv_packet_new(&payload, tag->timestamp_ms);
    FUZZ_MUST(packet != NULL && packet->kind == payload.kind);
    FUZZ_MUST(sv_packet_holds(packet, &payload) && sv_packet_data_len(packet) > 0);
    FUZZ_MUST(sv_packet_data_len(packet) <= tag->len);
    FUZZ_MUST(sv_payload_look(packet->type, sv_packet_data(packet), sv_packet_data_len(packet),
                  &again) == 1);
    FUZZ_MUST(again.kind == payload.kind && sv_packet_holds(packet, &again));
    sv_packet_unref(packet);
}

static struct result read_all(const uint8_t *data, size_t len, size_t piece)
{
    struct sv_flv_reader reader = { 0 };
    struct result result = { 0 };
    for (size_t pos = 0; pos < len && result.rv >= 0; pos += piece) {
        size_t n = len - pos < piece ? len - pos : piece, at = 0, used = 0;
        struct sv_flv_tag tag;
        while ((result.rv = sv_flv_reader_feed(&reader, data + pos + at, n - at, &used, &tag,
                    NULL)) == 1) {
            FUZZ_MUST(used <= n - at);
            at += used;
            result.n++;
            result.sum = add(add(result.sum, tag.type), (uint64_t)tag.timestamp_ms);
            for (size_t i = 0; i < tag.len; i++)
                result.sum = add(result.sum, tag.data[i]);
            pack(&tag);
        }
        FUZZ_MUST(result.rv < 0 || at + used == n);
        FUZZ_MUST(reader.data.size <= 2 * len + 512);
    }
    sv_flv_reader_fini(&reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    struct result whole = read_all(data + 1, len - 1, len);
    struct result pieces = read_all(data + 1, len - 1, 1u + data[0] % 64);
    FUZZ_MUST(whole.rv == pieces.rv && whole.n == pieces.n && whole.sum == pieces.sum);
    return 0;
}
