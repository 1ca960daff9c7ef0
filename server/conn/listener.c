/* SPDX-License-Identifier: MIT */
/* Who may come in. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <synctv/node.h>

#include "inside.h"

/* Of one listener, before others have their turn. */
#define ACCEPTS_A_TURN 16

static bool is_trusted_proxy(const char *networks, const struct sockaddr_storage *addr)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (networks == NULL)
        return false;
    if (addr->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)addr)->sin_addr, text, sizeof(text));
    else if (addr->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)addr)->sin6_addr, text, sizeof(text));
    return synctv_networks_contain(networks, text, NULL) > 0;
}

static void enter(struct conn_server *server, int fd, const struct sockaddr_storage *peer)
{
    const struct conn_server_options *opt = &server->opt;
    bool is_proxy = is_trusted_proxy(opt->trusted_proxies, peer);
    struct address *counted = NULL;
    if (opt->max_connections > 0 && server->n_conns >= opt->max_connections) {
        conn_server_warn_limited(server, "there are too many connections: more are turned away");
        close(fd);
    } else if (opt->max_per_address > 0 && !is_proxy &&
        !addresses_enter(&server->clients, (const struct sockaddr *)peer, opt->max_per_address,
            &counted)) {
        conn_server_warn_limited(server,
            "an address has too many connections: more are turned away");
        close(fd);
    } else {
        conn_accepted(server, fd, peer, counted, is_proxy);
    }
}

/* No descriptor: the connections wait in the kernel until the next tick. */
static void rest(struct conn_server *server)
{
    if (!server->rests)
        conn_server_warn(server, SYNCTV_LOG_WARN,
            "no file descriptor is left: new connections wait until there is one");
    server->rests = true;
    for (unsigned i = 0; i < server->n_listeners; i++)
        uv_poll_stop(&server->listeners[i].poll);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct conn_server *server = poll->data;
    const struct conn_listener *listener = (const struct conn_listener *)poll;
    for (int i = 0; i < ACCEPTS_A_TURN && !server->closing; i++) {
        struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof(peer);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            enter(server, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rest(server);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
        /* Any other error is of the connection, which is gone. */
    }
}

int conn_listener_start(struct conn_server *server, struct conn_listener *listener)
{
    listener->poll.data = server;
    return uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}
