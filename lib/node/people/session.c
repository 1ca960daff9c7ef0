/* SPDX-License-Identifier: MIT */
/* Callers: of an access token, of a user in this process, of the system, anonymous. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "node/people/account_table.h"
#include "node/engine/blocking_job.h"
#include "node/engine/ticket.h"

/* --- tokens that were checked (accounts.lock) --- */

void sv_cached_token_drop(struct sv_accounts *a, struct sv_cached_token *token)
{
    HASH_DEL(a->tokens, token);
    sv_list_remove(&token->by_use);
    sv_list_remove(&token->of_session);
    token->session->n_tokens--;
    sv_session_put(a, token->session);
    sv_secret_wipe(token->text, token->len);
    free(token);
}

/* Only the signature is a secret. What it signs need not be compared in constant time. */
static struct sv_cached_token *find_token(struct sv_accounts *a, const char *text, size_t len)
{
    if (len <= SV_SIGNATURE_LEN)
        return NULL;
    struct sv_cached_token *token = NULL;
    size_t signed_len = len - SV_SIGNATURE_LEN;
    HASH_FIND(hh, a->tokens, text + signed_len, SV_SIGNATURE_LEN, token);
    if (token == NULL || token->len != len || memcmp(token->text, text, signed_len) != 0 ||
        !sv_secret_equal(token->text + signed_len, text + signed_len, SV_SIGNATURE_LEN))
        return NULL;
    return token;
}

static void drop_oldest(struct sv_accounts *a, struct sv_session *session)
{
    if (session->n_tokens >= SV_TOKENS_PER_SESSION)
        sv_cached_token_drop(a,
            SV_CONTAINER_OF(session->tokens.next, struct sv_cached_token, of_session));
    if (HASH_COUNT(a->tokens) >= SV_CACHED_TOKENS_MAX)
        sv_cached_token_drop(a, SV_CONTAINER_OF(a->by_use.next, struct sv_cached_token, by_use));
}

/* Caches the token if there is memory for it. The caller holds a reference to the session. */
static void cache_token(struct sv_accounts *a, struct sv_session *session, const char *text,
    size_t len, int64_t expires_at_ms)
{
    if (len <= SV_SIGNATURE_LEN || find_token(a, text, len) != NULL)
        return;
    struct sv_cached_token *same_signature = NULL;
    HASH_FIND(hh, a->tokens, text + len - SV_SIGNATURE_LEN, SV_SIGNATURE_LEN, same_signature);
    if (same_signature != NULL)
        sv_cached_token_drop(a, same_signature);
    drop_oldest(a, session);
    struct sv_cached_token *token = calloc(1, sizeof(*token) + len);
    if (token == NULL)
        return;
    memcpy(token->text, text, len);
    token->len = len;
    HASH_ADD_KEYPTR(hh, a->tokens, token->text + len - SV_SIGNATURE_LEN, SV_SIGNATURE_LEN, token);
    if (token->hh.tbl == NULL) {
        free(token);
        return;
    }
    atomic_fetch_add_explicit(&session->base.refs, 1, memory_order_relaxed);
    token->session = session;
    token->expires_at_ms = expires_at_ms;
    token->used_at_ms = sv_node_mono_ms(a->node);
    sv_list_append(&session->tokens, &token->of_session);
    session->n_tokens++;
    sv_list_append(&a->by_use, &token->by_use);
}

/* The session of a cached token, with a reference. NULL if storage has to be asked. */
static struct sv_session *session_of_cached(struct sv_accounts *a, const char *text, size_t len,
    int64_t now_ms)
{
    struct sv_session *session = NULL;
    int64_t mono_ms = sv_node_mono_ms(a->node);
    pthread_mutex_lock(&a->lock);
    struct sv_cached_token *token = find_token(a, text, len);
    if (token != NULL && now_ms < token->expires_at_ms &&
        mono_ms < token->session->fresh_until_ms && !atomic_load(&token->session->ended)) {
        session = token->session;
        synctv_caller_ref(&session->base);
        token->used_at_ms = mono_ms;
        sv_list_remove(&token->by_use);
        sv_list_append(&a->by_use, &token->by_use);
    }
    pthread_mutex_unlock(&a->lock);
    return session;
}

/* --- what a session does --- */

void sv_session_submit(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct)
{
    struct sv_session *session = (struct sv_session *)caller;
    struct sv_actor_info actor;
    sv_session_info(session, &actor);
    struct sv_ticket *ticket;
    int rv = sv_ticket_new(session->node, request, done, userdata, direct, &ticket);
    struct sv_call *call =
        rv < 0 ? NULL : sv_call_new(session->node, caller, &actor, NULL, request);
    if (call == NULL) {
        const synctv_result *result = sv_result_failed(rv < 0 ? rv : SYNCTV_E_NO_MEMORY, NULL);
        if (sv_ticket_answer(ticket))
            done(userdata, result);
        synctv_result_unref(result);
        sv_ticket_free(ticket);
        return;
    }
    call->ticket = ticket;
    call->done = done;
    call->userdata = userdata;
    call->direct = direct;
    sv_call_start(call, SV_BY_CALL);
}

/* --- authentication --- */

struct authentication {
    struct sv_job job;
    struct sv_letter letter;
    synctv_node *node;
    synctv_authenticated_fn *done;
    void *userdata;
    struct sv_lookup lookup;
    /* The session found, a reference; NULL: see error. */
    struct sv_session *session;
    synctv_error error;
    int64_t expires_at_ms;
    size_t len;
    char token[];
};

static void authentication_free(struct authentication *auth)
{
    if (auth->session != NULL)
        synctv_caller_unref(&auth->session->base);
    sv_secret_wipe(auth->token, auth->len);
    free(auth);
}

static int authentication_run(struct sv_job *job, struct sv_tx *tx)
{
    struct authentication *auth = SV_CONTAINER_OF(job, struct authentication, job);
    return sv_lookup_run(&auth->lookup, tx, sv_node_now_ms(auth->node));
}

static void authentication_letter(struct sv_letter *letter)
{
    struct authentication *auth = SV_CONTAINER_OF(letter, struct authentication, letter);
    if (auth->session != NULL)
        auth->done(auth->userdata, &auth->session->base, NULL);
    else
        auth->done(auth->userdata, NULL, &auth->error);
    authentication_free(auth);
}

/* Puts the session that storage found, and its token, into memory. May be SV_LOOKUP_AGAIN. */
static int authentication_settle(struct authentication *auth)
{
    struct sv_accounts *a = auth->node->accounts;
    pthread_mutex_lock(&a->lock);
    int code = sv_lookup_settle(a, &auth->lookup), rv = code;
    if (code == 0) {
        auth->session = sv_session_get(a, &auth->lookup);
        if (auth->session == NULL)
            rv = SYNCTV_E_NO_MEMORY;
        else
            cache_token(a, auth->session, auth->token, auth->len, auth->expires_at_ms);
    }
    pthread_mutex_unlock(&a->lock);
    sv_lookup_end(auth->node, &auth->lookup, code);
    /* SESSION_ENDED also stands for a ban and for a user who does not exist. */
    return code < 0 && code != SYNCTV_E_OVERLOADED ? SYNCTV_E_SESSION_ENDED : rv;
}

static void authentication_apply(struct sv_job *job, int rv)
{
    struct authentication *auth = SV_CONTAINER_OF(job, struct authentication, job);
    struct sv_store *store = auth->node->store;
    if (rv >= 0 && (rv = authentication_settle(auth)) == SV_LOOKUP_AGAIN &&
        (rv = sv_store_read(store, &auth->job)) == 0)
        return;
    if (rv < 0)
        sv_error(&auth->error, rv);
    auth->letter.run = authentication_letter;
    sv_node_post(auth->node, &auth->letter);
}

/* The token is valid. Asks storage about its session. If negative, done() is not called. */
static int ask_storage(synctv_node *node, const char *token, size_t len,
    const struct sv_token_claims *claims, synctv_authenticated_fn *done, void *userdata)
{
    struct authentication *auth = calloc(1, sizeof(*auth) + len);
    if (auth == NULL)
        return SYNCTV_E_NO_MEMORY;
    auth->node = node;
    auth->done = done;
    auth->userdata = userdata;
    auth->expires_at_ms = claims->expires_at_s * 1000;
    memcpy(auth->token, token, len);
    auth->len = len;
    auth->job.run = authentication_run;
    auth->job.apply = authentication_apply;
    sv_lookup_begin(node->accounts, &auth->lookup, claims->session_id, claims->subject);
    int rv = sv_store_read(node->store, &auth->job);
    if (rv < 0)
        authentication_free(auth);
    return rv;
}

static int check_token(synctv_node *node, const char *token, size_t len, int64_t now_ms,
    struct sv_token_claims *ret_claims)
{
    if (len == 0)
        return SYNCTV_E_TOKEN_MISSING;
    int rv = sv_token_verify(node->jwt_key, node->jwt_key_len, SV_TOKEN_CLIENT, token, len, now_ms,
        0, ret_claims);
    if (rv < 0)
        return rv;
    if (!sv_id_valid(ret_claims->subject) || !sv_id_valid(ret_claims->session_id))
        return SYNCTV_E_TOKEN_INVALID;
    return 0;
}

void synctv_node_authenticate(synctv_node *node, const char *access_token,
    synctv_authenticated_fn *done, void *userdata)
{
    int64_t now_ms = sv_node_now_ms(node);
    size_t len = strnlen(sv_str(access_token), SV_TOKEN_MAX_BYTES + 1);
    int rv = SYNCTV_E_SHUTTING_DOWN;
    if (sv_node_takes_calls(node)) {
        struct sv_session *session =
            session_of_cached(node->accounts, sv_str(access_token), len, now_ms);
        if (session != NULL) {
            done(userdata, &session->base, NULL);
            synctv_caller_unref(&session->base);
            return;
        }
        struct sv_token_claims claims;
        rv = check_token(node, access_token, len, now_ms, &claims);
        if (rv == 0)
            rv = ask_storage(node, access_token, len, &claims, done, userdata);
    }
    if (rv < 0) {
        synctv_error err;
        sv_error(&err, rv);
        done(userdata, NULL, &err);
    }
}

/* --- callers without a token --- */

struct as_user_job {
    struct sv_blocking_job blocking;
    synctv_node *node;
    struct sv_lookup lookup;
};

static int as_user_run(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct as_user_job *job = SV_CONTAINER_OF(b, struct as_user_job, blocking);
    return sv_lookup_run(&job->lookup, tx, sv_node_now_ms(job->node));
}

/* As sv_lookup_settle(), with a session if it is 0. */
static int as_user_look(struct as_user_job *job, struct sv_session **ret_session)
{
    struct sv_accounts *a = job->node->accounts;
    int rv = sv_blocking_job_do(&job->blocking, job->node->store, sv_store_read);
    if (rv < 0)
        return rv;
    pthread_mutex_lock(&a->lock);
    int code = rv = sv_lookup_settle(a, &job->lookup);
    if (code == 0 && (*ret_session = sv_session_get(a, &job->lookup)) == NULL)
        rv = SYNCTV_E_NO_MEMORY;
    pthread_mutex_unlock(&a->lock);
    sv_lookup_end(job->node, &job->lookup, code);
    return rv;
}

int synctv_node_as_user(synctv_node *node, const char *user_id, synctv_caller **ret_caller,
    synctv_error *ret_error)
{
    if (!sv_id_valid(user_id))
        return sv_error(ret_error, SYNCTV_E_USER_NOT_FOUND);
    if (atomic_load(&node->stopping))
        return sv_error(ret_error, SYNCTV_E_SHUTTING_DOWN);
    struct as_user_job job = { .blocking.run = as_user_run, .node = node };
    struct sv_session *session = NULL;
    int rv;
    sv_lookup_begin(node->accounts, &job.lookup, "", user_id);
    do {
        rv = as_user_look(&job, &session);
    } while (rv == SV_LOOKUP_AGAIN);
    if (rv < 0)
        return sv_error(ret_error, rv);
    *ret_caller = &session->base;
    return 0;
}

static struct sv_session *session_new(synctv_node *node, enum sv_session_kind kind)
{
    struct sv_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return NULL;
    session->base.ops = &node->accounts->session_ops;
    atomic_init(&session->base.refs, 1);
    session->node = node;
    session->kind = kind;
    return session;
}

synctv_caller *synctv_node_as_system(synctv_node *node)
{
    struct sv_session *session = session_new(node, SV_SESSION_SYSTEM);
    return session == NULL ? NULL : &session->base;
}

int synctv_node_as_anonymous(synctv_node *node, const char *address, synctv_caller **ret_caller,
    synctv_error *ret_error)
{
    struct sv_session *session = session_new(node, SV_SESSION_ANONYMOUS);
    if (session == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    if (!sv_address_key(address, session->address, sizeof(session->address))) {
        free(session);
        return sv_error_field(ret_error, "address", "\"%s\" is no address", address);
    }
    *ret_caller = &session->base;
    return 0;
}
