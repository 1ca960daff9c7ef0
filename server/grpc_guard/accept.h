/* SPDX-License-Identifier: MIT */
/*
 * Turns connections away: those too many of an address, and all when there are no descriptors,
 * which gRPC's listener must outlive.
 */
#ifndef GRPC_GUARD_ACCEPT_H
#define GRPC_GUARD_ACCEPT_H

#include <sys/socket.h>

/* Sets a descriptor aside for the day on which there are no more. */
void accept_init(void);

/*
 * The client of the connection that this thread was given last, if nobody has asked since; else
 * family AF_UNSPEC. gRPC begins the handshake of a connection before it takes the next one.
 */
struct sockaddr_storage accept_last_client(void);

#endif
