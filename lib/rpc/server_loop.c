/* SPDX-License-Identifier: MIT */
#include "rpc/server_loop.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rpc/server_call.h"
#include "rpc/server_stream_send.h"

/* turn() may ask for another turn; after so many in a row the loop looks at the network first. */
#define TURNS_IN_A_ROW 16

void sv_rpc_server_wake(struct sv_rpc_server *server)
{
    if (atomic_exchange(&server->turn_wanted, true))
        return;
    if (!sv_rpc_queue_is_mine(&server->queue)) /* else the turn comes anyway */
        sv_rpc_queue_wake(&server->queue);
}

static void take_turn(struct sv_rpc_server *server)
{
    if (server->opt.turn == NULL) {
        atomic_store(&server->turn_wanted, false);
        return;
    }
    atomic_store(&server->turn_wanted, true);
    for (int i = 0; i < TURNS_IN_A_ROW && atomic_load(&server->turn_wanted); i++) {
        if (pthread_mutex_trylock(&server->turn_lock) != 0)
            return; /* the thread that holds it sees turn_wanted */
        atomic_store(&server->turning, true);
        atomic_store(&server->turn_wanted, false);
        int64_t wait_ms = server->opt.turn(server->opt.userdata);
        atomic_store(&server->turn_at_ms, wait_ms < 0 ? SV_RPC_NEVER : sv_mono_ms() + wait_ms);
        atomic_store(&server->turning, false);
        pthread_mutex_unlock(&server->turn_lock);
    }
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_deadline(struct sv_rpc_server *server, int64_t until_ms)
{
    if (atomic_load(&server->has_kicks))
        return 0;
    if (atomic_load(&server->turning)) /* that thread sets turn_at_ms and waits for it */
        return until_ms;
    if (atomic_load(&server->turn_wanted))
        return 0;
    until_ms = earliest(until_ms, sv_rpc_stream_next_check_ms(server));
    until_ms = earliest(until_ms, sv_rpc_call_next_check_ms(server));
    return earliest(until_ms, atomic_load(&server->turn_at_ms));
}

void sv_rpc_loop_once(struct sv_rpc_server *server, int64_t until_ms)
{
    const struct sv_rpc_queue *outer = sv_rpc_queue_begin_turn(&server->queue);
    atomic_fetch_add_explicit(&server->n_turns, 1, memory_order_relaxed);
    sv_rpc_queue_run(&server->queue, next_deadline(server, until_ms));
    sv_rpc_stream_pump_kicked(server);
    sv_rpc_stream_cut_stalled(server);
    sv_rpc_call_cut_stalled(server);
    take_turn(server);
    sv_rpc_queue_end_turn(outer);
}

void sv_rpc_server_poll(struct sv_rpc_server *server, int timeout_ms)
{
    sv_rpc_loop_once(server, timeout_ms < 0 ? SV_RPC_NEVER : sv_mono_ms() + timeout_ms);
}

int64_t sv_rpc_server_wait_ms(struct sv_rpc_server *server)
{
    int64_t until_ms = next_deadline(server, SV_RPC_NEVER);
    if (until_ms == SV_RPC_NEVER)
        return SV_RPC_NEVER;
    int64_t now_ms = sv_mono_ms();
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

int sv_rpc_server_fd(const struct sv_rpc_server *server)
{
    return sv_rpc_queue_fd(&server->queue);
}

static void *run_loop(void *arg)
{
    struct sv_rpc_server *server = arg;
    while (atomic_load(&server->running))
        sv_rpc_loop_once(server, SV_RPC_NEVER);
    sv_rpc_queue_wake(&server->queue); /* so that the next thread ends */
    return NULL;
}

/*
 * Runs the operations of streams that do not complete inside the call that starts them: nearly
 * always these are messages that a client has sent. Returns when the queue is shut down.
 */
static void *run_stream_queue(void *arg)
{
    struct sv_rpc_stream_queue *sq = arg;
    for (;;) {
        grpc_event e =
            grpc_completion_queue_next(sq->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (e.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        sv_rpc_op_done(e.tag, e.success != 0);
    }
}

static bool start_thread(pthread_t *ret_thread, void *(*run)(void *), void *arg, const char *kind,
    unsigned number)
{
    char name[16];
    snprintf(name, sizeof(name), "sv-%s-%u", kind, number % 100);
    if (pthread_create(ret_thread, NULL, run, arg) != 0)
        return false;
    pthread_setname_np(*ret_thread, name);
    return true;
}

static bool start_stream_queue(struct sv_rpc_server *server, unsigned i)
{
    static const grpc_completion_queue_attributes attributes = { GRPC_CQ_CURRENT_VERSION,
        GRPC_CQ_NEXT, GRPC_CQ_NON_POLLING, NULL };
    struct sv_rpc_stream_queue *sq = &server->stream_queues[i];
    sq->cq = grpc_completion_queue_create(grpc_completion_queue_factory_lookup(&attributes),
        &attributes, NULL);
    if (start_thread(&sq->thread, run_stream_queue, sq, "stream", i))
        return true;
    grpc_completion_queue_shutdown(sq->cq);
    run_stream_queue(sq);
    grpc_completion_queue_destroy(sq->cq);
    return false;
}

int sv_rpc_loop_start_streams(struct sv_rpc_server *server)
{
    if (server->opt.threads == 0 || server->core == NULL)
        return 0;
    for (unsigned i = 0; i < SV_RPC_STREAM_QUEUES; i++) {
        if (!start_stream_queue(server, i))
            return SYNCTV_E_INTERNAL;
        server->n_stream_queues++;
    }
    return 0;
}

int sv_rpc_loop_start(struct sv_rpc_server *server)
{
    atomic_store(&server->running, true);
    if (server->opt.threads == 0)
        return 0;
    server->threads = calloc(server->opt.threads, sizeof(*server->threads));
    if (server->threads == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (unsigned i = 0; i < server->opt.threads; i++) {
        if (!start_thread(&server->threads[i], run_loop, server, "rpc", i))
            return SYNCTV_E_INTERNAL;
        server->n_threads++;
    }
    return 0;
}

void sv_rpc_loop_join(struct sv_rpc_server *server)
{
    atomic_store(&server->running, false);
    sv_rpc_queue_wake(&server->queue);
    for (unsigned i = 0; i < server->n_threads; i++)
        pthread_join(server->threads[i], NULL);
    server->n_threads = 0;
    free(server->threads);
    server->threads = NULL;
    for (unsigned i = 0; i < server->n_stream_queues; i++)
        grpc_completion_queue_shutdown(server->stream_queues[i].cq);
    for (unsigned i = 0; i < server->n_stream_queues; i++) {
        pthread_join(server->stream_queues[i].thread, NULL);
        grpc_completion_queue_destroy(server->stream_queues[i].cq);
    }
    server->n_stream_queues = 0;
}
