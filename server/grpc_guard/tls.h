/* SPDX-License-Identifier: MIT */
/* With TLS it is OpenSSL that has the plain text, and knows why a handshake fails. */
#ifndef GRPC_GUARD_TLS_H
#define GRPC_GUARD_TLS_H

void tls_init(void);

#endif
