/* SPDX-License-Identifier: MIT */
#ifndef SV_BASE_ADDRESS_H
#define SV_BASE_ADDRESS_H

#include <netinet/in.h>

/*
 * What is the same for all addresses that limits count as one: an IPv6 host owns at least its /64; IPv4 in IPv6, mapped
 * (::ffff:0:0/96) or through NAT64 (64:ff9b::/96), is the IPv4 address, mapped.
 */
void sv_address_to_network(struct in6_addr *addr);

#endif
