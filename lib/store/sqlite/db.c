/* SPDX-License-Identifier: MIT */
/* Connections, errors of SQLite in words, statements and their rows. */
#include "store/sqlite/db.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#define BUSY_LIMIT_US (5 * 1000 * 1000)

/* ---- connection ---- */

static int wait_while_busy(void *arg, int count)
{
    struct sv_db *db = arg;
    int64_t now = sv_mono_us();
    db->busy_at_us = now;
    if (count == 0)
        db->busy_since_us = now;
    int64_t deadline = db->busy_since_us + BUSY_LIMIT_US;
    int64_t other = db->busy_deadline_us == NULL ? 0 : atomic_load(db->busy_deadline_us);
    if (other != 0 && other < deadline)
        deadline = other;
    if (now >= deadline)
        return 0;
    usleep(SV_DB_BUSY_STEP_US);
    return 1;
}

static const char settings[] =
    "PRAGMA trusted_schema = OFF;" /* the file may come from anywhere */
    "PRAGMA cell_size_check = ON;"
    "PRAGMA mmap_size = 0;" /* a file that is cut while it is mapped would kill the process */
    "PRAGMA foreign_keys = ON;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA secure_delete = FAST;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -8192;"; /* KiB */

int sv_db_open(struct sv_db *db, const char *path, int flags, synctv_error *err)
{
    const char *name = path == NULL ? ":memory:" : path;
    int rc = sqlite3_open_v2(name, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_busy_handler(db->handle, wait_while_busy, db);
        rc = sqlite3_exec(db->handle, settings, NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? 0 : sv_db_errorf(db, rc, err, "open", name);
}

void sv_db_close(struct sv_db *db)
{
    for (int i = 0; i < SV_DB_CACHE_SLOTS; i++) {
        sqlite3_finalize(db->cache[i].stmt);
        db->cache[i].sql = NULL;
        db->cache[i].stmt = NULL;
    }
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK);
    (void)rc;
    db->handle = NULL;
}

/* ---- failures ---- */

static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return SYNCTV_E_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SYNCTV_E_STORAGE_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
    case SQLITE_NOLFS:
        return SYNCTV_E_STORAGE_UNAVAILABLE;
    default:
        return SYNCTV_E_INTERNAL;
    }
}

/* Writes SQLite's words, with the system's reason if there is one. */
static void describe(struct sv_db *db, int rc, char *out, size_t size)
{
    const char *text = sqlite3_errstr(rc);
    int system = 0;
    if (db->handle != NULL && (sqlite3_errcode(db->handle) & 0xff) == (rc & 0xff)) {
        text = sqlite3_errmsg(db->handle);
        int main_rc = rc & 0xff;
        if (main_rc == SQLITE_IOERR || main_rc == SQLITE_CANTOPEN || main_rc == SQLITE_FULL)
            system = sqlite3_system_errno(db->handle);
    }
    char reason[64] = "";
    if (system != 0)
        snprintf(out, size, "%s (%s)", text, strerror_r(system, reason, sizeof(reason)));
    else
        snprintf(out, size, "%s", text);
}

#define WHAT_TO_DO "put a backup in its place; README, \"Backups\", tells how to save the rest"

/* Writes what is damaged. If it does not fit, SQLite's words are cut, not the advice. */
static void describe_damage(const char *path, int rc, const char *reason, char *out, size_t size)
{
    if ((rc & 0xff) == SQLITE_NOTADB)
        snprintf(out, size,
            "%s is not a database of SQLite, or its beginning is damaged: " WHAT_TO_DO, path);
    else if (snprintf(out, size, "the database %s is damaged (%s): " WHAT_TO_DO, path, reason) >=
        (int)size)
        snprintf(out, size, "the database %s is damaged: " WHAT_TO_DO, path);
}

static const char *path_of(struct sv_db *db)
{
    const char *path = db->handle == NULL ? NULL : sqlite3_db_filename(db->handle, "main");
    return sv_str_empty(path) ? "in memory" : path;
}

int sv_db_fail(struct sv_db *db, int rc)
{
    if ((rc & 0xff) == SQLITE_CONSTRAINT)
        return SYNCTV_E_INTERNAL;
    int code = code_of(rc);
    struct sv_conn *conn = &db->conn;
    if (conn->failure == 0) {
        conn->failure = rc;
        describe(db, rc, db->reason, sizeof(db->reason));
        if (code == SYNCTV_E_STORAGE_CORRUPT)
            describe_damage(path_of(db), rc, db->reason, conn->failure_text,
                sizeof(conn->failure_text));
        else
            snprintf(conn->failure_text, sizeof(conn->failure_text), "%s (result %d)", db->reason,
                rc);
    }
    return code;
}

int sv_db_damaged(synctv_error *err, const char *path, const char *reason)
{
    char text[sizeof(err->message)];
    describe_damage(path, SQLITE_CORRUPT, reason, text, sizeof(text));
    return sv_errorf(err, SYNCTV_E_STORAGE_CORRUPT, "%s", text);
}

int sv_db_errorf(struct sv_db *db, int rc, synctv_error *err, const char *what, const char *path)
{
    char text[sizeof(err->message)];
    sv_db_fail(db, rc);
    if (db->conn.failure != 0)
        rc = db->conn.failure; /* the first, which the reason is of: others may follow from it */
    int code = code_of(rc);
    if (code != SYNCTV_E_INTERNAL && code != SYNCTV_E_STORAGE_CORRUPT)
        return sv_errorf(err, code, "cannot %s the database %s: %s", what, path, db->reason);
    /* INTERNAL: the schema is not the one that we made. */
    describe_damage(path, rc, db->reason, text, sizeof(text));
    return sv_errorf(err, SYNCTV_E_STORAGE_CORRUPT, "%s", text);
}

int sv_db_exec(struct sv_db *db, const char *sql)
{
    struct sv_query q;
    sv_query_begin(&q, &db->conn.tx, sql);
    while (sv_query_next(&q) > 0)
        ;
    return sv_query_end(&q, 0);
}

/* ---- queries ---- */

static int prepare(struct sv_db *db, const char *sql, sqlite3_stmt **ret_stmt)
{
    size_t slot = ((uintptr_t)sql >> 3) * 0x9E3779B1u;
    for (int tries = 0; tries < SV_DB_CACHE_SLOTS; tries++, slot++) {
        size_t i = slot % SV_DB_CACHE_SLOTS;
        if (db->cache[i].sql == NULL) {
            int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                &db->cache[i].stmt, NULL);
            if (rc != SQLITE_OK)
                return sv_db_fail(db, rc);
            db->cache[i].sql = sql;
        }
        if (db->cache[i].sql == sql) {
            *ret_stmt = db->cache[i].stmt;
            return 0;
        }
    }
    assert(!"more statements than slots");
    return SYNCTV_E_INTERNAL;
}

void sv_query_begin(struct sv_query *q, struct sv_tx *tx, const char *sql)
{
    *q = (struct sv_query){ .db = (struct sv_db *)tx };
    q->rv = prepare(q->db, sql, &q->stmt);
    assert(q->stmt == NULL || !sqlite3_stmt_busy(q->stmt));
}

static void check(struct sv_query *q, int rc)
{
    if (rc != SQLITE_OK)
        q->rv = sv_db_fail(q->db, rc);
}

void sv_query_text(struct sv_query *q, const char *s)
{
    if (q->rv == 0)
        check(q, sqlite3_bind_text(q->stmt, ++q->param, sv_str(s), -1, SQLITE_STATIC));
}

void sv_query_blob(struct sv_query *q, const void *data, size_t len)
{
    if (q->rv == 0)
        check(q,
            sqlite3_bind_blob64(q->stmt, ++q->param, len == 0 ? "" : data, len, SQLITE_STATIC));
}

void sv_query_int(struct sv_query *q, int64_t n)
{
    if (q->rv == 0)
        check(q, sqlite3_bind_int64(q->stmt, ++q->param, n));
}

void sv_query_uint(struct sv_query *q, uint64_t n)
{
    sv_query_int(q, (int64_t)n);
}

void sv_query_double(struct sv_query *q, double d)
{
    if (q->rv == 0 && isnan(d))
        q->rv = SYNCTV_E_INVALID_ARGUMENT;
    if (q->rv == 0)
        check(q, sqlite3_bind_double(q->stmt, ++q->param, d));
}

int sv_query_next(struct sv_query *q)
{
    if (q->rv < 0)
        return q->rv;
    int rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    if ((rc & 0xff) == SQLITE_CONSTRAINT)
        q->constraint = rc;
    return q->rv = sv_db_fail(q->db, rc);
}

const char *sv_query_get_text(struct sv_query *q, int column, struct sv_arena *a)
{
    const char *text = (const char *)sqlite3_column_text(q->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);
    if (text == NULL || !sv_utf8_valid(text, len)) {
        text = "";
        len = 0;
    }
    const char *copy = sv_arena_strndup(a, text, len);
    if (copy == NULL)
        q->rv = SYNCTV_E_NO_MEMORY;
    return copy == NULL ? "" : copy;
}

const void *sv_query_get_blob(struct sv_query *q, int column, size_t *ret_len)
{
    const void *data = sqlite3_column_blob(q->stmt, column);
    *ret_len = data == NULL ? 0 : (size_t)sqlite3_column_bytes(q->stmt, column);
    return data;
}

int64_t sv_query_get_int(struct sv_query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

uint64_t sv_query_get_uint(struct sv_query *q, int column)
{
    return (uint64_t)sqlite3_column_int64(q->stmt, column);
}

int32_t sv_query_get_int32(struct sv_query *q, int column)
{
    int64_t n = sqlite3_column_int64(q->stmt, column);
    return n < INT32_MIN ? INT32_MIN : n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

int32_t sv_query_get_count(struct sv_query *q, int column)
{
    int32_t n = sv_query_get_int32(q, column);
    return n < 0 ? 0 : n;
}

int sv_query_get_enum(struct sv_query *q, int column, int last)
{
    int64_t n = sqlite3_column_int64(q->stmt, column);
    return n < 0 || n > last ? 0 : (int)n;
}

double sv_query_get_double(struct sv_query *q, int column)
{
    return sqlite3_column_double(q->stmt, column);
}

int sv_query_end(struct sv_query *q, int rv)
{
    if (q->stmt != NULL)
        sqlite3_reset(q->stmt); /* says again what sv_query_next() has said */
    q->stmt = NULL;
    return q->rv < 0 ? q->rv : rv;
}

int sv_query_run(struct sv_query *q)
{
    while (sv_query_next(q) > 0)
        ;
    return sv_query_end(q, q->rv < 0 ? q->rv : sqlite3_changes(q->db->handle));
}

int sv_query_number(struct sv_query *q, int64_t *ret_number)
{
    int rv = sv_query_next(q);
    if (rv > 0) {
        int64_t number = sv_query_get_int(q, 0);
        while (sv_query_next(q) > 0) /* statements with RETURNING run only now */
            ;
        if (q->rv == 0)
            *ret_number = number;
    }
    return sv_query_end(q, rv);
}
