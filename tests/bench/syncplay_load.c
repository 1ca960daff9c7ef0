/* SPDX-License-Identifier: MIT */
/*
 * Loads Debian's syncplay-server, which speaks JSON lines: syncplay_load PID PORT CLIENTS. All
 * clients are in one room and answer each State as the real one does. Commands and answers as of
 * bench_driver: open, idle SECONDS, run SECONDS (somebody seeks), say SECONDS [N] (N people chat at
 * once).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define EVENTS 256
#define READ_SIZE (256 << 10)
#define PATIENCE_NS 120000000000ull

struct peer {
    unsigned number;
    int fd;
    struct bytes in;
};

static int epoll;
static pid_t pid;
static struct peer *peers;
static unsigned n_peers, n_joined, waiting_for;
static uint64_t n_delivered, n_lines, round_began_ns;
static bool commanded, round_done;
static const char *expected; /* what a line of this round has in it */
static struct histogram delays;

static void say(struct peer *p, const char *text, size_t len)
{
    if (send(p->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        die("send: %s", strerror(errno));
}

/*
 * The server's time stamp goes back to it, and the number of a forced state, which acknowledges it.
 */
static void answer_state(struct peer *p, const char *line)
{
    char answer[512], ignoring[64] = "";
    const char *stamp = strstr(line, "\"latencyCalculation\": ");
    double server_time = stamp != NULL ? strtod(stamp + 22, NULL) : 0;
    const char *forced = strstr(line, "\"ignoringOnTheFly\": {\"server\": ");
    if (forced != NULL)
        snprintf(ignoring, sizeof(ignoring), ", \"ignoringOnTheFly\": {\"server\": %d}",
            atoi(forced + 31));
    int len = snprintf(answer, sizeof(answer),
        "{\"State\": {\"playstate\": {\"position\": 10.0, \"paused\": true}, \"ping\": "
        "{\"latencyCalculation\": %.6f, \"clientLatencyCalculation\": %.6f, \"clientRtt\": 0.001}"
        "%s}}\r\n",
        server_time, (double)now_ns() / 1e9, ignoring);
    say(p, answer, (size_t)len);
}

static void on_line(struct peer *p, const char *line)
{
    n_lines++;
    if (strncmp(line, "{\"Hello\"", 8) == 0)
        n_joined++;
    else if (strncmp(line, "{\"Error\"", 8) == 0)
        die("syncplay-server: %s", line);
    if (expected != NULL && strstr(line, expected) != NULL) {
        histogram_add(&delays, now_ns() - round_began_ns);
        n_delivered++;
        round_done = waiting_for > 0 && --waiting_for == 0;
    }
    if (strncmp(line, "{\"State\"", 8) == 0)
        answer_state(p, line);
}

static void on_readable(struct peer *p)
{
    static uint8_t buffer[READ_SIZE];
    ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);
    if (n <= 0)
        die("syncplay-server closed a connection");
    bytes_put(&p->in, buffer, (size_t)n);
    uint8_t *at = p->in.data, *end = at + p->in.len, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        *newline = '\0';
        on_line(p, (const char *)at);
        at = newline + 1;
    }
    bytes_drop(&p->in, (size_t)(at - p->in.data));
}

static bool run_until(const bool *until, uint64_t deadline_ns)
{
    while (until == NULL || !*until) {
        uint64_t now = now_ns();
        if (now >= deadline_ns)
            return false;
        uint64_t left_ms = (deadline_ns - now) / 1000000 + 1;
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, left_ms > 1000 ? 1000 : (int)left_ms);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                commanded = true;
            else
                on_readable(events[i].data.ptr);
        }
    }
    return true;
}

static void watch(int fd, struct peer *p)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

/* ---- commands ---- */

struct span {
    uint64_t at_ns, cpu_ns;
};

static struct span span_now(void)
{
    return (struct span){ now_ns(), cpu_of(pid) };
}

static void report(struct span begin, uint64_t ops)
{
    struct span end = span_now();
    double seconds = (double)(end.at_ns - begin.at_ns) / 1e9;
    double cpu_s = (double)(end.cpu_ns - begin.cpu_ns) / 1e9;
    printf("{\"ops\": %" PRIu64 ", \"seconds\": %.4f, \"cpu_s\": %.6f, \"cpu_us\": %.4f, "
           "\"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"messages\": %" PRIu64 "}\n",
        ops, seconds, cpu_s, cpu_s * 1e6 / (ops > 0 ? (double)ops : 1), (double)ops / seconds,
        histogram_us(&delays, 0.5), histogram_us(&delays, 0.99), n_lines);
    fflush(stdout);
    n_lines = 0;
}

static void join(struct peer *p, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect: %s", strerror(errno));
    watch(p->fd, p);
    char hello[400];
    int len = snprintf(hello, sizeof(hello),
        "{\"Hello\": {\"username\": \"user%u\", \"room\": {\"name\": \"bench\"}, "
        "\"version\": \"1.2.255\", \"realversion\": \"1.6.9\", \"features\": "
        "{\"sharedPlaylists\": true, \"chat\": true, \"featureList\": true, \"readiness\": true, "
        "\"managedRooms\": true}}}\r\n",
        p->number);
    say(p, hello, (size_t)len);
}

static void open_all(uint16_t port)
{
    struct span begin = span_now();
    for (unsigned i = 0; i < n_peers; i++) {
        peers[i].number = i;
        join(&peers[i], port);
        while (n_joined + 32 <= i)
            run_until(NULL, now_ns() + 1000000);
        if (now_ns() - begin.at_ns > PATIENCE_NS)
            die("only %u of %u could join in time", n_joined, n_peers);
    }
    while (n_joined < n_peers)
        run_until(NULL, now_ns() + 1000000);
    report(begin, n_peers);
}

static void run_rounds(double seconds, const char *line, unsigned n_speakers,
    const char *expected_part)
{
    struct span begin = span_now();
    histogram_reset(&delays);
    n_delivered = 0;
    expected = expected_part;
    for (int i = 0; i < 3 || (double)(now_ns() - begin.at_ns) < seconds * 1e9; i++) {
        waiting_for = n_speakers * n_peers;
        round_done = false;
        round_began_ns = now_ns();
        for (unsigned k = 0; k < n_speakers; k++)
            say(&peers[k], line, strlen(line));
        if (!run_until(&round_done, now_ns() + PATIENCE_NS))
            die("%u deliveries are missing", waiting_for);
    }
    expected = NULL;
    report(begin, n_delivered);
}

static void obey(const char *line, uint16_t port)
{
    char command[16] = "";
    double seconds = 0;
    unsigned n_speakers = 1;
    sscanf(line, "%15s %lf %u", command, &seconds, &n_speakers);
    if (strcmp(command, "open") == 0) {
        open_all(port);
    } else if (strcmp(command, "idle") == 0) {
        struct span begin = span_now();
        histogram_reset(&delays);
        n_lines = 0;
        run_until(NULL, now_ns() + (uint64_t)(seconds * 1e9));
        report(begin, 0);
    } else if (strcmp(command, "say") == 0 && n_speakers > 0 && n_speakers <= n_peers) {
        run_rounds(seconds, "{\"Chat\": \"a message of the usual length\"}\r\n", n_speakers,
            "{\"Chat\"");
    } else if (strcmp(command, "run") == 0) {
        run_rounds(seconds,
            "{\"State\": {\"playstate\": {\"position\": 20.0, \"paused\": true, \"doSeek\": true}, "
            "\"ping\": {\"latencyCalculation\": 0, \"clientLatencyCalculation\": 1.0, "
            "\"clientRtt\": 0}, \"ignoringOnTheFly\": {\"client\": 1}}}\r\n",
            1, "\"doSeek\": true");
    } else {
        die("no such command: %s", line);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("syncplay_load PID PORT CLIENTS");
    pid = (pid_t)atoi(argv[1]);
    uint16_t port = (uint16_t)atoi(argv[2]);
    n_peers = (unsigned)atoi(argv[3]);
    peers = must_alloc(calloc(n_peers, sizeof(*peers)));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(STDIN_FILENO, NULL);
    char line[256];
    for (;;) {
        commanded = false;
        run_until(&commanded, now_ns() + 3600000000000ull);
        if (fgets(line, sizeof(line), stdin) == NULL)
            return 0;
        obey(line, port);
    }
}
