/* SPDX-License-Identifier: MIT */
/*
 * The store's clock, which the node clock follows: that of the database's server, which is asked
 * every few seconds, or, if the database is on this machine, the machine's wall clock.
 */
#ifndef SV_NODE_ENGINE_STORE_CLOCK_H
#define SV_NODE_ENGINE_STORE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <synctv/node.h>

#include "store/store.h"

#define SV_CLOCK_ANSWERS 8

/* What the server has said, in ms. */
struct sv_clock_answer {
    /* From the question to the answer. */
    int64_t way_ms;
    /* How far its clock is ahead of the monotonic clock. */
    int64_t ahead_ms;
};

struct sv_store_clock {
    struct sv_job job;
    struct sv_clock_answer answer;
    atomic_bool asking;
    /* One thread at a time: the last ones, a ring. */
    struct sv_clock_answer answers[SV_CLOCK_ANSWERS];
    unsigned n_answers;
    /* The server has a clock, and has said so. */
    atomic_bool known;
    /* Of the answer with the shortest way. */
    _Atomic int64_t ahead_ms;
};

/* Unix ms. Any thread. */
int64_t sv_node_store_ms(const synctv_node *node);

/*
 * For run(): asks. Returns 1, 0 if there is no server, or negative as sv_tx_ops do. Before the
 * first sv_node_hear_clock() the wall clock counts.
 */
int sv_node_ask_clock(const synctv_node *node, struct sv_tx *tx, struct sv_clock_answer *ret);
/* One thread at a time. */
void sv_node_hear_clock(synctv_node *node, const struct sv_clock_answer *answer);
/* Asks again, in the background. Does nothing while it asks, or if there is no server. */
void sv_node_ask_clock_again(synctv_node *node);

#endif
