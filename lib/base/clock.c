/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdlib.h>

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

/* --- the node clock --- */

/* 0.5 % */
#define SLEW_US_PER_MS 5

void sv_node_clock_init(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms)
{
    int64_t ahead_us = (wall_ms - mono_ms) * 1000;
    atomic_init(&c->changes, 0);
    atomic_init(&c->since_ms, mono_ms);
    atomic_init(&c->from_us, ahead_us);
    atomic_init(&c->to_us, ahead_us);
    atomic_init(&c->stepped_ms, 0);
}

bool sv_node_clock_is(const struct sv_node_clock *c, const struct sv_clock_look *look)
{
    return atomic_load(&c->changes) == look->changes;
}

struct sv_clock_look sv_node_clock_look(const struct sv_node_clock *c)
{
    struct sv_clock_look look;
    do {
        look.changes = atomic_load(&c->changes);
        look.since_ms = atomic_load(&c->since_ms);
        look.from_us = atomic_load(&c->from_us);
        look.to_us = atomic_load(&c->to_us);
        look.stepped_ms = atomic_load(&c->stepped_ms);
    } while (look.changes % 2 != 0 || !sv_node_clock_is(c, &look));
    return look;
}

/* How far the clock is ahead of the monotonic clock. */
static int64_t ahead_us(const struct sv_clock_look *look, int64_t mono_ms)
{
    int64_t left_us = look->to_us - look->from_us;
    int64_t passed_ms = mono_ms > look->since_ms ? mono_ms - look->since_ms : 0;
    int64_t slewed_us = passed_ms * SLEW_US_PER_MS;
    if (slewed_us >= llabs(left_us))
        return look->to_us;
    return look->from_us + (left_us < 0 ? -slewed_us : slewed_us);
}

static int64_t floor_ms(int64_t us)
{
    return us / 1000 - (us % 1000 < 0);
}

int64_t sv_clock_look_ms(const struct sv_clock_look *look, int64_t mono_ms)
{
    return mono_ms + floor_ms(ahead_us(look, mono_ms));
}

static int64_t follow(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms, bool may_step)
{
    const struct sv_clock_look now = sv_node_clock_look(c);
    int64_t off_ms = wall_ms - sv_clock_look_ms(&now, mono_ms);
    int64_t step_ms = may_step && llabs(off_ms) > SV_CLOCK_STEP_MS ? off_ms : 0;
    int64_t to_us = (wall_ms - mono_ms) * 1000;

    atomic_store(&c->changes, now.changes + 1);
    atomic_store(&c->since_ms, mono_ms);
    atomic_store(&c->from_us, step_ms != 0 ? to_us : ahead_us(&now, mono_ms));
    atomic_store(&c->to_us, to_us);
    atomic_store(&c->stepped_ms, now.stepped_ms + step_ms);
    atomic_store(&c->changes, now.changes + 2);
    return step_ms;
}

int64_t sv_node_clock_follow(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms)
{
    return follow(c, wall_ms, mono_ms, true);
}

void sv_node_clock_slew(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms)
{
    follow(c, wall_ms, mono_ms, false);
}
