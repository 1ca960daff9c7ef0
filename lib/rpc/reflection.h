/* SPDX-License-Identifier: MIT */
/* grpc.reflection v1 and v1alpha: tells clients which services and messages this server has. */
#ifndef SV_RPC_REFLECTION_H
#define SV_RPC_REFLECTION_H

#include "rpc/server.h"

#define SV_RPC_REFLECTION_METHODS 2

/* They answer from server->methods and server->descriptors. */
void sv_rpc_reflection_methods(struct sv_rpc_server *server,
    struct sv_rpc_method out[SV_RPC_REFLECTION_METHODS]);

#endif
