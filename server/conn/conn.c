/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "inside.h"

/* Kernels take 4 MB and more of a peer that reads nothing, if they may. */
#define SEND_BUFFER_BYTES (256 * 1024)
/* Pieces of one write, and so much of it at once. */
#define WRITE_PIECES 64
/* With TLS so much is sealed ahead of the socket. */
#define SEALED_BYTES (64 * 1024)
#define LINGER_MS 2000

static void watch(struct conn *conn);

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    struct conn_server *server = conn->server;
    close(conn->fd);
    if (conn->opened)
        server->opt.ops->on_close(conn);
    addresses_leave(&server->clients, conn->counted);
    conn_tls_session_free(conn->tls);
    free(conn);
    conn_server_handle_closed(server);
}

void conn_close(struct conn *conn)
{
    if (conn->state == CONN_CLOSING)
        return;
    conn->state = CONN_CLOSING;
    conn_queue_fini(&conn->queue);
    conn_queue_fini(&conn->sealed);
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    conn->server->n_conns--;
    uv_close((uv_handle_t *)&conn->poll, on_closed);
}

/* The peer may still be sending: a socket that is closed with unread bytes takes back the answer.
 */
static void linger(struct conn *conn)
{
    conn->state = CONN_LINGERING;
    conn->pauses = false;
    shutdown(conn->fd, SHUT_WR);
    conn_set_timeout(conn, LINGER_MS);
    if (conn->ended)
        conn_close(conn);
    else
        watch(conn);
}

void conn_finish(struct conn *conn)
{
    if (conn->state != CONN_OPEN)
        return;
    conn->state = CONN_FINISHING;
    conn->timeout_ms = 0;
    conn_flush(conn);
}

/* ---- sending ---- */

static struct conn_queue *outgoing(struct conn *conn)
{
    return conn->tls != NULL ? &conn->sealed : &conn->queue;
}

/* Returns whether the socket takes more. Closes the connection if it is broken. */
static bool write_some(struct conn *conn)
{
    struct iovec pieces[WRITE_PIECES];
    struct conn_queue *out = outgoing(conn);
    struct msghdr message = { .msg_iov = pieces };
    message.msg_iovlen = (size_t)conn_queue_peek(out, pieces, WRITE_PIECES);
    ssize_t n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
            conn_close(conn);
        return errno == EINTR;
    }
    conn_queue_sent(out, (size_t)n);
    conn->stalled_ms = uv_now(conn->server->loop) + conn->server->opt.stall_ms;
    return true;
}

static bool seal(struct conn *conn)
{
    if (conn->tls == NULL)
        return true;
    if (conn_tls_seal(conn->tls, &conn->queue, &conn->sealed, SEALED_BYTES))
        return true;
    conn_close(conn);
    return false;
}

void conn_flush(struct conn *conn)
{
    const struct conn_server_options *opt = &conn->server->opt;
    bool takes_more = true;
    if (conn->state == CONN_CLOSING || conn->state == CONN_LINGERING)
        return;
    while (takes_more && seal(conn) && outgoing(conn)->n > 0)
        takes_more = write_some(conn);
    if (conn->state == CONN_CLOSING)
        return;
    if (outgoing(conn)->n == 0)
        conn->stalled_ms = 0;
    else if (conn->stalled_ms == 0)
        conn->stalled_ms = uv_now(conn->server->loop) + opt->stall_ms;
    if (conn->state == CONN_FINISHING && outgoing(conn)->n == 0) {
        if (conn->tls != NULL) {
            conn_tls_say_end(conn->tls);
            if (!seal(conn))
                return;
            if (conn->sealed.n > 0)
                write_some(conn);
        }
        if (conn->state != CONN_CLOSING)
            linger(conn);
        return;
    }
    watch(conn);
}

/* From the loop alone, so that nobody is called back inside conn_flush(). */
static void tell_drained(struct conn *conn)
{
    const struct conn_server_options *opt = &conn->server->opt;
    if (conn->state != CONN_OPEN || !conn->was_above || conn->queue.n_bytes > opt->drained_bytes)
        return;
    conn->was_above = false;
    opt->ops->on_drained(conn);
}

size_t conn_room(const struct conn *conn)
{
    size_t max = conn->server->opt.max_queue_bytes;
    return conn->state == CONN_OPEN && max > conn->queue.n_bytes ? max - conn->queue.n_bytes : 0;
}

bool conn_send(struct conn *conn, struct conn_buf *buf)
{
    const struct conn_server_options *opt = &conn->server->opt;
    if (buf->len > conn_room(conn) || !conn_queue_push(&conn->queue, buf)) {
        conn_buf_unref(buf);
        return false;
    }
    if (conn->queue.n_bytes > opt->drained_bytes)
        conn->was_above = true;
    return true;
}

size_t conn_queued_bytes(const struct conn *conn)
{
    return conn->queue.n_bytes + conn->sealed.n_bytes;
}

/* ---- receiving ---- */

static void hear(struct conn *conn, const uint8_t *data, size_t len)
{
    if (conn->state == CONN_OPEN)
        conn->server->opt.ops->on_bytes(conn, data, len);
}

static void end_reading(struct conn *conn)
{
    conn->ended = true;
    if (conn->state == CONN_OPEN)
        conn->server->opt.ops->on_end(conn);
    else if (conn->state == CONN_HANDSHAKE || conn->state == CONN_LINGERING)
        conn_close(conn);
    watch(conn);
}

static void open_conn(struct conn *conn)
{
    conn->state = CONN_OPEN;
    conn->opened = true;
    conn->timeout_ms = 0;
    conn->server->opt.ops->on_open(conn, conn->server->opt.userdata);
}

static void shake_hands(struct conn *conn)
{
    enum conn_tls_result result = conn_tls_handshake(conn->tls);
    if (result == CONN_TLS_OK)
        open_conn(conn);
    conn_flush(conn); /* also the alert that says why it has failed */
    if (result == CONN_TLS_FAILED)
        conn_close(conn);
}

/* What the connection reads as plain text lies where the ciphertext was: that is in TLS already. */
static void take_sealed(struct conn *conn, size_t len)
{
    uint8_t *buf = conn->server->read_buf;
    if (!conn_tls_take(conn->tls, buf, len)) {
        conn_close(conn);
        return;
    }
    if (conn->state == CONN_HANDSHAKE)
        shake_hands(conn);
    while (conn->state == CONN_OPEN) {
        enum conn_tls_result result = conn_tls_read(conn->tls, buf, CONN_READ_BYTES, &len);
        if (result == CONN_TLS_OK)
            hear(conn, buf, len);
        else if (result == CONN_TLS_ENDED && !conn->ended)
            end_reading(conn);
        else if (result == CONN_TLS_FAILED)
            conn_close(conn);
        if (result != CONN_TLS_OK)
            break;
    }
    if (conn->state != CONN_CLOSING)
        conn_flush(conn);
}

static void read_some(struct conn *conn)
{
    uint8_t *buf = conn->server->read_buf;
    ssize_t n = recv(conn->fd, buf, CONN_READ_BYTES, 0);
    if (n == 0)
        end_reading(conn);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        conn_close(conn);
    else if (n > 0 && conn->tls != NULL && conn->state < CONN_FINISHING)
        take_sealed(conn, (size_t)n);
    else if (n > 0)
        hear(conn, buf, (size_t)n);
}

/* ---- the loop ---- */

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = poll->data;
    if (status < 0) {
        conn_close(conn);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        conn_flush(conn);
        tell_drained(conn);
        watch(conn);
    }
    if ((events & UV_READABLE) != 0 && conn->state != CONN_CLOSING && !conn->ended)
        read_some(conn);
}

/* What epoll is to report: it costs a system call, so only when it is something else. */
static void watch(struct conn *conn)
{
    if (conn->state == CONN_CLOSING)
        return;
    int events = 0;
    if (!conn->pauses && !conn->ended)
        events |= UV_READABLE;
    if (conn->state != CONN_LINGERING && (outgoing(conn)->n > 0 || conn->was_above))
        events |= UV_WRITABLE;
    if (events == conn->polled)
        return;
    conn->polled = events;
    int rv = events == 0 ? uv_poll_stop(&conn->poll) : uv_poll_start(&conn->poll, events, on_event);
    if (rv < 0)
        conn_close(conn);
}

void conn_tick(struct conn *conn, uint64_t now_ms)
{
    if (conn->stalled_ms != 0 && now_ms >= conn->stalled_ms) {
        conn_close(conn);
    } else if (conn->timeout_ms != 0 && now_ms >= conn->timeout_ms) {
        conn->timeout_ms = 0;
        if (conn->state == CONN_OPEN)
            conn->server->opt.ops->on_timeout(conn);
        else
            conn_close(conn);
    }
}

void conn_accepted(struct conn_server *server, int fd, const struct sockaddr_storage *peer,
    struct address *counted, bool is_proxy)
{
    int size = SEND_BUFFER_BYTES, yes = 1;
    struct conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL || uv_poll_init(server->loop, &conn->poll, fd) < 0) {
        addresses_leave(&server->clients, counted);
        free(conn);
        close(fd);
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    conn->poll.data = conn;
    conn->fd = fd;
    conn->server = server;
    conn->peer = *peer;
    conn->counted = counted;
    conn->is_proxy = is_proxy;
    conn->next = server->first;
    conn->link = &server->first;
    if (server->first != NULL)
        server->first->link = &conn->next;
    server->first = conn;
    server->n_conns++;
    server->n_handles++;
    if (server->opt.tls == NULL) {
        open_conn(conn);
    } else {
        conn_set_timeout(conn, server->opt.handshake_ms);
        conn->tls = conn_tls_session_new(server->opt.tls);
        if (conn->tls == NULL)
            conn_close(conn);
    }
    watch(conn);
}

/* ---- what the protocol may ask ---- */

void conn_set_userdata(struct conn *conn, void *userdata)
{
    conn->userdata = userdata;
}

void *conn_userdata(const struct conn *conn)
{
    return conn->userdata;
}

const struct sockaddr *conn_peer(const struct conn *conn)
{
    return (const struct sockaddr *)&conn->peer;
}

bool conn_is_proxy(const struct conn *conn)
{
    return conn->is_proxy;
}

uint64_t conn_now_ms(const struct conn *conn)
{
    return uv_now(conn->server->loop);
}

void conn_set_timeout(struct conn *conn, unsigned ms)
{
    conn->timeout_ms = ms == 0 ? 0 : uv_now(conn->server->loop) + ms;
}

void conn_set_reading(struct conn *conn, bool reads)
{
    conn->pauses = !reads;
    watch(conn);
}
