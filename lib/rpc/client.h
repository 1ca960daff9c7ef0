/* SPDX-License-Identifier: MIT */
/* What the files of the client half share. */
#ifndef SV_RPC_CLIENT_H
#define SV_RPC_CLIENT_H

#include <grpc/grpc.h>

#include "rpc/channel.h"
#include "rpc/queue.h"

struct sv_rpc_channel {
    struct sv_queue queue;
    grpc_channel *core;
    unsigned max_queued_messages, max_queued_bytes;
    bool has_thread;
    pthread_t thread;
    atomic_bool running;

    pthread_mutex_t lock; /* nothing foreign is called under it */
    struct sv_list calls; /* of struct sv_client_call */
    pthread_cond_t idle;  /* calls has become empty */
    bool closing;
};

/* First in a unary call and in a stream. */
struct sv_client_call {
    struct sv_list link; /* channel.lock */
    struct sv_rpc_channel *channel;
    grpc_call *call;
    struct sv_letter refusal; /* of a call that cannot even start */
    grpc_metadata_array initial, trailing;
    grpc_status_code status;
    grpc_slice text;
    int refused;       /* SYNCTV_E_* of a call that did not start; 0 */
    const void *owner; /* of a unary call: the userdata of its done() */
};

/* Makes the core's call and puts it on the list. Returns false with call->refused set when the channel is closing; `call` is on the list anyway. */
bool sv_client_call_begin(struct sv_client_call *call, struct sv_rpc_channel *channel,
    const struct sv_rpc_request *request);
/* Fills the answer from what has come; free it with sv_client_answer_fini(). */
struct sv_client_answer {
    struct sv_rpc_answer answer;
    grpc_slice details;
};
void sv_client_answer_init(struct sv_client_answer *a, const struct sv_client_call *call);
void sv_client_answer_fini(struct sv_client_answer *a);
/* Takes it off the list, releases what is in it. The struct is the caller's. */
void sv_client_call_end(struct sv_client_call *call);

/* The request's metadata for the core; free it after start_batch. */
struct sv_client_metadata {
    grpc_metadata items[SV_RPC_METADATA_MAX];
    size_t n;
};
void sv_client_metadata_init(struct sv_client_metadata *m, const struct sv_rpc_request *request);
void sv_client_metadata_fini(struct sv_client_metadata *m);
uint32_t sv_client_flags(const struct sv_rpc_request *request);

#endif
