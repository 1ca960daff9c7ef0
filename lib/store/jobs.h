/* SPDX-License-Identifier: MIT */
/*
 * Jobs on their way through a backend: some threads write, one in the case of SQLite, and some read.
 *
 *   store.c   opens and closes: which backend, which connections
 *   jobs.c    the queues and their threads
 *   batch.c   jobs in transactions: many in one, or each in its own, and what is done when it fails
 */
#ifndef SV_STORE_JOBS_H
#define SV_STORE_JOBS_H

#include <pthread.h>

#include "base/outage.h"
#include "store/backend.h"

/* The store's lock guards it. */
struct sv_job_queue {
    struct sv_list jobs;
    size_t n;
    pthread_cond_t ready;
};

/* A connection and the thread that uses it. */
struct sv_job_worker {
    struct sv_store *store;
    struct sv_conn *conn; /* NULL = none */
    pthread_t thread;
    bool started;
    /* Of one that writes. */
    struct sv_job_queue writes;
    bool writing; /* jobs are on their way */
};

/* What has failed, of all connections of a kind together. */
struct sv_job_outage {
    pthread_mutex_t lock;
    struct sv_outage outage;
};

struct sv_store {
    const struct sv_backend *backend;
    struct sv_database *database;
    struct sv_log log;

    pthread_mutex_t lock;
    size_t n_writes, max_writes; /* in the queues of all writers */
    struct sv_job_queue reads;
    size_t max_reads;
    unsigned n_writing; /* writers with jobs on their way */
    bool closing;
    pthread_cond_t idle; /* nothing to write, for those who drain */
    unsigned n_draining;

    /* Once closing: when to give up waiting for other processes. */
    _Atomic int64_t deadline_us;

    int64_t patience_us; /* with a job, from when it is queued; 0 = no limit */
    struct sv_job_outage write_outage, read_outage;

    struct sv_job_worker *writers;
    unsigned n_writers;
    struct sv_job_worker
        *readers; /* none if there can be one connection only: then the first writer reads too */
    unsigned n_readers;
};

/* jobs.c. On failure some may have started; INTERNAL. */
int sv_jobs_start(struct sv_store *store);
/* Takes no more jobs, finishes the queued ones and joins the threads. */
void sv_jobs_stop(struct sv_store *store);

/* batch.c: runs a list of jobs, then apply() in their order. Returns whether they changed any row. */
bool sv_batch_write(const struct sv_backend *backend, struct sv_conn *conn, struct sv_list *jobs);
/* A job in a transaction of its own; once. Leaves the result in job->rv, and in conn->again whether another try may help. */
void sv_batch_try(const struct sv_backend *backend, struct sv_conn *conn, enum sv_conn_kind kind,
    struct sv_job *job);
/* A job in a transaction of its own, of which nothing stays. Leaves the result in job->rv. */
void sv_batch_read(const struct sv_backend *backend, struct sv_conn *conn, struct sv_job *job);

#endif
