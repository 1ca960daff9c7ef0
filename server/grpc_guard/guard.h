/* SPDX-License-Identifier: MIT */
/*
 * Limits what a client's connection to gRPC's core (1.51) may do. The core has no hook for
 * connections and bytes, and takes much from a client without a limit (frames.h).
 *
 * So this program has its own versions of some functions of libc and OpenSSL. The linker finds them
 * first, for a static and a shared libgrpc alike. They see the sockets of gRPC's servers only;
 * other sockets and TLS of the process pass straight through.
 *
 *       client
 *         |  connects
 *         v
 *     accept4()      accept.c     no descriptor is left, or addresses.c counts too many of this
 *         |                       address: closed at once
 *         v
 *     epoll_wait()   sockets.c    begins a turn: at most 16 connections of a listener, 32 KiB of a
 *     epoll_ctl()                 client; then the others, and epoll reports the rest again
 *         |
 *         v
 *     recvmsg() ---- plain.c ---- without TLS: plain text ----------+
 *         |                                                         v
 *         |  with TLS: ciphertext                               frames.c   reads HTTP/2 frames
 *         v                                                         ^      and checks the limits
 *     SSL_read() --- tls.c ------ plain text -----------------------+
 *         |
 *         v
 *     gRPC's core                 or, beyond a limit: the core sees a connection that was reset
 *         |
 *         v
 *     SSL_write(), sendmsg()      tls.c, plain.c: frames.c sees what goes to the client, too
 *         v
 *     close()        sockets.c    forgets the connection
 *
 * listen() in sockets.c marks the listeners. SSL_CTX_set_session_id_context() and
 * SSL_do_handshake() in tls.c find gRPC's connections in OpenSSL and log failed handshakes.
 */
#ifndef GRPC_GUARD_GUARD_H
#define GRPC_GUARD_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <synctv/log.h>

struct grpc_guard_options {
    /* The most connections of an address; 0 = any number. */
    unsigned connections_per_address;
    /*
     * Networks of proxies, in the form of synctv_node_options. Their connections are not counted.
     * NULL = none.
     */
    const char *trusted_proxies;
    /* The most calls open at once on a connection; 0 = any number. */
    unsigned calls_per_connection;
    /* Whether gRPC's servers speak TLS. */
    bool tls;
    /* Gets a line for what was done and why, on any thread; NULL = no log. */
    synctv_log_fn *log;
    void *log_userdata;
    synctv_log_level log_level;
};

/*
 * Call it before gRPC listens; again only after gRPC has ended. `options` are copied; what they
 * point to is borrowed for the life of the process.
 */
void grpc_guard_init(const struct grpc_guard_options *options);

/*
 * sockets.c: sockets on which the calling thread begins to listen between these two calls are
 * gRPC's, and so are the connections that they accept.
 */
void grpc_guard_begin_listening(void);
void grpc_guard_end_listening(void);

/* ---- for the other files of this folder ---- */

struct frames;

extern struct grpc_guard_options grpc_guard;

void guard_init_frames(struct frames *frames);

/*
 * Checks the next bytes of a client. Returns whether it has to be cut off; then the reason is in
 * the log.
 */
bool guard_exceeds_limits(struct frames *frames, const void *data, size_t len);

/* Monotonic. */
int64_t guard_now_ms(void);

void guard_warn(const char *text);

/* Logs a warning, at most once a second for each `last_s`, which is 0 at first. */
void guard_warn_limited(atomic_llong *last_s, const char *text, const char *why);

#endif
