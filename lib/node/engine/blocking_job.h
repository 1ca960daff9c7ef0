/* SPDX-License-Identifier: MIT */
/* A job of the store that a thread waits for which is none of the store's. */
#ifndef SV_NODE_ENGINE_BLOCKING_JOB_H
#define SV_NODE_ENGINE_BLOCKING_JOB_H

#include <pthread.h>
#include <stdbool.h>

#include "store/store.h"

/*
 * Embed it. Set run, apply (or NULL) and, if it writes, the job's scope. The rest belongs to
 * sv_blocking_job_do().
 */
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
 * Submits it with sv_store_read() or sv_store_write() and waits until the store has applied it.
 * Returns what run() returned, or why it did not run. Not on a thread of the store.
 */
int sv_blocking_job_do(struct sv_blocking_job *b, struct sv_store *store,
    int (*submit)(struct sv_store *, struct sv_job *));

#endif
