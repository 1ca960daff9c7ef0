/* SPDX-License-Identifier: MIT */
/*
 * What watches the bytes of a client for what gRPC's core takes without limit. The first byte says in what pieces the rest comes;
 * the verdict must not depend on it.
 */
#include <string.h>

#include "../../server/frames.h"
#include "fuzz.h"

#define MAX_CALLS 4

static void check(const struct frames *f, const atomic_size_t *all)
{
    size_t bytes = 0;
    FUZZ_MUST(f->n_parts <= FRAMES_PARTS_MAX);
    for (unsigned i = 0; i < f->n_parts; i++)
        bytes += f->parts[i].bytes;
    FUZZ_MUST(bytes == f->parts_bytes && bytes == atomic_load(all));
    FUZZ_MUST(f->have < sizeof(f->head) || f->state == FRAMES_PREFACE ||
        f->state == FRAMES_FOREIGN);
    FUZZ_MUST(f->padding <= 255 && f->left < 1u << 24);
}

/* In pieces of these many bytes each. */
static const char *take(const uint8_t *data, size_t len, size_t piece, struct frames *f,
    atomic_size_t *all)
{
    const char *why = NULL;
    frames_init(f, MAX_CALLS, all);
    for (size_t pos = 0; pos < len && why == NULL; pos += piece) {
        size_t n = len - pos < piece ? len - pos : piece;
        why = frames_take(f, data + pos, n, 1000);
        check(f, all);
    }
    return why;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    atomic_size_t all = 0, all_again = 0;
    struct frames whole, pieces;
    const char *at_once = take(data + 1, len - 1, len, &whole, &all);
    const char *bit_by_bit = take(data + 1, len - 1, 1u + data[0] % 64, &pieces, &all_again);
    FUZZ_MUST(at_once == bit_by_bit || strcmp(at_once, bit_by_bit) == 0);
    FUZZ_MUST(whole.n_parts == pieces.n_parts && whole.parts_bytes == pieces.parts_bytes);
    FUZZ_MUST(whole.call_id == pieces.call_id && whole.block_bytes == pieces.block_bytes);
    frames_fini(&whole);
    frames_fini(&pieces);
    FUZZ_MUST(atomic_load(&all) == 0 && atomic_load(&all_again) == 0);
    return 0;
}
