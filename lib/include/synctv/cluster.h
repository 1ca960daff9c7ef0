/* SPDX-License-Identifier: MIT */
/**
 * Nodes that share one database, the members of a cluster: see
 * synctv_node_options.cluster_secret_file.
 *
 * Each one says that it is alive by a *heartbeat*, which its program's loop causes:
 *
 *     every options.heartbeat_ms:
 *         if (synctv_cluster_heartbeat(node, &error) == SYNCTV_E_STALE_EPOCH)
 *             stop this node: another has its id
 *
 * A member of which nothing was heard for 3 heartbeats is suspect, and after 6 the others declare
 * it dead: from then on nothing that it has under way is stored (its calls get
 * STORAGE_UNAVAILABLE). If it was only asleep, it registers anew with its next heartbeat or write,
 * reads its rooms again and goes on. A member that stops leaves at once. A member whose own
 * heartbeats have not been written for 3 of them logs a warning, at most once a minute.
 */
#ifndef SYNCTV_CLUSTER_H
#define SYNCTV_CLUSTER_H

#include "node.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Queues a heartbeat: this node's row is written and the others' are read. Never blocks;
 * thread-safe. One that is due while the last one is still under way is left out. Does nothing for
 * a node that is no member.
 *
 * Returns 0. Errors: STALE_EPOCH (another start of a node with this id has taken its place, and
 * nothing that this one writes will be stored: stop it), OVERLOADED, SHUTTING_DOWN; for these two
 * the next one makes up.
 */
SYNCTV_API int synctv_cluster_heartbeat(synctv_node *node, synctv_error *ret_error);

typedef enum synctv_node_state {
    SYNCTV_NODE_ALIVE = 1,
    /** 3 heartbeats were missed. */
    SYNCTV_NODE_SUSPECT = 2,
    /** It was declared dead; forgotten after 10 min. */
    SYNCTV_NODE_DEAD = 3,
} synctv_node_state;

typedef struct synctv_cluster_node {
    char node_id[65];
    /** "" = it does not listen, or has not said yet. */
    char address[128];
    synctv_node_state state;
    /** Since its last heartbeat was seen, as of the last look. */
    int64_t age_ms;
} synctv_cluster_node;

/**
 * The members as the last heartbeat of this node has found them, itself first, the others by id; at
 * most 257. Writes at most `max` to `ret_nodes`, which is the caller's, and returns how many there
 * are: 0 for a node that is no member. Thread-safe; does not wait for storage.
 */
SYNCTV_API int synctv_cluster_nodes(synctv_node *node, synctv_cluster_node *ret_nodes, int max);

#ifdef __cplusplus
}
#endif
#endif
