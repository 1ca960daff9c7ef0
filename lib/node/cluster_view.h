/* SPDX-License-Identifier: MIT */
/* What a program sees of the members of the cluster, and how it hears of what becomes of them. */
#ifndef SV_NODE_CLUSTER_VIEW_H
#define SV_NODE_CLUSTER_VIEW_H

#include <synctv/cluster.h>

#include "node/engine/node.h"

/* What a member says of itself in its row. */
struct sv_cluster_stats {
    synctv_node_stats counts;
    /* Of cores; 1.0 = one of them all the time. */
    double cpu;
    /* In bytes. */
    double memory;
};

/* No locks of the node. */
void sv_cluster_own_stats(synctv_node *node, struct sv_cluster_stats *ret_stats);
void sv_cluster_stats_write(const struct sv_cluster_stats *stats, char *text, size_t size);

/* For options->cluster_event, if there is one. Returns 0 or NO_MEMORY. */
int sv_cluster_watch_new(synctv_node *node, const synctv_node_options *options);
void sv_cluster_watch_free(synctv_node *node);
/* Tells what has changed since the last time. In the node's turn. */
void sv_cluster_watch_tell(synctv_node *node);

#endif
