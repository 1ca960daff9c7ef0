/* SPDX-License-Identifier: MIT */
/*
 * The client half of gRPC: a channel to a target, or to one of several at a time, unary calls and
 * streams on it. All callbacks of a channel run on its own thread, or inside sv_rpc_channel_poll():
 * one at a time and unlocked; or on the threads of a server in this process, which may be several:
 * then one at a time for each call, and for each direction of a stream. They must not block.
 */
#ifndef SV_RPC_CHANNEL_H
#define SV_RPC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <synctv/error.h>

#include "base/log.h"
#include "rpc/bytes.h"
#include "rpc/status.h"

struct sv_rpc_channel;
struct sv_rpc_client_stream;
struct sv_rpc_server;

/* ---- channel: channel.c ---- */

/* Targets of one channel. */
#define SV_RPC_TARGETS_MAX 16

struct sv_rpc_channel_options {
    /* "host:port", or several with commas between them. The first one is used at first. */
    const char *target;
    bool tls;
    /* PEM of the authorities to trust; NULL = the system's. */
    const char *root_ca;
    /* PEM of this client; NULL = none. */
    const char *cert, *key;
    /* The name that the server's certificate must have; NULL = the target's. */
    const char *server_name;
    /*
     * Whose threads run the channel, in their turns; NULL = its own. All queues of a process share
     * one epoll set in the core: with a second thread in it, each event comes to one of them and
     * mostly has to wake the other. It has threads, and outlives the channel.
     */
    struct sv_rpc_server *server;
    /* Without a server: 1, or 0 = the caller drives it with sv_rpc_channel_poll(). */
    unsigned threads;
    /* May be NULL. */
    const struct sv_log *log;

    /* Limits. sv_rpc_channel_defaults() sets what stands in parentheses. */

    /* One attempt to connect (5 s). */
    unsigned connect_timeout_ms;
    /* The longest wait between two attempts (10 s). */
    unsigned max_reconnect_ms;
    /* A message (4 MiB). */
    unsigned max_receive_bytes;
    /* All that the server sends, complete or not (64 MiB). */
    size_t max_memory_bytes;
    /* A silent connection with calls on it gets a ping after so long (20 s) … */
    unsigned keepalive_ms;
    /* … and ends when the answer takes longer than this (10 s). */
    unsigned keepalive_timeout_ms;
    /* Messages that wait to be sent on a stream (256, 1 MiB). */
    unsigned max_queued_messages;
    unsigned max_queued_bytes;
};

void sv_rpc_channel_defaults(struct sv_rpc_channel_options *o);

/*
 * Makes a channel, which connects with its first call. `options` is copied. Errors:
 * INVALID_ARGUMENT (field), NO_MEMORY, INTERNAL.
 */
int sv_rpc_channel_new(const struct sv_rpc_channel_options *options,
    struct sv_rpc_channel **ret_channel, synctv_error *ret_error);
/* For threads = 0 only, as sv_rpc_server_poll(). */
void sv_rpc_channel_poll(struct sv_rpc_channel *channel, int timeout_ms);
/* Makes sv_rpc_channel_poll() return. Any thread. */
void sv_rpc_channel_wake(struct sv_rpc_channel *channel);

/* Whether the target that is used is connected. */
enum sv_rpc_channel_state { SV_RPC_DISCONNECTED, SV_RPC_CONNECTING, SV_RPC_CONNECTED };

unsigned sv_rpc_channel_n_targets(const struct sv_rpc_channel *channel);
/* That of the next calls: its place among the options' targets. */
unsigned sv_rpc_channel_target(struct sv_rpc_channel *channel);
/*
 * The next calls and streams are for that one, which is connected to without a pause after earlier
 * failures. Those that wait for a connection to another one end with NODE_UNAVAILABLE, and say that
 * they were not sent. All others go on. On the channel's thread.
 */
void sv_rpc_channel_use(struct sv_rpc_channel *channel, unsigned target);
enum sv_rpc_channel_state sv_rpc_channel_state(struct sv_rpc_channel *channel);
/*
 * Cancels all calls and streams. Each still gets its last callback, with CANCELLED; new ones get it
 * at once. Any thread.
 */
void sv_rpc_channel_close(struct sv_rpc_channel *channel);
/* Closes the channel, waits for the callbacks and frees it. Not on its thread. NULL is fine. */
void sv_rpc_channel_free(struct sv_rpc_channel *channel);

/* ---- what calls and streams have in common: client_call.c ---- */

/* A request may have so many pieces of metadata. */
#define SV_RPC_METADATA_MAX 4

/*
 * Metadata to be sent. Keys are in lower case. Values of keys that end in "-bin" may have any
 * bytes, others printable ASCII. Copied.
 */
struct sv_rpc_md {
    const char *key;
    const char *value;
    /* 0 = value is a C string. */
    size_t len;
};

struct sv_rpc_request {
    /* "/synctv.client.ClientService/Play" */
    const char *path;
    const struct sv_rpc_md *metadata;
    size_t n_metadata;
    /* 0 = none, for streams. */
    int64_t timeout_ms;
    /* Without a connection the call waits for one; else it fails with the first attempt. */
    bool wait_for_ready;
};

/* How a call has ended. Everything is borrowed for the callback. */
struct sv_rpc_answer {
    /* 0 = OK. */
    int grpc_status;
    /* Code 0 with OK; otherwise what the server said, or the nearest code. */
    synctv_error error;
    /* The target that it was for. */
    unsigned target;
    /* It has failed, and no server can have seen anything of it. */
    bool unsent;
    /* One more detail of the error; type_url NULL = none. */
    struct sv_rpc_detail extra;
    /* The reply of a unary call that has ended with OK. */
    const void *data;
    size_t len;
};

/* ---- unary calls: client_unary.c ---- */

typedef void sv_rpc_done_fn(void *userdata, const struct sv_rpc_answer *answer);

/*
 * Takes `payload` in any case; `request` is borrowed. Returns 0, and done() runs once, never inside
 * this function; or NO_MEMORY, and done() does not run.
 */
int sv_rpc_unary(struct sv_rpc_channel *channel, const struct sv_rpc_request *request,
    struct sv_rpc_bytes payload, sv_rpc_done_fn *done, void *userdata);

/*
 * Cancels the unary call with this userdata, if there is one; its done() still comes. On the
 * channel's thread.
 */
void sv_rpc_unary_cancel(struct sv_rpc_channel *channel, const void *userdata);

/* ---- streams: client_stream.c ---- */

struct sv_rpc_client_stream_ops {
    /*
     * The server has accepted the stream. Before all others; not for a refused one. May be NULL,
     * and is if the channel runs on a server's threads.
     */
    void (*on_open)(struct sv_rpc_client_stream *stream, void *userdata);
    void (*on_message)(struct sv_rpc_client_stream *stream, void *userdata, const void *data,
        size_t len);
    /* The stream is over. The last callback, once. */
    void (*on_status)(struct sv_rpc_client_stream *stream, void *userdata,
        const struct sv_rpc_answer *answer);
    /*
     * Gives the next message to be sent, instead of sv_rpc_client_stream_send(). Returns 1 with
     * *ret_bytes, a reference that the caller takes; or 0 if there is none now: then
     * sv_rpc_client_stream_kick() makes the channel ask again. NULL = messages are queued.
     */
    int (*next)(struct sv_rpc_client_stream *stream, void *userdata,
        struct sv_rpc_bytes *ret_bytes);
    /* As that of struct sv_rpc_stream_ops; larger or damaged messages end it with UNIMPLEMENTED. */
    size_t gzip_max;
};

/*
 * Opens a stream. One that cannot start gets its on_status() later. NULL when out of memory; then
 * no callback comes. Release it with sv_rpc_client_stream_unref() at any time: callbacks go on.
 */
struct sv_rpc_client_stream *sv_rpc_client_stream_open(struct sv_rpc_channel *channel,
    const struct sv_rpc_request *request, const struct sv_rpc_client_stream_ops *ops,
    void *userdata);
struct sv_rpc_client_stream *sv_rpc_client_stream_ref(struct sv_rpc_client_stream *stream);
void sv_rpc_client_stream_unref(struct sv_rpc_client_stream *stream);
/*
 * Queues a message; takes `payload` in any case. Any thread. Errors: OVERLOADED (the queue is
 * full), NOT_CONNECTED (the stream is over or half-closed), NO_MEMORY.
 */
int sv_rpc_client_stream_send(struct sv_rpc_client_stream *stream, struct sv_rpc_bytes payload);
/* There is something to send: next() is called soon. Any thread. */
void sv_rpc_client_stream_kick(struct sv_rpc_client_stream *stream);
/* How long the server has not taken what is being sent; 0 = nothing waits for it. Any thread. */
int64_t sv_rpc_client_stream_stalled_ms(struct sv_rpc_client_stream *stream);
/* Tells the server, behind what is queued, that no more messages follow. Any thread. */
void sv_rpc_client_stream_half_close(struct sv_rpc_client_stream *stream);
/* Ends it now with CANCELLED. Any thread. */
void sv_rpc_client_stream_cancel(struct sv_rpc_client_stream *stream);

#endif
