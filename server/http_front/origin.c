/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <synctv/node.h>

#include "inside.h"

/* "192.0.2.1", "2001:db8::1", also with brackets and a port; as a C string without them. */
static bool take_host(const char *text, size_t len, char out[INET6_ADDRSTRLEN])
{
    while (len > 0 && (text[0] == ' ' || text[0] == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    const char *end = text + len, *colon = memchr(text, ':', len);
    if (len > 0 && text[0] == '[') {
        text++;
        end = memchr(text, ']', len - 1);
    } else if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) == NULL) {
        end = colon;
    }
    if (end == NULL || end == text || end - text >= INET6_ADDRSTRLEN)
        return false;
    memcpy(out, text, (size_t)(end - text));
    out[end - text] = '\0';
    return true;
}

static bool parse(const char *host, struct sockaddr_storage *ret)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        memcpy(ret, &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        memcpy(ret, &v6, sizeof(v6));
    return ret->ss_family != AF_UNSPEC;
}

/* From the last address to the first. Returns 1: found, 0: all are proxies, -1: no address. */
static int walk(const struct http_text *value, const char *proxies, struct sockaddr_storage *addr)
{
    size_t end = value->len;
    for (;;) {
        size_t begin = end;
        char host[INET6_ADDRSTRLEN];
        struct sockaddr_storage found;
        while (begin > 0 && value->data[begin - 1] != ',')
            begin--;
        if (!take_host(value->data + begin, end - begin, host) || !parse(host, &found))
            return -1;
        if (synctv_networks_contain(proxies, host, NULL) == 0) {
            *addr = found;
            return 1;
        }
        if (begin == 0)
            return 0;
        end = begin - 1;
    }
}

bool http_origin(const struct http_request *request, const char *proxies,
    struct sockaddr_storage *addr)
{
    int found = 0;
    for (unsigned i = request->n_headers; found == 0 && i-- > 0;) {
        if (http_text_is(&request->headers[i].name, "x-forwarded-for"))
            found = walk(&request->headers[i].value, proxies, addr);
    }
    return found > 0;
}
