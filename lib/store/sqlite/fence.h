/* SPDX-License-Identifier: MIT */
/*
 * What a member has changed is stored only as long as nobody has declared it dead. SQLite has one
 * writer at a time, so what is read just before COMMIT holds until it is over.
 */
#ifndef SV_STORE_SQLITE_FENCE_H
#define SV_STORE_SQLITE_FENCE_H

#include "store/sqlite/db.h"

/* The writer's thread alone. */
struct sv_sqlite_fence {
    char *id, *instance;
    /* As it stands in the database; 0 = the node has not registered yet, or has left. */
    int64_t epoch;
    /* In the transaction that is open: the node registers with it; SV_FENCE_LEFT = it takes its row
     * away; 0 = neither. */
    int64_t new_epoch;
    /* Rows changed over the connection when the transaction began. */
    int64_t changes;
    void (*refused)(void *userdata);
    void *userdata;
};

#define SV_FENCE_LEFT (-1)

/* NO_MEMORY. */
int sv_sqlite_fence_init(struct sv_sqlite_fence *fence, const struct sv_store_member *member);
void sv_sqlite_fence_fini(struct sv_sqlite_fence *fence);
/* A transaction begins, or what it has done so far is undone. */
void sv_sqlite_fence_begin(struct sv_db *db);
void sv_sqlite_fence_undo(struct sv_db *db);
/* Whether the transaction may be committed: 0, STORAGE_UNAVAILABLE (refused, which has been told),
 * or what kept it from finding out. */
int sv_sqlite_fence_check(struct sv_db *db);
void sv_sqlite_fence_committed(struct sv_db *db);

#endif
