/* SPDX-License-Identifier: MIT */
/*
 * The core would resolve names itself. But it is content if it can open one of the addresses, does
 * not say which others failed, and never says why. So we resolve, and give it one address after the
 * other.
 */
#include "rpc/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define HOST_SIZE 256
#define PORT_SIZE 8
/* A numeric address, its scope and a port. */
#define ADDRESS_SIZE 80
/* Attempts to find a port that is free for IPv6 and IPv4. */
#define MAX_TRIES 16

struct listener {
    grpc_server *core;
    grpc_server_credentials *credentials;
    const struct sv_log *log;
    /* As the caller wrote it. */
    const char *address;
};

/* ---- addresses ---- */

/* "host:port" or "[host]:port" in two strings. */
static int split(const char *address, char host[HOST_SIZE], char port[PORT_SIZE])
{
    const char *colon = strrchr(address, ':');
    size_t len = colon != NULL ? (size_t)(colon - address) : 0;
    if (colon == NULL || len >= HOST_SIZE || strlen(colon + 1) >= PORT_SIZE)
        return -1;
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    snprintf(port, PORT_SIZE, "%s", colon + 1);
    return 0;
}

static in_port_t *port_in(struct sockaddr *addr)
{
    return addr->sa_family == AF_INET ? &((struct sockaddr_in *)addr)->sin_port
                                      : &((struct sockaddr_in6 *)addr)->sin6_port;
}

/* Writes an address as the core reads it: "%25" comes before a scope. */
static void name_of(const struct addrinfo *ai, char out[ADDRESS_SIZE])
{
    char host[ADDRESS_SIZE], *scope;
    if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
        host[0] = '\0';
    int port = ntohs(*port_in(ai->ai_addr));
    if (ai->ai_family == AF_INET) {
        snprintf(out, ADDRESS_SIZE, "%.15s:%d", host, port);
    } else if ((scope = strchr(host, '%')) != NULL) {
        *scope++ = '\0';
        snprintf(out, ADDRESS_SIZE, "[%.46s%%25%.16s]:%d", host, scope, port);
    } else {
        snprintf(out, ADDRESS_SIZE, "[%.46s]:%d", host, port);
    }
}

static bool is_any_ipv4(const struct addrinfo *ai)
{
    return ai->ai_family == AF_INET &&
        ((const struct sockaddr_in *)ai->ai_addr)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool is_any_ipv6(const struct addrinfo *ai)
{
    return ai->ai_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)ai->ai_addr)->sin6_addr);
}

/* ---- one address ---- */

/* Finds out why an address cannot be opened: returns errno, or 0 if it can be. */
static int try_bind(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int yes = 1, no = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (is_any_ipv6(ai))
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    int problem = bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, 1) != 0 ? errno : 0;
    close(fd);
    return problem;
}

/* Returns the port, or 0 on failure. */
static int give_to_core(const struct listener *l, const struct addrinfo *ai)
{
    char name[ADDRESS_SIZE];
    name_of(ai, name);
    return grpc_server_add_http2_port(l->core, name, l->credentials);
}

/*
 * Binds the port (0 = any) for all addresses of IPv6, so that the core cannot. Returns the
 * descriptor, or -1 if it cannot be bound: then the core cannot either.
 */
static int block_ipv6(in_port_t *port)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = *port };
    socklen_t len = sizeof(any);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (fd < 0)
        return -1;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) == 0 &&
        bind(fd, (struct sockaddr *)&any, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&any, &len) == 0) {
        *port = any.sin6_port;
        return fd;
    }
    close(fd);
    return -1;
}

/*
 * The core takes 0.0.0.0 for [::]: it tries [::] first, which is IPv4, too, and 0.0.0.0 only if
 * that fails. So we make [::] fail.
 */
static int open_any_ipv4(const struct listener *l, const struct addrinfo *ai)
{
    in_port_t *port = port_in(ai->ai_addr), wanted = *port;
    int got = 0;
    for (int i = 0; i < MAX_TRIES && got == 0; i++) {
        *port = wanted;
        int ipv6 = block_ipv6(port);
        got = give_to_core(l, ai);
        if (ipv6 >= 0)
            close(ipv6);
        if (wanted != 0)
            break;
    }
    return got;
}

/* Returns the port, or 0 with errno; errno 0 means that the address itself is all right. */
static int open_address(const struct listener *l, const struct addrinfo *ai)
{
    int problem = is_any_ipv6(ai) ? try_bind(ai) : 0, port = 0;
    if (problem == 0)
        port = is_any_ipv4(ai) ? open_any_ipv4(l, ai) : give_to_core(l, ai);
    if (problem == 0 && port <= 0)
        problem = try_bind(ai);
    errno = problem;
    return port;
}

/* ---- all of them ---- */

static bool is_duplicate(const struct addrinfo *first, const struct addrinfo *ai)
{
    while (first != ai &&
        (first->ai_addrlen != ai->ai_addrlen ||
            memcmp(first->ai_addr, ai->ai_addr, ai->ai_addrlen) != 0))
        first = first->ai_next;
    return first != ai;
}

static const char *text_of(int problem, char *out, size_t size)
{
    return problem != 0 ? strerror_r(problem, out, size) : "the certificates do not work";
}

/* Returns the port, or 0 with *ret_problem set as by open_address(); warns if there are others. */
static int open_one(const struct listener *l, const struct addrinfo *ai, bool is_alone,
    int *ret_problem)
{
    char name[ADDRESS_SIZE], text[128];
    int port = open_address(l, ai);
    *ret_problem = errno;
    if (port <= 0 && !is_alone) {
        name_of(ai, name);
        sv_logf(l->log, SYNCTV_LOG_WARN, "rpc", "%s: nobody is served on %s: %s", l->address, name,
            text_of(*ret_problem, text, sizeof(text)));
    }
    return port > 0 ? port : 0;
}

static struct addrinfo *find_any_ipv6(struct addrinfo *ai)
{
    while (ai != NULL && !is_any_ipv6(ai))
        ai = ai->ai_next;
    return ai;
}

/*
 * Returns the port, or 0. *ret_problem is the errno of the last address. [::] is opened first,
 * where it is among them ("*"): it is IPv4, too, so that 0.0.0.0 is left out then.
 */
static int open_all(const struct listener *l, struct addrinfo *found, int *ret_problem)
{
    bool is_alone = found->ai_next == NULL;
    struct addrinfo *any = find_any_ipv6(found);
    int port = any != NULL ? open_one(l, any, is_alone, ret_problem) : 0;
    bool has_any = port > 0;
    for (struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
        if (port > 0)
            *port_in(ai->ai_addr) = htons((uint16_t)port);
        if (ai == any || is_duplicate(found, ai) || (has_any && is_any_ipv4(ai)))
            continue;
        int got = open_one(l, ai, is_alone, ret_problem);
        if (got > 0)
            port = got;
    }
    return port;
}

static int cannot(const char *address, const char *why, synctv_error *ret_error)
{
    return sv_error_field(ret_error, "listen", "cannot listen on %s: %s", address, why);
}

int sv_rpc_listen(grpc_server *core, const char *address, grpc_server_credentials *credentials,
    const struct sv_log *log, int *ret_port, synctv_error *ret_error)
{
    struct listener l = { core, credentials, log, address };
    char host[HOST_SIZE], port[PORT_SIZE], text[128];
    struct addrinfo *found = NULL;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    if (split(address, host, port) < 0)
        return cannot(address, "not host:port", ret_error);
    int rv = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
    if (rv != 0)
        return cannot(address, gai_strerror(rv), ret_error);
    int problem = 0;
    *ret_port = open_all(&l, found, &problem);
    freeaddrinfo(found);
    return *ret_port > 0 ? 0 : cannot(address, text_of(problem, text, sizeof(text)), ret_error);
}
