/* SPDX-License-Identifier: MIT */
/* Where a node or client sends its log lines. Library code never logs an error that it returns. */
#ifndef SV_BASE_LOG_H
#define SV_BASE_LOG_H

#include <synctv/log.h>

struct sv_log {
    /* NULL = silent. */
    synctv_log_fn *fn;
    void *userdata;
    /* Lines above this level are not even formatted. */
    synctv_log_level level;
};

/* `log` may be NULL. Control characters become '?', so that one call is one line. */
void sv_logf(const struct sv_log *log, synctv_log_level level, const char *area, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

#endif
