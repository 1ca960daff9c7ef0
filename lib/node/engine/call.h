/* SPDX-License-Identifier: MIT */
/*
 * A request on its way through the node.
 *
 * sv_call_start() runs the handler of the request's method, on the caller's thread. A handler
 * either answers at once (sv_call_end()) or hands the call on: to a reader, to a hasher, to the
 * writer, or until a room is loaded (rooms/load.h). Each of these functions takes the call over and
 * returns at once. The next function that it was given runs later, exactly once, maybe on another
 * thread. So a handler is a chain of small functions:
 *
 *   function                               thread            it
 *   void handle(struct sv_call *c)         the caller's      checks the request
 *   int run(struct sv_call *c,             writer or reader  reads and writes storage; may run
 *       struct sv_tx *tx)                                    twice; touches only c and tx
 *   void done(struct sv_call *c)           writer or reader  runs after COMMIT, if run() succeeded;
 *                                                            updates memory, sends events, ends
 *                                                            the call
 *
 * While a run() runs nobody else touches the call.
 */
#ifndef SV_NODE_ENGINE_CALL_H
#define SV_NODE_ENGINE_CALL_H

#include "api/caller.h"
#include "api/methods.h"
#include "api/result.h"
#include "base/id.h"
#include "node/engine/node.h"

struct sv_room;
struct sv_origin;
struct sv_ticket;

/*
 * Who acts. It is a copy, so that it does not change while a handler uses it: of what was known
 * when the call started, then of what its transaction saw.
 */
struct sv_actor_info {
    /* "" for the system. */
    char user_id[SV_ID_SIZE];
    char username[160];
    synctv_user_role role;
    synctv_user_status status;
    bool is_system;
    /* The system, or an active admin or root. */
    bool platform_admin;
};

/* The stream that a call came in on, if no caller waits for a result. It counts its calls. */
struct sv_origin_ops {
    void (*begin)(struct sv_origin *origin);
    /* The call has failed. */
    void (*refuse)(struct sv_origin *origin, const synctv_request *request,
        const synctv_error *err);
    /* The call is over. It does not use its origin after this. */
    void (*end)(struct sv_origin *origin);
};

/* Embed it. */
struct sv_origin {
    const struct sv_origin_ops *ops;
};

/* What a call does in its room, which is locked. Returns 0 or a code. */
typedef int sv_room_act(struct sv_call *call, struct sv_room *room);

struct sv_call {
    struct sv_job job;
    struct sv_work work;
    struct sv_letter letter;
    synctv_node *node;
    /* A reference to a session (people/account.h). */
    synctv_caller *by;
    struct sv_actor_info actor;
    /* The caller's until sv_call_keep(), then a copy in the arena. */
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
    /* Node clock. */
    int64_t received_ms;

    int (*run)(struct sv_call *call, struct sv_tx *tx);
    void (*next)(struct sv_call *call);
    /* Of sv_step_act_in_room() (calls/guard.h). */
    sv_room_act *act;
    /* sv_call_write()'s next(). */
    void (*written)(struct sv_call *call);
    /* Called once, instead of answering with the error. May be NULL. */
    void (*failed)(struct sv_call *call, int code);
    synctv_done_fn *done;
    void *userdata;
    /* What may answer it before it is over; NULL = nothing. */
    struct sv_ticket *ticket;
    /* done() may run on any thread. */
    bool direct;
    /* The next run() writes. */
    bool writes;
    /* The call goes on on another thread, where done() may run only if it is direct. */
    bool moved;
    /* sv_call_keep() has copied the request. */
    bool kept;
};

/*
 * A new call by this caller. The request is borrowed until sv_call_keep(). `origin` may be NULL.
 * NULL when out of memory.
 */
struct sv_call *sv_call_new(synctv_node *node, synctv_caller *by, const struct sv_actor_info *actor,
    struct sv_origin *origin, const synctv_request *request);
/* Hands the call to the handler of its method, if that may come this way. */
void sv_call_start(struct sv_call *call, enum sv_method_ways way);

/*
 * The result that the call will answer, with code 0, to be filled in. NULL when out of memory: then
 * the handler fails the call with NO_MEMORY.
 */
synctv_result *sv_call_result(struct sv_call *call);
/* Answers with sv_call_result() (an empty one if none was made) and ends the call. */
void sv_call_finish(struct sv_call *call);
/* Answers with an error and ends the call. The error is call->err if that has this code. */
void sv_call_fail(struct sv_call *call, int code);
/* sv_call_fail() if rv < 0, otherwise sv_call_finish(). */
void sv_call_end(struct sv_call *call, int rv);

/* A step has failed: calls call->failed() if that is set, otherwise sv_call_fail(). */
void sv_call_abort(struct sv_call *call, int code);
/* Goes on on another thread than the caller's: next() if rv >= 0, otherwise sv_call_abort(). */
void sv_call_go_on(struct sv_call *call, int rv);

/*
 * Copies the request, for a call that waits. The functions below do so by themselves. 0, or
 * NO_MEMORY and call->err.
 */
int sv_call_keep(struct sv_call *call);

/*
 * Each of these takes the call over. When run() returns a negative code, or on overload, the call
 * fails through sv_call_abort().
 */
/* Runs run() in a read-only transaction on a reader, then next() on the same thread. */
void sv_call_read(struct sv_call *call, int (*run)(struct sv_call *, struct sv_tx *),
    void (*next)(struct sv_call *));
/*
 * Runs run() in a transaction that writes, then next() after COMMIT. room_id and user_id ("" =
 * none, copied) say what it changes, besides the user who acts. For changes of one room next() runs
 * in the order of their commits.
 */
void sv_call_write(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));
/* The same in two parts, to wait for something in between. Only the second takes the call over. */
void sv_call_write_later(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));
void sv_call_write_now(struct sv_call *call);
/* Runs next() on a hasher. */
void sv_call_hash(struct sv_call *call, void (*next)(struct sv_call *));

#endif
