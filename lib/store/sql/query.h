/* SPDX-License-Identifier: MIT */
/*
 * The queries that all operations are made of, over whatever database speaks SQL.
 *
 *     struct sv_query q;
 *     sv_query_begin(&q, tx, "SELECT name FROM rooms WHERE id = $1");
 *     sv_query_text(&q, id);
 *     int rv = sv_query_next(&q) > 0 ? 0 : SYNCTV_E_ROOM_NOT_FOUND;
 *     if (rv == 0)
 *         name = sv_query_get_text(&q, 0, arena);
 *     return sv_query_end(&q, rv);
 *
 * After a failure the query keeps the error: later functions do nothing, and sv_query_end() returns
 * it.
 *
 * A statement must suit all databases:
 *
 * - Parameters are $1, $2 …, and first appear in this order: SQLite numbers them as they come.
 * - It must not fail where a caller wants to explain why: PostgreSQL undoes the whole transaction
 *   after any failure. What may be there already is inserted ON CONFLICT DO NOTHING; what a row
 *   refers to is asked for by WHERE EXISTS.
 *
 * What suits only one of them is in that one's folder.
 */
#ifndef SV_STORE_SQL_QUERY_H
#define SV_STORE_SQL_QUERY_H

#include "store/backend.h"
#include "store/rows.h"

#define SV_QUERY_PARAMETERS 20

/* A parameter, for a driver that sends them all together with the statement. */
struct sv_query_value {
    enum { SV_QUERY_TEXT, SV_QUERY_BLOB, SV_QUERY_INT, SV_QUERY_DOUBLE } type;
    /* Of a blob. */
    size_t len;
    union {
        /* Borrowed. */
        const void *data;
        int64_t n;
        double d;
    };
};

struct sv_query {
    const struct sv_query_driver *driver;
    struct sv_conn *conn;
    const char *sql;
    /* 0 or the first error. */
    int rv;
    /* The last parameter that was bound. */
    int n;
    /* It has failed because a row would refer to one that is not there; then rv is INTERNAL. */
    bool is_orphan;
    /* The driver's: the statement or its result, NULL = none; and the row that it is at. */
    void *rows;
    int row;
    struct sv_query_value values[SV_QUERY_PARAMETERS];
};

/* What a backend may read when a job begins, before the job asks for it: sql/room_reads.h. */
enum sv_query_ahead {
    SV_AHEAD_ROOM,
    SV_AHEAD_MEMBER,
    SV_AHEAD_MEMBERS,
    SV_AHEAD_MOVIES,
    SV_AHEAD_PLAYBACK,
    SV_N_AHEAD,
    SV_AHEAD_NOTHING,
};

/*
 * How a database runs queries. The functions are those of sv_query_…() below. Until next() has
 * returned 1 nobody asks for columns; after a failure only end() is called.
 */
struct sv_query_driver {
    /* Sets q->rv. NULL = nothing to do. */
    void (*begin)(struct sv_query *q);
    /* Count q->n, and set q->rv. */
    void (*bind_text)(struct sv_query *q, const char *s);
    void (*bind_blob)(struct sv_query *q, const void *data, size_t len);
    void (*bind_int)(struct sv_query *q, int64_t n);
    void (*bind_double)(struct sv_query *q, double d);
    /* The error is also q->rv. */
    int (*next)(struct sv_query *q);
    /* UTF-8 that ends with a zero and is valid until the next row. */
    const char *(*get_text)(struct sv_query *q, int column, size_t *ret_len);
    const void *(*get_blob)(struct sv_query *q, int column, size_t *ret_len);
    int64_t (*get_int)(struct sv_query *q, int column);
    double (*get_double)(struct sv_query *q, int column);
    /* How many rows a statement that has come to its end has changed. */
    int (*changes)(struct sv_query *q);
    /* Frees `rows`, which is not NULL. */
    void (*end)(struct sv_query *q);
    /* Keeps as conn.failure that something stored makes no sense. Returns STORAGE_CORRUPT. */
    int (*damaged)(struct sv_query *q, const char *what);
    /* NULL = nothing is read ahead. */
    void (*use_ahead)(struct sv_query *q, enum sv_query_ahead which, const char *room_id,
        const char *user_id);
    /* Which form of a statement suits it: sv_query_begin_insert(), sv_query_begin_update(). */
    bool may_fail, may_return;
};

/* `sql` must be a string literal: it is prepared once per connection. */
void sv_query_begin(struct sv_query *q, struct sv_tx *tx, const char *sql);
/*
 * An INSERT of one row that refers to others. `plain` fails if one of them is not there. `guarded`
 * is for databases in which nothing may fail: it asks for them (WHERE EXISTS), and inserts nothing.
 * With SQLite that takes half again as long. Ends with sv_query_run_insert().
 */
void sv_query_begin_insert(struct sv_query *q, struct sv_tx *tx, const char *plain,
    const char *guarded);
/*
 * An UPDATE whose new values are wanted: `returning` has them as its row, which saves a way to the
 * server. In SQLite it makes a temporary table, which takes longer than the `plain` one and a
 * SELECT. Returns which it is: true = `returning`.
 */
bool sv_query_begin_update(struct sv_query *q, struct sv_tx *tx, const char *plain,
    const char *returning);

/*
 * The next parameter. Borrowed until sv_query_end(); NULL is "". Text that is no UTF-8 may be
 * INVALID_ARGUMENT.
 */
static inline void sv_query_text(struct sv_query *q, const char *s)
{
    if (q->rv == 0)
        q->driver->bind_text(q, s == NULL ? "" : s);
}
void sv_query_blob(struct sv_query *q, const void *data, size_t len);
static inline void sv_query_int(struct sv_query *q, int64_t n)
{
    if (q->rv == 0)
        q->driver->bind_int(q, n);
}
/* Kept as the signed number with the same bits. */
static inline void sv_query_uint(struct sv_query *q, uint64_t n)
{
    sv_query_int(q, (int64_t)n);
}
/* NaN is INVALID_ARGUMENT: SQLite would store NULL. */
void sv_query_double(struct sv_query *q, double d);

/*
 * The result may have been read ahead, for this room and this user (NULL = any): then it is taken
 * and will not be asked for.
 */
void sv_query_use_ahead(struct sv_query *q, enum sv_query_ahead which, const char *room_id,
    const char *user_id);

/* 1: there is a row; 0: no more; negative: the error. */
static inline int sv_query_next(struct sv_query *q)
{
    return q->rv < 0 ? q->rv : q->driver->next(q);
}

/*
 * The columns of the row. A value of an unexpected type, invalid UTF-8 or a number out of range
 * reads as "", 0 or the nearest number: what is stored may be damaged, and clients cannot read
 * answers with such text.
 */
const char *sv_query_get_text(struct sv_query *q, int column, struct sv_arena *a);
/* Valid until the next row. */
const void *sv_query_get_blob(struct sv_query *q, int column, size_t *ret_len);
static inline int64_t sv_query_get_int(struct sv_query *q, int column)
{
    return q->driver->get_int(q, column);
}
static inline uint64_t sv_query_get_uint(struct sv_query *q, int column)
{
    return (uint64_t)q->driver->get_int(q, column);
}
int32_t sv_query_get_int32(struct sv_query *q, int column);
/* At least 0. */
int32_t sv_query_get_count(struct sv_query *q, int column);
/* 0..last, else 0. */
int sv_query_get_enum(struct sv_query *q, int column, int last);
double sv_query_get_double(struct sv_query *q, int column);

/* A column that was read makes no sense: the query ends with STORAGE_CORRUPT. */
void sv_query_damaged(struct sv_query *q, const char *what);

/* Ends the query. Returns its first error, else `rv`. */
int sv_query_end(struct sv_query *q, int rv);
/* Runs a statement without rows to its end. Returns how many rows it changed, or the error. */
int sv_query_run(struct sv_query *q);
/*
 * The same, of sv_query_begin_insert(). 0 = nothing was inserted: what the row refers to is not
 * there, or the row is there already.
 */
int sv_query_run_insert(struct sv_query *q);
/*
 * A whole query for one number, that of its first row. Returns 1 with the number, 0 if there is no
 * row, or the error.
 */
int sv_query_number(struct sv_query *q, int64_t *ret_number);
/* Runs a query for a list of ids. Returns how many, or the error. */
int sv_query_ids(struct sv_query *q, struct sv_arena *a, const char *const **ret_ids);

#endif
