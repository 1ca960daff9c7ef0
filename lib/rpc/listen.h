/* SPDX-License-Identifier: MIT */
/* The addresses of a server. */
#ifndef SV_RPC_LISTEN_H
#define SV_RPC_LISTEN_H

#include <grpc/grpc.h>

#include <synctv/error.h>

#include "base/log.h"

/*
 * Opens all that "host:port" or "[host]:port" means: a name is all its addresses, 0.0.0.0 is IPv4
 * alone, [::] is IPv6 and IPv4. Of a name one address is enough; for each of the others there is a
 * warning. Waits for the resolver. Port 0 is any, the same for all. Errors: INVALID_ARGUMENT, field
 * "listen", with a sentence that says why.
 */
int sv_rpc_listen(grpc_server *core, const char *address, grpc_server_credentials *credentials,
    const struct sv_log *log, int *ret_port, synctv_error *ret_error);

#endif
