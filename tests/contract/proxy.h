/* SPDX-License-Identifier: MIT */
/*
 * A way to PostgreSQL that can be disturbed: a proxy on a thread of its own, for
 * SYNCTV_TEST_POSTGRES.
 */
#ifndef PROXY_H
#define PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum proxy_mode {
    PROXY_PASSES,
    /* Nothing passes, and nobody is told. */
    PROXY_IS_SILENT,
    /* Connections are closed, and new ones as soon as they come. */
    PROXY_REFUSES,
    /*
     * Once: the next answer of the server is swallowed and its connection closed; then it passes
     * again.
     */
    PROXY_CUTS_ANSWERS,
    /*
     * Once: what a client says next is kept and the client's side closed, the server's not; then it
     * passes again.
     */
    PROXY_HOLDS_QUESTIONS,
};

#define PROXY_PAIRS 64
#define PROXY_HELD_BYTES 65536

struct proxy {
    int port;
    int listener, to_port;
    pthread_t thread;
    _Atomic int mode;
    _Atomic bool stop, let_go;
    struct {
        /* -1 = none. */
        int client, server;
    } pairs[PROXY_PAIRS];
    /* What is held is for it. */
    int held_server;
    size_t n_held;
    char held[PROXY_HELD_BYTES];
};

void proxy_start(struct proxy *p);
void proxy_set(struct proxy *p, enum proxy_mode mode);
/* Sends what PROXY_HOLDS_QUESTIONS has kept. */
void proxy_let_go(struct proxy *p);
void proxy_stop(struct proxy *p);

#endif
