/* SPDX-License-Identifier: MIT */
/* Connections, errors of SQLite in words, statements, and how queries run. */
#include "store/sqlite/db.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
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
    db->conn.driver = &sv_db_driver;
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

/* ---- statements ---- */

/* Whether $1, $2 … are the 1st, 2nd … parameter: SQLite numbers them as they appear. */
static bool are_in_order(sqlite3_stmt *stmt)
{
    for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
        const char *name = sqlite3_bind_parameter_name(stmt, i);
        if (name != NULL && atoi(name + 1) != i)
            return false;
    }
    return true;
}

/* Out of line, because each statement needs it once. */
static __attribute__((noinline, cold)) int prepare(struct sv_db *db, const char *sql, size_t slot)
{
    sqlite3_stmt **stmt = &db->cache[slot].stmt;
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    if (rc != SQLITE_OK)
        return sv_db_fail(db, rc);
    if (!are_in_order(*stmt)) {
        assert(!"parameters out of order");
        return SYNCTV_E_INTERNAL;
    }
    db->cache[slot].sql = sql;
    return 0;
}

int sv_db_prepare(struct sv_db *db, const char *sql, sqlite3_stmt **ret_stmt)
{
    size_t slot = ((uintptr_t)sql >> 3) * 0x9E3779B1u;
    for (int tries = 0; tries < SV_DB_CACHE_SLOTS; tries++, slot++) {
        size_t i = slot % SV_DB_CACHE_SLOTS;
        int rv = db->cache[i].sql == NULL ? prepare(db, sql, i) : 0;
        if (rv < 0)
            return rv;
        if (db->cache[i].sql == sql) {
            *ret_stmt = db->cache[i].stmt;
            return 0;
        }
    }
    assert(!"more statements than slots");
    return SYNCTV_E_INTERNAL;
}

/* ---- queries ---- */

static struct sv_db *db_of(const struct sv_query *q)
{
    return (struct sv_db *)q->conn;
}

static void query_begin(struct sv_query *q)
{
    sqlite3_stmt *stmt = NULL;
    q->rv = sv_db_prepare(db_of(q), q->sql, &stmt);
    q->rows = stmt;
    assert(stmt == NULL || !sqlite3_stmt_busy(stmt));
}

static void check(struct sv_query *q, int rc)
{
    if (rc != SQLITE_OK)
        q->rv = sv_db_fail(db_of(q), rc);
}

static void query_bind_text(struct sv_query *q, const char *s)
{
    check(q, sqlite3_bind_text(q->rows, ++q->n, s, -1, SQLITE_STATIC));
}

static void query_bind_blob(struct sv_query *q, const void *data, size_t len)
{
    check(q, sqlite3_bind_blob64(q->rows, ++q->n, data, len, SQLITE_STATIC));
}

static void query_bind_int(struct sv_query *q, int64_t n)
{
    check(q, sqlite3_bind_int64(q->rows, ++q->n, n));
}

static void query_bind_double(struct sv_query *q, double d)
{
    check(q, sqlite3_bind_double(q->rows, ++q->n, d));
}

static int query_next(struct sv_query *q)
{
    int rc = sqlite3_step(q->rows);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    q->is_orphan = rc == SQLITE_CONSTRAINT_FOREIGNKEY;
    return q->rv = sv_db_fail(db_of(q), rc);
}

/* The column is looked up once for both; one thread at a time uses the connection. */
static const char *query_get_text(struct sv_query *q, int column, size_t *ret_len)
{
    sqlite3_value *value = sqlite3_column_value(q->rows, column);
    const char *text = (const char *)sqlite3_value_text(value);
    *ret_len = (size_t)sqlite3_value_bytes(value);
    if (text != NULL && sv_utf8_valid(text, *ret_len))
        return text;
    *ret_len = 0;
    return "";
}

static const void *query_get_blob(struct sv_query *q, int column, size_t *ret_len)
{
    const void *data = sqlite3_column_blob(q->rows, column);
    *ret_len = data == NULL ? 0 : (size_t)sqlite3_column_bytes(q->rows, column);
    return data;
}

static int64_t query_get_int(struct sv_query *q, int column)
{
    return sqlite3_column_int64(q->rows, column);
}

static double query_get_double(struct sv_query *q, int column)
{
    return sqlite3_column_double(q->rows, column);
}

static int query_changes(struct sv_query *q)
{
    return sqlite3_changes(db_of(q)->handle);
}

static void query_end(struct sv_query *q)
{
    sqlite3_reset(q->rows); /* says again what query_next() has said */
}

static int query_damaged(struct sv_query *q, const char *what)
{
    (void)what; /* the file is, whatever it is */
    return sv_db_fail(db_of(q), SQLITE_CORRUPT);
}

const struct sv_query_driver sv_db_driver = {
    .begin = query_begin,
    .bind_text = query_bind_text,
    .bind_blob = query_bind_blob,
    .bind_int = query_bind_int,
    .bind_double = query_bind_double,
    .next = query_next,
    .get_text = query_get_text,
    .get_blob = query_get_blob,
    .get_int = query_get_int,
    .get_double = query_get_double,
    .changes = query_changes,
    .end = query_end,
    .damaged = query_damaged,
    .may_fail = true,
};
