/* SPDX-License-Identifier: MIT */
/*
 * The danmaku of the last seconds, for who joins a room now. Danmaku is never stored.
 * What is kept is opaque and counted by its owner. Not thread-safe.
 */
#ifndef SV_CORE_CHAT_H
#define SV_CORE_CHAT_H

#include <stddef.h>
#include <stdint.h>

#define SV_DANMAKU_KEEP 100      /* at most so many … */
#define SV_DANMAKU_KEEP_MS 10000 /* … of the last 10 s */

struct sv_danmaku_ring {
    struct sv_danmaku_kept {
        const void *item;
        int64_t at_ms;
    } kept[SV_DANMAKU_KEEP];
    size_t first;
    size_t n_kept;
    void (*release)(const void *item); /* drops the ring's reference */
};

void sv_danmaku_ring_init(struct sv_danmaku_ring *ring, void (*release)(const void *item));
/* Releases everything. */
void sv_danmaku_ring_fini(struct sv_danmaku_ring *ring);

/* Takes over one reference to `item`; the oldest one makes room. Times are monotonic. */
void sv_danmaku_ring_push(struct sv_danmaku_ring *ring, const void *item, int64_t now_ms);
/* Releases what is older than 10 s. */
void sv_danmaku_ring_expire(struct sv_danmaku_ring *ring, int64_t now_ms);
/* The last 10 s, oldest first, borrowed. Returns how many were written. */
size_t sv_danmaku_ring_recent(const struct sv_danmaku_ring *ring, int64_t now_ms,
    const void *ret[SV_DANMAKU_KEEP]);

#endif
