/* SPDX-License-Identifier: MIT */
/* The threads of a server and what they do each turn; the picture is in server_inside.h. */
#ifndef SV_RPC_SERVER_LOOP_H
#define SV_RPC_SERVER_LOOP_H

#include <stdint.h>

#include "rpc/server.h"

/* Starts the stream queues and their threads. Comes before the first call can. */
int sv_rpc_loop_start_streams(struct sv_rpc_server *server);
/* Starts the threads of the loop. */
int sv_rpc_loop_start(struct sv_rpc_server *server);
/* Does one turn on this thread; waits until until_ms at most. */
void sv_rpc_loop_once(struct sv_rpc_server *server, int64_t until_ms);
/* Ends and joins all threads of the server. */
void sv_rpc_loop_join(struct sv_rpc_server *server);

#endif
