/* SPDX-License-Identifier: MIT */
/* Random ids and bytes. */
#ifndef SV_BASE_ID_H
#define SV_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define SV_ID_LEN 12
#define SV_ID_SIZE (SV_ID_LEN + 1) /* with the NUL */

/*
 * Writes `len` random characters of A-Za-z0-9_- and a NUL. The randomness is cryptographic. Returns
 * 0, or INTERNAL if there is none.
 */
int sv_random_id(char *out, size_t len);
/* A new id: nanoid(12). */
int sv_id_new(char out[SV_ID_SIZE]);
/* Exactly SV_ID_LEN characters of the alphabet. NULL is not valid. */
bool sv_id_valid(const char *s);
/* A name of 1..max_len characters of the alphabet plus '.', as node ids are. */
bool sv_name_valid(const char *s, size_t max_len);
int sv_random_bytes(void *out, size_t len);

#endif
