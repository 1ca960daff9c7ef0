/* SPDX-License-Identifier: MIT */
/*
 * Fills synctv_error. Each function returns `code`, so that callers can write `return sv_error(err,
 * SYNCTV_E_…)`.
 */
#ifndef SV_BASE_ERROR_H
#define SV_BASE_ERROR_H

#include <synctv/error.h>

/* Sets the default text of the code. `err` may be NULL, here and below. */
int sv_error(synctv_error *err, int code);
int sv_errorf(synctv_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* INVALID_ARGUMENT; the message is "<field>: <text>". */
int sv_error_field(synctv_error *err, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* RATE_LIMITED with the time after which to try again. */
int sv_error_retry(synctv_error *err, int64_t retry_after_ms);

#endif
