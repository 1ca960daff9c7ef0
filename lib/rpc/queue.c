/* SPDX-License-Identifier: MIT */
#include "rpc/queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <synctv/error.h>

#include "base/clock.h"

/*
 * While there are events the core does not look at descriptors, and then at one. So after a batch
 * that took long there are so many looks for those who have come meanwhile.
 */
#define LONG_BATCH_US 2000
#define LOOKS_AFTER_LONG 8

gpr_timespec sv_rpc_queue_deadline(int64_t mono_ms)
{
    if (mono_ms == SV_RPC_NEVER)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    gpr_timespec t = gpr_time_from_millis(mono_ms, GPR_TIMESPAN);
    t.clock_type = GPR_CLOCK_MONOTONIC;
    return t;
}

static void wake_done(struct sv_rpc_op *op, bool ok)
{
    struct sv_rpc_queue *q = SV_CONTAINER_OF(op, struct sv_rpc_queue, wake_op);
    atomic_store(&q->wake_pending, false);
}

int sv_rpc_queue_init(struct sv_rpc_queue *q, bool with_grpc)
{
    *q = (struct sv_rpc_queue){ .wake_op = { wake_done }, .wake_read_fd = -1, .wake_write_fd = -1 };
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return SYNCTV_E_NO_MEMORY;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&q->woken, &attr);
    pthread_condattr_destroy(&attr);
    if (failed)
        return SYNCTV_E_NO_MEMORY;
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        pthread_cond_destroy(&q->woken);
        return SYNCTV_E_NO_MEMORY;
    }
    sv_mailbox_init(&q->posted);
    if (!with_grpc)
        return 0;

    /* The core has no events to post. But an empty batch on any call completes at once. */
    q->cq = grpc_completion_queue_create_for_next(NULL);
    q->lame = grpc_lame_client_channel_create("wake", GRPC_STATUS_UNAVAILABLE, "wakes a queue");
    q->wake_call = grpc_channel_create_call(q->lame, NULL, 0, q->cq,
        grpc_slice_from_static_string("/wake"), NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return 0;
}

int sv_rpc_queue_make_pollable(struct sv_rpc_queue *q)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return SYNCTV_E_INTERNAL;
    q->wake_read_fd = fds[0];
    q->wake_write_fd = fds[1];
    return q->cq == NULL ? 0 : sv_rpc_relay_start(q);
}

int sv_rpc_queue_fd(const struct sv_rpc_queue *q)
{
    return q->wake_read_fd;
}

void sv_rpc_queue_signal(struct sv_rpc_queue *q)
{
    pthread_cond_signal(&q->woken);
    if (q->wake_write_fd >= 0) {
        ssize_t n = write(q->wake_write_fd, "", 1); /* a full pipe is readable anyway */
        (void)n;
    }
}

/* Locked. */
static void drain_fd(struct sv_rpc_queue *q)
{
    char bytes[16];
    if (q->wake_read_fd < 0)
        return;
    while (read(q->wake_read_fd, bytes, sizeof(bytes)) == sizeof(bytes))
        ;
}

static void wait_cond(struct sv_rpc_queue *q, int64_t deadline_ms)
{
    struct timespec until = { deadline_ms / 1000, deadline_ms % 1000 * 1000000 };
    pthread_mutex_lock(&q->lock);
    while (!atomic_load(&q->wake_pending)) {
        if (deadline_ms == SV_RPC_NEVER)
            pthread_cond_wait(&q->woken, &q->lock);
        else if (pthread_cond_timedwait(&q->woken, &q->lock, &until) != 0)
            break;
    }
    atomic_store(&q->wake_pending, false);
    drain_fd(q); /* who has set wake_pending since writes its byte under the lock */
    pthread_mutex_unlock(&q->lock);
}

/*
 * Each call of the core handles the events of one descriptor. If we take all completions before we
 * handle any, the core reads in one go and writes in one go.
 */
unsigned sv_rpc_queue_gather(struct sv_rpc_queue *q, int64_t deadline_ms, grpc_event *ret_events)
{
    unsigned n = 0, looks = atomic_exchange(&q->was_long, false) ? LOOKS_AFTER_LONG : 1;
    grpc_event e = grpc_completion_queue_next(q->cq, sv_rpc_queue_deadline(deadline_ms), NULL);
    while (e.type == GRPC_OP_COMPLETE || (n > 0 && e.type == GRPC_QUEUE_TIMEOUT && --looks > 0)) {
        if (e.type == GRPC_OP_COMPLETE)
            ret_events[n++] = e;
        if (n == SV_RPC_GATHER_MAX)
            break;
        e = grpc_completion_queue_next(q->cq, gpr_inf_past(GPR_CLOCK_MONOTONIC), NULL);
    }
    return n;
}

void sv_rpc_queue_run(struct sv_rpc_queue *q, int64_t deadline_ms)
{
    grpc_event events[SV_RPC_GATHER_MAX];
    unsigned n = 0;
    if (q->cq == NULL || q->relay != NULL)
        wait_cond(q, deadline_ms);
    else
        n = sv_rpc_queue_gather(q, deadline_ms, events);
    if (q->relay != NULL)
        n = sv_rpc_relay_take(q, events);
    int64_t start_us = sv_mono_us();
    for (unsigned i = 0; i < n; i++)
        sv_rpc_op_done(events[i].tag, events[i].success != 0);
    if (sv_mono_us() - start_us >= LONG_BATCH_US)
        atomic_store(&q->was_long, true);
    sv_mailbox_run(&q->posted);
}

static _Thread_local const struct sv_rpc_queue *queue_of_this_thread;

bool sv_rpc_queue_is_mine(const struct sv_rpc_queue *q)
{
    return queue_of_this_thread == q;
}

const struct sv_rpc_queue *sv_rpc_queue_begin_turn(const struct sv_rpc_queue *q)
{
    const struct sv_rpc_queue *outer = queue_of_this_thread;
    queue_of_this_thread = q;
    return outer;
}

void sv_rpc_queue_end_turn(const struct sv_rpc_queue *outer)
{
    queue_of_this_thread = outer;
}

void sv_rpc_queue_wake(struct sv_rpc_queue *q)
{
    if (atomic_exchange(&q->wake_pending, true))
        return;
    pthread_mutex_lock(&q->lock);
    if (q->cq == NULL || q->relay != NULL)
        sv_rpc_queue_signal(q);
    else if (q->wake_call != NULL)
        sv_rpc_op_start(&q->wake_op, q->wake_call, NULL, 0);
    pthread_mutex_unlock(&q->lock);
}

void sv_rpc_queue_post(struct sv_rpc_queue *q, struct sv_letter *letter)
{
    sv_mailbox_post(&q->posted, letter);
    sv_rpc_queue_wake(q);
}

static void end_grpc(struct sv_rpc_queue *q)
{
    if (q->relay != NULL)
        sv_rpc_relay_end(q);
    pthread_mutex_lock(&q->lock);
    grpc_call *wake_call = q->wake_call;
    q->wake_call = NULL;
    pthread_mutex_unlock(&q->lock);
    if (wake_call == NULL)
        return;
    grpc_call_unref(wake_call);
    grpc_channel_destroy(q->lame);
    grpc_completion_queue_shutdown(q->cq);
    for (;;) {
        grpc_event e = grpc_completion_queue_next(q->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (e.type == GRPC_QUEUE_SHUTDOWN)
            break;
        if (e.type == GRPC_OP_COMPLETE)
            sv_rpc_op_done(e.tag, e.success != 0);
    }
    sv_mailbox_run(&q->posted);
    grpc_completion_queue_destroy(q->cq);
    pthread_mutex_lock(&q->lock);
    q->cq = NULL;
    pthread_mutex_unlock(&q->lock);
}

void sv_rpc_queue_end(struct sv_rpc_queue *q)
{
    if (q->cq != NULL)
        end_grpc(q);
    else
        sv_mailbox_run(&q->posted);
    pthread_mutex_lock(&q->lock);
    sv_rpc_queue_signal(q);
    pthread_mutex_unlock(&q->lock);
}

void sv_rpc_queue_fini(struct sv_rpc_queue *q)
{
    sv_rpc_queue_end(q);
    if (q->wake_read_fd >= 0) {
        close(q->wake_read_fd);
        close(q->wake_write_fd);
    }
    sv_mailbox_fini(&q->posted);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->woken);
}
