/* SPDX-License-Identifier: MIT */
/*
 * A request on its way through the node.
 *
 * It starts in sv_call_start() on the caller's thread with the handler of its method. A handler either answers at once
 * (sv_call_finish() / sv_call_fail()) or hands the call on: to a reader, a hasher, the writer, or until a room is loaded
 * (rooms/load.h). Each of those functions takes the call over and returns at once; what it was given to do next runs
 * later, on another thread, exactly once. So a handler reads from top to bottom as a chain of small functions.
 *
 *   void handle_x(struct sv_call *c)                 caller's thread (or a store thread)
 *   int x_run(struct sv_call *c, struct sv_tx *tx)   writer or reader thread; may run twice; touches only c and tx
 *   void x_apply(struct sv_call *c)                  after COMMIT, only when run() succeeded; updates memory, tells, then
 *                                                    finishes the call
 *
 * While a run() runs nobody else touches the call.
 */
#ifndef SV_NODE_ENGINE_CALL_H
#define SV_NODE_ENGINE_CALL_H

#include "api/caller.h"
#include "api/result.h"
#include "base/id.h"
#include "node/engine/node.h"

struct sv_room;
struct sv_origin;
struct sv_ticket;

/* Who acts, as known at the call's start or, later, as its transaction sees it: it does not change under a handler's feet. */
struct sv_actor_info {
    char user_id[SV_ID_SIZE]; /* "" for the system */
    char username[160];
    synctv_user_role role;
    synctv_user_status status;
    bool is_system;
    bool platform_admin; /* system, or an active admin or root */
};

/* What else than a waiting caller may have made a call: a stream. It is told of a failure and keeps count of its calls. */
struct sv_origin_ops {
    void (*begin)(struct sv_origin *origin);
    /* The call has failed. */
    void (*refuse)(struct sv_origin *origin, const synctv_request *request,
        const synctv_error *err);
    /* The call is over; the last thing that it does with its origin. */
    void (*end)(struct sv_origin *origin);
};

/* Embed it. */
struct sv_origin {
    const struct sv_origin_ops *ops;
};

struct sv_call {
    struct sv_job job;
    struct sv_work work;
    struct sv_letter letter;
    synctv_node *node;
    synctv_caller *by; /* a reference; a session (people/account.h) */
    struct sv_actor_info actor;
    /* sv_call_need_active() was asked (people/check.h). */
    bool needs_active;
    /* The caller's until sv_call_keep(), then ours. */
    const synctv_request *req;
    /* Made by sv_call_result(). */
    synctv_result *result;
    synctv_error err;
    /* Everything that lives as long as the call. */
    struct sv_arena arena;
    /* What the method keeps between its steps, in the arena. */
    void *state;
    /* Pinned by sv_call_load_room(), which also says how to release it at the end. */
    struct sv_room *room;
    void (*release_room)(struct sv_room *room);
    /* The request came in on this stream, or is the node's own for it; else NULL. */
    struct sv_origin *origin;
    int64_t received_ms; /* node clock */

    int (*run)(struct sv_call *call, struct sv_tx *tx);
    void (*next)(struct sv_call *call);
    /* sv_call_write()'s next(). */
    void (*written)(struct sv_call *call);
    /* Once, instead of answering with the error; may be NULL. */
    void (*failed)(struct sv_call *call, int code);
    synctv_done_fn *done;
    void *userdata;
    /* What may answer it before it is over; NULL = nothing. */
    struct sv_ticket *ticket;
    /* done() may run on any thread. */
    bool direct;
    /* The next run() writes. */
    bool writes;
    /* We are on a thread on which done() of an indirect call may not run. */
    bool foreign;
    bool kept;
};

typedef void sv_handler(struct sv_call *call);

enum {
    SV_BY_CALL = 1,   /* synctv_call() takes it */
    SV_BY_STREAM = 2, /* synctv_stream_send() takes it */
};

/* A row of node->methods; no handler: the method is not implemented. */
struct sv_method {
    sv_handler *handler;
    unsigned by;
};

/* A call of `by`; its request is borrowed until sv_call_keep(). `origin` may be NULL. NULL when out of memory. */
struct sv_call *sv_call_new(synctv_node *node, synctv_caller *by, const struct sv_actor_info *actor,
    struct sv_origin *origin, const synctv_request *request);
/* Hands it to the handler of its method, if it may come this way (one of SV_BY_…). */
void sv_call_start(struct sv_call *call, unsigned by);

/* The result that will be answered, code 0, to be filled; NULL when out of memory (then the call must be failed with NO_MEMORY). */
synctv_result *sv_call_result(struct sv_call *call);
/* Answers with sv_call_result() (an empty one if none was made) and ends the call. */
void sv_call_finish(struct sv_call *call);
/* Answers with an error, with call->err if its code is `code`, and ends the call. */
void sv_call_fail(struct sv_call *call, int code);
/* The one or the other. */
void sv_call_end(struct sv_call *call, int rv);

/* A step did not work out: through call->failed if that is set, otherwise sv_call_fail(). */
void sv_call_abort(struct sv_call *call, int code);
/* Goes on on a foreign thread: next() if rv ≥ 0, otherwise sv_call_abort(). */
void sv_call_go_on(struct sv_call *call, int rv);

/* Makes the request our own, as the functions below do by themselves; for what waits in another way. 0 or NO_MEMORY. */
int sv_call_keep(struct sv_call *call);

/* Each takes the call over. On overload they fail the call. run()'s negative code fails the call (through `failed` if set). */
/* In a read-only transaction on a reader; then next(call) on the same thread. */
void sv_call_read(struct sv_call *call, int (*run)(struct sv_call *, struct sv_tx *),
    void (*next)(struct sv_call *));
/* In a transaction that writes; next(call) after COMMIT. What it is about: a room, whoever acts, and somebody else ("" = none,
 * both copied); for changes of one room next() follows in the order of their commits. */
void sv_call_write(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));
/* The same in two parts, for who waits for something in between; only the second takes the call over. */
void sv_call_write_later(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));
void sv_call_write_now(struct sv_call *call);
/* On a hashing thread. */
void sv_call_hash(struct sv_call *call, void (*next)(struct sv_call *));

#endif
