/* SPDX-License-Identifier: MIT */
/*
 * What watches the bytes of a client for what gRPC's core takes without limit. The first byte says
 * in what pieces the rest comes; the verdict must not depend on it. Then there are steps, each with
 * a head of four bytes: how many tenths of a second pass before, whose bytes they are (1 = the
 * server's, else the client's), and how many, of which the last step has what there is.
 */
#include <string.h>

#include "../../server/grpc_guard/frames.h"
#include "fuzz.h"

enum { STEP_HEAD_LEN = 4, FROM_SERVER = 1 };

static void check(const struct frames *f, const atomic_size_t *all)
{
    size_t pinned_bytes = 0, requests = 0;
    FUZZ_MUST(f->n_parts <= 2 * f->max_calls && f->n_parts <= f->parts_room);
    for (unsigned i = 0; i < f->n_parts; i++) {
        pinned_bytes += f->parts[i].pinned_bytes;
        requests += f->parts[i].is_request;
        FUZZ_MUST(f->parts[i].call_id != 0);
        FUZZ_MUST(f->parts[i].has_no_answer || f->parts[i].bytes > 0);
        FUZZ_MUST(f->parts[i].has_no_answer || !f->parts[i].is_request);
        FUZZ_MUST(f->parts[i].pinned_bytes >= f->parts[i].bytes);
    }
    FUZZ_MUST(pinned_bytes == f->parts_bytes && requests == f->n_requests);
    FUZZ_MUST(pinned_bytes + requests * FRAMES_CALL_BYTES == atomic_load(all));
    FUZZ_MUST(f->have < sizeof(f->head) || f->state == FRAMES_PREFACE);
    FUZZ_MUST(f->padding <= 255 && f->left < 1u << 24);
    FUZZ_MUST(f->sent_have < sizeof(f->sent_head) && f->sent_left < 1u << 24);
    FUZZ_MUST(f->call_id == 0 || (f->call_id & 1) != 0);
    FUZZ_MUST(!f->acknowledged || f->settings_sent);
}

/* In pieces of these many bytes each. */
static const char *take_step(const uint8_t *data, size_t len, size_t piece, bool from_server,
    int64_t now_ms, struct frames *f, atomic_size_t *all)
{
    const char *why = NULL;
    for (size_t pos = 0; pos < len && why == NULL; pos += piece) {
        size_t n = len - pos < piece ? len - pos : piece;
        if (from_server) {
            f->settings_sent = true;
            frames_sent(f, data + pos, n);
        } else {
            why = frames_take(f, data + pos, n, now_ms);
        }
        check(f, all);
    }
    return why;
}

static const char *take(const uint8_t *data, size_t len, size_t piece, struct frames *f,
    atomic_size_t *all)
{
    const char *why = NULL;
    int64_t now_ms = 1000;
    frames_init(f, 1, all);
    while (len > STEP_HEAD_LEN && why == NULL) {
        const uint8_t *head = data;
        size_t n = (size_t)head[2] << 8 | head[3];
        data += STEP_HEAD_LEN;
        len -= STEP_HEAD_LEN;
        n = n < len ? n : len;
        now_ms += 100 * head[0];
        why = take_step(data, n, piece, head[1] == FROM_SERVER, now_ms, f, all);
        data += n;
        len -= n;
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
    FUZZ_MUST(whole.n_requests == pieces.n_requests && whole.taken == pieces.taken);
    FUZZ_MUST(whole.call_id == pieces.call_id && whole.block_bytes == pieces.block_bytes);
    FUZZ_MUST(whole.n_closed == pieces.n_closed && whole.acknowledged == pieces.acknowledged);
    frames_fini(&whole);
    frames_fini(&pieces);
    FUZZ_MUST(atomic_load(&all) == 0 && atomic_load(&all_again) == 0);
    return 0;
}
