/* SPDX-License-Identifier: MIT */
/*
 * Databases in memory with some people and rooms in them.
 *
 *   users     user-admin-0 (a platform admin), user-owner-0, user-membr-0, user-guest-0 (member of
 * nothing), user-pendg-0 (not active yet); the password of all is "password-0" rooms room-open--0
 * of the owner with the member, two movies (movie-one--0, movie-two--0) and a chat message
 *             (chat-first-0); room-locked0 of the owner, with the password "room-pass";
 * room-hidden0 of the member, which wants approval and has the owner as a pending member sessions
 * sess-admin-0 … sess-pendg-0; the owner's refresh token is "R" 43 times
 */
#ifndef SV_TESTS_FUZZ_ROWS_H
#define SV_TESTS_FUZZ_ROWS_H

#include "store/sqlite/db.h"

enum fuzz_person { FUZZ_ADMIN, FUZZ_OWNER, FUZZ_MEMBER, FUZZ_GUEST, FUZZ_PENDING, FUZZ_N_PEOPLE };

extern const char *const fuzz_users[FUZZ_N_PEOPLE];
extern const char *const fuzz_sessions[FUZZ_N_PEOPLE];

#define FUZZ_N_TABLES 9

struct fuzz_rows {
    sqlite3 *handle;
    struct sv_db own; /* of fuzz_rows_open() */
    sqlite3_stmt *read[FUZZ_N_TABLES], *clear[FUZZ_N_TABLES], *insert[FUZZ_N_TABLES];
    sqlite3_stmt *names, *read_names, *clear_search, *insert_search;
};

/* The tables of the current version, to be released with free(). */
char *fuzz_rows_schema(void);
/* A new database with these tables and the rows above in it. It is never closed. */
void fuzz_rows_open(struct fuzz_rows *rows, const char *schema);
/* A database that is there, with the tables of fuzz_rows_open(). */
void fuzz_rows_attach(struct fuzz_rows *rows, sqlite3 *handle);
/* Gives `to` the rows of `from`; both have the same tables. */
void fuzz_rows_copy(struct fuzz_rows *to, struct fuzz_rows *from);
/* The same with the tables: `to` becomes what `from` is. */
void fuzz_rows_clone(sqlite3 *to, struct fuzz_rows *from);

#endif
