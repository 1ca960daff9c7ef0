/* SPDX-License-Identifier: MIT */
/*
 * The changes of a member are stored only while nobody has declared it dead. Just before COMMIT the
 * transaction locks the member's row in `nodes` FOR KEY SHARE. Who declares it dead, takes its
 * place or forgets it waits for that lock, so what was read holds until the COMMIT is over. Its
 * heartbeat does not wait: under load it would starve.
 */
#ifndef SV_STORE_POSTGRES_FENCE_H
#define SV_STORE_POSTGRES_FENCE_H

#include <stdatomic.h>

#include "store/postgres/pg.h"

/* All connections of a store share it. */
struct sv_pg_fence {
    char *id, *instance;
    /* As it was stored; 0 = the node has not registered yet, or has left. */
    _Atomic int64_t epoch;
    void (*refused)(void *userdata);
    void *userdata;
};

/* Of pg.new_epoch: the transaction takes the node's row away. */
#define SV_PG_FENCE_LEFT (-1)

/* Errors: NO_MEMORY. */
int sv_pg_fence_init(struct sv_pg_fence *fence, const struct sv_store_member *member);
void sv_pg_fence_fini(struct sv_pg_fence *fence);
/* Call it when a transaction begins. */
void sv_pg_fence_begin(struct sv_pg *pg);
/*
 * What is asked just before COMMIT, on the same way; false = nothing needs to be. It fails with
 * SV_PG_FENCED if the transaction may not be committed.
 */
bool sv_pg_fence_query(struct sv_pg *pg, struct sv_query *q);
/* Behind COMMIT, whose result is `rv`. If it was refused, the node is told. */
void sv_pg_fence_settle(struct sv_pg *pg, int rv);

#endif
