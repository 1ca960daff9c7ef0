/* SPDX-License-Identifier: MIT */
/*
 * A node, as all of its stories see it: what it was opened with, its storage, clock, mailbox and tables. Each story knows only
 * those before it, and its own table:
 *
 *   engine/    a request on its way (call.h), time and chance (time.h), this file
 *   people/    accounts, sessions, cached tokens
 *   streams/   a stream's bounded queue: taking, pushing, ending
 *   rooms/     rooms in memory; rooms/room.h tells more
 *   calls/     one handler a method
 *
 * Locks, outermost first: a room's, rooms->lock, a shard's, streams->lock, accounts->lock, a stream's, a ticket's, then
 * those of the mailbox, of streams that are ready and of the tickets. Nothing foreign is called under any of them but wake(): it takes locks of its own and
 * calls nobody back.
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
#include "node/engine/time.h"
#include "store/store.h"

struct sv_accounts;
struct sv_streams;
struct sv_rooms;
struct sv_method;

/* Calls whose time may run out (ticket.h), by when it does. */
struct sv_tickets {
    pthread_mutex_t lock;
    struct sv_list timed;
};

struct synctv_node {
    struct sv_log log;
    struct sv_sources sources;
    struct sv_node_clock clock;
    char id[65];
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
    /* SYNCTV_N_METHODS of them; calls/methods.c. */
    const struct sv_method *methods;
    atomic_uint n_rooms, n_online;

    struct sv_tickets tickets;
    struct sv_mailbox mailbox;
    pthread_mutex_t turn_lock;
    atomic_bool turn_wanted;
    int64_t next_purge_ms, next_accounts_ms, next_clock_ms; /* monotonic; turn_lock */

    atomic_bool stopping;

    /* Given by lib/embed, which owns the queue: makes sv_node_turn() be called soon. NULL = nobody listens (yet). */
    void (*wake)(void *userdata);
    void *wake_userdata;
    void *front; /* lib/embed's */
};

/* Has run() called in sv_node_turn(). Any thread. */
void sv_node_post(synctv_node *node, struct sv_letter *letter);
/* Has sv_node_turn() called soon. Any thread, any locks. */
void sv_node_wake(synctv_node *node);

#endif
