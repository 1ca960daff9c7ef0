/* SPDX-License-Identifier: MIT */
/*
 * A call of a client, from the request to the core for it until its answer is sent.
 *
 *   armed -----------> started ---------------> answered ------------> freed
 *   the core has it    method.start() owns it   the answer is sent
 *                          \-- sv_rpc_call_accept(): it becomes a stream (server_stream.c)
 */
#ifndef SV_RPC_SERVER_CALL_H
#define SV_RPC_SERVER_CALL_H

#include "rpc/server_inside.h"

struct sv_rpc_call {
    /* The request to the core for a call, later the sending of the answer. */
    struct sv_rpc_op op;
    struct sv_rpc_server *server;
    struct sv_rpc_bound_method *method;
    grpc_call *call;
    grpc_completion_queue *cq;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    /* Of the catch-all only. */
    grpc_call_details details;
    grpc_byte_buffer *payload;
    /* The payload in one piece; valid if has_flat. */
    grpc_slice flat;
    struct sv_arena arena;
    /* The connection that counts it: a stream from its arrival on, a unary call with its answer. */
    struct sv_rpc_peer *peer;
    /* What `peer` counts for its answer; 0 = nothing. */
    size_t answer_bytes;
    /* Link of server.answers, under server.lock. */
    struct sv_list in_answers;
    int64_t answered_ms;
    char address[SV_ADDRESS_SIZE];
    char *cert_name;
    int cancelled;
    bool has_flat;
    /* There was no memory to replace it in its method's slots: it is armed again when it ends. */
    bool keeps_slot;
};

/* Asks the core for one more call of the method. False when out of memory. */
bool sv_rpc_call_arm(struct sv_rpc_server *server, struct sv_rpc_bound_method *method);
/* Frees everything of the call but what a stream has moved out of it. */
void sv_rpc_call_free(struct sv_rpc_call *call);
/* Cancels the calls whose client has not taken the answer for write_stall_ms. */
void sv_rpc_call_cut_stalled(struct sv_rpc_server *server);
/* When sv_rpc_call_cut_stalled() has to run next; SV_RPC_NEVER. */
int64_t sv_rpc_call_next_check_ms(struct sv_rpc_server *server);

#endif
