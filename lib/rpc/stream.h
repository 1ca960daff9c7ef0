/* SPDX-License-Identifier: MIT */
/* A stream's state, shared by stream.c (its life and reading) and pump.c (sending). */
#ifndef SV_RPC_STREAM_H
#define SV_RPC_STREAM_H

#include "rpc/inside.h"

struct sv_rpc_stream {
    atomic_uint refs;
    struct sv_rpc_server *server; /* valid while a hold is there */
    enum sv_rpc_kind kind;
    grpc_call *call;
    grpc_completion_queue *cq;
    struct sv_peer *peer;
    bool needs_no_sign_in; /* counted there so */
    const struct sv_rpc_stream_ops *ops;
    void *userdata;

    bool has_request; /* its first message has come; of the reader */
    struct sv_op read_op, write_op, status_op, close_op;
    grpc_byte_buffer *read_buffer;
    int cancelled;

    atomic_bool kicked;        /* it is on server.kicked */
    struct sv_list kick_link;  /* server.lock */
    struct sv_list stall_link; /* server.lock */
    struct sv_list link;       /* server.lock */
    int64_t watched_ms;        /* server.lock: when it came to server.stalled */

    pthread_mutex_t lock;
    unsigned holds;        /* what keeps it from being closed: being open, operations, kicks */
    bool closed;           /* no more holds */
    bool pumping;          /* somebody is in sv_stream_pump() … */
    bool again;            /* … and has to look once more */
    bool writing;          /* a message is on its way */
    bool finishing;        /* end_code is valid */
    bool broken;           /* send nothing more but the status */
    bool status_sent;      /* the final batch was started */
    bool status_pending;   /* … and has not completed */
    bool cut;              /* it took nothing for too long */
    bool core_cancelled;   /* grpc_call_cancel…() was called */
    bool close_armed;      /* RECV_CLOSE was started apart from the final batch */
    int64_t busy_since_ms; /* a write or the status does not complete; 0 = none */
    unsigned drained;      /* messages sent since `finishing` */
    int end_code;
    synctv_error *end_error; /* NULL = the default text */

    /* Whoever is pumping. */
    struct sv_rpc_bytes ahead; /* pulled to know whether there is one more */
    bool has_ahead;
    bool ended; /* next() has said that there is no more */
};

/* Keeps a stream from being closed; false if it already is. */
bool sv_stream_hold(struct sv_rpc_stream *s);
/* Gives a hold back. The last one closes the stream: only on the server's own threads. */
void sv_stream_drop(struct sv_rpc_stream *s);
/* Sends what can be sent. The caller has a hold. */
void sv_stream_pump(struct sv_rpc_stream *s);
void sv_stream_write_done(struct sv_op *op, bool ok);
void sv_stream_status_done(struct sv_op *op, bool ok);

#endif
