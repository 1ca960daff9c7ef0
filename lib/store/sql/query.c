/* SPDX-License-Identifier: MIT */
#include "store/sql/query.h"

#include <math.h>
#include <string.h>

void sv_query_begin(struct sv_query *q, struct sv_tx *tx, const char *sql)
{
    q->conn = (struct sv_conn *)tx;
    q->driver = q->conn->driver;
    q->sql = sql;
    q->rv = 0;
    q->n = 0;
    q->is_orphan = false;
    q->rows = NULL;
    q->row = -1;
    if (q->driver->begin != NULL)
        q->driver->begin(q);
}

static const struct sv_query_driver *driver_of(struct sv_tx *tx)
{
    return ((struct sv_conn *)tx)->driver;
}

void sv_query_begin_insert(struct sv_query *q, struct sv_tx *tx, const char *plain,
    const char *guarded)
{
    sv_query_begin(q, tx, driver_of(tx)->may_fail ? plain : guarded);
}

bool sv_query_begin_update(struct sv_query *q, struct sv_tx *tx, const char *plain,
    const char *returning)
{
    bool returns = driver_of(tx)->may_return;
    sv_query_begin(q, tx, returns ? returning : plain);
    return returns;
}

/* ---- parameters ---- */

void sv_query_blob(struct sv_query *q, const void *data, size_t len)
{
    if (q->rv == 0)
        q->driver->bind_blob(q, len == 0 ? "" : data, len);
}

void sv_query_double(struct sv_query *q, double d)
{
    if (q->rv == 0 && isnan(d))
        q->rv = SYNCTV_E_INVALID_ARGUMENT;
    if (q->rv == 0)
        q->driver->bind_double(q, d);
}

void sv_query_use_ahead(struct sv_query *q, enum sv_query_ahead which, const char *room_id,
    const char *user_id)
{
    if (q->rv == 0 && q->driver->use_ahead != NULL)
        q->driver->use_ahead(q, which, room_id, user_id);
}

/* ---- rows ---- */

const char *sv_query_get_text(struct sv_query *q, int column, struct sv_arena *a)
{
    size_t len;
    const char *text = q->driver->get_text(q, column, &len);
    const char *copy = sv_arena_strndup(a, text, len);
    if (copy == NULL)
        q->rv = SYNCTV_E_NO_MEMORY;
    return copy == NULL ? "" : copy;
}

const void *sv_query_get_blob(struct sv_query *q, int column, size_t *ret_len)
{
    return q->driver->get_blob(q, column, ret_len);
}

int32_t sv_query_get_int32(struct sv_query *q, int column)
{
    int64_t n = q->driver->get_int(q, column);
    return n < INT32_MIN ? INT32_MIN : n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

int32_t sv_query_get_count(struct sv_query *q, int column)
{
    int32_t n = sv_query_get_int32(q, column);
    return n < 0 ? 0 : n;
}

int sv_query_get_enum(struct sv_query *q, int column, int last)
{
    int64_t n = q->driver->get_int(q, column);
    return n < 0 || n > last ? 0 : (int)n;
}

double sv_query_get_double(struct sv_query *q, int column)
{
    return q->driver->get_double(q, column);
}

void sv_query_damaged(struct sv_query *q, const char *what)
{
    q->rv = q->driver->damaged(q, what);
}

/* ---- whole queries ---- */

int sv_query_end(struct sv_query *q, int rv)
{
    if (q->rows != NULL)
        q->driver->end(q);
    q->rows = NULL;
    return q->rv < 0 ? q->rv : rv;
}

int sv_query_run(struct sv_query *q)
{
    while (sv_query_next(q) > 0)
        ;
    return sv_query_end(q, q->rv < 0 ? q->rv : q->driver->changes(q));
}

int sv_query_run_insert(struct sv_query *q)
{
    int rv = sv_query_run(q);
    return q->is_orphan ? 0 : rv;
}

int sv_query_number(struct sv_query *q, int64_t *ret_number)
{
    int rv = sv_query_next(q);
    if (rv > 0) {
        int64_t number = sv_query_get_int(q, 0);
        bool is_select = strncmp(q->sql, "SELECT", strlen("SELECT")) == 0;
        while (!is_select && sv_query_next(q) > 0) /* SQLite ends a change only now */
            ;
        if (q->rv == 0)
            *ret_number = number;
    }
    return sv_query_end(q, rv);
}

int sv_query_ids(struct sv_query *q, struct sv_arena *a, const char *const **ret_ids)
{
    struct sv_rows rows = { .arena = a, .size = sizeof(const char *) };
    while (sv_query_next(q) > 0) {
        const char **id = sv_rows_push(&rows);
        if (id == NULL)
            return sv_query_end(q, SYNCTV_E_NO_MEMORY);
        *id = sv_query_get_text(q, 0, a);
    }
    int rv = sv_query_end(q, rows.n);
    if (rv >= 0)
        *ret_ids = (const char *const *)rows.items;
    return rv;
}
