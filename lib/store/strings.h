/* SPDX-License-Identifier: MIT */
/*
 * A list of strings in one column. Each string is its length (4 bytes, little-endian) and its
 * bytes.
 */
#ifndef SV_STORE_STRINGS_H
#define SV_STORE_STRINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* The encoding of `n` strings in the arena; NULL when out of memory. NULL strings are "". */
void *sv_strings_encode(struct sv_arena *a, const char *const *strings, size_t n, size_t *ret_len);
/*
 * Returns 0, or NO_MEMORY. STORAGE_CORRUPT: the bytes are no such list of UTF-8, or the number of
 * strings is no multiple of `multiple`.
 */
int sv_strings_decode(struct sv_arena *a, const void *data, size_t len, size_t multiple,
    const char ***ret_strings, size_t *ret_n);

#endif
