/* SPDX-License-Identifier: MIT */
#include "rpc/queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <synctv/error.h>

#include "base/clock.h"

gpr_timespec sv_queue_deadline(int64_t mono_ms)
{
    if (mono_ms == SV_NEVER)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    gpr_timespec t = gpr_time_from_millis(mono_ms, GPR_TIMESPAN);
    t.clock_type = GPR_CLOCK_MONOTONIC;
    return t;
}

static void wake_done(struct sv_op *op, bool ok)
{
    struct sv_queue *q = SV_CONTAINER_OF(op, struct sv_queue, wake_op);
    atomic_store(&q->wake_pending, false);
}

int sv_queue_init(struct sv_queue *q, bool with_grpc)
{
    *q = (struct sv_queue){ .wake_op = { wake_done }, .wake_read_fd = -1, .wake_write_fd = -1 };
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

    /* The C core has no alarms. An empty batch on a call of a channel that leads nowhere completes at once. */
    q->cq = grpc_completion_queue_create_for_next(NULL);
    q->lame = grpc_lame_client_channel_create("wake", GRPC_STATUS_UNAVAILABLE, "wakes a queue");
    q->wake_call = grpc_channel_create_call(q->lame, NULL, 0, q->cq,
        grpc_slice_from_static_string("/wake"), NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return 0;
}

int sv_queue_make_pollable(struct sv_queue *q)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return SYNCTV_E_INTERNAL;
    q->wake_read_fd = fds[0];
    q->wake_write_fd = fds[1];
    return q->cq == NULL ? 0 : sv_relay_start(q);
}

int sv_queue_fd(const struct sv_queue *q)
{
    return q->wake_read_fd;
}

void sv_queue_signal(struct sv_queue *q)
{
    pthread_cond_signal(&q->woken);
    if (q->wake_write_fd >= 0) {
        ssize_t n = write(q->wake_write_fd, "", 1); /* a full pipe is readable anyway */
        (void)n;
    }
}

/* Locked. */
static void drain_fd(struct sv_queue *q)
{
    char bytes[16];
    if (q->wake_read_fd < 0)
        return;
    while (read(q->wake_read_fd, bytes, sizeof(bytes)) == sizeof(bytes))
        ;
}

static void wait_cond(struct sv_queue *q, int64_t deadline_ms)
{
    struct timespec until = { deadline_ms / 1000, deadline_ms % 1000 * 1000000 };
    pthread_mutex_lock(&q->lock);
    while (!atomic_load(&q->wake_pending)) {
        if (deadline_ms == SV_NEVER)
            pthread_cond_wait(&q->woken, &q->lock);
        else if (pthread_cond_timedwait(&q->woken, &q->lock, &until) != 0)
            break;
    }
    atomic_store(&q->wake_pending, false);
    drain_fd(q); /* who has set wake_pending since writes its byte under the lock */
    pthread_mutex_unlock(&q->lock);
}

/*
 * The core reads one descriptor's events a call, so a queue that is emptied first and handled
 * afterwards lets it read in one go and write in one go.
 */
unsigned sv_queue_gather(struct sv_queue *q, int64_t deadline_ms, grpc_event *ret_events)
{
    unsigned n = 0;
    grpc_event e = grpc_completion_queue_next(q->cq, sv_queue_deadline(deadline_ms), NULL);
    while (e.type == GRPC_OP_COMPLETE) {
        ret_events[n++] = e;
        if (n == SV_GATHER_MAX)
            break;
        e = grpc_completion_queue_next(q->cq, gpr_inf_past(GPR_CLOCK_MONOTONIC), NULL);
    }
    return n;
}

void sv_queue_run(struct sv_queue *q, int64_t deadline_ms)
{
    grpc_event events[SV_GATHER_MAX];
    unsigned n = 0;
    if (q->cq == NULL || q->relay != NULL)
        wait_cond(q, deadline_ms);
    else
        n = sv_queue_gather(q, deadline_ms, events);
    if (q->relay != NULL)
        n = sv_relay_take(q, events);
    for (unsigned i = 0; i < n; i++)
        sv_op_done(events[i].tag, events[i].success != 0);
    sv_mailbox_run(&q->posted);
}

static _Thread_local const struct sv_queue *queue_of_this_thread;

bool sv_queue_is_mine(const struct sv_queue *q)
{
    return queue_of_this_thread == q;
}

const struct sv_queue *sv_queue_begin_turn(const struct sv_queue *q)
{
    const struct sv_queue *outer = queue_of_this_thread;
    queue_of_this_thread = q;
    return outer;
}

void sv_queue_end_turn(const struct sv_queue *outer)
{
    queue_of_this_thread = outer;
}

void sv_queue_wake(struct sv_queue *q)
{
    if (atomic_exchange(&q->wake_pending, true))
        return;
    pthread_mutex_lock(&q->lock);
    if (q->cq == NULL || q->relay != NULL)
        sv_queue_signal(q);
    else if (q->wake_call != NULL)
        sv_op_start(&q->wake_op, q->wake_call, NULL, 0);
    pthread_mutex_unlock(&q->lock);
}

void sv_queue_post(struct sv_queue *q, struct sv_letter *letter)
{
    sv_mailbox_post(&q->posted, letter);
    sv_queue_wake(q);
}

static void end_grpc(struct sv_queue *q)
{
    if (q->relay != NULL)
        sv_relay_end(q);
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
            sv_op_done(e.tag, e.success != 0);
    }
    sv_mailbox_run(&q->posted);
    grpc_completion_queue_destroy(q->cq);
    pthread_mutex_lock(&q->lock);
    q->cq = NULL;
    pthread_mutex_unlock(&q->lock);
}

void sv_queue_end(struct sv_queue *q)
{
    if (q->cq != NULL)
        end_grpc(q);
    else
        sv_mailbox_run(&q->posted);
    pthread_mutex_lock(&q->lock);
    sv_queue_signal(q);
    pthread_mutex_unlock(&q->lock);
}

void sv_queue_fini(struct sv_queue *q)
{
    sv_queue_end(q);
    if (q->wake_read_fd >= 0) {
        close(q->wake_read_fd);
        close(q->wake_write_fd);
    }
    sv_mailbox_fini(&q->posted);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->woken);
}
