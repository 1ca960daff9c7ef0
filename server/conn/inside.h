/* SPDX-License-Identifier: MIT */
/*
 * What the files of this folder share.
 *
 *   buf.c, queue.c   counted buffers, and those that wait
 *   listener.c       the listeners of a server: who may come in
 *   server.c         opens and closes it; its clock
 *   conn.c           a connection
 *   tls.c            its TLS
 *
 * The sockets are watched by uv_poll and read and written here: so what was sent is known to the
 * byte, a connection that closes gives its buffers back at once, and each has a turn of one read.
 */
#ifndef CONN_INSIDE_H
#define CONN_INSIDE_H

#include "../addresses.h"
#include "conn.h"
#include "queue.h"
#include "tls.h"

/* Of all addresses of a name. */
#define CONN_LISTENERS_MAX 8
/* What is read of a connection in a turn. */
#define CONN_READ_BYTES 65536

struct conn_listener {
    uv_poll_t poll;
    int fd;
};

struct conn_server {
    struct conn_server_options opt;
    uv_loop_t *loop;
    char address[300];
    struct conn_listener listeners[CONN_LISTENERS_MAX];
    unsigned n_listeners;
    uv_timer_t tick;
    /* Connections come first in and go in any order. */
    struct conn *first;
    unsigned n_conns;
    /* Handles that are not closed yet; the last one frees the server. */
    unsigned n_handles;
    bool closing;
    /* No descriptor was left: the listeners rest until the next tick. */
    bool rests;
    /* When a connection was last turned away with a line in the log. */
    uint64_t warned_ms;
    struct addresses clients;
    uint8_t read_buf[CONN_READ_BYTES];
};

enum conn_state {
    CONN_HANDSHAKE,
    CONN_OPEN,
    /* All is queued: it ends when that is sent. */
    CONN_FINISHING,
    /* All is sent: what comes is forgotten. */
    CONN_LINGERING,
    CONN_CLOSING,
};

struct conn {
    uv_poll_t poll;
    int fd;
    struct conn_server *server;
    struct conn *next, **link;
    void *userdata;
    enum conn_state state;
    bool opened, is_proxy;
    /* Nothing more is read, by wish; or there is nothing more. */
    bool pauses, ended;
    /* on_drained is due when the queue is short again. */
    bool was_above;
    int polled;
    struct conn_queue queue;
    /* TLS: what goes to the socket; the other queue is plain text. NULL = no TLS. */
    struct conn_tls_session *tls;
    struct conn_queue sealed;
    /* Times of the loop; 0 = none. */
    uint64_t timeout_ms, stalled_ms;
    struct address *counted;
    struct sockaddr_storage peer;
};

/* server.c */
void conn_server_warn(struct conn_server *server, synctv_log_level level, const char *text);
/* The same, once a second at most. */
void conn_server_warn_limited(struct conn_server *server, const char *text);
void conn_server_handle_closed(struct conn_server *server);

/* listener.c: starts to watch, or rests. */
int conn_listener_start(struct conn_server *server, struct conn_listener *listener);

/* conn.c: a new connection of a socket, which it takes. */
void conn_accepted(struct conn_server *server, int fd, const struct sockaddr_storage *peer,
    struct address *counted, bool is_proxy);
/* What is due: time-outs, stalls. */
void conn_tick(struct conn *conn, uint64_t now_ms);

#endif
