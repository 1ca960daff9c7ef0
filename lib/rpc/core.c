/* SPDX-License-Identifier: MIT */
#include "rpc/core.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grpc/grpc.h>
#include <grpc/support/log.h>

static void drop_line(gpr_log_func_args *args)
{
    (void)args;
}

static void silence(void)
{
    if (getenv("GRPC_VERBOSITY") == NULL && getenv("GRPC_TRACE") == NULL)
        gpr_set_log_function(drop_line);
}

void sv_core_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, silence);
    grpc_init();
}

void sv_core_shutdown(void)
{
    grpc_shutdown_blocking();
}

/* "host:port" or "[host]:port" in two strings. */
static int split(const char *listen, char host[256], char port[8])
{
    const char *colon = strrchr(listen, ':');
    size_t len = colon != NULL ? (size_t)(colon - listen) : 0;
    if (colon == NULL || len >= 256 || strlen(colon + 1) >= 8)
        return -1;
    if (len >= 2 && listen[0] == '[' && listen[len - 1] == ']') {
        listen++;
        len -= 2;
    }
    memcpy(host, listen, len);
    host[len] = '\0';
    snprintf(port, 8, "%s", colon + 1);
    return 0;
}

/* 0 or errno. */
static int try_bind(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    int problem = bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, 1) != 0 ? errno : 0;
    close(fd);
    return problem;
}

void sv_core_listen_problem(const char *address, char *out, size_t size)
{
    char host[256], port[8];
    struct addrinfo *found = NULL;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    snprintf(out, size, "%s", "not host:port");
    if (split(address, host, port) < 0)
        return;
    int rv = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
    if (rv != 0) {
        snprintf(out, size, "%s", gai_strerror(rv));
        return;
    }
    int problem = try_bind(found);
    char text[128];
    snprintf(out, size, "%s",
        problem != 0 ? strerror_r(problem, text, sizeof(text)) : "the certificates do not work");
    freeaddrinfo(found);
}
