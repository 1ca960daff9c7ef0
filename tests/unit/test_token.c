/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <synctv/error.h>

#include "auth/refresh_token.h"
#include "auth/token.h"
#include "base/text.h"

#define ISSUED_S 1700000000
#define EXPIRES_S 1700003600
#define NOW_MS (ISSUED_S * INT64_C(1000))

static unsigned char key[32];

static const struct sv_token_claims alice = {
    .subject = "AbCdEfGhIjKl",
    .username = "J\xc3\xbcrgen \xf0\x9f\x98\x80",
    .session_id = "sess_ion-012",
    .token_id = "jjjjjjjjjjjjjjjjjjjjj",
    .issued_at_s = ISSUED_S,
    .expires_at_s = EXPIRES_S,
};

/* What is in alice, as JSON that a test can change. */
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define ISS "\"iss\":\"synctv\","
#define AUD "\"aud\":\"synctv-client\","
#define SUB "\"sub\":\"AbCdEfGhIjKl\","
#define USER "\"username\":\"Alice\","
#define SID "\"sid\":\"sess_ion-012\","
#define JTI "\"jti\":\"jjjjjjjjjjjjjjjjjjjjj\","
#define IAT "\"iat\":1700000000,"
#define EXP "\"exp\":1700003600"

static void make_key(void)
{
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (unsigned char)i;
}

static int verify(const char *token)
{
    struct sv_token_claims claims;
    return sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, token, strlen(token), NOW_MS, 0,
        &claims);
}

/* A token with these texts as header and payload and a good signature by `md`. */
static const char *forge_with(const EVP_MD *md, const char *header, const char *payload)
{
    static char token[20000];
    sv_base64url(token, header, strlen(header));
    strcat(token, ".");
    sv_base64url(token + strlen(token), payload, strlen(payload));
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len;
    HMAC(md, key, sizeof(key), (const unsigned char *)token, strlen(token), mac, &mac_len);
    strcat(token, ".");
    sv_base64url(token + strlen(token), mac, mac_len);
    return token;
}

static const char *forge(const char *header, const char *payload)
{
    return forge_with(EVP_sha256(), header, payload);
}

static char *sign(const struct sv_token_claims *claims)
{
    char *token = NULL;
    ck_assert_int_eq(sv_token_sign(key, sizeof(key), SV_TOKEN_CLIENT, claims, &token), 0);
    return token;
}

START_TEST(a_token_brings_its_claims_back)
{
    char *token = sign(&alice);
    struct sv_token_claims claims;
    memset(&claims, 0x55, sizeof(claims));
    ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, token, strlen(token),
                         NOW_MS, 0, &claims),
        0);
    ck_assert_str_eq(claims.subject, alice.subject);
    ck_assert_str_eq(claims.username, alice.username);
    ck_assert_str_eq(claims.session_id, alice.session_id);
    ck_assert_str_eq(claims.token_id, alice.token_id);
    ck_assert_str_eq(claims.destination, "");
    ck_assert_int_eq(claims.issued_at_s, ISSUED_S);
    ck_assert_int_eq(claims.expires_at_s, EXPIRES_S);
    free(token);
}
END_TEST

START_TEST(a_token_of_another_implementation_is_verified)
{
    /* Python's hmac, json and base64. */
    static const char token[] =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzeW5jdHYiLCJhdWQiOiJzeW5jdHYtY2xpZW50Iiwi"
        "c3ViIjoiQWJDZEVmR2hJaktsIiwidXNlcm5hbWUiOiJKw7xyZ2VuIPCfmIAiLCJzaWQiOiJzZXNzX2lvbi0wMTIiLC"
        "JqdGkiOiJqampqampqampqampqampqampqamoiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMH0.XS3H"
        "UG1Yt9gFtrB1cUqFl3REi-kT8gyzA3BfeB2Zw-4";
    struct sv_token_claims claims;
    ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, token, strlen(token),
                         NOW_MS, 0, &claims),
        0);
    ck_assert_str_eq(claims.username, alice.username);
    ck_assert_str_eq(claims.subject, alice.subject);
}
END_TEST

START_TEST(a_forged_token_with_the_key_is_what_the_other_tests_change)
{
    ck_assert_int_eq(verify(forge(HEADER, "{" ISS AUD SUB USER SID JTI IAT EXP "}")), 0);
    ck_assert_int_eq(verify(forge("{\"alg\":\"HS256\"}", "{" ISS AUD SUB USER SID JTI IAT EXP "}")),
        0);
}
END_TEST

START_TEST(every_changed_character_is_noticed)
{
    char *token = sign(&alice);
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        static const char instead[] = "AB-_9z.= +/\n\x80";
        char c = token[i];
        for (size_t j = 0; j < sizeof(instead); j++) { /* the NUL too */
            token[i] = instead[j];
            struct sv_token_claims claims;
            if (token[i] != c)
                ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, token, len,
                                     NOW_MS, 0, &claims),
                    SYNCTV_E_TOKEN_INVALID);
        }
        token[i] = c;
    }
    ck_assert_int_eq(verify(token), 0);
    free(token);
}
END_TEST

START_TEST(a_signature_spelled_in_another_way_is_refused)
{
    /* 43 characters are 258 bits for 256: the last one has three more spellings. */
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *token = sign(&alice);
    char *last = token + strlen(token) - 1;
    size_t digit = (size_t)(strchr(digits, *last) - digits);
    ck_assert_uint_eq(digit % 4, 0);
    for (size_t i = 1; i < 4; i++) {
        *last = digits[digit + i];
        ck_assert_int_eq(verify(token), SYNCTV_E_TOKEN_INVALID);
    }
    free(token);
}
END_TEST

START_TEST(every_cut_and_every_tail_is_refused)
{
    char *token = sign(&alice);
    size_t len = strlen(token);
    struct sv_token_claims claims;
    for (size_t cut = 0; cut < len; cut++) {
        /* Exactly as large as said, so that a sanitizer sees one byte too many. */
        char *part = malloc(cut + 1);
        memcpy(part, token, cut);
        part[cut] = '.';
        ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, part, cut, NOW_MS, 0,
                             &claims),
            SYNCTV_E_TOKEN_INVALID);
        free(part);
    }
    static const char *const tails[] = { "A", ".", "=", "==", " ", "\n", ".A" };
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        char longer[2048];
        snprintf(longer, sizeof(longer), "%s%s", token, tails[i]);
        ck_assert_int_eq(verify(longer), SYNCTV_E_TOKEN_INVALID);
        snprintf(longer, sizeof(longer), "%s%s", tails[i], token);
        ck_assert_int_eq(verify(longer), SYNCTV_E_TOKEN_INVALID);
    }
    free(token);
}
END_TEST

START_TEST(what_is_no_token_is_refused)
{
    static const char *const tokens[] = { "", ".", "..", "...", "a.b.c", "Bearer x", "null",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "..AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "e30..AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ".e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
        ck_assert_int_eq(verify(tokens[i]), SYNCTV_E_TOKEN_INVALID);
    struct sv_token_claims claims;
    ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, NULL, 0, 0, 0, &claims),
        SYNCTV_E_TOKEN_INVALID);
}
END_TEST

START_TEST(no_other_algorithm_is_accepted)
{
    static const char payload[] = "{" ISS AUD SUB USER SID JTI IAT EXP "}";
    char text[256];
    static const char *const algorithms[] = { "none", "None", "NONE", "HS384", "HS512", "RS256",
        "RS512", "ES256", "PS256", "EdDSA", "", "HS2560" };
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        /* With our key and HMAC-SHA256, which is more than an attacker has. */
        snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", algorithms[i]);
        ck_assert_msg(verify(forge(text, payload)) == SYNCTV_E_TOKEN_INVALID, "%s", text);
        /* And as "none" is meant: without a signature. */
        char token[4000];
        snprintf(token, sizeof(token), "%s", forge(text, payload));
        strrchr(token, '.')[1] = '\0';
        ck_assert_int_eq(verify(token), SYNCTV_E_TOKEN_INVALID);
        *strrchr(token, '.') = '\0';
        ck_assert_int_eq(verify(token), SYNCTV_E_TOKEN_INVALID);
    }
    ck_assert_int_eq(verify(forge_with(EVP_sha384(), "{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
                         payload)),
        SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_eq(verify(forge_with(EVP_sha512(), HEADER, payload)), SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_eq(verify(forge_with(EVP_md5(), HEADER, payload)), SYNCTV_E_TOKEN_INVALID);
}
END_TEST

START_TEST(headers_that_are_no_header_are_refused)
{
    static const char payload[] = "{" ISS AUD SUB USER SID JTI IAT EXP "}";
    static const char *const headers[] = { "", "{}", "[]", "null", "\"HS256\"", "{\"alg\":1}",
        "{\"alg\":null}", "{\"alg\":[\"HS256\"]}", "{\"typ\":\"JWT\"}", "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\\u0000\"}" };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        ck_assert_msg(verify(forge(headers[i], payload)) == SYNCTV_E_TOKEN_INVALID, "%s",
            headers[i]);
}
END_TEST

START_TEST(claims_that_are_missing_or_of_another_type_are_refused)
{
    static const char *const payloads[] = {
        "",
        "{}",
        "[]",
        "null",
        "7",
        "{",
        "{" ISS AUD SUB USER SID JTI IAT EXP,
        /* missing */
        "{" AUD SUB USER SID JTI IAT EXP "}",
        "{" ISS SUB USER SID JTI IAT EXP "}",
        "{" ISS AUD USER SID JTI IAT EXP "}",
        "{" ISS AUD SUB SID JTI IAT EXP "}",
        "{" ISS AUD SUB USER JTI IAT EXP "}",
        "{" ISS AUD SUB USER SID IAT EXP "}",
        "{" ISS AUD SUB USER SID JTI EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":1700000000}",
        /* empty */
        "{" ISS AUD "\"sub\":\"\"," USER SID JTI IAT EXP "}",
        "{" ISS AUD SUB "\"username\":\"\"," SID JTI IAT EXP "}",
        /* another type */
        "{\"iss\":[\"synctv\"]," AUD SUB USER SID JTI IAT EXP "}",
        "{" ISS "\"aud\":[\"synctv-client\"]," SUB USER SID JTI IAT EXP "}",
        "{" ISS AUD "\"sub\":7," USER SID JTI IAT EXP "}",
        "{" ISS AUD "\"sub\":null," USER SID JTI IAT EXP "}",
        "{" ISS AUD SUB "\"username\":{}," SID JTI IAT EXP "}",
        "{" ISS AUD SUB USER "\"sid\":true," JTI IAT EXP "}",
        "{" ISS AUD SUB USER SID "\"jti\":1.5," IAT EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"dst\":1," IAT EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":\"1700000000\"," EXP "}",
        "{" ISS AUD SUB USER SID JTI IAT "\"exp\":\"1700003600\"}",
        "{" ISS AUD SUB USER SID JTI IAT "\"exp\":1700003600.0}",
        "{" ISS AUD SUB USER SID JTI IAT "\"exp\":null}",
        "{" ISS AUD SUB USER SID JTI IAT "\"exp\":true}",
        "{" ISS AUD SUB USER SID JTI IAT "\"exp\":1e300}",
        "{" ISS AUD SUB USER SID JTI IAT "\"exp\":99999999999999999999}",
        /* no sense in time */
        "{" ISS AUD SUB USER SID JTI "\"iat\":-1," EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":0," EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":1.5," EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":true," EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":[1]," EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":{\"a\":1}," EXP "}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":1700003601,\"exp\":9223372036854775807}",
        "{" ISS AUD SUB USER SID JTI "\"iat\":1700003601," EXP "}",
        /* not text */
        "{" ISS AUD SUB "\"username\":\"a\\u0000b\"," SID JTI IAT EXP "}",
        "{" ISS AUD SUB "\"username\":\"\\ud800\"," SID JTI IAT EXP "}",
        "{" ISS AUD SUB "\"username\":\"\xff\"," SID JTI IAT EXP "}",
        /* too long */
        "{" ISS AUD SUB USER "\"sid\":\"sess_ion-0123\"," JTI IAT EXP "}",
        "{" ISS AUD SUB USER SID "\"jti\":\"jjjjjjjjjjjjjjjjjjjjjj\"," IAT EXP "}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        ck_assert_msg(verify(forge(HEADER, payloads[i])) == SYNCTV_E_TOKEN_INVALID, "%s",
            payloads[i]);
}
END_TEST

START_TEST(deeply_nested_payloads_are_refused)
{
    static char payload[3000];
    memset(payload, '[', sizeof(payload) - 1);
    ck_assert_int_eq(verify(forge(HEADER, payload)), SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_eq(verify(forge(payload, "{}")), SYNCTV_E_TOKEN_INVALID);
}
END_TEST

START_TEST(another_issuer_or_audience_is_refused)
{
    static const char *const payloads[] = {
        "{\"iss\":\"synctv2\"," AUD SUB USER SID JTI IAT EXP "}",
        "{\"iss\":\"\"," AUD SUB USER SID JTI IAT EXP "}",
        "{" ISS "\"aud\":\"synctv-cluster\"," SUB USER SID JTI IAT EXP "}",
        "{" ISS "\"aud\":\"synctv-clien\"," SUB USER SID JTI IAT EXP "}",
        "{" ISS "\"aud\":\"\"," SUB USER SID JTI IAT EXP "}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        ck_assert_int_eq(verify(forge(HEADER, payloads[i])), SYNCTV_E_TOKEN_INVALID);
}
END_TEST

START_TEST(a_token_of_one_kind_is_not_valid_as_another)
{
    struct sv_token_claims claims = { .issued_at_s = ISSUED_S, .expires_at_s = ISSUED_S + 60 };
    strcpy(claims.subject, "node-1");
    strcpy(claims.destination, "192.0.2.1:50051");
    char *token = NULL;
    ck_assert_int_eq(sv_token_sign(key, sizeof(key), SV_TOKEN_CLUSTER, &claims, &token), 0);
    ck_assert_int_eq(verify(token), SYNCTV_E_TOKEN_INVALID);

    struct sv_token_claims back;
    ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLUSTER, token, strlen(token),
                         NOW_MS, 0, &back),
        0);
    ck_assert_str_eq(back.subject, "node-1");
    ck_assert_str_eq(back.destination, "192.0.2.1:50051");
    ck_assert_str_eq(back.username, "");
    free(token);

    token = sign(&alice);
    ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLUSTER, token, strlen(token),
                         NOW_MS, 0, &back),
        SYNCTV_E_TOKEN_INVALID);
    free(token);
}
END_TEST

static int verify_at(const char *token, int64_t now_ms, int64_t leeway_s)
{
    struct sv_token_claims claims;
    return sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, token, strlen(token), now_ms,
        leeway_s, &claims);
}

START_TEST(a_token_expires_on_the_second_and_the_leeway_is_added)
{
    char *token = sign(&alice);
    ck_assert_int_eq(verify_at(token, 0, 0), 0);
    ck_assert_int_eq(verify_at(token, EXPIRES_S * INT64_C(1000) - 1, 0), 0);
    ck_assert_int_eq(verify_at(token, EXPIRES_S * INT64_C(1000), 0), SYNCTV_E_TOKEN_EXPIRED);
    ck_assert_int_eq(verify_at(token, EXPIRES_S * INT64_C(1000), 5), 0);
    ck_assert_int_eq(verify_at(token, EXPIRES_S * INT64_C(1000) + 4999, 5), 0);
    ck_assert_int_eq(verify_at(token, EXPIRES_S * INT64_C(1000) + 5000, 5), SYNCTV_E_TOKEN_EXPIRED);
    ck_assert_int_eq(verify_at(token, INT64_MAX, 5), SYNCTV_E_TOKEN_EXPIRED);
    free(token);
    ck_assert_int_eq(verify_at(forge(HEADER,
                                   "{" ISS AUD SUB USER SID JTI IAT "\"exp\":253402300799}"),
                         NOW_MS, 5),
        0);
    ck_assert_int_eq(verify_at(forge(HEADER,
                                   "{" ISS AUD SUB USER SID JTI IAT "\"exp\":253402300800}"),
                         NOW_MS, 5),
        SYNCTV_E_TOKEN_INVALID);
}
END_TEST

START_TEST(a_token_that_is_wrong_and_old_is_wrong)
{
    char *token = sign(&alice);
    token[strlen(token) - 20] ^= 1;
    ck_assert_int_eq(verify_at(token, INT64_MAX, 0), SYNCTV_E_TOKEN_INVALID);
    free(token);
}
END_TEST

START_TEST(another_key_does_not_fit)
{
    char *token = sign(&alice);
    unsigned char other[64];
    memcpy(other, key, sizeof(key));
    memset(other + sizeof(key), 0, sizeof(other) - sizeof(key));
    struct sv_token_claims claims;
    for (size_t i = 0; i < sizeof(key); i++) {
        other[i] ^= 0x80;
        ck_assert_int_eq(sv_token_verify(other, sizeof(key), SV_TOKEN_CLIENT, token, strlen(token),
                             NOW_MS, 0, &claims),
            SYNCTV_E_TOKEN_INVALID);
        other[i] ^= 0x80;
    }
    other[sizeof(key)] = 1;
    ck_assert_int_eq(sv_token_verify(other, sizeof(key) + 1, SV_TOKEN_CLIENT, token, strlen(token),
                         NOW_MS, 0, &claims),
        SYNCTV_E_TOKEN_INVALID);
    free(token);
}
END_TEST

START_TEST(a_short_key_neither_signs_nor_verifies)
{
    char *token = NULL;
    struct sv_token_claims claims;
    ck_assert_int_eq(sv_token_sign(key, 31, SV_TOKEN_CLIENT, &alice, &token),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(sv_token_sign(NULL, 0, SV_TOKEN_CLIENT, &alice, &token),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_ptr_null(token);
    token = sign(&alice);
    ck_assert_int_eq(sv_token_verify(key, 31, SV_TOKEN_CLIENT, token, strlen(token), NOW_MS, 0,
                         &claims),
        SYNCTV_E_TOKEN_INVALID);
    free(token);
}
END_TEST

START_TEST(claims_that_would_not_verify_are_not_signed)
{
    char *token = NULL;
    struct sv_token_claims bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = alice;
    bad[0].subject[0] = '\0';
    bad[1].username[0] = '\0';
    bad[2].session_id[0] = '\0';
    bad[3].token_id[0] = '\0';
    bad[4].expires_at_s = bad[4].issued_at_s - 1;
    bad[5].issued_at_s = -1;
    strcpy(bad[6].username, "\xed\xa0\x80");
    memset(bad[7].username, 'a', sizeof(bad[7].username)); /* no end */
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(sv_token_sign(key, sizeof(key), SV_TOKEN_CLIENT, &bad[i], &token),
            SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(sv_token_sign(key, sizeof(key), SV_TOKEN_CLUSTER, &alice, &token),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_ptr_null(token);
}
END_TEST

START_TEST(the_longest_and_strangest_names_survive)
{
    struct sv_token_claims claims = alice, back;
    memset(claims.username, '"', sizeof(claims.username) - 1);
    memset(claims.subject, '\\', sizeof(claims.subject) - 1);
    char *token = sign(&claims);
    ck_assert_uint_lt(strlen(token), SV_TOKEN_MAX_BYTES);
    ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, token, strlen(token),
                         NOW_MS, 0, &back),
        0);
    ck_assert_str_eq(back.username, claims.username);
    ck_assert_str_eq(back.subject, claims.subject);
    free(token);
}
END_TEST

START_TEST(tokens_have_a_greatest_length)
{
    /* Padding with blanks inside the JSON makes a good token of any length. */
    char payload[4000];
    size_t greatest = 0;
    for (size_t blanks = 2700; blanks < 2900; blanks++) {
        snprintf(payload, sizeof(payload), "{%*s" ISS AUD SUB USER SID JTI IAT EXP "}", (int)blanks,
            "");
        const char *token = forge(HEADER, payload);
        int rv = verify(token);
        ck_assert_int_eq(rv, strlen(token) <= SV_TOKEN_MAX_BYTES ? 0 : SYNCTV_E_TOKEN_INVALID);
        if (rv == 0 && strlen(token) > greatest)
            greatest = strlen(token);
    }
    ck_assert_uint_ge(greatest, SV_TOKEN_MAX_BYTES - 4);
    ck_assert_uint_le(greatest, SV_TOKEN_MAX_BYTES);
}
END_TEST

START_TEST(a_failure_leaves_the_claims_alone)
{
    struct sv_token_claims claims, before;
    memset(&claims, 0x55, sizeof(claims));
    before = claims;
    char *token = sign(&alice);
    ck_assert_int_eq(sv_token_verify(key, sizeof(key), SV_TOKEN_CLIENT, token, strlen(token),
                         INT64_MAX, 0, &claims),
        SYNCTV_E_TOKEN_EXPIRED);
    ck_assert_int_eq(memcmp(&claims, &before, sizeof(claims)), 0);
    free(token);
}
END_TEST

START_TEST(refresh_tokens_are_43_characters_and_all_different)
{
    char one[SV_REFRESH_TOKEN_SIZE], two[SV_REFRESH_TOKEN_SIZE];
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(sv_refresh_token_new(i % 2 == 0 ? one : two), 0);
        ck_assert_uint_eq(strlen(one), SV_REFRESH_TOKEN_LEN);
        if (i > 0)
            ck_assert_str_ne(one, two);
    }
    unsigned char h1[SV_REFRESH_HASH_SIZE], h2[SV_REFRESH_HASH_SIZE];
    ck_assert_int_eq(sv_refresh_token_hash(one, h1), 0);
    ck_assert_int_eq(sv_refresh_token_hash(two, h2), 0);
    ck_assert_int_ne(memcmp(h1, h2, sizeof(h1)), 0);
    ck_assert_int_eq(sv_refresh_token_hash(one, h2), 0);
    ck_assert_int_eq(memcmp(h1, h2, sizeof(h1)), 0);
}
END_TEST

START_TEST(a_refresh_token_is_hashed_with_sha_256)
{
    /* printf %s AAA…A (43) | sha256sum */
    char hex[2 * SV_REFRESH_HASH_SIZE + 1];
    unsigned char hash[SV_REFRESH_HASH_SIZE];
    ck_assert_int_eq(sv_refresh_token_hash("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", hash), 0);
    sv_hex(hex, hash, sizeof(hash));
    ck_assert_str_eq(hex, "0f007385b6f9d4b7eeb2748605afe1a984a0a3bfa3f014d09e2a784ce9e5cd1a");
}
END_TEST

START_TEST(what_does_not_look_like_a_refresh_token_is_refused_unhashed)
{
    static const char *const tokens[] = { NULL, "", "A",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ",
        "AAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\xc3\xa4",
        "+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
    unsigned char hash[SV_REFRESH_HASH_SIZE], before[SV_REFRESH_HASH_SIZE];
    memset(hash, 0x55, sizeof(hash));
    memcpy(before, hash, sizeof(hash));
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
        ck_assert_int_eq(sv_refresh_token_hash(tokens[i], hash), SYNCTV_E_TOKEN_INVALID);
    ck_assert_int_eq(memcmp(hash, before, sizeof(hash)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token");
    TCase *tc = tcase_create("token");
    tcase_add_unchecked_fixture(tc, make_key, NULL);
    tcase_add_test(tc, a_token_brings_its_claims_back);
    tcase_add_test(tc, a_token_of_another_implementation_is_verified);
    tcase_add_test(tc, a_forged_token_with_the_key_is_what_the_other_tests_change);
    tcase_add_test(tc, every_changed_character_is_noticed);
    tcase_add_test(tc, a_signature_spelled_in_another_way_is_refused);
    tcase_add_test(tc, every_cut_and_every_tail_is_refused);
    tcase_add_test(tc, what_is_no_token_is_refused);
    tcase_add_test(tc, no_other_algorithm_is_accepted);
    tcase_add_test(tc, headers_that_are_no_header_are_refused);
    tcase_add_test(tc, claims_that_are_missing_or_of_another_type_are_refused);
    tcase_add_test(tc, deeply_nested_payloads_are_refused);
    tcase_add_test(tc, another_issuer_or_audience_is_refused);
    tcase_add_test(tc, a_token_of_one_kind_is_not_valid_as_another);
    tcase_add_test(tc, a_token_expires_on_the_second_and_the_leeway_is_added);
    tcase_add_test(tc, a_token_that_is_wrong_and_old_is_wrong);
    tcase_add_test(tc, another_key_does_not_fit);
    tcase_add_test(tc, a_short_key_neither_signs_nor_verifies);
    tcase_add_test(tc, claims_that_would_not_verify_are_not_signed);
    tcase_add_test(tc, the_longest_and_strangest_names_survive);
    tcase_add_test(tc, tokens_have_a_greatest_length);
    tcase_add_test(tc, a_failure_leaves_the_claims_alone);
    tcase_add_test(tc, refresh_tokens_are_43_characters_and_all_different);
    tcase_add_test(tc, a_refresh_token_is_hashed_with_sha_256);
    tcase_add_test(tc, what_does_not_look_like_a_refresh_token_is_refused_unhashed);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
