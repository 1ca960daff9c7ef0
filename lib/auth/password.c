/* SPDX-License-Identifier: MIT */
#include "auth/password.h"

#include <string.h>

#include <argon2.h>
#include <openssl/crypto.h>

#include "base/error.h"
#include "base/id.h"

#define SALT_BYTES 16
#define HASH_BYTES 32
#define RECORD_PREFIX "$argon2id$v=19$"

/* What a stored record may cost: the database is not trusted to spend all memory. */
#define MAX_MEMORY_KIB (256 * 1024)
#define MAX_PASSES 16
#define MAX_LANES 4

const struct sv_password_cost sv_password_cost_default = {
    .memory_kib = 19456,
    .passes = 2,
    .lanes = 1,
};

static bool cost_in_bounds(const struct sv_password_cost *c)
{
    return c->lanes >= 1 && c->lanes <= MAX_LANES && c->passes >= 1 && c->passes <= MAX_PASSES &&
        c->memory_kib >= ARGON2_MIN_MEMORY * c->lanes && c->memory_kib <= MAX_MEMORY_KIB;
}

/* "<name><decimal><end>" at *p, which moves behind it. Decimals have no sign, no leading zero
 * and at most 9 digits. */
static bool parse_number(const char **p, const char *name, char end, uint32_t *ret_value)
{
    const char *s = *p;
    size_t name_len = strlen(name);
    if (strncmp(s, name, name_len) != 0)
        return false;
    s += name_len;

    uint32_t value = 0;
    size_t digits = 0;
    for (; s[digits] >= '0' && s[digits] <= '9'; digits++) {
        if (digits == 9)
            return false;
        value = value * 10 + (uint32_t)(s[digits] - '0');
    }
    if (digits == 0 || s[0] == '0' || s[digits] != end)
        return false;
    *ret_value = value;
    *p = s + digits + 1;
    return true;
}

/* The cost of a record. Salt and hash are left to libargon2, but for the characters: it takes
 * some bytes over 127 for base64. */
static bool parse_record(const char *record, struct sv_password_cost *ret_cost)
{
    if (record == NULL || strnlen(record, SV_PASSWORD_RECORD_SIZE) == SV_PASSWORD_RECORD_SIZE)
        return false;
    size_t prefix_len = strlen(RECORD_PREFIX);
    if (strncmp(record, RECORD_PREFIX, prefix_len) != 0)
        return false;
    static const char salt_and_hash[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/$";
    const char *p = record + prefix_len;
    return parse_number(&p, "m=", ',', &ret_cost->memory_kib) &&
        parse_number(&p, "t=", ',', &ret_cost->passes) &&
        parse_number(&p, "p=", '$', &ret_cost->lanes) && cost_in_bounds(ret_cost) &&
        p[strspn(p, salt_and_hash)] == '\0';
}

static bool is_too_long(const char *password)
{
    return strnlen(password, SV_PASSWORD_INPUT_MAX_BYTES + 1) > SV_PASSWORD_INPUT_MAX_BYTES;
}

static int from_argon2(int rc)
{
    switch (rc) {
    case ARGON2_OK:
        return 0;
    case ARGON2_VERIFY_MISMATCH:
        return SYNCTV_E_LOGIN_FAILED;
    case ARGON2_MEMORY_ALLOCATION_ERROR:
        return SYNCTV_E_NO_MEMORY;
    default:
        return SYNCTV_E_INTERNAL;
    }
}

int sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE])
{
    if (cost == NULL)
        cost = &sv_password_cost_default;
    if (is_too_long(password) || !cost_in_bounds(cost))
        return SYNCTV_E_INVALID_ARGUMENT;
    unsigned char salt[SALT_BYTES];
    int rv = sv_random_bytes(salt, sizeof(salt));
    if (rv < 0)
        return rv;
    return from_argon2(argon2id_hash_encoded(cost->passes, cost->memory_kib, cost->lanes, password,
        strlen(password), salt, sizeof(salt), HASH_BYTES, out, SV_PASSWORD_RECORD_SIZE));
}

int sv_password_verify(const char *record, const char *password)
{
    struct sv_password_cost cost;
    if (!parse_record(record, &cost))
        return SYNCTV_E_INTERNAL;
    if (is_too_long(password))
        return SYNCTV_E_LOGIN_FAILED;
    return from_argon2(argon2id_verify(record, password, strlen(password)));
}

int sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost)
{
    static const unsigned char salt[SALT_BYTES] = "nobody's salt";
    if (cost == NULL)
        cost = &sv_password_cost_default;
    if (is_too_long(password) || !cost_in_bounds(cost))
        return SYNCTV_E_LOGIN_FAILED;
    unsigned char hash[HASH_BYTES];
    int rc = argon2id_hash_raw(cost->passes, cost->memory_kib, cost->lanes, password,
        strlen(password), salt, sizeof(salt), hash, sizeof(hash));
    OPENSSL_cleanse(hash, sizeof(hash));
    return rc == ARGON2_OK ? SYNCTV_E_LOGIN_FAILED : from_argon2(rc);
}

bool sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost)
{
    if (cost == NULL)
        cost = &sv_password_cost_default;
    struct sv_password_cost made_with;
    return !parse_record(record, &made_with) || made_with.memory_kib != cost->memory_kib ||
        made_with.passes != cost->passes || made_with.lanes != cost->lanes;
}
