/* SPDX-License-Identifier: MIT */
/*
 * The inside of a channel, and what its unary calls (client_unary.c) and streams (client_stream.c)
 * have in common.
 */
#ifndef SV_RPC_CLIENT_CALL_H
#define SV_RPC_CLIENT_CALL_H

#include <stdatomic.h>

#include <grpc/grpc.h>

#include "rpc/channel.h"
#include "rpc/queue.h"

struct sv_rpc_channel {
    /* Its own one, or that of a server. */
    struct sv_rpc_queue *queue;
    struct sv_rpc_queue own_queue;
    /* One for each target. */
    grpc_channel *cores[SV_RPC_TARGETS_MAX];
    unsigned n_cores;
    unsigned max_queued_messages, max_queued_bytes;
    bool has_thread;
    pthread_t thread;
    atomic_bool running;

    /* No callback runs under it. */
    pthread_mutex_t lock;
    /* Of struct sv_rpc_client_call. */
    struct sv_list calls;
    /* `calls` has become empty. */
    pthread_cond_t idle;
    bool closing;
    /* Whose turn it is. */
    unsigned target;
};

/* What a unary call and a stream have in common. */
struct sv_rpc_client_call {
    /* Under channel->lock. */
    struct sv_list link;
    struct sv_rpc_channel *channel;
    grpc_call *call;
    /* Constant. */
    unsigned target;
    /* This side has cancelled it. Any thread. */
    atomic_bool cancelled;
    /* Cancelled while it waited for a connection, because another target is used now. */
    bool left_behind;
    /* Brings the answer of a call that could not even start. */
    struct sv_letter refusal;
    /* SYNCTV_E_*: why it could not start; 0 = it has started. */
    int refused;
    /* Of a unary call: the userdata of its done(). */
    const void *owner;
    grpc_metadata_array initial, trailing;
    grpc_status_code status;
    grpc_slice text;
};

/*
 * Makes the core's call and puts it on the list. False if the channel is closing: then
 * call->refused is set, and the call is on the list, too.
 */
bool sv_rpc_client_call_begin(struct sv_rpc_client_call *call, struct sv_rpc_channel *channel,
    const struct sv_rpc_request *request);
/* Takes it off the list and releases what is in it. The struct stays the caller's. */
void sv_rpc_client_call_end(struct sv_rpc_client_call *call);

/* Whether no server can have seen anything of it. */
bool sv_rpc_client_call_is_unsent(const struct sv_rpc_client_call *call);

struct sv_rpc_client_answer {
    struct sv_rpc_answer answer;
    /* What answer.extra points into. */
    grpc_slice details;
};

/* Makes an answer of the status that the call has received. */
void sv_rpc_client_answer_init(struct sv_rpc_client_answer *a,
    const struct sv_rpc_client_call *call);
void sv_rpc_client_answer_fini(struct sv_rpc_client_answer *a);

/* The metadata of a request for the core. */
struct sv_rpc_client_metadata {
    grpc_metadata items[SV_RPC_METADATA_MAX + 1];
    size_t n;
};

/* Keep it until the batch was started. */
void sv_rpc_client_metadata_init(struct sv_rpc_client_metadata *m,
    const struct sv_rpc_request *request);
/* One more than the request has. */
void sv_rpc_client_metadata_add(struct sv_rpc_client_metadata *m, const struct sv_rpc_md *md);
void sv_rpc_client_metadata_fini(struct sv_rpc_client_metadata *m);

/* Flags for the request's GRPC_OP_SEND_INITIAL_METADATA. */
uint32_t sv_rpc_client_flags(const struct sv_rpc_request *request);

#endif
