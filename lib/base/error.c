/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct error_row {
    const char *reason;
    int code;
    int grpc_status;
    const char *text;
};

static const struct error_row error_rows[] = {
#define ERROR_ROW(name, number, grpc, text) { #name, number, grpc, text },
    SYNCTV_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

#define N_ERROR_ROWS (sizeof(error_rows) / sizeof(error_rows[0]))

/* The row of a failure. An unknown number gets the first row, INTERNAL. */
static const struct error_row *error_row(int code)
{
    for (size_t i = 0; i < N_ERROR_ROWS; i++) {
        if (error_rows[i].code == code)
            return &error_rows[i];
    }
    return &error_rows[0];
}

const char *synctv_error_reason(int code)
{
    return code >= 0 ? "OK" : error_row(code)->reason;
}

const char *synctv_error_text(int code)
{
    return code >= 0 ? "ok" : error_row(code)->text;
}

int synctv_error_grpc_status(int code)
{
    return code >= 0 ? 0 : error_row(code)->grpc_status;
}

/* "OK" is no reason: a peer that says so in a failed call has failed all the same. */
int synctv_error_from_reason(const char *reason)
{
    if (reason == NULL)
        return SYNCTV_E_INTERNAL;
    for (size_t i = 0; i < N_ERROR_ROWS; i++) {
        if (strcmp(error_rows[i].reason, reason) == 0)
            return error_rows[i].code;
    }
    return SYNCTV_E_INTERNAL;
}

/*
 * Writes the message from byte `at` on. It is cut at the end of a code point, and is never empty.
 */
static void set_text(synctv_error *err, size_t at, const char *fmt, va_list ap)
{
    size_t room = sizeof(err->message) - at;
    int len = vsnprintf(err->message + at, room, fmt, ap);
    if (len >= (int)room)
        sv_utf8_trim(err->message);
    if (len <= 0)
        snprintf(err->message + at, room, "%s", synctv_error_text(err->code));
}

int sv_error(synctv_error *err, int code)
{
    if (err != NULL) {
        *err = (synctv_error){ .code = code };
        snprintf(err->message, sizeof(err->message), "%s", synctv_error_text(code));
    }
    return code;
}

int sv_errorf(synctv_error *err, int code, const char *fmt, ...)
{
    if (err != NULL) {
        *err = (synctv_error){ .code = code };
        va_list ap;
        va_start(ap, fmt);
        set_text(err, 0, fmt, ap);
        va_end(ap);
    }
    return code;
}

int sv_error_field(synctv_error *err, const char *field, const char *fmt, ...)
{
    if (err != NULL) {
        *err = (synctv_error){ .code = SYNCTV_E_INVALID_ARGUMENT };
        if (snprintf(err->field, sizeof(err->field), "%s", sv_str(field)) >=
            (int)sizeof(err->field))
            sv_utf8_trim(err->field);
        size_t at = 0;
        if (err->field[0] != '\0')
            at = (size_t)snprintf(err->message, sizeof(err->message), "%s: ", err->field);
        va_list ap;
        va_start(ap, fmt);
        set_text(err, at, fmt, ap);
        va_end(ap);
    }
    return SYNCTV_E_INVALID_ARGUMENT;
}

int sv_error_retry(synctv_error *err, int64_t retry_after_ms)
{
    sv_error(err, SYNCTV_E_RATE_LIMITED);
    if (err != NULL)
        err->retry_after_ms = retry_after_ms;
    return SYNCTV_E_RATE_LIMITED;
}
