/* SPDX-License-Identifier: MIT */
/*
 * Counts the connections of each address. An IPv6 host owns at least a /64, so a /64 counts as one
 * address. Thread-safe.
 */
#ifndef GRPC_GUARD_ADDRESSES_H
#define GRPC_GUARD_ADDRESSES_H

#include <stdbool.h>
#include <sys/socket.h>

struct address;

/*
 * Counts a connection of the peer at `addr`; false if there are `max` already.
 *
 * @ret_address for addresses_leave(); NULL for a peer without an address (a Unix socket), and
 * without memory to count.
 */
bool addresses_enter(const struct sockaddr *addr, unsigned max, struct address **ret_address);
/* The connection has ended. NULL is fine. */
void addresses_leave(struct address *address);

#endif
