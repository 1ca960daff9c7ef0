/* SPDX-License-Identifier: MIT */
/*
 * The guard for connections with TLS: OpenSSL has the plain text, and knows why a handshake fails.
 */
#ifndef GRPC_GUARD_TLS_H
#define GRPC_GUARD_TLS_H

/* For grpc_guard_init(); does nothing without TLS. */
void tls_init(void);

#endif
