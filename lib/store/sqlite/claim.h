/* SPDX-License-Identifier: MIT */
/* The claim of a store to serve a database, alone or beside other members; and to be a node. */
#ifndef SV_STORE_SQLITE_CLAIM_H
#define SV_STORE_SQLITE_CLAIM_H

#include <stdbool.h>

#include <synctv/error.h>

struct sv_sqlite_lock {
    /* The file that is locked; NULL = there is none. */
    char *name;
    int fd;
};

/* The right to serve a database. */
struct sv_sqlite_claim {
    struct sv_sqlite_lock lock;
    /* It is a member's, beside other members. */
    bool shared;
};

enum sv_sqlite_claim_kind { SV_CLAIM_ALONE, SV_CLAIM_AS_MEMBER };

/*
 * STORAGE_UNAVAILABLE = another store has it. End it when the database is closed. A member that is
 * the first one has it for itself until sv_sqlite_claim_share().
 */
int sv_sqlite_claim(struct sv_sqlite_claim *claim, const char *path, enum sv_sqlite_claim_kind kind,
    synctv_error *err);
int sv_sqlite_claim_share(struct sv_sqlite_claim *claim, const char *path, synctv_error *err);
void sv_sqlite_claim_end(struct sv_sqlite_claim *claim);

/* One store has a member's id at a time. STORAGE_UNAVAILABLE = another has it. */
int sv_sqlite_lock_node(struct sv_sqlite_lock *lock, const char *path, const char *id,
    synctv_error *err);
void sv_sqlite_unlock_node(struct sv_sqlite_lock *lock);
/* Whether a store has the lock on that id; never blocks, and is in nobody's way. */
bool sv_sqlite_node_lock_is_held(const char *path, const char *id);

/*
 * STORAGE_UNAVAILABLE = the database is where locks and shared memory cannot be relied on: a
 * network file system, or one that may be.
 */
int sv_sqlite_check_file_system(const char *path, synctv_error *err);

/*
 * A file that root creates beside `path` gets the owner of `path`, as SQLite does it with its own
 * files.
 */
void sv_sqlite_give_to_owner_of(const char *path, int fd);

#endif
