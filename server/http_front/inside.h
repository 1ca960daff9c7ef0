/* SPDX-License-Identifier: MIT */
/*
 * What the files of this folder share.
 *
 *   request.c   the head of a request, from bytes; no I/O
 *   origin.c    whose address it is, behind proxies
 *   front.c     connections: which request is next
 *   answer.c    exchanges: heads of answers, bodies, streams
 */
#ifndef HTTP_FRONT_INSIDE_H
#define HTTP_FRONT_INSIDE_H

#include "../addresses.h"
#include "front.h"

struct http_exchange {
    struct conn *conn;
    struct http_front *front;
    const struct http_watch_ops *ops;
    void *userdata;
    bool is_head, keeps_alive, is_chunked, is_public, streams;
    /* The client, and where a trusted proxy has brought it from, what counts it. */
    struct sockaddr_storage client;
    struct address *counted;
    /* NULL once the answer has begun: a viewer of hours needs no head. */
    struct http_request *request;
};

/* Of conn_userdata(). */
struct http_conn {
    struct http_exchange exchange;
    /* An exchange is under way. */
    bool busy;
    /* It is being taken from: who ends an exchange need not go on with the next. */
    bool taking;
    /* No request is taken any more. */
    bool ended;
    /* The client sends no more: what it has asked is answered. */
    bool half_closed;
    /* The head that is being read; NULL = nothing of it has come. */
    struct http_request *reading;
    /* What came while it was busy. */
    uint8_t *early;
    size_t n_early;
};

struct http_front {
    struct http_front_options opt;
    struct conn_server *server;
    /* A shared end of chunks. */
    struct conn_buf *crlf;
    struct addresses clients;
    uint64_t answers[600];
};

/* front.c: the exchange is answered. */
void http_exchange_over(struct http_exchange *exchange);

/*
 * origin.c: walks back through x-forwarded-for, as long as the addresses are those of proxies.
 * False if no client is named: then *addr is as it was.
 */
bool http_origin(const struct http_request *request, const char *proxies,
    struct sockaddr_storage *addr);

#endif
