/* SPDX-License-Identifier: MIT */
/* The opaque token that renews a session. Storage has only its hash. */
#ifndef SV_AUTH_REFRESH_TOKEN_H
#define SV_AUTH_REFRESH_TOKEN_H

#define SV_REFRESH_TOKEN_LEN 43                          /* base64url of 32 random bytes */
#define SV_REFRESH_TOKEN_SIZE (SV_REFRESH_TOKEN_LEN + 1) /* with the NUL */
#define SV_REFRESH_HASH_SIZE 32

/* Errors: INTERNAL (no random). */
int sv_refresh_token_new(char out[SV_REFRESH_TOKEN_SIZE]);
/*
 * SHA-256 of a token. Errors: TOKEN_INVALID if no token looks like this, or it is NULL; then `out`
 * is untouched.
 */
int sv_refresh_token_hash(const char *token, unsigned char out[SV_REFRESH_HASH_SIZE]);

#endif
