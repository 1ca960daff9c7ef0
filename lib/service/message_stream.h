/* SPDX-License-Identifier: MIT */
/*
 * MessageStream: a stream of the node, whose events go out as fast as the client reads. Whichever
 * stream sends an event first encodes it; the bytes stay with the event for all other streams.
 */
#ifndef SV_SERVICE_MESSAGE_STREAM_H
#define SV_SERVICE_MESSAGE_STREAM_H

#include "rpc/server.h"

/* sv_rpc_method.start; `arg` is a struct sv_service_method. */
void sv_service_message_stream_start(struct sv_rpc_call *rpc, void *arg);

#endif
