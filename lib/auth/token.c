/* SPDX-License-Identifier: MIT */
/*
 * The signature comes first and is checked here, in constant time: libjwt and the JSON parser below
 * it only ever see what somebody with the key has written, and the algorithm that a header names
 * has no say.
 */
#include "auth/token.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"
#include "base/text.h"

#define ISSUER "synctv"
#define SIGNATURE_BYTES 32
#define SIGNATURE_LEN 43 /* as base64url */
/* The end of the year 9999: no sum or product of times overflows. */
#define MAX_TIME_S INT64_C(253402300799)

/* The text claims, and the fields for them. */
static const struct text_claim {
    const char *name;
    size_t offset, size;
} text_claims[] = {
#define TEXT_CLAIM(name, member)                                                                   \
    {                                                                                              \
        name, offsetof(struct sv_token_claims, member),                                            \
            sizeof(((struct sv_token_claims *)0)->member)                                          \
    }
    TEXT_CLAIM("sub", subject),
    TEXT_CLAIM("username", username),
    TEXT_CLAIM("sid", session_id),
    TEXT_CLAIM("jti", token_id),
    TEXT_CLAIM("dst", destination),
#undef TEXT_CLAIM
};

#define N_TEXT_CLAIMS (sizeof(text_claims) / sizeof(text_claims[0]))

static const char *audience_name(enum sv_token_audience audience)
{
    switch (audience) {
    case SV_TOKEN_CLIENT:
        return "synctv-client";
    case SV_TOKEN_CLUSTER:
        return "synctv-cluster";
    }
    return "";
}

static bool is_complete(const struct sv_token_claims *c, enum sv_token_audience audience)
{
    if (c->subject[0] == '\0' || c->issued_at_s <= 0 || c->expires_at_s < c->issued_at_s ||
        c->expires_at_s > MAX_TIME_S)
        return false;
    switch (audience) {
    case SV_TOKEN_CLIENT:
        return c->username[0] != '\0' && c->session_id[0] != '\0' && c->token_id[0] != '\0';
    case SV_TOKEN_CLUSTER:
        return c->destination[0] != '\0';
    }
    return false;
}

static int from_errno(int rc, int otherwise)
{
    return rc == ENOMEM ? SYNCTV_E_NO_MEMORY : otherwise;
}

/* --- signing --- */

/* 0 or an errno. */
static int add_claims(jwt_t *jwt, enum sv_token_audience audience,
    const struct sv_token_claims *claims)
{
    int rc = jwt_add_grant(jwt, "iss", ISSUER);
    if (rc == 0)
        rc = jwt_add_grant(jwt, "aud", audience_name(audience));
    if (rc == 0)
        rc = jwt_add_grant_int(jwt, "iat", claims->issued_at_s);
    if (rc == 0)
        rc = jwt_add_grant_int(jwt, "exp", claims->expires_at_s);
    for (size_t i = 0; i < N_TEXT_CLAIMS && rc == 0; i++) {
        const char *value = (const char *)claims + text_claims[i].offset;
        if (value[0] != '\0')
            rc = jwt_add_grant(jwt, text_claims[i].name, value);
    }
    return rc;
}

int sv_token_sign(const void *key, size_t key_len, enum sv_token_audience audience,
    const struct sv_token_claims *claims, char **ret_token)
{
    if (key_len < SV_TOKEN_KEY_MIN_BYTES || key_len > INT_MAX || !is_complete(claims, audience))
        return SYNCTV_E_INVALID_ARGUMENT;
    for (size_t i = 0; i < N_TEXT_CLAIMS; i++) {
        const char *value = (const char *)claims + text_claims[i].offset;
        size_t len = strnlen(value, text_claims[i].size);
        if (len == text_claims[i].size || !sv_utf8_valid(value, len))
            return SYNCTV_E_INVALID_ARGUMENT;
    }

    int rv = SYNCTV_E_NO_MEMORY;
    char *token = NULL;
    jwt_t *jwt = NULL;
    int rc = jwt_new(&jwt);
    if (rc == 0)
        rc = jwt_set_alg(jwt, JWT_ALG_HS256, key, (int)key_len);
    if (rc == 0)
        rc = add_claims(jwt, audience, claims);
    if (rc != 0) {
        rv = from_errno(rc, SYNCTV_E_INTERNAL);
        goto out;
    }
    errno = 0;
    token = jwt_encode_str(jwt);
    if (token == NULL) {
        rv = from_errno(errno, SYNCTV_E_INTERNAL);
        goto out;
    }
    *ret_token = token;
    rv = 0;
out:
    jwt_free(jwt);
    return rv;
}

/* --- verifying --- */

/*
 * Checks that a token is header "." payload "." signature, each of base64url characters and not
 * empty (libjwt 1.10 writes out of bounds otherwise). Returns the length of the first two with the
 * dot between, 0 = it is not.
 */
static size_t signed_length(const char *token, size_t len)
{
    size_t dots = 0, last_dot = 0, part = 0;
    for (size_t i = 0; i < len; i++) {
        if (token[i] == '.') {
            if (i == part)
                return 0;
            dots++;
            last_dot = i;
            part = i + 1;
        } else if (!sv_is_base64url(token[i])) {
            return 0;
        }
    }
    return dots == 2 && len - last_dot - 1 == SIGNATURE_LEN ? last_dot : 0;
}

static bool signature_matches(const void *key, size_t key_len, const char *token, size_t signed_len)
{
    unsigned char mac[SIGNATURE_BYTES];
    char expected[SIGNATURE_LEN + 1];
    unsigned mac_len = 0;
    if (HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)token, signed_len, mac,
            &mac_len) == NULL ||
        mac_len != sizeof(mac))
        return false;
    sv_base64url(expected, mac, sizeof(mac));
    return CRYPTO_memcmp(expected, token + signed_len + 1, SIGNATURE_LEN) == 0;
}

/* Whether a claim is present and is this text. */
static bool claim_is(jwt_t *jwt, const char *name, const char *text)
{
    const char *value = jwt_get_grant(jwt, name);
    return value != NULL && strcmp(value, text) == 0;
}

/*
 * libjwt gives -1 for an absent claim and 0 for another type: so no time is valid before 1970 and a
 * second.
 */
static bool read_time(jwt_t *jwt, const char *name, int64_t *ret_value)
{
    *ret_value = jwt_get_grant_int(jwt, name);
    return *ret_value > 0;
}

/* Absent is "". Of another type or too long: false. */
static bool read_text(jwt_t *jwt, const struct text_claim *claim, struct sv_token_claims *claims)
{
    errno = 0;
    const char *value = jwt_get_grant(jwt, claim->name);
    if (value == NULL)
        return errno == ENOENT;
    size_t len = strlen(value);
    if (len >= claim->size)
        return false;
    memcpy((char *)claims + claim->offset, value, len + 1);
    return true;
}

static bool read_claims(jwt_t *jwt, enum sv_token_audience audience, struct sv_token_claims *claims)
{
    if (!claim_is(jwt, "iss", ISSUER) || !claim_is(jwt, "aud", audience_name(audience)))
        return false;
    if (!read_time(jwt, "iat", &claims->issued_at_s) ||
        !read_time(jwt, "exp", &claims->expires_at_s))
        return false;
    for (size_t i = 0; i < N_TEXT_CLAIMS; i++) {
        if (!read_text(jwt, &text_claims[i], claims))
            return false;
    }
    return is_complete(claims, audience);
}

int sv_token_verify(const void *key, size_t key_len, enum sv_token_audience audience,
    const char *token, size_t token_len, int64_t now_ms, int64_t leeway_s,
    struct sv_token_claims *ret_claims)
{
    if (token_len > SV_TOKEN_MAX_BYTES || key_len < SV_TOKEN_KEY_MIN_BYTES || key_len > INT_MAX)
        return SYNCTV_E_TOKEN_INVALID;
    size_t signed_len = signed_length(token, token_len);
    if (signed_len == 0 || !signature_matches(key, key_len, token, signed_len))
        return SYNCTV_E_TOKEN_INVALID;

    int rv = SYNCTV_E_TOKEN_INVALID;
    jwt_t *jwt = NULL;
    struct sv_token_claims claims = { 0 };
    char copy[SV_TOKEN_MAX_BYTES + 1]; /* libjwt wants a NUL behind it */
    memcpy(copy, token, token_len);
    copy[token_len] = '\0';

    int rc = jwt_decode(&jwt, copy, key, (int)key_len);
    if (rc != 0) {
        rv = from_errno(rc, SYNCTV_E_TOKEN_INVALID);
        goto out;
    }
    if (jwt_get_alg(jwt) != JWT_ALG_HS256 || !read_claims(jwt, audience, &claims))
        goto out;
    if (now_ms / 1000 - leeway_s >= claims.expires_at_s) {
        rv = SYNCTV_E_TOKEN_EXPIRED;
        goto out;
    }
    *ret_claims = claims;
    rv = 0;
out:
    jwt_free(jwt);
    OPENSSL_cleanse(copy, token_len);
    return rv;
}
