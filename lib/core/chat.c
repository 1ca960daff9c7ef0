/* SPDX-License-Identifier: MIT */
#include "core/chat.h"

void sv_danmaku_ring_init(struct sv_danmaku_ring *ring, void (*release)(const void *item))
{
    *ring = (struct sv_danmaku_ring){ .release = release };
}

static struct sv_danmaku_kept *kept_at(struct sv_danmaku_ring *ring, size_t i)
{
    return &ring->kept[(ring->first + i) % SV_DANMAKU_KEEP];
}

static void drop_oldest(struct sv_danmaku_ring *ring)
{
    const void *item = kept_at(ring, 0)->item;
    ring->first = (ring->first + 1) % SV_DANMAKU_KEEP;
    ring->n_kept--;
    if (ring->release != NULL)
        ring->release(item);
}

void sv_danmaku_ring_fini(struct sv_danmaku_ring *ring)
{
    while (ring->n_kept > 0)
        drop_oldest(ring);
}

void sv_danmaku_ring_push(struct sv_danmaku_ring *ring, const void *item, int64_t now_ms)
{
    if (ring->n_kept > 0) {
        int64_t newest_ms = kept_at(ring, ring->n_kept - 1)->at_ms;
        if (now_ms < newest_ms)
            now_ms = newest_ms;
    }
    sv_danmaku_ring_expire(ring, now_ms);
    if (ring->n_kept == SV_DANMAKU_KEEP)
        drop_oldest(ring);
    *kept_at(ring, ring->n_kept) = (struct sv_danmaku_kept){ .item = item, .at_ms = now_ms };
    ring->n_kept++;
}

static int is_recent(const struct sv_danmaku_kept *kept, int64_t now_ms)
{
    return now_ms <= kept->at_ms || now_ms - kept->at_ms <= SV_DANMAKU_KEEP_MS;
}

void sv_danmaku_ring_expire(struct sv_danmaku_ring *ring, int64_t now_ms)
{
    while (ring->n_kept > 0 && !is_recent(kept_at(ring, 0), now_ms))
        drop_oldest(ring);
}

size_t sv_danmaku_ring_recent(const struct sv_danmaku_ring *ring, int64_t now_ms,
    const void *ret[SV_DANMAKU_KEEP])
{
    size_t n = 0;
    for (size_t i = 0; i < ring->n_kept; i++) {
        const struct sv_danmaku_kept *kept = &ring->kept[(ring->first + i) % SV_DANMAKU_KEEP];
        if (is_recent(kept, now_ms))
            ret[n++] = kept->item;
    }
    return n;
}
