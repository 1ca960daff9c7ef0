/* SPDX-License-Identifier: MIT */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "config.h"

/* Whether "HOST:PORT" or "[IPV6]:PORT" is well-formed. */
bool listen_is_address(const char *address);

/*
 * Whether it could be listened on: the host is known and ours and, if `with_port`, the port is
 * free. Asks for names. Returns 0 or what a node would say. Nobody is let in.
 */
int listen_check(const char *address, bool with_port, synctv_error *ret_error);

#endif
