/* SPDX-License-Identifier: MIT */
/*
 * gRPC's own sockets: what its servers listen on, and the connections that came of it. Each has its
 * turn.
 */
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
    /* It has its turns, and nothing else. Otherwise it is a connection of a client. */
    bool listens;
    /* For good. */
    bool cut_off;
    /* Where it is counted. */
    struct address *address;
    /* Without TLS. */
    struct frames frames;
    /* Where the core waits for it; -1 = not yet. */
    int epoll;
    struct epoll_event event;
    /* Bytes that a connection may receive in a turn. */
    size_t turn_bytes;
    /* Its last one. */
    uint64_t turn;
    /* Bytes or connections there may yet be in that turn. */
    size_t left;
};

void sockets_init(void);

/* NULL = it is not gRPC's. It lives until the descriptor is closed. */
struct grpc_socket *sockets_find(int fd);

/* `fd` is a new connection of a client at `addr`. False: that has too many; it is not watched. */
bool sockets_add_client(int fd, const struct sockaddr *addr);

/*
 * What is left of its turn, which has `all` bytes or connections. 0 = it is others' turn; then it
 * is told anew to whoever waits for it that there are some. The caller takes off `left` what it
 * uses.
 */
size_t sockets_rest_of_turn(struct grpc_socket *socket, int fd, size_t all);

#endif
