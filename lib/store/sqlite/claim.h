/* SPDX-License-Identifier: MIT */
/* The claim of a store to be the only one that serves a database. */
#ifndef SV_STORE_SQLITE_CLAIM_H
#define SV_STORE_SQLITE_CLAIM_H

#include <synctv/error.h>

struct sv_sqlite_claim {
    /* The file that is locked; NULL = there is none. */
    char *name;
    int fd;
};

/* STORAGE_UNAVAILABLE = another store has claimed the database. End the claim after closing it. */
int sv_sqlite_claim(struct sv_sqlite_claim *claim, const char *path, synctv_error *err);
void sv_sqlite_claim_end(struct sv_sqlite_claim *claim);

#endif
