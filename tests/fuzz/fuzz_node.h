/* SPDX-License-Identifier: MIT */
/*
 * A node over memory with the people and rooms of fuzz_rows.h in it, for the targets that need one.
 * It is opened once and put back to what it was for every input. Ids and random bytes are counted
 * instead of drawn (the linker is told so), passwords are hashed at the least cost. What is made
 * later has the ids new-00000001, …
 */
#ifndef SV_TESTS_FUZZ_NODE_H
#define SV_TESTS_FUZZ_NODE_H

#include <stdatomic.h>

#include "fuzz.h"
#include "fuzz_rows.h"
#include "node/node.h"

extern synctv_node fuzz_node;

/* The first call opens the node. From here on it knows nothing, and its storage is a copy of
 * `rows`, which have the same tables each time. No caller and no stream may be left. */
void fuzz_node_reset(struct fuzz_rows *rows);
/* As if another process had changed the database: the node does not know that its storage is a copy
 * of `rows` now. */
void fuzz_node_put_rows(struct fuzz_rows *rows);

/* Lets the node work until the flag is set, which must come to pass within 10 s. */
void fuzz_node_run_until(const atomic_bool *flag);
/* Lets the node work until there is nothing to do but to wait for timers. */
void fuzz_node_settle(void);
/* Puts the clocks of the node and its rooms forward, and does what is due then. */
void fuzz_node_pass_ms(int64_t ms);

#endif
