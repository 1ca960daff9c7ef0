/* SPDX-License-Identifier: MIT */
/*
 * What a handler asks about its caller. Each function returns 0, or fills call->err and returns its
 * code, with which the handler then fails the call.
 */
#ifndef SV_NODE_PEOPLE_CHECK_H
#define SV_NODE_PEOPLE_CHECK_H

#include "node/engine/call.h"
#include "node/people/account.h"

/* Who made the call; borrowed. */
static inline struct sv_session *sv_session_of(const struct sv_call *call)
{
    return (struct sv_session *)call->by;
}

/*
 * That the caller is what the request's method needs (api/methods.h), but for platform admins: of
 * those it asks no more than that the account is active. Callers in this process need no token.
 */
int sv_call_check_caller(struct sv_call *call);

/*
 * The same again later, by what is known then: meanwhile the session may have ended, and the user
 * may have been banned or have lost a role. call->actor is what was found.
 *
 * In run(), by the user's row in the transaction. Strings lie in `a` for a while.
 */
int sv_call_recheck(struct sv_call *call, struct sv_tx *tx, struct sv_arena *a);
/* In run(), where the user's row has been read already. */
int sv_call_recheck_as(struct sv_call *call, synctv_user_role role, synctv_user_status status);
/*
 * By what memory knows, for what is carried out in memory: the call may have waited for its room.
 * Under the room's lock, so that nobody acts who was told that they have lost the right.
 */
int sv_call_recheck_in_memory(struct sv_call *call);

/* Takes one token of the rate. */
int sv_call_need_rate(struct sv_call *call, enum sv_rate_kind kind);

#endif
