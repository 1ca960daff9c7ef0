/* SPDX-License-Identifier: MIT */
#ifndef SV_BASE_CLOCK_H
#define SV_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic time, for intervals. */
int64_t sv_mono_us(void);
int64_t sv_mono_ms(void);
/* Monotonic time in `timeout_ms`, for pthread_cond_timedwait(). */
struct timespec sv_mono_deadline(int timeout_ms);
/* The wall clock, Unix ms. Only to start a node clock. */
int64_t sv_wall_ms(void);

/* Wall clock at start + monotonic time: never steps, whatever happens to the machine's clock. */
struct sv_node_clock {
    _Atomic int64_t offset_ms; /* a test puts it forward while the node reads it */
};

void sv_node_clock_init(struct sv_node_clock *c, int64_t wall_ms, int64_t mono_ms);
int64_t sv_node_clock_ms(const struct sv_node_clock *c, int64_t mono_ms);

#endif
