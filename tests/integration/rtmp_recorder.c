/* SPDX-License-Identifier: MIT */
/*
 * lib/media on a socket, for publishers.py: takes what encoders publish by RTMP, one after the
 * other, and writes what a viewer of the stream gets.
 *
 *   rtmp_recorder FILE.flv N
 *
 * It prints its port, then a line for each thing that happens, and exits after N connections. A key
 * with "token=bad" is refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "media/gop_cache.h"
#include "media/rtmp_publisher.h"

#define TAKE 64
/* Beyond the session's deadlines: the machine may be busy. */
#define PATIENCE_MS 60000

static struct sv_gop_cache cache;
static struct sv_gop_cursor cursor;
static FILE *file;

static void must(int is_true, const char *what)
{
    if (!is_true) {
        fprintf(stderr, "rtmp_recorder: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 8) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &len) == 0,
        "listen");
    printf("port %d\n", ntohs(address.sin_port));
    return fd;
}

static void write_viewer(void)
{
    struct sv_packet *packets[TAKE];
    if (cursor.next == 0 && sv_gop_cache_is_ready(&cache)) {
        uint8_t head[SV_FLV_HEAD_LEN];
        sv_flv_write_head(head, sv_gop_cache_has_audio(&cache), sv_gop_cache_has_video(&cache));
        must(fwrite(head, sizeof(head), 1, file) == 1, "write");
    }
    for (int n; (n = sv_gop_cache_take(&cache, &cursor, packets, TAKE)) != 0;) {
        must(n > 0, "no memory");
        for (int i = 0; i < n; i++) {
            must(fwrite(packets[i]->tag, packets[i]->tag_len, 1, file) == 1, "write");
            sv_packet_unref(packets[i]);
        }
    }
}

static void on_event(struct sv_rtmp_publisher *s, const struct sv_rtmp_publisher_event *event)
{
    switch (event->kind) {
    case SV_RTMP_EVENT_PUBLISH:
        printf("publish app=%s key=%s query=%s\n", s->app, s->stream_key, s->query);
        if (strstr(s->query, "token=bad") != NULL) {
            sv_rtmp_publisher_refuse(s, now_ms(), SYNCTV_E_TOKEN_INVALID, "the token is not valid");
        } else {
            must(sv_rtmp_publisher_accept(s, now_ms(), NULL) == 0, "accept");
            sv_gop_cache_begin(&cache);
        }
        break;
    case SV_RTMP_EVENT_MEDIA:
        must(sv_gop_cache_add(&cache, event->type, event->timestamp_ms, event->data, event->len) >=
                0,
            "add");
        write_viewer();
        break;
    case SV_RTMP_EVENT_END:
        printf("end\n");
        break;
    }
}

static void send_out(int fd, struct sv_buffer *out)
{
    while (out->len > 0) {
        ssize_t n = send(fd, out->data, out->len, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sv_buffer_consume(out, (size_t)n);
    }
}

static void feed(struct sv_rtmp_publisher *s, int fd, const uint8_t *data, size_t len)
{
    struct sv_rtmp_publisher_event event;
    synctv_error err;
    size_t pos = 0, used;
    int rv;
    do {
        rv = sv_rtmp_publisher_feed(s, now_ms(), data + pos, len - pos, &used, &event, &err);
        pos += used;
        if (rv == 1)
            on_event(s, &event);
        send_out(fd, &s->connection.out);
    } while (rv == 1);
    if (rv < 0)
        printf("error %s\n", err.message);
}

static void serve(int fd)
{
    struct sv_rtmp_publisher session;
    uint8_t data[65536];
    sv_rtmp_publisher_init(&session, now_ms());
    for (;;) {
        int64_t left = sv_rtmp_publisher_deadline_ms(&session) - now_ms() + PATIENCE_MS;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (left <= 0 || poll(&p, 1, (int)left) == 0) {
            printf("late %s\n", sv_rtmp_publisher_late_reason(&session));
            break;
        }
        ssize_t n = recv(fd, data, sizeof(data), 0);
        if (n <= 0)
            break;
        feed(&session, fd, data, (size_t)n);
    }
    sv_rtmp_publisher_fini(&session);
    close(fd);
    fflush(file);
    printf("closed\n");
}

int main(int argc, char **argv)
{
    must(argc == 3, "usage: rtmp_recorder FILE.flv N");
    setvbuf(stdout, NULL, _IOLBF, 0);
    file = fopen(argv[1], "wb");
    must(file != NULL, argv[1]);
    sv_gop_cache_init(&cache);
    int listener = listen_anywhere();
    for (int n = atoi(argv[2]); n > 0; n--) {
        int fd = accept(listener, NULL, NULL);
        must(fd >= 0, "accept");
        serve(fd);
    }
    sv_gop_cache_fini(&cache);
    fclose(file);
    close(listener);
    return 0;
}
