/* SPDX-License-Identifier: MIT */
/* Starting and ending the gRPC C core. */
#ifndef SV_RPC_CORE_H
#define SV_RPC_CORE_H

/*
 * Calls grpc_init(). Each one needs an sv_rpc_core_shutdown().
 *
 * The core prints to stderr what its peers do wrong. The first call turns that off for the whole
 * process, unless GRPC_VERBOSITY or GRPC_TRACE is set.
 */
void sv_rpc_core_init(void);
void sv_rpc_core_shutdown(void);

#endif
