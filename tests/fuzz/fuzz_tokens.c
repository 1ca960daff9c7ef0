/* SPDX-License-Identifier: MIT */
/*
 * What people send to be let in, and the password records of the database. The first letter says
 * what the rest is:
 *
 *   r  an access token as it came           s  HEADER \n PAYLOAD, both JSON, to be signed with the
 * right key b  HEADER.PAYLOAD as base64url, to be signed likewise           c  claims, a line each
 *   f  a refresh token                                              p  a password record
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <synctv/error.h>

#include "auth/password.h"
#include "auth/refresh_token.h"
#include "auth/token.h"
#include "base/text.h"
#include "fuzz.h"

#define NOW_MS INT64_C(1700000000000)
#define LEEWAY_S 60
#define SIGNED_MAX (2 * SV_TOKEN_MAX_BYTES) /* longer ones only take time */

static const unsigned char key[32] = "a key that every attacker knows";

/* --- tokens --- */

static void check_text(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    FUZZ_MUST(len < size && sv_utf8_valid(text, len));
}

static void check_claims(enum sv_token_audience audience, const struct sv_token_claims *c)
{
    check_text(c->subject, sizeof(c->subject));
    check_text(c->username, sizeof(c->username));
    check_text(c->session_id, sizeof(c->session_id));
    check_text(c->token_id, sizeof(c->token_id));
    check_text(c->destination, sizeof(c->destination));
    FUZZ_MUST(c->subject[0] != '\0');
    FUZZ_MUST(audience == SV_TOKEN_CLIENT ? c->username[0] != '\0' && c->session_id[0] != '\0'
                                          : c->destination[0] != '\0');
    FUZZ_MUST(c->issued_at_s > 0 && c->issued_at_s <= c->expires_at_s);
}

static bool same_claims(const struct sv_token_claims *a, const struct sv_token_claims *b)
{
    return strcmp(a->subject, b->subject) == 0 && strcmp(a->username, b->username) == 0 &&
        strcmp(a->session_id, b->session_id) == 0 && strcmp(a->token_id, b->token_id) == 0 &&
        strcmp(a->destination, b->destination) == 0 && a->issued_at_s == b->issued_at_s &&
        a->expires_at_s == b->expires_at_s;
}

/* Returns whether it is accepted as one for that audience. */
static bool verify(enum sv_token_audience audience, const char *token, size_t len, int64_t leeway_s,
    struct sv_token_claims *ret_claims)
{
    struct sv_token_claims before;
    memset(ret_claims, 0xa5, sizeof(*ret_claims));
    memcpy(&before, ret_claims, sizeof(before));
    int rv = sv_token_verify(key, sizeof(key), audience, token, len, NOW_MS, leeway_s, ret_claims);
    FUZZ_MUST(rv == 0 || rv == SYNCTV_E_TOKEN_INVALID || rv == SYNCTV_E_TOKEN_EXPIRED);
    if (rv < 0) {
        FUZZ_MUST(memcmp(&before, ret_claims, sizeof(before)) == 0);
        return false;
    }
    check_claims(audience, ret_claims);
    FUZZ_MUST(ret_claims->expires_at_s > NOW_MS / 1000 - leeway_s);
    return true;
}

/* What was accepted can be signed, and means the same then. */
static void sign_again(enum sv_token_audience audience, const struct sv_token_claims *claims)
{
    struct sv_token_claims again;
    char *token = NULL;
    FUZZ_MUST(sv_token_sign(key, sizeof(key), audience, claims, &token) == 0);
    FUZZ_MUST(verify(audience, token, strlen(token), LEEWAY_S, &again));
    FUZZ_MUST(same_claims(claims, &again));
    free(token);
}

/* As both audiences, strictly and leniently. Returns whether it is accepted at all. */
static bool present(const char *token, size_t len)
{
    static const enum sv_token_audience audiences[] = { SV_TOKEN_CLIENT, SV_TOKEN_CLUSTER };
    int accepted = 0;
    for (size_t i = 0; i < 2; i++) {
        struct sv_token_claims strictly, leniently;
        bool strict = verify(audiences[i], token, len, 0, &strictly);
        bool lenient = verify(audiences[i], token, len, LEEWAY_S, &leniently);
        FUZZ_MUST(!strict || (lenient && same_claims(&strictly, &leniently)));
        if (lenient)
            sign_again(audiences[i], &leniently);
        accepted += lenient;
    }
    FUZZ_MUST(accepted <= 1); /* never as both */
    return accepted > 0;
}

/* `token` has room for the signature behind its first `len` bytes. */
static void present_signed(char *token, size_t len)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    FUZZ_MUST(HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)token, len, mac,
                  &mac_len) != NULL);
    token[len] = '.';
    sv_base64url(token + len + 1, mac, mac_len);
    size_t whole = len + 1 + strlen(token + len + 1);
    bool accepted = present(token, whole);
    token[whole - 1] = token[whole - 1] == 'A' ? 'B' : 'A';
    FUZZ_MUST(!accepted || !present(token, whole));
}

static void signed_json(const char *data, size_t len)
{
    static const char usual_header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    const char *end = memchr(data, '\n', len);
    const char *header = end == NULL || end == data ? usual_header : data;
    size_t header_len = header == data ? (size_t)(end - data) : strlen(usual_header);
    const char *payload = end == NULL ? data : end + 1;
    size_t payload_len = len - (size_t)(payload - data);

    char *token = malloc(SV_BASE64URL_SIZE(header_len) + SV_BASE64URL_SIZE(payload_len) +
        EVP_MAX_MD_SIZE * 2);
    FUZZ_MUST(token != NULL);
    sv_base64url(token, header, header_len);
    strcat(token, ".");
    sv_base64url(token + strlen(token), payload, payload_len);
    present_signed(token, strlen(token));
    free(token);
}

static void signed_text(const char *data, size_t len)
{
    char *token = malloc(len + EVP_MAX_MD_SIZE * 2);
    FUZZ_MUST(token != NULL);
    memcpy(token, data, len);
    present_signed(token, len);
    free(token);
}

/* --- claims --- */

/* The next line into `out`, cut to its size. */
static void take_line(const char **p, const char *end, char *out, size_t size)
{
    size_t rest = (size_t)(end - *p);
    const char *newline = memchr(*p, '\n', rest);
    size_t len = newline != NULL ? (size_t)(newline - *p) : rest;
    size_t kept = len < size ? len : size - 1;
    memcpy(out, *p, kept);
    out[kept] = '\0';
    *p += len + (newline != NULL);
}

static void claims(const char *data, size_t len)
{
    const char *p = data, *end = data + len;
    struct sv_token_claims c = { 0 };
    char number[24];
    take_line(&p, end, number, sizeof(number));
    c.issued_at_s = strtoll(number, NULL, 10);
    take_line(&p, end, number, sizeof(number));
    c.expires_at_s = strtoll(number, NULL, 10);
    take_line(&p, end, c.subject, sizeof(c.subject));
    take_line(&p, end, c.username, sizeof(c.username));
    take_line(&p, end, c.session_id, sizeof(c.session_id));
    take_line(&p, end, c.token_id, sizeof(c.token_id));
    take_line(&p, end, c.destination, sizeof(c.destination));

    for (int audience = SV_TOKEN_CLIENT; audience <= SV_TOKEN_CLUSTER; audience++) {
        char *token = NULL;
        int rv = sv_token_sign(key, sizeof(key), (enum sv_token_audience)audience, &c, &token);
        FUZZ_MUST(rv == 0 || (rv == SYNCTV_E_INVALID_ARGUMENT && token == NULL));
        if (rv < 0)
            continue;
        struct sv_token_claims again;
        bool accepted = verify((enum sv_token_audience)audience, token, strlen(token), 0, &again);
        FUZZ_MUST(accepted == (c.expires_at_s > NOW_MS / 1000));
        FUZZ_MUST(!accepted || same_claims(&c, &again));
        free(token);
    }
}

/* --- refresh tokens and passwords --- */

static void refresh_token(const char *text)
{
    unsigned char hash[SV_REFRESH_HASH_SIZE], untouched[SV_REFRESH_HASH_SIZE];
    memset(hash, 0xa5, sizeof(hash));
    memcpy(untouched, hash, sizeof(hash));
    bool looks_right = strlen(text) == SV_REFRESH_TOKEN_LEN;
    for (const char *c = text; *c != '\0'; c++)
        looks_right = looks_right && sv_is_base64url(*c);
    int rv = sv_refresh_token_hash(text, hash);
    FUZZ_MUST(rv == (looks_right ? 0 : SYNCTV_E_TOKEN_INVALID));
    FUZZ_MUST((memcmp(hash, untouched, sizeof(hash)) == 0) == (rv < 0));
}

/* Only what costs nearly nothing is computed. */
static void password_record(const char *record)
{
    static const struct sv_password_cost cheap = { .memory_kib = 8, .passes = 1, .lanes = 1 };
    if (sv_password_needs_rehash(record, &cheap)) {
        FUZZ_MUST(strncmp(record, "$argon2id$v=19$m=8,t=1,p=1$", 27) != 0 ||
            sv_password_verify(record, "secret") == SYNCTV_E_INTERNAL);
        return;
    }
    int rv = sv_password_verify(record, "secret");
    FUZZ_MUST(rv == 0 || rv == SYNCTV_E_LOGIN_FAILED || rv == SYNCTV_E_INTERNAL);
    FUZZ_MUST(rv != 0 || sv_password_verify(record, "Secret") == SYNCTV_E_LOGIN_FAILED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    const char *rest = (const char *)data + 1;
    char *text = calloc(len, 1); /* strict sanitizers let strndup() take nothing but strings */
    FUZZ_MUST(text != NULL);
    memcpy(text, rest, len - 1);
    switch (data[0]) {
    case 's':
        if (len <= SIGNED_MAX)
            signed_json(rest, len - 1);
        break;
    case 'b':
        if (len <= SIGNED_MAX)
            signed_text(rest, len - 1);
        break;
    case 'c':
        claims(rest, len - 1);
        break;
    case 'f':
        refresh_token(text);
        break;
    case 'p':
        password_record(text);
        break;
    default:
        FUZZ_MUST(!present(rest, len - 1)); /* nobody guesses the key */
    }
    free(text);
    return 0;
}
