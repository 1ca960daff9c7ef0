/* SPDX-License-Identifier: MIT */
/* gRPC's own sockets: its listeners, and the connections that they have accepted. */
#ifndef GRPC_GUARD_SOCKETS_H
#define GRPC_GUARD_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "frames.h"

struct address;

/* What a connection begins with, and has at least. */
#define SOCKETS_TURN_BYTES 1024

struct grpc_socket {
    /* A listener has only turns. Otherwise it is a connection of a client. */
    bool listens;
    /* It was cut off, which is final. */
    bool cut_off;
    /* Where the connection is counted; NULL = nowhere. */
    struct address *address;
    /* For connections without TLS; tls.c has its own. */
    struct frames frames;
    /* The epoll descriptor with which the core waits for it; -1 = none yet. */
    int epoll;
    struct epoll_event event;
    /* Bytes that a connection may receive in a turn. */
    size_t turn_bytes;
    /* Its last turn. */
    uint64_t turn;
    /* Bytes or connections that are left in that turn. */
    size_t left;
};

void sockets_init(void);

/* NULL = not gRPC's. Valid until the descriptor is closed. */
struct grpc_socket *sockets_find(int fd);

/*
 * Adds `fd`, a new connection of a client at `addr`. False: the address has too many; nothing was
 * added.
 */
bool sockets_add_client(int fd, const struct sockaddr *addr);

/*
 * What is left of the socket's turn, of `all` bytes or connections. 0 = the turn is over; then
 * epoll will report the socket again. The caller subtracts from `left` what it uses.
 */
size_t sockets_rest_of_turn(struct grpc_socket *socket, int fd, size_t all);

#endif
