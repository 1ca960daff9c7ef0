/* SPDX-License-Identifier: MIT */
/* Checks certificates and makes gRPC's credentials of them, for servers and clients. */
#ifndef SV_RPC_TLS_H
#define SV_RPC_TLS_H

#include <grpc/grpc_security.h>

#include "rpc/server.h"

/* The certificates of a server, replaceable while it runs. */
struct sv_rpc_server_tls;

/*
 * Errors: NO_MEMORY, INVALID_ARGUMENT. The field is the option that the text comes from:
 * "tls_cert_file", "tls_key_file", "tls_client_ca_file".
 */
int sv_rpc_server_tls_new(const struct sv_rpc_tls *pem, struct sv_rpc_server_tls **ret_tls,
    synctv_error *ret_error);
int sv_rpc_server_tls_replace(struct sv_rpc_server_tls *tls, const struct sv_rpc_tls *pem,
    synctv_error *ret_error);
/* After the server of its credentials is destroyed. NULL is fine. */
void sv_rpc_server_tls_free(struct sv_rpc_server_tls *tls);
/* Release with grpc_server_credentials_release(). NULL when they cannot be made. */
grpc_server_credentials *sv_rpc_server_tls_credentials(struct sv_rpc_server_tls *tls);

/* Errors: INVALID_ARGUMENT (field "tls_ca_file", "tls_cert_file", "tls_key_file"). */
int sv_rpc_client_tls_credentials(const char *root_ca, const char *cert, const char *key,
    grpc_channel_credentials **ret_credentials, synctv_error *ret_error);

#endif
