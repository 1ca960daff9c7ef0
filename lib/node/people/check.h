/* SPDX-License-Identifier: MIT */
/* What a handler asks about its caller. Each returns 0, or fills call->err and returns its code (the handler then fails the call). */
#ifndef SV_NODE_PEOPLE_CHECK_H
#define SV_NODE_PEOPLE_CHECK_H

#include "node/engine/call.h"
#include "node/people/account.h"

/* Who made the call; borrowed. */
static inline struct sv_session *sv_session_of(const struct sv_call *call)
{
    return (struct sv_session *)call->by;
}

/* Signed in (or in-process, or the system); the account is neither banned nor, for _active, pending. */
int sv_call_need_user(struct sv_call *call);
int sv_call_need_active(struct sv_call *call);
/*
 * The same again, as far as the handler asked, by what the transaction sees: meanwhile the session may have ended, and who
 * acts may have been banned or have lost a role. For run(); strings lie in `a` a while.
 */
int sv_call_judge(struct sv_call *call, struct sv_tx *tx, struct sv_arena *a);
/* Where what the user's row says has been read already. */
int sv_call_judge_by(struct sv_call *call, synctv_user_role role, synctv_user_status status);
/*
 * The same again by what is known here, for what is carried out in memory: the call may have waited for its room. Under the
 * room's lock, so that nobody acts who was told to have lost the right.
 */
int sv_call_judge_now(struct sv_call *call);
/* Takes one token of the rate. */
int sv_call_need_rate(struct sv_call *call, enum sv_rate_kind kind);

#endif
