/* SPDX-License-Identifier: MIT */
/* The clocks of the machine, and the node clock, which follows them. */
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

/*
 * If it is further off than this the node clock steps; otherwise it gains or loses at most 5 ms a
 * second.
 */
#define SV_CLOCK_STEP_MS 5000

/*
 * The node clock, Unix ms. It runs with the monotonic clock and follows the wall clock. A small
 * difference is corrected slowly, so that the clock never goes back; after a large one it steps.
 * Callers pass the times. One thread makes it follow; any thread may read it.
 */
struct sv_node_clock {
    /* Odd while a thread changes the fields below. */
    atomic_uint changes;
    /* Monotonic: when the last change was made. */
    _Atomic int64_t since_ms;
    /* How far the clock was ahead of the monotonic clock then, and how far it shall be. */
    _Atomic int64_t from_us, to_us;
    /* The sum of all steps so far. */
    _Atomic int64_t stepped_ms;
};

/* A consistent copy of the clock's fields. */
struct sv_clock_look {
    unsigned changes;
    int64_t since_ms, from_us, to_us, stepped_ms;
};

void sv_node_clock_init(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms);
/* Waits for a change that is under way. */
struct sv_clock_look sv_node_clock_look(const struct sv_node_clock *c);
/*
 * Whether the clock has not changed since `look`. If so, a monotonic time taken in between fits to
 * `look`.
 */
bool sv_node_clock_is(const struct sv_node_clock *c, const struct sv_clock_look *look);
int64_t sv_clock_look_ms(const struct sv_clock_look *look, int64_t mono_ms);
/* Sets the clock by the wall clock. Returns the step in ms, 0 = none. */
int64_t sv_node_clock_follow(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms);
/* The same, without a step however large the difference is. */
void sv_node_clock_slew(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms);

#endif
