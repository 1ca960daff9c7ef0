/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../listen.h"
#include "inside.h"

#define TICK_MS 500
#define WARN_EVERY_MS 1000

void conn_server_defaults(struct conn_server_options *options)
{
    *options = (struct conn_server_options){
        .max_connections = 1024,
        .max_queue_bytes = 4 * 1024 * 1024,
        .handshake_ms = 10000,
        .stall_ms = 20000,
    };
}

void conn_server_warn(struct conn_server *server, synctv_log_level level, const char *text)
{
    char line[512];
    if (server->opt.log == NULL || server->opt.log_level < level)
        return;
    snprintf(line, sizeof(line), "%s: %s", server->address, text);
    server->opt.log(server->opt.log_userdata, level, "server", line);
}

void conn_server_warn_limited(struct conn_server *server, const char *text)
{
    uint64_t now_ms = uv_now(server->loop);
    if (server->warned_ms != 0 && now_ms - server->warned_ms < WARN_EVERY_MS)
        return;
    server->warned_ms = now_ms;
    conn_server_warn(server, SYNCTV_LOG_WARN, text);
}

static void on_tick(uv_timer_t *timer)
{
    struct conn_server *server = timer->data;
    uint64_t now_ms = uv_now(server->loop);
    struct conn *next;
    for (struct conn *conn = server->first; conn != NULL; conn = next) {
        next = conn->next;
        conn_tick(conn, now_ms);
    }
    if (!server->rests)
        return;
    server->rests = false;
    for (unsigned i = 0; i < server->n_listeners; i++)
        conn_listener_start(server, &server->listeners[i]);
}

static int listen_all(struct conn_server *server, const char *address, synctv_error *err)
{
    int fds[CONN_LISTENERS_MAX], port = 0;
    int n = listen_open(address, server->opt.field, fds, CONN_LISTENERS_MAX, &port, err);
    if (n < 0)
        return n;
    const char *colon = strrchr(address, ':');
    snprintf(server->address, sizeof(server->address), "%.*s:%d", (int)(colon - address), address,
        port);
    int rv = 0;
    for (int i = 0; i < n; i++) {
        struct conn_listener *listener = &server->listeners[server->n_listeners];
        listener->fd = fds[i];
        if (rv == 0 && (rv = uv_poll_init(server->loop, &listener->poll, fds[i])) == 0) {
            server->n_listeners++;
            server->n_handles++;
            rv = conn_listener_start(server, listener);
        } else {
            close(fds[i]);
        }
    }
    if (rv == 0)
        return 0;
    *err = (synctv_error){ .code = SYNCTV_E_INTERNAL };
    snprintf(err->message, sizeof(err->message), "%s cannot be watched: %s", address,
        uv_strerror(rv));
    return err->code;
}

int conn_server_open(uv_loop_t *loop, const struct conn_server_options *options,
    struct conn_server **ret_server, synctv_error *ret_error)
{
    struct conn_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        *ret_error = (synctv_error){ .code = SYNCTV_E_NO_MEMORY };
        return SYNCTV_E_NO_MEMORY;
    }
    server->opt = *options;
    server->loop = loop;
    pthread_mutex_init(&server->clients.lock, NULL);
    uv_timer_init(loop, &server->tick);
    server->tick.data = server;
    server->n_handles = 1;
    int rv = listen_all(server, options->listen, ret_error);
    if (rv < 0) {
        conn_server_close(server);
        return rv;
    }
    uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
    *ret_server = server;
    return 0;
}

const char *conn_server_address(const struct conn_server *server)
{
    return server->address;
}

unsigned conn_server_connections(const struct conn_server *server)
{
    return server->n_conns;
}

void conn_server_handle_closed(struct conn_server *server)
{
    if (--server->n_handles > 0)
        return;
    pthread_mutex_destroy(&server->clients.lock);
    free(server);
}

static void tick_closed(uv_handle_t *handle)
{
    conn_server_handle_closed(handle->data);
}

static void listener_closed(uv_handle_t *handle)
{
    close(((struct conn_listener *)handle)->fd);
    conn_server_handle_closed(handle->data);
}

void conn_server_close(struct conn_server *server)
{
    if (server->closing)
        return;
    server->closing = true;
    for (unsigned i = 0; i < server->n_listeners; i++) {
        server->listeners[i].poll.data = server;
        uv_close((uv_handle_t *)&server->listeners[i].poll, listener_closed);
    }
    struct conn *next;
    for (struct conn *conn = server->first; conn != NULL; conn = next) {
        next = conn->next;
        conn_close(conn);
    }
    uv_close((uv_handle_t *)&server->tick, tick_closed);
}
