/* SPDX-License-Identifier: MIT */
/*
 * The server half of gRPC: methods are a table, a call is an object that is answered exactly once from any thread, a
 * stream is a call that was accepted. One completion queue, by default one thread.
 *
 * The same loop also serves a node that listens nowhere (options.listen NULL): then it turns and wakes without ever
 * starting gRPC.
 */
#ifndef SV_RPC_SERVER_H
#define SV_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <synctv/error.h>

#include "base/arena.h"
#include "base/log.h"
#include "rpc/bytes.h"
#include "rpc/status.h"

struct sv_rpc_server;
struct sv_rpc_call;
struct sv_rpc_stream;

/* ---- methods ---- */

enum sv_rpc_kind {
    SV_RPC_UNARY,         /* one request, read before start(); one reply */
    SV_RPC_BIDI,          /* messages both ways */
    SV_RPC_SERVER_STREAM, /* one request, which comes to on_message(); then messages out until finish() */
};

struct sv_rpc_method {
    const char *path; /* "/synctv.client.ClientService/Play"; borrowed until the server is freed */
    enum sv_rpc_kind kind;
    /*
     * A call has come. It belongs to the callee, who answers it once, now or later, from any thread:
     * unary with sv_rpc_call_reply() or sv_rpc_call_fail(), the other kinds with sv_rpc_call_accept() or
     * sv_rpc_call_fail(). Runs on a thread of the loop (the streams' kinds too), several at once if threads > 1. Must not block.
     */
    void (*start)(struct sv_rpc_call *call, void *service);
    void *service;
    bool needs_no_sign_in; /* a stream for anybody: a connection may have 4 of them */
};

/* ---- server ---- */

/* PEM texts. With `client_ca` clients must show a certificate that it signed. */
struct sv_rpc_tls {
    const char *cert;
    const char *key;
    const char *client_ca; /* NULL = clients need no certificate */
};

struct sv_rpc_server_options {
    const char *listen;           /* as in rpc/listen.h; NULL = no listener */
    const struct sv_rpc_tls *tls; /* NULL = plain text */
    /*
     * Networks as sv_networks_parse() reads them; NULL = none. For calls from these the client's
     * address is the last in the metadata x-forwarded-for that is none of theirs, and their own
     * connections are not counted.
     */
    const char *trusted_proxies;
    unsigned threads; /* 0 = driven by sv_rpc_server_poll() */
    const struct sv_rpc_method *methods;
    size_t n_methods;
    /* A packed FileDescriptorSet for the reflection services; NULL = no reflection. Borrowed until the server is freed. */
    const void *descriptor_set;
    size_t descriptor_set_len;

    /*
     * The node's mailbox and timers. Called by one thread at a time, after each batch of events, after each
     * sv_rpc_wake() and when the time that it asked for is over. Returns the ms until it wants to be called again at the
     * latest; < 0 = no wish. May be NULL.
     */
    int64_t (*turn)(void *userdata);
    void *userdata;
    const struct sv_log *log; /* may be NULL; borrowed until the server is freed */

    /* Limits; sv_rpc_server_defaults() sets them. */
    unsigned max_streams_per_connection; /* 100: calls and streams at the same time */
    unsigned
        max_connections_per_address; /* 256: connections with streams on them; 0 = any. See below */
    unsigned max_receive_bytes;      /* 1 MiB a message */
    unsigned max_metadata_bytes;     /* 8 KiB */
    /*
     * 512 MiB for all that connections receive. The core looks at the size of a message when it is complete, so this is what
     * stops peers that send endless ones; past it streams are reset with ENHANCE_YOUR_CALM.
     */
    size_t max_memory_bytes;
    unsigned keepalive_ms;         /* 20 s: a ping on a silent connection … */
    unsigned keepalive_timeout_ms; /* 10 s: … and how long its answer may take */
    unsigned min_client_ping_ms;   /* 9 s, for who pings each 10 s on a network with jitter */
    unsigned handshake_ms;         /* 10 s */
    unsigned
        write_stall_ms; /* 30 s: a stream whose client takes nothing for so long is cut, and an answer */
    unsigned shutdown_drain_messages; /* 256: what a stream may still send once it is finished */
};

/*
 * max_connections_per_address: the C core neither reports nor refuses connections. What is counted are the connections
 * of an address that carry at least one live stream; a stream on one more is refused with RESOURCE_EXHAUSTED / STREAM_LIMIT.
 * Behind a trusted proxy each client on a connection is one connection of its address.
 * A connection without calls stays as long as it answers pings (the core's limit for idle ones costs 6 % of every call);
 * one that never finishes its handshake ends by handshake_ms.
 */

/* Everything zero but the limits, and one thread. */
void sv_rpc_server_defaults(struct sv_rpc_server_options *o);

/*
 * Makes a server, listens and starts its threads. `options` is copied, as are method table and PEM
 * texts.
 * Errors: INVALID_ARGUMENT (field "listen", "trusted_proxies", "tls_cert_file", "tls_key_file",
 * "tls_client_ca_file", "methods"), NO_MEMORY, INTERNAL.
 */
int sv_rpc_server_new(const struct sv_rpc_server_options *options,
    struct sv_rpc_server **ret_server, synctv_error *ret_error);

/* The bound port; 0 without a listener. */
int sv_rpc_server_port(const struct sv_rpc_server *server);

/* New certificates for new connections; running ones go on. Errors: INVALID_ARGUMENT as above; then the old ones stay. */
int sv_rpc_server_reload_tls(struct sv_rpc_server *server, const struct sv_rpc_tls *tls,
    synctv_error *ret_error);

/* threads = 0 only: one turn of the loop, waiting at most timeout_ms (< 0 = as long as it takes) for something to do. One thread at a time. */
void sv_rpc_server_poll(struct sv_rpc_server *server, int timeout_ms);

/*
 * threads = 0 only, for a loop that sleeps elsewhere: the descriptor is readable when there is
 * something to do, until sv_rpc_server_poll() has been called, and from the server's end on; and so
 * many ms from now there is something to do even if it is not (INT64_MAX = never).
 */
int sv_rpc_server_fd(const struct sv_rpc_server *server);
int64_t sv_rpc_server_wait_ms(struct sv_rpc_server *server);

/* Makes the loop turn soon. Any thread, also inside turn(); cheap, coalescing. Not after sv_rpc_server_free() has begun. */
void sv_rpc_wake(struct sv_rpc_server *server);

/* What grpc.health.v1 answers for "" and for every service of the table. SERVING from the start. Any thread. */
void sv_rpc_server_set_serving(struct sv_rpc_server *server, bool serving);

struct sv_rpc_server_stats {
    unsigned long calls; /* since the start */
    unsigned live_calls; /* not answered yet, accepted streams apart */
    unsigned live_streams;
};
void sv_rpc_server_get_stats(struct sv_rpc_server *server, struct sv_rpc_server_stats *ret);

/*
 * Begins to end: health says NOT_SERVING, no new connections and calls, every stream is finished with
 * UNAVAILABLE / SHUTTING_DOWN. Does not block; any thread; idempotent. Waiting calls may still be answered.
 */
void sv_rpc_server_close(struct sv_rpc_server *server);
/*
 * close(), waits for calls and streams to end, cancels what is left after grace_ms (their connections are cut), and ends the
 * threads. turn() goes on until the end and is never called afterwards. Each call that start() was given must have been answered
 * by somebody for this to return, so stop the server before what answers. Not on a thread of the loop.
 */
void sv_rpc_server_stop(struct sv_rpc_server *server, int64_t grace_ms);
/* stop(0) if that was not done, then frees. NULL is fine. */
void sv_rpc_server_free(struct sv_rpc_server *server);

/* ---- calls ---- */

/* All accessors are for the owner of the call and valid until it is answered. Results are borrowed from the call. */

const char *sv_rpc_call_path(const struct sv_rpc_call *call);
/* The request of a unary call in one piece. Never NULL; *ret_len may be 0. */
const void *sv_rpc_call_payload(const struct sv_rpc_call *call, size_t *ret_len);
/* The first value of a metadata key (lower case), not NUL-terminated; NULL if there is none. */
const char *sv_rpc_call_metadata(const struct sv_rpc_call *call, const char *key, size_t *ret_len);
/*
 * The client's address without port: "127.0.0.1", "::1", "unix"; "" if it is not known. See
 * trusted_proxies.
 */
const char *sv_rpc_call_address(struct sv_rpc_call *call);
/* The common name of the verified client certificate; "" if there is none. */
const char *sv_rpc_call_cert_name(struct sv_rpc_call *call);
/* Whole ms left until the client's deadline, ≥ 0; INT64_MAX without one. */
int64_t sv_rpc_call_time_left_ms(const struct sv_rpc_call *call);
/* Memory that lives as long as the call. No limit is set. */
struct sv_arena *sv_rpc_call_arena(struct sv_rpc_call *call);

/*
 * Answers with OK. Takes `payload`. The call is gone. Where a client, its network or all together leave too much lying
 * (rpc/peers.h) the answer is OVERLOADED instead.
 */
void sv_rpc_call_reply(struct sv_rpc_call *call, struct sv_rpc_bytes payload);
/*
 * Answers with an error, the status code being the one that belongs to `code`. `err` (borrowed, may be NULL) adds message,
 * field and retry time; `extra` (borrowed, may be NULL) travels as one more detail. The call is gone.
 */
void sv_rpc_call_fail(struct sv_rpc_call *call, int code, const synctv_error *err,
    const struct sv_rpc_detail *extra);

/* ---- streams ---- */

/*
 * Callbacks of a stream; they run unlocked on threads of the server. next() never runs twice at the same time, nor do
 * on_message() and on_half_close(); but one of each side may. on_closed() comes after all others. With threads = 0 all run inside sv_rpc_server_poll().
 */
struct sv_rpc_stream_ops {
    /* A message has come; `data` is borrowed for the call. The next one is read when it returns. */
    void (*on_message)(struct sv_rpc_stream *stream, void *userdata, const void *data, size_t len);
    /*
     * Pulls the next message to be sent, as synctv_stream_next(): 1 with *ret_bytes (a reference that is taken over), 0 if
     * there is none now (a later sv_rpc_stream_kick() brings the next pull), or < 0 with ret_error filled: the stream ends
     * with that error. Must not block.
     */
    int (*next)(struct sv_rpc_stream *stream, void *userdata, struct sv_rpc_bytes *ret_bytes,
        synctv_error *ret_error);
    /*
     * SV_RPC_BIDI: the client has half-closed; after its last message, once. The stream goes on until somebody ends it.
     * NULL = it is finished with OK.
     */
    void (*on_half_close)(struct sv_rpc_stream *stream, void *userdata);
    /* It is over, whoever ended it; exactly once. The server's reference to the stream goes after this. */
    void (*on_closed)(struct sv_rpc_stream *stream, void *userdata);
};

/*
 * Turns a call into a stream: sends the initial metadata, starts to read. The call is gone (its arena, too). Callbacks
 * may run before this returns, so `userdata` must be complete. The caller of accept gets a reference if `ret_stream` is
 * not NULL (written before any callback runs), to be dropped with sv_rpc_stream_unref().
 * Errors: NO_MEMORY; then the call is as it was, and no callback comes.
 */
int sv_rpc_call_accept(struct sv_rpc_call *call, const struct sv_rpc_stream_ops *ops,
    void *userdata, struct sv_rpc_stream **ret_stream);

struct sv_rpc_stream *sv_rpc_stream_ref(struct sv_rpc_stream *stream);
void sv_rpc_stream_unref(struct sv_rpc_stream *stream);

/* The functions below are thread-safe and harmless on a closed stream; hold a reference. */

/* There is something to pull. Cheap and coalescing; the sending is done by the loop, at most 64 streams a turn. */
void sv_rpc_stream_kick(struct sv_rpc_stream *stream);
/*
 * Ends the stream: what next() still yields is sent (at most shutdown_drain_messages), then the status. code 0 = OK. `err`
 * as in sv_rpc_call_fail(). The first finish decides.
 */
void sv_rpc_stream_finish(struct sv_rpc_stream *stream, int code, const synctv_error *err);
/* Ends it now; nothing more is pulled. The client sees the code if its connection still takes it. */
void sv_rpc_stream_cancel(struct sv_rpc_stream *stream, int code, const synctv_error *err);

#endif
