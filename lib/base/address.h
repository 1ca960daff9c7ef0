/* SPDX-License-Identifier: MIT */
/*
 * Addresses of peers: parsing, formatting, comparing. An address is always a struct in6_addr; IPv4
 * is mapped into IPv6 (::ffff:0:0/96).
 */
#ifndef SV_BASE_ADDRESS_H
#define SV_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include <synctv/error.h>

#define SV_ADDRESS_SIZE 64

/*
 * "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80", with white-space
 * around it; `text` needs no NUL. Port and zone are left out. False if it is no address.
 */
bool sv_address_parse(const char *text, size_t len, struct in6_addr *ret_addr);
/*
 * The address in a peer name of gRPC: "ipv4:192.0.2.1:80", "ipv6:[2001:db8::1]:80", also with %5B
 * and %5D. False if it is none of these (a Unix socket); NULL is fine.
 */
bool sv_address_of_peer(const char *peer, struct in6_addr *ret_addr);
/* "192.0.2.1" or "2001:db8::1". */
void sv_address_format(const struct in6_addr *addr, char out[SV_ADDRESS_SIZE]);
/*
 * Maps an address to what limits count as one address: the /64 of an IPv6 address, because a host
 * owns at least that; the IPv4 address where it comes through NAT64 (64:ff9b::/96).
 */
void sv_address_to_network(struct in6_addr *addr);

/*
 * Whether "HOST", "HOST:PORT" or "[HOST]:PORT" is this machine for everybody: localhost,
 * 127.0.0.0/8,
 * ::1.
 */
bool sv_address_is_loopback(const char *address);
/* Where the port begins in "HOST:PORT" or "[HOST]:PORT"; NULL if that is not what it is. */
const char *sv_port_of(const char *address);

/* ---- networks ---- */

#define SV_NETWORKS_MAX 64

struct sv_network {
    struct in6_addr address;
    /* How many bits of the address count; for IPv4 96 more than its prefix. */
    unsigned n_bits;
};

struct sv_networks {
    size_t n;
    struct sv_network all[SV_NETWORKS_MAX];
};

/*
 * "10.0.0.0/8, ::1, 127.0.0.1": addresses and networks between commas or white-space. NULL and ""
 * are none. Untouched on failure.
 * Errors: INVALID_ARGUMENT, about `field`.
 */
int sv_networks_parse(const char *text, const char *field, struct sv_networks *ret_networks,
    synctv_error *err);
bool sv_networks_contain(const struct sv_networks *networks, const struct in6_addr *addr);

/*
 * Walks back through a value of the header x-forwarded-for ("client, proxy, proxy"). *addr is the
 * host that has added the last address. As long as *addr is in `proxies`, the address before it is
 * believed and becomes *addr. Text that is no address ends the walk.
 *
 * Returns whether *addr is the first address of this value and a proxy, too: then go on with the
 * value before this one.
 */
bool sv_address_forwarded(const struct sv_networks *proxies, const char *value, size_t len,
    struct in6_addr *addr);

#endif
