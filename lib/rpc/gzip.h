/* SPDX-License-Identifier: MIT */
/*
 * Compressed messages. The C core would inflate them to any size before it looks, so it does not:
 * streams of which both ends agree compress and inflate their own messages. On the wire it is
 * gRPC's way: `grpc-encoding: gzip` in the initial metadata, and a mark at each message.
 */
#ifndef SV_RPC_GZIP_H
#define SV_RPC_GZIP_H

#include "rpc/bytes.h"

/* Takes `bytes`. Compresses it if that makes it smaller, otherwise gives it back as it is. */
struct sv_rpc_bytes sv_rpc_gzip(struct sv_rpc_bytes bytes);

/*
 * Inflates one gzip file of at most `max` bytes. *ret_data is the caller's, free() it; never NULL.
 * Errors: INVALID_ARGUMENT (it is none, or cut short, or more follows), TOO_LARGE, NO_MEMORY.
 */
int sv_rpc_gunzip(const void *data, size_t len, size_t max, void **ret_data, size_t *ret_len);

#endif
