/* SPDX-License-Identifier: MIT */
/*
 * uthash for keys that a peer may choose. Include this instead of uthash.h.
 *   - The hash is keyed with a random secret of this process (SipHash-2-4): nobody can make all
 *   keys fall into one bucket.
 *   - A failed allocation does not end the process: after HASH_ADD* the item is in the table only
 *   if item->hh.tbl is not NULL.
 */
#ifndef SV_BASE_HASH_H
#define SV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 of `len` bytes under a 128-bit key. */
uint64_t sv_siphash(const uint64_t key[2], const void *data, size_t len);
/* The same under the secret of this process. Thread-safe. */
uint32_t sv_hash(const void *data, size_t len);

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = sv_hash((keyptr), (keylen)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
