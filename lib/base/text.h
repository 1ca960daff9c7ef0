/* SPDX-License-Identifier: MIT */
/* Strings from outside. */
#ifndef SV_BASE_TEXT_H
#define SV_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, ≤ U+10FFFF) without NUL. */
bool sv_utf8_valid(const char *s, size_t len);
/* The code point at the start of `s`: returns its bytes, 1..4, or 0 when none is well-formed there. U+0000 is one. */
size_t sv_utf8_decode(const char *s, size_t len, uint32_t *ret_code_point);
/* Removes the beginning of a code point that a cut has left at the end of `s`. */
void sv_utf8_trim(char *s);
/* General category Cc, or a line or paragraph separator. */
bool sv_is_control(uint32_t code_point);
/* Lower-case hex of `len` bytes plus NUL into out[2 * len + 1]. */
void sv_hex(char *out, const void *data, size_t len);
/* base64url (RFC 4648, section 5) of `len` bytes without padding, plus NUL, into out[SV_BASE64URL_SIZE(len)]. */
void sv_base64url(char *out, const void *data, size_t len);
#define SV_BASE64URL_SIZE(len) (((len)*4 + 2) / 3 + 1)
/* Whether it is one of the 64 characters, which are also those of ids. */
bool sv_is_base64url(char c);
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
