/* SPDX-License-Identifier: MIT */
/*
 * The thread that waits for the core's completions, so that a program which polls can sleep on a
 * descriptor:
 *
 *     core --completions--> relay thread --one batch--> sv_rpc_queue_run(), on the program's thread
 *                                      \--a byte in the pipe: the descriptor is readable
 *
 * It has gathered the next batch when the one before is taken, and then waits: what a program does
 * not poll for stays in the core.
 */
#include <stdlib.h>
#include <string.h>

#include <synctv/error.h>

#include "rpc/queue.h"

struct sv_rpc_relay {
    pthread_t thread;
    /* All under the queue's lock. */
    grpc_event batch[SV_RPC_GATHER_MAX];
    /* How many are in batch. */
    unsigned n;
    bool ending, over;
    /* When n is 0 again. */
    pthread_cond_t taken;
};

static void *relay_main(void *arg)
{
    struct sv_rpc_queue *q = arg;
    struct sv_rpc_relay *relay = q->relay;
    bool over = false;
    while (!over) {
        grpc_event events[SV_RPC_GATHER_MAX];
        unsigned n = sv_rpc_queue_gather(q, SV_RPC_NEVER, events);
        pthread_mutex_lock(&q->lock);
        while (relay->n > 0)
            pthread_cond_wait(&relay->taken, &q->lock);
        memcpy(relay->batch, events, n * sizeof(events[0]));
        relay->n = n;
        over = relay->over = relay->ending;
        atomic_store(&q->wake_pending, true);
        sv_rpc_queue_signal(q);
        pthread_mutex_unlock(&q->lock);
    }
    return NULL;
}

int sv_rpc_relay_start(struct sv_rpc_queue *q)
{
    struct sv_rpc_relay *relay = calloc(1, sizeof(*relay));
    if (relay == NULL)
        return SYNCTV_E_NO_MEMORY;
    pthread_cond_init(&relay->taken, NULL);
    q->relay = relay;
    if (pthread_create(&relay->thread, NULL, relay_main, q) == 0) {
        pthread_setname_np(relay->thread, "sv-relay");
        return 0;
    }
    q->relay = NULL;
    pthread_cond_destroy(&relay->taken);
    free(relay);
    return SYNCTV_E_INTERNAL;
}

/* Locked. */
static unsigned take(struct sv_rpc_relay *relay, grpc_event *ret_events)
{
    unsigned n = relay->n;
    memcpy(ret_events, relay->batch, n * sizeof(ret_events[0]));
    relay->n = 0;
    pthread_cond_signal(&relay->taken);
    return n;
}

unsigned sv_rpc_relay_take(struct sv_rpc_queue *q, grpc_event *ret_events)
{
    pthread_mutex_lock(&q->lock);
    unsigned n = take(q->relay, ret_events);
    pthread_mutex_unlock(&q->lock);
    return n;
}

void sv_rpc_relay_end(struct sv_rpc_queue *q)
{
    struct sv_rpc_relay *relay = q->relay;
    pthread_mutex_lock(&q->lock);
    relay->ending = true;
    sv_rpc_op_start(&q->wake_op, q->wake_call, NULL, 0); /* its wait ends */
    bool over = false;
    while (!over) {
        grpc_event events[SV_RPC_GATHER_MAX];
        while (relay->n == 0 && !relay->over)
            pthread_cond_wait(&q->woken, &q->lock);
        over = relay->over;
        unsigned n = take(relay, events);
        pthread_mutex_unlock(&q->lock);
        for (unsigned i = 0; i < n; i++)
            sv_rpc_op_done(events[i].tag, events[i].success != 0);
        pthread_mutex_lock(&q->lock);
    }
    q->relay = NULL;
    pthread_mutex_unlock(&q->lock);
    pthread_join(relay->thread, NULL);
    pthread_cond_destroy(&relay->taken);
    free(relay);
}
