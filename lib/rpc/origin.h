/* SPDX-License-Identifier: MIT */
/*
 * Where a call comes from: the address of the peer, or of the client behind it if the peer is a
 * trusted proxy.
 */
#ifndef SV_RPC_ORIGIN_H
#define SV_RPC_ORIGIN_H

#include <grpc/grpc.h>

#include "base/address.h"

struct sv_rpc_origin {
    /* gRPC's name of the connection; behind a proxy the client's address, too. */
    char name[160];
    /* Valid if has_address. Without an address it is a Unix socket, or not known. */
    struct in6_addr address;
    bool has_address;
    bool is_unix;
    /* The address is a proxy's that does not name its client: there may be many behind it. */
    bool is_proxy;
};

void sv_rpc_origin_of(grpc_call *call, const grpc_metadata_array *metadata,
    const struct sv_networks *proxies, struct sv_rpc_origin *ret_origin);
/* The address that limits count for; NULL if there is none, or if it is a proxy's. */
const struct in6_addr *sv_rpc_origin_counted_address(const struct sv_rpc_origin *origin);

#endif
