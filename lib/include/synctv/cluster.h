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
 *
 * Members keep links to each other. One that does not listen dials all others, and is a member
 * like any other.
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
    /** It is alive, but there is no link to it: what happens there is seen within a second or so.
     */
    SYNCTV_NODE_UNREACHABLE = 3,
    /** It was declared dead; forgotten after 10 min. */
    SYNCTV_NODE_DEAD = 4,
} synctv_node_state;

/** A member. */
typedef struct synctv_cluster_node {
    /** Set by the library; version.h tells what it is for. */
    size_t struct_size;
    char node_id[65];
    /** "" = it does not listen, or has not said yet. */
    char address[128];
    synctv_node_state state;
    /** Greater after each start of the node; and after each time that it was declared dead. */
    int64_t epoch;
    /** Since its last heartbeat was seen, as of the last look; −1 = not known. */
    int64_t age_ms;

    /* As its last heartbeat has said. */

    uint32_t rooms_loaded;
    uint32_t streams;
    uint32_t users_online;
    /** What its process uses, in cores: 1.0 = one of them all the time; to a thousandth. */
    double cpu;
    /** What is resident of its process. */
    double memory_bytes;
} synctv_cluster_node;

/** As many as a cluster has at most. */
#define SYNCTV_CLUSTER_NODES_MAX 257

/** For structures of `struct_size` bytes; what the function below calls. */
SYNCTV_API int synctv_cluster_nodes_sized(synctv_node *node, synctv_cluster_node *ret_nodes,
    int max, size_t struct_size);
/**
 * The members as the last heartbeat of this node has found them, itself first, the others by id; at
 * most SYNCTV_CLUSTER_NODES_MAX. Writes at most `max` to `ret_nodes`, which is the caller's, and
 * returns how many there are: 0 for a node that is no member. Thread-safe; does not wait for
 * storage. Errors: NO_MEMORY.
 */
static inline int synctv_cluster_nodes(synctv_node *node, synctv_cluster_node *ret_nodes, int max)
{
    return synctv_cluster_nodes_sized(node, ret_nodes, max, sizeof(*ret_nodes));
}

/** For structures of `struct_size` bytes; what the function below calls. */
SYNCTV_API int synctv_cluster_table_sized(synctv_node *node, synctv_cluster_node *ret_nodes,
    int max, size_t struct_size, synctv_error *ret_error);
/**
 * The members as the database has them, by id, for a program that is none: it writes nothing. Open
 * its node with `alone` = false. What links say is not known: a member is ALIVE as long as it holds
 * the lock on its id, SUSPECT if it does not, DEAD if it was declared dead; and its age is −1.
 * Waits for storage.
 *
 * Returns how many there are, as synctv_cluster_nodes(). Errors: STORAGE_UNAVAILABLE, NO_MEMORY,
 * OVERLOADED, SHUTTING_DOWN.
 */
static inline int synctv_cluster_table(synctv_node *node, synctv_cluster_node *ret_nodes, int max,
    synctv_error *ret_error)
{
    return synctv_cluster_table_sized(node, ret_nodes, max, sizeof(*ret_nodes), ret_error);
}

/** For structures of `struct_size` bytes; what the function below calls. */
SYNCTV_API int synctv_cluster_ask_sized(const synctv_node_options *options, const char *address,
    synctv_cluster_node *ret_nodes, int max, size_t struct_size, synctv_error *ret_error);
/**
 * Asks a member which members it knows, itself first, for a program that is none and has the
 * secret: it needs neither a node nor the database. How many rooms they have loaded is not told.
 * Waits, at most 5 s.
 *
 * @options  cluster_secret_file counts, and tls_cert_file, tls_key_file and cluster_ca_file if
 *           members listen with TLS.
 * @address  where the member listens for others.
 *
 * Returns how many there are, as synctv_cluster_nodes(). Errors: INVALID_ARGUMENT (an option, named
 * in ret_error->field), NODE_UNAVAILABLE, TIMEOUT, TOKEN_INVALID (it has another secret),
 * CLOCK_SKEW (its clock is another one), PERMISSION_DENIED (it is no member), NO_MEMORY.
 */
static inline int synctv_cluster_ask(const synctv_node_options *options, const char *address,
    synctv_cluster_node *ret_nodes, int max, synctv_error *ret_error)
{
    return synctv_cluster_ask_sized(options, address, ret_nodes, max, sizeof(*ret_nodes),
        ret_error);
}

typedef enum synctv_cluster_change {
    SYNCTV_CLUSTER_CAME = 1,
    /** It has stopped, or was forgotten; `node` is as it was last. */
    SYNCTV_CLUSTER_LEFT = 2,
    /** Its state, epoch or address is another one. */
    SYNCTV_CLUSTER_CHANGED = 3,
} synctv_cluster_change;

/**
 * For synctv_node_options.cluster_event. New fields come at the end: take its address, and that of
 * `node`, never their size. Valid until the callback returns.
 */
struct synctv_cluster_event {
    synctv_cluster_change change;
    /** Never this node itself. */
    const synctv_cluster_node *node;
};

/** Whether a user is online. */
typedef struct synctv_user_online {
    const char *user_id;
    /** They have an open stream. */
    bool online;
    /** A room that the stream follows; "" = none, or not online. */
    const char *room_id;
    /** Where the stream is; "" = not online. */
    const char *node_id;
} synctv_user_online;

/**
 * Receives one of each user that was asked for, in that order; borrowed until it returns. NULL on
 * failure, then `error` says why.
 */
typedef void synctv_online_fn(void *userdata, const synctv_user_online *users, size_t n_users,
    const synctv_error *error);

/**
 * Looks on all nodes for users who are online. Each member with a link to this one is asked, and
 * has 1 s to answer; one that does not, or that does not listen, has nobody. A node that is no
 * member looks for its own people.
 *
 * @user_ids  at most 1000; borrowed until this returns.
 * @done      always called exactly once, as a synctv_done_fn would be.
 *
 * Errors: INVALID_ARGUMENT (one is no id, or there are too many), NO_MEMORY, SHUTTING_DOWN.
 */
SYNCTV_API void synctv_cluster_online(synctv_node *node, const char *const *user_ids,
    size_t n_user_ids, synctv_online_fn *done, void *userdata);

#define SYNCTV_CLUSTER_ROOMS_MAX 100

/**
 * Receives the rooms that there are, in the order in which they were asked for; borrowed until it
 * returns. NULL on failure, then `error` says why.
 */
typedef void synctv_cluster_rooms_fn(void *userdata, const synctv_room *rooms, size_t n_rooms,
    const synctv_error *error);

/**
 * Looks up rooms of the cluster, whichever node has them. Those that do not exist are left out.
 *
 * @room_ids  at most SYNCTV_CLUSTER_ROOMS_MAX; borrowed until this returns.
 * @done      always called exactly once, as a synctv_done_fn would be.
 *
 * Errors: INVALID_ARGUMENT (there are too many), and those of GET_ROOM_INFO.
 */
SYNCTV_API void synctv_cluster_rooms(synctv_node *node, const char *const *room_ids,
    size_t n_room_ids, synctv_cluster_rooms_fn *done, void *userdata);

#ifdef __cplusplus
}
#endif
#endif
