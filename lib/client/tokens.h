/* SPDX-License-Identifier: MIT */
/* The tokens of a client's session, and renewing them in time. On the client's thread. */
#ifndef SV_CLIENT_TOKENS_H
#define SV_CLIENT_TOKENS_H

#include "client/thread.h"

struct sv_client_tokens {
    /* NULL = not signed in. */
    char *access;
    char *refresh;
    /* Monotonic; a little before the access token expires. Then it is renewed before it is used. */
    int64_t fresh_until_ms;
    /* Grows with each change of the tokens. */
    unsigned generation;
};

/* Somebody who waits for an access token. */
struct sv_client_token_waiter {
    struct sv_list link;
    /* Called once. `access` NULL = there is none, and `error` says why. */
    void (*done)(struct sv_client_token_waiter *waiter, const char *access,
        const synctv_error *error);
};

/* Calls waiter->done() with a fresh token, at once or after renewing it. */
void sv_client_tokens_get(synctv_client *client, struct sv_client_token_waiter *waiter);
/* Whether another token may succeed where one has failed with this code. */
bool sv_client_token_is_stale(int code);
/* The server has refused this access token: renew it before it is used again. */
void sv_client_tokens_mark_stale(synctv_client *client, const char *access);
/* A call or stream with this token has failed. Some codes say that the session is over. */
void sv_client_tokens_refused(synctv_client *client, const char *access, int code);
/* Takes the tokens or the user's id from the answer to a sign-in; after LOGOUT drops them. */
void sv_client_tokens_update(synctv_client *client, synctv_method method,
    const synctv_result *result);
/* Fails all waiters with CANCELLED. */
void sv_client_tokens_stop(synctv_client *client);
void sv_client_tokens_fini(synctv_client *client);

#endif
