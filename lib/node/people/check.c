/* SPDX-License-Identifier: MIT */
#include "node/people/check.h"

#include "base/error.h"

int sv_call_check_caller(struct sv_call *call)
{
    enum sv_method_caller needed = sv_methods[call->req->method].caller;
    if (needed < SV_CALLER_SIGNED_IN || call->actor.is_system)
        return 0;
    if (call->actor.user_id[0] == '\0')
        return sv_error(&call->err, SYNCTV_E_TOKEN_MISSING);
    if (atomic_load(&sv_session_of(call)->ended))
        return sv_error(&call->err, SYNCTV_E_SESSION_ENDED);
    if (call->actor.status == SYNCTV_USER_STATUS_BANNED)
        return sv_error(&call->err, SYNCTV_E_USER_BANNED);
    if (needed >= SV_CALLER_ACTIVE && call->actor.status != SYNCTV_USER_STATUS_ACTIVE)
        return sv_error(&call->err, SYNCTV_E_USER_PENDING);
    return 0;
}

int sv_call_recheck_as(struct sv_call *call, synctv_user_role role, synctv_user_status status)
{
    sv_actor_set(&call->actor, role, status);
    return sv_call_check_caller(call);
}

int sv_call_recheck(struct sv_call *call, struct sv_tx *tx, struct sv_arena *a)
{
    struct sv_user_rec user;
    if (call->actor.is_system)
        return 0;
    int rv = tx->ops->user_get(tx, call->actor.user_id, a, &user);
    return rv < 0 ? rv : sv_call_recheck_as(call, user.user.role, user.user.status);
}

int sv_call_recheck_in_memory(struct sv_call *call)
{
    const struct sv_account *account = sv_session_of(call)->account;
    if (account == NULL)
        return 0;
    return sv_call_recheck_as(call, atomic_load(&account->role), atomic_load(&account->status));
}

int sv_call_need_rate(struct sv_call *call, enum sv_rate_kind kind)
{
    int64_t wait_ms = sv_session_rate(sv_session_of(call), kind);
    return wait_ms == 0 ? 0 : sv_error_retry(&call->err, wait_ms);
}
