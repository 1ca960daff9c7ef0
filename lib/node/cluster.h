/* SPDX-License-Identifier: MIT */
/*
 * A node as a member of the cluster that shares its database: registering, heartbeats, and what it
 * does when it finds itself declared dead. What it makes of the others' rows is lib/cluster's. A
 * node without a cluster secret has none of this: then node->cluster is NULL, and these functions
 * do nothing or say no.
 */
#ifndef SV_NODE_CLUSTER_H
#define SV_NODE_CLUSTER_H

#include "cluster/membership.h"
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
/* Who a member is to the others. */
#define SV_INSTANCE_SIZE 22
#define SV_STORAGE_ID_SIZE 65
struct sv_cluster_identity {
    int64_t epoch;
    /* Of this start. */
    char instance[SV_INSTANCE_SIZE];
    /* Of its database. */
    char storage_id[SV_STORAGE_ID_SIZE];
    /* "" = nobody can reach it. */
    char address[128];
    int32_t heartbeat_ms;
};
/* False: it is no member. Any thread. */
bool sv_cluster_identify(const synctv_node *node, struct sv_cluster_identity *ret_identity);
/* The others, as the last look has found them: at most SV_FELLOWS_MAX, by id. Returns how many. Any
 * thread. */
size_t sv_cluster_fellows(const synctv_node *node, struct sv_fellow *ret_fellows);

/*
 * Whether somebody is the start of a node that stands in the store. Set `id`, `epoch`, `instance`
 * and `done`; the rest is this file's.
 */
struct sv_cluster_check {
    char id[65];
    int64_t epoch;
    char instance[SV_INSTANCE_SIZE];
    /*
     * On a thread of the store. rv: 0, and `address` is where the row says that the node is;
     * NODE_NOT_FOUND (another epoch or instance, or no row), or why the store was not read.
     */
    void (*done)(struct sv_cluster_check *check, int rv);

    char address[128];
    struct sv_job job;
    struct sv_arena arena;
};
/* Never blocks. Returns 0, and done() comes; or the errors of sv_store_read(). Any thread. */
int sv_cluster_check(synctv_node *node, struct sv_cluster_check *check);
/*
 * For the node's turn, each second: whether the store has a member that no heartbeat has found yet
 * (until it is known nobody links with it, and what it writes is not looked for), or is older than
 * it was, because a backup was restored. Then the heartbeat comes at once, and rooms in memory are
 * looked at or read again. Never blocks.
 */
void sv_cluster_look_between_beats(synctv_node *node);
/* Takes its row away with the last of the store's jobs. */
void sv_cluster_leave(synctv_node *node);

#endif
