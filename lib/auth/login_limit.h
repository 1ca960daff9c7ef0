/* SPDX-License-Identifier: MIT */
/* Limits how often one address may try to log in or to register. Thread-safe. */
#ifndef SV_AUTH_LOGIN_LIMIT_H
#define SV_AUTH_LOGIN_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SV_ADDRESS_KEY_SIZE 64

/*
 * What an address, as sv_address_parse() reads it, counts as: an IPv4 address, also where it comes
 * mapped into IPv6 or through NAT64 ("192.0.2.1"); the /64 of an IPv6 address ("2001:db8::/64");
 * "unknown" for NULL and "". False for what is no address. A `size` of SV_ADDRESS_KEY_SIZE is
 * always enough.
 */
bool sv_address_key(const char *address, char *out, size_t size);

/* 0 = no limit. */
struct sv_login_rates {
    /* Per (name, address). */
    double login_per_minute;
    /* All names. */
    double login_per_minute_per_address;
    /* Per address. */
    double register_per_hour;
};

struct sv_login_limit;

/* NULL when out of memory. */
struct sv_login_limit *sv_login_limit_new(const struct sv_login_rates *rates);
void sv_login_limit_free(struct sv_login_limit *l);

/*
 * Each returns 0, or the ms to wait before the next try; then this try does not count. `name` is
 * case-folded, `address` is an address key.
 */
int64_t sv_login_limit_login(struct sv_login_limit *l, const char *name, const char *address,
    int64_t mono_ms);
int64_t sv_login_limit_register(struct sv_login_limit *l, const char *address, int64_t mono_ms);

#endif
