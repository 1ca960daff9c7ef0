/* SPDX-License-Identifier: MIT */
/*
 * How handlers begin, how they go from step to step, and what the caller may do in a room: by what
 * a transaction sees, or by what is in memory.
 *
 * A handler checks, then starts its first step:
 *
 *     int rv = sv_call_begin(call, sizeof(struct state));
 *     if (rv == 0)
 *         rv = … what is special about this method …
 *     sv_step_write_room(call, rv, "", run, done);
 */
#ifndef SV_NODE_GUARD_H
#define SV_NODE_GUARD_H

#include "core/permission.h"
#include "node/people/check.h"

struct sv_room;

/* --- beginning; each function returns 0, or fills call->err and returns its code --- */

/*
 * Checks what the table of methods (api/methods.h) says: who may ask, the rate, the ids. Then
 * call->state is a zeroed structure of that size; for size 0 it stays NULL.
 */
int sv_call_begin(struct sv_call *call, size_t state_size);
/* An id of the right form, else INVALID_ARGUMENT that names the field. */
int sv_call_need_id(struct sv_call *call, const char *id, const char *field);
/* page_size 0 -> def; < 0 or > max: INVALID_ARGUMENT. */
int sv_call_page_size(struct sv_call *call, int32_t max, int32_t def, int32_t *ret_size);
/*
 * The request's `fields`: sets bit i in *bits for each that is names[i]. INVALID_ARGUMENT with the
 * text `takes` for any other one, and if *bits is still 0 in the end.
 */
int sv_call_fields(struct sv_call *call, const char *const *names, size_t n_names,
    const char *takes, unsigned *bits);

/* A page token is a number and an id, or two numbers, printed. NULL when out of memory. */
const char *sv_page_token(struct sv_arena *a, int64_t key, const char *id);
/*
 * INVALID_ARGUMENT unless the request's page_token is "" (key 0, id "") or what sv_page_token()
 * made. ret_id must hold SV_ID_SIZE bytes.
 */
int sv_page_token_parse(struct sv_call *call, int64_t *ret_key, char *ret_id);

/* --- steps: if rv < 0 the call fails with it, otherwise the function named so is called --- */

/* sv_call_read() */
void sv_step_read(struct sv_call *call, int rv, int (*run)(struct sv_call *, struct sv_tx *),
    void (*next)(struct sv_call *));
/* sv_call_write() of what is about no room. */
void sv_step_write(struct sv_call *call, int rv, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));
/* sv_call_write_room() */
void sv_step_write_room(struct sv_call *call, int rv, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *));
/* sv_call_hash() */
void sv_step_hash(struct sv_call *call, int rv, void (*next)(struct sv_call *));
/* sv_call_load_room() of the request's room. */
void sv_step_load_room(struct sv_call *call, int rv, void (*next)(struct sv_call *));
/*
 * The same for what needs no more than the room in memory: rechecks the caller, runs act() under
 * the room's lock, and ends the call with its code.
 */
void sv_step_act_in_room(struct sv_call *call, int rv, sv_room_act *act);

/* --- in a transaction, for run() --- */

/* A room, and the caller in it. */
struct sv_caller_rights {
    struct sv_room_rec room;
    /* Zeros if there is no row. */
    struct sv_member_rec member;
    bool has_row;
    /* For core/permission.h. It points into this structure, so do not copy it. */
    struct sv_actor actor;
};

/*
 * Rechecks the caller, then reads the room and the caller's row in it. What sv_call_recheck() says,
 * ROOM_NOT_FOUND, …
 *
 * Strings lie in `a`. That is call->arena, where next() still finds them, or a scratch arena. What
 * a first run() that was undone has left in call->arena stays there unused until the call ends.
 */
int sv_rights_load(struct sv_call *call, struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    struct sv_caller_rights *ret);
/*
 * That the caller has all these permissions: 0, NOT_A_MEMBER, MEMBER_BANNED, MEMBER_PENDING,
 * MEMBER_KICKED or PERMISSION_DENIED. Fills call->err.
 * Guests have those of their mask; where the room has a password, only on a stream that was opened
 * with it.
 */
int sv_rights_need(struct sv_call *call, const struct sv_caller_rights *rights,
    uint64_t permissions);
/* The same for what guests never may, whatever their mask says: NOT_A_MEMBER. */
int sv_rights_need_member(struct sv_call *call, const struct sv_caller_rights *rights,
    uint64_t permissions);

/* ROOM_LIMIT if the user is the creator of as many rooms as a user may have. Fills call->err. */
int sv_call_check_created(struct sv_call *call, struct sv_tx *tx, const char *user_id);
/* ROOM_LIMIT if the user is in as many rooms as a user may be in. Fills call->err. */
int sv_call_check_memberships(struct sv_call *call, struct sv_tx *tx, const char *user_id);

/* --- in memory --- */

/*
 * Locks call->room, which sv_call_load_room() has pinned. 0; or ROOM_NOT_FOUND, and it is not
 * locked, when the room has been deleted since.
 */
int sv_call_lock_room(struct sv_call *call);
/*
 * enum sv_access, or the codes of sv_rights_need(). A guest of a room with a password must be
 * following it. Locked.
 */
int sv_call_need_in_room(struct sv_call *call, struct sv_room *room, uint64_t permissions);

#endif
