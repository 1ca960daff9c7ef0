/* SPDX-License-Identifier: MIT */
/*
 * What the server serves over HTTP: /healthz at --http-listen, and at --metrics-listen /metrics and
 * /healthz. All on the loop's thread.
 */
#ifndef SERVER_WEB_H
#define SERVER_WEB_H

#include <uv.h>

#include "config.h"
#include "http_front/front.h"

struct web {
    const struct config *config;
    synctv_node *node;
    /* NULL = no TLS. */
    struct conn_tls *tls;
    /* NULL = it does not listen. */
    struct http_front *http, *metrics;
    struct http_route routes[2];
    bool stopping;
};

/*
 * Whether what the settings say can be had: the files of TLS, and the addresses, if `with_port`
 * with a port that is free. Errors: as web_open().
 */
int web_check(const struct config *config, bool with_port, synctv_error *ret_error);
/*
 * Listens. That nobody has asked for the HTTP address by name, and it is taken, is a warning.
 * Errors: NODE_UNAVAILABLE, INVALID_ARGUMENT (a setting in `field`), NO_MEMORY, INTERNAL.
 */
int web_open(struct web *web, const struct config *config, synctv_node *node, uv_loop_t *loop,
    synctv_error *ret_error);
/* Reads the files of TLS again; does nothing without TLS. */
int web_reload_tls(struct web *web, synctv_error *ret_error);
/* /healthz says from now on that it stops. */
void web_say_stopping(struct web *web);
/* Ends everything; runs the loop for that. */
void web_close(struct web *web, uv_loop_t *loop);

#endif
