/* SPDX-License-Identifier: MIT */
/* Staying signed in. All on the client's thread. */
#ifndef SV_CLIENT_TOKENS_H
#define SV_CLIENT_TOKENS_H

#include "client/thread.h"

/* Where a token's life is over for us: a little before the server thinks so. */
struct sv_client_tokens {
    char *access; /* NULL = not signed in */
    char *refresh;
    int64_t fresh_until_ms; /* monotonic; after it the access token is renewed before it is used */
    unsigned generation;    /* grows with each change */
};

/* Somebody who needs a fresh access token. Called once. */
struct sv_client_token_waiter {
    struct sv_list link;
    /* `access` NULL: there is none, `error` says why. */
    void (*done)(struct sv_client_token_waiter *waiter, const char *access,
        const synctv_error *error);
};

/* Calls back with a token that is fresh, maybe at once. */
void sv_client_tokens_get(synctv_client *client, struct sv_client_token_waiter *waiter);
/* Whether a token that is refused so may be followed by a better one. */
bool sv_client_token_is_stale(int code);
/* The server did not take this one although it seemed fresh. */
void sv_client_tokens_mark_stale(synctv_client *client, const char *access);
/* A call or stream with this token failed so: perhaps the session is over. */
void sv_client_tokens_refused(synctv_client *client, const char *access, int code);
/* The answer to a sign-in of this client, or to the end of its session. */
void sv_client_tokens_update(synctv_client *client, synctv_method method,
    const synctv_result *result);
/* Fails everybody who waits. */
void sv_client_tokens_stop(synctv_client *client);
void sv_client_tokens_fini(synctv_client *client);

#endif
