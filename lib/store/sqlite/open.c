/* SPDX-License-Identifier: MIT */
/*
 * From a path to a database that is ours, current and writable; or to a sentence that says why not.
 */
#include "store/sqlite/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "store/sqlite/backend.h"
#include "store/sqlite/claim.h"
#include "store/sqlite/fence.h"
#include "store/sqlite/schema.h"

#define WAL_PATIENCE_US (5 * 1000 * 1000)

static int cannot(synctv_error *err, const char *what, const char *path)
{
    char reason[64];
    return sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE, "cannot %s %s: %s", what, path,
        strerror_r(errno, reason, sizeof(reason)));
}

/* ---- the file ---- */

/* Like dirname(3), into memory of its own; NULL when there is none. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/'); /* there is one: paths begin with "/" or "./" */
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static int make_folder(const char *folder, synctv_error *err)
{
    if (mkdir(folder, 0700) < 0)
        return errno == EEXIST ? 0 : cannot(err, "create the folder", folder);
    char *parent = folder_of(folder);
    if (parent == NULL)
        return 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        sv_sqlite_give_to_owner_of(parent, fd);
        close(fd);
    }
    sync_folder(parent);
    free(parent);
    return 0;
}

static int ensure_folder(const char *path, synctv_error *err)
{
    struct stat st;
    char *folder = folder_of(path);
    if (folder == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    int rv = 0;
    if (stat(folder, &st) < 0) {
        rv = errno == ENOENT ? make_folder(folder, err) : cannot(err, "create the folder", folder);
    } else if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        rv = cannot(err, "create the database in", folder);
    }
    free(folder);
    return rv;
}

static int read_only(const char *path, synctv_error *err)
{
    return sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE,
        "cannot write the database %s: it is read-only", path);
}

/* Checks a file that SQLite keeps beside the database, if it is there. */
static int check_companion(const char *path, const char *suffix, synctv_error *err)
{
    char name[4096];
    struct stat st;
    snprintf(name, sizeof(name), "%s%s", path, suffix);
    if (stat(name, &st) < 0)
        return errno == ENOENT ? 0 : cannot(err, "open", name);
    if (S_ISREG(st.st_mode))
        return faccessat(AT_FDCWD, name, R_OK | W_OK, AT_EACCESS) == 0 ? 0
                                                                       : cannot(err, "open", name);
    errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    return cannot(err, "open", name);
}

/*
 * Checks that we may read and write the files. SQLite notices late, leaves files beside the
 * database, and does not name the reason.
 */
static int check_access(const char *path, synctv_error *err)
{
    static const char *const companions[] = { "-wal", "-shm", "-journal" };
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 &&
        faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
        return read_only(path, err);
    for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++) {
        int rv = check_companion(path, companions[i], err);
        if (rv < 0)
            return rv;
    }
    char *folder = folder_of(path);
    if (folder == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    int rv = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS);
    free(folder);
    return rv == 0 ? 0 : cannot(err, "create files beside the database", path);
}

/*
 * Makes an empty file that only its owner may read, if there is none; SQLite gives its other files
 * the same mode. It does not touch an existing file: closing it would drop the locks that this
 * process may hold on it. It never removes the file: another process may have opened it meanwhile.
 */
static int ensure_file(const char *path, synctv_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return cannot(err, "open the database", path);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? check_access(path, err) : cannot(err, "create the database", path);
    char *folder = folder_of(path);
    if (folder != NULL)
        sv_sqlite_give_to_owner_of(folder, fd);
    free(folder);
    close(fd);
    return 0;
}

/* ---- what is in it ---- */

static int get_number(struct sv_db *db, const char *sql, int64_t *ret)
{
    struct sv_query q;
    sv_query_begin(&q, &db->conn.tx, sql);
    return sv_query_number(&q, ret);
}

/*
 * Returns the version of the schema, 0 = an empty database. Reads only, in a transaction: another
 * process may be making it.
 */
static int inspect(struct sv_db *db, const char *path, synctv_error *err)
{
    int64_t application = 0, version = 0, objects = 0;
    if (get_number(db, "PRAGMA application_id", &application) < 0 ||
        get_number(db, "PRAGMA user_version", &version) < 0 ||
        get_number(db, "SELECT count(*) FROM sqlite_schema", &objects) < 0)
        return sv_db_errorf(db, db->conn.failure, err, "read", path);
    if (application == 0 && version == 0 && objects == 0)
        return 0;
    if (application != SV_SCHEMA_APPLICATION_ID)
        return sv_errorf(err, SYNCTV_E_STORAGE_CORRUPT,
            "the database %s belongs to another program", path);
    if (version <= 0)
        return sv_db_damaged(err, path, "its schema has no version");
    if (version > SV_SCHEMA_VERSION)
        return sv_errorf(err, SYNCTV_E_STORAGE_TOO_NEW,
            "the database %s has schema %lld, this program knows up to %d: use a newer version",
            path, (long long)version, SV_SCHEMA_VERSION);
    return (int)version;
}

static int put_fact(struct sv_db *db, const char *key, const char *value)
{
    return db->conn.tx.ops->meta_put(&db->conn.tx, key, value);
}

static int put_first_facts(struct sv_db *db)
{
    char id[21 + 1], hex[64 + 1];
    unsigned char secret[32];
    int rv = sv_random_id(id, 21);
    if (rv == 0)
        rv = sv_random_bytes(secret, sizeof(secret));
    if (rv < 0)
        return rv;
    sv_hex(hex, secret, sizeof(secret));
    rv = put_fact(db, "storage_id", id);
    return rv < 0 ? rv : put_fact(db, "jwt_secret", hex);
}

static int migrate_step(struct sv_db *db, int version)
{
    char pragmas[96];
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
        SV_SCHEMA_APPLICATION_ID, version + 1);
    int rc = sqlite3_exec(db->handle, sv_schema_migrations[version], NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db->handle, pragmas, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sv_db_fail(db, rc);
    return version == 0 ? put_first_facts(db) : 0;
}

/* Members that work with the schema as it is would not know the new one. */
static int refuse_to_migrate(struct sv_db *db, int version, const char *path, synctv_error *err)
{
    struct sv_arena a = { 0 };
    struct sv_node_rec *nodes = NULL;
    char names[80] = "";
    int64_t has_nodes = 0;
    int n = 0;
    get_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'nodes'", &has_nodes);
    if (has_nodes > 0)
        n = db->conn.tx.ops->node_list(&db->conn.tx, &a, &nodes);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(names);
        bool is_own = db->fence != NULL && strcmp(db->fence->id, nodes[i].id) == 0;
        if (!is_own && len + strlen(nodes[i].id) + 3 < sizeof(names) &&
            sv_sqlite_node_lock_is_held(path, nodes[i].id))
            snprintf(names + len, sizeof(names) - len, "%s%s", len > 0 ? ", " : "", nodes[i].id);
    }
    sv_arena_fini(&a);
    return sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE,
        "members of the schema %d are at work, and this program's is %d: stop them first: %s",
        version, SV_SCHEMA_VERSION, names[0] != '\0' ? names : path);
}

/*
 * Migrates to the current schema, a transaction for each step. Another process may do so at the
 * same time.
 */
static int migrate(struct sv_db *db, const char *path, synctv_error *err)
{
    for (;;) {
        int rv = sv_db_exec(db, "BEGIN IMMEDIATE");
        int version = rv < 0 ? rv : inspect(db, path, err);
        bool done = version == SV_SCHEMA_VERSION;
        if (db->others_at_work && version > 0 && !done)
            version = refuse_to_migrate(db, version, path, err);
        if (rv == 0 && version >= 0 && !done)
            rv = migrate_step(db, version);
        if (rv == 0 && version >= 0)
            rv = sv_db_exec(db, "COMMIT");
        if (rv == 0 && version < 0)
            rv = version; /* `err` is filled */
        else if (rv < 0 && db->conn.failure != 0)
            rv = sv_db_errorf(db, db->conn.failure, err, "prepare", path);
        else if (rv < 0)
            sv_error(err, rv);
        if (sqlite3_get_autocommit(db->handle) == 0)
            sv_db_exec(db, "ROLLBACK");
        if (rv < 0 || done)
            return rv;
    }
}

/* Switches to WAL. It waits for the locks that SQLite itself does not wait for. */
static int use_wal(struct sv_db *db, const char *path, synctv_error *err)
{
    int64_t deadline = sv_mono_us() + WAL_PATIENCE_US;
    int rc;
    while ((rc = sqlite3_exec(db->handle,
                "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864", NULL, NULL,
                NULL)) != SQLITE_OK &&
        (rc & 0xff) == SQLITE_BUSY && sv_mono_us() < deadline)
        usleep(1000);
    return rc == SQLITE_OK ? 0 : sv_db_errorf(db, rc, err, "write", path);
}

static int check_schema(struct sv_db *db, const char *path, synctv_error *err)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    const char *missing = "";
    sv_query_begin(&q, &db->conn.tx, sv_schema_missing);
    int rv = sv_query_next(&q);
    if (rv > 0)
        missing = sv_query_get_text(&q, 0, &a);
    rv = sv_query_end(&q, rv);
    if (rv > 0)
        rv = sv_db_damaged(err, path, missing);
    else if (rv == SYNCTV_E_NO_MEMORY)
        sv_error(err, rv);
    else if (rv < 0)
        rv = sv_db_errorf(db, db->conn.failure, err, "read", path);
    sv_arena_fini(&a);
    return rv;
}

static int probe(struct sv_db *db, const char *path, synctv_error *err)
{
    int rv = check_schema(db, path, err);
    if (rv < 0)
        return rv;
    rv = sv_db_exec(db, sv_schema_probe);
    if (rv == 0)
        rv = sv_sqlite_prepare_transactions(db);
    return rv < 0 ? sv_db_errorf(db, db->conn.failure, err, "read", path) : 0;
}

/*
 * Whether there is a log beside the file: of a process that uses the database, or of one that was
 * killed.
 */
static bool has_log(const char *path)
{
    char name[4096];
    struct stat st;
    snprintf(name, sizeof(name), "%s-wal", path);
    return stat(name, &st) == 0 && st.st_size > 0;
}

/*
 * Checks the log. SQLite takes one without a valid beginning for an empty one, and overwrites it.
 * Zeros are fine: a power failure leaves them.
 */
static int check_log(const char *path, synctv_error *err)
{
    static const unsigned char magic[] = { 0x37, 0x7f, 0x06 }, zeros[3];
    unsigned char begin[32];
    char name[4096];
    snprintf(name, sizeof(name), "%s-wal", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, begin, sizeof(begin));
    close(fd);
    if (n < (ssize_t)sizeof(begin) || memcmp(begin, magic, sizeof(magic)) == 0 ||
        memcmp(begin, zeros, sizeof(zeros)) == 0)
        return 0;
    return sv_errorf(err, SYNCTV_E_STORAGE_CORRUPT,
        "the log %s is damaged: put a backup of both in place, or remove it to go on without the"
        " last changes",
        name);
}

/* SQLite itself notices that whole pages are missing. */
static int check_size(struct sv_db *db, const char *path, synctv_error *err)
{
    struct stat st;
    int64_t page_size = 0;
    if (get_number(db, "PRAGMA page_size", &page_size) < 0)
        return sv_db_errorf(db, db->conn.failure, err, "read", path);
    if (stat(path, &st) == 0 && page_size > 0 && st.st_size % page_size != 0)
        return sv_db_damaged(err, path, "it is cut off in the middle of a page");
    return 0;
}

static int open_file(struct sv_db *db, const char *path, synctv_error *err)
{
    bool log = has_log(path);
    int rv = log ? check_log(path, err) : 0;
    if (rv == 0)
        rv = sv_db_open(db, path, SQLITE_OPEN_READWRITE, err);
    if (rv < 0)
        return rv;
    /* Until the database is known to be ours, its log must not be moved into it. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)log, NULL);
    if (sqlite3_db_readonly(db->handle, "main") != 0)
        return read_only(path, err);
    rv = sv_db_exec(db, "BEGIN");
    rv = rv < 0 ? sv_db_errorf(db, db->conn.failure, err, "read", path) : inspect(db, path, err);
    if (sqlite3_get_autocommit(db->handle) == 0)
        sv_db_exec(db, "ROLLBACK");
    if (rv >= 0)
        rv = log ? 0 : check_size(db, path, err);
    if (rv < 0)
        return rv;
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return use_wal(db, path, err);
}

int sv_sqlite_make_file(const char *path, synctv_error *err)
{
    int rv = ensure_folder(path, err);
    return rv < 0 ? rv : ensure_file(path, err);
}

int sv_sqlite_open_writer(struct sv_db *db, const char *path, synctv_error *err)
{
    const char *name = path == NULL ? "memory:" : path;
    int rv = path == NULL ? sv_db_open(db, NULL, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, err)
                          : open_file(db, path, err);
    if (rv == 0)
        rv = migrate(db, name, err);
    if (rv == 0)
        rv = probe(db, name, err);
    db->conn.failure = 0;
    return rv;
}

int sv_sqlite_open_reader(struct sv_db *db, const char *path, synctv_error *err)
{
    int rv = sv_db_open(db, path, SQLITE_OPEN_READONLY, err);
    return rv < 0 ? rv : probe(db, path, err);
}
