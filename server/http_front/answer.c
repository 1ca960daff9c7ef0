/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inside.h"

#define HEAD_MAX 512

static const char *phrase_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } all[] = {
        { 200, "OK" },
        { 204, "No Content" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].status == status)
            return all[i].phrase;
    }
    return "Status";
}

/* Queues a buffer, which may be NULL for want of memory. A connection with a gap is cut. */
static void put(struct http_exchange *exchange, struct conn_buf *buf)
{
    if (buf == NULL || !conn_send(exchange->conn, buf))
        conn_close(exchange->conn);
}

/* `framing` is one or more lines. */
static void put_head(struct http_exchange *exchange, unsigned status, const char *content_type,
    const char *framing)
{
    char head[HEAD_MAX], date[40];
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    int len = snprintf(head, sizeof(head),
        "HTTP/1.1 %u %s\r\nDate: %s\r\n%s%s%s%s%s%s%sCache-Control: no-store\r\n\r\n", status,
        phrase_of(status), date, content_type != NULL ? "Content-Type: " : "",
        content_type != NULL ? content_type : "", content_type != NULL ? "\r\n" : "", framing,
        status == 405 || status == 204 ? "Allow: GET, HEAD, OPTIONS\r\n" : "",
        exchange->is_public ? "Access-Control-Allow-Origin: *\r\n" : "",
        exchange->keeps_alive ? "" : "Connection: close\r\n");
    if (len >= (int)sizeof(head)) {
        conn_close(exchange->conn); /* a type of our own is too long */
        return;
    }
    if (status < sizeof(exchange->front->answers) / sizeof(exchange->front->answers[0]))
        exchange->front->answers[status]++;
    free(exchange->request);
    exchange->request = NULL;
    put(exchange, conn_buf_copy(head, (size_t)len));
}

void http_answer(struct http_exchange *exchange, unsigned status, const char *content_type,
    const void *body, size_t len)
{
    char framing[200];
    bool has_body = len > 0 && !exchange->is_head;
    snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n%s", len,
        status == 204 && exchange->is_public
            ? "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\nAccess-Control-Allow-Headers: *\r\n"
              "Access-Control-Max-Age: 86400\r\n"
            : "");
    put_head(exchange, status, content_type, status == 204 ? strchr(framing, '\n') + 1 : framing);
    if (has_body)
        put(exchange, conn_buf_copy(body, len));
    http_exchange_over(exchange);
}

void http_answer_text(struct http_exchange *exchange, unsigned status, const char *text)
{
    char line[256];
    int len = snprintf(line, sizeof(line), "%s\n", text);
    http_answer(exchange, status, "text/plain; charset=utf-8", line,
        len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

void http_watch(struct http_exchange *exchange, const struct http_watch_ops *ops, void *userdata)
{
    exchange->ops = ops;
    exchange->userdata = userdata;
}

/* ---- streams ---- */

bool http_stream_begin(struct http_exchange *exchange, const char *content_type)
{
    exchange->is_chunked = exchange->request->minor > 0;
    if (!exchange->is_chunked)
        exchange->keeps_alive = false;
    put_head(exchange, 200, content_type,
        exchange->is_chunked ? "Transfer-Encoding: chunked\r\n" : "");
    if (exchange->is_head || conn_room(exchange->conn) == 0) {
        http_exchange_over(exchange);
        return false;
    }
    exchange->streams = true;
    conn_flush(exchange->conn);
    return true;
}

bool http_stream_send(struct http_exchange *exchange, struct conn_buf *const *bufs, size_t n)
{
    char size[24];
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += bufs[i]->len;
    if (len == 0)
        return true; /* an empty chunk would be the last one */
    if (len > SIZE_MAX - sizeof(size) || len + sizeof(size) > conn_room(exchange->conn))
        return false;
    if (exchange->is_chunked) {
        int size_len = snprintf(size, sizeof(size), "%zx\r\n", len);
        put(exchange, conn_buf_copy(size, (size_t)size_len));
    }
    for (size_t i = 0; i < n; i++)
        put(exchange, conn_buf_ref(bufs[i]));
    if (exchange->is_chunked)
        put(exchange, conn_buf_ref(exchange->front->crlf));
    conn_flush(exchange->conn);
    return true;
}

size_t http_stream_queued_bytes(const struct http_exchange *exchange)
{
    return conn_queued_bytes(exchange->conn);
}

void http_stream_end(struct http_exchange *exchange)
{
    if (exchange->is_chunked)
        put(exchange, conn_buf_copy("0\r\n\r\n", 5));
    http_exchange_over(exchange);
}

void http_stream_cut(struct http_exchange *exchange)
{
    struct conn *conn = exchange->conn;
    http_exchange_over(exchange);
    conn_close(conn);
}
