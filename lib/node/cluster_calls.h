/* SPDX-License-Identifier: MIT */
/* Who is online, here and at the other nodes. */
#ifndef SV_NODE_CLUSTER_CALLS_H
#define SV_NODE_CLUSTER_CALLS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <synctv/cluster.h>

#include "base/arena.h"
#include "base/id.h"

#define SV_ONLINE_USERS_MAX 1000

struct sv_online_place {
    const char *user_id;
    bool online;
    /* "" = in no room. */
    char room_id[SV_ID_SIZE];
    char node_id[65];
};

/* A look for people. Embed it. */
struct sv_online {
    /*
     * All have answered: `places` says it. Once, on the thread that has brought the last answer;
     * is_asker: from within sv_online_answered() of whoever began. Calls sv_online_fini().
     */
    void (*done)(struct sv_online *online, bool is_asker);
    size_t n;
    struct sv_online_place *places;

    /* Nodes that have not answered, and whoever asks. */
    atomic_size_t n_missing;
    /* Of `places` until done(). */
    pthread_mutex_t lock;
    struct sv_arena arena;
};

/*
 * Looks for them on this node. The ids are copied. Then sv_links_ask_online() asks the others, and
 * sv_online_answered(online, true) ends the asking. Returns 0 or NO_MEMORY.
 */
int sv_online_begin(struct sv_online *online, synctv_node *node, const char *const *user_ids,
    size_t n, void (*done)(struct sv_online *online, bool is_asker));
/* One more node is asked. */
void sv_online_expect(struct sv_online *online);
/* A node says that it has this user. */
void sv_online_found(struct sv_online *online, const char *user_id, const char *room_id,
    const char *node_id);
/* A node has said all, or will not. */
void sv_online_answered(struct sv_online *online, bool is_asker);
void sv_online_fini(struct sv_online *online);

#endif
