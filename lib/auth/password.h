/* SPDX-License-Identifier: MIT */
/*
 * Passwords as Argon2id records: "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>". Each function
 * takes tens of milliseconds and the memory that its cost names: do not call it on a thread that
 * others wait for. Thread-safe; makes no copy of a password.
 */
#ifndef SV_AUTH_PASSWORD_H
#define SV_AUTH_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#define SV_PASSWORD_RECORD_SIZE 128 /* with the NUL */
/*
 * Longer passwords are refused before hashing. The rules for new passwords are in core/validate.h.
 */
#define SV_PASSWORD_INPUT_MAX_BYTES 1024

struct sv_password_cost {
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
};

/* The cost of new records: OWASP's figures for Argon2id. */
extern const struct sv_password_cost sv_password_cost_default;

/* A record with a fresh salt. `cost` NULL = the default. Errors: INVALID_ARGUMENT (too long,
 * cost out of bounds), NO_MEMORY, INTERNAL. */
int sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE]);

/*
 * 0 if the password belongs to the record.
 * Errors: LOGIN_FAILED (it does not), INTERNAL (not one of our records, or its cost is out of
 * bounds), NO_MEMORY.
 */
int sv_password_verify(const char *record, const char *password);

/* Takes as long as verifying against a record of this cost (NULL = the default), for names that
 * do not exist. LOGIN_FAILED, or NO_MEMORY. */
int sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost);

/* Whether a record was made with another cost than this one (NULL = the default), or is none at
 * all. */
bool sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost);

#endif
