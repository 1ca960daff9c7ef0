/* SPDX-License-Identifier: MIT */
/*
 * Who acts. An account is what the node remembers of a user with something going on here (sessions used, streams open): role and status, at most
 * SV_ACCOUNT_FRESH_MS old, and rates. A session is a login and is the synctv_caller of everything done with its tokens.
 */
#ifndef SV_NODE_ACCOUNT_H
#define SV_NODE_ACCOUNT_H

#include <uthash.h>

#include "api/caller.h"
#include "base/id.h"
#include "node/node.h"

enum sv_session_kind {
    SV_SESSION_USER,      /* signed in with a token */
    SV_SESSION_IN_PROCESS, /* synctv_node_as_user(): never expires */
    SV_SESSION_SYSTEM,
    SV_SESSION_ANONYMOUS,
};

/* All under accounts.lock but what is constant after creation: user_id. */
struct sv_account {
    UT_hash_handle hh; /* by user_id */
    char user_id[SV_ID_SIZE];
    char username[160]; /* constant: names do not change */
    unsigned refs; /* sessions */
    synctv_user_role role;
    synctv_user_status status;
    int64_t fresh_until_ms; /* monotonic */
    unsigned n_streams;
    struct sv_list streams; /* sv_stream.of_account */
    struct sv_list sessions; /* sv_session.of_account */
    struct sv_bucket calls, hashes, chat, danmaku;
};

struct sv_session {
    synctv_caller base; /* first */
    synctv_node *node;
    enum sv_session_kind kind;      /* constant */
    struct sv_account *account;     /* constant; NULL for SYSTEM, ANONYMOUS */
    char id[SV_ID_SIZE];            /* constant; "" but for USER */
    char address[64];               /* constant; ANONYMOUS: the key for limits, see sv_address_key() */
    atomic_bool ended;              /* logout, ban, password change */
    struct sv_list of_account;      /* accounts.lock */
};

/* What a call needs to know of its caller, taken at its start so that it does not change under its feet. */
struct sv_actor_info {
    char user_id[SV_ID_SIZE]; /* "" for the system */
    char username[160];
    synctv_user_role role;
    synctv_user_status status;
    bool is_system;
    bool platform_admin; /* system, or an active admin or root */
};

struct sv_accounts;

int sv_accounts_new(synctv_node *node, struct sv_accounts **ret);
void sv_accounts_free(struct sv_accounts *accounts);

void sv_session_info(struct sv_session *session, struct sv_actor_info *ret_info);

/* Rates of the account; 0 or the ms to wait. No limit for the system and in-process callers. */
enum sv_rate_kind { SV_RATE_CALLS, SV_RATE_HASHES, SV_RATE_CHAT, SV_RATE_DANMAKU };
int64_t sv_session_rate(struct sv_session *session, enum sv_rate_kind kind);

/* After COMMIT of what ended them: marks the sessions in memory ended, ends their streams with SESSION_ENDED, forgets their tokens. */
void sv_accounts_end_session(synctv_node *node, const char *session_id);
void sv_accounts_end_user(synctv_node *node, const char *user_id, const char *except_session_id);
/* After COMMIT of a change of the user's row. */
void sv_accounts_set_status(synctv_node *node, const char *user_id, synctv_user_status status);
void sv_accounts_set_role(synctv_node *node, const char *user_id, synctv_user_role role);

/* Calls fn(session's streams) are done by stream.c: */
struct sv_stream;
/* Counts a stream in; STREAM_LIMIT. The account's list holds no reference; sv_account_remove_stream() comes before the stream is freed. */
int sv_account_add_stream(struct sv_session *session, struct sv_stream *stream);
void sv_account_remove_stream(struct sv_session *session, struct sv_stream *stream);
/* References to the user's streams here, at most `max`; release each with sv_stream_unref(). */
size_t sv_account_streams(synctv_node *node, const char *user_id, struct sv_stream **ret_streams,
                          size_t max);

/* Drops what nobody uses and what is over its bounds; from the node's timer. */
void sv_accounts_housekeep(synctv_node *node);

#endif
