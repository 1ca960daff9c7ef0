/* SPDX-License-Identifier: MIT */
/*
 * Login, Register, RefreshToken, Logout.
 *
 * Refresh tokens. A session knows its current token, the previous one, and its last thousand.
 *
 *   which token is sent             what happens
 *   the current one                 It works. A new token replaces it.
 *   the previous one, at most       It works once more: the answer may have been lost. A new token
 *   60 s after its replacement      replaces the current one; the one sent becomes an older one.
 *   an older one                    Somebody has a copy of a used token. The session ends.
 *
 * The second use of a token does not start the 60 s again. So two holders of one token cannot both
 * go on with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/login_limit.h"
#include "auth/password.h"
#include "auth/refresh_token.h"
#include "auth/token.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/answer.h"
#include "node/calls/guard.h"
#include "node/calls/handlers.h"

#define LOST_ANSWER_MS 60000

/* What Login and Register keep between their steps. */
struct sign_in {
    /* Of the name. */
    const char *fold;
    const char *email_fold;
    bool found;
    char user_id[SV_ID_SIZE];
    char username[161];
    /* Of a new user. */
    synctv_user_status status;
    /* Login: the one that was verified. Register: the new one. */
    char record[SV_PASSWORD_RECORD_SIZE];
    /* Login: replaces the old one; "" = it does not. */
    char new_record[SV_PASSWORD_RECORD_SIZE];
    char session_id[SV_ID_SIZE];
    struct sv_session_rec session;
    /* The oldest sessions, which were ended for the new one. */
    const char *const *ended_ids;
    int n_ended;
};

/* --- shared --- */

/* Counts one login: by address and name for anonymous callers, otherwise by account. */
static int need_login_rate(struct sv_call *c, const char *fold)
{
    struct sv_login_limit *limit = c->node->login_limit;
    if (sv_session_of(c)->kind != SV_SESSION_ANONYMOUS)
        return sv_call_need_rate(c, SV_RATE_HASHES);
    int64_t wait_ms =
        sv_login_limit_login(limit, fold, sv_session_of(c)->address, sv_node_mono_ms(c->node));
    return wait_ms == 0 ? 0 : sv_error_retry(&c->err, wait_ms);
}

static int need_register_rate(struct sv_call *c)
{
    if (sv_session_of(c)->kind != SV_SESSION_ANONYMOUS)
        return sv_call_need_rate(c, SV_RATE_HASHES);
    int64_t wait_ms = sv_login_limit_register(c->node->login_limit, sv_session_of(c)->address,
        sv_node_mono_ms(c->node));
    return wait_ms == 0 ? 0 : sv_error_retry(&c->err, wait_ms);
}

static int answer_access_token(struct sv_call *c, const char *user_id, const char *username,
    const char *session_id)
{
    synctv_result *result = sv_call_result(c);
    struct sv_token_claims claims = { 0 };
    int64_t now_s = sv_node_now_ms(c->node) / 1000;
    char *token = NULL;
    if (result == NULL)
        return SYNCTV_E_NO_MEMORY;
    snprintf(claims.subject, sizeof(claims.subject), "%s", user_id);
    snprintf(claims.username, sizeof(claims.username), "%s", username);
    snprintf(claims.session_id, sizeof(claims.session_id), "%s", session_id);
    claims.issued_at_s = now_s;
    claims.expires_at_s = now_s + c->node->access_ttl_s;
    int rv = sv_node_random_id(c->node, claims.token_id, SV_TOKEN_ID_LEN);
    if (rv == 0)
        rv =
            sv_token_sign(c->node->jwt_key, c->node->jwt_key_len, SV_TOKEN_CLIENT, &claims, &token);
    if (rv < 0) /* a row with an impossible name or id is no fault of the caller */
        return rv == SYNCTV_E_INVALID_ARGUMENT ? SYNCTV_E_STORAGE_CORRUPT : rv;
    result->access_token = sv_arena_strdup(sv_result_arena(result), token);
    result->expires_in_s = c->node->access_ttl_s;
    sv_secret_wipe(token, strlen(token));
    free(token);
    return result->access_token == NULL ? SYNCTV_E_NO_MEMORY : 0;
}

static int answer_refresh_token(struct sv_call *c, unsigned char ret_hash[SV_REFRESH_HASH_SIZE])
{
    synctv_result *result = sv_call_result(c);
    char token[SV_REFRESH_TOKEN_SIZE];
    if (result == NULL)
        return SYNCTV_E_NO_MEMORY;
    int rv = sv_refresh_token_new(token);
    if (rv == 0)
        rv = sv_refresh_token_hash(token, ret_hash);
    if (rv == 0) {
        result->refresh_token = sv_arena_strdup(sv_result_arena(result), token);
        rv = result->refresh_token == NULL ? SYNCTV_E_NO_MEMORY : 0;
    }
    sv_secret_wipe(token, sizeof(token));
    return rv;
}

/* Fills in a new session of the user, and its tokens in the result. */
static int make_session(struct sv_call *c, struct sign_in *s)
{
    int64_t now_ms = sv_node_now_ms(c->node);
    s->session = (struct sv_session_rec){
        .id = s->session_id,
        .user_id = s->user_id,
        .rotated_at_ms = now_ms,
        .created_at_ms = now_ms,
        .expires_at_ms = now_ms + c->node->refresh_ttl_s * 1000,
    };
    int rv = sv_node_new_id(c->node, s->session_id);
    if (rv == 0)
        rv = answer_refresh_token(c, s->session.refresh_hash);
    if (rv == 0)
        rv = answer_access_token(c, s->user_id, s->username, s->session_id);
    return rv;
}

/* --- Login --- */

/* Runs before the new session is inserted, which must stay whatever the clock says. */
static int end_oldest_sessions(struct sv_call *c, struct sv_tx *tx, struct sign_in *s)
{
    int32_t max = c->node->limits.sessions_per_user;
    if (max <= 0)
        return 0;
    int n = tx->ops->session_delete_oldest(tx, s->user_id, max - 1, &c->arena, &s->ended_ids);
    if (n > 0)
        s->n_ended = n;
    return n < 0 ? n : 0;
}

static int login_store(struct sv_call *c, struct sv_tx *tx)
{
    struct sign_in *s = c->state;
    struct sv_user_rec rec;
    s->n_ended = 0;
    int rv = tx->ops->user_get(tx, s->user_id, &c->arena, &rec);
    if (rv < 0)
        return rv == SYNCTV_E_USER_NOT_FOUND ? SYNCTV_E_LOGIN_FAILED : rv;
    if (strcmp(rec.password_hash, s->record) != 0)
        return SYNCTV_E_LOGIN_FAILED; /* changed while we were hashing */
    if (rec.user.status == SYNCTV_USER_STATUS_BANNED)
        return SYNCTV_E_USER_BANNED;
    if (s->new_record[0] != '\0')
        rv = tx->ops->user_set_password(tx, s->user_id, s->new_record);
    if (rv == 0)
        rv = end_oldest_sessions(c, tx, s);
    if (rv == 0)
        rv = tx->ops->session_insert(tx, &s->session);
    return rv == 0 ? sv_answer_user(c, &rec.user) : rv;
}

static void login_done(struct sv_call *c)
{
    const struct sign_in *s = c->state;
    for (int i = 0; i < s->n_ended; i++)
        sv_accounts_end_session(c->node, s->ended_ids[i]);
    sv_call_finish(c);
}

static void login_verify(struct sv_call *c)
{
    struct sign_in *s = c->state;
    const char *password = sv_str(c->req->password);
    int rv = s->found ? sv_password_verify(s->record, password)
                      : sv_password_verify_dummy(password, NULL);
    if (rv == 0 && sv_password_needs_rehash(s->record, NULL))
        rv = sv_password_hash(password, NULL, s->new_record);
    if (rv == 0)
        rv = make_session(c, s);
    sv_step_write(c, rv, s->user_id, login_store, login_done);
}

static void login_found(struct sv_call *c)
{
    sv_call_hash(c, login_verify);
}

/* A name that does not exist takes the same steps, and the same time, as one that exists. */
static int login_find(struct sv_call *c, struct sv_tx *tx)
{
    struct sign_in *s = c->state;
    struct sv_user_rec rec;
    s->found = false;
    int rv = tx->ops->user_get_by_name(tx, s->fold, &c->arena, &rec);
    if (rv == SYNCTV_E_USER_NOT_FOUND)
        return 0;
    if (rv < 0)
        return rv;
    snprintf(s->record, sizeof(s->record), "%s", rec.password_hash);
    snprintf(s->user_id, sizeof(s->user_id), "%s", rec.user.id);
    snprintf(s->username, sizeof(s->username), "%s", rec.user.username);
    s->found = true;
    return 0;
}

void sv_handle_login(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct sign_in));
    struct sign_in *s = c->state;
    const char *username;
    if (rv == 0)
        rv = sv_username_trim(&c->arena, c->req->username, &username);
    if (rv == 0 && sv_name_fold(&c->arena, username, &s->fold) < 0)
        s->fold = ""; /* nobody can have such a name */
    if (rv == 0)
        rv = need_login_rate(c, s->fold);
    sv_step_read(c, rv, login_find, login_found);
}

/* --- Register --- */

static int register_store(struct sv_call *c, struct sv_tx *tx)
{
    struct sign_in *s = c->state;
    struct sv_user_rec rec = {
        .user = {
            .id = s->user_id,
            .username = s->username,
            .email = sv_str(c->req->email),
            .role = SYNCTV_USER_ROLE_USER,
            .status = s->status,
            .created_at_ms = s->session.created_at_ms,
        },
        .username_fold = s->fold,
        .email_fold = s->email_fold,
        .password_hash = s->record,
    };
    int rv = tx->ops->user_insert(tx, &rec);
    if (rv == 0)
        rv = tx->ops->session_insert(tx, &s->session);
    return rv == 0 ? sv_answer_user(c, &rec.user) : rv;
}

static void register_hash(struct sv_call *c)
{
    struct sign_in *s = c->state;
    int rv = sv_password_hash(c->req->password, NULL, s->record);
    if (rv == 0)
        rv = sv_node_new_id(c->node, s->user_id);
    if (rv == 0)
        rv = make_session(c, s);
    sv_step_write(c, rv, s->user_id, register_store, sv_call_finish);
}

static int check_registration(struct sv_call *c, struct sign_in *s)
{
    const synctv_request *req = c->req;
    s->status = SYNCTV_USER_STATUS_ACTIVE;
    if (!c->actor.is_system) {
        switch (c->node->registration) {
        case SYNCTV_REGISTRATION_OPEN:
            break;
        case SYNCTV_REGISTRATION_APPROVE:
            s->status = SYNCTV_USER_STATUS_PENDING;
            break;
        case SYNCTV_REGISTRATION_CLOSED:
            return SYNCTV_E_REGISTRATION_CLOSED;
        }
    }
    int rv = sv_username_validate(req->username, &c->err);
    if (rv == 0)
        rv = sv_password_validate(req->password, req->username, "password", &c->err);
    if (rv == 0)
        rv = sv_email_validate(req->email, &c->err);
    if (rv == 0)
        rv = sv_name_fold(&c->arena, req->username, &s->fold);
    if (rv == 0)
        rv = sv_name_fold(&c->arena, req->email, &s->email_fold);
    return rv;
}

void sv_handle_register(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct sign_in));
    struct sign_in *s = c->state;
    if (rv == 0)
        rv = check_registration(c, s);
    if (rv == 0)
        rv = need_register_rate(c);
    if (rv == 0)
        snprintf(s->username, sizeof(s->username), "%s", c->req->username);
    sv_step_hash(c, rv, register_hash);
}

/* --- RefreshToken --- */

/*
 * The state of RefreshToken and Logout. They first find out whose token it is: a write has to name
 * the user whom it changes.
 */
struct by_token {
    unsigned char hash[SV_REFRESH_HASH_SIZE];
    char user_id[SV_ID_SIZE];
    /* The session that was ended. */
    char ended_id[SV_ID_SIZE];
};

static bool hash_is(const unsigned char *a, const unsigned char *b)
{
    return sv_secret_equal(a, b, SV_REFRESH_HASH_SIZE);
}

static int find_user(struct sv_call *c, struct sv_tx *tx)
{
    struct by_token *t = c->state;
    struct sv_session_rec session;
    int rv = tx->ops->session_get_by_refresh(tx, t->hash, &c->arena, &session);
    if (rv == 0)
        snprintf(t->user_id, sizeof(t->user_id), "%s", session.user_id);
    return rv;
}

static int end_session(struct sv_tx *tx, const char *session_id, struct by_token *t)
{
    int rv = tx->ops->session_delete(tx, session_id);
    if (rv == 0)
        snprintf(t->ended_id, sizeof(t->ended_id), "%s", session_id);
    return rv;
}

static int refresh_run(struct sv_call *c, struct sv_tx *tx)
{
    struct by_token *t = c->state;
    struct sv_session_rec session;
    struct sv_user_rec user;
    unsigned char new_hash[SV_REFRESH_HASH_SIZE];
    int64_t now_ms = sv_node_now_ms(c->node);
    t->ended_id[0] = '\0';
    int rv = tx->ops->session_get_by_refresh(tx, t->hash, &c->arena, &session);
    if (rv == 0 && session.expires_at_ms <= now_ms)
        rv = SYNCTV_E_SESSION_ENDED;
    if (rv == 0)
        rv = tx->ops->user_get(tx, session.user_id, &c->arena, &user);
    if (rv < 0)
        return rv;

    bool is_current = hash_is(session.refresh_hash, t->hash);
    bool answer_was_lost =
        hash_is(session.previous_hash, t->hash) && session.rotated_at_ms >= now_ms - LOST_ANSWER_MS;
    if (user.user.status == SYNCTV_USER_STATUS_BANNED)
        return SYNCTV_E_SESSION_ENDED;
    if (!is_current && !answer_was_lost)
        return end_session(tx, session.id, t);
    rv = answer_refresh_token(c, new_hash);
    if (rv == 0)
        rv = answer_access_token(c, session.user_id, user.user.username, session.id);
    if (rv == 0)
        rv = tx->ops->session_rotate(tx, session.id, new_hash,
            is_current ? now_ms : session.rotated_at_ms, now_ms + c->node->refresh_ttl_s * 1000);
    return rv;
}

static void refresh_done(struct sv_call *c)
{
    struct by_token *t = c->state;
    if (t->ended_id[0] == '\0') {
        sv_call_finish(c);
        return;
    }
    sv_accounts_end_session(c->node, t->ended_id);
    sv_logf(&c->node->log, SYNCTV_LOG_WARN, "account",
        "session %s ended: a refresh token was used again", t->ended_id);
    sv_call_fail(c, SYNCTV_E_SESSION_ENDED);
}

static void refresh_found(struct sv_call *c)
{
    const struct by_token *t = c->state;
    sv_call_write(c, "", t->user_id, refresh_run, refresh_done);
}

void sv_handle_refresh_token(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct by_token));
    struct by_token *t = c->state;
    if (rv == 0 && sv_str_empty(c->req->refresh_token))
        rv = sv_errorf(&c->err, SYNCTV_E_TOKEN_MISSING, "no refresh token was sent");
    if (rv == 0)
        rv = sv_refresh_token_hash(c->req->refresh_token, t->hash);
    sv_step_read(c, rv, find_user, refresh_found);
}

/* --- Logout: if the session has ended already, that is a success, too --- */

static int logout_find(struct sv_call *c, struct sv_tx *tx)
{
    int rv = find_user(c, tx);
    return rv == SYNCTV_E_SESSION_ENDED ? 0 : rv;
}

static int logout_by_token(struct sv_call *c, struct sv_tx *tx)
{
    struct by_token *t = c->state;
    struct sv_session_rec session;
    t->ended_id[0] = '\0';
    int rv = tx->ops->session_get_by_refresh(tx, t->hash, &c->arena, &session);
    if (rv == 0)
        rv = end_session(tx, session.id, t);
    return rv == SYNCTV_E_SESSION_ENDED ? 0 : rv;
}

static int logout_caller(struct sv_call *c, struct sv_tx *tx)
{
    int rv = end_session(tx, sv_session_of(c)->id, c->state);
    return rv == SYNCTV_E_SESSION_ENDED ? 0 : rv;
}

static void logout_done(struct sv_call *c)
{
    struct by_token *t = c->state;
    if (t->ended_id[0] != '\0')
        sv_accounts_end_session(c->node, t->ended_id);
    sv_call_finish(c);
}

static void logout_found(struct sv_call *c)
{
    const struct by_token *t = c->state;
    if (t->user_id[0] == '\0')
        sv_call_finish(c);
    else
        sv_call_write(c, "", t->user_id, logout_by_token, logout_done);
}

void sv_handle_logout(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct by_token));
    struct by_token *t = c->state;
    bool by_token = !sv_str_empty(c->req->refresh_token);
    if (rv == 0 && by_token)
        rv = sv_refresh_token_hash(c->req->refresh_token, t->hash);
    else if (rv == 0 && sv_session_of(c)->kind == SV_SESSION_ANONYMOUS)
        rv = SYNCTV_E_TOKEN_MISSING;
    else if (rv == 0 && sv_session_of(c)->kind != SV_SESSION_USER)
        rv = sv_error_field(&c->err, "refresh_token", "this caller has no session to end");
    if (rv < 0)
        sv_call_fail(c, rv);
    else if (by_token)
        sv_call_read(c, logout_find, logout_found);
    else
        sv_call_write(c, "", "", logout_caller, logout_done);
}
