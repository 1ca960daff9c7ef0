/* SPDX-License-Identifier: MIT */
/*
 * A request on its way through the node.
 *
 * It starts in sv_call_submit() on the caller's thread with the handler of its method. A handler either answers at once
 * (sv_call_finish() / sv_call_fail()) or hands the call on: to a reader, a hasher, the writer, or until a room is loaded. Each of those
 * functions takes the call over and returns at once; what it was given to do next runs later, on another thread, exactly once. So a
 * handler reads from top to bottom as a chain of small functions.
 *
 *   void handle_x(struct sv_call *c)        caller's thread (or a store thread)
 *   int x_run(struct sv_call *c, struct sv_tx *tx)   writer or reader thread; may run twice; touches only c and tx
 *   void x_apply(struct sv_call *c)         after COMMIT, only when run() succeeded; updates memory, broadcasts, then finishes the call
 *
 * While a run() runs nobody else touches the call.
 */
#ifndef SV_NODE_ENGINE_CALL_H
#define SV_NODE_ENGINE_CALL_H

#include "api/result.h"
#include "node/people/account.h"
#include "node/engine/node.h"

struct sv_stream;

struct sv_call {
    struct sv_job job;
    struct sv_work work;
    struct sv_letter letter;
    synctv_node *node;
    struct sv_session *by; /* a reference */
    struct sv_actor_info
        actor;         /* at the start, and from sv_call_judge() on as the transaction sees them */
    bool needs_active; /* sv_call_need_active() was asked */
    const synctv_request *req; /* the caller's until sv_call_keep(), then ours */
    synctv_result *result;     /* made by sv_call_result() */
    synctv_error err;
    struct sv_arena arena;    /* everything that lives as long as the call */
    void *state;              /* what the method keeps between its steps, in the arena */
    struct sv_room *room;     /* pinned by sv_call_load_room(); released at the end */
    struct sv_stream *stream; /* the request came in on this stream (a reference), else NULL */
    struct sv_stream
        *opening;        /* the node's own call, made for this stream (a reference), else NULL */
    int64_t received_ms; /* node clock */

    int (*run)(struct sv_call *call, struct sv_tx *tx);
    void (*next)(struct sv_call *call);
    void (*written)(struct sv_call *call); /* sv_call_write()'s next() */
    void (*failed)(struct sv_call *call,
        int code); /* once, instead of answering with the error; may be NULL */
    synctv_done_fn *done;
    void *userdata;
    bool direct;  /* done() may run on any thread */
    bool foreign; /* we are on a thread on which done() of an indirect call may not run */
    bool kept;
};

/* The front door; sv_caller_ops.submit of sessions. */
void sv_call_submit(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct);
/* The same for a request that came in on a stream: the answer is no result, but a refusal becomes an ERROR event on the stream. */
void sv_call_submit_stream(struct sv_stream *stream, const synctv_request *request);

/* A call of the node itself that nobody waits for; the one who makes it fills in req. NULL when out of memory. */
struct sv_call *sv_call_new_internal(struct sv_session *by);

/* The result that will be answered, code 0, to be filled; NULL when out of memory (then the call must be failed with NO_MEMORY). */
synctv_result *sv_call_result(struct sv_call *call);
/* Answers with sv_call_result() (an empty one if none was made) and ends the call. */
void sv_call_finish(struct sv_call *call);
/* Answers with an error, with call->err if its code is `code`, and ends the call. */
void sv_call_fail(struct sv_call *call, int code);

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
/* In a transaction that writes; next(call) after COMMIT. What it is about: the room, whoever acts, and somebody else ("" = none, both
 * copied); for changes of one room next() follows in the order of their commits. While somebody observes all rooms, the room of the
 * request is loaded first, so that they are told. */
void sv_call_write(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));
/* On a hashing thread. */
void sv_call_hash(struct sv_call *call, void (*next)(struct sv_call *));
/* Pins the room in memory as call->room, loading it first if need be; ROOM_NOT_FOUND fails the call. next(call) runs at once if the room is
 * here, otherwise on the writer thread in commit order. */
void sv_call_load_room(struct sv_call *call, const char *room_id, void (*next)(struct sv_call *));

/* Checks that every handler starts with; each returns 0 or fills call->err and returns its code (the handler then calls sv_call_fail()). */
/* Signed in (or in-process, or the system); the account is neither banned nor, with `active`, pending. */
int sv_call_need_user(struct sv_call *call);
int sv_call_need_active(struct sv_call *call);
/* The same again, as far as the handler asked, by what the transaction sees: meanwhile the session may have ended, and who acts may have been
 * banned or have lost a role. For run(); strings lie in `a` a while. */
int sv_call_judge(struct sv_call *call, struct sv_tx *tx, struct sv_arena *a);
/* Where what the user's row says has been read already. */
int sv_call_judge_by(struct sv_call *call, synctv_user_role role, synctv_user_status status);
/* Takes one token of the rate. */
int sv_call_need_rate(struct sv_call *call, enum sv_rate_kind kind);
/* An id of the right form, else INVALID_ARGUMENT that names the field. */
int sv_call_need_id(struct sv_call *call, const char *id, const char *field);
/* page_size 0 -> def; < 0 or > max: INVALID_ARGUMENT. */
int sv_call_page_size(struct sv_call *call, int32_t max, int32_t def, int32_t *ret_size);

/* Page tokens: two numbers or a number and an id, printed. */
const char *sv_page_token(struct sv_arena *a, int64_t key, const char *id);
/* INVALID_ARGUMENT unless token is "" (key 0, id "") or what sv_page_token() made. id must hold SV_ID_SIZE bytes. */
int sv_page_token_parse(struct sv_call *call, int64_t *ret_key, char *ret_id);

/* Handlers, by method; NULL = UNIMPLEMENTED. */
typedef void sv_handler(struct sv_call *call);

#endif
