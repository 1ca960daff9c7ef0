/* SPDX-License-Identifier: MIT */
/*
 * What fails again and again as a few lines in a log: one when it begins, one a minute while it lasts, one when it is over. It only
 * counts; who has it does the logging, and the locking if several threads have it.
 */
#ifndef SV_BASE_OUTAGE_H
#define SV_BASE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Zeros: nothing has failed yet. */
struct sv_outage {
    /* The log knows that it has begun, and not that it is over. */
    bool told;
    /* What the log was told last, and when (monotonic); 0 = nothing yet. */
    int what;
    int64_t told_at_ms;
    /* Failures since then. */
    unsigned untold;
};

/*
 * It has failed, with a number of the caller's. Returns whether to say so now: the first time, and then once a minute, or once a
 * second where it is another number than the last one told. *ret_times: how often it has failed since it was last said, this time included.
 */
bool sv_outage_failed(struct sv_outage *o, int what, int64_t now_ms, unsigned *ret_times);
/* It works. Returns whether to say so now: the log was told that it had begun. *ret_times: how often it has failed since. */
bool sv_outage_over(struct sv_outage *o, unsigned *ret_times);

#endif
