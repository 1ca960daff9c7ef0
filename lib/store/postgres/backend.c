/* SPDX-License-Identifier: MIT */
#include "store/postgres/backend.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/postgres/fence.h"
#include "store/postgres/ops.h"
#include "store/postgres/postgres_store.h"

#define WRITERS 8
#define PATIENCE_US (5 * 1000 * 1000)

struct sv_database {
    struct sv_pg_address address;
    const _Atomic int64_t *deadline_us;
    struct sv_pg_lineage lineage;
    struct sv_pg_claim claim;
    bool is_member;
    /* A member's. */
    struct sv_pg_fence fence;
    /* Its schema. */
    bool prepared;
};

/* A connection and what it belongs to. */
struct member {
    /* First. */
    struct sv_pg pg;
    struct sv_database *database;
};

/* ---- open and close ---- */

static void pg_init(struct sv_pg *pg, struct sv_database *database, enum sv_conn_kind kind)
{
    pg->conn.tx.ops = &sv_postgres_tx_ops;
    pg->conn.driver = &sv_pg_driver;
    pg->address = &database->address;
    pg->lineage = &database->lineage;
    pg->close_deadline_us = database->deadline_us;
    pg->kind = kind;
}

static void database_close(struct sv_database *database)
{
    sv_pg_disconnect(&database->claim.pg);
    pthread_mutex_destroy(&database->claim.lock);
    sv_pg_fence_fini(&database->fence);
    sv_pg_address_fini(&database->address);
    free(database);
}

static int database_open(const struct sv_store_options *options, const _Atomic int64_t *deadline_us,
    _Atomic uint64_t *n_turns, struct sv_database **ret_database, synctv_error *err)
{
    struct sv_database *database = calloc(1, sizeof(*database));
    if (database == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    int rv = sv_pg_address_init(&database->address, options->url, err);
    if (rv < 0) {
        free(database);
        return rv;
    }
    if (options->member != NULL && options->member->on_loopback && !database->address.is_here) {
        sv_error_field(err, "advertise",
            "the database %s is for members on several machines: this one must say under which"
            " ADDR:PORT they reach it, and that is no loopback address",
            database->address.text);
        sv_pg_address_fini(&database->address);
        free(database);
        return SYNCTV_E_INVALID_ARGUMENT;
    }
    database->deadline_us = deadline_us;
    database->lineage.n_turns = n_turns;
    database->claim.kind = options->alone ? SV_PG_CLAIM_ALONE : SV_PG_CLAIM_NONE;
    pthread_mutex_init(&database->claim.lock, NULL);
    pg_init(&database->claim.pg, database, SV_CONN_WRITES);
    if (options->member != NULL) {
        database->is_member = true;
        rv = sv_pg_fence_init(&database->fence, options->member);
        database->claim.kind = SV_PG_CLAIM_AS_MEMBER;
        database->claim.node_id = database->fence.id;
    }
    if (rv < 0) {
        database_close(database);
        return sv_error(err, rv);
    }
    *ret_database = database;
    return 0;
}

static void db_disconnect(struct sv_conn *conn)
{
    sv_pg_disconnect((struct sv_pg *)conn);
    free(conn);
}

static int first_connect(struct sv_database *database, struct sv_pg *pg, synctv_error *err)
{
    int rv = sv_pg_connect(pg);
    if (rv == 0)
        rv = sv_pg_claim(&database->claim, pg);
    if (rv == 0 && !database->prepared) {
        rv = sv_pg_prepare_schema(pg, err); /* fills `err` */
        database->prepared = rv == 0;
    } else if (rv < 0) {
        rv = sv_errorf(err, rv, "%s", pg->conn.failure_text);
    }
    pg->conn.failure = 0;
    return rv;
}

static int db_connect(struct sv_database *database, enum sv_conn_kind kind,
    struct sv_conn **ret_conn, synctv_error *err)
{
    struct member *member = calloc(1, sizeof(*member));
    if (member == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    member->database = database;
    pg_init(&member->pg, database, kind);
    if (database->is_member && kind == SV_CONN_WRITES)
        member->pg.fence = &database->fence;
    int rv = first_connect(database, &member->pg, err);
    if (rv < 0) {
        db_disconnect(&member->pg.conn);
        return rv;
    }
    *ret_conn = &member->pg.conn;
    return 0;
}

/* ---- transactions ---- */

static struct sv_pg *pg_of(const struct sv_conn *conn)
{
    return (struct sv_pg *)conn;
}

static bool db_in_transaction(const struct sv_conn *conn)
{
    struct sv_pg *pg = pg_of(conn);
    return pg->handle != NULL && PQtransactionStatus(pg->handle) == PQTRANS_INTRANS;
}

/* What cannot be rolled back goes with its connection. */
static int db_rollback(struct sv_conn *conn)
{
    struct sv_pg *pg = pg_of(conn);
    if (pg->handle == NULL || PQtransactionStatus(pg->handle) == PQTRANS_IDLE)
        return 0;
    bool again = conn->again;
    struct sv_query q;
    sv_query_begin(&q, &conn->tx, "ROLLBACK");
    if (sv_query_run(&q) < 0)
        sv_pg_disconnect(pg);
    conn->again = again;
    return 0;
}

static int db_begin(struct sv_conn *conn, enum sv_conn_kind kind, const struct sv_scope *scope)
{
    struct sv_pg *pg = pg_of(conn);
    db_rollback(conn);
    pg->read_only = kind == SV_CONN_READS;
    if (pg->fence != NULL)
        sv_pg_fence_begin(pg);
    int rv = sv_pg_connect(pg);
    if (rv == 0 && pg->kind == SV_CONN_WRITES)
        rv = sv_pg_claim(&((struct member *)pg)->database->claim, pg);
    return rv < 0 ? rv : sv_pg_begin(pg, scope);
}

static int db_commit(struct sv_conn *conn)
{
    struct sv_pg *pg = pg_of(conn);
    int rv = sv_pg_commit(pg);
    if (pg->fence != NULL)
        sv_pg_fence_settle(pg, rv);
    return rv;
}

static int64_t db_changes(const struct sv_conn *conn)
{
    return pg_of(conn)->changes;
}

const struct sv_backend sv_postgres_backend = {
    .max_batch = 1,
    .n_writers = WRITERS,
    .patience_us = PATIENCE_US,

    .open = database_open,
    .connect = db_connect,
    .disconnect = db_disconnect,
    .close = database_close,

    .begin = db_begin,
    .in_transaction = db_in_transaction,
    .commit = db_commit,
    .rollback = db_rollback,
    .changes = db_changes,
};
