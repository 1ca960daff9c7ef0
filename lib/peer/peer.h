/* SPDX-License-Identifier: MIT */
/*
 * The transport between nodes: links (SyncEvents), and the calls that only nodes and operators'
 * tools with the cluster secret make (ClusterService, DataSyncService).
 *
 *   node/links   <-- events --   lib/peer   <-- SyncEvents -->   lib/peer of another node
 *                -- dial, send ->           --  RegisterNode, Heartbeat -->
 *
 * A node keeps a channel to every node that it has a link with, whoever has dialled: each one
 * registers at the other and tells it its stats with each heartbeat.
 *
 * Locks: the mesh's lock (node/links) comes before that of the table (inside.h), that before a
 * link's, and those of lib/rpc come last. Under the last three nothing of lib/node is called but
 * what reads node/cluster.c's own memory.
 */
#ifndef SV_PEER_PEER_H
#define SV_PEER_PEER_H

#include <synctv/cluster.h>

#include "base/log.h"
#include "rpc/server.h"

struct sv_peer;

struct sv_peer_options {
    /* Borrowed until the end. */
    synctv_node *node;
    const struct sv_log *log;
    /* NULL or "" = the node is no member: then all calls are refused. */
    const char *secret_file;
    /* Whether nodes listen with TLS. PEM texts, copied: the authorities to trust (NULL = the
     * system's), and this node's own certificate, which it shows; NULL = none. */
    bool tls;
    const char *root_ca, *cert, *key;
};

/* Errors: INVALID_ARGUMENT (field "cluster_secret_file"), NO_MEMORY. */
int sv_peer_new(const struct sv_peer_options *options, struct sv_peer **ret_peer,
    synctv_error *err);
/* The table of methods for the server. It lives as long as `peer`. */
const struct sv_rpc_method *sv_peer_methods(const struct sv_peer *peer, size_t *ret_n_methods);
/*
 * Begins to dial. Once `server` listens, if it has threads; with NULL each link has a thread of its
 * own. Errors: INTERNAL (no thread can be started).
 */
int sv_peer_start(struct sv_peer *peer, struct sv_rpc_server *server, synctv_error *err);
/*
 * Says goodbye on all links and ends them, and all calls that were made; waits for that. Before the
 * server stops. A second close does nothing.
 */
void sv_peer_close(struct sv_peer *peer);

#define SV_PEER_LINK_STATS_MAX SYNCTV_CLUSTER_NODES_MAX

/* What waits on the links to one member. */
struct sv_peer_link_stats {
    char id[65];
    size_t queued_events, queued_bytes;
};

/* Writes at most SV_PEER_LINK_STATS_MAX, one for each member that is linked. Returns how many. */
size_t sv_peer_get_link_stats(struct sv_peer *peer, struct sv_peer_link_stats *ret_stats);
/* When the server has stopped. NULL is fine. */
void sv_peer_free(struct sv_peer *peer);

/*
 * Asks the member at `address` which members it knows (GetNodes), itself first, as somebody who is
 * none. Of `options` what is about TLS and the secret counts. Waits, at most 5 s. Of the nodes,
 * rooms_loaded is not told. Returns how many there are, of which at most `max` are in `ret_nodes`;
 * INVALID_ARGUMENT, NO_MEMORY, or what the member or the network says.
 */
int sv_peer_ask(const struct sv_peer_options *options, const char *address,
    synctv_cluster_node *ret_nodes, int max, synctv_error *err);

#endif
