/* SPDX-License-Identifier: MIT */
/*
 * A completion queue whose tags are continuations, with what the C core lacks: gathering, waking
 * and posting. Made without gRPC it is a condition variable with the same functions.
 *
 * A queue can be made pollable: then a descriptor is readable while there is something to run. The
 * core tells its completions to nobody but who waits for them, so a thread of the queue does
 * (relay.c). It hands them over and runs none.
 */
#ifndef SV_RPC_QUEUE_H
#define SV_RPC_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <grpc/grpc.h>

#include "base/mailbox.h"

/* A tag. done() runs exactly once for each operation that was started and may free the struct. */
struct sv_op {
    void (*done)(struct sv_op *op, bool ok);
};

/*
 * Every op passes through these two: ThreadSanitizer cannot see the synchronization inside gRPC and is told that what
 * was written before the start is visible at the end.
 */
#ifdef __has_feature /* clang's word for gcc's __SANITIZE_THREAD__ */
#if __has_feature(thread_sanitizer)
#define SV_TSAN(call) call
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SV_TSAN)
#define SV_TSAN(call) call
#endif
#ifdef SV_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#else
#define SV_TSAN(call) (void)0
#endif

/* grpc_call_start_batch(). Once it has returned OK, another thread may already have run done(). */
static inline grpc_call_error sv_op_start(struct sv_op *op, grpc_call *call, const grpc_op *ops,
    size_t n_ops)
{
    SV_TSAN(__tsan_release(op));
    return grpc_call_start_batch(call, ops, n_ops, op, NULL);
}

/* For the functions that are no batches. */
static inline void *sv_op_tag(struct sv_op *op)
{
    SV_TSAN(__tsan_release(op));
    return op;
}

static inline void sv_op_done(struct sv_op *op, bool ok)
{
    SV_TSAN(__tsan_acquire(op));
    op->done(op, ok);
}

/* More of them hardly help; a batch lies on the stack. */
#define SV_GATHER_MAX 64

struct sv_relay;

struct sv_queue {
    grpc_completion_queue *cq; /* NULL = without gRPC */
    grpc_channel *lame;
    pthread_mutex_t lock;
    grpc_call *wake_call; /* under lock; NULL when the queue ends */
    struct sv_mailbox posted;
    struct sv_op wake_op;
    atomic_bool wake_pending;
    pthread_cond_t woken; /* without gRPC, or with a relay */
    /* A pipe, where the queue is pollable; else -1. Bytes are written and read under lock. */
    int wake_read_fd, wake_write_fd;
    struct sv_relay *relay; /* pollable and with gRPC; else NULL */
};

#define SV_NEVER INT64_MAX

int sv_queue_init(struct sv_queue *q, bool with_grpc);
/*
 * Before anything is started on it. From then on one thread at a time runs it. Returns 0, NO_MEMORY
 * or INTERNAL (no descriptor or thread is to be had).
 */
int sv_queue_make_pollable(struct sv_queue *q);
/* Readable while there is something to run, and after the queue has ended; -1 = it is not pollable. */
int sv_queue_fd(const struct sv_queue *q);
/* Waits until deadline_ms (monotonic; SV_NEVER) for something, gathers what else is there, runs it. */
void sv_queue_run(struct sv_queue *q, int64_t deadline_ms);
/*
 * Whether this thread is in a turn of the loop that runs the queue. Then the queue need not be
 * woken: the loop looks at what there is to do before it waits again.
 */
bool sv_queue_is_mine(const struct sv_queue *q);
/*
 * Begins such a turn; what it returns ends it. Turns of several queues may be one inside the other.
 */
const struct sv_queue *sv_queue_begin_turn(const struct sv_queue *q);
void sv_queue_end_turn(const struct sv_queue *outer);
/* Makes one sv_queue_run() return soon. Any thread; harmless once the queue has ended. */
void sv_queue_wake(struct sv_queue *q);
/* The letter will be run inside sv_queue_run(). Any thread. */
void sv_queue_post(struct sv_queue *q, struct sv_letter *letter);
/* Ends and drains the queue; no other thread runs it. Nothing may be started on it any more. */
void sv_queue_end(struct sv_queue *q);
void sv_queue_fini(struct sv_queue *q);

gpr_timespec sv_queue_deadline(int64_t mono_ms);

/* ---- between queue.c and relay.c ---- */

/* Makes the queue's wait end. Locked. */
void sv_queue_signal(struct sv_queue *q);
/* Waits for an event and gathers what else is there, SV_GATHER_MAX at most. Returns how many. */
unsigned sv_queue_gather(struct sv_queue *q, int64_t deadline_ms, grpc_event *ret_events);
int sv_relay_start(struct sv_queue *q);
/* Takes the events that wait there, without waiting. Returns how many, SV_GATHER_MAX at most. */
unsigned sv_relay_take(struct sv_queue *q, grpc_event *ret_events);
/* Ends the thread and runs what it still has. */
void sv_relay_end(struct sv_queue *q);

#endif
