/* SPDX-License-Identifier: MIT */
/*
 * The client half of gRPC: a channel to one target, calls and streams on it. All callbacks of a channel run on its own
 * thread (or inside sv_rpc_channel_poll()), one at a time, unlocked; they must not block.
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

struct sv_rpc_channel_options {
    const char *target; /* "host:port" */
    bool tls;
    const char *root_ca;     /* PEM; NULL = the system's */
    const char *cert, *key;  /* PEM of this client; NULL = none */
    const char *server_name; /* expect this name in the server's certificate; NULL = the target's */
    unsigned threads;        /* 1, or 0 = driven by sv_rpc_channel_poll() */
    const struct sv_log *log; /* may be NULL */

    /* Limits; sv_rpc_channel_defaults() sets them. */
    unsigned connect_timeout_ms;   /* 5 s an attempt */
    unsigned max_reconnect_ms;     /* 10 s between two attempts at most */
    unsigned max_receive_bytes;    /* 4 MiB a message */
    size_t max_memory_bytes;       /* 64 MiB for all that the server sends, complete or not */
    unsigned keepalive_ms;         /* 20 s, while there are calls */
    unsigned keepalive_timeout_ms; /* 10 s */
    unsigned max_queued_messages;  /* 256 to be sent on a stream … */
    unsigned max_queued_bytes;     /* … and 1 MiB */
};

void sv_rpc_channel_defaults(struct sv_rpc_channel_options *o);

/* Connects lazily. `options` is copied. Errors: INVALID_ARGUMENT (field), NO_MEMORY, INTERNAL. */
int sv_rpc_channel_new(const struct sv_rpc_channel_options *options,
    struct sv_rpc_channel **ret_channel, synctv_error *ret_error);
/* threads = 0 only, as sv_rpc_server_poll(). */
void sv_rpc_channel_poll(struct sv_rpc_channel *channel, int timeout_ms);
/* Makes sv_rpc_channel_poll() return. Any thread. */
void sv_rpc_channel_wake(struct sv_rpc_channel *channel);
/* Cancels everything; each call and stream still gets its last callback (CANCELLED). New ones fail at once. Any thread. */
void sv_rpc_channel_close(struct sv_rpc_channel *channel);
/* close(), then waits for the callbacks and frees. Not on the channel's thread. NULL is fine. */
void sv_rpc_channel_free(struct sv_rpc_channel *channel);

/* Metadata to be sent, at most so many. Keys in lower case; values of "…-bin" keys are bytes, others printable ASCII. Copied. */
#define SV_RPC_METADATA_MAX 4
struct sv_rpc_md {
    const char *key;
    const char *value;
    size_t len; /* 0 = value is a C string */
};

/* How a call ended. Everything is borrowed for the callback. */
struct sv_rpc_answer {
    int grpc_status;    /* 0 = OK */
    synctv_error error; /* code 0 with OK; otherwise what the server said, or the nearest code */
    struct sv_rpc_detail extra; /* a further detail of the error; type_url NULL = none */
    const void *data;           /* the reply of a unary call that ended with OK */
    size_t len;
};

typedef void sv_rpc_done_fn(void *userdata, const struct sv_rpc_answer *answer);

struct sv_rpc_request {
    const char *path; /* "/synctv.client.ClientService/Play" */
    const struct sv_rpc_md *metadata;
    size_t n_metadata;
    int64_t timeout_ms; /* 0 = none, for streams */
    bool
        wait_for_ready; /* wait for a connection until the time is over, instead of failing with the first attempt */
};

/*
 * Takes `payload` in any case; `request` is borrowed. Returns 0, and done() runs exactly once, never inside this function; or
 * NO_MEMORY, and it does not run.
 */
int sv_rpc_unary(struct sv_rpc_channel *channel, const struct sv_rpc_request *request,
    struct sv_rpc_bytes payload, sv_rpc_done_fn *done, void *userdata);

/* Cancels the unary call with this userdata, if there is one; its done() comes as ever. On the channel's thread. */
void sv_rpc_unary_cancel(struct sv_rpc_channel *channel, const void *userdata);

struct sv_rpc_client_stream_ops {
    /* The server has accepted the stream; before all others, not for a refused one. May be NULL. */
    void (*on_open)(struct sv_rpc_client_stream *stream, void *userdata);
    void (*on_message)(struct sv_rpc_client_stream *stream, void *userdata, const void *data,
        size_t len);
    /* It is over; the last callback, exactly once. */
    void (*on_status)(struct sv_rpc_client_stream *stream, void *userdata,
        const struct sv_rpc_answer *answer);
};

/*
 * A stream that cannot start gets its on_status() later; NULL, and no callback at all, when out of memory. Release with
 * sv_rpc_client_stream_unref() (any time: callbacks go on).
 */
struct sv_rpc_client_stream *sv_rpc_client_stream_open(struct sv_rpc_channel *channel,
    const struct sv_rpc_request *request, const struct sv_rpc_client_stream_ops *ops,
    void *userdata);
struct sv_rpc_client_stream *sv_rpc_client_stream_ref(struct sv_rpc_client_stream *stream);
void sv_rpc_client_stream_unref(struct sv_rpc_client_stream *stream);
/* Queues a message; takes `payload` in any case. Any thread. Returns 0, OVERLOADED (the queue is full), NOT_CONNECTED (over or half-closed). */
int sv_rpc_client_stream_send(struct sv_rpc_client_stream *stream, struct sv_rpc_bytes payload);
/* Nothing more will be sent; goes out behind what is queued. Any thread. */
void sv_rpc_client_stream_half_close(struct sv_rpc_client_stream *stream);
/* Ends it now with CANCELLED. Any thread. */
void sv_rpc_client_stream_cancel(struct sv_rpc_client_stream *stream);

#endif
