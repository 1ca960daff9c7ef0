/* SPDX-License-Identifier: MIT */
#include "node/engine/blocking_job.h"

static int job_run(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_blocking_job *b = SV_CONTAINER_OF(job, struct sv_blocking_job, job);
    return b->run(b, tx);
}

static void job_apply(struct sv_job *job, int rv)
{
    struct sv_blocking_job *b = SV_CONTAINER_OF(job, struct sv_blocking_job, job);
    if (rv >= 0 && b->apply != NULL)
        b->apply(b);
    pthread_mutex_lock(&b->lock);
    b->rv = rv;
    b->is_over = true;
    pthread_cond_signal(&b->over);
    pthread_mutex_unlock(&b->lock); /* from here on it is the waiter's, who may be gone with it */
}

int sv_blocking_job_do(struct sv_blocking_job *b, struct sv_store *store,
    int (*submit)(struct sv_store *, struct sv_job *))
{
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->over, NULL);
    b->is_over = false;
    b->job.run = job_run;
    b->job.apply = job_apply;
    int rv = submit(store, &b->job);
    if (rv == 0) {
        pthread_mutex_lock(&b->lock);
        while (!b->is_over)
            pthread_cond_wait(&b->over, &b->lock);
        rv = b->rv;
        pthread_mutex_unlock(&b->lock);
    }
    pthread_cond_destroy(&b->over);
    pthread_mutex_destroy(&b->lock);
    return rv;
}
