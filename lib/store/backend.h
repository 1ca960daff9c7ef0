/* SPDX-License-Identifier: MIT */
/*
 * The functions that a database must offer so that jobs.c can run jobs in it. A backend is a folder
 * beside this file, with one const table of these functions and one of sv_tx_ops (store.h). store.c
 * finds it by the scheme of the URL.
 *
 * Functions that return int return 0 or a negative SYNCTV_E_*. They may block, and are called
 * without locks held.
 */
#ifndef SV_STORE_BACKEND_H
#define SV_STORE_BACKEND_H

#include <stdatomic.h>

#include "store/store.h"

/* Defined by the backend: what its connections share. */
struct sv_database;
struct sv_query_driver;

/* A connection. One thread at a time uses it. The backend's own structure begins with it. */
struct sv_conn {
    /* First: a transaction is its connection. */
    struct sv_tx tx;
    /* How it runs queries (sql/query.h). */
    const struct sv_query_driver *driver;
    /*
     * The first failure of the database itself since jobs.c last looked: a number of the backend's
     * (0 = none) and a sentence with it.
     */
    int failure;
    char failure_text[320];
    /* Set by jobs.c: when to give up (monotonic); 0 = the backend's own limits. */
    int64_t deadline_us;
    /* Set by the backend: nothing is stored, and the job may work if it runs again. */
    bool again;
};

enum sv_conn_kind { SV_CONN_WRITES, SV_CONN_READS };

struct sv_backend {
    /* The most jobs in one transaction. With 1 each job is tried again while `again` is set. */
    unsigned max_batch;
    /* Connections that write, each with its thread. All jobs of a room use the same one. */
    unsigned n_writers;
    /* The longest time from the queue to the end of a job, tries included; 0 = no limit. */
    int64_t patience_us;

    /*
     * Opens the database and claims it. *deadline_us (monotonic) is when to stop waiting for other
     * processes; 0 = the backend's own limits. It may change at any time. *n_turns is to grow when
     * a connection finds that the database may have lost what was written last. Fills `err` on
     * failure.
     */
    int (*open)(const struct sv_store_options *options, const _Atomic int64_t *deadline_us,
        _Atomic uint64_t *n_turns, struct sv_database **ret_database, synctv_error *err);
    /*
     * Connections that write come first; the first one creates and migrates the database. *ret_conn
     * is NULL if there can be no other connection: then the first one reads, too. Fills `err` on
     * failure.
     */
    int (*connect)(struct sv_database *database, enum sv_conn_kind kind, struct sv_conn **ret_conn,
        synctv_error *err);
    void (*disconnect)(struct sv_conn *conn);
    /* After the last disconnect(). */
    void (*close)(struct sv_database *database);
    /* As sv_store_damaged(). */
    int (*damaged)(const struct sv_database *database, const char *what, synctv_error *err);

    /*
     * Begins a transaction that writes or only reads. Rolls back a transaction that is still open.
     * One that writes has the users and the room of `scope` for itself until its end; NULL = the
     * transaction is of no job in particular.
     */
    int (*begin)(struct sv_conn *conn, enum sv_conn_kind kind, const struct sv_scope *scope);
    /* Whether the transaction still exists, for example after a failure. Does not block. */
    bool (*in_transaction)(const struct sv_conn *conn);
    /* Errors: OUTCOME_UNKNOWN if it cannot be found out whether it was committed. */
    int (*commit)(struct sv_conn *conn);
    /* Does nothing without a transaction. */
    int (*rollback)(struct sv_conn *conn);

    /*
     * Inside a transaction: sets a savepoint, goes back to it, releases it. NULL where max_batch is
     * 1.
     */
    int (*savepoint)(struct sv_conn *conn);
    int (*undo)(struct sv_conn *conn);
    int (*release)(struct sv_conn *conn);
    /* Rows changed over this connection so far, undone changes included. Does not block. */
    int64_t (*changes)(const struct sv_conn *conn);
};

#endif
