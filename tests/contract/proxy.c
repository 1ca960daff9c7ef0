/* SPDX-License-Identifier: MIT */
#include "proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void close_pair(struct proxy *p, int i)
{
    if (p->pairs[i].client >= 0)
        close(p->pairs[i].client);
    if (p->pairs[i].server >= 0)
        close(p->pairs[i].server);
    p->pairs[i].client = p->pairs[i].server = -1;
}

static void take(struct proxy *p)
{
    struct sockaddr_in to = loopback(p->to_port);
    int client = accept(p->listener, NULL, NULL), i = 0;
    while (i < PROXY_PAIRS && p->pairs[i].client >= 0)
        i++;
    if (client < 0 || i == PROXY_PAIRS || atomic_load(&p->mode) == PROXY_REFUSES) {
        close(client);
        return;
    }
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(server, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(client);
        close(server);
        return;
    }
    p->pairs[i].client = client;
    p->pairs[i].server = server;
}

static void hold(struct proxy *p, int i, const char *data, size_t n)
{
    memcpy(p->held, data, n);
    p->n_held = n;
    p->held_server = p->pairs[i].server;
    p->pairs[i].server = -1;
    close_pair(p, i);
    atomic_store(&p->mode, PROXY_PASSES);
}

static void pass(struct proxy *p, int i, bool to_server)
{
    char data[PROXY_HELD_BYTES];
    int from = to_server ? p->pairs[i].client : p->pairs[i].server;
    int to = to_server ? p->pairs[i].server : p->pairs[i].client;
    ssize_t n = recv(from, data, sizeof(data), 0);
    int mode = atomic_load(&p->mode);
    if (n > 0 && mode == PROXY_HOLDS_QUESTIONS && to_server) {
        hold(p, i, data, (size_t)n);
    } else if (n > 0 && mode == PROXY_CUTS_ANSWERS && !to_server) {
        close_pair(p, i);
        atomic_store(&p->mode, PROXY_PASSES);
    } else if (n <= 0 || send(to, data, (size_t)n, MSG_NOSIGNAL) != n) {
        close_pair(p, i);
    }
}

static void send_held(struct proxy *p)
{
    if (p->held_server < 0)
        return;
    if (p->n_held > 0 && send(p->held_server, p->held, p->n_held, MSG_NOSIGNAL) < 0)
        perror("proxy");
    p->n_held = 0;
}

static void *run(void *arg)
{
    struct proxy *p = arg;
    struct pollfd fds[1 + 2 * PROXY_PAIRS];
    while (!atomic_load(&p->stop)) {
        int mode = atomic_load(&p->mode);
        fds[0] = (struct pollfd){ .fd = p->listener, .events = POLLIN };
        for (int i = 0; i < PROXY_PAIRS; i++) {
            if (mode == PROXY_REFUSES)
                close_pair(p, i);
            fds[1 + 2 * i] = (struct pollfd){ .fd = p->pairs[i].client, .events = POLLIN };
            fds[2 + 2 * i] = (struct pollfd){ .fd = p->pairs[i].server, .events = POLLIN };
        }
        if (mode == PROXY_IS_SILENT) {
            poll(NULL, 0, 5);
            continue;
        }
        if (atomic_exchange(&p->let_go, false))
            send_held(p);
        poll(fds, 1 + 2 * PROXY_PAIRS, 5);
        for (int i = 0; i < 2 * PROXY_PAIRS; i++)
            if (fds[1 + i].fd >= 0 && fds[1 + i].revents != 0 && p->pairs[i / 2].client >= 0)
                pass(p, i / 2, i % 2 == 0);
        if (fds[0].revents != 0)
            take(p);
    }
    return NULL;
}

void proxy_start(struct proxy *p)
{
    memset(p, 0, sizeof(*p));
    const char *url = getenv("SYNCTV_TEST_POSTGRES");
    ck_assert_int_eq(sscanf(url, "postgres://%*[^:]:%d", &p->to_port), 1);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(p->listener, 64), 0);
    ck_assert_int_eq(getsockname(p->listener, (struct sockaddr *)&address, &size), 0);
    p->port = ntohs(address.sin_port);
    p->held_server = -1;
    for (int i = 0; i < PROXY_PAIRS; i++)
        p->pairs[i].client = p->pairs[i].server = -1;
    ck_assert_int_eq(pthread_create(&p->thread, NULL, run, p), 0);
}

void proxy_set(struct proxy *p, enum proxy_mode mode)
{
    atomic_store(&p->mode, mode);
}

void proxy_let_go(struct proxy *p)
{
    atomic_store(&p->let_go, true);
}

void proxy_stop(struct proxy *p)
{
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    for (int i = 0; i < PROXY_PAIRS; i++)
        close_pair(p, i);
    if (p->held_server >= 0)
        close(p->held_server);
    close(p->listener);
}
