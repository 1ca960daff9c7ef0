/* SPDX-License-Identifier: MIT */
/* The tables of accounts and sessions, and how sessions end. */
#include "node/people/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "node/links/links.h"
#include "node/people/account_table.h"

static void session_destroy(synctv_caller *caller);

int sv_accounts_new(synctv_node *node, const struct sv_people_hooks *hooks,
    struct sv_accounts **ret)
{
    struct sv_accounts *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return SYNCTV_E_NO_MEMORY;
    double calls = node->limits.calls_per_second;
    a->by_address =
        sv_bucket_table_new((struct sv_rate){ calls, calls > 1 ? calls : 1 }, SV_IDLE_ACCOUNTS_MAX);
    if (a->by_address == NULL) {
        free(a);
        return SYNCTV_E_NO_MEMORY;
    }
    a->node = node;
    a->hooks = hooks;
    a->fresh_ms = node->alone ? SV_ACCOUNT_FRESH_MS : SV_SHARED_FRESH_MS;
    a->ahead_ms = node->alone ? 10000 : SV_SHARED_FRESH_MS / 2;
    a->session_ops = (struct sv_caller_ops){
        .submit = sv_session_submit,
        .stream_open = hooks->stream_open,
        .destroy = session_destroy,
    };
    pthread_mutex_init(&a->lock, NULL);
    sv_list_init(&a->idle);
    sv_list_init(&a->by_age);
    sv_list_init(&a->by_use);
    *ret = a;
    return 0;
}

void sv_account_forget(struct sv_accounts *a, struct sv_account *account)
{
    sv_list_remove(&account->idle);
    a->n_idle--;
    HASH_DEL(a->by_user, account);
    free(account);
}

void sv_accounts_free(struct sv_accounts *a)
{
    if (a == NULL)
        return;
    SV_LIST_FOREACH(it, &a->by_use)
        sv_cached_token_drop(a, SV_CONTAINER_OF(it, struct sv_cached_token, by_use));
    SV_LIST_FOREACH(it, &a->idle)
        sv_account_forget(a, SV_CONTAINER_OF(it, struct sv_account, idle));
    sv_bucket_table_free(a->by_address);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct sv_account *sv_account_find(struct sv_accounts *a, const char *user_id)
{
    struct sv_account *account = NULL;
    HASH_FIND_STR(a->by_user, user_id, account);
    return account;
}

struct sv_session *sv_session_find(struct sv_accounts *a, const char *session_id)
{
    struct sv_session *session = NULL;
    HASH_FIND_STR(a->sessions, session_id, session);
    return session;
}

/* With one more reference. */
static struct sv_account *account_get(struct sv_accounts *a, const struct sv_lookup *l)
{
    struct sv_account *account = sv_account_find(a, l->user_id);
    if (account == NULL) {
        account = calloc(1, sizeof(*account));
        if (account == NULL)
            return NULL;
        memcpy(account->user_id, l->user_id, sizeof(account->user_id));
        memcpy(account->username, l->username, sizeof(account->username));
        account->role = l->role;
        account->status = l->status;
        HASH_ADD_STR(a->by_user, user_id, account);
        if (account->hh.tbl == NULL) {
            free(account);
            return NULL;
        }
        sv_list_init(&account->sessions);
        sv_list_init(&account->idle);
    } else if (account->refs == 0) {
        sv_list_remove(&account->idle);
        a->n_idle--;
    }
    account->refs++;
    return account;
}

static void account_put(struct sv_accounts *a, struct sv_account *account)
{
    if (--account->refs > 0)
        return;
    account->idle_since_ms = sv_node_mono_ms(a->node);
    sv_list_append(&a->idle, &account->idle);
    if (++a->n_idle > SV_IDLE_ACCOUNTS_MAX)
        sv_account_forget(a, SV_CONTAINER_OF(a->idle.next, struct sv_account, idle));
}

/* --- sessions --- */

bool sv_try_ref(atomic_uint *refs)
{
    unsigned n = atomic_load_explicit(refs, memory_order_relaxed);
    while (n > 0)
        if (atomic_compare_exchange_weak_explicit(refs, &n, n + 1, memory_order_acq_rel,
                memory_order_relaxed))
            return true;
    return false;
}

static void unlist(struct sv_accounts *a, struct sv_session *session)
{
    if (!session->listed)
        return;
    HASH_DEL(a->sessions, session);
    session->listed = false;
}

static void free_session(struct sv_accounts *a, struct sv_session *session)
{
    unlist(a, session);
    sv_list_remove(&session->of_account);
    sv_list_remove(&session->by_age);
    account_put(a, session->account);
    free(session);
}

static void session_destroy(synctv_caller *caller)
{
    struct sv_session *session = (struct sv_session *)caller;
    if (session->account == NULL) {
        free(session);
        return;
    }
    struct sv_accounts *a = session->node->accounts;
    pthread_mutex_lock(&a->lock);
    free_session(a, session);
    pthread_mutex_unlock(&a->lock);
}

void sv_session_put(struct sv_accounts *a, struct sv_session *session)
{
    if (atomic_fetch_sub_explicit(&session->base.refs, 1, memory_order_acq_rel) == 1)
        free_session(a, session);
}

static struct sv_session *new_session(struct sv_accounts *a, const struct sv_lookup *l)
{
    struct sv_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return NULL;
    session->account = account_get(a, l);
    if (session->account == NULL) {
        free(session);
        return NULL;
    }
    session->base.ops = &a->session_ops;
    atomic_init(&session->base.refs, 1);
    memcpy(session->base.user_id, l->user_id, sizeof(l->user_id));
    session->node = a->node;
    session->kind = l->session_id[0] == '\0' ? SV_SESSION_IN_PROCESS : SV_SESSION_USER;
    memcpy(session->id, l->session_id, sizeof(session->id));
    sv_list_init(&session->by_age);
    sv_list_init(&session->tokens);
    sv_list_init(&session->of_account);
    sv_list_append(&session->account->sessions, &session->of_account);
    if (session->kind == SV_SESSION_USER) {
        HASH_ADD_STR(a->sessions, id, session);
        session->listed = session->hh.tbl != NULL;
        if (!session->listed) {
            free_session(a, session);
            return NULL;
        }
    }
    return session;
}

struct sv_session *sv_session_get(struct sv_accounts *a, const struct sv_lookup *l)
{
    struct sv_session *session = NULL;
    if (l->session_id[0] != '\0')
        session = sv_session_find(a, l->session_id);
    if (session != NULL && (atomic_load(&session->ended) || !sv_try_ref(&session->base.refs))) {
        unlist(a, session); /* on its way out, maybe waiting for our lock */
        session = NULL;
    }
    if (session == NULL)
        session = new_session(a, l);
    if (session != NULL)
        sv_session_freshen(a, session);
    return session;
}

void sv_session_freshen(struct sv_accounts *a, struct sv_session *session)
{
    session->fresh_until_ms = sv_node_mono_ms(a->node) + a->fresh_ms;
    sv_list_remove(&session->by_age);
    sv_list_append(&a->by_age, &session->by_age);
}

static bool is_admin(synctv_user_role role, synctv_user_status status)
{
    return status == SYNCTV_USER_STATUS_ACTIVE && role >= SYNCTV_USER_ROLE_ADMIN;
}

bool sv_account_update(struct sv_accounts *a, struct sv_account *account, synctv_user_role role,
    synctv_user_status status)
{
    if (role != account->role || status != account->status)
        sv_accounts_note_change(a, account->user_id);
    bool was_admin = is_admin(account->role, account->status);
    account->role = role;
    account->status = status;
    return was_admin && !is_admin(role, status);
}

void sv_actor_set(struct sv_actor_info *info, synctv_user_role role, synctv_user_status status)
{
    info->role = role;
    info->status = status;
    info->platform_admin = is_admin(role, status);
}

void sv_session_info(struct sv_session *session, struct sv_actor_info *ret_info)
{
    memset(ret_info, 0, sizeof(*ret_info));
    ret_info->is_system = session->kind == SV_SESSION_SYSTEM;
    ret_info->platform_admin = ret_info->is_system;
    struct sv_account *account = session->account;
    if (account == NULL)
        return;
    memcpy(ret_info->user_id, account->user_id, sizeof(ret_info->user_id));
    memcpy(ret_info->username, account->username, sizeof(ret_info->username));
    sv_actor_set(ret_info, atomic_load(&account->role), atomic_load(&account->status));
}

/* --- rates --- */

static struct sv_rate rate_of(double per_second, double burst)
{
    return (struct sv_rate){ per_second, burst > 1 ? burst : 1 };
}

int64_t sv_session_rate(struct sv_session *session, enum sv_rate_kind kind)
{
    struct sv_accounts *a = session->node->accounts;
    const synctv_limits *limits = &session->node->limits;
    int64_t now_ms = sv_node_mono_ms(session->node);
    if (session->kind == SV_SESSION_ANONYMOUS && kind == SV_RATE_CALLS)
        return sv_bucket_table_take(a->by_address, session->address, now_ms);
    if (session->kind != SV_SESSION_USER)
        return 0;

    struct sv_account *account = session->account;
    struct sv_bucket *bucket = NULL;
    struct sv_rate rate = { 0 };
    switch (kind) {
    case SV_RATE_CALLS:
        bucket = &account->calls;
        rate = rate_of(limits->calls_per_second, limits->calls_per_second);
        break;
    case SV_RATE_HASHES:
        bucket = &account->hashes;
        rate = rate_of(limits->hash_per_minute / 60, limits->hash_per_minute);
        break;
    case SV_RATE_CHAT:
        bucket = &account->chat;
        rate = rate_of(limits->chat_per_second, limits->chat_per_second);
        break;
    case SV_RATE_DANMAKU:
        bucket = &account->danmaku;
        rate = rate_of(limits->danmaku_per_second, limits->danmaku_per_second);
        break;
    case SV_RATE_NONE:
    case SV_RATE_CALLS_OR_HASHES: /* one of the two, by now */
        return 0;
    }
    pthread_mutex_lock(&a->lock);
    int64_t wait_ms = sv_bucket_take(bucket, &rate, now_ms);
    pthread_mutex_unlock(&a->lock);
    return wait_ms;
}

/* --- sessions that stay for longer than a token --- */

void sv_session_watch(struct sv_session *session)
{
    if (session->account == NULL)
        return;
    struct sv_accounts *a = session->node->accounts;
    pthread_mutex_lock(&a->lock);
    session->n_watching++;
    if (sv_list_empty(&session->by_age)) /* stale, and from now on looked after */
        sv_list_append(a->by_age.next, &session->by_age);
    pthread_mutex_unlock(&a->lock);
}

void sv_session_unwatch(struct sv_session *session)
{
    if (session->account == NULL)
        return;
    struct sv_accounts *a = session->node->accounts;
    pthread_mutex_lock(&a->lock);
    session->n_watching--;
    pthread_mutex_unlock(&a->lock);
}

/* --- the end of sessions --- */

/* This may free the session, if only its tokens held it. */
static void end_session(struct sv_accounts *a, struct sv_session *session)
{
    if (!sv_try_ref(&session->base.refs))
        return; /* being freed: nobody has it */
    atomic_store(&session->ended, true);
    while (!sv_list_empty(&session->tokens))
        sv_cached_token_drop(a,
            SV_CONTAINER_OF(session->tokens.next, struct sv_cached_token, of_session));
    sv_session_put(a, session);
}

void sv_accounts_see_session_ended(synctv_node *node, const char *session_id)
{
    struct sv_accounts *a = node->accounts;
    char user_id[SV_ID_SIZE] = "";
    pthread_mutex_lock(&a->lock);
    sv_accounts_note_change(a, session_id);
    struct sv_session *session = sv_session_find(a, session_id);
    if (session != NULL) {
        memcpy(user_id, session->account->user_id, sizeof(user_id));
        end_session(a, session);
    }
    pthread_mutex_unlock(&a->lock);
    if (user_id[0] != '\0')
        a->hooks->sessions_ended(node, user_id);
}

static void end_user(struct sv_accounts *a, const char *user_id, const char *except_session_id)
{
    struct sv_account *account = sv_account_find(a, user_id);
    if (account == NULL)
        return;
    SV_LIST_FOREACH(it, &account->sessions) {
        struct sv_session *session = SV_CONTAINER_OF(it, struct sv_session, of_account);
        if (session->kind == SV_SESSION_USER && strcmp(session->id, except_session_id) != 0)
            end_session(a, session);
    }
}

void sv_accounts_see_user_ended(synctv_node *node, const char *user_id,
    const char *except_session_id)
{
    struct sv_accounts *a = node->accounts;
    pthread_mutex_lock(&a->lock);
    sv_accounts_note_change(a, user_id);
    end_user(a, user_id, except_session_id);
    pthread_mutex_unlock(&a->lock);
    a->hooks->sessions_ended(node, user_id);
}

/* Other nodes look it up. */
static void tell_others(synctv_node *node, const char *session_id, const char *user_id)
{
    sv_links_tell(node,
        &(struct sv_cluster_event){
            .kind = SV_CLUSTER_SESSION,
            .node_id = node->id,
            .timestamp_ms = sv_node_now_ms(node),
            .room_id = "",
            .session_id = session_id,
            .user_id = user_id,
            .all_sessions = session_id[0] == '\0',
        });
}

void sv_accounts_doubt_everywhere(synctv_node *node, const char *user_id)
{
    if (user_id[0] == '\0')
        return;
    sv_accounts_doubt(node, user_id);
    tell_others(node, "", user_id);
}

void sv_accounts_end_session(synctv_node *node, const char *session_id)
{
    sv_accounts_see_session_ended(node, session_id);
    tell_others(node, session_id, "");
}

void sv_accounts_end_user(synctv_node *node, const char *user_id, const char *except_session_id)
{
    sv_accounts_see_user_ended(node, user_id, except_session_id);
    tell_others(node, "", user_id);
}

void sv_accounts_set_status(synctv_node *node, const char *user_id, synctv_user_status status)
{
    struct sv_accounts *a = node->accounts;
    pthread_mutex_lock(&a->lock);
    sv_accounts_note_change(a, user_id);
    struct sv_account *account = sv_account_find(a, user_id);
    bool lost_admin = account != NULL && sv_account_update(a, account, account->role, status);
    if (status == SYNCTV_USER_STATUS_BANNED)
        end_user(a, user_id, "");
    pthread_mutex_unlock(&a->lock);
    if (status == SYNCTV_USER_STATUS_BANNED)
        a->hooks->sessions_ended(node, user_id);
    else if (lost_admin)
        a->hooks->admin_lost(node, user_id);
    tell_others(node, "", user_id);
}

void sv_accounts_set_role(synctv_node *node, const char *user_id, synctv_user_role role)
{
    struct sv_accounts *a = node->accounts;
    pthread_mutex_lock(&a->lock);
    sv_accounts_note_change(a, user_id);
    struct sv_account *account = sv_account_find(a, user_id);
    bool lost_admin = account != NULL && sv_account_update(a, account, role, account->status);
    pthread_mutex_unlock(&a->lock);
    if (lost_admin)
        a->hooks->admin_lost(node, user_id);
    tell_others(node, "", user_id);
}
