/* SPDX-License-Identifier: MIT */
#include "auth/login_limit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/ratelimit.h"
#include "base/text.h"

#define MAX_KEYS 100000
#define MAX_NAME_BYTES 160 /* no name is longer: those that are may share a bucket */

struct sv_login_limit {
    struct sv_bucket_table *by_name_and_address;
    struct sv_bucket_table *by_address;
    struct sv_bucket_table *registrations;
};

bool sv_address_key(const char *address, char *out, size_t size)
{
    char number[SV_ADDRESS_SIZE];
    struct in6_addr addr;
    if (sv_str_empty(address)) {
        snprintf(out, size, "unknown");
        return true;
    }
    if (!sv_address_parse(address, strlen(address), &addr))
        return false;
    sv_address_to_network(&addr);
    sv_address_format(&addr, number);
    snprintf(out, size, "%s%s", number, IN6_IS_ADDR_V4MAPPED(&addr) ? "" : "/64");
    return true;
}

/* --- limits --- */

/* A rate of `n` in `seconds`, all of which may come at once. */
static struct sv_bucket_table *new_table(double count, double seconds)
{
    struct sv_rate rate = { .per_second = count / seconds, .burst = count };
    return sv_bucket_table_new(rate, MAX_KEYS);
}

struct sv_login_limit *sv_login_limit_new(const struct sv_login_rates *rates)
{
    struct sv_login_limit *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return NULL;
    l->by_name_and_address = new_table(rates->login_per_minute, 60);
    l->by_address = new_table(rates->login_per_minute_per_address, 60);
    l->registrations = new_table(rates->register_per_hour, 3600);
    if (l->by_name_and_address == NULL || l->by_address == NULL || l->registrations == NULL) {
        sv_login_limit_free(l);
        return NULL;
    }
    return l;
}

void sv_login_limit_free(struct sv_login_limit *l)
{
    if (l == NULL)
        return;
    sv_bucket_table_free(l->by_name_and_address);
    sv_bucket_table_free(l->by_address);
    sv_bucket_table_free(l->registrations);
    free(l);
}

/*
 * The limit of the name is checked first and charged last: guesses at one name must not use up the
 * tries of others at that address.
 */
int64_t sv_login_limit_login(struct sv_login_limit *l, const char *name, const char *address,
    int64_t mono_ms)
{
    char key[SV_ADDRESS_KEY_SIZE + 1 + MAX_NAME_BYTES + 1];
    snprintf(key, sizeof(key), "%.*s %.*s", SV_ADDRESS_KEY_SIZE - 1, address, MAX_NAME_BYTES, name);

    int64_t wait = sv_bucket_table_peek(l->by_name_and_address, key, mono_ms);
    if (wait == 0)
        wait = sv_bucket_table_take(l->by_address, address, mono_ms);
    if (wait == 0)
        wait = sv_bucket_table_take(l->by_name_and_address, key, mono_ms);
    return wait;
}

int64_t sv_login_limit_register(struct sv_login_limit *l, const char *address, int64_t mono_ms)
{
    return sv_bucket_table_take(l->registrations, address, mono_ms);
}
