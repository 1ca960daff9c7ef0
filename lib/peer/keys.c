/* SPDX-License-Identifier: MIT */
#include "peer/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"

#define SECRET_FILE_MAX_BYTES 4095
#define SCHEME "Bearer "

int sv_peer_keys_read(struct sv_peer_keys *keys, const char *path, synctv_error *err)
{
    struct sv_file file;
    *keys = (struct sv_peer_keys){ 0 };
    int rv = sv_file_read(path, "cluster_secret_file", SECRET_FILE_MAX_BYTES, &file, err);
    if (rv < 0)
        return rv;
    keys->text = malloc(file.len + 1);
    if (keys->text == NULL) {
        sv_file_free(&file);
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    }
    keys->text_len = file.len;
    memcpy(keys->text, file.data, file.len + 1);
    sv_file_free(&file);
    for (const char *line = keys->text; *line != '\0' && keys->n < SV_PEER_KEYS_MAX;) {
        size_t len = strcspn(line, "\r\n");
        if (len >= SV_TOKEN_KEY_MIN_BYTES) {
            keys->keys[keys->n].data = line;
            keys->keys[keys->n++].len = len;
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    if (keys->n == 0) {
        sv_peer_keys_fini(keys);
        return sv_error_field(err, "cluster_secret_file", "the first line of %s must have %d bytes",
            path, SV_TOKEN_KEY_MIN_BYTES);
    }
    return 0;
}

void sv_peer_keys_fini(struct sv_peer_keys *keys)
{
    sv_secret_wipe(keys->text, keys->text_len);
    free(keys->text);
    *keys = (struct sv_peer_keys){ 0 };
}

int sv_peer_keys_sign(const struct sv_peer_keys *keys, const char *caller_id, const char *callee,
    int64_t now_ms, char **ret_authorization)
{
    struct sv_token_claims claims = {
        .issued_at_s = now_ms / 1000,
        .expires_at_s = (now_ms + SV_PEER_TOKEN_MS) / 1000,
    };
    if (keys->n == 0 || strlen(caller_id) >= sizeof(claims.subject) ||
        strlen(callee) >= sizeof(claims.destination))
        return SYNCTV_E_INVALID_ARGUMENT;
    memcpy(claims.subject, caller_id, strlen(caller_id) + 1);
    memcpy(claims.destination, callee, strlen(callee) + 1);
    char *token;
    int rv =
        sv_token_sign(keys->keys[0].data, keys->keys[0].len, SV_TOKEN_CLUSTER, &claims, &token);
    if (rv < 0)
        return rv;
    size_t len = strlen(token);
    char *text = malloc(sizeof(SCHEME) + len);
    if (text != NULL) {
        memcpy(text, SCHEME, sizeof(SCHEME) - 1);
        memcpy(text + sizeof(SCHEME) - 1, token, len + 1);
        *ret_authorization = text;
    }
    free(token);
    return text != NULL ? 0 : SYNCTV_E_NO_MEMORY;
}

int sv_peer_keys_verify(const struct sv_peer_keys *keys, const char *token, size_t len,
    int64_t now_ms, struct sv_token_claims *ret_claims, synctv_error *err)
{
    int rv = SYNCTV_E_TOKEN_INVALID;
    for (size_t i = 0; i < keys->n && rv == SYNCTV_E_TOKEN_INVALID; i++)
        rv = sv_token_verify(keys->keys[i].data, keys->keys[i].len, SV_TOKEN_CLUSTER, token, len,
            now_ms, SV_PEER_SKEW_MS / 1000, ret_claims);
    if (rv == SYNCTV_E_TOKEN_EXPIRED)
        return sv_errorf(err, SYNCTV_E_CLOCK_SKEW,
            "the token was good at another time: it is old, or the clocks are apart");
    if (rv < 0)
        return sv_errorf(err, rv, "this is no token that is signed with the cluster secret");
    if (ret_claims->issued_at_s * 1000 > now_ms + SV_PEER_SKEW_MS)
        return sv_errorf(err, SYNCTV_E_CLOCK_SKEW,
            "the token is %lld s from the future: the clocks are apart",
            (long long)(ret_claims->issued_at_s - now_ms / 1000));
    if (ret_claims->expires_at_s - ret_claims->issued_at_s > SV_PEER_TOKEN_MS / 1000)
        return sv_errorf(err, SYNCTV_E_TOKEN_INVALID, "a token of the cluster lives for %d s",
            SV_PEER_TOKEN_MS / 1000);
    return 0;
}
