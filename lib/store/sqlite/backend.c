/* SPDX-License-Identifier: MIT */
/* The table of the backend: opening, connections, transactions. */
#include "store/sqlite/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "store/sqlite/claim.h"
#include "store/sqlite/fence.h"
#include "store/sqlite/open.h"
#include "store/sqlite/ops.h"

#define MAX_BATCH 256
/* Long enough for a waiting process to see that the lock is free. */
#define GAP_US (2 * SV_DB_BUSY_STEP_US)
#define GAP_EVERY_US (100 * 1000)
/* Another process has worked with the database this recently. */
#define OTHERS_FOR_US (1000 * 1000)

struct sv_database {
    /* NULL = in memory. */
    char *path;
    struct sv_sqlite_claim claim;
    struct sv_sqlite_lock node_lock;
    bool is_member;
    /* A member's. */
    struct sv_sqlite_fence fence;
    const _Atomic int64_t *deadline_us;
};

/* ---- open and close ---- */

/*
 * ":memory:" and "file:…?…" have a meaning for SQLite, and nobody wants files with such names.
 */
static int path_of(const char *url, char **ret_path, synctv_error *err)
{
    static const char scheme[] = "sqlite:";
    if (strcmp(url, "memory:") == 0)
        return 0;
    const char *path = url + strlen(scheme);
    if (strncmp(url, scheme, strlen(scheme)) != 0 || path[0] == '\0' || path[0] == ':' ||
        strncmp(path, "file:", 5) == 0)
        return sv_error_field(err, "db_url",
            "the storage is \"sqlite:PATH\" or \"memory:\", not \"%s\"", url);
    size_t size = strlen(path) + sizeof("./");
    char *copy = malloc(size);
    if (copy == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    snprintf(copy, size, "%s%s", path[0] == '/' ? "" : "./", path);
    *ret_path = copy;
    return 0;
}

static void database_close(struct sv_database *database)
{
    sv_sqlite_unlock_node(&database->node_lock);
    sv_sqlite_claim_end(&database->claim);
    sv_sqlite_fence_fini(&database->fence);
    free(database->path);
    free(database);
}

static int open_for_member(struct sv_database *database, const struct sv_store_member *member,
    synctv_error *err)
{
    database->is_member = true;
    if (sv_sqlite_fence_init(&database->fence, member) < 0)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    if (database->path == NULL)
        return 0;
    int rv = sv_sqlite_check_file_system(database->path, err);
    if (rv == 0)
        rv = sv_sqlite_claim(&database->claim, database->path, SV_CLAIM_AS_MEMBER, err);
    if (rv == 0)
        rv = sv_sqlite_lock_node(&database->node_lock, database->path, member->id, err);
    return rv;
}

static int database_open(const struct sv_store_options *options, const _Atomic int64_t *deadline_us,
    _Atomic uint64_t *n_turns, struct sv_database **ret_database, synctv_error *err)
{
    struct sv_database *database = calloc(1, sizeof(*database));
    if (database == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    database->deadline_us = deadline_us;
    int rv = path_of(sv_str(options->url), &database->path, err);
    if (rv == 0 && database->path != NULL)
        rv = sv_sqlite_make_file(database->path, err);
    if (rv == 0 && options->member != NULL)
        rv = open_for_member(database, options->member, err);
    else if (rv == 0 && database->path != NULL && options->alone)
        rv = sv_sqlite_claim(&database->claim, database->path, SV_CLAIM_ALONE, err);
    if (rv < 0) {
        database_close(database);
        return rv;
    }
    *ret_database = database;
    return 0;
}

static int database_damaged(const struct sv_database *database, const char *what, synctv_error *err)
{
    return sv_db_damaged(err, database->path != NULL ? database->path : "memory:", what);
}

static struct sv_db *db_of(const struct sv_conn *conn)
{
    return (struct sv_db *)conn;
}

static void db_disconnect(struct sv_conn *conn)
{
    struct sv_db *db = db_of(conn);
    sv_db_close(db); /* the last one: SQLite moves the log into the file and removes it */
    free(db);
}

static int db_connect(struct sv_database *database, enum sv_conn_kind kind,
    struct sv_conn **ret_conn, synctv_error *err)
{
    if (kind == SV_CONN_READS && database->path == NULL)
        return 0; /* a database in memory is its connection's */
    struct sv_db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    db->conn.tx.ops = &sv_sqlite_tx_ops;
    db->busy_deadline_us = database->deadline_us;
    db->others_at_work = database->claim.shared;
    if (database->is_member && kind == SV_CONN_WRITES)
        db->fence = &database->fence;
    int rv = kind == SV_CONN_WRITES ? sv_sqlite_open_writer(db, database->path, err)
                                    : sv_sqlite_open_reader(db, database->path, err);
    if (rv == 0 && database->is_member)
        rv = sv_sqlite_claim_share(&database->claim, database->path, err);
    if (rv < 0) {
        db_disconnect(&db->conn);
        return rv;
    }
    *ret_conn = &db->conn;
    return 0;
}

/* ---- transactions ---- */

static const char begin_write[] = "BEGIN IMMEDIATE", begin_read[] = "BEGIN", commit[] = "COMMIT",
                  rollback[] = "ROLLBACK", savepoint[] = "SAVEPOINT job",
                  undo[] = "ROLLBACK TO job", release[] = "RELEASE job";

int sv_sqlite_prepare_transactions(struct sv_db *db)
{
    static const char *const all[] = { begin_write, begin_read, commit, rollback, savepoint, undo,
        release };
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        sqlite3_stmt *stmt;
        rv = sv_db_prepare(db, all[i], &stmt);
    }
    return rv;
}

static bool db_in_transaction(const struct sv_conn *conn)
{
    return sqlite3_get_autocommit(db_of(conn)->handle) == 0;
}

/*
 * Leaves other processes a gap in which they can get the lock. They can only poll for it, and a
 * process that frees it and takes it back at once keeps it for up to 4 s (measured). There is a gap
 * now and then, and each time while others are known to be at work.
 */
static void leave_gap(struct sv_db *db)
{
    int64_t now = sv_mono_us(), gap = now - db->freed_at_us;
    bool others = db->busy_at_us != 0 && now - db->busy_at_us < OTHERS_FOR_US;
    if (gap >= GAP_US || (!others && now - db->gap_at_us < GAP_EVERY_US))
        return;
    usleep((useconds_t)(GAP_US - gap));
    db->gap_at_us = now;
}

static int end(struct sv_db *db, const char *how)
{
    int rv = sv_db_exec(db, how);
    db->freed_at_us = sv_mono_us();
    return rv;
}

/* If this fails, begin() tries again. */
static int db_rollback(struct sv_conn *conn)
{
    return db_in_transaction(conn) ? end(db_of(conn), rollback) : 0;
}

static int db_begin(struct sv_conn *conn, enum sv_conn_kind kind, const struct sv_scope *scope)
{
    int rv = db_rollback(conn);
    if (rv < 0)
        return rv;
    if (kind == SV_CONN_READS)
        return sv_db_exec(db_of(conn), begin_read);
    struct sv_db *db = db_of(conn);
    leave_gap(db);
    rv = sv_db_exec(db, begin_write);
    if (db->fence != NULL)
        sv_sqlite_fence_begin(db);
    return rv;
}

static int commit_as_member(struct sv_db *db)
{
    int rv = sv_sqlite_fence_check(db);
    if (rv == 0)
        rv = end(db, commit);
    if (rv == 0)
        sv_sqlite_fence_committed(db);
    return rv;
}

static int db_commit(struct sv_conn *conn)
{
    struct sv_db *db = db_of(conn);
    return db->fence != NULL ? commit_as_member(db) : end(db, commit);
}

static int db_savepoint(struct sv_conn *conn)
{
    return sv_db_exec(db_of(conn), savepoint);
}

static int db_undo(struct sv_conn *conn)
{
    if (db_of(conn)->fence != NULL)
        sv_sqlite_fence_undo(db_of(conn));
    return sv_db_exec(db_of(conn), undo);
}

static int db_release(struct sv_conn *conn)
{
    return sv_db_exec(db_of(conn), release);
}

static int64_t db_changes(const struct sv_conn *conn)
{
    return sqlite3_total_changes64(db_of(conn)->handle);
}

const struct sv_backend sv_sqlite_backend = {
    .max_batch = MAX_BATCH,
    .n_writers = 1,

    .open = database_open,
    .connect = db_connect,
    .disconnect = db_disconnect,
    .close = database_close,
    .damaged = database_damaged,

    .begin = db_begin,
    .in_transaction = db_in_transaction,
    .commit = db_commit,
    .rollback = db_rollback,

    .savepoint = db_savepoint,
    .undo = db_undo,
    .release = db_release,
    .changes = db_changes,
};
