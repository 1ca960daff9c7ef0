/* SPDX-License-Identifier: MIT */
/*
 * The gRPC service synctv.client.ClientService over a node:
 *
 *   request bytes --> lib/wire --> public API of the node --> lib/wire --> answer bytes
 *
 * It uses only what an embedder can use, too.
 */
#ifndef SV_SERVICE_SERVICE_H
#define SV_SERVICE_SERVICE_H

#include <synctv/node.h>

#include "base/log.h"
#include "rpc/server.h"

struct sv_service;

/* `node` and `log` are borrowed until the service is freed. Errors: NO_MEMORY. */
int sv_service_new(synctv_node *node, const struct sv_log *log, struct sv_service **ret_service);
/* The table of methods for the server. It lives as long as the service. */
const struct sv_rpc_method *sv_service_methods(const struct sv_service *service,
    size_t *ret_n_methods);
/* The packed FileDescriptorSet for reflection. Static storage. */
const void *sv_service_descriptor_set(size_t *ret_len);
/* When no call and no stream is left. NULL is fine. */
void sv_service_free(struct sv_service *service);

#endif
