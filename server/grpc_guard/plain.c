/* SPDX-License-Identifier: MIT */
/*
 * recvmsg() and sendmsg() of clients. Without TLS frames.c checks the bytes here; with TLS only the
 * turns are kept here. A client beyond a limit is cut off: the core is told that the connection was
 * reset.
 *
 * The core makes sure that one thread at a time receives on a connection, that one may send
 * meanwhile, and that none does once it is closed.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard.h"
#include "sockets.h"

/*
 * What is received the core takes in at once, whoever else waits. Small calls are a thousand times
 * as much work as the bytes of a large one, so there are fewer bytes in the turns of who makes
 * many. With TLS they cannot be counted here: then nobody has many bytes.
 */
#define TURN_CALLS 8
#define TURN_BYTES (32 << 10)
#define TURN_BYTES_TLS (4 << 10)

static struct grpc_socket *client_of(int fd)
{
    struct grpc_socket *socket = sockets_find(fd);
    return socket != NULL && !socket->listens ? socket : NULL;
}

/* recvmsg() of at most `max` bytes. */
static ssize_t receive(int fd, struct msghdr *message, int flags, size_t max)
{
    size_t n = 0, room = 0, all = message->msg_iovlen;
    while (n < all && room < max)
        room += message->msg_iov[n++].iov_len;
    struct iovec *last = n > 0 ? &message->msg_iov[n - 1] : NULL;
    size_t too_much = room > max ? room - max : 0;
    message->msg_iovlen = n;
    if (last != NULL)
        last->iov_len -= too_much;
    ssize_t received = syscall(SYS_recvmsg, fd, message, flags);
    if (last != NULL)
        last->iov_len += too_much;
    message->msg_iovlen = all;
    return received;
}

static bool exceeds_limits(struct frames *frames, const struct msghdr *message, size_t received)
{
    for (size_t i = 0; i < message->msg_iovlen && received > 0; i++) {
        const struct iovec *piece = &message->msg_iov[i];
        size_t len = piece->iov_len < received ? piece->iov_len : received;
        if (guard_exceeds_limits(frames, piece->iov_base, len))
            return true;
        received -= len;
    }
    return false;
}

/* What it received just now was all that it might, or had so many calls in it. */
static void set_next_turn(struct grpc_socket *client, size_t received, unsigned n_calls)
{
    size_t bytes = client->turn_bytes, most = grpc_guard.tls ? TURN_BYTES_TLS : TURN_BYTES;
    if (n_calls > TURN_CALLS)
        bytes = received * TURN_CALLS / n_calls;
    else if (n_calls <= TURN_CALLS / 2 && client->left == 0)
        bytes *= 2;
    if (bytes > most)
        bytes = most;
    client->turn_bytes = bytes > SOCKETS_TURN_BYTES ? bytes : SOCKETS_TURN_BYTES;
}

__attribute__((visibility("default"))) ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct grpc_socket *client = (flags & MSG_ERRQUEUE) == 0 ? client_of(fd) : NULL;
    if (client == NULL)
        return syscall(SYS_recvmsg, fd, message, flags);
    size_t max = client->cut_off ? 0 : sockets_rest_of_turn(client, fd, client->turn_bytes);
    if (max == 0) {
        errno = client->cut_off ? ECONNRESET : EAGAIN;
        return -1;
    }
    ssize_t received = receive(fd, message, flags, max);
    if (received <= 0)
        return received;
    client->left = max - (size_t)received;
    unsigned n_calls = client->frames.n_begun;
    if (!grpc_guard.tls && exceeds_limits(&client->frames, message, (size_t)received)) {
        client->cut_off = true;
        errno = ECONNRESET;
        return -1;
    }
    set_next_turn(client, (size_t)received, client->frames.n_begun - n_calls);
    return received;
}

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message,
    int flags)
{
    struct grpc_socket *client = grpc_guard.tls ? NULL : client_of(fd);
    if (client != NULL)
        atomic_store(&client->frames.settings_sent, true);
    ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);
    size_t left = client != NULL && sent > 0 ? (size_t)sent : 0;
    for (size_t i = 0; i < message->msg_iovlen && left > 0; i++) {
        const struct iovec *piece = &message->msg_iov[i];
        size_t len = piece->iov_len < left ? piece->iov_len : left;
        frames_sent(&client->frames, piece->iov_base, len);
        left -= len;
    }
    return sent;
}
