/* SPDX-License-Identifier: MIT */
/*
 * A stream's life and its reading side; server_stream_send.c is the sending side.
 *
 * A stream has references and holds. References keep its memory. Holds keep it open: it has one
 * while it is open, one for each operation of the core that is under way and one while it is
 * kicked. When the last hold is given back, on_closed() is called and nothing else happens on the
 * stream any more, even if there are references left.
 */
#ifndef SV_RPC_SERVER_STREAM_H
#define SV_RPC_SERVER_STREAM_H

#include "rpc/server_inside.h"

struct sv_rpc_stream {
    atomic_uint refs;
    /* Valid while there is a hold. */
    struct sv_rpc_server *server;
    enum sv_rpc_kind kind;
    grpc_call *call;
    grpc_completion_queue *cq;
    /* The connection that counts it, and whether as a stream without sign-in. */
    struct sv_rpc_peer *peer;
    bool needs_no_sign_in;
    const struct sv_rpc_stream_ops *ops;
    void *userdata;

    /* Its first message has come. For the reading side alone. */
    bool has_request;
    struct sv_rpc_op read_op, write_op, status_op, close_op;
    grpc_byte_buffer *read_buffer;
    int cancelled;

    /* It is on server.kicked. */
    atomic_bool kicked;
    /* Under server.lock: links of server.kicked, stalled and streams. */
    struct sv_list kick_link;
    struct sv_list stall_link;
    struct sv_list link;
    /* Under server.lock: when it was put on server.stalled. */
    int64_t watched_ms;

    /* The block below is under `lock`. */
    pthread_mutex_t lock;
    unsigned holds;
    /* There are no holds any more. */
    bool closed;
    /* A thread is in pump(); `again` tells it to look once more before it leaves. */
    bool pumping;
    bool again;
    /* A message is being sent. */
    bool writing;
    /* It is to end, and end_code is valid. */
    bool finishing;
    /* Send nothing more but the status. */
    bool broken;
    /* The final batch was started; it has not completed. */
    bool status_sent;
    bool status_pending;
    /* The client has taken nothing for too long. */
    bool cut;
    /* grpc_call_cancel...() was called. */
    bool core_cancelled;
    /* RECV_CLOSE was started apart from the final batch. */
    bool close_armed;
    /* Since when a write or the status has not completed; 0 = none is under way. */
    int64_t busy_since_ms;
    /* Messages that were sent since `finishing`. */
    unsigned drained;
    int end_code;
    /* NULL = the default text. */
    synctv_error *end_error;

    /* For the thread that is pumping. `ahead` was pulled to know whether more follows. */
    struct sv_rpc_bytes ahead;
    bool has_ahead;
    /* next() has failed and is not called again. */
    bool ended;
};

/* Takes a hold; false if the stream is closed. */
bool sv_rpc_stream_hold(struct sv_rpc_stream *s);
/* Gives a hold back. The last one closes the stream, so only the server's own threads do it. */
void sv_rpc_stream_drop(struct sv_rpc_stream *s);
/* Finishes all streams with SHUTTING_DOWN. Streams that come later see server.closing. */
void sv_rpc_stream_finish_all(struct sv_rpc_server *server);

#endif
