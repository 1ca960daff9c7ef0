/* SPDX-License-Identifier: MIT */
/*
 * The inside of a node: what its files share. ARCHITECTURE.md tells the story; in short
 *
 *   account.h   who acts: accounts, sessions, callers, their rates
 *   call.h      a request on its way: caller's thread -> (reader | hasher | writer)* -> answer
 *   room.h      rooms in memory, who follows them, broadcasts, presence
 *   stream.h    streams and their bounded queues
 *   this file   the node, its mailbox, its timers
 *
 * Locks, outermost first: room->lock, rooms.lock, a shard's lock, all_streams.lock, accounts.lock, stream->lock, then mailbox.lock and
 * ready.lock. Nothing foreign is called under any of them but wake(): it takes locks of its own and calls nobody back.
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
#include "store/store.h"

#define SV_READY_PER_TURN 64
#define SV_KEEP_CHAT 500
#define SV_ONLINE_MESSAGES_MAX                                                                     \
    100 /* with more people online, ONLINE and OFFLINE are not announced one by one */
#define SV_OFFLINE_AFTER_MS 10000
#define SV_KICK_PAUSE_MS 30000
#define SV_REANNOUNCE_MS 10000
#define SV_FLUSH_MS 250 /* a playback state is written this long after its first change */
#define SV_ACCOUNT_FRESH_MS 60000
#define SV_ROOMS_IDLE_MAX 1024 /* rooms kept in memory though nobody is in them */
#define SV_ROOMS_IDLE_MAX_BYTES                                                                    \
    (64 * 1024 * 1024) /* and of these, so many bytes, mostly playlists: 64 KiB each */

struct sv_room;
struct sv_account;
struct sv_session;
struct sv_call;

struct sv_room_shard {
    pthread_mutex_t lock;
    struct sv_room *by_id; /* uthash */
};

#define SV_ROOM_SHARD_BITS 6
#define SV_ROOM_SHARDS (1 << SV_ROOM_SHARD_BITS)
#define SV_TIMER_SLOTS 512
#define SV_TICK_MS                                                                                 \
    50 /* the timers' granularity: that close together, rooms are looked at in one go */

struct synctv_node {
    struct sv_log log;
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

    struct sv_room_shard shards[SV_ROOM_SHARDS];
    struct {
        pthread_mutex_t lock;
        struct sv_list timed[SV_TIMER_SLOTS]; /* rooms with due_ms != 0, by due_ms / SV_TICK_MS */
        size_t n_timed;
        int64_t tick;        /* the first one that has not been dealt with */
        int64_t next_due_ms; /* no room is due before that; INT64_MAX = none */
        struct sv_list idle; /* loaded rooms nobody follows, oldest first */
        size_t n_idle, max_idle;
        size_t idle_bytes, max_idle_bytes; /* of idle rooms */
        struct sv_list observers;          /* the system's streams of all rooms */
        atomic_uint n_observers;
    } rooms;
    atomic_uint n_rooms, n_streams, n_online;

    struct sv_mailbox mailbox;
    struct {
        pthread_mutex_t lock;
        struct sv_list streams;          /* streams with something to take */
        const struct sv_stream *running; /* whose ready() is running, one at a time; NULL = none */
        pthread_t thread;                /* where it is */
        unsigned n_waiting;              /* until it is over, which `over` tells */
        pthread_cond_t over;
    } ready;
    struct {
        pthread_mutex_t lock;
        struct sv_list list;
    } all_streams;
    pthread_mutex_t turn_lock;
    atomic_bool turn_wanted;
    int64_t next_purge_ms, next_accounts_ms; /* monotonic; turn_lock */

    atomic_bool stopping;

    /* Given by lib/embed, which owns the queue: makes sv_node_turn() be called soon. NULL = nobody listens (yet). */
    void (*wake)(void *userdata);
    void *wake_userdata;
    void *front; /* lib/embed's */
};

/* Opens storage, reads the secret, makes the tables. lib/embed adds the queue and the services. */
int sv_node_init(synctv_node *node, const synctv_node_options *options, synctv_error *err);
/* From here on calls and streams are refused; streams end with SHUTTING_DOWN. */
void sv_node_close(synctv_node *node);
/* Writes what is pending, joins the threads. Letters may still be posted by the last jobs: call sv_node_turn() once more before fini. */
void sv_node_quiesce(synctv_node *node);
void sv_node_fini(synctv_node *node);

/* Runs letters, ready streams (at most SV_READY_PER_TURN) and due timers. Any thread; if another one is at it, returns at once.
 * Returns the ms after which it wants to be called again, 0 = at once. */
int64_t sv_node_turn(synctv_node *node);
/* Has run() called in sv_node_turn(). Any thread. */
void sv_node_post(synctv_node *node, struct sv_letter *letter);
void sv_node_wake(synctv_node *node);

#endif
