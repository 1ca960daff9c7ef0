/* SPDX-License-Identifier: MIT */
/*
 * A node as a member of the cluster that shares its database: registering, heartbeats, and what it
 * does when it finds itself declared dead. What it makes of the others' rows is lib/cluster's. A
 * node without a cluster secret has none of this: then node->cluster is NULL, and these functions
 * do nothing or say no.
 */
#ifndef SV_NODE_CLUSTER_H
#define SV_NODE_CLUSTER_H

#include "node/engine/node.h"

/* Reads the options that are about this: the secret, the id, the address. INVALID_ARGUMENT,
 * NO_MEMORY. Sets node->id for a member. */
int sv_cluster_new(synctv_node *node, const synctv_node_options *options, synctv_error *err);
void sv_cluster_free(synctv_node *node);
/* For sv_store_open(): whose store it is. False: nobody's. */
bool sv_cluster_store_member(synctv_node *node, struct sv_store_member *ret_member);

/* For run(), before the node does anything else: its row, and in *ret_ahead_ms how far the clocks
 * of members that are there are ahead of the store's; 0 if there are none. */
int sv_cluster_register(synctv_node *node, struct sv_tx *tx, int64_t *ret_ahead_ms);
/* Under which address it can be reached, if no other was advertised. */
void sv_cluster_set_address(synctv_node *node, const char *address);
/* Whether another member is alive: then there is one clock for all. Any thread. */
bool sv_cluster_has_fellows(const synctv_node *node);
/* Takes its row away with the last of the store's jobs. */
void sv_cluster_leave(synctv_node *node);

#endif
