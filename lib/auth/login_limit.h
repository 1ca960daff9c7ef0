/* SPDX-License-Identifier: MIT */
/* Limits how often one address may try to log in or to register. Thread-safe. */
#ifndef SV_AUTH_LOGIN_LIMIT_H
#define SV_AUTH_LOGIN_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#define SV_ADDRESS_KEY_SIZE 64

/*
 * The key under which a gRPC peer string ("ipv4:192.0.2.1:567", "ipv6:[2001:db8::1]:567", also with
 * %5B %5D) is counted:
 *   - an IPv4 address ("192.0.2.1"), also if it is mapped into IPv6 or comes through NAT64;
 *   - the /64 of an IPv6 address ("2001:db8::/64");
 *   - "unix" for local sockets, "unknown" for everything else, also NULL.
 * SV_ADDRESS_KEY_SIZE bytes are always enough.
 */
void sv_address_key(const char *peer, char *out, size_t size);

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
