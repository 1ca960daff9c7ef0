/* SPDX-License-Identifier: MIT */
/*
 * gRPC's core (1.51) gives up its listener for good when accept4() fails with anything but EAGAIN: a peer that opens more
 * connections than we may have files would be the last one we hear of. So this program has an accept4() of its own, which
 * goes before libc's for a static and a shared libgrpc alike. When there are no descriptors left it closes one that was set aside,
 * takes a waiting connection with it and hangs up, as long as any wait: the core watches for edges.
 */
#include "accept.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "receive.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static int spare = -1;
static struct config *told; /* NULL = nobody is told */

static int libc_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return (int)syscall(SYS_accept4, fd, addr, len, flags);
}

static void set_aside(void)
{
    if (spare < 0)
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void accept_init(struct config *config)
{
    pthread_mutex_lock(&lock);
    told = config;
    set_aside();
    pthread_mutex_unlock(&lock);
}

static void complain(void)
{
    static atomic_llong last_s;
    if (told != NULL && told->node.log_level >= SYNCTV_LOG_WARN && log_is_due(&last_s))
        log_line(&told->log_format, SYNCTV_LOG_WARN, "server",
            "too many open files: connections are turned away");
}

/* Hangs up on one that waits in `fd`. False = none waits, or another thread has snatched the spare descriptor. */
static bool turn_away(int fd)
{
    pthread_mutex_lock(&lock);
    if (spare >= 0)
        close(spare);
    spare = -1;
    int connection = libc_accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    bool none_waits = connection < 0 && errno == EAGAIN;
    if (connection >= 0)
        close(connection);
    set_aside();
    if (!none_waits)
        complain();
    pthread_mutex_unlock(&lock);
    return connection >= 0;
}

/* Of a connection that was lost before we took it: accept(2) demands to try again. */
static bool is_of_the_connection(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENOPROTOOPT ||
        error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN || error == EHOSTUNREACH ||
        error == ENONET || error == EPERM || error == ETIMEDOUT;
}

/* Under a name of its own in C: glibc declares accept4() with a union that no definition can match to the letter. */
__attribute__((visibility("default"))) int accept_or_turn_away(int fd, struct sockaddr *addr,
    socklen_t *len, int flags) __asm__("accept4");

int accept_or_turn_away(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    for (;;) {
        if (!receive_may_accept(fd)) {
            errno = EAGAIN;
            return -1;
        }
        int connection = libc_accept4(fd, addr, len, flags);
        if (connection >= 0) {
            if (receive_from(connection, addr))
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
