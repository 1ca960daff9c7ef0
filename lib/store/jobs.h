/* SPDX-License-Identifier: MIT */
/*
 * Jobs on their way through a backend: one thread that writes, some that read.
 *
 *   store.c   opens and closes: which backend, which connections
 *   jobs.c    the queues and their threads
 *   batch.c   many jobs in one transaction, and what is done when it fails
 */
#ifndef SV_STORE_JOBS_H
#define SV_STORE_JOBS_H

#include <pthread.h>

#include "base/outage.h"
#include "store/backend.h"

/* A bounded queue of jobs; the store's lock guards it. */
struct sv_job_queue {
    struct sv_list jobs;
    size_t n, max;
    pthread_cond_t ready;
};

/* A connection and the thread that uses it. */
struct sv_job_worker {
    struct sv_store *store;
    struct sv_conn *conn; /* NULL = none */
    pthread_t thread;
    bool started;
    struct sv_outage outage;
};

struct sv_store {
    const struct sv_backend *backend;
    struct sv_database *database;
    struct sv_log log;

    pthread_mutex_t lock;
    struct sv_job_queue writes, reads;
    bool writing; /* a batch is on its way */
    bool closing;
    pthread_cond_t idle; /* nothing to write, for those who drain */
    unsigned n_draining;

    /* Once closing: when to give up waiting for other processes. */
    _Atomic int64_t deadline_us;

    struct sv_job_worker writer;
    struct sv_job_worker
        *readers; /* none if there can be one connection only: then the writer reads too */
    unsigned n_readers;
};

/* jobs.c. On failure some may have started; INTERNAL. */
int sv_jobs_start(struct sv_store *store);
/* Takes no more jobs, finishes the queued ones and joins the threads. */
void sv_jobs_stop(struct sv_store *store);

/* batch.c: runs a list of jobs, then apply() in their order. Returns whether they changed any row. */
bool sv_batch_write(const struct sv_backend *backend, struct sv_conn *conn, struct sv_list *jobs);
/* A job in a transaction of its own, of which nothing stays. */
void sv_batch_read(const struct sv_backend *backend, struct sv_conn *conn, struct sv_job *job);

#endif
