/* SPDX-License-Identifier: MIT */
#include "front.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* What may come before it is asked for: past it the connection is not read. */
#define EARLY_BYTES 8192
/* Answers that wait: past it the next request does. */
#define ANSWERS_BYTES 65536

static void take(struct conn *conn, const uint8_t *data, size_t len);

void http_front_defaults(struct http_front_options *options)
{
    memset(options, 0, sizeof(*options));
    conn_server_defaults(&options->conn);
    options->conn.drained_bytes = ANSWERS_BYTES;
    options->head_ms = 10000;
    options->idle_ms = 60000;
}

/* ---- an exchange ---- */

static const struct http_route *find_route(const struct http_front *front,
    const struct http_text *path)
{
    for (size_t i = 0; i < front->opt.n_routes; i++) {
        const struct http_route *route = &front->opt.routes[i];
        size_t len = strlen(route->path);
        if ((path->len == len || (route->is_prefix && path->len > len)) &&
            memcmp(path->data, route->path, len) == 0)
            return route;
    }
    return NULL;
}

/* Behind a proxy the client counts, as long as its request takes. False: it has too many. */
static bool count_client(struct http_exchange *exchange)
{
    const struct conn_server_options *opt = &exchange->front->opt.conn;
    if (!conn_is_proxy(exchange->conn) ||
        !http_origin(exchange->request, opt->trusted_proxies, &exchange->client))
        return true;
    return opt->max_per_address == 0 ||
        addresses_enter(&exchange->front->clients, (const struct sockaddr *)&exchange->client,
            opt->max_per_address, &exchange->counted);
}

static void handle(struct http_exchange *exchange)
{
    const struct http_request *request = exchange->request;
    const struct http_route *route = find_route(exchange->front, &request->path);
    exchange->is_public = route != NULL && route->is_public;
    if (!count_client(exchange))
        http_answer_text(exchange, 429, "this address has too many requests under way");
    else if (route == NULL && !(request->method == HTTP_METHOD_OPTIONS && request->path.len == 1))
        http_answer_text(exchange, 404, "there is nothing here");
    else if (request->method == HTTP_METHOD_OPTIONS)
        http_answer(exchange, 204, NULL, NULL, 0);
    else if (request->method == HTTP_METHOD_OTHER)
        http_answer_text(exchange, 405, "this method is not for this place");
    else
        route->handle(exchange, route->userdata);
}

/* Takes the request that was read. */
static void begin_exchange(struct conn *conn)
{
    struct http_conn *http = conn_userdata(conn);
    struct http_exchange *exchange = &http->exchange;
    struct http_front *front = exchange->front;
    const struct sockaddr *peer = conn_peer(conn);
    struct http_request *request = http->reading;
    http->reading = NULL;
    http->busy = true;
    conn_set_timeout(conn, 0);
    *exchange = (struct http_exchange){
        .conn = conn,
        .front = front,
        .is_head = request->method == HTTP_METHOD_HEAD,
        .keeps_alive = request->status == 0 && request->keep_alive && !http->ended,
        .request = request,
    };
    memcpy(&exchange->client, peer, sizeof(exchange->client));
    if (request->status != 0)
        http_answer_text(exchange, request->status, request->why);
    else
        handle(exchange);
}

void http_exchange_over(struct http_exchange *exchange)
{
    struct conn *conn = exchange->conn;
    struct http_conn *http = conn_userdata(conn);
    addresses_leave(&exchange->front->clients, exchange->counted);
    exchange->counted = NULL;
    exchange->ops = NULL;
    exchange->streams = false;
    free(exchange->request);
    exchange->request = NULL;
    http->busy = false;
    if (!exchange->keeps_alive) {
        http->ended = true;
        conn_finish(conn);
        return;
    }
    conn_set_timeout(conn, exchange->front->opt.idle_ms);
    if (!http->taking)
        take(conn, NULL, 0);
}

/* ---- bytes ---- */

/* Whether the next request has to wait. */
static bool waits(struct conn *conn)
{
    const struct http_conn *http = conn_userdata(conn);
    return http->busy || conn_queued_bytes(conn) > ANSWERS_BYTES;
}

static void refuse(struct conn *conn, unsigned status, const char *why)
{
    struct http_conn *http = conn_userdata(conn);
    http->reading->status = status;
    http->reading->why = why;
    begin_exchange(conn);
}

/* Reads what is of one request. Returns how many bytes are done with. */
static size_t read_one(struct conn *conn, const uint8_t *data, size_t len)
{
    struct http_conn *http = conn_userdata(conn);
    size_t used = 0;
    if (http->reading == NULL) {
        http->reading = malloc(sizeof(*http->reading));
        if (http->reading == NULL) {
            conn_close(conn);
            return len;
        }
        http_request_init(http->reading);
        http->reading->method = HTTP_METHOD_OTHER;
        conn_set_timeout(conn, http->exchange.front->opt.head_ms);
    }
    if (http_request_feed(http->reading, data, len, &used) != HTTP_READ_MORE)
        begin_exchange(conn);
    return used;
}

/* Keeps what has to wait; `early` may be where it lies already. */
static void keep_early(struct conn *conn, const uint8_t *data, size_t len)
{
    struct http_conn *http = conn_userdata(conn);
    uint8_t *kept = NULL;
    if (len > 0 && (kept = malloc(len)) == NULL) {
        conn_close(conn);
        return;
    }
    if (len > 0)
        memcpy(kept, data, len);
    free(http->early);
    http->early = kept;
    http->n_early = len;
}

/* Takes bytes that have come, behind those that wait. */
static void take(struct conn *conn, const uint8_t *data, size_t len)
{
    struct http_conn *http = conn_userdata(conn);
    uint8_t *all = NULL;
    if (http->n_early > 0) {
        all = malloc(http->n_early + len);
        if (all == NULL) {
            conn_close(conn);
            return;
        }
        memcpy(all, http->early, http->n_early);
        if (len > 0)
            memcpy(all + http->n_early, data, len);
        data = all;
        len += http->n_early;
    }
    http->taking = true;
    while (len > 0 && !http->ended && !waits(conn)) {
        size_t used = read_one(conn, data, len);
        data += used;
        len -= used;
    }
    http->taking = false;
    keep_early(conn, data, http->ended ? 0 : len);
    free(all);
    conn_flush(conn);
    conn_set_reading(conn, http->n_early <= EARLY_BYTES);
    if (http->half_closed && !http->busy && http->n_early == 0)
        conn_finish(conn);
}

/* ---- conn_ops ---- */

static void on_open(struct conn *conn, void *userdata)
{
    struct http_front *front = userdata;
    struct http_conn *http = calloc(1, sizeof(*http));
    conn_set_userdata(conn, http);
    if (http == NULL) {
        conn_close(conn);
        return;
    }
    http->exchange.front = front;
    http->exchange.conn = conn;
    conn_set_timeout(conn, front->opt.head_ms);
}

static void on_bytes(struct conn *conn, const uint8_t *data, size_t len)
{
    take(conn, data, len);
}

/* A client that has asked and sends no more still gets its answer, but no stream without end. */
static void on_end(struct conn *conn)
{
    struct http_conn *http = conn_userdata(conn);
    http->half_closed = true;
    if (http->busy && http->exchange.streams)
        conn_close(conn);
    else if (!http->busy && http->n_early == 0)
        conn_finish(conn);
}

static void on_drained(struct conn *conn)
{
    struct http_conn *http = conn_userdata(conn);
    const struct http_exchange *exchange = &http->exchange;
    if (!http->busy)
        take(conn, NULL, 0);
    else if (exchange->ops != NULL && exchange->ops->on_drained != NULL)
        exchange->ops->on_drained(&http->exchange, exchange->userdata);
}

static void on_timeout(struct conn *conn)
{
    struct http_conn *http = conn_userdata(conn);
    if (http->reading != NULL && !http->busy) {
        refuse(conn, 408, "the request did not come in time");
        conn_flush(conn);
    } else {
        conn_finish(conn);
    }
}

static void on_close(struct conn *conn)
{
    struct http_conn *http = conn_userdata(conn);
    if (http == NULL)
        return;
    struct http_exchange *exchange = &http->exchange;
    if (http->busy && exchange->ops != NULL && exchange->ops->on_gone != NULL)
        exchange->ops->on_gone(exchange, exchange->userdata);
    addresses_leave(&exchange->front->clients, exchange->counted);
    free(exchange->request);
    free(http->reading);
    free(http->early);
    free(http);
}

/* ---- the front ---- */

int http_front_open(uv_loop_t *loop, const struct http_front_options *options,
    struct http_front **ret_front, synctv_error *ret_error)
{
    static const struct conn_ops ops = {
        .on_open = on_open,
        .on_bytes = on_bytes,
        .on_end = on_end,
        .on_drained = on_drained,
        .on_timeout = on_timeout,
        .on_close = on_close,
    };
    struct http_front *front = calloc(1, sizeof(*front));
    if (front == NULL || (front->crlf = conn_buf_copy("\r\n", 2)) == NULL) {
        free(front);
        *ret_error = (synctv_error){ .code = SYNCTV_E_NO_MEMORY };
        return SYNCTV_E_NO_MEMORY;
    }
    front->opt = *options;
    front->opt.conn.ops = &ops;
    front->opt.conn.userdata = front;
    pthread_mutex_init(&front->clients.lock, NULL);
    int rv = conn_server_open(loop, &front->opt.conn, &front->server, ret_error);
    if (rv < 0)
        http_front_free(front);
    else
        *ret_front = front;
    return rv;
}

const char *http_front_address(const struct http_front *front)
{
    return conn_server_address(front->server);
}

unsigned http_front_connections(const struct http_front *front)
{
    return conn_server_connections(front->server);
}

void http_front_answers(const struct http_front *front,
    void (*each)(void *userdata, unsigned status, uint64_t n), void *userdata)
{
    for (unsigned i = 0; i < sizeof(front->answers) / sizeof(front->answers[0]); i++) {
        if (front->answers[i] > 0)
            each(userdata, i, front->answers[i]);
    }
}

const struct http_request *http_exchange_request(const struct http_exchange *exchange)
{
    return exchange->request;
}

const struct sockaddr *http_exchange_client(const struct http_exchange *exchange)
{
    return (const struct sockaddr *)&exchange->client;
}

void http_front_close(struct http_front *front)
{
    conn_server_close(front->server);
}

void http_front_free(struct http_front *front)
{
    if (front == NULL)
        return;
    conn_buf_unref(front->crlf);
    pthread_mutex_destroy(&front->clients.lock);
    free(front);
}
