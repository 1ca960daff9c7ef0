/* SPDX-License-Identifier: MIT */
/*
 * A transaction begins: BEGIN, the locks on what the job's scope names, and what most jobs look at
 * first, all on one way to the server.
 */
#include "store/postgres/pg.h"
#include "store/sql/room_reads.h"

#define BEGIN_WRITE "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
#define BEGIN_READ "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
/*
 * What a transaction sees is settled by its first query, also if that has to wait. After a wait for
 * a backup that is restored, or a table that is truncated, it would see none of the new rows. So
 * the wait comes before: LOCK is no query.
 */
#define LOCK_READ                                                                                  \
    "LOCK TABLE sessions, session_hashes, users, playback, movies, members, chat, rooms,"          \
    " room_grams, nodes, meta IN ACCESS SHARE MODE"
#define MAX_QUERIES 6

struct way {
    struct sv_query queries[MAX_QUERIES];
    /* What each reads ahead. */
    enum sv_query_ahead reads[MAX_QUERIES];
    size_t n;
};

static void add(struct way *way, struct sv_pg *pg, const char *sql, enum sv_query_ahead reads,
    const char *first, const char *second)
{
    struct sv_query *q = &way->queries[way->n];
    sv_query_begin(q, &pg->conn.tx, sql);
    if (first != NULL)
        sv_query_text(q, first);
    if (second != NULL)
        sv_query_text(q, second);
    way->reads[way->n++] = reads;
}

/*
 * All lock what they share in the same order, users before rooms and each by their ids, so that
 * nobody waits in a circle. Nobody changes a room or its members without having locked the room, so
 * what is read behind the locks holds as long as they do.
 */
static void add_locks(struct way *way, struct sv_pg *pg, const struct sv_scope *scope)
{
    const char *room = scope->room_id, *caller = scope->user_ids[0], *other = scope->user_ids[1];
    if (caller[0] != '\0' || other[0] != '\0')
        add(way, pg, "SELECT 1 FROM users WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE",
            SV_AHEAD_NOTHING, caller, other);
    if (room[0] != '\0')
        add(way, pg, SV_SQL_ROOM_BY_ID " FOR NO KEY UPDATE", SV_AHEAD_ROOM, room, NULL);
    if (room[0] != '\0' && caller[0] != '\0')
        add(way, pg, SV_SQL_MEMBER_BY_ID, SV_AHEAD_MEMBER, room, caller);
}

static void add_reading(struct way *way, struct sv_pg *pg, const char *room)
{
    if (room[0] == '\0')
        return;
    add(way, pg, SV_SQL_ROOM_BY_ID, SV_AHEAD_ROOM, room, NULL);
    add(way, pg, SV_SQL_MEMBERS_OF_ROOM, SV_AHEAD_MEMBERS, room, NULL);
    add(way, pg, SV_SQL_MOVIES_OF_ROOM, SV_AHEAD_MOVIES, room, NULL);
    add(way, pg, SV_SQL_PLAYBACK_OF_ROOM, SV_AHEAD_PLAYBACK, room, NULL);
}

static int go(struct way *way, struct sv_pg *pg)
{
    PGresult *results[MAX_QUERIES];
    int rv = sv_pg_prepare(pg, way->queries, way->n);
    for (size_t i = 0; rv == 0 && i < way->n; i++)
        rv = sv_pg_send(&way->queries[i]);
    if (rv < 0)
        return rv;
    rv = sv_pg_receive(pg, way->n, results);
    for (size_t i = 0; i < way->n; i++) {
        if (way->reads[i] == SV_AHEAD_NOTHING)
            PQclear(results[i]);
        else
            pg->ahead[way->reads[i]] = results[i];
    }
    return rv;
}

int sv_pg_begin(struct sv_pg *pg, const struct sv_scope *scope)
{
    struct way way = { .n = 0 };
    add(&way, pg, pg->read_only ? BEGIN_READ : BEGIN_WRITE, SV_AHEAD_NOTHING, NULL, NULL);
    if (pg->read_only)
        add(&way, pg, LOCK_READ, SV_AHEAD_NOTHING, NULL, NULL);
    if (scope != NULL && pg->read_only)
        add_reading(&way, pg, scope->room_id);
    else if (scope != NULL)
        add_locks(&way, pg, scope);
    pg->ahead_of = scope;
    return go(&way, pg);
}
