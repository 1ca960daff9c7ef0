/* SPDX-License-Identifier: MIT */
/* Log lines on stderr. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <synctv/log.h>

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* A synctv_log_fn; `format` is an enum log_format *. One write a line, so that lines of several threads do not mix. */
void log_line(void *format, synctv_log_level level, const char *area, const char *message);

#endif
