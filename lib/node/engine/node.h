/* SPDX-License-Identifier: MIT */
/*
 * A node, as all folders of lib/node see it: what it was opened with, its storage, its clock, its
 * mailbox, and a table for each folder. A folder knows those before it and the inside of its own
 * table:
 *
 *   engine/    a request on its way (call.h); time and randomness (time.h); this file
 *   people/    accounts, sessions, cached tokens
 *   streams/   the bounded queue of a stream: pushing, taking, ending
 *   rooms/     rooms in memory; rooms/room.h tells more
 *   calls/     one handler for each method
 *
 * Locks, outermost first: a room's, rooms->lock, a shard's, streams->lock, accounts->lock, a
 * stream's, a ticket's, then those of the mailbox, of the list of ready streams and of the tickets.
 * Under none of them is a function of somebody else called, except wake(): it takes locks of its
 * own and calls nothing of the node.
 */
#ifndef SV_NODE_ENGINE_NODE_H
#define SV_NODE_ENGINE_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <synctv/node.h>

#include "auth/login_limit.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/pool.h"
#include "base/ratelimit.h"
#include "node/engine/store_clock.h"
#include "node/engine/time.h"
#include "store/store.h"

struct sv_accounts;
struct sv_streams;
struct sv_rooms;
struct sv_cluster;
struct sv_links;
struct sv_cluster_watch;
struct sv_call;

/* Answers a request of one method. engine/call.h tells how. */
typedef void sv_handler(struct sv_call *call);

/* Calls whose time may run out (ticket.h), by when it does. */
struct sv_tickets {
    pthread_mutex_t lock;
    struct sv_list timed;
};

struct synctv_node {
    struct sv_log log;
    struct sv_sources sources;
    struct sv_node_clock clock;
    struct sv_store_clock store_clock;
    char id[65];
    /* Nobody else has the database. */
    bool alone;
    char address[128];
    synctv_limits limits;
    synctv_registration registration;
    int64_t access_ttl_s, refresh_ttl_s;
    unsigned char *jwt_key;
    size_t jwt_key_len;

    struct sv_store *store;
    struct sv_pool *hashers;
    struct sv_login_limit *login_limit;
    struct sv_accounts *accounts;
    struct sv_streams *streams;

    struct sv_rooms *rooms;
    /* node/cluster.c; NULL = the node is no member of a cluster. */
    struct sv_cluster *cluster;
    /* links/links.h; NULL as well. */
    struct sv_links *links;
    /* cluster_view.h; NULL = nobody wants to hear of members. */
    struct sv_cluster_watch *watch;
    /* Counts what may have changed the members. */
    atomic_uint cluster_changes;
    /* calls/handlers.h; one for each of SYNCTV_N_METHODS, NULL for what is not implemented. */
    sv_handler *const *handlers;
    /*
     * What a job of this scope has written may be stored or not: what is in memory of it is read
     * again. node.c's. On a thread of the store, without locks.
     */
    void (*doubt)(synctv_node *node, const struct sv_scope *scope);
    atomic_uint n_rooms;

    struct sv_tickets tickets;
    struct sv_mailbox mailbox;
    pthread_mutex_t turn_lock;
    atomic_bool turn_wanted;
    /* Monotonic; under turn_lock. */
    int64_t next_purge_ms, next_accounts_ms, next_clock_ms, next_ask_ms, next_look_ms,
        next_rare_look_ms;
    /* sv_store_turns() that rooms know of; under turn_lock. */
    uint64_t store_turns;

    /* New calls and streams are refused; what is sent on open streams is still done. */
    atomic_bool draining;
    /* Nothing is done any more. */
    atomic_bool stopping;

    /*
     * Set by lib/embed, which owns the queue: has sv_node_turn() called soon. NULL before anybody
     * listens.
     */
    void (*wake)(void *userdata);
    void *wake_userdata;
    /* lib/embed's. */
    void *front;
};

static inline bool sv_node_takes_calls(const synctv_node *node)
{
    return !atomic_load(&node->draining) && !atomic_load(&node->stopping);
}

/* Has letter->run() called in sv_node_turn(). Any thread. */
void sv_node_post(synctv_node *node, struct sv_letter *letter);
/* Has sv_node_turn() called soon. Any thread, under any locks. */
void sv_node_wake(synctv_node *node);
/* Something about the members may have changed. Any thread, without locks of the node. */
void sv_node_cluster_changed(synctv_node *node);

#endif
