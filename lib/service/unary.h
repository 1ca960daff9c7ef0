/* SPDX-License-Identifier: MIT */
/*
 * The calls with one answer. All take the same way: find out who calls, decode the request, ask the
 * node, encode its result.
 */
#ifndef SV_SERVICE_UNARY_H
#define SV_SERVICE_UNARY_H

#include "rpc/server.h"

/* sv_rpc_method.start; `arg` is a struct sv_service_method. */
void sv_service_unary_start(struct sv_rpc_call *rpc, void *arg);

#endif
