/* SPDX-License-Identifier: MIT */
/*
 * Who serves a database: one store that is alone, or members, each with its id. Both are advisory
 * locks of a session of its own.
 */
#include <poll.h>
#include <string.h>

#include "store/postgres/postgres_store.h"

/* Several can have each a schema of a database. "SyNC" */
#define KEY "(x'53794e43'::INT, current_schema()::REGNAMESPACE::OID::INT)"

static int take_alone(struct sv_pg *pg, int64_t *ret_taken)
{
    struct sv_query q;
    sv_query_begin(&q, &pg->conn.tx, "SELECT pg_try_advisory_lock" KEY "::INT");
    return sv_query_number(&q, ret_taken);
}

static int take_as_member(struct sv_pg *pg, int64_t *ret_taken)
{
    struct sv_query q;
    sv_query_begin(&q, &pg->conn.tx, "SELECT pg_try_advisory_lock_shared" KEY "::INT");
    return sv_query_number(&q, ret_taken);
}

static int take_node(struct sv_pg *pg, const char *id, int64_t *ret_taken)
{
    struct sv_query q;
    sv_query_begin(&q, &pg->conn.tx, "SELECT pg_try_advisory_lock(" SV_PG_NODE_LOCK ")::INT");
    sv_query_text(&q, id);
    return sv_query_number(&q, ret_taken);
}

/* What the server has to say unasked is, nearly always, that the session ends. */
static bool is_held(struct sv_pg *pg)
{
    if (pg->handle == NULL)
        return false;
    struct pollfd fd = { .fd = PQsocket(pg->handle), .events = POLLIN };
    return poll(&fd, 1, 0) == 0;
}

static int refuse(struct sv_pg *pg, const char *text)
{
    return sv_pg_fail(pg, SYNCTV_E_STORAGE_UNAVAILABLE, "55006", text);
}

static int take(const struct sv_pg_claim *claim, struct sv_pg *pg)
{
    int64_t taken = 0;
    bool as_member = claim->kind == SV_PG_CLAIM_AS_MEMBER;
    sv_pg_disconnect(pg);
    int rv = sv_pg_connect(pg);
    if (rv < 0)
        return rv;
    rv = as_member ? take_as_member(pg, &taken) : take_alone(pg, &taken);
    if (rv >= 0 && taken == 0)
        rv = refuse(pg,
            as_member
                ? "another server uses it alone: stop it, or make it a member as well"
                : "another server uses it: stop it, or make both members of a cluster by their"
                  " cluster secret");
    if (rv >= 0 && as_member) {
        rv = take_node(pg, claim->node_id, &taken);
        if (rv >= 0 && taken == 0)
            rv = refuse(pg,
                "another server has this node id: stop it, or give this one an id of its own");
    }
    if (rv < 0)
        sv_pg_disconnect(pg);
    return rv < 0 ? rv : 0;
}

int sv_pg_claim(struct sv_pg_claim *claim, struct sv_pg *pg)
{
    int rv = 0;
    if (claim->kind == SV_PG_CLAIM_NONE)
        return 0;
    pthread_mutex_lock(&claim->lock);
    struct sv_conn *conn = &claim->pg.conn;
    conn->deadline_us = pg->conn.deadline_us;
    if (!is_held(&claim->pg))
        rv = take(claim, &claim->pg);
    if (rv < 0 && pg->conn.failure == 0) {
        pg->conn.failure = conn->failure;
        memcpy(pg->conn.failure_text, conn->failure_text, sizeof(conn->failure_text));
    }
    conn->failure = 0;
    pthread_mutex_unlock(&claim->lock);
    if (rv < 0)
        pg->conn.again = true;
    return rv;
}
