/* SPDX-License-Identifier: MIT */
/*
 * Many gRPC clients in one thread: connections on an epoll set, calls on connections. What a call
 * sends was written beforehand; of what it gets, messages and the end are counted. So it costs less
 * than the server that it loads.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "h2.h"

/* Who calls, and what is asked. Strings may be "". */
struct target {
    char *token, *room;
    struct bytes body;
};

/* Reads lines "token room hex", "-" for an empty one. */
unsigned targets_read(const char *path, struct target **ret_targets);

struct call {
    uint32_t id; /* 0 = free */
    bool is_stream;
    struct h2_messages messages;
    unsigned n_messages;
    uint64_t started_ns;
};

struct conn {
    struct client *client;
    const struct target *target;
    const char *path;
    int fd;
    bool connected, wants_write, primed; /* primed: the server's table has our headers */
    uint8_t n_headers;
    uint32_t next_id;
    int64_t window;       /* what the server takes at present */
    uint32_t to_return;   /* bytes got since the last WINDOW_UPDATE */
    struct bytes in, out; /* a piece of a frame; what the socket did not take */
    struct call *calls;
    uint32_t mask;
};

struct client {
    uint16_t port;
    int epoll;
    unsigned n_connecting;
    uint64_t now_ns; /* when the events that are handled now were got */
    uint64_t messages;
    struct bytes *keep; /* where DATA goes, if anybody wants to see it */
    void (*on_connected)(struct conn *conn);
    void (*on_messages)(struct conn *conn, struct call *call, unsigned n);
    void (*on_end)(struct conn *conn, struct call *call);
    void (*on_other)(void); /* `other_fd` can be read */
    void *userdata;
};

/* @other_fd  a descriptor to be watched beside the connections, or -1 */
void client_init(struct client *c, uint16_t port, int other_fd);
/* Begins to connect. `max_calls` = as many at a time. */
void conn_open(struct conn *conn, struct client *c, const struct target *target, const char *path,
    unsigned max_calls);
/* The call's request goes out with the next conn_flush(). */
struct call *conn_call(struct conn *conn);
/* Another message than that of the connection's target. */
struct call *conn_ask(struct conn *conn, const struct bytes *body);
/* Opens a stream; conn_say() sends on it. */
struct call *conn_stream(struct conn *conn);
void conn_say(struct conn *conn, struct call *call, const void *body, size_t len);
void conn_flush(struct conn *conn);

/* Handles events until *until is true or the time has come; returns whether it is true. */
bool client_run(struct client *c, const bool *until, uint64_t deadline_ns);

#endif
