/* SPDX-License-Identifier: MIT */
/*
 * What a database has to offer so that jobs.c can run jobs in it. A backend is a folder beside this file with one const table of
 * these functions, and those of sv_tx_ops (store.h); store.c finds it by the scheme of the URL.
 *
 * Functions that return int return 0 or a negative SYNCTV_E_*. They may block, and are called without locks.
 */
#ifndef SV_STORE_BACKEND_H
#define SV_STORE_BACKEND_H

#include <stdatomic.h>

#include "store/store.h"

/* The backend's: what its connections have in common. */
struct sv_database;

/* A connection, which one thread at a time uses. The backend's own structure begins with it. */
struct sv_conn {
    struct sv_tx tx; /* first: a transaction is its connection */
    /* The first failure of the database itself since jobs.c has looked: a number of the backend's, 0 = none, and a sentence with it. */
    int failure;
    char failure_text[320];
    /* jobs.c: when to give up what is under way (monotonic); 0 = as the backend thinks right. */
    int64_t deadline_us;
    /* The backend: what has failed may work when the job is run again from the start, and nothing of it is stored. */
    bool again;
};

enum sv_conn_kind { SV_CONN_WRITES, SV_CONN_READS };

struct sv_backend {
    /* Jobs in one transaction, at most. With 1 each job is tried again while the backend says `again`. */
    unsigned max_batch;
    /* Connections that write, each with its thread: all jobs of a room go over the same one. */
    unsigned n_writers;
    /* So long a job may take from when it is queued, what is tried again included; 0 = no limit. */
    int64_t patience_us;

    /*
     * Finds the database and claims it. *deadline_us, which may change any time, is when to give up waiting for other processes
     * (monotonic), 0 = as usual. Fills `err` on failure.
     */
    int (*open)(const struct sv_store_options *options, const _Atomic int64_t *deadline_us,
        struct sv_database **ret_database, synctv_error *err);
    /*
     * Those that write come first, and the first one creates and migrates what is stored. *ret_conn is NULL if there can be no other: then
     * that one reads, too. Fills `err` on failure.
     */
    int (*connect)(struct sv_database *database, enum sv_conn_kind kind, struct sv_conn **ret_conn,
        synctv_error *err);
    void (*disconnect)(struct sv_conn *conn);
    /* Behind the last disconnect(). */
    void (*close)(struct sv_database *database);

    /*
     * A transaction to write or only to read. What is left of another one is rolled back first. Who writes has the users and the room of
     * `scope` for himself until the end; NULL: of no job in particular.
     */
    int (*begin)(struct sv_conn *conn, enum sv_conn_kind kind, const struct sv_scope *scope);
    /* Does not block. After a failure: whether the transaction still lives. */
    bool (*in_transaction)(const struct sv_conn *conn);
    /* OUTCOME_UNKNOWN: it may have been committed or not, and that cannot be found out. */
    int (*commit)(struct sv_conn *conn);
    /* Without a transaction it does nothing. */
    int (*rollback)(struct sv_conn *conn);

    /* Inside a transaction: marks a point, goes back to it, forgets it. NULL where max_batch is 1. */
    int (*savepoint)(struct sv_conn *conn);
    int (*undo)(struct sv_conn *conn);
    int (*release)(struct sv_conn *conn);
    /* Does not block. Rows changed over this connection so far, undone ones included. */
    int64_t (*changes)(const struct sv_conn *conn);
};

#endif
