/* SPDX-License-Identifier: MIT */
/* The sending side of streams; what it does is in the head of server_stream_send.c. */
#ifndef SV_RPC_SERVER_STREAM_SEND_H
#define SV_RPC_SERVER_STREAM_SEND_H

#include "rpc/server_stream.h"

/* Sends on up to 64 streams that were kicked. */
void sv_rpc_stream_pump_kicked(struct sv_rpc_server *server);
/* Ends the streams whose client has taken nothing for write_stall_ms. */
void sv_rpc_stream_cut_stalled(struct sv_rpc_server *server);
/* When sv_rpc_stream_cut_stalled() has to run next; SV_RPC_NEVER. */
int64_t sv_rpc_stream_next_check_ms(struct sv_rpc_server *server);

/* stream.write_op.done and stream.status_op.done. */
void sv_rpc_stream_write_done(struct sv_rpc_op *op, bool ok);
void sv_rpc_stream_status_done(struct sv_rpc_op *op, bool ok);

#endif
