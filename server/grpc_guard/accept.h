/* SPDX-License-Identifier: MIT */
/*
 * Closes connections at once: those of an address that has too many, and all if no descriptor is
 * left. gRPC's listener survives that.
 */
#ifndef GRPC_GUARD_ACCEPT_H
#define GRPC_GUARD_ACCEPT_H

#include <sys/socket.h>

/* Opens the spare descriptor. */
void accept_init(void);

/*
 * The client of the connection that this thread has accepted last; AF_UNSPEC if it was asked for
 * already. gRPC begins the handshake of a connection before it accepts the next one.
 */
struct sockaddr_storage accept_last_client(void);

#endif
