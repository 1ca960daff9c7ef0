/* SPDX-License-Identifier: MIT */
/* The inside of sv_accounts, for account.c, account_lookup.c and session.c. */
#ifndef SV_NODE_ACCOUNT_TABLE_H
#define SV_NODE_ACCOUNT_TABLE_H

#include "node/people/account.h"

#define SV_IDLE_ACCOUNTS_MAX 100000
#define SV_CACHED_TOKENS_MAX 100000
#define SV_TOKENS_PER_SESSION 4
/* Tokens not used and accounts without sessions are forgotten after that. */
#define SV_IDLE_MS 600000
/* Base64url of an HMAC-SHA256. */
#define SV_SIGNATURE_LEN 43
#define SV_LOOKUP_TRIES 8
#define SV_CHANGE_SLOTS 1024
/* Sessions looked after in one read. */
#define SV_LOOKUPS_PER_JOB 64

/* An access token that was checked. It holds a reference to its session. */
struct sv_cached_token {
    /* By the signature. */
    UT_hash_handle hh;
    /* accounts.by_use */
    struct sv_list by_use;
    struct sv_list of_session;
    struct sv_session *session;
    /* Node clock. */
    int64_t expires_at_ms;
    /* Monotonic. */
    int64_t used_at_ms;
    size_t len;
    char text[];
};

struct sv_accounts {
    synctv_node *node;
    const struct sv_people_hooks *hooks;
    struct sv_caller_ops session_ops;
    /* How long what is known holds, and so long before that it is asked for again. */
    int64_t fresh_ms, ahead_ms;
    /* Calls of who is not signed in; locks by itself. */
    struct sv_bucket_table *by_address;

    /* Everything below, and what account.h says. */
    pthread_mutex_t lock;
    struct sv_account *by_user;
    /* sv_account.idle, longest first. */
    struct sv_list idle;
    size_t n_idle;
    /* USER, by id; holds no references. */
    struct sv_session *sessions;
    /* sv_session.by_age, stalest first. */
    struct sv_list by_age;
    struct sv_cached_token *tokens;
    /* sv_cached_token.by_use, least recent first. */
    struct sv_list by_use;
    /* How often something of a user or session has changed here, by the hash of the id. */
    uint64_t changes[SV_CHANGE_SLOTS];
    /* A job with lookups for housekeeping is under way. */
    bool refreshing;
};

/*
 * Reads a session and its user from storage, on a reader. If something of them changes in memory
 * meanwhile, what was read may be older than the change, and storage is read again. So nothing that
 * has ended comes back.
 */
struct sv_lookup {
    /* "" = the user alone, for an in-process session. */
    char session_id[SV_ID_SIZE];
    char user_id[SV_ID_SIZE];
    /* Of both, when it began. */
    uint64_t generation;
    unsigned n_tries;

    /* What was read: 0, SESSION_ENDED or USER_NOT_FOUND. */
    int rv;
    char username[160];
    synctv_user_role role;
    synctv_user_status status;

    /* Settling found that the user is a platform admin no more. */
    bool lost_admin;
};

struct sv_session *sv_session_find(struct sv_accounts *a, const char *session_id);
/* As sv_accounts_end_…(), for what storage says: it was told by whoever did it. No locks held. */
void sv_accounts_see_session_ended(synctv_node *node, const char *session_id);
void sv_accounts_see_user_ended(synctv_node *node, const char *user_id,
    const char *except_session_id);
void sv_lookup_begin(struct sv_accounts *a, struct sv_lookup *l, const char *session_id,
    const char *user_id);
/* In run(). Negative only when storage failed. */
int sv_lookup_run(struct sv_lookup *l, struct sv_tx *tx, int64_t now_ms);
/*
 * Puts what was found into the account. Returns 0, SESSION_ENDED, USER_NOT_FOUND or USER_BANNED;
 * SV_LOOKUP_AGAIN if run() has to run again; OVERLOADED when it has done so too often. Locked.
 */
#define SV_LOOKUP_AGAIN 1
int sv_lookup_settle(struct sv_accounts *a, struct sv_lookup *l);

/* Something of this user or session has changed: lookups under way have to run again. Locked. */
void sv_accounts_note_change(struct sv_accounts *a, const char *id);
/* Grows with each change of either. Locked. */
uint64_t sv_accounts_generation(struct sv_accounts *a, const char *session_id, const char *user_id);

/* One more reference unless it is on its way out. */
bool sv_try_ref(atomic_uint *refs);

/* Locked, all of them. */
/*
 * The session that was found, made if it is not in memory, fresh, with a reference. NULL when out
 * of memory. An in-process session is always a new one.
 */
struct sv_session *sv_session_get(struct sv_accounts *a, const struct sv_lookup *l);
/* What is known of the session is true for the next fresh_ms. */
void sv_session_freshen(struct sv_accounts *a, struct sv_session *session);
struct sv_account *sv_account_find(struct sv_accounts *a, const char *user_id);
/* Sets what is known of the user. Whether they were a platform admin and are none any more. */
bool sv_account_update(struct sv_accounts *a, struct sv_account *account, synctv_user_role role,
    synctv_user_status status);
/* Frees an idle account. */
void sv_account_forget(struct sv_accounts *a, struct sv_account *account);
/* Drops a reference. */
void sv_session_put(struct sv_accounts *a, struct sv_session *session);
void sv_cached_token_drop(struct sv_accounts *a, struct sv_cached_token *token);

/* Ends in memory what settling found to have ended. `code` is what it returned. No locks held. */
void sv_lookup_end(synctv_node *node, const struct sv_lookup *l, int code);

#endif
