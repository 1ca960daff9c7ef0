/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <synctv/cluster.h>

#include "base/error.h"
#include "base/sized.h"
#include "embed/tls_files.h"
#include "node/node.h"
#include "peer/peer.h"

static int ask(const synctv_node_options *options, const char *address, synctv_cluster_node *nodes,
    synctv_error *err)
{
    struct sv_tls_files files;
    int rv = sv_tls_files_read(&files, options, err);
    const struct sv_log log = { options->log, options->log_userdata, options->log_level };
    const struct sv_peer_options o = {
        .log = &log,
        .secret_file = options->cluster_secret_file,
        .tls = files.tls.cert != NULL,
        .root_ca = files.cluster_ca,
        .cert = files.cert,
        .key = files.key,
    };
    if (rv == 0)
        rv = sv_peer_ask(&o, address, nodes, SYNCTV_CLUSTER_NODES_MAX, err);
    sv_tls_files_fini(&files);
    return rv;
}

int synctv_cluster_ask_sized(const synctv_node_options *options, const char *address,
    synctv_cluster_node *ret_nodes, int max, size_t struct_size, synctv_error *ret_error)
{
    synctv_node_options known;
    char *out = (char *)ret_nodes;
    synctv_cluster_node *nodes = calloc(SYNCTV_CLUSTER_NODES_MAX, sizeof(*nodes));
    if (nodes == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    int rv = sv_node_options_take(options, &known, ret_error);
    if (rv == 0)
        rv = ask(&known, address, nodes, ret_error);
    for (int i = 0; i < rv && i < max; i++)
        sv_sized_give(out + (size_t)i * struct_size, struct_size, &nodes[i], sizeof(nodes[i]));
    free(nodes);
    return rv;
}
