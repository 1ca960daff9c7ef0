/* SPDX-License-Identifier: MIT */
/* GetProfile, ChangePassword, ListUsers, SetUserStatus. */
#include <stdio.h>
#include <string.h>

#include "auth/password.h"
#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/answer.h"
#include "node/calls/handlers.h"
#include "node/calls/guard.h"

#define PAGE_MAX 100
#define PAGE_DEFAULT 20

static int refuse_system(struct sv_call *c)
{
    return c->actor.is_system
        ? sv_errorf(&c->err, SYNCTV_E_USER_NOT_FOUND, "the system has no account")
        : 0;
}

/* --- GetProfile --- */

static int profile_run(struct sv_call *c, struct sv_tx *tx)
{
    struct sv_user_rec rec;
    int rv = tx->ops->user_get(tx, c->actor.user_id, &c->arena, &rec);
    return rv == 0 ? sv_answer_user(c, &rec.user) : rv;
}

void sv_handle_get_profile(struct sv_call *c)
{
    int rv = sv_call_begin(c, 0);
    if (rv == 0)
        rv = refuse_system(c);
    sv_step_read(c, rv, profile_run, sv_call_finish);
}

/* --- ChangePassword --- */

struct change {
    char old_record[SV_PASSWORD_RECORD_SIZE];
    char new_record[SV_PASSWORD_RECORD_SIZE];
};

static int old_password_is_wrong(struct sv_call *c)
{
    return sv_errorf(&c->err, SYNCTV_E_LOGIN_FAILED, "the old password is wrong");
}

static int password_store(struct sv_call *c, struct sv_tx *tx)
{
    struct change *s = c->state;
    struct sv_user_rec rec;
    const char *const *ended_ids;
    int rv = tx->ops->user_get(tx, c->actor.user_id, &c->arena, &rec);
    if (rv < 0)
        return rv;
    if (rec.user.status == SYNCTV_USER_STATUS_BANNED)
        return SYNCTV_E_USER_BANNED;
    if (strcmp(rec.password_hash, s->old_record) != 0)
        return old_password_is_wrong(c); /* changed while we were hashing */
    rv = tx->ops->user_set_password(tx, c->actor.user_id, s->new_record);
    if (rv == 0)
        rv = tx->ops->session_delete_user(tx, c->actor.user_id, sv_session_of(c)->id, &c->arena,
            &ended_ids);
    return rv < 0 ? rv : 0;
}

static void password_stored(struct sv_call *c)
{
    sv_accounts_end_user(c->node, c->actor.user_id, sv_session_of(c)->id);
    sv_call_finish(c);
}

static void password_hash(struct sv_call *c)
{
    struct change *s = c->state;
    int rv = sv_password_verify(s->old_record, sv_str(c->req->password));
    if (rv == 0)
        rv = sv_password_hash(c->req->new_password, NULL, s->new_record);
    else if (rv == SYNCTV_E_LOGIN_FAILED)
        rv = old_password_is_wrong(c);
    sv_step_write(c, rv, "", password_store, password_stored);
}

static void password_found(struct sv_call *c)
{
    sv_call_hash(c, password_hash);
}

static int password_find(struct sv_call *c, struct sv_tx *tx)
{
    struct change *s = c->state;
    struct sv_user_rec rec;
    int rv = tx->ops->user_get(tx, c->actor.user_id, &c->arena, &rec);
    if (rv == 0)
        snprintf(s->old_record, sizeof(s->old_record), "%s", rec.password_hash);
    return rv;
}

void sv_handle_change_password(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct change));
    if (rv == 0)
        rv = refuse_system(c);
    if (rv == 0)
        rv = sv_password_validate(c->req->new_password, c->actor.username, "new_password", &c->err);
    if (rv == 0)
        rv = sv_call_need_rate(c, SV_RATE_HASHES); /* only a valid password costs one */
    sv_step_read(c, rv, password_find, password_found);
}

/* --- ListUsers --- */

struct list {
    /* Folded. */
    const char *search;
    int64_t before_ms;
    char before_id[SV_ID_SIZE];
    int32_t size;
};

static int list_run(struct sv_call *c, struct sv_tx *tx)
{
    struct list *s = c->state;
    synctv_user *users = NULL;
    synctv_result *result = sv_call_result(c);
    if (result == NULL)
        return SYNCTV_E_NO_MEMORY;
    struct sv_arena *a = sv_result_arena(result);
    int n = tx->ops->user_list(tx, s->search, s->before_ms, s->before_id, s->size + 1, a, &users);
    if (n < 0)
        return n;
    bool is_last = n <= s->size;
    result->users = users;
    result->n_users = (size_t)(is_last ? n : s->size);
    result->next_page_token = "";
    if (!is_last) {
        const synctv_user *last = &users[s->size - 1];
        result->next_page_token = sv_page_token(a, last->created_at_ms, last->id);
    }
    return result->next_page_token == NULL ? SYNCTV_E_NO_MEMORY : 0;
}

static int list_query(struct sv_call *c, struct list *s)
{
    int rv = sv_search_validate(c->req->search, &c->err);
    if (rv == 0)
        rv = sv_name_fold(&c->arena, c->req->search, &s->search);
    if (rv == 0)
        rv = sv_call_page_size(c, PAGE_MAX, PAGE_DEFAULT, &s->size);
    if (rv == 0)
        rv = sv_page_token_parse(c, &s->before_ms, s->before_id);
    return rv;
}

void sv_handle_list_users(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct list));
    if (rv == 0)
        rv = list_query(c, c->state);
    sv_step_read(c, rv, list_run, sv_call_finish);
}

/* --- SetUserStatus --- */

static int refuse(struct sv_call *c, const char *why)
{
    return sv_errorf(&c->err, SYNCTV_E_PERMISSION_DENIED, "%s", why);
}

/* Checks the rows in the transaction: the caller may have lost the role a moment ago. */
static int may_set_status(struct sv_call *c, struct sv_tx *tx, const synctv_user *target)
{
    struct sv_user_rec by;
    if (c->actor.is_system)
        return 0;
    int rv = tx->ops->user_get(tx, c->actor.user_id, &c->arena, &by);
    if (rv < 0)
        return rv;
    if (by.user.status != SYNCTV_USER_STATUS_ACTIVE || by.user.role < SYNCTV_USER_ROLE_ADMIN)
        return refuse(c, "this is for platform admins");
    if (strcmp(by.user.id, target->id) == 0)
        return refuse(c, "nobody sets their own status");
    if (by.user.role == SYNCTV_USER_ROLE_ROOT)
        return 0;
    if (target->role == SYNCTV_USER_ROLE_ROOT)
        return refuse(c, "only root acts on root");
    if (target->role == SYNCTV_USER_ROLE_ADMIN)
        return refuse(c, "only root acts on admins");
    return 0;
}

static int status_run(struct sv_call *c, struct sv_tx *tx)
{
    const synctv_request *req = c->req;
    struct sv_user_rec rec;
    const char *const *ended_ids;
    int rv = tx->ops->user_get(tx, req->user_id, &c->arena, &rec);
    if (rv == 0)
        rv = may_set_status(c, tx, &rec.user);
    if (rv == 0)
        rv = tx->ops->user_set_status(tx, req->user_id, req->user_status);
    if (rv == 0 && req->user_status == SYNCTV_USER_STATUS_BANNED)
        rv = tx->ops->session_delete_user(tx, req->user_id, "", &c->arena, &ended_ids);
    if (rv < 0)
        return rv;
    rec.user.status = req->user_status;
    return sv_answer_user(c, &rec.user);
}

static const char *status_word(synctv_user_status status)
{
    switch (status) {
    case SYNCTV_USER_STATUS_ACTIVE:
        return "active";
    case SYNCTV_USER_STATUS_PENDING:
        return "pending";
    case SYNCTV_USER_STATUS_BANNED:
        return "banned";
    case SYNCTV_USER_STATUS_UNSPECIFIED:
        break;
    }
    return "";
}

static void status_done(struct sv_call *c)
{
    const synctv_request *req = c->req;
    sv_accounts_set_status(c->node, req->user_id, req->user_status);
    sv_logf(&c->node->log, SYNCTV_LOG_INFO, "account", "user %s is now %s, set by %s: %s",
        req->user_id, status_word(req->user_status),
        c->actor.is_system ? "the system" : c->actor.user_id,
        sv_str_empty(req->reason) ? "no reason given" : req->reason);
    sv_call_finish(c);
}

void sv_handle_set_user_status(struct sv_call *c)
{
    int rv = sv_call_begin(c, 0);
    if (rv == 0 && status_word(c->req->user_status)[0] == '\0')
        rv = sv_error_field(&c->err, "status", "must be active, pending or banned");
    if (rv == 0)
        rv = sv_reason_validate(c->req->reason, &c->err);
    sv_step_write(c, rv, c->req->user_id, status_run, status_done);
}
