/* SPDX-License-Identifier: MIT */
/*
 * The danmaku of the last seconds, for clients that join the room now. Danmaku is never stored. The
 * ring does not look into its items; it holds a reference to each. Not thread-safe.
 */
#ifndef SV_CORE_CHAT_H
#define SV_CORE_CHAT_H

#include <stddef.h>
#include <stdint.h>

/* At most 100 items of the last 10 s. */
#define SV_DANMAKU_KEEP 100
#define SV_DANMAKU_KEEP_MS 10000

struct sv_danmaku_ring {
    struct sv_danmaku_kept {
        const void *item;
        int64_t at_ms;
    } kept[SV_DANMAKU_KEEP];
    size_t first;
    size_t n_kept;
    /* Drops the ring's reference. */
    void (*release)(const void *item);
};

void sv_danmaku_ring_init(struct sv_danmaku_ring *ring, void (*release)(const void *item));
/* Releases all items. */
void sv_danmaku_ring_fini(struct sv_danmaku_ring *ring);

/* Takes over one reference to `item`; a full ring drops the oldest item. Times are monotonic. */
void sv_danmaku_ring_push(struct sv_danmaku_ring *ring, const void *item, int64_t now_ms);
/* Releases items older than 10 s. */
void sv_danmaku_ring_expire(struct sv_danmaku_ring *ring, int64_t now_ms);
/* The items of the last 10 s, oldest first, borrowed. Returns how many were written. */
size_t sv_danmaku_ring_recent(const struct sv_danmaku_ring *ring, int64_t now_ms,
    const void *ret[SV_DANMAKU_KEEP]);

#endif
