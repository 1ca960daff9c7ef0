/* SPDX-License-Identifier: MIT */
/* Only one store that is alone may serve a database: an advisory lock. */
#include <poll.h>
#include <string.h>

#include "store/postgres/postgres_store.h"

/* Several can have each a schema of a database. "SyNC" */
#define TAKE                                                                                       \
    "SELECT pg_try_advisory_lock(x'53794e43'::INT, current_schema()::REGNAMESPACE::OID::INT)::INT"

/* What the server has to say unasked is, nearly always, that the session ends. */
static bool is_held(struct sv_pg *pg)
{
    if (pg->handle == NULL)
        return false;
    struct pollfd fd = { .fd = PQsocket(pg->handle), .events = POLLIN };
    return poll(&fd, 1, 0) == 0;
}

static int take(struct sv_pg *pg)
{
    struct sv_pg_query q;
    int64_t taken = 0;
    sv_pg_disconnect(pg);
    int rv = sv_pg_connect(pg);
    if (rv < 0)
        return rv;
    sv_pg_query(&q, &pg->conn.tx, TAKE);
    rv = sv_pg_number(&q, &taken);
    if (rv > 0 && taken != 0)
        return 0;
    if (rv >= 0)
        rv = sv_pg_fail(pg, SYNCTV_E_STORAGE_UNAVAILABLE, "55006", "another server uses it");
    sv_pg_disconnect(pg);
    return rv;
}

int sv_pg_claim(struct sv_pg_claim *claim, struct sv_pg *pg)
{
    int rv = 0;
    if (!claim->wanted)
        return 0;
    pthread_mutex_lock(&claim->lock);
    struct sv_conn *conn = &claim->pg.conn;
    conn->deadline_us = pg->conn.deadline_us;
    if (!is_held(&claim->pg))
        rv = take(&claim->pg);
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
