/* SPDX-License-Identifier: MIT */
#include "rpc/origin.h"

#include <stdio.h>
#include <string.h>

#include <grpc/support/alloc.h>

/* Reads the headers from the last to the first: the proxy nearest to us has added the last one. */
static void ask_proxy(const grpc_metadata_array *metadata, const struct sv_networks *proxies,
    struct in6_addr *addr)
{
    bool goes_on = true;
    for (size_t i = metadata->count; goes_on && i-- > 0;) {
        const grpc_metadata *md = &metadata->metadata[i];
        if (grpc_slice_str_cmp(md->key, "x-forwarded-for") == 0)
            goes_on = sv_address_forwarded(proxies, (const char *)GRPC_SLICE_START_PTR(md->value),
                GRPC_SLICE_LENGTH(md->value), addr);
    }
}

void sv_rpc_origin_of(grpc_call *call, const grpc_metadata_array *metadata,
    const struct sv_networks *proxies, struct sv_rpc_origin *ret_origin)
{
    struct sv_rpc_origin *o = ret_origin;
    char *peer = grpc_call_get_peer(call);
    *o = (struct sv_rpc_origin){ .is_unix = strncmp(peer, "unix", 4) == 0 };
    o->has_address = sv_address_of_peer(peer, &o->address);
    snprintf(o->name, sizeof(o->name), "%s", peer);
    gpr_free(peer);
    if (!o->has_address || !sv_networks_contain(proxies, &o->address))
        return;
    ask_proxy(metadata, proxies, &o->address);
    o->is_proxy = sv_networks_contain(proxies, &o->address);
    if (!o->is_proxy) {
        char client[SV_ADDRESS_SIZE];
        size_t len = strlen(o->name);
        sv_address_format(&o->address, client);
        snprintf(o->name + len, sizeof(o->name) - len, " %s", client);
    }
}

const struct in6_addr *sv_rpc_origin_counted_address(const struct sv_rpc_origin *origin)
{
    return origin->has_address && !origin->is_proxy ? &origin->address : NULL;
}
