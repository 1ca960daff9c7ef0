/* SPDX-License-Identifier: MIT */
/*
 * A node over memory with some people and rooms in it, for the targets that need one. It is opened once and put back to
 * what it was for every input. Ids and random bytes are counted instead of drawn (the linker is told so), passwords are hashed
 * at the least cost.
 *
 *   users     user-admin-0 (a platform admin), user-owner-0, user-membr-0, user-guest-0 (member of nothing), user-pendg-0
 *             (not active yet); the password of all is "password-0"
 *   rooms     room-open--0 of the owner with the member, two movies (movie-one--0, movie-two--0) and a chat message
 *             (chat-first-0); room-locked0 of the owner, with the password "room-pass"; room-hidden0 of the member, which
 *             wants approval and has the owner as a pending member
 *   sessions  sess-admin-0 … sess-pendg-0; the owner's refresh token is "R" 43 times
 *   made later: new-00000001, …
 */
#ifndef SV_TESTS_FUZZ_NODE_H
#define SV_TESTS_FUZZ_NODE_H

#include <stdatomic.h>

#include "fuzz.h"
#include "node/node.h"
#include "store/sqlite/db.h"

enum fuzz_person { FUZZ_ADMIN, FUZZ_OWNER, FUZZ_MEMBER, FUZZ_GUEST, FUZZ_PENDING, FUZZ_N_PEOPLE };

extern synctv_node fuzz_node;
extern const char *const fuzz_users[FUZZ_N_PEOPLE];
extern const char *const fuzz_sessions[FUZZ_N_PEOPLE];

/* Makes a database in memory with these tables and the rows above in it. */
void fuzz_rows_open(struct sv_db *rows, const char *schema);
/* Makes `to` a copy of `from`. */
void fuzz_rows_copy(sqlite3 *to, sqlite3 *from);

/* The first call opens the node. From here on it knows nothing, and its storage is a copy of `rows`. No caller and no stream
 * may be left. */
void fuzz_node_reset(struct sv_db *rows);

/* Lets the node work until the flag is set, which must come to pass within 10 s. */
void fuzz_node_run_until(const atomic_bool *flag);
/* Lets the node work until there is nothing to do but to wait for timers. */
void fuzz_node_settle(void);
/* Puts the clocks of the node and its rooms forward, and does what is due then. */
void fuzz_node_pass_ms(int64_t ms);

#endif
