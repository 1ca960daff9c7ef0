/* SPDX-License-Identifier: MIT */
/*
 * gRPC's core has no hook for what comes from clients, so this program has a recvmsg() of its own, as it has an accept4(): what
 * is received on a connection of a client goes through frames.c first. With TLS that is SSL_read(), which has the
 * plain text. Who goes too far is cut off: the core is told that the connection was reset. What is sent passes through
 * sendmsg() and SSL_write(), for frames.c to know of it. One thread at a time receives on a connection, one may send meanwhile, and
 * none does once it is closed; the core sees to that. Nor does the core tell when a connection has gone, hence close().
 *
 * The core also goes on with a connection for as long as there is something to receive, 4 MiB at a time, and with a listener for as
 * long as somebody connects, and all others wait. So a descriptor has its turn, which a thread begins with each epoll_wait(): when so
 * much was received or accepted in it the core is told that there is nothing more, and epoll, through epoll_ctl(), to tell again what
 * there is. The core's executors, which take over what several threads want, never wait so: they have what is left of it.
 */
#include "receive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "addresses.h"
#include "frames.h"

#define FILES_MAX (1 << 20)
#define TURN_BYTES (32 << 10)
#define TURN_CONNECTIONS 16 /* each costs the core as much as some ten calls */

/* A connection of a client, or what listens for them. */
struct peer {
    bool listens;            /* then it has its turns, and nothing else */
    bool cut_off;            /* for good */
    struct address *address; /* where it is counted */
    struct frames frames;    /* without TLS */
    int epoll;               /* where the core waits for it; -1 = not yet */
    struct epoll_event event;
    uint64_t turn; /* its last one */
    size_t left;   /* bytes or connections there may yet be in that turn */
};

static struct config *told;
static _Atomic(struct peer *) *peers; /* by descriptor */
static size_t n_files;
static int ssl_index = -1; /* where an SSL has its frames; -1 = without TLS */
static atomic_size_t all_parts_bytes;
static _Atomic(uint64_t) n_turns;
static _Thread_local uint64_t turn; /* of this thread, which no other has; 0 = it has none */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* `last_s` belongs to this text. */
static void complain(atomic_llong *last_s, const char *text, const char *why)
{
    char line[160];
    if (told->node.log_level < SYNCTV_LOG_WARN || !log_is_due(last_s))
        return;
    snprintf(line, sizeof(line), "%s%s", text, why);
    log_line(&told->log_format, SYNCTV_LOG_WARN, "server", line);
}

static void begin(struct frames *frames)
{
    frames_init(frames, (unsigned)told->node.limits.streams_per_connection, &all_parts_bytes);
}

static void free_frames_of_ssl(void *parent, void *frames, CRYPTO_EX_DATA *data, int index,
    long argl, void *argp)
{
    if (frames != NULL)
        frames_fini(frames);
    free(frames);
}

void receive_init(struct config *config)
{
    told = config;
    if (config->node.tls_cert_file != NULL) {
        /* Threads of the core that outlast main() still free connections, which OpenSSL must be there for. */
        OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
        ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_frames_of_ssl);
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    size_t n = files.rlim_cur < FILES_MAX ? (size_t)files.rlim_cur : FILES_MAX;
    peers = calloc(n, sizeof(peers[0]));
    n_files = peers != NULL ? n : 0;
}

static struct peer *peer_of(int fd)
{
    return fd >= 0 && (size_t)fd < n_files ? atomic_load(&peers[fd]) : NULL;
}

static struct peer *client_of(int fd)
{
    struct peer *peer = peer_of(fd);
    return peer != NULL && !peer->listens ? peer : NULL;
}

/* NULL without memory. */
static struct peer *new_peer(bool listens)
{
    struct peer *peer = malloc(sizeof(*peer));
    if (peer == NULL)
        return NULL;
    *peer = (struct peer){ .listens = listens, .epoll = -1 };
    begin(&peer->frames);
    return peer;
}

static void free_peer(struct peer *peer)
{
    if (peer == NULL)
        return;
    addresses_leave(peer->address);
    frames_fini(&peer->frames);
    free(peer);
}

/* Whose connections are not counted. */
static bool is_trusted_proxy(const struct sockaddr *addr)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (told->node.trusted_proxies == NULL)
        return false;
    if (addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)addr)->sin_addr, text, sizeof(text));
    else if (addr->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)addr)->sin6_addr, text, sizeof(text));
    return synctv_networks_contain(told->node.trusted_proxies, text, NULL) > 0;
}

/* Without memory a client is not watched. */
bool receive_from(int fd, const struct sockaddr *addr)
{
    static atomic_llong last_s;
    struct peer *client = (size_t)fd < n_files ? new_peer(false) : NULL;
    if (client == NULL)
        return true;
    int32_t max = told->node.limits.connections_per_address;
    if (max > 0 && !is_trusted_proxy(addr) &&
        !addresses_enter(addr, (unsigned)max, &client->address)) {
        complain(&last_s, "an address has too many connections: more are turned away", "");
        free_peer(client);
        return false;
    }
    free_peer(atomic_exchange(&peers[fd], client));
    return true;
}

static bool is_too_much(struct frames *frames, const void *data, size_t len)
{
    static atomic_llong last_s;
    const char *why = frames_take(frames, data, len, now_ms());
    if (why != NULL)
        complain(&last_s, "a client is cut off: ", why);
    return why != NULL;
}

/* ---- descriptors ---- */

__attribute__((visibility("default"))) int close(int fd)
{
    if (peer_of(fd) != NULL)
        free_peer(atomic_exchange(&peers[fd], NULL));
    return (int)syscall(SYS_close, fd);
}

static bool listens(int fd)
{
    int yes = 0;
    socklen_t len = sizeof(yes);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes != 0;
}

/* Nobody has received from it or accepted of it yet. */
static void note_epoll(int fd, int epoll, const struct epoll_event *event)
{
    struct peer *peer = peer_of(fd);
    if (peer == NULL && (size_t)fd < n_files && listens(fd) && (peer = new_peer(true)) != NULL)
        atomic_store(&peers[fd], peer);
    if (peer == NULL)
        return;
    peer->epoll = epoll;
    peer->event = *event;
}

__attribute__((visibility("default"))) int epoll_ctl(int epfd, int op, int fd,
    struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && fd >= 0)
        note_epoll(fd, epfd, event);
    return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

__attribute__((visibility("default"))) int epoll_wait(int epfd, struct epoll_event *events,
    int maxevents, int timeout)
{
    turn = atomic_fetch_add_explicit(&n_turns, 1, memory_order_relaxed) + 1;
    return (int)syscall(SYS_epoll_pwait, epfd, events, maxevents, timeout, NULL, _NSIG / 8);
}

/* What is left of its turn, of `all`; 0 = it is others' turn. */
static size_t rest_of_turn(struct peer *peer, int fd, size_t all)
{
    if (peer->turn != turn || peer->epoll < 0) {
        peer->turn = turn;
        peer->left = all;
    }
    if (peer->left == 0 &&
        syscall(SYS_epoll_ctl, peer->epoll, EPOLL_CTL_MOD, fd, &peer->event) != 0)
        peer->left = all;
    return peer->left;
}

bool receive_may_accept(int listener)
{
    struct peer *peer = peer_of(listener);
    if (peer == NULL)
        return true;
    if (rest_of_turn(peer, listener, TURN_CONNECTIONS) == 0)
        return false;
    peer->left--;
    return true;
}

/* recvmsg() of at most so many bytes. */
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

/* ---- plain text ---- */

static bool are_too_much(struct frames *frames, const struct msghdr *message, size_t received)
{
    for (size_t i = 0; i < message->msg_iovlen && received > 0; i++) {
        const struct iovec *piece = &message->msg_iov[i];
        size_t len = piece->iov_len < received ? piece->iov_len : received;
        if (is_too_much(frames, piece->iov_base, len))
            return true;
        received -= len;
    }
    return false;
}

__attribute__((visibility("default"))) ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct peer *client = (flags & MSG_ERRQUEUE) == 0 ? client_of(fd) : NULL;
    if (client == NULL)
        return syscall(SYS_recvmsg, fd, message, flags);
    size_t max = client->cut_off ? 0 : rest_of_turn(client, fd, TURN_BYTES);
    if (max == 0) {
        errno = client->cut_off ? ECONNRESET : EAGAIN;
        return -1;
    }
    ssize_t received = receive(fd, message, flags, max);
    if (received <= 0)
        return received;
    client->left = max - (size_t)received;
    if (ssl_index < 0 && are_too_much(&client->frames, message, (size_t)received)) {
        client->cut_off = true;
        errno = ECONNRESET;
        return -1;
    }
    return received;
}

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message,
    int flags)
{
    struct peer *client = ssl_index < 0 ? client_of(fd) : NULL;
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

/* ---- TLS ---- */

static struct frames *frames_of_ssl(SSL *ssl)
{
    if (ssl_index < 0 || !SSL_is_server(ssl))
        return NULL;
    struct frames *frames = SSL_get_ex_data(ssl, ssl_index);
    if (frames != NULL || (frames = malloc(sizeof(*frames))) == NULL)
        return frames;
    begin(frames);
    if (SSL_set_ex_data(ssl, ssl_index, frames) == 1)
        return frames;
    free_frames_of_ssl(NULL, frames, NULL, 0, 0, NULL);
    return NULL;
}

__attribute__((visibility("default"))) int SSL_read(SSL *ssl, void *buf, int num)
{
    size_t received;
    int rv = SSL_read_ex(ssl, buf, num > 0 ? (size_t)num : 0, &received);
    if (rv != 1)
        return rv;
    struct frames *frames = frames_of_ssl(ssl);
    return frames != NULL && is_too_much(frames, buf, received) ? -1 : (int)received;
}

__attribute__((visibility("default"))) int SSL_write(SSL *ssl, const void *buf, int num)
{
    size_t written;
    struct frames *frames = frames_of_ssl(ssl);
    if (frames != NULL)
        atomic_store(&frames->settings_sent, true);
    int rv = SSL_write_ex(ssl, buf, num > 0 ? (size_t)num : 0, &written);
    if (rv == 1 && frames != NULL)
        frames_sent(frames, buf, written);
    return rv == 1 ? (int)written : rv;
}
