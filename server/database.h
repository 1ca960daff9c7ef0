/* SPDX-License-Identifier: MIT */
/* The database, for commands that run beside a server or without one. */
#ifndef SERVER_DATABASE_H
#define SERVER_DATABASE_H

#include <stdbool.h>

#include "config.h"

/*
 * Checks the database: in the wrong folder neither another database nor a new one is of use. Says
 * what is wrong.
 *
 * @in_memory  what a database in memory has not, as it is said.
 * @hint       what else may help; "" = nothing.
 */
bool database_is_there(const struct config *config, const char *in_memory, const char *hint);
/* Opens it beside whoever has it; NULL after a message. synctv_node_free() closes it. */
synctv_node *database_open(const struct config *config);
/* Where it is. Free it; NULL when out of memory. */
char *database_place(const struct config *config);

#endif
