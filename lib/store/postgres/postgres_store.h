/* SPDX-License-Identifier: MIT */
/*
 * The PostgreSQL backend. Some connections write, each a transaction a job; some read.
 *
 *   backend.c  the table of the backend: connections, transactions
 *   begin.c    whom a job locks, and what it looks at first
 *   commit.c   whether a transaction was committed, for certain
 *   claim.c    only one store may serve a database, or members do together; one for each id
 *   fence.c    the changes of a member are stored only while it counts as alive
 *   open.c     is the database ours, is it new, is it old
 *   address.c  the URL
 *   ops.c      the table of operations; most of them are in sql/
 *   users.c, rooms.c, room_list.c, movies.c, chat.c, nodes.c
 *              those that only PostgreSQL has so, by noun
 *   pg.c       a connection, statements, errors; the driver of queries
 *   schema.c   the tables
 */
#ifndef SV_STORE_POSTGRES_STORE_H
#define SV_STORE_POSTGRES_STORE_H

#include <pthread.h>

#include "store/postgres/pg.h"

/*
 * The right to serve a database: a lock that a session of its own has, so that it goes with the
 * process.
 */
struct sv_pg_claim {
    /* How: alone, beside other members, or not at all. */
    enum { SV_PG_CLAIM_NONE, SV_PG_CLAIM_ALONE, SV_PG_CLAIM_AS_MEMBER } kind;
    /* Of a member: it is locked, too. Borrowed. */
    const char *node_id;
    pthread_mutex_t lock;
    struct sv_pg pg;
};

/*
 * Takes it, if it is wanted and has never been or was lost. Otherwise it costs a look at a socket.
 * Any thread. For `pg`, whose patience counts and which gets the failure: STORAGE_UNAVAILABLE =
 * another store has it.
 */
int sv_pg_claim(struct sv_pg_claim *claim, struct sv_pg *pg);

/* open.c: creates or migrates what is in the database. */
int sv_pg_prepare_schema(struct sv_pg *pg, synctv_error *err);

#endif
