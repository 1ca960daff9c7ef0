/* SPDX-License-Identifier: MIT */
/*
 * The table of gRPC's sockets, and their turns.
 *
 * A socket is gRPC's if it began to listen between grpc_guard_begin_listening() and
 * _end_listening(), or if such a socket accepted it. The core does not say when a connection has
 * ended; close() does.
 *
 * The core goes on with a connection as long as there is something to receive, 4 MiB at a time, and
 * with a listener as long as somebody connects; all others wait. So a socket has turns. A thread
 * begins one with each epoll_wait(). When enough was received or accepted in it, the core gets
 * EAGAIN, as if there was nothing more, and epoll_ctl() makes epoll report the rest again.
 *
 * The core's executors take over what several threads want. They never call epoll_wait(), and get
 * what is left of a turn.
 */
#include "sockets.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <synctv/node.h>

#include "../addresses.h"
#include "guard.h"

#define FILES_MAX (1 << 20)

static _Atomic(struct grpc_socket *) *sockets; /* by descriptor */
static size_t n_files;
static struct addresses clients = ADDRESSES_INIT;
static _Atomic(uint64_t) n_turns;
/* The current turn of this thread, unique in the process; 0 = none. */
static _Thread_local uint64_t turn;
static _Thread_local bool grpc_listens;

void sockets_init(void)
{
    struct rlimit files;
    if (sockets != NULL || getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    size_t n = files.rlim_cur < FILES_MAX ? (size_t)files.rlim_cur : FILES_MAX;
    sockets = calloc(n, sizeof(sockets[0]));
    n_files = sockets != NULL ? n : 0;
}

struct grpc_socket *sockets_find(int fd)
{
    return fd >= 0 && (size_t)fd < n_files ? atomic_load(&sockets[fd]) : NULL;
}

/* NULL without memory, or if the table is too small. */
static struct grpc_socket *new_socket(int fd, bool listens)
{
    struct grpc_socket *socket = fd >= 0 && (size_t)fd < n_files ? malloc(sizeof(*socket)) : NULL;
    if (socket == NULL)
        return NULL;
    *socket =
        (struct grpc_socket){ .listens = listens, .epoll = -1, .turn_bytes = SOCKETS_TURN_BYTES };
    guard_init_frames(&socket->frames);
    return socket;
}

static void free_socket(struct grpc_socket *socket)
{
    if (socket == NULL)
        return;
    addresses_leave(&clients, socket->address);
    frames_fini(&socket->frames);
    free(socket);
}

/* Whether connections of this address are not counted. */
static bool is_trusted_proxy(const struct sockaddr *addr)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (grpc_guard.trusted_proxies == NULL)
        return false;
    if (addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)addr)->sin_addr, text, sizeof(text));
    else if (addr->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)addr)->sin6_addr, text, sizeof(text));
    return synctv_networks_contain(grpc_guard.trusted_proxies, text, NULL) > 0;
}

/* Without memory the client is not watched. */
bool sockets_add_client(int fd, const struct sockaddr *addr)
{
    static atomic_llong last_s;
    struct grpc_socket *client = new_socket(fd, false);
    if (client == NULL)
        return true;
    unsigned max = grpc_guard.connections_per_address;
    if (max > 0 && !is_trusted_proxy(addr) &&
        !addresses_enter(&clients, addr, max, &client->address)) {
        guard_warn_limited(&last_s, "an address has too many connections: more are turned away",
            "");
        free_socket(client);
        return false;
    }
    free_socket(atomic_exchange(&sockets[fd], client));
    return true;
}

size_t sockets_rest_of_turn(struct grpc_socket *socket, int fd, size_t all)
{
    if (socket->turn != turn || socket->epoll < 0) {
        socket->turn = turn;
        socket->left = all;
    }
    if (socket->left == 0 &&
        syscall(SYS_epoll_ctl, socket->epoll, EPOLL_CTL_MOD, fd, &socket->event) != 0)
        socket->left = all;
    return socket->left;
}

/* ---- begin and end of sockets ---- */

void grpc_guard_begin_listening(void)
{
    grpc_listens = true;
}

void grpc_guard_end_listening(void)
{
    grpc_listens = false;
}

__attribute__((visibility("default"))) int listen(int fd, int n)
{
    struct grpc_socket *listener = grpc_listens ? new_socket(fd, true) : NULL;
    if (listener != NULL)
        free_socket(atomic_exchange(&sockets[fd], listener));
    return (int)syscall(SYS_listen, fd, n);
}

__attribute__((visibility("default"))) int close(int fd)
{
    if (sockets_find(fd) != NULL)
        free_socket(atomic_exchange(&sockets[fd], NULL));
    return (int)syscall(SYS_close, fd);
}

/* ---- turns ---- */

/* Nothing was received from the socket or accepted on it before it is added. */
__attribute__((visibility("default"))) int epoll_ctl(int epfd, int op, int fd,
    struct epoll_event *event)
{
    struct grpc_socket *socket = op == EPOLL_CTL_ADD ? sockets_find(fd) : NULL;
    if (socket != NULL) {
        socket->epoll = epfd;
        socket->event = *event;
    }
    return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

__attribute__((visibility("default"))) int epoll_wait(int epfd, struct epoll_event *events,
    int maxevents, int timeout)
{
    turn = atomic_fetch_add_explicit(&n_turns, 1, memory_order_relaxed) + 1;
    return (int)syscall(SYS_epoll_pwait, epfd, events, maxevents, timeout, NULL, _NSIG / 8);
}
