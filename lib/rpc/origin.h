/* SPDX-License-Identifier: MIT */
/*
 * Where a call comes from: the peer's own address, or behind a trusted proxy that of the proxy's
 * client.
 */
#ifndef SV_RPC_ORIGIN_H
#define SV_RPC_ORIGIN_H

#include <grpc/grpc.h>

#include "base/address.h"

struct sv_rpc_origin {
    /* One connection, as gRPC calls it, and behind a proxy one client on it. */
    char name[160];
    struct in6_addr address; /* valid if has_address */
    bool has_address;        /* else it is a Unix socket, or nothing that we know */
    bool is_unix;
    bool is_proxy; /* whose client is not known: many may be behind it */
};

void sv_rpc_origin_of(grpc_call *call, const grpc_metadata_array *metadata,
    const struct sv_networks *proxies, struct sv_rpc_origin *ret_origin);
/*
 * The address that limits of connections and bytes count; NULL if there is none, or it is a
 * proxy's.
 */
const struct in6_addr *sv_rpc_origin_counted_address(const struct sv_rpc_origin *origin);

#endif
