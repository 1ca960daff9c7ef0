/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* The table 3-7 of the Unicode standard: what may follow which first byte. */
size_t sv_utf8_decode(const char *s, size_t len, uint32_t *ret_code_point)
{
    const unsigned char *p = (const unsigned char *)s;
    if (len == 0)
        return 0;
    if (p[0] < 0x80) {
        *ret_code_point = p[0];
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4 || len < 2 || !is_continuation(p[1]))
        return 0;
    if (p[0] < 0xe0) {
        *ret_code_point = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if (len < 3 || !is_continuation(p[2]))
        return 0;
    if (p[0] < 0xf0) {
        uint32_t c = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        if (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))
            return 0;
        *ret_code_point = c;
        return 3;
    }
    if (len < 4 || !is_continuation(p[3]))
        return 0;
    uint32_t c = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
        (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    if (c < 0x10000 || c > 0x10ffff)
        return 0;
    *ret_code_point = c;
    return 4;
}

/* Whether all 8 bytes are ASCII and none is NUL. */
static bool is_ascii8(const char *s)
{
    uint64_t w;
    memcpy(&w, s, sizeof(w));
    return (((w - 0x0101010101010101) | w) & 0x8080808080808080) == 0;
}

void sv_text_copy(char *out, size_t size, const char *text)
{
    size_t len = strnlen(sv_str(text), size - 1);
    memcpy(out, sv_str(text), len);
    out[len] = '\0';
}

bool sv_utf8_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (len - i >= 8 && is_ascii8(s + i)) {
            i += 8;
            continue;
        }
        uint32_t c;
        size_t n = sv_utf8_decode(s + i, len - i, &c);
        if (n == 0 || c == 0)
            return false;
        i += n;
    }
    return true;
}

void sv_utf8_trim(char *s)
{
    size_t len = strlen(s);
    size_t first = len;
    while (first > 0 && len - first < 3 && is_continuation((unsigned char)s[first - 1]))
        first--;
    if (first == 0 || (unsigned char)s[first - 1] < 0xc0)
        return;
    first--;
    uint32_t c;
    if (sv_utf8_decode(s + first, len - first, &c) == 0)
        s[first] = '\0';
}

bool sv_is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f) ||
        code_point == 0x2028 || code_point == 0x2029;
}

void sv_hex(char *out, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

void sv_base64url(char *out, const void *data, size_t len)
{
    static const char digits[64] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *p = data;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | p[i];
        n_bits += 8;
        for (; n_bits >= 6; n_bits -= 6)
            *out++ = digits[bits >> (n_bits - 6) & 63];
    }
    if (n_bits > 0)
        *out++ = digits[bits << (6 - n_bits) & 63];
    *out = '\0';
}

bool sv_is_base64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '_';
}
