/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP request. The first byte says in what pieces the rest comes; what is made of
 * it must not depend on that. What is accepted keeps the rules that request.h promises.
 */
#include <string.h>

#include "../../server/http_front/request.h"
#include "fuzz.h"

static enum http_read feed(struct http_request *request, const uint8_t *data, size_t len,
    size_t piece, size_t *ret_used)
{
    enum http_read result = HTTP_READ_MORE;
    *ret_used = 0;
    http_request_init(request);
    while (result == HTTP_READ_MORE && *ret_used < len) {
        size_t left = len - *ret_used, used = 0;
        size_t n = left < piece ? left : piece;
        result = http_request_feed(request, data + *ret_used, n, &used);
        FUZZ_MUST(used <= n && used > 0);
        FUZZ_MUST(result != HTTP_READ_MORE || used == n);
        *ret_used += used;
    }
    return result;
}

static void is_inside(const struct http_request *request, const struct http_text *text)
{
    FUZZ_MUST(text->len <= request->len);
    FUZZ_MUST(text->len == 0 ||
        (text->data >= request->head && text->data + text->len <= request->head + request->len));
    FUZZ_MUST(text->len == 0 || memchr(text->data, '\0', text->len) == NULL);
    FUZZ_MUST(text->len == 0 || memchr(text->data, '\n', text->len) == NULL);
}

static void check(const struct http_request *request)
{
    unsigned n_lengths = 0, n_codings = 0;
    is_inside(request, &request->path);
    is_inside(request, &request->query);
    FUZZ_MUST(request->path.len > 0 && request->minor <= 1);
    for (unsigned i = 0; i < request->n_headers; i++) {
        is_inside(request, &request->headers[i].name);
        is_inside(request, &request->headers[i].value);
        n_lengths += http_text_is(&request->headers[i].name, "content-length");
        n_codings += http_text_is(&request->headers[i].name, "transfer-encoding");
    }
    FUZZ_MUST(n_lengths + n_codings <= 1);
    FUZZ_MUST(n_codings == 0 || !request->keep_alive);
    for (size_t i = 1; i < request->len; i++)
        FUZZ_MUST((request->head[i] == '\n') == (request->head[i - 1] == '\r'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct http_request whole, pieces;
    size_t used, used_again;
    if (len < 2)
        return 0;
    enum http_read at_once = feed(&whole, data + 1, len - 1, len, &used);
    enum http_read bit_by_bit = feed(&pieces, data + 1, len - 1, 1u + data[0] % 64, &used_again);
    FUZZ_MUST(at_once == bit_by_bit && used == used_again);
    FUZZ_MUST(whole.status == pieces.status && strcmp(whole.why, pieces.why) == 0);
    FUZZ_MUST(at_once != HTTP_READ_BAD || whole.status >= 400);
    FUZZ_MUST(whole.len <= HTTP_HEAD_MAX);
    if (at_once == HTTP_READ_DONE) {
        FUZZ_MUST(whole.n_headers == pieces.n_headers && whole.method == pieces.method);
        FUZZ_MUST(whole.keep_alive == pieces.keep_alive);
        check(&whole);
    }
    return 0;
}
