/* SPDX-License-Identifier: MIT */
/* Checks the address before any file is created. gRPC itself says only that it does not work. */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HOST 254

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

static int cannot(const char *address, const char *why, synctv_error *ret_error)
{
    *ret_error = (synctv_error){ .code = SYNCTV_E_NODE_UNAVAILABLE };
    snprintf(ret_error->field, sizeof(ret_error->field), "listen");
    snprintf(ret_error->message, sizeof(ret_error->message), "listen: cannot listen on %s: %s",
        address, why);
    return ret_error->code;
}

int listen_check(const char *address, bool with_port, synctv_error *ret_error)
{
    char host[MAX_HOST + 1];
    const char *port;
    split(address, host, &port);
    /* Text that looks like numbers is no name to ask DNS for. */
    bool numeric = strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0) };
    struct addrinfo *found = NULL;
    int rv = getaddrinfo(host, with_port ? port : "0", &hints, &found);
    if (rv != 0)
        return cannot(address, numeric ? "this is no IP address" : gai_strerror(rv), ret_error);
    int problem = 0;
    for (const struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
        problem = try_bind(ai);
        if (problem == 0)
            break;
    }
    freeaddrinfo(found);
    return problem == 0 ? 0 : cannot(address, strerror(problem), ret_error);
}
