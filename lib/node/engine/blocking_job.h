/* SPDX-License-Identifier: MIT */
/* A job of the store that a thread outside waits for. */
#ifndef SV_NODE_ENGINE_BLOCKING_JOB_H
#define SV_NODE_ENGINE_BLOCKING_JOB_H

#include <pthread.h>
#include <stdbool.h>

#include "store/store.h"

/* Embed it, with run set and, if it writes, the job's scope; apply may be NULL. The rest is sv_blocking_job_do()'s. */
struct sv_blocking_job {
    int (*run)(struct sv_blocking_job *b, struct sv_tx *tx);
    /* After COMMIT, in commit order, on success only. */
    void (*apply)(struct sv_blocking_job *b);

    struct sv_job job;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
    int rv;
};

/*
 * Submits it with sv_store_read() or sv_store_write() and waits until it has been applied, which the store guarantees.
 * Returns what run() returned, or why it was not run. Not on a thread of the store.
 */
int sv_blocking_job_do(struct sv_blocking_job *b, struct sv_store *store,
    int (*submit)(struct sv_store *, struct sv_job *));

#endif
