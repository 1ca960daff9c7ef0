/* SPDX-License-Identifier: MIT */
#ifndef SV_EMBED_TLS_FILES_H
#define SV_EMBED_TLS_FILES_H

#include <synctv/node.h>

#include "rpc/server.h"

/* The PEM texts that the options name. */
struct sv_tls_files {
    /* Its cert is NULL when there is to be no TLS. */
    struct sv_rpc_tls tls;
    char *cert, *key, *client_ca, *cluster_ca;
};

/*
 * Errors: INVALID_ARGUMENT that names the option, NO_MEMORY. Call sv_tls_files_fini() in any case.
 */
int sv_tls_files_read(struct sv_tls_files *files, const synctv_node_options *options,
    synctv_error *err);
void sv_tls_files_fini(struct sv_tls_files *files);

#endif
