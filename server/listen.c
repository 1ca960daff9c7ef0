/* SPDX-License-Identifier: MIT */
/*
 * Checks the address of gRPC before any file is created, as gRPC itself says only that it does not
 * work; and listens for what is served without gRPC.
 */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HOST 254
#define BACKLOG 511

bool listen_is_address(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon - address > MAX_HOST)
        return false;
    if (memchr(address, ':', (size_t)(colon - address)) != NULL &&
        (address[0] != '[' || colon[-1] != ']'))
        return false;
    size_t n_digits = strspn(colon + 1, "0123456789");
    return n_digits > 0 && n_digits < 6 && colon[1 + n_digits] == '\0' && atoi(colon + 1) <= 65535;
}

static void split(const char *address, char host[MAX_HOST + 1], const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    bool brackets = address[0] == '[' && colon[-1] == ']';
    snprintf(host, MAX_HOST + 1, "%.*s", (int)(colon - address) - 2 * brackets, address + brackets);
    *ret_port = colon + 1;
}

/*
 * Returns 0 or errno. Errors without a plain reason are left to gRPC, which knows more ways to
 * listen.
 */
static int try_bind(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    int problem = bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
    close(fd);
    return problem == EADDRINUSE || problem == EADDRNOTAVAIL || problem == EACCES ? problem : 0;
}

static int cannot(const char *address, const char *field, const char *why, synctv_error *ret_error)
{
    *ret_error = (synctv_error){ .code = SYNCTV_E_NODE_UNAVAILABLE };
    snprintf(ret_error->field, sizeof(ret_error->field), "%s", field);
    snprintf(ret_error->message, sizeof(ret_error->message), "%s: cannot listen on %s: %s", field,
        address, why);
    return ret_error->code;
}

/* Free *ret_found with freeaddrinfo(). */
static int look_up(const char *address, const char *field, bool with_port,
    struct addrinfo **ret_found, synctv_error *ret_error)
{
    char host[MAX_HOST + 1];
    const char *port;
    split(address, host, &port);
    /* Text that looks like numbers is no name to ask DNS for. */
    bool numeric = strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0) };
    int rv = getaddrinfo(host, with_port ? port : "0", &hints, ret_found);
    return rv == 0
        ? 0
        : cannot(address, field, numeric ? "this is no IP address" : gai_strerror(rv), ret_error);
}

int listen_check(const char *address, const char *field, bool with_port, synctv_error *ret_error)
{
    struct addrinfo *found = NULL;
    int problem = look_up(address, field, with_port, &found, ret_error);
    if (problem < 0)
        return problem;
    for (const struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
        problem = try_bind(ai);
        if (problem == 0)
            break;
    }
    freeaddrinfo(found);
    return problem == 0 ? 0 : cannot(address, field, strerror(problem), ret_error);
}

/* ---- listening ---- */

static void set_port(struct sockaddr *addr, int port)
{
    if (addr->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)addr)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)addr)->sin_port = htons((uint16_t)port);
}

static int port_of(int fd)
{
    struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof(addr);
    if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
        return 0;
    return ntohs(addr.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((const struct sockaddr_in *)&addr)->sin_port);
}

/* A socket, or -1 with errno. */
static int open_one(const struct addrinfo *ai)
{
    int yes = 1, no = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

int listen_open(const char *address, const char *field, int *ret_fds, int max, int *ret_port,
    synctv_error *ret_error)
{
    struct addrinfo *found = NULL;
    int n = 0, problem = 0, rv = look_up(address, field, true, &found, ret_error);
    if (rv < 0)
        return rv;
    for (struct addrinfo *ai = found; ai != NULL && n < max; ai = ai->ai_next) {
        if (n > 0)
            set_port(ai->ai_addr, *ret_port);
        int fd = open_one(ai);
        if (fd < 0)
            problem = errno;
        else
            ret_fds[n++] = fd;
        if (n == 1)
            *ret_port = port_of(ret_fds[0]);
    }
    freeaddrinfo(found);
    return n > 0 ? n : cannot(address, field, strerror(problem), ret_error);
}
