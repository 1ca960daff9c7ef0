/* SPDX-License-Identifier: MIT */
/*
 * The floor under everything: no gRPC, one thread, an epoll set, and frames that were written
 * beforehand. Serves Echo, Say and Stream: what is the last letter of the path tells which.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h2.h"

#define EVENTS 256
#define STREAMS_MAX 20000
#define READ_SIZE (64 << 10)

enum kind { ECHO, SAY, STREAM };

struct peer {
    int fd;
    bool greeted;
    enum kind kind; /* of all its calls: the first one's path tells */
    bool has_kind;
    struct bytes in, out;
};

static int epoll;
static struct bytes response, trailer, message, delivery;
static struct {
    struct peer *peer;
    uint32_t id;
} streams[STREAMS_MAX];
static unsigned n_streams;

static void flush(struct peer *p)
{
    if (p->out.len == 0)
        return;
    ssize_t n = send(p->fd, p->out.data, p->out.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
        die("send: %s", strerror(errno));
    bytes_drop(&p->out, n > 0 ? (size_t)n : 0); /* the rest goes with what comes next */
}

static void put_frame(struct bytes *out, const struct bytes *frame, uint32_t stream_id)
{
    size_t at = out->len;
    bytes_put(out, frame->data, frame->len);
    for (int i = 0; i < 4; i++)
        out->data[at + 5 + (size_t)i] = (uint8_t)(stream_id >> (24 - 8 * i));
}

static enum kind kind_of(const struct h2_frame *f)
{
    if (memmem(f->payload, f->len, "/Stream", 7) != NULL)
        return STREAM;
    return memmem(f->payload, f->len, "/Say", 4) != NULL ? SAY : ECHO;
}

static void broadcast(void)
{
    for (unsigned i = 0; i < n_streams; i++) {
        struct peer *p = streams[i].peer;
        put_frame(&p->out, &delivery, streams[i].id);
        if (i + 1 == n_streams || streams[i + 1].peer != p)
            flush(p);
    }
}

static void on_headers(struct peer *p, const struct h2_frame *f)
{
    if (!p->has_kind)
        p->kind = kind_of(f);
    p->has_kind = true;
    if (p->kind != STREAM)
        return;
    if (n_streams == STREAMS_MAX)
        die("too many streams");
    streams[n_streams].peer = p;
    streams[n_streams++].id = f->stream_id;
    put_frame(&p->out, &response, f->stream_id);
    put_frame(&p->out, &delivery, f->stream_id);
}

static void on_data(struct peer *p, const struct h2_frame *f)
{
    h2_put_window(&p->out, 0, f->len);
    if (p->kind == STREAM || (f->flags & H2_END_STREAM) == 0)
        return;
    if (p->kind == SAY)
        broadcast();
    put_frame(&p->out, &response, f->stream_id);
    put_frame(&p->out, &message, f->stream_id);
    put_frame(&p->out, &trailer, f->stream_id);
}

static void on_frame(struct peer *p, const struct h2_frame *f)
{
    if (f->type == H2_SETTINGS || f->type == H2_PING)
        h2_put_ack(&p->out, f);
    else if (f->type == H2_HEADERS)
        on_headers(p, f);
    else if (f->type == H2_DATA)
        on_data(p, f);
}

static void on_readable(struct peer *p)
{
    static uint8_t buffer[READ_SIZE];
    size_t have = p->in.len;
    if (have > 0)
        memcpy(buffer, p->in.data, have);
    ssize_t n = recv(p->fd, buffer + have, sizeof(buffer) - have, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) { /* the driver ends, and so do we soon */
        epoll_ctl(epoll, EPOLL_CTL_DEL, p->fd, NULL);
        return;
    }
    size_t len = have + (size_t)n, used = 0, size;
    if (!p->greeted) {
        if (len < strlen(H2_PREFACE))
            die("half a preface");
        used = strlen(H2_PREFACE);
        p->greeted = true;
        h2_put_settings(&p->out);
    }
    struct h2_frame frame;
    while ((size = h2_read(buffer + used, len - used, &frame)) > 0) {
        on_frame(p, &frame);
        used += size;
    }
    p->in.len = 0;
    bytes_put(&p->in, buffer + used, len - used);
    flush(p);
}

static void prepare(size_t size)
{
    void *body = must_alloc(calloc(1, size + 1));
    struct bytes block = { 0 };
    h2_put_indexed(&block, 8); /* :status 200 */
    h2_put_header(&block, "content-type", "application/grpc");
    h2_put_head(&response, block.len, H2_HEADERS, H2_END_HEADERS, 0);
    bytes_put(&response, block.data, block.len);
    block.len = 0;
    h2_put_header(&block, "grpc-status", "0");
    h2_put_head(&trailer, block.len, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 0);
    bytes_put(&trailer, block.data, block.len);
    h2_put_message(&message, body, size, 0, 0);
    h2_put_message(&delivery, body, size, 0, 0);
    free(block.data);
    free(body);
}

static void watch(int fd, struct peer *p)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

static int listen_somewhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("cannot listen: %s", strerror(errno));
    printf("ready port=%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *p = must_alloc(calloc(1, sizeof(*p)));
        p->fd = fd;
        watch(fd, p);
    }
}

int main(int argc, char **argv)
{
    prepare(argc > 1 ? strtoul(argv[1], NULL, 10) : 105);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_somewhere();
    watch(listener, NULL);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                on_readable(events[i].data.ptr);
        }
    }
}
