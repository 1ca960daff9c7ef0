/* SPDX-License-Identifier: MIT */
/* What this process uses of its machine, for NodeStats. */
#ifndef SV_PEER_USAGE_H
#define SV_PEER_USAGE_H

#include <pthread.h>
#include <stdint.h>

#include "wire/cluster_rpc.h"

struct sv_peer_usage {
    pthread_mutex_t lock;
    /* When it was last looked at, and what CPU time the process had used by then. */
    int64_t looked_us, used_us;
    double cpu;
};

void sv_peer_usage_init(struct sv_peer_usage *usage);
void sv_peer_usage_fini(struct sv_peer_usage *usage);
/*
 * Fills in cpu_usage, of cores (1.0 = one of them all the time) over the last second at least, and
 * memory_usage, the bytes that are resident. Any thread.
 */
void sv_peer_usage_read(struct sv_peer_usage *usage, struct sv_wire_node_stats *stats);

#endif
