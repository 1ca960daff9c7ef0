/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define READ_SIZE (256 << 10)
#define RETURN_AT (1u << 26) /* the window is 2 GiB */
#define FIRST_DYNAMIC 62

static char *word(const char *text)
{
    return must_alloc(strdup(text == NULL || strcmp(text, "-") == 0 ? "" : text));
}

unsigned targets_read(const char *path, struct target **ret_targets)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        die("cannot read %s", path);
    unsigned n = 0;
    struct target *targets = NULL;
    char *line = NULL, *rest;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        targets = must_alloc(realloc(targets, (n + 1) * sizeof(*targets)));
        struct target *target = &targets[n++];
        *target = (struct target){ .token = word(strtok_r(line, " \n", &rest)) };
        target->room = word(strtok_r(NULL, " \n", &rest));
        bytes_put_hex(&target->body, word(strtok_r(NULL, " \n", &rest)));
    }
    free(line);
    fclose(file);
    if (n == 0)
        die("%s: no targets", path);
    *ret_targets = targets;
    return n;
}

/* ---- connections ---- */

static void watch(struct conn *conn, int op)
{
    struct epoll_event e = {
        .events = EPOLLIN | (conn->wants_write || !conn->connected ? EPOLLOUT : 0u),
        .data.ptr = conn,
    };
    if (epoll_ctl(conn->client->epoll, op, conn->fd, &e) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

void client_init(struct client *c, uint16_t port, int other_fd)
{
    *c = (struct client){ .port = port, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
    if (other_fd >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, other_fd, &e) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

void conn_open(struct conn *conn, struct client *c, const struct target *target, const char *path,
    unsigned max_calls)
{
    uint32_t n_slots = 2;
    while (n_slots < 2 * max_calls)
        n_slots *= 2;
    *conn = (struct conn){
        .client = c,
        .target = target,
        .path = path,
        .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
        .next_id = 1,
        .window = 65535,
        .calls = must_alloc(calloc(n_slots, sizeof(struct call))),
        .mask = n_slots - 1,
    };
    if (conn->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(c->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (connect(conn->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
        errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    c->n_connecting++;
    bytes_put(&conn->out, H2_PREFACE, strlen(H2_PREFACE));
    h2_put_settings(&conn->out);
    watch(conn, EPOLL_CTL_ADD);
}

void conn_flush(struct conn *conn)
{
    if (!conn->connected || conn->wants_write || conn->out.len == 0)
        return;
    ssize_t n = send(conn->fd, conn->out.data, conn->out.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        die("send: %s", strerror(errno));
    bytes_drop(&conn->out, n > 0 ? (size_t)n : 0);
    if (conn->out.len > 0) {
        conn->wants_write = true;
        watch(conn, EPOLL_CTL_MOD);
    }
}

static void on_writable(struct conn *conn)
{
    if (!conn->connected) {
        int error = 0;
        getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
        if (error != 0)
            die("connect: %s", strerror(error));
        conn->connected = true;
        conn->client->n_connecting--;
        if (conn->client->on_connected != NULL)
            conn->client->on_connected(conn);
    }
    conn->wants_write = false;
    conn_flush(conn);
    watch(conn, EPOLL_CTL_MOD);
}

/* ---- sending ---- */

static void put_headers(struct conn *conn, uint32_t id)
{
    size_t head = conn->out.len;
    h2_put_head(&conn->out, 0, H2_HEADERS, H2_END_HEADERS, id);
    h2_put_indexed(&conn->out, 3); /* :method POST */
    h2_put_indexed(&conn->out, 6); /* :scheme http */
    if (conn->primed) {
        for (unsigned i = 0; i < conn->n_headers; i++)
            h2_put_indexed(&conn->out, FIRST_DYNAMIC + conn->n_headers - 1 - i);
    } else {
        char authorization[1024];
        snprintf(authorization, sizeof(authorization), "Bearer %s", conn->target->token);
        const char *const headers[][2] = { { ":path", conn->path }, { ":authority", "127.0.0.1" },
            { "te", "trailers" }, { "content-type", "application/grpc" },
            { "user-agent", "synctv-bench" },
            { "authorization", conn->target->token[0] != '\0' ? authorization : NULL },
            { "x-room-id", conn->target->room[0] != '\0' ? conn->target->room : NULL } };
        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
            if (headers[i][1] == NULL)
                continue;
            h2_put_header(&conn->out, headers[i][0], headers[i][1]);
            conn->n_headers++;
        }
        conn->primed = true;
    }
    size_t len = conn->out.len - head - H2_HEAD;
    conn->out.data[head + 1] = (uint8_t)(len >> 8);
    conn->out.data[head + 2] = (uint8_t)len;
}

static struct call *begin(struct conn *conn, bool is_stream)
{
    while (conn->calls[conn->next_id >> 1 & conn->mask].id != 0)
        conn->next_id += 2;
    struct call *call = &conn->calls[conn->next_id >> 1 & conn->mask];
    *call = (struct call){ .id = conn->next_id, .is_stream = is_stream };
    call->started_ns = conn->client->now_ns;
    conn->next_id += 2;
    put_headers(conn, call->id);
    return call;
}

static void put_message(struct conn *conn, struct call *call, const void *body, size_t len,
    uint8_t flags)
{
    conn->window -= (int64_t)len + 5;
    if (conn->window < 0)
        die("the server opens no window");
    h2_put_message(&conn->out, body, len, flags, call->id);
}

struct call *conn_ask(struct conn *conn, const struct bytes *body)
{
    struct call *call = begin(conn, false);
    put_message(conn, call, body->data, body->len, H2_END_STREAM);
    return call;
}

struct call *conn_call(struct conn *conn)
{
    return conn_ask(conn, &conn->target->body);
}

struct call *conn_stream(struct conn *conn)
{
    return begin(conn, true);
}

void conn_say(struct conn *conn, struct call *call, const void *body, size_t len)
{
    put_message(conn, call, body, len, 0);
}

/* ---- receiving ---- */

static void end_call(struct conn *conn, struct call *call)
{
    struct call ended = *call;
    call->id = 0;
    if (ended.n_messages == 0 || ended.is_stream)
        die("a %s on %s was refused or cut off", ended.is_stream ? "stream" : "call", conn->path);
    conn->client->on_end(conn, &ended);
}

static void on_data(struct conn *conn, struct call *call, const struct h2_frame *f)
{
    struct client *c = conn->client;
    if (c->keep != NULL)
        bytes_put(c->keep, f->payload, f->len);
    unsigned n = h2_count_messages(&call->messages, f->payload, f->len);
    call->n_messages += n;
    c->messages += n;
    if (n > 0 && call->is_stream)
        c->on_messages(conn, call, n);
    conn->to_return += f->len;
    if (conn->to_return > RETURN_AT) {
        h2_put_window(&conn->out, 0, conn->to_return);
        conn->to_return = 0;
    }
}

static void on_frame(struct conn *conn, const struct h2_frame *f)
{
    struct call *call = &conn->calls[f->stream_id >> 1 & conn->mask];
    bool known = f->stream_id != 0 && call->id == f->stream_id;
    switch (f->type) {
    case H2_SETTINGS:
    case H2_PING:
        h2_put_ack(&conn->out, f);
        break;
    case H2_WINDOW_UPDATE:
        if (f->stream_id == 0)
            conn->window += h2_number(f->payload);
        break;
    case H2_GOAWAY:
        die("the server says good-bye: %.*s", f->len > 8 ? (int)f->len - 8 : 0,
            (const char *)f->payload + 8);
    case H2_DATA:
        if (known)
            on_data(conn, call, f);
        if (known && (f->flags & H2_END_STREAM) != 0)
            end_call(conn, call);
        break;
    case H2_HEADERS:
        if (known && (f->flags & H2_END_STREAM) != 0)
            end_call(conn, call);
        break;
    case H2_RST_STREAM:
        if (known)
            end_call(conn, call);
        break;
    default:
        break;
    }
}

static void on_readable(struct conn *conn)
{
    static uint8_t buffer[READ_SIZE];
    size_t have = conn->in.len;
    if (have > 0)
        memcpy(buffer, conn->in.data, have);
    ssize_t n = recv(conn->fd, buffer + have, sizeof(buffer) - have, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("the server closed a connection");
    size_t len = have + (size_t)n, used = 0, size;
    struct h2_frame frame;
    while ((size = h2_read(buffer + used, len - used, &frame)) > 0) {
        on_frame(conn, &frame);
        used += size;
    }
    conn->in.len = 0;
    bytes_put(&conn->in, buffer + used, len - used);
    conn_flush(conn);
}

bool client_run(struct client *c, const bool *until, uint64_t deadline_ns)
{
    while (until == NULL || !*until) {
        c->now_ns = now_ns();
        if (c->now_ns >= deadline_ns)
            return false;
        uint64_t left_ms = (deadline_ns - c->now_ns) / 1000000 + 1;
        struct epoll_event events[EVENTS];
        int n = epoll_wait(c->epoll, events, EVENTS, left_ms > 1000 ? 1000 : (int)left_ms);
        c->now_ns = now_ns();
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn == NULL) {
                c->on_other();
                continue;
            }
            if ((events[i].events & EPOLLOUT) != 0)
                on_writable(conn);
            if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && conn->connected)
                on_readable(conn);
        }
    }
    return true;
}
