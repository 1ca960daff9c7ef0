/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend. One connection writes and can commit many jobs at once; some read.
 *
 *   backend.c  the table of the backend: connections, transactions
 *   claim.c    who serves a database has it alone, or is a member beside members; one of each id
 *   fence.c    what a member has changed is stored only while it counts as alive
 *   open.c     the file: is it ours, may we write it, is it new, is it old
 *   ops.c      the table of operations; users.c … chat.c: what they do
 *   db.c       a connection, statements, errors
 *   schema.c   the tables
 */
#ifndef SV_STORE_SQLITE_STORE_H
#define SV_STORE_SQLITE_STORE_H

#include "store/sqlite/db.h"

struct sv_sqlite_lock {
    char *name; /* of the file that is locked; NULL = there is none */
    int fd;
};

/* The right to serve a database. */
struct sv_sqlite_claim {
    struct sv_sqlite_lock lock;
    bool shared; /* a member's, with other members */
};

enum sv_sqlite_claim_kind { SV_CLAIM_ALONE, SV_CLAIM_AS_MEMBER };

/* claim.c: STORAGE_UNAVAILABLE = another store has it. End it when the database is closed. A member
 * that is the first one has it for itself until sv_sqlite_claim_share(). */
int sv_sqlite_claim(struct sv_sqlite_claim *claim, const char *path, enum sv_sqlite_claim_kind kind,
    synctv_error *err);
int sv_sqlite_claim_share(struct sv_sqlite_claim *claim, const char *path, synctv_error *err);
void sv_sqlite_claim_end(struct sv_sqlite_claim *claim);

/* claim.c: one store has a member's id at a time. STORAGE_UNAVAILABLE = another has it. */
int sv_sqlite_lock_node(struct sv_sqlite_lock *lock, const char *path, const char *id,
    synctv_error *err);
void sv_sqlite_unlock_node(struct sv_sqlite_lock *lock);
/* Whether a store has the lock on that id; never blocks, and is in nobody's way. */
bool sv_sqlite_node_lock_is_held(const char *path, const char *id);

/* claim.c: STORAGE_UNAVAILABLE = the database is where locks and shared memory cannot be relied on:
 * a network file system, or one that may be. */
int sv_sqlite_check_file_system(const char *path, synctv_error *err);

/* open.c: a file and its folder are there, or are made, and we may write them. */
int sv_sqlite_make_file(const char *path, synctv_error *err);
/* open.c: the connection that writes, with the schema in place. `path` NULL = in memory. It must be closed even after a failure. */
int sv_sqlite_open_writer(struct sv_db *db, const char *path, synctv_error *err);
int sv_sqlite_open_reader(struct sv_db *db, const char *path, synctv_error *err);
/* claim.c: as SQLite does it, what root makes beside something belongs to whoever that belongs to. */
void sv_sqlite_give_to_owner_of(const char *path, int fd);

/* backend.c: prepares what begins and ends transactions, so that no lack of memory can come between. */
int sv_sqlite_prepare_transactions(struct sv_db *db);

#endif
