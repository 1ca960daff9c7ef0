/* SPDX-License-Identifier: MIT */
/*
 * Stands between gRPC's core (1.51) and hostile clients. The core has no hook for connections and
 * bytes, so this program has functions of its own that go before libc's and OpenSSL's, for a static
 * and a shared libgrpc alike: listen(), accept4(), recvmsg(), sendmsg(), epoll_ctl(), epoll_wait(),
 * close(), SSL_CTX_set_session_id_context(), SSL_do_handshake(), SSL_read() and SSL_write(). They
 * see the sockets of gRPC's servers alone; whatever else the process does passes straight through.
 */
#ifndef GRPC_GUARD_GUARD_H
#define GRPC_GUARD_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <synctv/log.h>

struct grpc_guard_options {
    /* So many connections may an address have; 0 = any number. */
    unsigned connections_per_address;
    /*
     * Networks of proxies, as synctv_node_options says, whose connections are not counted; NULL =
     * none.
     */
    const char *trusted_proxies;
    /* So many calls may be open on a connection; 0 = any number. */
    unsigned calls_per_connection;
    /* Whether gRPC's servers speak TLS. */
    bool tls;
    /* Is told what was done against whom, on any thread; NULL = nobody is. */
    synctv_log_fn *log;
    void *log_userdata;
    synctv_log_level log_level;
};

/*
 * Before gRPC listens; again only when it has ended. `options` are copied, what they point to is
 * borrowed for good.
 */
void grpc_guard_init(const struct grpc_guard_options *options);

/*
 * What the calling thread listens on between these two is gRPC's, and so are the connections that
 * come of it.
 */
void grpc_guard_begin_listening(void);
void grpc_guard_end_listening(void);

/* ---- for the other files of this folder ---- */

struct frames;

extern struct grpc_guard_options grpc_guard;

void guard_begin_frames(struct frames *frames);

/* The next bytes of a client. Returns whether it has to be cut off; then it is in the log why. */
bool guard_is_too_much(struct frames *frames, const void *data, size_t len);

/* Of a clock that never goes back. */
int64_t guard_now_ms(void);

void guard_warn(const char *text);

/* A warning, once a second at most for each `last_s`, which is 0 at first. */
void guard_complain(atomic_llong *last_s, const char *text, const char *why);

#endif
