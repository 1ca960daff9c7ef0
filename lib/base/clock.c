/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdatomic.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t sv_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t sv_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

struct timespec sv_mono_deadline(int timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int64_t sv_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

void sv_node_clock_init(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms)
{
    atomic_init(&c->offset_ms, wall_ms - mono_ms);
}

int64_t sv_node_clock_ms(const struct sv_node_clock *c, int64_t mono_ms)
{
    return atomic_load_explicit(&c->offset_ms, memory_order_relaxed) + mono_ms;
}
