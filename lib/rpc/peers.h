/* SPDX-License-Identifier: MIT */
/* Who is connected: counts the connections of an address that carry streams, and what is on its way to them, as far as the C core lets us see. */
#ifndef SV_RPC_PEERS_H
#define SV_RPC_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include <netinet/in.h>

struct sv_rpc_peers;
struct sv_rpc_peer;

/* What one connection, one network and all together may leave lying: answers that their clients do not take. */
#define SV_RPC_PEER_ANSWER_BYTES (16 << 20)
#define SV_RPC_NETWORK_ANSWER_BYTES (64 << 20)
#define SV_RPC_ALL_ANSWER_BYTES (256 << 20)
/* Streams of one connection that need no sign-in. */
#define SV_RPC_PEER_OPEN_STREAMS 4

/* max_connections 0 = any number, and any answers of one network. NULL when out of memory. */
struct sv_rpc_peers *sv_rpc_peers_new(unsigned max_connections);
/* All peers must have left. NULL is fine. */
void sv_rpc_peers_free(struct sv_rpc_peers *p);

/*
 * All functions name a peer by a name of its own, and by the address that it counts for (an IPv6
 * address by its /64 network); NULL = it counts for none. A name always has the same address.
 * Thread-safe.
 */

/* One more stream. Errors: STREAM_LIMIT, NO_MEMORY. */
int sv_rpc_peers_add_stream(struct sv_rpc_peers *p, const char *name,
    const struct in6_addr *address, bool needs_no_sign_in, struct sv_rpc_peer **ret_peer);
/* One stream less. NULL is fine. */
void sv_rpc_peers_remove_stream(struct sv_rpc_peers *p, struct sv_rpc_peer *peer,
    bool needs_no_sign_in);

/*
 * One more answer is under way. One is always allowed, however large. Errors: OVERLOADED (the peer, its network or all have too much),
 * NO_MEMORY.
 */
int sv_rpc_peers_begin_answer(struct sv_rpc_peers *p, const char *name,
    const struct in6_addr *address, size_t bytes, struct sv_rpc_peer **ret_peer);
/* It has arrived, or never will. */
void sv_rpc_peers_end_answer(struct sv_rpc_peers *p, struct sv_rpc_peer *peer, size_t bytes);

#endif
