/* SPDX-License-Identifier: MIT */
/*
 * The server half of gRPC, as the rest of the library uses it.
 *
 *   server   listens, has the threads and a table of methods
 *   call     one request of a client; whoever start() gave it to answers it once, from any thread
 *   stream   a call that was accepted: messages in by on_message(), messages out by next()
 *
 * A server without a listener (options.listen NULL) never starts gRPC: it has the same loop with
 * turn() and sv_rpc_server_wake(), for a node that serves no network.
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
    /* One request, which is read before start(), and one reply. */
    SV_RPC_UNARY,
    /* Messages both ways. */
    SV_RPC_BIDI,
    /* One request, which comes to on_message(), then messages out until finish(). */
    SV_RPC_SERVER_STREAM,
};

enum sv_rpc_method_flags {
    /* A stream that needs no sign-in. A connection may have 4 of them. */
    SV_RPC_NO_SIGN_IN = 1,
    /*
     * A thread of the loop, not one for streams, brings the stream's messages: what they cause on
     * other streams is sent in the same turn, with no thread to be woken. For streams of few peers.
     */
    SV_RPC_STAYS_ON_QUEUE = 2,
};

struct sv_rpc_method {
    /* "/synctv.client.ClientService/Play". Borrowed until the server is freed. */
    const char *path;
    enum sv_rpc_kind kind;
    /*
     * A call has come. It belongs to the callee, who answers it once, now or later, from any
     * thread: a unary call with sv_rpc_call_reply() or sv_rpc_call_fail(), the other kinds with
     * sv_rpc_call_accept() or sv_rpc_call_fail().
     *
     * Runs on a thread of the loop, several at once if threads > 1. Must not block.
     */
    void (*start)(struct sv_rpc_call *call, void *service);
    void *service;
    /* Of enum sv_rpc_method_flags. */
    unsigned flags;
};

/* ---- server: server.c, server_loop.c ---- */

/* PEM texts. */
struct sv_rpc_tls {
    const char *cert;
    const char *key;
    /* Clients must show a certificate that this one signed. NULL = they need none. */
    const char *client_ca;
};

struct sv_rpc_server_options {
    /* As in rpc/listen.h; NULL = no listener. */
    const char *listen;
    /* NULL = plain text. */
    const struct sv_rpc_tls *tls;
    /*
     * Networks as sv_networks_parse() reads them; NULL = none. For calls from these the client's
     * address is the last in the metadata x-forwarded-for that is none of theirs, and their own
     * connections are not counted.
     */
    const char *trusted_proxies;
    /* Threads of the loop. 0 = the caller drives it with sv_rpc_server_poll(). */
    unsigned threads;
    const struct sv_rpc_method *methods;
    size_t n_methods;
    /*
     * A packed FileDescriptorSet for the reflection services; NULL = no reflection. Borrowed until
     * the server is freed.
     */
    const void *descriptor_set;
    size_t descriptor_set_len;

    /*
     * The turn of the node: its mailbox and timers. One thread at a time calls it: after each batch
     * of events, after each sv_rpc_server_wake(), and when the time that it asked for is over.
     * Returns the ms until it wants to be called again at the latest, or < 0 for no such wish. May
     * be NULL.
     */
    int64_t (*turn)(void *userdata);
    void *userdata;
    /* May be NULL. Borrowed until the server is freed. */
    const struct sv_log *log;

    /* Limits. sv_rpc_server_defaults() sets what stands in parentheses. */

    /* Calls and streams at the same time (100). */
    unsigned max_streams_per_connection;
    /*
     * Connections of an address that carry at least one stream (256); 0 = any number. A stream on
     * one more is refused with RESOURCE_EXHAUSTED / STREAM_LIMIT. Each client of a trusted proxy
     * counts as one connection of its own address.
     *
     * The C core neither reports nor refuses connections, so those without streams are not counted.
     * They stay as long as they answer pings: the core's limit for idle connections costs 6 % of
     * every call.
     */
    unsigned max_connections_per_address;
    /* A message (1 MiB). */
    unsigned max_receive_bytes;
    /* The metadata of a call (8 KiB). */
    unsigned max_metadata_bytes;
    /*
     * All that connections receive (512 MiB). Past it streams are reset with ENHANCE_YOUR_CALM. The
     * core looks at the size of a message when it is complete, so this is what stops peers that
     * send endless ones.
     */
    size_t max_memory_bytes;
    /* A silent connection gets a ping after so long (20 s) … */
    unsigned keepalive_ms;
    /* … and ends when the answer takes longer than this (10 s). */
    unsigned keepalive_timeout_ms;
    /* Clients may ping so often (9 s: once in 10 s, on a network with jitter). */
    unsigned min_client_ping_ms;
    /* A connection ends if its handshake takes longer (10 s). */
    unsigned handshake_ms;
    /* A stream or an answer ends when its client takes nothing of it for so long (30 s). */
    unsigned write_stall_ms;
    /* Messages that a stream may still send once it is finished (256). */
    unsigned shutdown_drain_messages;
};

/* Everything zero but the limits, and one thread. */
void sv_rpc_server_defaults(struct sv_rpc_server_options *o);

/*
 * Makes a server, listens and starts its threads. `options` is copied, and so are the table of
 * methods and the PEM texts.
 *
 * Errors: INVALID_ARGUMENT (field "listen", "trusted_proxies", "tls_cert_file", "tls_key_file",
 * "tls_client_ca_file", "methods"), NO_MEMORY, INTERNAL.
 */
int sv_rpc_server_new(const struct sv_rpc_server_options *options,
    struct sv_rpc_server **ret_server, synctv_error *ret_error);

/* The bound port; 0 without a listener. */
int sv_rpc_server_port(const struct sv_rpc_server *server);

/*
 * Gives new connections new certificates; existing connections go on. Errors: INVALID_ARGUMENT as
 * above; then the old certificates stay.
 */
int sv_rpc_server_reload_tls(struct sv_rpc_server *server, const struct sv_rpc_tls *tls,
    synctv_error *ret_error);

/*
 * For threads = 0 only: does one turn of the loop. Waits for something to do, timeout_ms at most
 * (< 0 = as long as it takes). One thread at a time.
 */
void sv_rpc_server_poll(struct sv_rpc_server *server, int timeout_ms);

/*
 * Makes the loop turn soon. Any thread, also inside turn(). Several wakes may lead to one turn. Not
 * after sv_rpc_server_free() has begun.
 */
void sv_rpc_server_wake(struct sv_rpc_server *server);
/*
 * With threads = 0, for a program that sleeps in a loop of its own. The descriptor is readable when
 * there is something to do, until sv_rpc_server_poll() has been called, and when the server ends.
 * wait_ms() says in how many ms there is something to do anyway (INT64_MAX = never).
 */
int sv_rpc_server_fd(const struct sv_rpc_server *server);
int64_t sv_rpc_server_wait_ms(struct sv_rpc_server *server);

/*
 * What grpc.health.v1 answers for "" and for every service of the table. A new server is serving.
 * Any thread.
 */
void sv_rpc_server_set_serving(struct sv_rpc_server *server, bool serving);

struct sv_rpc_server_stats {
    /* Since the start. */
    unsigned long calls;
    /* Not answered yet; accepted streams are not among them. */
    unsigned live_calls;
    unsigned live_streams;
};
void sv_rpc_server_get_stats(struct sv_rpc_server *server, struct sv_rpc_server_stats *ret);

/*
 * Begins the end: health says NOT_SERVING, new connections and calls are refused, every stream is
 * finished with UNAVAILABLE / SHUTTING_DOWN. Calls that wait for their answer may still get it.
 * Does not block. Any thread. A second close does nothing.
 */
void sv_rpc_server_close(struct sv_rpc_server *server);
/*
 * Closes the server, waits for calls and streams to end, cuts the connections of those that are
 * left after grace_ms, and ends the threads. turn() is called until then, and never afterwards.
 *
 * Returns only when each call that start() was given is answered: stop the server before you stop
 * what answers. Not on a thread of the loop.
 */
void sv_rpc_server_stop(struct sv_rpc_server *server, int64_t grace_ms);
/* Stops the server with grace 0 if nobody has stopped it, then frees it. NULL is fine. */
void sv_rpc_server_free(struct sv_rpc_server *server);

/* ---- calls: server_call.c ---- */

/*
 * The owner of a call may ask for these until it answers the call. Results are borrowed from the
 * call.
 */

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
 * Answers with OK. Takes `payload` and the call. If this client, its network or all clients
 * together have too many answers that they do not read (rpc/peers.h), the answer is OVERLOADED
 * instead.
 */
void sv_rpc_call_reply(struct sv_rpc_call *call, struct sv_rpc_bytes payload);
/*
 * Answers with the status code that belongs to `code`. Takes the call. `err` (borrowed, may be
 * NULL) adds message, field and retry time; `extra` (borrowed, may be NULL) travels as one more
 * detail.
 */
void sv_rpc_call_fail(struct sv_rpc_call *call, int code, const synctv_error *err,
    const struct sv_rpc_detail *extra);

/* ---- streams: server_stream.c reads, server_stream_send.c sends ---- */

/*
 * Callbacks of a stream. They run unlocked on threads of the server; with threads = 0 inside
 * sv_rpc_server_poll(). At most one next() of a stream runs at a time, and at most one of its
 * on_message() and on_half_close(); but next() and on_message() may run at the same time.
 * on_closed() comes after all others.
 */
struct sv_rpc_stream_ops {
    /* A message has come; `data` is borrowed. The next one is read when this returns. */
    void (*on_message)(struct sv_rpc_stream *stream, void *userdata, const void *data, size_t len);
    /*
     * Gives the next message to be sent. Must not block. Returns
     *   1    with *ret_bytes, a reference that the caller takes
     *   0    if there is none now; sv_rpc_stream_kick() makes the server ask again
     *   < 0  with *ret_error: the stream ends with that error
     */
    int (*next)(struct sv_rpc_stream *stream, void *userdata, struct sv_rpc_bytes *ret_bytes,
        synctv_error *ret_error);
    /*
     * SV_RPC_BIDI: the client will send no more messages. Once, after its last message. The stream
     * goes on until it is finished. NULL = it is finished with OK then.
     */
    void (*on_half_close)(struct sv_rpc_stream *stream, void *userdata);
    /* The stream is over. Once. Then the server gives its reference to the stream back. */
    void (*on_closed)(struct sv_rpc_stream *stream, void *userdata);
    /*
     * > 0: messages may be compressed with gzip both ways (rpc/gzip.h), and those that come are
     * inflated to at most so many bytes. A larger one, or one that is damaged, ends the stream.
     */
    size_t gzip_max;
};

/*
 * Makes a stream of a call: sends the initial metadata and starts to read. Takes the call with its
 * arena. Callbacks may run before this returns, so `userdata` must be complete. If `ret_stream` is
 * not NULL it gets a reference before any callback runs; release it with sv_rpc_stream_unref().
 *
 * Errors: NO_MEMORY; then the call is as it was, and no callback comes.
 */
int sv_rpc_call_accept(struct sv_rpc_call *call, const struct sv_rpc_stream_ops *ops,
    void *userdata, struct sv_rpc_stream **ret_stream);

struct sv_rpc_stream *sv_rpc_stream_ref(struct sv_rpc_stream *stream);
void sv_rpc_stream_unref(struct sv_rpc_stream *stream);

/* Whoever has a reference may call these on any thread. On a closed stream they do nothing. */

/*
 * There is something to send: next() is called soon. Several kicks may lead to one call. The loop
 * serves at most 64 streams a turn.
 */
void sv_rpc_stream_kick(struct sv_rpc_stream *stream);
/*
 * Ends the stream: what next() still gives is sent (at most shutdown_drain_messages), then the
 * status. `code` 0 = OK; `err` as in sv_rpc_call_fail(). The first finish decides, but an error
 * replaces OK.
 */
void sv_rpc_stream_finish(struct sv_rpc_stream *stream, int code, const synctv_error *err);
/* For on_closed(): the error with which this side has ended it; code 0 = with none, or the client
 * has.
 */
void sv_rpc_stream_get_end(struct sv_rpc_stream *stream, synctv_error *ret_error);
/* Ends it now: next() is not called any more. The client gets the code if it still reads. */
void sv_rpc_stream_cancel(struct sv_rpc_stream *stream, int code, const synctv_error *err);

#endif
