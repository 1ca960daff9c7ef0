/* SPDX-License-Identifier: MIT */
/* Wiping and comparing passwords, tokens and keys in memory. */
#ifndef SV_BASE_SECRET_H
#define SV_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites the bytes; the optimizer cannot remove that. NULL with length 0 is fine. */
void sv_secret_wipe(void *secret, size_t len);
/* Compares in a time that does not depend on the bytes. */
bool sv_secret_equal(const void *a, const void *b, size_t len);

#endif
