/* SPDX-License-Identifier: MIT */
/* The node's heartbeat, in the server's loop. */
#ifndef SERVER_HEARTBEAT_H
#define SERVER_HEARTBEAT_H

#include <uv.h>

#include <synctv/node.h>

#include "config.h"

struct heartbeat {
    uv_timer_t timer;
    struct config *config;
    synctv_node *node;
    /* Another start has the node's place: it has to stop. Called once. */
    void (*replaced)(void *userdata, const char *why);
    void *userdata;
};

/* The fields but for `timer` are the caller's. Returns 0 or an error of libuv. Must stay where it
 * is until the loop has ended. */
int heartbeat_start(struct heartbeat *heartbeat, uv_loop_t *loop);

#endif
