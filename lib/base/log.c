/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define MAX_LINE_BYTES 1024

/*
 * Replaces everything that is not one line of UTF-8 by '?', in place: text from outside cannot
 * forge a second line.
 */
static void make_one_line(char *s)
{
    size_t len = strlen(s);
    char *out = s;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = sv_utf8_decode(s + i, len - i, &c);
        if (n == 0 || sv_is_control(c)) {
            *out++ = '?';
            i += n == 0 ? 1 : n;
            continue;
        }
        memmove(out, s + i, n);
        out += n;
        i += n;
    }
    *out = '\0';
}

void sv_logf(const struct sv_log *log, synctv_log_level level, const char *area, const char *fmt,
    ...)
{
    if (log == NULL || log->fn == NULL || level > log->level)
        return;
    char line[MAX_LINE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (len < 0)
        return;
    if (len >= (int)sizeof(line))
        sv_utf8_trim(line);
    make_one_line(line);
    log->fn(log->userdata, level, area, line);
}
