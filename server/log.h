/* SPDX-License-Identifier: MIT */
/* Log lines on stderr. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

#include <synctv/log.h>

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* A synctv_log_fn; `format` is an enum log_format *. One write a line, so that lines of several threads do not mix. */
void log_line(void *format, synctv_log_level level, const char *area, const char *message);

/* Whether a second has passed since it last was: for lines that peers could provoke as often as they like. `last_s` is 0 at first. */
bool log_is_due(atomic_llong *last_s);

#endif
