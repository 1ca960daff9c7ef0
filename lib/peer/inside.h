/* SPDX-License-Identifier: MIT */
/*
 * The inside of lib/peer:
 *
 *   keys.c     tokens
 *   table.c    the table of fellows and links, and who may be in it
 *   link.c     a link: its queue, what it hears, its end
 *   dial.c     the thread that dials, registers and says that this node lives
 *   service.c  the calls of others: RegisterNode, Heartbeat, GetNodes, SyncEvents
 *   data.c     DataSyncService
 *   usage.c    what this process uses
 */
#ifndef SV_PEER_INSIDE_H
#define SV_PEER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/outage.h"
#include "cluster/membership.h"
#include "node/cluster.h"
#include "peer/keys.h"
#include "peer/peer.h"
#include "peer/usage.h"
#include "rpc/channel.h"

struct sv_peer_link;
struct sv_online;

/* Others, whether linked or not. Twice what the table of nodes has: its rows come and go. */
#define SV_PEER_FELLOWS_MAX (2 * SV_FELLOWS_MAX)
#define SV_PEER_OBSERVERS_MAX 16
#define SV_PEER_METHODS 7
/*
 * Of what nodes say to each other; nodes with different ones do not link, and go by the store. It
 * is raised only when an older node would go wrong. What is merely new does not raise it: events,
 * fields and values that a node does not know are skipped, and the room is looked at.
 */
#define SV_PEER_WIRE_VERSION "1"

/* A node that this one has to do with. All under peer->lock. */
struct sv_peer_fellow {
    struct sv_list link_in_peer;
    struct sv_peer *peer;
    char id[65];
    char address[128];

    /* As the callee: the epoch that it has registered here with; 0 = none. */
    int64_t epoch;
    /* What its last heartbeat has said; has_stats. */
    struct sv_wire_node_stats stats;
    bool has_stats;

    /* As the caller: this node's epoch when it registered there; 0 = it has to. */
    int64_t registered_epoch;
    /* NULL = none yet, or its address has changed. */
    struct sv_rpc_channel *channel;
    /* The mesh wants a link to it. */
    bool wanted;
    /* A unary call to it is under way. */
    bool calling;
    /* The link that is being opened, then the one that is; 0 = none. */
    uint64_t opening, linked;
    /* Failures in a row, and when to try again. Monotonic. */
    unsigned attempts;
    int64_t not_before_ms;
    int64_t next_beat_ms;
    struct sv_outage trouble;
    /* How its links end: no other trouble hides that. */
    struct sv_outage ended;
    /* So that links that come and go all the time do not fill the log. */
    struct sv_outage opened;
};

struct sv_peer {
    synctv_node *node;
    const struct sv_log *log;
    struct sv_peer_keys keys;
    bool tls;
    char *root_ca, *cert, *key;
    struct sv_rpc_method methods[SV_PEER_METHODS];
    struct sv_peer_usage usage;

    bool has_thread;
    /* Whose threads run links; NULL = each link has its own. */
    struct sv_rpc_server *server;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Of all below. */
    bool closing;
    /* The thread is to look again. */
    bool stirred;
    struct sv_list fellows;
    size_t n_fellows;
    /* All links that are not over, by number; links without a fellow observe. */
    struct sv_peer_link *links;
    uint64_t last_link;
    /* Attempts to open a link since the start. */
    uint64_t n_sessions;
    /* Channels that are not used any more, for the thread to free. */
    struct sv_rpc_channel *old_channels[2 * SV_PEER_FELLOWS_MAX];
    size_t n_old_channels;
    /* Callers who were refused. */
    struct sv_outage refusals;
    atomic_uint n_observers;
};

/* ---- table.c ---- */

/* Locked. */
struct sv_peer_fellow *sv_peer_find(struct sv_peer *peer, const char *id);
/* NULL when out of memory, or when there are too many. Locked. */
struct sv_peer_fellow *sv_peer_need(struct sv_peer *peer, const char *id);
/* It can be reached there. Locked. */
void sv_peer_set_address(struct sv_peer_fellow *fellow, const char *address);
void sv_peer_drop_channel(struct sv_peer_fellow *fellow);
/* Frees a fellow that has neither link nor call. Locked. */
void sv_peer_drop(struct sv_peer_fellow *fellow);
/* Has the thread look again. Locked. */
void sv_peer_stir(struct sv_peer *peer);
/* Something has failed: tries again later. Locked. */
void sv_peer_back_off(struct sv_peer_fellow *fellow);
/* A link to this fellow is over, dialled by us or not. Not locked. */
void sv_peer_link_over(struct sv_peer *peer, const char *id, uint64_t number, bool was_short);

/*
 * Logs what is wrong with a fellow, or NULL = with a stranger: at first, then once a minute, or
 * when it is something else. Not locked.
 */
void sv_peer_complain(struct sv_peer *peer, synctv_log_level level, const char *id,
    const char *text);
/* The same of how a link has ended. */
void sv_peer_tell_end(struct sv_peer *peer, synctv_log_level level, const char *id,
    const char *text);

/* ---- dial.c ---- */

int sv_peer_dial_start(struct sv_peer *peer, struct sv_rpc_server *server, synctv_error *err);

/* ---- service.c, data.c ---- */

/* Of this node and its process. */
void sv_peer_own_stats(struct sv_peer *peer, struct sv_wire_node_stats *ret_stats);

void sv_peer_add_cluster_methods(struct sv_peer *peer, struct sv_rpc_method *methods);
/* Asks all linked nodes. */
void sv_peer_ask_online(struct sv_peer *peer, struct sv_online *online);

void sv_peer_add_data_methods(struct sv_peer *peer, struct sv_rpc_method *methods);

/*
 * Who calls: the token of the call, and whether this node may be meant. Errors: those of
 * sv_peer_keys_verify(), PERMISSION_DENIED (without a token, or without a secret).
 */
int sv_peer_authenticate(struct sv_peer *peer, struct sv_rpc_call *call,
    struct sv_token_claims *ret_claims, synctv_error *err);
/* Fails the call and logs it. */
void sv_peer_refuse(struct sv_peer *peer, struct sv_rpc_call *call, const synctv_error *err);

#endif
