/* SPDX-License-Identifier: MIT */
/* grpc.health.v1: whether the server, or one of its services, takes calls. */
#ifndef SV_RPC_HEALTH_H
#define SV_RPC_HEALTH_H

#include "rpc/server.h"

#define SV_RPC_HEALTH_METHODS 2

struct sv_rpc_health;

/* Knows the services of options->methods. Errors: NO_MEMORY. */
int sv_rpc_health_new(const struct sv_rpc_server_options *options, struct sv_rpc_health **ret);
/* Once all streams are closed. NULL is fine. */
void sv_rpc_health_free(struct sv_rpc_health *h);
/* Tells all watchers. Any thread. */
void sv_rpc_health_set(struct sv_rpc_health *h, bool serving);
void sv_rpc_health_methods(struct sv_rpc_health *h,
    struct sv_rpc_method out[SV_RPC_HEALTH_METHODS]);

#endif
