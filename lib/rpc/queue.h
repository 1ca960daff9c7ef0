/* SPDX-License-Identifier: MIT */
/*
 * A completion queue whose tags are continuations, with what the C core lacks: gathering, waking and posting. Made without
 * gRPC it is a condition variable with the same functions.
 */
#ifndef SV_RPC_QUEUE_H
#define SV_RPC_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <grpc/grpc.h>

#include "base/mailbox.h"

/* A tag. done() runs exactly once for each operation that was started and may free the struct. */
struct sv_rpc_op {
    void (*done)(struct sv_rpc_op *op, bool ok);
};

/*
 * Every op passes through these two: ThreadSanitizer cannot see the synchronization inside gRPC and is told that what
 * was written before the start is visible at the end.
 */
#ifdef __has_feature /* clang's word for gcc's __SANITIZE_THREAD__ */
#if __has_feature(thread_sanitizer)
#define SV_RPC_TSAN(call) call
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SV_RPC_TSAN)
#define SV_RPC_TSAN(call) call
#endif
#ifdef SV_RPC_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#else
#define SV_RPC_TSAN(call) (void)0
#endif

/* grpc_call_start_batch(). Once it has returned OK, another thread may already have run done(). */
static inline grpc_call_error sv_rpc_op_start(struct sv_rpc_op *op, grpc_call *call,
    const grpc_op *ops, size_t n_ops)
{
    SV_RPC_TSAN(__tsan_release(op));
    return grpc_call_start_batch(call, ops, n_ops, op, NULL);
}

/* For the functions that are no batches. */
static inline void *sv_rpc_op_tag(struct sv_rpc_op *op)
{
    SV_RPC_TSAN(__tsan_release(op));
    return op;
}

static inline void sv_rpc_op_done(struct sv_rpc_op *op, bool ok)
{
    SV_RPC_TSAN(__tsan_acquire(op));
    op->done(op, ok);
}

struct sv_rpc_queue {
    grpc_completion_queue *cq; /* NULL = without gRPC */
    grpc_channel *lame;
    pthread_mutex_t lock;
    grpc_call *wake_call; /* under lock; NULL when the queue ends */
    struct sv_mailbox posted;
    struct sv_rpc_op wake_op;
    atomic_bool wake_pending;
    pthread_cond_t woken; /* without gRPC */
};

#define SV_RPC_NEVER INT64_MAX

int sv_rpc_queue_init(struct sv_rpc_queue *q, bool with_grpc);
/* Waits until deadline_ms (monotonic; SV_RPC_NEVER) for something, gathers what else is there, runs it. */
void sv_rpc_queue_run(struct sv_rpc_queue *q, int64_t deadline_ms);
/*
 * Whether this thread is in a turn of the loop that runs the queue. Then the queue need not be
 * woken: the loop looks at what there is to do before it waits again.
 */
bool sv_rpc_queue_is_mine(const struct sv_rpc_queue *q);
/*
 * Begins such a turn; what it returns ends it. Turns of several queues may be one inside the other.
 */
const struct sv_rpc_queue *sv_rpc_queue_begin_turn(const struct sv_rpc_queue *q);
void sv_rpc_queue_end_turn(const struct sv_rpc_queue *outer);
/* Makes one sv_rpc_queue_run() return soon. Any thread; harmless once the queue has ended. */
void sv_rpc_queue_wake(struct sv_rpc_queue *q);
/* The letter will be run inside sv_rpc_queue_run(). Any thread. */
void sv_rpc_queue_post(struct sv_rpc_queue *q, struct sv_letter *letter);
/* Ends and drains the queue; no other thread runs it. Nothing may be started on it any more. */
void sv_rpc_queue_end(struct sv_rpc_queue *q);
void sv_rpc_queue_fini(struct sv_rpc_queue *q);

gpr_timespec sv_rpc_queue_deadline(int64_t mono_ms);

#endif
