/* SPDX-License-Identifier: MIT */
/* Checks the address to listen on before anything else is done. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "config.h"

/* Whether "HOST:PORT" or "[IPV6]:PORT" is well-formed. */
bool listen_is_address(const char *address);

/*
 * Whether the server could listen on the address: the host is known and ours and, if `with_port`,
 * the port is free. It may ask DNS; it accepts no connection. Returns 0 or the error that a node
 * would return.
 */
int listen_check(const char *address, bool with_port, synctv_error *ret_error);

#endif
