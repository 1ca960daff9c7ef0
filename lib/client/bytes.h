/* SPDX-License-Identifier: MIT */
/* What lib/wire encodes goes to lib/rpc without a copy. */
#ifndef SV_CLIENT_BYTES_H
#define SV_CLIENT_BYTES_H

#include "rpc/bytes.h"

/* A sv_wire_alloc_fn; `userdata` is a struct sv_rpc_bytes. */
static inline void *sv_client_bytes_alloc(void *userdata, size_t len)
{
    struct sv_rpc_bytes *bytes = userdata;
    *bytes = sv_rpc_bytes_new(len);
    return sv_rpc_bytes_data(bytes);
}

#endif
