/* SPDX-License-Identifier: MIT */
/*
 * A connection to a SQLite database, its prepared statements, and the driver of its queries
 * (sql/query.h). A connection belongs to one thread at a time.
 */
#ifndef SV_STORE_SQLITE_DB_H
#define SV_STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "store/sql/query.h"

/* The time between tries for a lock: SQLite's own steps grow to 100 ms and starve a process. */
#define SV_DB_BUSY_STEP_US 200
/* A power of two, well over the number of statements. */
#define SV_DB_CACHE_SLOTS 256

struct sv_db {
    /* First. */
    struct sv_conn conn;
    sqlite3 *handle;
    struct {
        /* The address is the key: statements are string literals. */
        const char *sql;
        sqlite3_stmt *stmt;
    } cache[SV_DB_CACHE_SLOTS];
    /* When the connection began to wait for a lock, and when it last did. */
    int64_t busy_since_us, busy_at_us;
    /* For backend.c: when the lock was last freed, and when the last gap was left. */
    int64_t freed_at_us, gap_at_us;
    /* Another limit to the wait for a lock; 0 = none. */
    const _Atomic int64_t *busy_deadline_us;
    /* Of the member that it writes for; NULL = none. */
    struct sv_sqlite_fence *fence;
    /* Others are at work that may not know a newer schema. */
    bool others_at_work;
    /* SQLite's words for conn.failure. */
    char reason[160];
};

/* Of every struct sv_db. */
extern const struct sv_query_driver sv_db_driver;

/*
 * `flags` as for sqlite3_open_v2(); `path` NULL = in memory. The connection must be closed even
 * after a failure.
 */
int sv_db_open(struct sv_db *db, const char *path, int flags, synctv_error *err);
/* Closes; idempotent. An sv_db of zeros is closed. */
void sv_db_close(struct sv_db *db);

/* Runs a statement without parameters or rows. Returns 0 or a SYNCTV_E_*. */
int sv_db_exec(struct sv_db *db, const char *sql);
/*
 * Turns a result code of SQLite into a SYNCTV_E_*. If the database itself is at fault it is kept as
 * conn.failure.
 */
int sv_db_fail(struct sv_db *db, int rc);
/* Fills `err` with a sentence that also says what to do. Returns STORAGE_CORRUPT. */
int sv_db_damaged(synctv_error *err, const char *path, const char *reason);
/*
 * As sv_db_fail(), while opening: also fills `err` with "cannot <what> the database <path>: …",
 * or with the sentence of sv_db_damaged().
 */
int sv_db_errorf(struct sv_db *db, int rc, synctv_error *err, const char *what, const char *path);

/*
 * Prepares a statement, once per connection; `sql` must be a string literal. Returns 0 or a
 * SYNCTV_E_*.
 */
int sv_db_prepare(struct sv_db *db, const char *sql, sqlite3_stmt **ret_stmt);

#endif
