/* SPDX-License-Identifier: MIT */
/*
 * Turns repeated failures into few log lines: one when they begin, one a minute while they last,
 * one when they are over. It only counts. The caller writes the log, and locks if several threads
 * use it.
 */
#ifndef SV_BASE_OUTAGE_H
#define SV_BASE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

/* All zeros = no failure yet. */
struct sv_outage {
    /* The log has the beginning of the failures, but not yet their end. */
    bool logged;
    /* The failure that was logged last, and when (monotonic); 0 = none yet. */
    int what;
    int64_t logged_at_ms;
    /* Failures since then. */
    unsigned unlogged;
};

/*
 * Counts a failure with the caller's number `what`. Returns whether to log it now: the first time,
 * then once a minute, or once a second if the number is not the last one logged. *ret_times:
 * failures since the last log line, this one included.
 */
bool sv_outage_failed(struct sv_outage *o, int what, int64_t now_ms, unsigned *ret_times);
/*
 * Counts a success. Returns whether to log it now, because the log has the beginning of the
 * failures. *ret_times: failures since the last log line.
 */
bool sv_outage_over(struct sv_outage *o, unsigned *ret_times);

#endif
