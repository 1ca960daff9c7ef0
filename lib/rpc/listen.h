/* SPDX-License-Identifier: MIT */
/* Opens the addresses that a server listens on. */
#ifndef SV_RPC_LISTEN_H
#define SV_RPC_LISTEN_H

#include <grpc/grpc.h>

#include <synctv/error.h>

#include "base/log.h"

/*
 * Opens what `address`, "host:port" or "[host]:port", means:
 *   a name    all its addresses; one is enough, and a warning names each that cannot be opened
 *   0.0.0.0   all addresses of IPv4 alone
 *   [::]      all addresses of IPv6 and IPv4
 *   port 0    any free port, the same for all addresses
 *
 * Blocks until the resolver has answered. Errors: INVALID_ARGUMENT, field "listen", with a message
 * that says why.
 */
int sv_rpc_listen(grpc_server *core, const char *address, grpc_server_credentials *credentials,
    const struct sv_log *log, int *ret_port, synctv_error *ret_error);

#endif
