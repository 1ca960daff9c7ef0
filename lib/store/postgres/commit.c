/* SPDX-License-Identifier: MIT */
/*
 * Whether a transaction was committed has to be known for certain, also when the answer to COMMIT
 * is lost.
 *
 * The number of a transaction does not tell: after a crash of the server numbers are given out
 * again of which nothing had come to the disk, and pg_xact_status() would speak of another
 * transaction. So each connection that writes has a name, and each commit leaves its number in the
 * table `commits` under it, in the transaction that it commits. Whoever has lost the answer reads
 * that row over another connection and closes it (closed_at_n): that waits for the transaction if
 * it is still alive, and if its COMMIT is still on its way somewhere, it fails when it arrives, as
 * no other number may be put into a row that is closed. Then nothing can come any more, and what
 * the row says is so: after a crash, and after a failover to a standby, too.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/postgres/fence.h"

#define RESOLVE_US (10 * 1000 * 1000)
#define RESOLVE_PAUSE_US (50 * 1000)
#define RESOLVE_PAUSE_MAX_US (500 * 1000)

static int send_commit(struct sv_pg *pg)
{
    struct sv_query q;
    if (pg->fence != NULL && sv_pg_fence_query(pg, &q) && sv_pg_send(&q) < 0)
        return q.rv;
    sv_query_begin(&q, &pg->conn.tx,
        "INSERT INTO commits (writer, n) VALUES ($1, $2)"
        " ON CONFLICT (writer) DO UPDATE SET n = excluded.n, at = excluded.at");
    sv_query_text(&q, pg->writer);
    sv_query_int(&q, pg->n_commits);
    int rv = sv_pg_send(&q);
    if (rv < 0)
        return rv;
    struct sv_query end;
    sv_query_begin(&end, &pg->conn.tx, "COMMIT");
    return sv_pg_send(&end);
}

/*
 * Once: 1 = it was committed, 0 = it was not and never will be, negative = that cannot be said yet.
 */
static int ask(struct sv_pg *pg, const char *writer, int64_t n)
{
    struct sv_query q;
    int64_t last = 0;
    int rv = sv_pg_connect(pg);
    if (rv < 0)
        return rv;
    sv_query_begin(&q, &pg->conn.tx,
        "INSERT INTO commits (writer, n, closed_at_n) VALUES ($1, 0, 0)"
        " ON CONFLICT (writer) DO UPDATE SET closed_at_n = commits.n RETURNING n");
    sv_query_text(&q, writer);
    rv = sv_query_number(&q, &last);
    return rv < 0 ? rv : last == n;
}

static int resolve(struct sv_pg *pg, const char *writer, int64_t n)
{
    int64_t job_deadline = pg->conn.deadline_us, pause = RESOLVE_PAUSE_US;
    int rv;
    pg->conn.deadline_us = sv_mono_us() + RESOLVE_US;
    while ((rv = ask(pg, writer, n)) < 0 && sv_mono_us() + pause < sv_pg_deadline_us(pg)) {
        uint32_t random = 0;
        sv_random_bytes(&random, sizeof(random));
        usleep((useconds_t)(pause / 2 + random % (pause / 2)));
        pause = pause * 2 > RESOLVE_PAUSE_MAX_US ? RESOLVE_PAUSE_MAX_US : pause * 2;
    }
    pg->conn.deadline_us = job_deadline;
    pg->conn.again = rv == 0;
    if (rv < 0)
        return SYNCTV_E_OUTCOME_UNKNOWN;
    return rv > 0 ? 0 : SYNCTV_E_STORAGE_UNAVAILABLE;
}

int sv_pg_commit(struct sv_pg *pg)
{
    char writer[SV_ID_SIZE];
    PGresult *result = NULL;
    memcpy(writer, pg->writer, sizeof(writer));
    int64_t n = ++pg->n_commits;
    pg->warned = false;
    int rv = send_commit(pg);
    if (rv == 0)
        rv = sv_pg_receive(pg, 1, &result);
    bool done = rv == 0 && result != NULL && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    if (pg->warned) { /* it waits for no standby any longer: it is here, and may not be there */
        pg->conn.again = false;
        return SYNCTV_E_OUTCOME_UNKNOWN;
    }
    if (done)
        return 0;
    if (pg->handle == NULL)
        return resolve(pg, writer, n);
    return rv < 0 ? rv : SYNCTV_E_STORAGE_UNAVAILABLE;
}
