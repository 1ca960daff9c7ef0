/* SPDX-License-Identifier: MIT */
/* The floor under unary calls: a bare echo server on gRPC's C core, one queue, one thread that
 * gathers. */
#include "floor_core.h"

int main(void)
{
    grpc_init();
    grpc_completion_queue *cq = grpc_completion_queue_create_for_next(NULL);
    struct floor_method echo = { .server = floor_server(cq), .cq = cq };
    echo.registered = floor_method(echo.server, "/bench.Bench/Echo", false);
    floor_start(echo.server);
    floor_serve(&echo);
    for (;;)
        floor_gather(cq, true);
}
