/* SPDX-License-Identifier: MIT */
/* UTF-8, hex and base64url. */
#ifndef SV_BASE_TEXT_H
#define SV_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As much of `text` as fits (NULL is ""), and a NUL. `size` > 0. */
void sv_text_copy(char *out, size_t size, const char *text);
/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, ≤ U+10FFFF) without NUL. */
bool sv_utf8_valid(const char *s, size_t len);
/*
 * Decodes the code point at the start of `s`. Returns its length in bytes, 1..4, or 0 if it is not
 * well-formed. U+0000 counts as one.
 */
size_t sv_utf8_decode(const char *s, size_t len, uint32_t *ret_code_point);
/* Removes an incomplete code point that a cut has left at the end of `s`. */
void sv_utf8_trim(char *s);
/* General category Cc, or a line or paragraph separator. */
bool sv_is_control(uint32_t code_point);
/* Lower-case hex of `len` bytes plus NUL into out[2 * len + 1]. */
void sv_hex(char *out, const void *data, size_t len);
/*
 * base64url (RFC 4648, section 5) of `len` bytes without padding, plus NUL, into
 * out[SV_BASE64URL_SIZE(len)].
 */
void sv_base64url(char *out, const void *data, size_t len);
#define SV_BASE64URL_SIZE(len) (((len)*4 + 2) / 3 + 1)
/* Whether it is one of the 64 characters, which are also those of ids. */
bool sv_is_base64url(char c);
/* NULL and "" both mean "none". */
static inline bool sv_str_empty(const char *s)
{
    return s == NULL || s[0] == '\0';
}
static inline const char *sv_str(const char *s)
{
    return s == NULL ? "" : s;
}

#endif
