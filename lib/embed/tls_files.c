/* SPDX-License-Identifier: MIT */
#include "embed/tls_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

int sv_tls_files_read(struct sv_tls_files *files, const synctv_node_options *options,
    synctv_error *err)
{
    *files = (struct sv_tls_files){ 0 };
    bool cert = !sv_str_empty(options->tls_cert_file), key = !sv_str_empty(options->tls_key_file);
    bool client_ca = !sv_str_empty(options->tls_client_ca_file);
    bool cluster_ca = !sv_str_empty(options->cluster_ca_file);
    if (!cert && !key && !client_ca && !cluster_ca)
        return 0;
    if (!cert)
        return sv_error_field(err, "tls_cert_file", "TLS needs a certificate file");
    if (!key)
        return sv_error_field(err, "tls_key_file", "TLS needs a key file");

    int rv = sv_pem_read(options->tls_cert_file, "tls_cert_file", &files->cert, err);
    if (rv == 0)
        rv = sv_pem_read(options->tls_key_file, "tls_key_file", &files->key, err);
    if (rv == 0 && client_ca)
        rv = sv_pem_read(options->tls_client_ca_file, "tls_client_ca_file", &files->client_ca, err);
    if (rv == 0 && cluster_ca)
        rv = sv_pem_read(options->cluster_ca_file, "cluster_ca_file", &files->cluster_ca, err);
    files->tls = (struct sv_rpc_tls){ files->cert, files->key, files->client_ca };
    return rv;
}

void sv_tls_files_fini(struct sv_tls_files *files)
{
    sv_pem_free(files->cert);
    sv_pem_free(files->key);
    sv_pem_free(files->client_ca);
    sv_pem_free(files->cluster_ca);
}
