/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <llhttp/llhttp.h>

/* What llhttp's callbacks fill in. */
struct reading {
    llhttp_t parser;
    struct http_request *request;
    struct http_text target;
    bool too_many, complete;
};

void http_request_init(struct http_request *request)
{
    request->n_headers = 0;
    request->len = request->line_len = 0;
    request->has_skipped = false;
    request->status = 0;
    request->why = "";
}

static enum http_read refuse(struct http_request *request, unsigned status, const char *why)
{
    request->status = status;
    request->why = why;
    return HTTP_READ_BAD;
}

bool http_text_is(const struct http_text *text, const char *what)
{
    return strlen(what) == text->len && strncasecmp(text->data, what, text->len) == 0;
}

const struct http_text *http_request_header(const struct http_request *request, const char *name)
{
    for (unsigned i = 0; i < request->n_headers; i++) {
        if (http_text_is(&request->headers[i].name, name))
            return &request->headers[i].value;
    }
    return NULL;
}

/* ---- llhttp ---- */

/* A text may come in pieces that follow each other. */
static void extend(struct http_text *text, const char *at, size_t len)
{
    if (text->data == NULL)
        text->data = at;
    text->len = (size_t)(at + len - text->data);
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct reading *reading = parser->data;
    extend(&reading->target, at, len);
    return 0;
}

static struct http_header *last_header(struct reading *reading)
{
    struct http_request *request = reading->request;
    return request->n_headers == 0 ? NULL : &request->headers[request->n_headers - 1];
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct reading *reading = parser->data;
    struct http_header *last = last_header(reading);
    if (last == NULL || last->value.data != NULL) {
        if (reading->request->n_headers == HTTP_HEADERS_MAX) {
            reading->too_many = true;
            return -1;
        }
        last = &reading->request->headers[reading->request->n_headers++];
        *last = (struct http_header){ { NULL, 0 }, { NULL, 0 } };
    }
    extend(&last->name, at, len);
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http_header *last = last_header(parser->data);
    if (last != NULL)
        extend(&last->value, at, len);
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct reading *reading = parser->data;
    reading->complete = true;
    /* It forgets this when a message without a body is over. */
    reading->request->keep_alive = llhttp_should_keep_alive(parser) != 0;
    return 0;
}

static enum http_read refuse_by_llhttp(struct http_request *request, const struct reading *reading,
    llhttp_errno_t error)
{
    if (reading->too_many)
        return refuse(request, 431, "too many header fields");
    if (error == HPE_INVALID_METHOD)
        return refuse(request, 501, "this method is not known");
    if (error == HPE_INVALID_VERSION || reading->parser.method == HTTP_PRI)
        return refuse(request, 505, "this is not HTTP/1.0 or HTTP/1.1");
    return refuse(request, 400, "this is no HTTP request");
}

/* ---- what llhttp lets pass ---- */

/* "GET /path HTTP/1.1": one space each, and nothing in the target that has to be encoded. */
static bool line_is_plain(const struct http_text *target)
{
    const char *at = target->data, *end = at + target->len;
    if (target->len == 0 || at[-1] != ' ' || at[-2] == ' ' || end[0] != ' ' || end[1] != 'H')
        return false;
    for (; at < end; at++) {
        if (*at <= ' ' || *at > '~' || *at == '#')
            return false;
    }
    return true;
}

/* "/path?query", "*", or with scheme and host before it, as for a proxy. */
static bool split_target(struct http_request *request, struct http_text target)
{
    if (target.data[0] != '/' && !(target.len == 1 && target.data[0] == '*')) {
        const char *host = memmem(target.data, target.len, "://", 3);
        if (host == NULL)
            return false;
        size_t before = (size_t)(host + 3 - target.data);
        const char *path = memchr(host + 3, '/', target.len - before);
        if (path == NULL)
            return false;
        target.len -= (size_t)(path - target.data);
        target.data = path;
    }
    const char *mark = memchr(target.data, '?', target.len);
    request->path = target;
    request->query = (struct http_text){ "", 0 };
    if (mark != NULL) {
        request->path.len = (size_t)(mark - target.data);
        request->query = (struct http_text){ mark + 1, target.len - request->path.len - 1 };
    }
    return true;
}

static bool name_is_plain(const struct http_text *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name->len; i++) {
        char c = name->data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return name->len > 0 && name->data[name->len] == ':';
}

/* Digits alone. False: that is no length. */
static bool read_length(const struct http_text *value, uint64_t *ret_length)
{
    uint64_t length = 0;
    if (value->len == 0 || value->len > 18)
        return false;
    for (size_t i = 0; i < value->len; i++) {
        if (value->data[i] < '0' || value->data[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(value->data[i] - '0');
    }
    *ret_length = length;
    return true;
}

static bool ends_with_chunked(const struct http_text *value)
{
    static const char chunked[] = "chunked";
    size_t len = sizeof(chunked) - 1;
    return value->len >= len && strncasecmp(value->data + value->len - len, chunked, len) == 0;
}

static enum http_read check_framing(struct http_request *request)
{
    unsigned n_lengths = 0, n_codings = 0, n_hosts = 0;
    const struct http_text *coding = NULL;
    uint64_t length = 0;
    for (unsigned i = 0; i < request->n_headers; i++) {
        const struct http_header *header = &request->headers[i];
        if (!name_is_plain(&header->name))
            return refuse(request, 400, "a header field has no proper name");
        if (http_text_is(&header->name, "content-length")) {
            if (++n_lengths > 1 || !read_length(&header->value, &length))
                return refuse(request, 400, "the length of the body is not clear");
        } else if (http_text_is(&header->name, "transfer-encoding")) {
            n_codings++;
            coding = &header->value;
        } else if (http_text_is(&header->name, "host")) {
            n_hosts++;
        }
    }
    if (n_hosts > 1 || (n_hosts == 0 && request->minor > 0))
        return refuse(request, 400, "there has to be one Host");
    if (n_codings > 0 && (n_lengths > 0 || n_codings > 1 || request->minor == 0))
        return refuse(request, 400, "the length of the body is not clear");
    if (coding != NULL && !ends_with_chunked(coding))
        return refuse(request, 400, "chunked has to be the last coding of the body");
    if (coding != NULL && !http_text_is(coding, "chunked"))
        return refuse(request, 501, "this coding of the body is not known");
    if (length > HTTP_BODY_MAX)
        return refuse(request, 413, "the body is too large");
    if (n_codings > 0 || length > 0)
        request->keep_alive = false;
    return HTTP_READ_DONE;
}

static enum http_method method_of(const llhttp_t *parser)
{
    switch (parser->method) {
    case HTTP_GET:
        return HTTP_METHOD_GET;
    case HTTP_HEAD:
        return HTTP_METHOD_HEAD;
    case HTTP_OPTIONS:
        return HTTP_METHOD_OPTIONS;
    default:
        return HTTP_METHOD_OTHER;
    }
}

static enum http_read parse(struct http_request *request)
{
    struct reading reading = { .request = request };
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_field;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_complete;
    llhttp_init(&reading.parser, HTTP_REQUEST, &settings);
    reading.parser.data = &reading;
    llhttp_errno_t error = llhttp_execute(&reading.parser, request->head, request->len);
    if (error == HPE_PAUSED_UPGRADE)
        error = HPE_OK; /* nobody here speaks anything else: the answer is of HTTP */
    if (error != HPE_OK || !reading.complete)
        return refuse_by_llhttp(request, &reading, error);
    if (reading.parser.http_major != 1 || reading.parser.http_minor > 1)
        return refuse(request, 505, "this is not HTTP/1.0 or HTTP/1.1");
    request->minor = reading.parser.http_minor;
    request->method = method_of(&reading.parser);
    if (!line_is_plain(&reading.target) || !split_target(request, reading.target))
        return refuse(request, 400, "the first line is not proper");
    return check_framing(request);
}

/* ---- lines ---- */

static bool is_at_line_start(const struct http_request *request)
{
    const char *end = request->head + request->len;
    return request->len >= 2 && end[-2] == '\r' && end[-1] == '\n';
}

/* Why the byte may not follow what is there; NULL = it may. */
static const char *what_is_wrong(const struct http_request *request, unsigned char c)
{
    bool after_cr = request->len > 0 && request->head[request->len - 1] == '\r';
    if (after_cr != (c == '\n'))
        return "a line has to end with CR LF";
    if (c == '\n' && request->len == 1 && request->has_skipped)
        return "there are empty lines before it";
    if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
        return "there is a control character";
    if ((c == ' ' || c == '\t') && is_at_line_start(request))
        return "a line is folded";
    return NULL;
}

static bool is_complete(const struct http_request *request)
{
    return request->len >= 4 && memcmp(request->head + request->len - 4, "\r\n\r\n", 4) == 0;
}

/* Some clients send an empty line before a request. */
static void skip_empty_line(struct http_request *request)
{
    if (request->has_skipped || request->len != 2 || !is_at_line_start(request))
        return;
    request->has_skipped = true;
    request->len = 0;
}

enum http_read http_request_feed(struct http_request *request, const void *data, size_t len,
    size_t *ret_used)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++) {
        const char *why = what_is_wrong(request, bytes[i]);
        *ret_used = i + 1;
        if (why != NULL)
            return refuse(request, 400, why);
        request->head[request->len++] = (char)bytes[i];
        skip_empty_line(request);
        if (request->line_len == 0 && is_at_line_start(request))
            request->line_len = request->len;
        if (is_complete(request))
            return parse(request);
        if (request->line_len == 0 && request->len >= HTTP_LINE_MAX)
            return refuse(request, 414, "the first line is too long");
        if (request->len == HTTP_HEAD_MAX)
            return refuse(request, 431, "the header fields are too large");
    }
    *ret_used = len;
    return HTTP_READ_MORE;
}
