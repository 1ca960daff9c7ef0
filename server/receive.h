/* SPDX-License-Identifier: MIT */
/*
 * Turns away whose address has too many connections, cuts off who sends what gRPC's core would take without limit (frames.h), and
 * lets all have their turn.
 */
#ifndef SERVER_RECEIVE_H
#define SERVER_RECEIVE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "config.h"

/* Before the first connection. `config` is borrowed for good. */
void receive_init(struct config *config);

/* Whether one more connection may be accepted of it now. If not, it is told anew to whoever waits for it that there are some. */
bool receive_may_accept(int listener);

/* `fd` is a new connection of a client at `addr`. False: that has too many; it is not watched. */
bool receive_from(int fd, const struct sockaddr *addr);

#endif
