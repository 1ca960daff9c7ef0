/* SPDX-License-Identifier: MIT */
/*
 * Values of AMF0. The first byte says which objects and arrays are skipped: then as many values
 * are found as without.
 */
#include <synctv/error.h>

#include "fuzz.h"
#include "media/amf0_reader.h"

static bool is_inside(const char *text, size_t len, const uint8_t *data, const uint8_t *end)
{
    return len == 0 || ((const uint8_t *)text >= data && (const uint8_t *)text + len <= end);
}

/* Reads all; of depth 0 returns how many, or the error. */
static int read_all(const uint8_t *data, size_t len, unsigned skipped)
{
    struct sv_amf0_reader reader;
    struct sv_amf0_item item;
    int rv, n = 0;
    unsigned n_items = 0;
    sv_amf0_reader_init(&reader, data, len);
    while ((rv = sv_amf0_reader_next(&reader, &item)) == 1) {
        FUZZ_MUST(++n_items <= SV_AMF0_ITEMS_MAX && item.depth <= SV_AMF0_DEPTH_MAX);
        FUZZ_MUST(is_inside(item.name, item.name_len, data, data + len));
        FUZZ_MUST(is_inside(item.text, item.text_len, data, data + len));
        FUZZ_MUST(reader.pos >= data && reader.pos <= data + len);
        n += item.depth == 0 && item.type != SV_AMF0_END;
        if ((skipped >> (item.depth & 7) & 1) != 0 &&
            (rv = sv_amf0_reader_skip(&reader, &item)) < 0)
            break;
    }
    FUZZ_MUST(rv == 0 || rv == SYNCTV_E_INVALID_ARGUMENT || rv == SYNCTV_E_TOO_LARGE);
    return rv < 0 ? rv : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    FUZZ_MUST(read_all(data + 1, len - 1, 0) == read_all(data + 1, len - 1, data[0]));
    return 0;
}
