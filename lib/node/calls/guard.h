/* SPDX-License-Identifier: MIT */
/* What the caller is and may do in a room: how handlers begin, and what a transaction or the memory says. */
#ifndef SV_NODE_GUARD_H
#define SV_NODE_GUARD_H

#include "core/permission.h"
#include "node/people/check.h"

struct sv_room;

/* --- arguments; each returns 0, or fills call->err and returns its code --- */

/* An id of the right form, else INVALID_ARGUMENT that names the field. */
int sv_call_need_id(struct sv_call *call, const char *id, const char *field);
/* page_size 0 -> def; < 0 or > max: INVALID_ARGUMENT. */
int sv_call_page_size(struct sv_call *call, int32_t max, int32_t def, int32_t *ret_size);
/* Page tokens: two numbers or a number and an id, printed. */
const char *sv_page_token(struct sv_arena *a, int64_t key, const char *id);
/* INVALID_ARGUMENT unless token is "" (key 0, id "") or what sv_page_token() made. id must hold SV_ID_SIZE bytes. */
int sv_page_token_parse(struct sv_call *call, int64_t *ret_key, char *ret_id);

/* --- how handlers of rooms begin; each returns 0, or fills call->err and returns its code --- */

/* Signed in, within the rate of calls, room_id is an id. */
int sv_guard_read(struct sv_call *call);
/* For changes: the account is active, too, and call->state is a zeroed structure of that size. */
int sv_guard_write(struct sv_call *call, size_t state_size);
/* As sv_guard_write(), but for rates: those of the call are the handler's own. */
int sv_guard_change(struct sv_call *call, size_t state_size);

/* --- in a transaction, for run() --- */

struct sv_standing {
    struct sv_room_rec room;
    struct sv_member_rec member; /* zeros if there is no row */
    bool has_row;
    struct sv_actor
        actor; /* for core/permission.h; points into this structure, so do not copy it */
};

/* Judges the caller again, reads the room and the caller's row in it. Strings lie in `a`: call->arena, where next() finds them still (those of a first run() that was
 * undone stay there unused until the call ends), or a scratch arena. What sv_call_judge() says, ROOM_NOT_FOUND, … */
int sv_standing_load(struct sv_call *call, struct sv_tx *tx, const char *room_id,
    struct sv_arena *a, struct sv_standing *ret);
/*
 * 0, NOT_A_MEMBER, MEMBER_BANNED, MEMBER_PENDING, MEMBER_KICKED, PERMISSION_DENIED; all the bits are needed. Fills call->err.
 * Guests pass by their mask; where the room has a password only on a stream that was opened with it.
 */
int sv_standing_need(struct sv_call *call, const struct sv_standing *standing,
    uint64_t permissions);
/* The same for what guests never may, whatever their mask says: NOT_A_MEMBER. */
int sv_standing_need_member(struct sv_call *call, const struct sv_standing *standing,
    uint64_t permissions);

/* --- in memory --- */

/* Locks call->room, which sv_call_load_room() has pinned: 0, or ROOM_NOT_FOUND (not locked) when it was deleted since. */
int sv_guard_lock(struct sv_call *call);
/* Judges the caller anew and locks call->room for look(), then ends the call with its code. */
void sv_guard_look(struct sv_call *call, int (*look)(struct sv_call *call, struct sv_room *room));
/* enum sv_access, or the codes of sv_standing_need(). A guest of a room with a password must be following it. Locked. */
int sv_guard_room(struct sv_call *call, struct sv_room *room, uint64_t permissions);

#endif
