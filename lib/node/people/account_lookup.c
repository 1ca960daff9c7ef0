/* SPDX-License-Identifier: MIT */
/* Reading sessions and users from storage: once, and again for sessions that stay for long. */
#include "node/people/account_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* --- one lookup --- */

static uint64_t *changes_of(struct sv_accounts *a, const char *id)
{
    return &a->changes[sv_hash(id, strlen(id)) % SV_CHANGE_SLOTS];
}

void sv_accounts_note_change(struct sv_accounts *a, const char *id)
{
    ++*changes_of(a, id);
}

uint64_t sv_accounts_generation(struct sv_accounts *a, const char *session_id, const char *user_id)
{
    return *changes_of(a, session_id) + *changes_of(a, user_id);
}

void sv_lookup_begin(struct sv_accounts *a, struct sv_lookup *l, const char *session_id,
    const char *user_id)
{
    snprintf(l->session_id, sizeof(l->session_id), "%s", session_id);
    snprintf(l->user_id, sizeof(l->user_id), "%s", user_id);
    pthread_mutex_lock(&a->lock);
    l->generation = sv_accounts_generation(a, session_id, user_id);
    pthread_mutex_unlock(&a->lock);
}

/* A row of another user, or of a login that has expired but is not purged yet, counts as none. */
static int read_session(struct sv_lookup *l, struct sv_tx *tx, struct sv_arena *a, int64_t now_ms)
{
    struct sv_session_rec rec;
    int rv = tx->ops->session_get(tx, l->session_id, a, &rec);
    if (rv < 0)
        return rv;
    if (strcmp(rec.user_id, l->user_id) != 0 || rec.expires_at_ms <= now_ms)
        return SYNCTV_E_SESSION_ENDED;
    return 0;
}

static int read_user(struct sv_lookup *l, struct sv_tx *tx, struct sv_arena *a)
{
    struct sv_user_rec rec;
    int rv = tx->ops->user_get(tx, l->user_id, a, &rec);
    if (rv < 0)
        return rv;
    snprintf(l->username, sizeof(l->username), "%s", rec.user.username);
    sv_utf8_trim(l->username);
    l->role = rec.user.role;
    l->status = rec.user.status;
    return 0;
}

int sv_lookup_run(struct sv_lookup *l, struct sv_tx *tx, int64_t now_ms)
{
    struct sv_arena arena = { 0 };
    int rv = 0;
    if (l->session_id[0] != '\0')
        rv = read_session(l, tx, &arena, now_ms);
    if (rv == 0)
        rv = read_user(l, tx, &arena);
    sv_arena_fini(&arena);
    l->rv = rv;
    return rv == SYNCTV_E_SESSION_ENDED || rv == SYNCTV_E_USER_NOT_FOUND ? 0 : rv;
}

int sv_lookup_settle(struct sv_accounts *a, struct sv_lookup *l)
{
    if (l->rv < 0)
        return l->rv; /* what is gone does not come again */
    uint64_t generation = sv_accounts_generation(a, l->session_id, l->user_id);
    if (l->generation != generation) {
        l->generation = generation;
        return ++l->n_tries < SV_LOOKUP_TRIES ? SV_LOOKUP_AGAIN : SYNCTV_E_OVERLOADED;
    }
    struct sv_account *account = sv_account_find(a, l->user_id);
    if (account != NULL)
        l->lost_admin = sv_account_update(a, account, l->role, l->status);
    return l->status == SYNCTV_USER_STATUS_BANNED ? SYNCTV_E_USER_BANNED : 0;
}

void sv_lookup_end(synctv_node *node, const struct sv_lookup *l, int code)
{
    if (code == SYNCTV_E_USER_BANNED)
        sv_accounts_see_user_ended(node, l->user_id, "");
    else if ((code == SYNCTV_E_SESSION_ENDED || code == SYNCTV_E_USER_NOT_FOUND) &&
        l->session_id[0] != '\0')
        sv_accounts_see_session_ended(node, l->session_id);
    if (l->lost_admin)
        node->accounts->hooks->admin_lost(node, l->user_id);
}

/* --- sessions that stay for longer than a token --- */

struct refresh_job {
    struct sv_job job;
    synctv_node *node;
    size_t n;
    /* References. */
    struct sv_session *sessions[SV_LOOKUPS_PER_JOB];
    struct sv_lookup lookups[SV_LOOKUPS_PER_JOB];
};

static int refresh_run(struct sv_job *job, struct sv_tx *tx)
{
    struct refresh_job *r = SV_CONTAINER_OF(job, struct refresh_job, job);
    int64_t now_ms = sv_node_now_ms(r->node);
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < r->n; i++)
        rv = sv_lookup_run(&r->lookups[i], tx, now_ms);
    return rv;
}

/* Looked up again before the others. Locked. */
static void put_back(struct sv_accounts *a, struct sv_session *session)
{
    if (sv_list_empty(&session->by_age))
        sv_list_append(a->by_age.next, &session->by_age);
}

/* Storage did not answer: what is known stays valid, and the next tick asks again. */
static void refresh_failed(struct refresh_job *r)
{
    struct sv_accounts *a = r->node->accounts;
    pthread_mutex_lock(&a->lock);
    for (size_t i = r->n; i-- > 0;)
        put_back(a, r->sessions[i]);
    a->refreshing = false;
    pthread_mutex_unlock(&a->lock);
    for (size_t i = 0; i < r->n; i++)
        synctv_caller_unref(&r->sessions[i]->base);
    free(r);
}

static void refresh_some(synctv_node *node);

static void refresh_apply(struct sv_job *job, int rv)
{
    struct refresh_job *r = SV_CONTAINER_OF(job, struct refresh_job, job);
    if (rv < 0) {
        refresh_failed(r);
        return;
    }
    synctv_node *node = r->node;
    struct sv_accounts *a = node->accounts;
    int codes[SV_LOOKUPS_PER_JOB] = { 0 };
    bool there_may_be_more = r->n == SV_LOOKUPS_PER_JOB;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < r->n; i++) {
        codes[i] = sv_lookup_settle(a, &r->lookups[i]);
        if (codes[i] == SV_LOOKUP_AGAIN) {
            put_back(a, r->sessions[i]);
            there_may_be_more = true;
        } else if (codes[i] == 0 || r->sessions[i]->kind == SV_SESSION_IN_PROCESS) {
            sv_session_freshen(a, r->sessions[i]); /* a ban may be lifted again */
        }
    }
    a->refreshing = false;
    pthread_mutex_unlock(&a->lock);
    for (size_t i = 0; i < r->n; i++) {
        sv_lookup_end(node, &r->lookups[i], codes[i]);
        synctv_caller_unref(&r->sessions[i]->base);
    }
    free(r);
    if (there_may_be_more)
        refresh_some(node);
}

/* Moves stale sessions, if they are watched or in-process, from the list to the job. Locked. */
static void take_stale(struct sv_accounts *a, struct refresh_job *r, int64_t now_ms)
{
    SV_LIST_FOREACH(it, &a->by_age) {
        struct sv_session *session = SV_CONTAINER_OF(it, struct sv_session, by_age);
        if (r->n == SV_LOOKUPS_PER_JOB || session->fresh_until_ms - a->ahead_ms > now_ms)
            return;
        sv_list_remove(it);
        if (atomic_load(&session->ended) ||
            (session->kind == SV_SESSION_USER && session->n_watching == 0))
            continue; /* comes back with its next token, or when it is watched */
        if (!sv_try_ref(&session->base.refs))
            continue;
        struct sv_lookup *l = &r->lookups[r->n];
        memcpy(l->session_id, session->id, sizeof(l->session_id));
        memcpy(l->user_id, session->account->user_id, sizeof(l->user_id));
        l->generation = sv_accounts_generation(a, l->session_id, l->user_id);
        r->sessions[r->n++] = session;
    }
}

static void refresh_some(synctv_node *node)
{
    struct sv_accounts *a = node->accounts;
    int64_t now_ms = sv_node_mono_ms(node);
    struct refresh_job *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return;
    r->node = node;
    r->job.run = refresh_run;
    r->job.apply = refresh_apply;
    pthread_mutex_lock(&a->lock);
    if (!a->refreshing)
        take_stale(a, r, now_ms);
    a->refreshing = a->refreshing || r->n > 0;
    pthread_mutex_unlock(&a->lock);
    if (r->n == 0)
        free(r);
    else if (sv_store_read(node->store, &r->job) < 0)
        refresh_failed(r);
}

void sv_accounts_doubt(synctv_node *node, const char *user_id)
{
    struct sv_accounts *a = node->accounts;
    pthread_mutex_lock(&a->lock);
    sv_accounts_note_change(a, user_id); /* also for who reads at this moment */
    struct sv_account *account = sv_account_find(a, user_id);
    if (account != NULL) {
        SV_LIST_FOREACH(it, &account->sessions) {
            struct sv_session *session = SV_CONTAINER_OF(it, struct sv_session, of_account);
            session->fresh_until_ms = 0;
            if (!sv_list_empty(&session->by_age)) {
                sv_list_remove(&session->by_age);
                put_back(a, session);
            }
        }
    }
    pthread_mutex_unlock(&a->lock);
    refresh_some(node);
}

void sv_accounts_doubt_login(synctv_node *node, const char *session_id, const char *user_id)
{
    struct sv_accounts *a = node->accounts;
    char id[SV_ID_SIZE] = "";
    if (sv_str_empty(session_id)) {
        sv_accounts_doubt(node, user_id);
        return;
    }
    pthread_mutex_lock(&a->lock);
    sv_accounts_note_change(a, session_id);
    const struct sv_session *session = sv_session_find(a, session_id);
    if (session != NULL)
        memcpy(id, session->account->user_id, sizeof(id));
    pthread_mutex_unlock(&a->lock);
    if (id[0] != '\0')
        sv_accounts_doubt(node, id);
}

static bool has_stale(struct sv_accounts *a, int64_t now_ms)
{
    if (a->refreshing || sv_list_empty(&a->by_age))
        return false;
    struct sv_session *stalest = SV_CONTAINER_OF(a->by_age.next, struct sv_session, by_age);
    return stalest->fresh_until_ms - a->ahead_ms <= now_ms;
}

void sv_accounts_housekeep(synctv_node *node)
{
    struct sv_accounts *a = node->accounts;
    int64_t now_ms = sv_node_mono_ms(node);
    pthread_mutex_lock(&a->lock);
    SV_LIST_FOREACH(it, &a->by_use) {
        struct sv_cached_token *token = SV_CONTAINER_OF(it, struct sv_cached_token, by_use);
        if (token->used_at_ms + SV_IDLE_MS > now_ms)
            break;
        sv_cached_token_drop(a, token);
    }
    SV_LIST_FOREACH(it, &a->idle) {
        struct sv_account *account = SV_CONTAINER_OF(it, struct sv_account, idle);
        if (account->idle_since_ms + SV_IDLE_MS > now_ms)
            break;
        sv_account_forget(a, account);
    }
    bool stale = has_stale(a, now_ms);
    pthread_mutex_unlock(&a->lock);
    if (stale)
        refresh_some(node);
}
