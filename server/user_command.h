/* SPDX-License-Identifier: MIT */
#ifndef SERVER_USER_COMMAND_H
#define SERVER_USER_COMMAND_H

#include "config.h"

/* synctv-server user add|role|status|password … Returns the exit status. */
int user_command(struct config *config);

#endif
