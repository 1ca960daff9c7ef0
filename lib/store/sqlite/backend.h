/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend. One connection writes and can commit many jobs at once; the others read.
 *
 *   backend.c     the table of the backend: connections, transactions
 *   claim.c       only one store may serve a database, or members do together; one for each id
 *   fence.c       the changes of a member are stored only while it counts as alive
 *   open.c        the file: is it ours, may we write it, must it be created or migrated
 *   ops.c         the table of operations; most of them are in sql/
 *   users.c, rooms.c, room_list.c, movies.c, chat.c, nodes.c
 *                 those that only SQLite has so, by noun
 *   db.c          a connection, statements, errors; the driver of queries
 *   schema.c      the tables and their migrations
 */
#ifndef SV_STORE_SQLITE_BACKEND_H
#define SV_STORE_SQLITE_BACKEND_H

#include "store/backend.h"

struct sv_db;

/* "sqlite:PATH" and "memory:". */
extern const struct sv_backend sv_sqlite_backend;

/*
 * Prepares the statements that begin and end transactions when a connection is opened: later they
 * cannot fail for lack of memory.
 */
int sv_sqlite_prepare_transactions(struct sv_db *db);

#endif
