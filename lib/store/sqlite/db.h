/* SPDX-License-Identifier: MIT */
/*
 * A connection to a SQLite database, its prepared statements, and the queries that all operations
 * are made of. A connection belongs to one thread at a time.
 *
 *     struct sv_query q;
 *     sv_query_begin(&q, tx, "SELECT name FROM rooms WHERE id = ?");
 *     sv_query_text(&q, id);
 *     int rv = sv_query_next(&q) > 0 ? 0 : SYNCTV_E_ROOM_NOT_FOUND;
 *     if (rv == 0)
 *         name = sv_query_get_text(&q, 0, arena);
 *     return sv_query_end(&q, rv);
 *
 * After a failure the query keeps the error: later functions do nothing, and sv_query_end() returns
 * it.
 */
#ifndef SV_STORE_SQLITE_DB_H
#define SV_STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "store/backend.h"
#include "store/rows.h"

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

struct sv_query {
    struct sv_db *db;
    sqlite3_stmt *stmt;
    /* The last parameter that was bound. */
    int param;
    /* 0 or the first error. */
    int rv;
    /* The extended result code of a violated constraint; then rv is INTERNAL. */
    int constraint;
};

/* `sql` must be a string literal: it is prepared once per connection. */
void sv_query_begin(struct sv_query *q, struct sv_tx *tx, const char *sql);

/* Bind the next parameter. Borrowed until sv_query_end(); NULL is "". */
void sv_query_text(struct sv_query *q, const char *s);
void sv_query_blob(struct sv_query *q, const void *data, size_t len);
void sv_query_int(struct sv_query *q, int64_t n);
/* Kept as the signed number with the same bits. */
void sv_query_uint(struct sv_query *q, uint64_t n);
/* NaN is INVALID_ARGUMENT: SQLite would store NULL. */
void sv_query_double(struct sv_query *q, double d);

/* 1: there is a row; 0: no more; negative: the error. */
int sv_query_next(struct sv_query *q);

/*
 * The columns of the row. A value of an unexpected type, invalid UTF-8 or a number out of range
 * reads as "", 0 or the nearest number: the file may be damaged, and clients cannot read answers
 * with such text.
 */
const char *sv_query_get_text(struct sv_query *q, int column, struct sv_arena *a);
/* Valid until the next row. */
const void *sv_query_get_blob(struct sv_query *q, int column, size_t *ret_len);
int64_t sv_query_get_int(struct sv_query *q, int column);
uint64_t sv_query_get_uint(struct sv_query *q, int column);
int32_t sv_query_get_int32(struct sv_query *q, int column);
/* At least 0. */
int32_t sv_query_get_count(struct sv_query *q, int column);
/* 0..last, else 0. */
int sv_query_get_enum(struct sv_query *q, int column, int last);
double sv_query_get_double(struct sv_query *q, int column);

/* Ends the query. Returns its first error, else `rv`. */
int sv_query_end(struct sv_query *q, int rv);
/* Runs a statement without rows to its end. Returns how many rows it changed, or the error. */
int sv_query_run(struct sv_query *q);
/*
 * Runs a query for one number to its end. Returns 1 with the number, 0 if there is no row, or the
 * error.
 */
int sv_query_number(struct sv_query *q, int64_t *ret_number);

#endif
