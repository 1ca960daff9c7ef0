/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs short on demand. Programs that link short_memory.c with -Wl,--wrap=malloc,…
 * (meson.build) have it: it strikes our own objects and static libraries; shared libraries keep
 * theirs.
 */
#ifndef FAULTS_SHORT_MEMORY_H
#define FAULTS_SHORT_MEMORY_H

#include "control.h"

/* Of this process, or, if there is a FAULTS_CONTROL, what others may set. */
extern struct control *short_memory;

/*
 * Runs `what` again and again, each time with another allocation failing, until none has failed.
 * Returns how many were tried.
 *
 *     SHORT_MEMORY_SWEEP { rv = something(); if (short_memory->failed) check the failure; else
 * check the success; }
 */
#define SHORT_MEMORY_SWEEP                                                                         \
    for (int64_t sweep_n_ = short_memory_begin(1); sweep_n_ > 0;                                   \
         sweep_n_ = short_memory->failed ? short_memory_begin(sweep_n_ + 1) : 0)

/* The n-th allocation from now fails. */
int64_t short_memory_begin(int64_t n);
/* From now on there is enough, until the next begin(). Returns whether one has failed since the
 * last. */
int short_memory_end(void);

#endif
