/* SPDX-License-Identifier: MIT */
/*
 * synctv.client.ClientService on a node: bytes in, public API, bytes out. It uses nothing of a node that an embedder could not
 * use, too.
 */
#ifndef SV_SERVICE_SERVICE_H
#define SV_SERVICE_SERVICE_H

#include <synctv/node.h>

#include "base/log.h"
#include "rpc/server.h"

struct sv_service;

/* `node` and `log` are borrowed until the service is freed. Errors: NO_MEMORY. */
int sv_service_new(synctv_node *node, const struct sv_log *log, struct sv_service **ret_service);
/* The methods to serve. They live as long as the service. */
const struct sv_rpc_method *sv_service_methods(const struct sv_service *service,
    size_t *ret_n_methods);
/* What reflection tells of them. Static storage. */
const void *sv_service_descriptor_set(size_t *ret_len);
/* Once no call and no stream is left. NULL is fine. */
void sv_service_free(struct sv_service *service);

#endif
