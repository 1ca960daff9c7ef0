/* SPDX-License-Identifier: MIT */
/*
 * Reads the head of an HTTP/1 request from bytes; owns no socket. llhttp knows the grammar.
 * Whatever two readers could understand in two ways is refused here: a CR or LF alone, folded
 * lines, space around a name, two lengths, a length and chunks, chunks that are not the last
 * coding.
 *
 * Nobody here wants a body. So a request that has one is answered, and then the connection ends: no
 * second request can hide in it.
 */
#ifndef HTTP_FRONT_REQUEST_H
#define HTTP_FRONT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All lines of a head, and its first one alone. */
#define HTTP_HEAD_MAX 8192
#define HTTP_LINE_MAX 4096
#define HTTP_HEADERS_MAX 64
/* A body may say that it is so long. */
#define HTTP_BODY_MAX 65536

enum http_method { HTTP_METHOD_GET, HTTP_METHOD_HEAD, HTTP_METHOD_OPTIONS, HTTP_METHOD_OTHER };

/* Text in the head; not NUL-terminated. */
struct http_text {
    const char *data;
    size_t len;
};

struct http_header {
    struct http_text name, value;
};

struct http_request {
    enum http_method method;
    /* "/live/key.flv", and what is behind "?". */
    struct http_text path, query;
    /* 1 = HTTP/1.1, 0 = 1.0. */
    unsigned minor;
    /* The client wants to go on with the connection, and may. */
    bool keep_alive;
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned n_headers;

    /* If it was refused: the status to answer, and why in a few words. */
    unsigned status;
    const char *why;

    char head[HTTP_HEAD_MAX];
    size_t len;
    /* Where the first line ends; 0 = it has not yet. */
    size_t line_len;
    /* An empty line came first. */
    bool has_skipped;
};

enum http_read {
    /* It is not complete. */
    HTTP_READ_MORE,
    HTTP_READ_DONE,
    /* It is refused, for good. */
    HTTP_READ_BAD,
};

void http_request_init(struct http_request *request);
/* *ret_used is less than `len` if the head is complete before: what follows is not of it. */
enum http_read http_request_feed(struct http_request *request, const void *data, size_t len,
    size_t *ret_used);

/* The name in lower case. The first one of it; NULL = there is none. */
const struct http_text *http_request_header(const struct http_request *request, const char *name);
bool http_text_is(const struct http_text *text, const char *what);

#endif
