/* SPDX-License-Identifier: MIT */
/* Turns away whose address has too many connections, cuts off who sends what gRPC's core would take without limit (frames.h). */
#ifndef SERVER_RECEIVE_H
#define SERVER_RECEIVE_H

#include <stdbool.h>

#include "config.h"

/* Before the first connection. `config` is borrowed for good. */
void receive_init(struct config *config);

/* `fd` is a new connection of a client. False: its address has too many; it is not watched. */
bool receive_from(int fd);

#endif
