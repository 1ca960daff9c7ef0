/* SPDX-License-Identifier: MIT */
/* Log lines on stderr. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <synctv/log.h>

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/*
 * A synctv_log_fn; `format` is an enum log_format *. Each line is one write(), so that lines of
 * several threads do not mix.
 */
void log_line(void *format, synctv_log_level level, const char *area, const char *message);

/*
 * Whether a second has passed since this last returned true: for lines that peers can cause as
 * often as they like. `last_s` is 0 at first.
 */
bool log_is_due(atomic_llong *last_s);

/* The same for events that are counted meanwhile. All zero at first. */
struct log_tally {
    unsigned n;
    int64_t logged_ms;
};

/*
 * Counts an event at `now_ms` (monotonic, > 0). Returns how many there were since this last
 * returned more than 0, at the first event and then once in `period_ms`; otherwise 0. Not
 * thread-safe.
 */
unsigned log_tally(struct log_tally *tally, int64_t now_ms, int64_t period_ms);

#endif
