/* SPDX-License-Identifier: MIT */
/*
 * Connections of a listener, in the server's loop. It knows no protocol: that is a table of
 * callbacks.
 *
 *   conn_server   listeners of one address, the connections that they have accepted, limits
 *   conn          one connection: plain or TLS, a bounded queue of counted buffers, time-outs
 *
 *        accept -> [TLS handshake] -> on_open -> on_bytes ... on_end -> on_close
 *                                       conn_send(), conn_flush() ... on_drained
 *
 * All of it, callbacks included, is on the loop's thread. A callback may close any connection: the
 * structure lives until on_close has returned, which comes from the loop, never inside another
 * function.
 */
#ifndef CONN_CONN_H
#define CONN_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include <synctv/error.h>
#include <synctv/log.h>

#include "buf.h"

struct conn;
struct conn_server;
struct conn_tls;

struct conn_ops {
    /* The connection can be used, with TLS after the handshake. */
    void (*on_open)(struct conn *conn, void *server_userdata);
    /* Bytes have come; borrowed. Others get their turn after at most 64 KiB. */
    void (*on_bytes)(struct conn *conn, const uint8_t *data, size_t len);
    /* The peer sends no more; it may still read. */
    void (*on_end)(struct conn *conn);
    /* The queue was above options.drained_bytes, and is not any more. */
    void (*on_drained)(struct conn *conn);
    /* The time of conn_set_timeout() is over. */
    void (*on_timeout)(struct conn *conn);
    /* It is gone. Once for each on_open. */
    void (*on_close)(struct conn *conn);
};

struct conn_server_options {
    /* "HOST:PORT"; borrowed, as all pointers here, for the life of the server. */
    const char *listen;
    /* The setting of the address, for errors: "http_listen". */
    const char *field;
    const struct conn_ops *ops;
    void *userdata;
    /* NULL = plain text. */
    struct conn_tls *tls;
    /* 0 = any number. Connections of trusted proxies count for the first one only. */
    unsigned max_connections, max_per_address;
    /* As synctv_node_options.trusted_proxies; NULL = none. */
    const char *trusted_proxies;
    /* What may wait on a connection: past it conn_send() refuses. */
    size_t max_queue_bytes;
    /* See on_drained. */
    size_t drained_bytes;
    /* For a TLS handshake (10 s). */
    unsigned handshake_ms;
    /* A connection that takes nothing of what waits for so long is closed (20 s). */
    unsigned stall_ms;
    synctv_log_fn *log;
    void *log_userdata;
    synctv_log_level log_level;
};

/* What stands in parentheses; 4 MiB may wait, and 1024 connections be open. All else is zero. */
void conn_server_defaults(struct conn_server_options *options);

/*
 * Listens. `options` is copied. Errors: NODE_UNAVAILABLE (the address; field as the option says),
 * NO_MEMORY, INTERNAL.
 */
int conn_server_open(uv_loop_t *loop, const struct conn_server_options *options,
    struct conn_server **ret_server, synctv_error *ret_error);
/* "127.0.0.1:8080", as it listens, with the real port. */
const char *conn_server_address(const struct conn_server *server);
unsigned conn_server_connections(const struct conn_server *server);
/* Ends listening and all connections. It frees itself in the loop, when the last one is gone. */
void conn_server_close(struct conn_server *server);

/* NULL at first. */
void conn_set_userdata(struct conn *conn, void *userdata);
void *conn_userdata(const struct conn *conn);
/* Of the peer. Lives as long as the connection. */
const struct sockaddr *conn_peer(const struct conn *conn);
/* The peer is one of trusted_proxies. */
bool conn_is_proxy(const struct conn *conn);

/* Monotonic, of the loop. */
uint64_t conn_now_ms(const struct conn *conn);
/* on_timeout comes after so long, to a second, unless it is set anew; 0 = never. */
void conn_set_timeout(struct conn *conn, unsigned ms);
/* Reads no more, or again. What has been read already still comes. */
void conn_set_reading(struct conn *conn, bool reads);

/*
 * Queues a buffer; takes the caller's reference, whatever it returns. False: the queue is full, or
 * the connection is closing, or there is no memory; then the buffer was not queued.
 */
bool conn_send(struct conn *conn, struct conn_buf *buf);
/* Sends what is queued, all at once. Without it nothing goes out. */
void conn_flush(struct conn *conn);
/* So much conn_send() takes; 0 = the connection is closing. */
size_t conn_room(const struct conn *conn);
/* What waits, without what the kernel has. */
size_t conn_queued_bytes(const struct conn *conn);

/* Closes when all that is queued is sent; what still comes is read for 2 s and forgotten. */
void conn_finish(struct conn *conn);
/* Closes now: what waits is dropped. */
void conn_close(struct conn *conn);

#endif
