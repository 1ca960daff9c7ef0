/* SPDX-License-Identifier: MIT */
#include "store/strings.h"

#include <stdint.h>
#include <string.h>

#include <synctv/error.h>

#include "base/text.h"

#define LENGTH_BYTES 4

void *sv_strings_encode(struct sv_arena *a, const char *const *strings, size_t n, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += LENGTH_BYTES + strlen(sv_str(strings[i]));
    unsigned char *data = sv_arena_alloc(a, len + 1), *out = data;
    if (data == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t bytes = strlen(sv_str(strings[i]));
        for (int b = 0; b < LENGTH_BYTES; b++)
            *out++ = (unsigned char)(bytes >> (8 * b));
        memcpy(out, sv_str(strings[i]), bytes);
        out += bytes;
    }
    *ret_len = len;
    return data;
}

/* Reads the string at `*pos` and moves `*pos` behind it. False if there is none. */
static bool next(const unsigned char *data, size_t len, size_t *pos, const unsigned char **ret_at,
    size_t *ret_bytes)
{
    if (len - *pos < LENGTH_BYTES)
        return false;
    size_t bytes = 0;
    for (int b = 0; b < LENGTH_BYTES; b++)
        bytes |= (size_t)data[*pos + (size_t)b] << (8 * b);
    if (bytes > len - *pos - LENGTH_BYTES)
        return false;
    if (!sv_utf8_valid((const char *)data + *pos + LENGTH_BYTES, bytes))
        return false;
    *ret_at = data + *pos + LENGTH_BYTES;
    *ret_bytes = bytes;
    *pos += LENGTH_BYTES + bytes;
    return true;
}

int sv_strings_decode(struct sv_arena *a, const void *data, size_t len, size_t multiple,
    const char ***ret_strings, size_t *ret_n)
{
    const unsigned char *at;
    size_t n = 0, pos = 0, bytes;
    for (; pos < len; n++)
        if (!next(data, len, &pos, &at, &bytes))
            return SYNCTV_E_STORAGE_CORRUPT;
    if (n % multiple != 0)
        return SYNCTV_E_STORAGE_CORRUPT;

    const char **strings = sv_arena_array(a, n + 1, sizeof(*strings));
    if (strings == NULL)
        return SYNCTV_E_NO_MEMORY;
    pos = 0;
    for (size_t i = 0; i < n && next(data, len, &pos, &at, &bytes); i++) {
        strings[i] = sv_arena_strndup(a, (const char *)at, bytes);
        if (strings[i] == NULL)
            return SYNCTV_E_NO_MEMORY;
    }
    *ret_strings = strings;
    *ret_n = n;
    return 0;
}
