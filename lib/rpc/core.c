/* SPDX-License-Identifier: MIT */
#include "rpc/core.h"

#include <pthread.h>
#include <stdlib.h>

#include <grpc/grpc.h>
#include <grpc/support/log.h>

static void drop_line(gpr_log_func_args *args)
{
    (void)args;
}

static void silence(void)
{
    if (getenv("GRPC_VERBOSITY") == NULL && getenv("GRPC_TRACE") == NULL)
        gpr_set_log_function(drop_line);
}

void sv_rpc_core_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, silence);
    grpc_init();
}

void sv_rpc_core_shutdown(void)
{
    grpc_shutdown_blocking();
}
