/* SPDX-License-Identifier: MIT */
/*
 * gRPC's core (1.51) gives up its listener for good when accept4() fails with anything but EAGAIN.
 * So a peer that opens more connections than there are descriptors would end the server.
 *
 * When no descriptor is left, a spare one is closed, a waiting connection is accepted with it and
 * closed, until none waits: epoll reports new connections only once (edge-triggered).
 */
#include "accept.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard.h"
#include "sockets.h"

/* Each costs the core as much as some ten calls. */
#define TURN_CONNECTIONS 16

/* Guards `spare`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int spare = -1;
static _Thread_local struct sockaddr_storage last_client;

static int libc_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return (int)syscall(SYS_accept4, fd, addr, len, flags);
}

static void open_spare(void)
{
    if (spare < 0)
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void accept_init(void)
{
    pthread_mutex_lock(&lock);
    open_spare();
    pthread_mutex_unlock(&lock);
}

struct sockaddr_storage accept_last_client(void)
{
    struct sockaddr_storage client = last_client;
    last_client.ss_family = AF_UNSPEC;
    return client;
}

/*
 * Accepts and closes a connection that waits in `fd`. False = none waits, or another thread has
 * taken the spare descriptor.
 */
static bool turn_away(int fd)
{
    static atomic_llong last_s;
    pthread_mutex_lock(&lock);
    if (spare >= 0)
        close(spare);
    spare = -1;
    int connection = libc_accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    bool none_waits = connection < 0 && errno == EAGAIN;
    if (connection >= 0)
        close(connection);
    open_spare();
    if (!none_waits)
        guard_warn_limited(&last_s, "too many open files: connections are turned away", "");
    pthread_mutex_unlock(&lock);
    return connection >= 0;
}

/*
 * Whether it is an error of a connection that was lost before it was accepted: accept(2) demands to
 * try again.
 */
static bool is_of_the_connection(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENOPROTOOPT ||
        error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN || error == EHOSTUNREACH ||
        error == ENONET || error == EPERM || error == ETIMEDOUT;
}

static bool may_accept(struct grpc_socket *listener, int fd)
{
    if (sockets_rest_of_turn(listener, fd, TURN_CONNECTIONS) == 0)
        return false;
    listener->left--;
    return true;
}

/*
 * accept4() for a listener of gRPC. EAGAIN = no connection waits, the turn is over, or there is no
 * descriptor.
 */
static int accept_watched(struct grpc_socket *listener, int fd, struct sockaddr_storage *client,
    socklen_t *len, int flags)
{
    for (;;) {
        if (!may_accept(listener, fd)) {
            errno = EAGAIN;
            return -1;
        }
        *len = sizeof(*client);
        int connection = libc_accept4(fd, (struct sockaddr *)client, len, flags);
        if (connection >= 0) {
            if (sockets_add_client(connection, (const struct sockaddr *)client))
                return connection;
            close(connection);
            continue;
        }
        int error = errno;
        bool no_descriptor = error == EMFILE || error == ENFILE;
        if (is_of_the_connection(error) || (no_descriptor && turn_away(fd)))
            continue;
        errno = no_descriptor || error == ENOBUFS || error == ENOMEM ? EAGAIN : error;
        return -1;
    }
}

/*
 * It has another name in C: glibc declares accept4() with a union that no definition can match
 * exactly.
 */
__attribute__((visibility("default"))) int accept_or_turn_away(int fd, struct sockaddr *addr,
    socklen_t *len, int flags) __asm__("accept4");

int accept_or_turn_away(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    struct grpc_socket *listener = sockets_find(fd);
    if (listener == NULL || !listener->listens)
        return libc_accept4(fd, addr, len, flags);
    struct sockaddr_storage client = { .ss_family = AF_UNSPEC };
    socklen_t client_len;
    int connection = accept_watched(listener, fd, &client, &client_len, flags);
    if (connection >= 0) {
        last_client = client;
        if (addr != NULL && len != NULL) {
            memcpy(addr, &client, client_len < *len ? client_len : *len);
            *len = client_len;
        }
    }
    return connection;
}
