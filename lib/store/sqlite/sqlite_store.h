/* SPDX-License-Identifier: MIT */
/*
 * The SQLite store: one thread that writes, some that read.
 *
 *   claim.c    who serves a database has it alone
 *   open.c     the file: is it ours, may we write it, is it new, is it old
 *   store.c    the queues and their threads
 *   batch.c    many jobs in one transaction
 *   ops.c      the table of operations; users.c … chat.c: what they do
 *   db.c       a connection, statements, errors
 *   schema.c   the tables
 */
#ifndef SV_STORE_SQLITE_STORE_H
#define SV_STORE_SQLITE_STORE_H

#include <pthread.h>

#include "store/sqlite/db.h"

#define SV_SQLITE_MAX_BATCH 256 /* jobs in one transaction */

/* A bounded queue of jobs; the store's lock guards it. */
struct sv_sqlite_queue {
    struct sv_list jobs;
    size_t n, max;
    pthread_cond_t ready;
};

struct sv_sqlite_reader {
    struct sv_sqlite_store *store;
    struct sv_db db;
    pthread_t thread;
};

/* The right to serve a database. */
struct sv_sqlite_claim {
    char *name; /* of the file that is locked; NULL = there is none */
    int fd;
};

struct sv_sqlite_store {
    struct sv_store base; /* first */
    struct sv_log log;
    pthread_mutex_t lock;
    struct sv_sqlite_queue writes, reads;
    bool closing;
    _Atomic int64_t deadline_us; /* once closing: when to give up waiting for other processes */

    struct sv_sqlite_claim claim;
    struct sv_db writer;
    pthread_t writer_thread;
    bool writer_started;
    struct sv_sqlite_reader *readers; /* none in memory: then the writer reads too */
    unsigned n_readers, readers_started;
};

/* claim.c: STORAGE_UNAVAILABLE = another store has it. End it when the database is closed. */
int sv_sqlite_claim(struct sv_sqlite_claim *claim, const char *path, synctv_error *err);
void sv_sqlite_claim_end(struct sv_sqlite_claim *claim);

/*
 * open.c: the writer's connection, with the schema in place. `path` NULL = in memory. With a `claim` nobody else may have one; it stays
 * the caller's on failure, too.
 */
int sv_sqlite_open_writer(struct sv_db *db, const char *path, struct sv_sqlite_claim *claim,
    synctv_error *err);
int sv_sqlite_open_reader(struct sv_db *db, const char *path, synctv_error *err);
/* As SQLite does it: what root makes beside something belongs to whoever that belongs to. */
void sv_sqlite_give_to_owner_of(const char *path, int fd);

/* batch.c: prepares what begins and ends transactions, so that no lack of memory can come between. */
int sv_sqlite_batch_prepare(struct sv_db *db);
/* Run a list of jobs, then apply() them in their order. Returns whether they changed any row. */
bool sv_sqlite_write_batch(struct sv_db *db, struct sv_list *jobs);
/* A job of its own read transaction. */
void sv_sqlite_read_one(struct sv_db *db, struct sv_job *job);

#endif
