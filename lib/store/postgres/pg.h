/* SPDX-License-Identifier: MIT */
/*
 * One connection to a PostgreSQL server, its prepared statements, and the driver of its queries
 * (sql/query.h). A connection belongs to one thread at a time.
 *
 * Nothing waits longer than until conn.deadline_us, nor than PATIENCE where that is 0; then the
 * connection is given up.
 */
#ifndef SV_STORE_POSTGRES_PG_H
#define SV_STORE_POSTGRES_PG_H

#include <libpq-fe.h>

#include "store/sql/query.h"

/* A power of two, well over the number of statements. */
#define SV_PG_STATEMENTS 256

/* Where the database is and how it is reached. */
struct sv_pg_address {
    /* libpq's parameters. */
    const char **names, **values;
    size_t n;
    /* Owns the strings of these. */
    PQconninfoOption *options;
    /* Of the session. */
    char *settings;
    /* Whether connect_timeout is among the parameters. */
    bool seconds_given;
    /* Each host of it is this machine. */
    bool is_here;
    /* For people: HOST:PORT/NAME, no secrets. */
    char text[128];
};

/* Reads a URL; INVALID_ARGUMENT with a sentence in which nothing of a password is. */
int sv_pg_address_init(struct sv_pg_address *address, const char *url, synctv_error *err);
void sv_pg_address_fini(struct sv_pg_address *address);

struct sv_pg_fence;

/* How the fence's question fails (SQLSTATE): by a division by zero, as nothing else does. */
#define SV_PG_FENCED "22012"

/*
 * What the connections know of where the data comes from. A standby that is promoted goes on in a
 * timeline of its own, and may not have got what was written last.
 */
struct sv_pg_lineage {
    /* The last one; 0 = none yet. */
    _Atomic int64_t timeline;
    /* The store's: how often it was another one than before. */
    _Atomic uint64_t *n_turns;
};

struct sv_pg {
    /* First. */
    struct sv_conn conn;
    const struct sv_pg_address *address;
    /* Of all connections of the store. */
    struct sv_pg_lineage *lineage;
    /* Another limit to waiting; 0 = none. */
    const _Atomic int64_t *close_deadline_us;
    enum sv_conn_kind kind;
    /* NULL = none; in pipeline mode. */
    PGconn *handle;
    /* The address is the key: statements are string literals. */
    const char *prepared[SV_PG_STATEMENTS];
    int64_t changes;
    /* Of a member's connection that writes; NULL = none. The next three are fence.c's. */
    struct sv_pg_fence *fence;
    /* The changes when the transaction began. */
    int64_t changes_before;
    /* It may not be committed. */
    bool fenced;
    /* With it the node registers in this transaction, or SV_PG_FENCE_LEFT; 0 = neither. */
    int64_t new_epoch;
    /* Whether the transaction is. */
    bool read_only;
    /*
     * What begin.c has read ahead in the transaction that is open: for a job that names a room, the
     * room, and the first user of the scope as its member; for one that only reads, all that is
     * needed to load the room. NULL = nothing, or it was taken, or may have changed since. Keys are
     * those of the job's scope.
     */
    PGresult *ahead[SV_N_AHEAD];
    const struct sv_scope *ahead_of;
    /* The server has sent a warning since commit.c has looked. */
    bool warned;
    /* commit.c: who commits, and which commit of its it is. */
    char writer[SV_ID_SIZE];
    int64_t n_commits;
};

/* Of every struct sv_pg. */
extern const struct sv_query_driver sv_pg_driver;

/*
 * The key of the advisory lock on the node $1. Each schema of a database has its own. "SyNC"
 */
#define SV_PG_NODE_LOCK_OF(id)                                                                     \
    "hashtextextended(" id                                                                         \
    ", x'53794e43'::BIGINT << 32 | current_schema()::REGNAMESPACE::OID::BIGINT)"
#define SV_PG_NODE_LOCK SV_PG_NODE_LOCK_OF("$1")
/* Whether somebody has it, as pg_locks shows it. */
#define SV_PG_NODE_IS_HELD(id)                                                                     \
    "EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"      \
    " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"    \
    " AND (classid::BIGINT << 32) | objid::BIGINT = " SV_PG_NODE_LOCK_OF(id) ")"

/* Connects, if it is not. A failure is also in conn.failure. */
int sv_pg_connect(struct sv_pg *pg);
void sv_pg_disconnect(struct sv_pg *pg);
/* When to give up (monotonic). */
int64_t sv_pg_deadline_us(const struct sv_pg *pg);

/* Keeps a failure that is not of a statement as conn.failure; returns `code`. */
int sv_pg_fail(struct sv_pg *pg, int code, const char *sqlstate, const char *text);
/* The same for a result of PQexec(), outside the pipeline mode. */
int sv_pg_fail_result(struct sv_pg *pg, const PGresult *result);

/*
 * Several statements on one way: sv_pg_send() as often as needed, then sv_pg_receive(). If one of
 * them fails those behind it are not done, the transaction is undone, and the failure is returned.
 * Fills the results of the last `n` statements, the oldest first; there may be fewer, then the
 * first ones are NULL, as all are on failure. Who wants results of several statements lets
 * sv_pg_prepare() see all of them first.
 */
int sv_pg_prepare(struct sv_pg *pg, struct sv_query *q, size_t n);
int sv_pg_send(struct sv_query *q);
int sv_pg_receive(struct sv_pg *pg, size_t n, PGresult **ret_results);

/* Nothing is read ahead any more. */
void sv_pg_forget_ahead(struct sv_pg *pg);

/*
 * begin.c: begins a transaction, read-only if pg.read_only is set. `scope` may be NULL; it is
 * borrowed until the transaction ends.
 */
int sv_pg_begin(struct sv_pg *pg, const struct sv_scope *scope);

/* commit.c: commits, and says for certain whether it did: 0, the error, or OUTCOME_UNKNOWN. */
int sv_pg_commit(struct sv_pg *pg);

#endif
