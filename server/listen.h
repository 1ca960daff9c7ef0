/* SPDX-License-Identifier: MIT */
/* Checks addresses to listen on before anything else is done, and listens. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "config.h"

/* Whether "HOST:PORT" or "[IPV6]:PORT" is well-formed. */
bool listen_is_address(const char *address);

/*
 * Whether the server could listen on the address: the host is known and ours and, if `with_port`,
 * the port is free. It may ask DNS; it accepts no connection. Returns 0 or the error that a node
 * would return, about `field`.
 */
int listen_check(const char *address, const char *field, bool with_port, synctv_error *ret_error);

/*
 * Listens on the address; a name is all its addresses, of which one must work. Returns how many
 * sockets, which do not block, are in `ret_fds`, with the real port. Errors: NODE_UNAVAILABLE,
 * about `field`.
 */
int listen_open(const char *address, const char *field, int *ret_fds, int max, int *ret_port,
    synctv_error *ret_error);

#endif
