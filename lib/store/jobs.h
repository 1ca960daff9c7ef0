/* SPDX-License-Identifier: MIT */
/*
 * The queues of jobs and their threads: some threads write (one, with SQLite), some read.
 *
 *   store.c   opens and closes: which backend, which connections
 *   jobs.c    the queues and their threads
 *   batch.c   many jobs in one transaction or each in its own, and running them again after a
 * failure
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
    /* NULL = none. */
    struct sv_conn *conn;
    pthread_t thread;
    bool started;
    /* Of a writer, as are all below. It waits for writes.ready. */
    struct sv_job_queue writes;
    /* Jobs that read a room (reads_only). */
    struct sv_job_queue loads;
    /* It has taken writes last. */
    bool load_is_next;
    /* It has taken jobs and not finished them. */
    bool writing;
    /* Loads are among these. */
    bool loading;
};

/* The failures of all connections of a kind together. */
struct sv_job_outage {
    pthread_mutex_t lock;
    struct sv_outage outage;
};

struct sv_store {
    const struct sv_backend *backend;
    struct sv_database *database;
    struct sv_log log;
    /* Other processes write in the database, too. */
    bool shared;

    pthread_mutex_t lock;
    /* In the queues of all writers. `max_writes` is for each of both numbers. */
    size_t n_writes, n_loads, max_writes;
    struct sv_job_queue reads;
    size_t max_reads;
    /* Writers that load rooms. If all did, they would take the processors from those that write. */
    unsigned n_loading, max_loading;
    /* Writers that have taken jobs and not finished them. */
    unsigned n_writing;
    bool closing;
    /* Signalled when there is nothing to write, for sv_store_drain(). */
    pthread_cond_t idle;
    unsigned n_draining;
    /* For sv_store_get_stats(). */
    uint64_t batches[SV_STORE_N_BATCHES], batched_jobs;

    /* Once closing: when to give up waiting for other processes. */
    _Atomic int64_t deadline_us;
    /* sv_store_turns(). */
    _Atomic uint64_t n_turns;

    /* The longest time from the queue to the end of a job; 0 = no limit. */
    int64_t patience_us;
    struct sv_job_outage write_outage, read_outage;

    struct sv_job_worker *writers;
    unsigned n_writers;
    /* NULL if there can be only one connection: then the first writer reads, too. */
    struct sv_job_worker *readers;
    unsigned n_readers;
};

/* On failure some threads may have started. Errors: INTERNAL. */
int sv_jobs_start(struct sv_store *store);
/* Takes no more jobs, finishes the queued ones and joins the threads. */
void sv_jobs_stop(struct sv_store *store);

#endif
