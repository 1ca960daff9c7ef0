/* SPDX-License-Identifier: MIT */
/*
 * Who acts. An account is what the node remembers of a user who does something here (uses a
 * session, has streams): role and status, at most SV_ACCOUNT_FRESH_MS old (SV_SHARED_FRESH_MS
 * where others write to the database, too), and rates. A session is one login. It is the
 * synctv_caller of all that is done with its tokens.
 *
 * References keep a session in memory: those of calls and streams, and one for each of its tokens
 * in the cache. Releasing one takes accounts.lock, so that is never done under that lock or
 * stream->lock.
 */
#ifndef SV_NODE_ACCOUNT_H
#define SV_NODE_ACCOUNT_H

#include "api/caller.h"
#include "api/methods.h"
#include "base/hash.h"
#include "base/id.h"
#include "node/engine/call.h"

/* How long what is known of a user holds. */
#define SV_ACCOUNT_FRESH_MS 60000
/* The same where others write to the database, too. */
#define SV_SHARED_FRESH_MS 2000

enum sv_session_kind {
    /* Signed in with a token. */
    SV_SESSION_USER,
    /* synctv_node_as_user()'s. It never expires and no logout ends it. A ban blocks it. */
    SV_SESSION_IN_PROCESS,
    SV_SESSION_SYSTEM,
    SV_SESSION_ANONYMOUS,
};

/*
 * Under accounts.lock, but for what is constant: user_id, username. Role and status are changed
 * under the lock and may be read without it: each event reads those of all who follow the room.
 */
struct sv_account {
    /* By user_id. */
    UT_hash_handle hh;
    char user_id[SV_ID_SIZE];
    /* Names do not change. */
    char username[160];
    /* By sessions. */
    unsigned refs;
    _Atomic synctv_user_role role;
    _Atomic synctv_user_status status;
    /* sv_session.of_account */
    struct sv_list sessions;
    /* In accounts.idle while refs is 0. */
    struct sv_list idle;
    /* Monotonic. */
    int64_t idle_since_ms;
    struct sv_bucket calls, hashes, chat, danmaku;
};

struct sv_session {
    /* First. */
    synctv_caller base;
    synctv_node *node;
    /* Constant. */
    enum sv_session_kind kind;
    /* Constant; NULL for SYSTEM, ANONYMOUS. */
    struct sv_account *account;
    /* Constant; "" but for USER. */
    char id[SV_ID_SIZE];
    /* Constant; ANONYMOUS: the key for limits, see sv_address_key(). */
    char address[SV_ADDRESS_KEY_SIZE];
    /* Logout, ban, password change; set under accounts.lock. */
    atomic_bool ended;

    /* Under accounts.lock from here on. By id, USER only. */
    UT_hash_handle hh;
    /* In that table. */
    bool listed;
    struct sv_list of_account;
    /* While what is known of it is fresh. */
    struct sv_list by_age;
    /* Monotonic. */
    int64_t fresh_until_ms;
    /* sv_cached_token.of_session, oldest first. */
    struct sv_list tokens;
    unsigned n_tokens;
    /* By sv_session_watch(). */
    unsigned n_watching;
};

/* What the folders above do when something happens to an account. */
struct sv_people_hooks {
    /* As in sv_caller_ops, of sessions. */
    int (*stream_open)(synctv_caller *caller, const synctv_stream_options *options,
        synctv_stream **ret_stream, synctv_error *ret_error);
    /* Sessions of the user have ended, or the user was banned. No locks held, here and below. */
    void (*sessions_ended)(synctv_node *node, const char *user_id);
    /* The user is no platform admin any more. */
    void (*admin_lost)(synctv_node *node, const char *user_id);
};

struct sv_accounts;

int sv_accounts_new(synctv_node *node, const struct sv_people_hooks *hooks,
    struct sv_accounts **ret);
/* All sessions must have been released. NULL is fine. */
void sv_accounts_free(struct sv_accounts *accounts);

/* sv_caller_ops.submit of sessions. */
void sv_session_submit(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct);
void sv_session_info(struct sv_session *session, struct sv_actor_info *ret_info);
/* Another role and status, of a user. */
void sv_actor_set(struct sv_actor_info *info, synctv_user_role role, synctv_user_status status);

/*
 * Counts one for the account's rate; calls of an anonymous caller are counted by address. 0, or the
 * ms to wait. The system and in-process callers have no limit.
 */
int64_t sv_session_rate(struct sv_session *session, enum sv_rate_kind kind);

/*
 * After COMMIT of what ended them: marks the sessions in memory as ended, drops their tokens and
 * calls sessions_ended(). No locks held. In-process sessions have no login that could end.
 */
void sv_accounts_end_session(synctv_node *node, const char *session_id);
void sv_accounts_end_user(synctv_node *node, const char *user_id, const char *except_session_id);
/*
 * After COMMIT of a change of the user's row. Calls sessions_ended() if the user is BANNED now, and
 * admin_lost(). No locks held.
 */
void sv_accounts_set_status(synctv_node *node, const char *user_id, synctv_user_status status);
void sv_accounts_set_role(synctv_node *node, const char *user_id, synctv_user_role role);

/*
 * What is known of the user and the logins may be wrong: it is looked up before it is used again;
 * "" = nobody. No locks held.
 */
void sv_accounts_doubt(synctv_node *node, const char *user_id);
/* The same at this node and at all others. */
void sv_accounts_doubt_everywhere(synctv_node *node, const char *user_id);

/*
 * The same for another node's word: of this session, or, with "", of the user and all their
 * sessions. No locks held.
 */
void sv_accounts_doubt_login(synctv_node *node, const char *session_id, const char *user_id);

/* While a session is watched, storage is asked about it even if no token of it is used. */
void sv_session_watch(struct sv_session *session);
void sv_session_unwatch(struct sv_session *session);

/*
 * Drops what nobody uses and what is over its bounds. Looks up in storage the sessions that are
 * watched or in-process. The node's timer calls it every few seconds.
 */
void sv_accounts_housekeep(synctv_node *node);

#endif
