/* SPDX-License-Identifier: MIT */
/* Signed tokens: JWT with HS256, no other algorithm. Thread-safe. */
#ifndef SV_AUTH_TOKEN_H
#define SV_AUTH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

#define SV_TOKEN_MAX_BYTES 4096 /* longer ones are refused unseen */
#define SV_TOKEN_KEY_MIN_BYTES 32
#define SV_TOKEN_ID_LEN 21 /* of jti */

/* Who uses a token. A token for one audience is never valid for another. */
enum sv_token_audience {
    /* "synctv-client": sub is a user's id; username, sid and jti are present. */
    SV_TOKEN_CLIENT,
    /* "synctv-cluster": sub is a node's id, dst the node that is called. */
    SV_TOKEN_CLUSTER,
};

/* "" = absent. Times are Unix seconds, as in JWT. */
struct sv_token_claims {
    char subject[65];
    char username[161];
    char session_id[SV_ID_SIZE];
    /* sv_random_id(token_id, SV_TOKEN_ID_LEN). */
    char token_id[SV_TOKEN_ID_LEN + 1];
    char destination[129];
    int64_t issued_at_s;
    int64_t expires_at_s;
};

/*
 * @ret_token  on success a string to be released with free().
 *
 * Errors: INVALID_ARGUMENT (a claim of that audience is missing or is not UTF-8, or the key is too
 * short), NO_MEMORY, INTERNAL.
 */
int sv_token_sign(const void *key, size_t key_len, enum sv_token_audience audience,
    const struct sv_token_claims *claims, char **ret_token);

/* Checks the signature, the issuer, the audience, the type of every claim, and the expiry. */
int sv_token_verify(const void *key, size_t key_len, enum sv_token_audience audience,
    const char *token, size_t token_len, int64_t now_ms, int64_t leeway_s,
    struct sv_token_claims *ret_claims);

#endif
