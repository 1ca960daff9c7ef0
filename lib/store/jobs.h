/* SPDX-License-Identifier: MIT */
/*
 * The queues of jobs and their threads: one thread writes, some read.
 *
 *   store.c   opens and closes: which backend, which connections
 *   jobs.c    the queues and their threads
 *   batch.c   many jobs in one transaction, and running them again after a failure
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
    /* NULL = none. */
    struct sv_conn *conn;
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
    /* A batch is being written. */
    bool writing;
    bool closing;
    /* Signalled when there is nothing to write, for sv_store_drain(). */
    pthread_cond_t idle;
    unsigned n_draining;

    /* Once closing: when to give up waiting for other processes. */
    _Atomic int64_t deadline_us;

    struct sv_job_worker writer;
    /* NULL if there can be only one connection: then the writer reads, too. */
    struct sv_job_worker *readers;
    unsigned n_readers;
};

/* On failure some threads may have started. Errors: INTERNAL. */
int sv_jobs_start(struct sv_store *store);
/* Takes no more jobs, finishes the queued ones and joins the threads. */
void sv_jobs_stop(struct sv_store *store);

#endif
