/* SPDX-License-Identifier: MIT */
#ifndef SV_BASE_CLOCK_H
#define SV_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Monotonic time, for intervals. */
int64_t sv_mono_us(void);
int64_t sv_mono_ms(void);
/* Monotonic time in `timeout_ms`, for pthread_cond_timedwait(). */
struct timespec sv_mono_deadline(int timeout_ms);
/* The wall clock, Unix ms; it may step. Only for a node clock to follow. */
int64_t sv_wall_ms(void);

/* Further off than this the node clock steps, otherwise it is slewed by at most 5 ms a second. */
#define SV_CLOCK_STEP_MS 5000

/*
 * The node clock, Unix ms. It runs with the monotonic clock and follows the wall clock: a small difference is made good little by little, so
 * that it never goes back; after a large one it steps. Times are arguments: it asks nobody for them.
 * One thread makes it follow, any thread looks.
 */
struct sv_node_clock {
    /* odd while what follows is being changed */
    atomic_uint changes;
    /* monotonic: when the last change was made */
    _Atomic int64_t since_ms;
    /* what the clock was ahead of the monotonic one then, and what it shall be */
    _Atomic int64_t from_us, to_us;
    /* all its steps so far, added up */
    _Atomic int64_t stepped_ms;
};

/* A look at the clock: how it runs. */
struct sv_clock_look {
    unsigned changes;
    int64_t since_ms, from_us, to_us, stepped_ms;
};

void sv_node_clock_init(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms);
/* Waits for a change that is being made right now. */
struct sv_clock_look sv_node_clock_look(const struct sv_node_clock *c);
/* Whether the clock still runs as it was seen to. A time that is to fit the others was taken between the look and this. */
bool sv_node_clock_is(const struct sv_node_clock *c, const struct sv_clock_look *look);
int64_t sv_clock_look_ms(const struct sv_clock_look *look, int64_t mono_ms);
/* What the wall clock shows now. Returns the step that was made in ms, 0 = none. */
int64_t sv_node_clock_follow(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms);
/* The same, without a step however large the difference is. */
void sv_node_clock_slew(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms);

#endif
