/* SPDX-License-Identifier: MIT */
/*
 * The cluster's secret, and the tokens that it signs: who calls whom, for a minute. Each line of
 * the file is a key, without its line end; the first one signs, and all verify, so that a new
 * secret can be put before an old one. Lines that are too short to be a key are none.
 */
#ifndef SV_PEER_KEYS_H
#define SV_PEER_KEYS_H

#include <synctv/error.h>

#include "auth/token.h"

#define SV_PEER_KEYS_MAX 16
#define SV_PEER_TOKEN_MS 60000
/* So far the clocks of two nodes may be apart. */
#define SV_PEER_SKEW_MS 10000

struct sv_peer_keys {
    struct {
        /* Inside `text`. */
        const char *data;
        size_t len;
    } keys[SV_PEER_KEYS_MAX];
    size_t n;
    char *text;
    size_t text_len;
};

/* Errors: INVALID_ARGUMENT (field "cluster_secret_file"), NO_MEMORY. */
int sv_peer_keys_read(struct sv_peer_keys *keys, const char *path, synctv_error *err);
/* All zeros is fine. */
void sv_peer_keys_fini(struct sv_peer_keys *keys);

/* "Bearer <token>", to be released with free(). Errors: as sv_token_sign(). */
int sv_peer_keys_sign(const struct sv_peer_keys *keys, const char *caller_id, const char *callee,
    int64_t now_ms, char **ret_authorization);
/*
 * Checks all but the destination. Errors: TOKEN_INVALID (signed by none of the keys, or no token of
 * the cluster), CLOCK_SKEW (signed by one of them, but for another time), NO_MEMORY; each with a
 * sentence.
 */
int sv_peer_keys_verify(const struct sv_peer_keys *keys, const char *token, size_t len,
    int64_t now_ms, struct sv_token_claims *ret_claims, synctv_error *err);

#endif
