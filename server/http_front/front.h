/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 on conn/: keep-alive, requests one after the other, a table of routes. All on the loop's
 * thread.
 *
 * A handler gets an *exchange*, a request and its answer, and answers it once:
 *
 *   at once or later   http_answer()
 *   with a stream      http_stream_begin(), http_stream_send() ..., http_stream_end()
 *
 * Who does not answer at once calls http_watch() first, to hear that the client has gone. The
 * exchange lives until it is answered or its stream ended, or until on_gone.
 */
#ifndef HTTP_FRONT_FRONT_H
#define HTTP_FRONT_FRONT_H

#include "../conn/conn.h"
#include "request.h"

struct http_front;
struct http_exchange;

struct http_route {
    /* "/healthz", or "/live/" and all below it. */
    const char *path;
    bool is_prefix;
    /* Pages of any origin may read it. */
    bool is_public;
    void (*handle)(struct http_exchange *exchange, void *userdata);
    void *userdata;
};

/* For exchanges that take longer. Either may be NULL. */
struct http_watch_ops {
    /* The queue of a stream is short again: see conn_server_options.drained_bytes. */
    void (*on_drained)(struct http_exchange *exchange, void *userdata);
    /* The client is gone, and with it, when this returns, the exchange. */
    void (*on_gone)(struct http_exchange *exchange, void *userdata);
};

struct http_front_options {
    /* Its ops, userdata and field are set here. */
    struct conn_server_options conn;
    /* Borrowed for the life of the front. */
    const struct http_route *routes;
    size_t n_routes;
    /* For a head, from its first byte or from the beginning of the connection (10 s). */
    unsigned head_ms;
    /* For a connection without a request (60 s). */
    unsigned idle_ms;
};

/* What stands in parentheses, and those of conn/. */
void http_front_defaults(struct http_front_options *options);
/* Listens. Errors: as conn_server_open(). */
int http_front_open(uv_loop_t *loop, const struct http_front_options *options,
    struct http_front **ret_front, synctv_error *ret_error);
const char *http_front_address(const struct http_front *front);
/* Ends listening and all connections, which needs the loop. Then http_front_free(). */
void http_front_close(struct http_front *front);
/* When its loop has nothing left of it: after uv_run() in which all was closed. NULL is fine. */
void http_front_free(struct http_front *front);

unsigned http_front_connections(const struct http_front *front);
/* Calls `each` for each status that was answered, with how often. */
void http_front_answers(const struct http_front *front,
    void (*each)(void *userdata, unsigned status, uint64_t n), void *userdata);

/* ---- exchanges ---- */

/* Until the answer begins. */
const struct http_request *http_exchange_request(const struct http_exchange *exchange);
/* The address of the client, also behind trusted proxies; AF_UNSPEC = not known. */
const struct sockaddr *http_exchange_client(const struct http_exchange *exchange);

/* Sends the answer; without its body to HEAD. The exchange is over. `body` is copied. */
void http_answer(struct http_exchange *exchange, unsigned status, const char *content_type,
    const void *body, size_t len);
/* With one sentence as text. */
void http_answer_text(struct http_exchange *exchange, unsigned status, const char *text);

/* `ops` and `userdata` are borrowed. */
void http_watch(struct http_exchange *exchange, const struct http_watch_ops *ops, void *userdata);

/*
 * Begins a stream of unknown length: chunks, or with HTTP/1.0 until the connection ends. False: the
 * request was HEAD and is answered by that, or the connection is broken; the exchange is over.
 */
bool http_stream_begin(struct http_exchange *exchange, const char *content_type);
/*
 * Sends buffers together, as one chunk; takes no reference of the caller. All or nothing: false if
 * the queue has no room for them.
 */
bool http_stream_send(struct http_exchange *exchange, struct conn_buf *const *bufs, size_t n);
/* What waits for the client. */
size_t http_stream_queued_bytes(const struct http_exchange *exchange);
/* Ends it properly; the exchange is over. */
void http_stream_end(struct http_exchange *exchange);
/* Cuts it, so that the client knows that something is missing; the exchange is over. */
void http_stream_cut(struct http_exchange *exchange);

#endif
