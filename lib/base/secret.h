/* SPDX-License-Identifier: MIT */
/* Passwords, tokens and keys in memory. */
#ifndef SV_BASE_SECRET_H
#define SV_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites it, whatever the optimizer thinks. NULL with length 0 is fine. */
void sv_secret_wipe(void *secret, size_t len);
/* In a time that does not depend on the bytes. */
bool sv_secret_equal(const void *a, const void *b, size_t len);

#endif
