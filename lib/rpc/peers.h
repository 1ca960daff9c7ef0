/* SPDX-License-Identifier: MIT */
/* Who is connected: counts the connections of an address that carry streams, as far as the C core lets us see. */
#ifndef SV_RPC_PEERS_H
#define SV_RPC_PEERS_H

#include <stddef.h>

#define SV_ADDRESS_SIZE 64

/*
 * The address in a peer name of gRPC: "ipv4:127.0.0.1:80" → "127.0.0.1", "ipv6:%5B::1%5D:80" → "::1", "unix:/x" → "unix";
 * "" if it is none of these.
 */
void sv_peer_address(const char *peer, char out[SV_ADDRESS_SIZE]);

struct sv_peers;
struct sv_peer;

/* max_connections 0 = any. NULL when out of memory. */
struct sv_peers *sv_peers_new(unsigned max_connections);
/* All peers must have left. NULL is fine. */
void sv_peers_free(struct sv_peers *p);
/*
 * One more stream of a peer (its gRPC name). An IPv6 address counts by its /64 network. Thread-safe.
 * Errors: STREAM_LIMIT, NO_MEMORY.
 */
int sv_peers_enter(struct sv_peers *p, const char *name, struct sv_peer **ret_peer);
/* One stream less. NULL is fine. */
void sv_peers_leave(struct sv_peers *p, struct sv_peer *peer);

#endif
