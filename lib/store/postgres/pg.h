/* SPDX-License-Identifier: MIT */
/*
 * One connection to a PostgreSQL server, its prepared statements, and what every function that asks
 * it something needs. A connection belongs to one thread at a time.
 *
 *     struct sv_pg_query q;
 *     sv_pg_query(&q, tx, "SELECT name FROM rooms WHERE id = $1");
 *     sv_pg_text(&q, id);
 *     int rv = sv_pg_next(&q) > 0 ? 0 : SYNCTV_E_ROOM_NOT_FOUND;
 *     if (rv == 0)
 *         name = sv_pg_get_text(&q, 0, arena);
 *     return sv_pg_end(&q, rv);
 *
 * A failure sticks to the query: what follows does nothing, and sv_pg_end() returns it. Unlike
 * SQLite, PostgreSQL undoes the whole transaction after any failure of a statement, so nothing here
 * may fail that a caller wants to explain: what may be there already is inserted ON CONFLICT DO
 * NOTHING, what may be missing is asked for by EXISTS.
 *
 * Nothing waits longer than until conn.deadline_us, nor than PATIENCE where that is 0; then the
 * connection is given up.
 */
#ifndef SV_STORE_POSTGRES_PG_H
#define SV_STORE_POSTGRES_PG_H

#include <libpq-fe.h>

#include "store/backend.h"
#include "store/rows.h"

/* A power of two, well over the number of statements. */
#define SV_PG_STATEMENTS 256
#define SV_PG_PARAMETERS 20

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
 * What is read when a job begins that names a room: the room, and the first user of the scope as
 * its member; or, of a job that only reads, all that is needed to load the room.
 */
enum sv_pg_ahead {
    SV_PG_AHEAD_ROOM,
    SV_PG_AHEAD_MEMBER,
    SV_PG_AHEAD_MEMBERS,
    SV_PG_AHEAD_MOVIES,
    SV_PG_AHEAD_PLAYBACK,
    SV_PG_N_AHEAD,
    SV_PG_AHEAD_NOTHING,
};

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
     * What db_begin() has read ahead for rooms.c and members.c, in the transaction that is open;
     * NULL = nothing, or it was taken, or may have changed since. Keys are those of the job's
     * scope.
     */
    PGresult *ahead[SV_PG_N_AHEAD];
    const struct sv_scope *ahead_of;
    /* The server has sent a warning since commit.c has looked. */
    bool warned;
    /* commit.c: who commits, and which commit of its it is. */
    char writer[SV_ID_SIZE];
    int64_t n_commits;
};

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
struct sv_pg_query;
int sv_pg_prepare(struct sv_pg *pg, struct sv_pg_query *q, size_t n);
int sv_pg_send(struct sv_pg_query *q);
int sv_pg_receive(struct sv_pg *pg, size_t n, PGresult **ret_results);

/*
 * If the query's result was read ahead, for this room and this user (NULL = any), it is taken and
 * will not be asked for.
 */
void sv_pg_use_ahead(struct sv_pg_query *q, enum sv_pg_ahead which, const char *room_id,
    const char *user_id);
void sv_pg_forget_ahead(struct sv_pg *pg);

struct sv_pg_query {
    struct sv_pg *pg;
    const char *sql;
    PGresult *result;
    /* Behind the one that is read. */
    int row;
    /* 0 or the error that sticks. */
    int rv;
    int n;
    const char *values[SV_PG_PARAMETERS];
    int lengths[SV_PG_PARAMETERS], formats[SV_PG_PARAMETERS];
    char numbers[SV_PG_PARAMETERS][32];
};

/* `sql` must be a string literal: it is prepared once per connection. */
void sv_pg_query(struct sv_pg_query *q, struct sv_tx *tx, const char *sql);

/*
 * Bind the next parameter. Borrowed until sv_pg_end(); NULL is "". Text that is no UTF-8 is
 * INVALID_ARGUMENT.
 */
void sv_pg_text(struct sv_pg_query *q, const char *s);
void sv_pg_blob(struct sv_pg_query *q, const void *data, size_t len);
void sv_pg_int(struct sv_pg_query *q, int64_t n);
/* Kept as the signed number with the same bits. */
void sv_pg_uint(struct sv_pg_query *q, uint64_t n);
/* NaN is INVALID_ARGUMENT, as with SQLite. */
void sv_pg_double(struct sv_pg_query *q, double d);

/* 1: there is a row; 0: no more; negative: the error. */
int sv_pg_next(struct sv_pg_query *q);

/*
 * Columns of the row. What has another type than expected or is out of range reads as "", 0 or the
 * nearest number.
 */
const char *sv_pg_get_text(struct sv_pg_query *q, int column, struct sv_arena *a);
const void *sv_pg_get_blob(struct sv_pg_query *q, int column, size_t *ret_len);
int64_t sv_pg_get_int(struct sv_pg_query *q, int column);
uint64_t sv_pg_get_uint(struct sv_pg_query *q, int column);
int32_t sv_pg_get_int32(struct sv_pg_query *q, int column);
int32_t sv_pg_get_count(struct sv_pg_query *q, int column); /* ≥ 0 */
/* 0..last, else 0. */
int sv_pg_get_enum(struct sv_pg_query *q, int column, int last);
double sv_pg_get_double(struct sv_pg_query *q, int column);

/* Ends the query. Returns the error that stuck, else `rv`. */
int sv_pg_end(struct sv_pg_query *q, int rv);
/* A whole query. Returns how many rows it changed or found, or the error. */
int sv_pg_run(struct sv_pg_query *q);
/* A query for one number. Returns 1 with the number, 0 if there is no row, or the error. */
int sv_pg_number(struct sv_pg_query *q, int64_t *ret_number);
/* A query for a list of ids. Returns how many, or the error. */
int sv_pg_ids(struct sv_pg_query *q, struct sv_arena *a, const char *const **ret_ids);

/*
 * begin.c: begins a transaction, read-only if pg.read_only is set. `scope` may be NULL; it is
 * borrowed until the transaction ends.
 */
int sv_pg_begin(struct sv_pg *pg, const struct sv_scope *scope);

/* commit.c: commits, and says for certain whether it did: 0, the error, or OUTCOME_UNKNOWN. */
int sv_pg_commit(struct sv_pg *pg);

#endif
