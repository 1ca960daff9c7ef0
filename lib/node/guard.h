/* SPDX-License-Identifier: MIT */
/* What the caller is and may do in a room, as a transaction sees it. For run(). */
#ifndef SV_NODE_GUARD_H
#define SV_NODE_GUARD_H

#include "core/permission.h"
#include "node/call.h"

struct sv_standing {
    struct sv_room_rec room;
    struct sv_member_rec member; /* zeros if there is no row */
    bool has_row;
    struct sv_actor actor; /* for core/permission.h; points into this structure */
};

/* Reads the room and the caller's row. Strings lie in `a`, a scratch arena (run() may run twice: use call->arena only if that is fine).
 * ROOM_NOT_FOUND, … */
int sv_standing_load(struct sv_call *call, struct sv_tx *tx, const char *room_id,
                     struct sv_arena *a, struct sv_standing *ret);
/* 0, NOT_A_MEMBER, MEMBER_BANNED, MEMBER_PENDING, PERMISSION_DENIED; all the bits are needed. Fills call->err. */
int sv_standing_need(struct sv_call *call, const struct sv_standing *standing,
                     uint64_t permissions);

#endif
