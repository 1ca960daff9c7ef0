/* SPDX-License-Identifier: MIT */
/* The command "nodes": who is in the cluster. */
#ifndef SERVER_NODES_COMMAND_H
#define SERVER_NODES_COMMAND_H

#include "config.h"

/* Returns the exit status. */
int nodes_command(struct config *config);

#endif
