/* SPDX-License-Identifier: MIT */
/*
 * A completion queue of gRPC. The tag of an operation is a struct sv_rpc_op, and whoever runs the
 * queue calls its done(). Besides what the C core has, a queue
 *   - takes all events that are there before it handles the first;
 *   - can be woken (sv_rpc_queue_wake()), and given a letter to run (sv_rpc_queue_post());
 *   - works without gRPC, too: then it is a condition variable with the same functions;
 *   - can be made pollable: then a descriptor is readable while there is something to run. The core
 *     reports completions only to a thread that waits for them, so a thread of the queue does
 *     (relay.c). It hands them over and runs none.
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
 * ThreadSanitizer does not see the synchronization inside gRPC. So each op is released when it is
 * started and acquired when it is done: what was written before the start is visible at the end.
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

/* The tag for functions that start an operation but no batch. */
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

/* Events that are taken before the first is handled. They lie on the stack; more hardly help. */
#define SV_RPC_GATHER_MAX 64

struct sv_rpc_relay;

struct sv_rpc_queue {
    /* NULL = without gRPC. */
    grpc_completion_queue *cq;
    /* A channel that leads nowhere, for wake_call. */
    grpc_channel *lame;
    pthread_mutex_t lock;
    /* Under `lock`; NULL once the queue ends. An empty batch on it wakes the queue. */
    grpc_call *wake_call;
    struct sv_mailbox posted;
    struct sv_rpc_op wake_op;
    atomic_bool wake_pending;
    /* The last batch took long. */
    atomic_bool was_long;
    /* Without gRPC, or with a relay. */
    pthread_cond_t woken;
    /* A pipe if the queue is pollable, otherwise -1. Bytes are written and read under lock. */
    int wake_read_fd, wake_write_fd;
    /* If the queue is pollable and has gRPC, otherwise NULL. */
    struct sv_rpc_relay *relay;
};

#define SV_RPC_NEVER INT64_MAX

int sv_rpc_queue_init(struct sv_rpc_queue *q, bool with_grpc);
/*
 * Before anything is started on it. From then on one thread at a time runs it. Returns 0, NO_MEMORY
 * or INTERNAL (no descriptor or thread is to be had).
 */
int sv_rpc_queue_make_pollable(struct sv_rpc_queue *q);
/* Readable while there is something to run, and after the queue has ended; -1 = not pollable. */
int sv_rpc_queue_fd(const struct sv_rpc_queue *q);
/*
 * Waits for an event, until deadline_ms at most (monotonic; SV_RPC_NEVER). Then runs all that have
 * come, and the letters that were posted.
 */
void sv_rpc_queue_run(struct sv_rpc_queue *q, int64_t deadline_ms);
/*
 * Whether this thread is in a turn of the loop that runs this queue. Then nobody has to wake the
 * queue: the loop looks for work before it waits again.
 */
bool sv_rpc_queue_is_mine(const struct sv_rpc_queue *q);
/*
 * Marks the beginning of a turn on this thread. Give the result to sv_rpc_queue_end_turn(). A turn
 * of one queue may run inside that of another.
 */
const struct sv_rpc_queue *sv_rpc_queue_begin_turn(const struct sv_rpc_queue *q);
void sv_rpc_queue_end_turn(const struct sv_rpc_queue *outer);
/* Makes one sv_rpc_queue_run() return soon. Any thread; harmless once the queue has ended. */
void sv_rpc_queue_wake(struct sv_rpc_queue *q);
/* Runs the letter inside sv_rpc_queue_run(), soon. Any thread. */
void sv_rpc_queue_post(struct sv_rpc_queue *q, struct sv_letter *letter);
/* Drains and ends the queue. No other thread may run it, and nobody may start an operation. */
void sv_rpc_queue_end(struct sv_rpc_queue *q);
void sv_rpc_queue_fini(struct sv_rpc_queue *q);

gpr_timespec sv_rpc_queue_deadline(int64_t mono_ms);

/* ---- between queue.c and relay.c ---- */

/* Makes the queue's wait end. Locked. */
void sv_rpc_queue_signal(struct sv_rpc_queue *q);
/* Waits for an event and takes all that are there, SV_RPC_GATHER_MAX at most. Returns how many. */
unsigned sv_rpc_queue_gather(struct sv_rpc_queue *q, int64_t deadline_ms, grpc_event *ret_events);
int sv_rpc_relay_start(struct sv_rpc_queue *q);
/* Takes the relay's events, without waiting. Returns how many, SV_RPC_GATHER_MAX at most. */
unsigned sv_rpc_relay_take(struct sv_rpc_queue *q, grpc_event *ret_events);
/* Ends the thread and runs what it still has. */
void sv_rpc_relay_end(struct sv_rpc_queue *q);

#endif
