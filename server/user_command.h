/* SPDX-License-Identifier: MIT */
/* The command that manages accounts in the database. */
#ifndef SERVER_USER_COMMAND_H
#define SERVER_USER_COMMAND_H

#include "config.h"

/* synctv-server user add|role|status|password … Returns the exit status. */
int user_command(struct config *config);

#endif
