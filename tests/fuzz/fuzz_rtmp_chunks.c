/* SPDX-License-Identifier: MIT */
/* Chunks of RTMP. The first byte says in what pieces they come; the messages must not depend on it.
 */
#include <synctv/error.h>

#include "fuzz.h"
#include "media/rtmp_chunk_reader.h"

static void check(const struct sv_rtmp_chunk_reader *r)
{
    size_t partial_bytes = 0;
    FUZZ_MUST(r->n_streams <= SV_RTMP_CHUNK_STREAMS_MAX && r->again_len <= sizeof(r->again));
    FUZZ_MUST(r->chunk_bytes >= SV_RTMP_CHUNK_BYTES_MIN);
    FUZZ_MUST(r->chunk_bytes <= SV_RTMP_CHUNK_BYTES_MAX);
    for (unsigned i = 0; i < r->n_streams; i++) {
        const struct sv_rtmp_chunk_stream *stream = &r->streams[i];
        FUZZ_MUST(stream->data.len <= stream->data.size && stream->data.len <= stream->len);
        FUZZ_MUST(stream == r->returned || stream->is_in_message || stream->data.size == 0);
        partial_bytes += stream->is_in_message ? stream->data.len : 0;
    }
    FUZZ_MUST(partial_bytes == r->partial_bytes);
    FUZZ_MUST(partial_bytes <= SV_RTMP_PARTIAL_MAX_BYTES);
}

struct result {
    int rv;
    unsigned n;
    uint64_t sum;
};

static uint64_t add(uint64_t sum, uint64_t number)
{
    return (sum ^ number) * UINT64_C(0x100000001b3);
}

static struct result read_all(const uint8_t *data, size_t len, size_t piece)
{
    struct sv_rtmp_chunk_reader reader;
    struct result result = { 0 };
    sv_rtmp_chunk_reader_init(&reader);
    for (size_t pos = 0; pos < len && result.rv >= 0; pos += piece) {
        size_t n = len - pos < piece ? len - pos : piece, at = 0, used = 0;
        struct sv_rtmp_message m;
        while ((result.rv = sv_rtmp_chunk_reader_feed(&reader, data + pos + at, n - at, &used, &m,
                    NULL)) == 1) {
            FUZZ_MUST(used <= n - at);
            at += used;
            result.n++;
            result.sum = add(add(add(result.sum, m.type), m.timestamp), m.stream_id);
            for (size_t i = 0; i < m.len; i++)
                result.sum = add(result.sum, m.data[i]);
            check(&reader);
        }
        FUZZ_MUST(result.rv < 0 || at + used == n);
        if (result.rv >= 0)
            check(&reader);
    }
    sv_rtmp_chunk_reader_fini(&reader);
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
