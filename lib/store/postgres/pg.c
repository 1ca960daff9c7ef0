/* SPDX-License-Identifier: MIT */
/* A connection, its errors, its prepared statements, and how queries run. */
#include "store/postgres/pg.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define PATIENCE_US (5 * 1000 * 1000)
#define LOOK_US (200 * 1000)
/* Libpq has half as many. */
#define MAX_NAMES 100
#define CONNECT_S 3
/* Libpq knows no less. */
#define CONNECT_LEAST_S 2

static struct sv_pg *pg_of(const struct sv_query *q)
{
    return (struct sv_pg *)q->conn;
}

/* ---- failures ---- */

/* What went away without leaving anything behind, or will do so by itself. */
static bool is_worth_another_try(const char *sqlstate)
{
    static const char *const states[] = {
        "40001", /* serialization failure */
        "40P01", /* deadlock */
        "55P03", /* lock_timeout */
        "25P03", /* idle_in_transaction_session_timeout */
        "25006", /* read only: it has become a standby */
        "0A000", /* a plan of before a migration */
        "53300", /* too many connections */
    };
    if (strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "57P", 3) == 0)
        return true; /* the connection; the server goes down or comes up */
    if (strncmp(sqlstate, "23", 2) == 0)
        return true; /* what EXISTS has seen has gone, or the other way round */
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(sqlstate, states[i]) == 0)
            return true;
    return false;
}

static int code_of(const char *sqlstate)
{
    if (is_worth_another_try(sqlstate))
        return SYNCTV_E_STORAGE_UNAVAILABLE;
    if (strcmp(sqlstate, "XX001") == 0 || strcmp(sqlstate, "XX002") == 0)
        return SYNCTV_E_STORAGE_CORRUPT;
    if (strncmp(sqlstate, "53", 2) == 0 || strncmp(sqlstate, "57", 2) == 0 ||
        strncmp(sqlstate, "58", 2) == 0 || strncmp(sqlstate, "28", 2) == 0 ||
        strcmp(sqlstate, "3D000") == 0 || strcmp(sqlstate, "42501") == 0)
        return SYNCTV_E_STORAGE_UNAVAILABLE;
    return SYNCTV_E_INTERNAL;
}

/* A number of its own for each of the five letters and digits. */
static int number_of(const char *sqlstate)
{
    int n = 0;
    for (const char *c = sqlstate; *c != '\0'; c++)
        n = n * 36 + (*c <= '9' ? *c - '0' : *c - 'A' + 10);
    return n;
}

int sv_pg_fail(struct sv_pg *pg, int code, const char *sqlstate, const char *text)
{
    struct sv_conn *conn = &pg->conn;
    if (conn->failure != 0)
        return code;
    conn->failure = number_of(sqlstate);
    snprintf(conn->failure_text, sizeof(conn->failure_text), "the database %s: %.*s (%s)",
        pg->address->text, (int)strcspn(text, "\n"), text, sqlstate);
    return code;
}

static int lost(struct sv_pg *pg, const char *text)
{
    int rv = sv_pg_fail(pg, SYNCTV_E_STORAGE_UNAVAILABLE, "08006", text);
    pg->conn.again = true;
    sv_pg_disconnect(pg);
    return rv;
}

int sv_pg_fail_result(struct sv_pg *pg, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (sqlstate == NULL)
        return lost(pg, PQerrorMessage(pg->handle));
    if (pg->fence != NULL && strcmp(sqlstate, SV_PG_FENCED) == 0) {
        pg->fenced = true;
        return SYNCTV_E_STORAGE_UNAVAILABLE;
    }
    int code = code_of(sqlstate);
    bool is_read = strcmp(sqlstate, "25006") == 0 && pg->read_only;
    if (is_read) /* whoever writes in a read is wrong, the database is not */
        return SYNCTV_E_INTERNAL;
    pg->conn.again = pg->conn.again || is_worth_another_try(sqlstate);
    return sv_pg_fail(pg, code, sqlstate, text == NULL ? "no reason given" : text);
}

/* ---- connection ---- */

int64_t sv_pg_deadline_us(const struct sv_pg *pg)
{
    int64_t deadline =
        pg->conn.deadline_us != 0 ? pg->conn.deadline_us : sv_mono_us() + PATIENCE_US;
    int64_t other = pg->close_deadline_us == NULL ? 0 : atomic_load(pg->close_deadline_us);
    return other != 0 && other < deadline ? other : deadline;
}

void sv_pg_disconnect(struct sv_pg *pg)
{
    sv_pg_forget_ahead(pg);
    PQfinish(pg->handle);
    pg->handle = NULL;
    memset(pg->prepared, 0, sizeof(pg->prepared));
}

static void notice(void *arg, const PGresult *result)
{
    struct sv_pg *pg = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    /* That another process has crashed is told so, too, and then the connection is lost. */
    if (strcmp(sv_str(severity), "WARNING") == 0 && strcmp(sv_str(sqlstate), "57P02") != 0)
        pg->warned = true;
}

/*
 * What libpq says goes over several lines, one for each address, and some that begin with a tab and
 * ask whether a server is running.
 */
static const char *last_reason(char *text)
{
    const char *reason = text;
    for (char *line = text, *end; *line != '\0'; line = end + (*end != '\0')) {
        end = line + strcspn(line, "\n");
        if (*line != '\t')
            reason = line;
    }
    return reason;
}

static int refuse(struct sv_pg *pg, const char *sqlstate, const char *text)
{
    int rv = sv_pg_fail(pg, SYNCTV_E_STORAGE_UNAVAILABLE, sqlstate, text);
    sv_pg_disconnect(pg);
    return rv;
}

static PGconn *open_connection(const struct sv_pg_address *address, int64_t left_us)
{
    const char *names[MAX_NAMES + 2] = { NULL }, *values[MAX_NAMES + 2] = { NULL };
    char seconds[12];
    size_t n = 0;
    for (; n < address->n && n < MAX_NAMES; n++) {
        names[n] = address->names[n];
        values[n] = address->values[n];
    }
    if (!address->seconds_given) {
        int64_t s = left_us / 1000000;
        s = s > CONNECT_S ? CONNECT_S : s < CONNECT_LEAST_S ? CONNECT_LEAST_S : s;
        snprintf(seconds, sizeof(seconds), "%d", (int)s);
        names[n] = "connect_timeout";
        values[n] = seconds;
    }
    return PQconnectdbParams(names, values, 0);
}

static int heed_timeline(struct sv_pg *pg)
{
    struct sv_query q;
    int64_t timeline = 0;
    sv_query_begin(&q, &pg->conn.tx,
        "SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE"
        " ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::BIT(32)::BIGINT END");
    int rv = sv_query_number(&q, &timeline);
    if (rv < 0 || timeline == 0)
        return rv < 0 ? rv : 0;
    int64_t before = atomic_exchange(&pg->lineage->timeline, timeline);
    if (before != 0 && before != timeline)
        atomic_fetch_add(pg->lineage->n_turns, 1);
    return 0;
}

int sv_pg_connect(struct sv_pg *pg)
{
    if (pg->handle != NULL && PQstatus(pg->handle) == CONNECTION_OK)
        return 0;
    sv_pg_disconnect(pg);
    int64_t left_us = sv_pg_deadline_us(pg) - sv_mono_us();
    if (left_us <= 0)
        return sv_pg_fail(pg, SYNCTV_E_STORAGE_UNAVAILABLE, "08001", "no time is left to connect");
    pg->handle = open_connection(pg->address, left_us);
    if (pg->handle == NULL)
        return SYNCTV_E_NO_MEMORY;
    if (PQstatus(pg->handle) != CONNECTION_OK) {
        char text[300];
        snprintf(text, sizeof(text), "%s", PQerrorMessage(pg->handle));
        return lost(pg, last_reason(text));
    }
    PQsetNoticeReceiver(pg->handle, notice, pg);
    pg->n_commits = 0;
    if (sv_id_new(pg->writer) < 0)
        return refuse(pg, "58000", "no random numbers");
    const char *encoding = PQparameterStatus(pg->handle, "server_encoding");
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
        return refuse(pg, "22021", "its encoding is not UTF8: create it with ENCODING 'UTF8'");
    if (PQserverVersion(pg->handle) < 130000)
        return refuse(pg, "0A000", "the server is older than PostgreSQL 13");
    if (PQsetnonblocking(pg->handle, 1) != 0 || PQenterPipelineMode(pg->handle) != 1)
        return lost(pg, PQerrorMessage(pg->handle));
    return heed_timeline(pg);
}

/* ---- statements on their way ---- */

/* Waits until a result is there. That the store closes meanwhile is noticed before long. */
static int await(struct sv_pg *pg)
{
    int64_t own_deadline = sv_pg_deadline_us(pg);
    for (;;) {
        int unsent = PQflush(pg->handle);
        if (unsent < 0)
            return lost(pg, PQerrorMessage(pg->handle));
        if (!PQisBusy(pg->handle))
            return 0;
        int64_t deadline = sv_pg_deadline_us(pg);
        int64_t left_us = (deadline < own_deadline ? deadline : own_deadline) - sv_mono_us();
        struct pollfd fd = { .fd = PQsocket(pg->handle),
            .events = POLLIN | (unsent > 0 ? POLLOUT : 0) };
        if (left_us <= 0)
            return lost(pg, "no answer");
        int n = poll(&fd, 1, left_us < LOOK_US ? (int)(left_us / 1000) + 1 : LOOK_US / 1000);
        if (n > 0 && PQconsumeInput(pg->handle) != 1)
            return lost(pg, PQerrorMessage(pg->handle));
        if (n < 0 && errno != EINTR)
            return lost(pg, "poll failed");
    }
}

static void clear(PGresult **results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        PQclear(results[i]);
        results[i] = NULL;
    }
}

/* As the last of the `n` that are kept. */
static int keep(struct sv_pg *pg, PGresult *result, size_t n, PGresult **results, int rv)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        PQclear(results[0]);
        memmove(results, results + 1, (n - 1) * sizeof(*results));
        results[n - 1] = result;
        return rv;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        if (rv == 0)
            rv = sv_pg_fail_result(pg, result);
        break;
    }
    /* A lost connection takes its results along no more than its memory: they are their own. */
    PQclear(result);
    return rv;
}

int sv_pg_receive(struct sv_pg *pg, size_t n, PGresult **ret_results)
{
    int rv = 0;
    memset(ret_results, 0, n * sizeof(*ret_results));
    if (pg->handle == NULL)
        return SYNCTV_E_STORAGE_UNAVAILABLE;
    if (PQpipelineSync(pg->handle) != 1)
        return lost(pg, PQerrorMessage(pg->handle));
    for (;;) {
        int waited = await(pg);
        if (waited < 0) {
            rv = rv < 0 ? rv : waited;
            break;
        }
        PGresult *result = PQgetResult(pg->handle);
        if (result == NULL) {
            if (PQstatus(pg->handle) == CONNECTION_OK)
                continue;
            rv = lost(pg, PQerrorMessage(pg->handle));
            break;
        }
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            break;
        }
        rv = keep(pg, result, n, ret_results, rv);
        if (pg->handle == NULL)
            break;
    }
    if (pg->handle != NULL && PQstatus(pg->handle) != CONNECTION_OK)
        rv = lost(pg, PQerrorMessage(pg->handle));
    if (rv < 0)
        clear(ret_results, n);
    return rv;
}

/* Where the statement is, or has a place; SV_PG_STATEMENTS = there are more than places. */
static size_t slot_of(const struct sv_pg *pg, const char *sql)
{
    size_t slot = ((uintptr_t)sql >> 3) * 0x9E3779B1u;
    for (int tries = 0; tries < SV_PG_STATEMENTS; tries++, slot++) {
        size_t i = slot % SV_PG_STATEMENTS;
        if (pg->prepared[i] == sql || pg->prepared[i] == NULL)
            return i;
    }
    assert(!"more statements than slots");
    return SV_PG_STATEMENTS;
}

/* Counts to *n what is on its way. */
static int send_prepare(struct sv_pg *pg, const char *sql, size_t *n)
{
    char name[16];
    size_t i = slot_of(pg, sql);
    if (i == SV_PG_STATEMENTS)
        return SYNCTV_E_INTERNAL;
    if (pg->prepared[i] == sql)
        return 0;
    snprintf(name, sizeof(name), "s%zu", i);
    if (PQsendPrepare(pg->handle, name, sql, 0, NULL) != 1)
        return lost(pg, PQerrorMessage(pg->handle));
    pg->prepared[i] = sql;
    ++*n;
    return 0;
}

/*
 * The first time it waits, also for what was sent before, so that it is known whether there are
 * such statements. Which of several is there after a failure is not known: the connection is given
 * up.
 */
int sv_pg_prepare(struct sv_pg *pg, struct sv_query *q, size_t n)
{
    size_t n_sent = 0;
    int rv = pg->handle == NULL ? SYNCTV_E_STORAGE_UNAVAILABLE : 0;
    for (size_t i = 0; rv == 0 && i < n; i++)
        rv = q[i].rv < 0 ? q[i].rv : send_prepare(pg, q[i].sql, &n_sent);
    if (n_sent == 0)
        return rv;
    PGresult *result;
    int received = sv_pg_receive(pg, 1, &result);
    PQclear(result);
    if (received < 0 && n > 1)
        sv_pg_disconnect(pg);
    else if (received < 0)
        pg->prepared[slot_of(pg, q->sql)] = NULL;
    return rv < 0 ? rv : received;
}

static bool is_select(const char *command)
{
    return strncmp(command, "SELECT", 6) == 0;
}

/* As libpq wants them; what they point to lives until the statement is sent. */
struct parameters {
    const char *values[SV_QUERY_PARAMETERS];
    int lengths[SV_QUERY_PARAMETERS], formats[SV_QUERY_PARAMETERS];
    char numbers[SV_QUERY_PARAMETERS][32];
};

static void set_parameter(struct parameters *p, int i, const struct sv_query_value *value)
{
    p->values[i] = p->numbers[i];
    p->lengths[i] = 0;
    p->formats[i] = 0;
    switch (value->type) {
    case SV_QUERY_TEXT:
        p->values[i] = value->data;
        break;
    case SV_QUERY_BLOB:
        p->values[i] = value->data;
        p->lengths[i] = (int)value->len;
        p->formats[i] = 1;
        break;
    case SV_QUERY_INT:
        snprintf(p->numbers[i], sizeof(p->numbers[i]), "%lld", (long long)value->n);
        break;
    case SV_QUERY_DOUBLE:
        snprintf(p->numbers[i], sizeof(p->numbers[i]), "%.17g", value->d);
        break;
    }
}

int sv_pg_send(struct sv_query *q)
{
    struct sv_pg *pg = pg_of(q);
    struct parameters p;
    char name[16];
    if (!is_select(q->sql))
        sv_pg_forget_ahead(pg);
    q->rv = sv_pg_prepare(pg, q, 1);
    if (q->rv < 0)
        return q->rv;
    for (int i = 0; i < q->n; i++)
        set_parameter(&p, i, &q->values[i]);
    snprintf(name, sizeof(name), "s%zu", slot_of(pg, q->sql));
    if (PQsendQueryPrepared(pg->handle, name, q->n, p.values, p.lengths, p.formats, 1) != 1)
        q->rv = lost(pg, PQerrorMessage(pg->handle));
    return q->rv;
}

void sv_pg_forget_ahead(struct sv_pg *pg)
{
    clear(pg->ahead, SV_N_AHEAD);
}

/* ---- queries ---- */

static void query_use_ahead(struct sv_query *q, enum sv_query_ahead which, const char *room_id,
    const char *user_id)
{
    struct sv_pg *pg = pg_of(q);
    if (pg->ahead[which] == NULL || strcmp(pg->ahead_of->room_id, room_id) != 0 ||
        (user_id != NULL && strcmp(pg->ahead_of->user_ids[0], user_id) != 0))
        return;
    q->rows = pg->ahead[which];
    pg->ahead[which] = NULL;
}

static struct sv_query_value *next_value(struct sv_query *q, int type)
{
    assert(q->n < SV_QUERY_PARAMETERS);
    struct sv_query_value *value = &q->values[q->n++];
    value->type = type;
    return value;
}

/* Text that is no UTF-8 would fail in the server. */
static void query_bind_text(struct sv_query *q, const char *s)
{
    if (!sv_utf8_valid(s, strlen(s)))
        q->rv = SYNCTV_E_INVALID_ARGUMENT;
    next_value(q, SV_QUERY_TEXT)->data = s;
}

static void query_bind_blob(struct sv_query *q, const void *data, size_t len)
{
    struct sv_query_value *value = next_value(q, SV_QUERY_BLOB);
    value->data = data;
    value->len = len;
}

static void query_bind_int(struct sv_query *q, int64_t n)
{
    next_value(q, SV_QUERY_INT)->n = n;
}

static void query_bind_double(struct sv_query *q, double d)
{
    next_value(q, SV_QUERY_DOUBLE)->d = d;
}

static int execute(struct sv_query *q)
{
    PGresult *result;
    if (sv_pg_send(q) < 0)
        return q->rv;
    q->rv = sv_pg_receive(pg_of(q), 1, &result);
    if (q->rv == 0 && result == NULL)
        q->rv = SYNCTV_E_INTERNAL;
    q->rows = result;
    if (q->rv == 0 && !is_select(PQcmdStatus(result)))
        pg_of(q)->changes += atoi(PQcmdTuples(result));
    return q->rv;
}

static int query_next(struct sv_query *q)
{
    if (q->rows == NULL && execute(q) < 0)
        return q->rv;
    return ++q->row < PQntuples(q->rows);
}

static const unsigned char *column_of(struct sv_query *q, int column, size_t *ret_len)
{
    *ret_len = (size_t)PQgetlength(q->rows, q->row, column);
    return (const unsigned char *)PQgetvalue(q->rows, q->row, column);
}

static const char *query_get_text(struct sv_query *q, int column, size_t *ret_len)
{
    return (const char *)column_of(q, column, ret_len);
}

static const void *query_get_blob(struct sv_query *q, int column, size_t *ret_len)
{
    return column_of(q, column, ret_len);
}

/* In network order, of as many bytes as its type has. */
static int64_t query_get_int(struct sv_query *q, int column)
{
    size_t len;
    const unsigned char *data = column_of(q, column, &len);
    if (len == 0 || len > 8)
        return 0;
    uint64_t n = len > 1 && (data[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++)
        n = n << 8 | data[i];
    return (int64_t)n;
}

static double query_get_double(struct sv_query *q, int column)
{
    int64_t bits = query_get_int(q, column);
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

static int query_changes(struct sv_query *q)
{
    return atoi(PQcmdTuples(q->rows));
}

static void query_end(struct sv_query *q)
{
    PQclear(q->rows);
}

static int query_damaged(struct sv_query *q, const char *what)
{
    return sv_pg_fail(pg_of(q), SYNCTV_E_STORAGE_CORRUPT, "XX001", what);
}

const struct sv_query_driver sv_pg_driver = {
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
    .use_ahead = query_use_ahead,
    .may_return = true,
};
