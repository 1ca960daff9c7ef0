/* SPDX-License-Identifier: MIT */
#include "auth/refresh_token.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/error.h"
#include "base/id.h"
#include "base/text.h"

int sv_refresh_token_new(char out[SV_REFRESH_TOKEN_SIZE])
{
    unsigned char bytes[32];
    int rv = sv_random_bytes(bytes, sizeof(bytes));
    if (rv < 0)
        return rv;
    sv_base64url(out, bytes, sizeof(bytes));
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return 0;
}

int sv_refresh_token_hash(const char *token, unsigned char out[SV_REFRESH_HASH_SIZE])
{
    if (token == NULL || strnlen(token, SV_REFRESH_TOKEN_SIZE) != SV_REFRESH_TOKEN_LEN)
        return SYNCTV_E_TOKEN_INVALID;
    for (const char *p = token; *p != '\0'; p++) {
        if (!sv_is_base64url(*p))
            return SYNCTV_E_TOKEN_INVALID;
    }
    if (SHA256((const unsigned char *)token, SV_REFRESH_TOKEN_LEN, out) == NULL)
        return SYNCTV_E_INTERNAL;
    return 0;
}
