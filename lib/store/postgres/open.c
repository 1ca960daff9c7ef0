/* SPDX-License-Identifier: MIT */
/*
 * The schema: made, brought up to date or left alone, in one transaction. Others may be at it, too:
 * they wait for each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "store/postgres/fence.h"
#include "store/postgres/ops.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/schema.h"

/* Of commits that nobody asks for any more. */
#define CUTOFF "interval '1 day'"

/* A script, which may be of several statements. */
static int run(struct sv_pg *pg, const char *sql)
{
    if (pg->handle == NULL)
        return SYNCTV_E_STORAGE_UNAVAILABLE;
    PGresult *result = PQexec(pg->handle, sql);
    ExecStatusType status = PQresultStatus(result);
    int rv =
        status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : sv_pg_fail_result(pg, result);
    PQclear(result);
    return rv;
}

/* The first column of the first row; "" if there is none. */
static int get(struct sv_pg *pg, const char *sql, char *out, size_t size)
{
    if (pg->handle == NULL)
        return SYNCTV_E_STORAGE_UNAVAILABLE;
    PGresult *result = PQexec(pg->handle, sql);
    int rv = PQresultStatus(result) == PGRES_TUPLES_OK ? 0 : sv_pg_fail_result(pg, result);
    if (rv == 0)
        snprintf(out, size, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return rv;
}

static int damaged(struct sv_pg *pg, synctv_error *err, const char *reason)
{
    return sv_errorf(err, SYNCTV_E_STORAGE_CORRUPT,
        "the database %s is damaged (%s): put a backup in its place", pg->address->text, reason);
}

/* Returns the version of the schema, 0 = none. */
static int inspect(struct sv_pg *pg, synctv_error *err)
{
    char text[32];
    int rv = get(pg, "SELECT to_regclass('synctv_schema') IS NOT NULL", text, sizeof(text));
    if (rv == 0 && text[0] == 'f') {
        rv = get(pg,
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::REGNAMESPACE"
            " AND relkind IN ('r', 'p', 'v', 'm', 'S') LIMIT 1",
            text, sizeof(text));
        if (rv == 0 && text[0] != '\0')
            return sv_errorf(err, SYNCTV_E_STORAGE_CORRUPT,
                "the database %s belongs to another program: it has a \"%s\"", pg->address->text,
                text);
        return rv;
    }
    if (rv == 0)
        rv = get(pg, "SELECT version FROM synctv_schema", text, sizeof(text));
    if (rv < 0)
        return rv;
    long version = strtol(text, NULL, 10);
    if (version <= 0)
        return damaged(pg, err, "its schema has no version");
    if (version > SV_PG_SCHEMA_VERSION)
        return sv_errorf(err, SYNCTV_E_STORAGE_TOO_NEW,
            "the database %s has schema %ld, this program knows up to %d: use a newer version",
            pg->address->text, version, SV_PG_SCHEMA_VERSION);
    return (int)version;
}

static int put_first_facts(struct sv_pg *pg)
{
    char id[21 + 1], hex[64 + 1], sql[256];
    unsigned char secret[32];
    int rv = sv_random_id(id, 21);
    if (rv == 0)
        rv = sv_random_bytes(secret, sizeof(secret));
    if (rv < 0)
        return rv;
    sv_hex(hex, secret, sizeof(secret));
    snprintf(sql, sizeof(sql),
        "INSERT INTO meta (key, value) VALUES ('storage_id', '%s'), ('jwt_secret', '%s')", id, hex);
    return run(pg, sql);
}

/* Members that work with the schema as it is would not know the new one. */
static int check_nobody_is_at_work(struct sv_pg *pg, int version, synctv_error *err)
{
    const char *own_id = pg->fence == NULL ? "" : pg->fence->id;
    PGresult *result = PQexecParams(pg->handle,
        "SELECT left(string_agg(id, ', ' ORDER BY id), 80) FROM nodes"
        " WHERE id <> $1 AND " SV_PG_NODE_IS_HELD("id"),
        1, NULL, &own_id, NULL, NULL, 0);
    int rv = PQresultStatus(result) == PGRES_TUPLES_OK ? 0 : sv_pg_fail_result(pg, result);
    if (rv == 0 && PQgetisnull(result, 0, 0) == 0)
        rv = sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE,
            "members of the schema %d are at work, and this program's is %d: stop them first: %s",
            version, SV_PG_SCHEMA_VERSION, PQgetvalue(result, 0, 0));
    PQclear(result);
    return rv;
}

static int migrate(struct sv_pg *pg, int version, synctv_error *err)
{
    char sql[80];
    int rv = 0;
    if (version > 0 && version < SV_PG_SCHEMA_VERSION)
        rv = check_nobody_is_at_work(pg, version, err);
    for (int v = version; rv == 0 && v < SV_PG_SCHEMA_VERSION; v++) {
        for (int i = 0; rv == 0 && i < SV_PG_MIGRATION_SCRIPTS && sv_pg_migrations[v][i] != NULL;
             i++)
            rv = run(pg, sv_pg_migrations[v][i]);
        if (rv == 0 && v == 0)
            rv = put_first_facts(pg);
    }
    snprintf(sql, sizeof(sql), "UPDATE synctv_schema SET version = %d", SV_PG_SCHEMA_VERSION);
    return rv < 0 || version == SV_PG_SCHEMA_VERSION ? rv : run(pg, sql);
}

static int check(struct sv_pg *pg, synctv_error *err)
{
    char missing[100];
    int rv = get(pg, sv_pg_schema_missing, missing, sizeof(missing));
    return rv < 0 || missing[0] == '\0' ? rv : damaged(pg, err, missing);
}

/* In a transaction. */
static int prepare(struct sv_pg *pg, synctv_error *err)
{
    /* Another one may be busy with a large table. "SyNC" */
    int rv = run(pg,
        "SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(x'53794e43'::INT, 0)");
    int version = rv < 0 ? rv : inspect(pg, err);
    rv = version < 0 ? version : migrate(pg, version, err);
    if (rv == 0)
        rv = check(pg, err);
    return rv < 0 ? rv : run(pg, "DELETE FROM commits WHERE at < now() - " CUTOFF);
}

int sv_pg_prepare_schema(struct sv_pg *pg, synctv_error *err)
{
    synctv_error own = { 0 };
    if (PQexitPipelineMode(pg->handle) != 1 || PQsetnonblocking(pg->handle, 0) != 0)
        return sv_errorf(err, SYNCTV_E_INTERNAL, "%s", PQerrorMessage(pg->handle));
    int rv = run(pg, "BEGIN");
    if (rv == 0)
        rv = prepare(pg, &own);
    if (rv == 0)
        rv = run(pg, "COMMIT");
    else if (pg->handle != NULL)
        PQclear(PQexec(pg->handle, "ROLLBACK"));
    if (rv == 0 && (PQsetnonblocking(pg->handle, 1) != 0 || PQenterPipelineMode(pg->handle) != 1))
        rv = sv_pg_fail(pg, SYNCTV_E_INTERNAL, "08006", PQerrorMessage(pg->handle));
    if (rv < 0 && own.code != 0)
        return sv_errorf(err, own.code, "%s", own.message);
    if (rv < 0 && pg->conn.failure != 0)
        return sv_errorf(err, rv, "%s", pg->conn.failure_text);
    return rv < 0 ? sv_error(err, rv) : 0;
}
