/* SPDX-License-Identifier: MIT */
/* The C core as a whole. */
#ifndef SV_RPC_CORE_H
#define SV_RPC_CORE_H

/*
 * grpc_init() and grpc_shutdown(), balanced by the caller. The core prints the mistakes of its peers to stderr; that is
 * turned off for the whole process, unless GRPC_VERBOSITY or GRPC_TRACE is set.
 */
void sv_rpc_core_init(void);
void sv_rpc_core_shutdown(void);

#endif
