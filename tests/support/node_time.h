/* SPDX-License-Identifier: MIT */
/* The time of a node in a test's hand. It goes on by itself as the machine's does, and further when
 * the test says so. */
#ifndef TESTS_NODE_TIME_H
#define TESTS_NODE_TIME_H

#include "node/node.h"

/* What a node's clocks are ahead of the machine's. */
struct node_time {
    _Atomic int64_t mono_ms;
    _Atomic int64_t wall_ms;
};

static inline int64_t node_time_mono_ms(void *userdata)
{
    return sv_real_sources.mono_ms(NULL) + ((struct node_time *)userdata)->mono_ms;
}

static inline int64_t node_time_wall_ms(void *userdata)
{
    return sv_real_sources.wall_ms(NULL) + ((struct node_time *)userdata)->wall_ms;
}

/* The node, which was just opened, goes by this time from now on. */
static inline void node_time_own(synctv_node *node, struct node_time *time)
{
    node->sources.mono_ms = node_time_mono_ms;
    node->sources.wall_ms = node_time_wall_ms;
    node->store_clock.known = false; /* a server's clock would know better */
    node->sources.userdata = time;
}

/* So much time has passed. */
static inline void node_time_pass(struct node_time *time, int64_t ms)
{
    time->mono_ms += ms;
    time->wall_ms += ms;
}

/* Somebody has set the clock of the machine. */
static inline void node_time_step(struct node_time *time, int64_t ms)
{
    time->wall_ms += ms;
}

#endif
