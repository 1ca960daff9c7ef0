/* SPDX-License-Identifier: MIT */
/* Strings from outside. */
#ifndef SV_BASE_TEXT_H
#define SV_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, ≤ U+10FFFF) without NUL. */
bool sv_utf8_valid(const char *s, size_t len);
/* Code points of a valid UTF-8 string. */
size_t sv_utf8_count(const char *s);
/* Whether a valid UTF-8 string has a code point of general category Cc, or a line or paragraph separator. */
bool sv_utf8_has_control(const char *s);
/* Lower-case hex of `len` bytes plus NUL into out[2 * len + 1]. */
void sv_hex(char *out, const void *data, size_t len);
/* NULL and "" are the same nothing. */
static inline bool sv_str_empty(const char *s)
{
    return s == NULL || s[0] == '\0';
}
static inline const char *sv_str(const char *s)
{
    return s == NULL ? "" : s;
}

#endif
