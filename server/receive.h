/* SPDX-License-Identifier: MIT */
/* Cuts off clients that send what gRPC's core would take without limit (frames.h). */
#ifndef SERVER_RECEIVE_H
#define SERVER_RECEIVE_H

#include "config.h"

/* Before the first connection. `config` is borrowed for good. */
void receive_init(struct config *config);

/* `fd` is a connection of a client from now on. */
void receive_from(int fd);

#endif
