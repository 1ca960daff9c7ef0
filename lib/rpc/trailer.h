/* SPDX-License-Identifier: MIT */
/* The final status of a call or stream that fails: code, text, and details as trailing metadata. */
#ifndef SV_RPC_TRAILER_H
#define SV_RPC_TRAILER_H

#include <grpc/grpc.h>

#include "rpc/status.h"

struct sv_rpc_trailer {
    grpc_metadata md;
    grpc_slice text;
};

/*
 * Fills status_op, a GRPC_OP_SEND_STATUS_FROM_SERVER. `err` and `extra` are as in
 * sv_rpc_call_fail(). Keep the trailer until the batch was started, then fini it.
 */
void sv_rpc_trailer_init(struct sv_rpc_trailer *t, int code, const synctv_error *err,
    const struct sv_rpc_detail *extra, grpc_op *status_op);
void sv_rpc_trailer_fini(struct sv_rpc_trailer *t);

#endif
