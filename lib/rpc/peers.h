/* SPDX-License-Identifier: MIT */
/*
 * The clients that are connected, as far as the C core lets us see them. Counts the connections of
 * an address that carry streams, and the bytes of answers that their clients have not read yet.
 */
#ifndef SV_RPC_PEERS_H
#define SV_RPC_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include <netinet/in.h>

struct sv_rpc_peers;
struct sv_rpc_peer;

/* Answers that one connection, one network and all together may leave unread. */
#define SV_RPC_PEER_ANSWER_BYTES (16 << 20)
#define SV_RPC_NETWORK_ANSWER_BYTES (64 << 20)
#define SV_RPC_ALL_ANSWER_BYTES (256 << 20)
/* The most streams of one connection that need no sign-in. */
#define SV_RPC_PEER_OPEN_STREAMS 4

/*
 * @max_connections  of one network; 0 = neither connections nor answers of a network are limited.
 *
 * NULL when out of memory.
 */
struct sv_rpc_peers *sv_rpc_peers_new(unsigned max_connections);
/* Once all streams are removed and all answers have ended. NULL is fine. */
void sv_rpc_peers_free(struct sv_rpc_peers *p);

/*
 * @name     one connection.
 * @address  what it counts for; IPv6 addresses count for their /64 network. NULL = for none. A name
 *           always has the same address.
 *
 * Thread-safe.
 */

/* Errors: STREAM_LIMIT, NO_MEMORY. */
int sv_rpc_peers_add_stream(struct sv_rpc_peers *p, const char *name,
    const struct in6_addr *address, bool needs_no_sign_in, struct sv_rpc_peer **ret_peer);
/* `peer` NULL is fine. */
void sv_rpc_peers_remove_stream(struct sv_rpc_peers *p, struct sv_rpc_peer *peer,
    bool needs_no_sign_in);

/*
 * An answer is sent. A peer may always have one, however large. Errors: OVERLOADED (the peer, its
 * network or all together have too much), NO_MEMORY.
 */
int sv_rpc_peers_begin_answer(struct sv_rpc_peers *p, const char *name,
    const struct in6_addr *address, size_t bytes, struct sv_rpc_peer **ret_peer);
/* The client has read it, or never will. */
void sv_rpc_peers_end_answer(struct sv_rpc_peers *p, struct sv_rpc_peer *peer, size_t bytes);

#endif
