/* SPDX-License-Identifier: MIT */
/*
 * The inside of a client. Whatever takes more than one step (calls, tokens, streams) happens on the client's thread alone and
 * needs no locks there; other threads hand it letters. What they read directly is under client->lock or stream->lock.
 */
#ifndef SV_CLIENT_INSIDE_H
#define SV_CLIENT_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include <synctv/client.h>

#include "api/caller.h"
#include "api/result.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "rpc/channel.h"
#include "rpc/retry.h"

#define SV_CLOCK_SAMPLES 8

/* Something to be done on the client's thread; run() owns it. */
struct sv_client_letter {
    struct sv_list link;
    void (*run)(struct sv_client_letter *letter);
};

/* Something to be done there later. Not linked = not set. */
struct sv_alarm {
    struct sv_list link;
    int64_t due_ms; /* monotonic */
    void (*ring)(struct sv_alarm *alarm);
};

/* Where a token's life is over for us: a little before the server thinks so. */
struct sv_tokens {
    char *access; /* NULL = not signed in */
    char *refresh;
    int64_t fresh_until_ms; /* monotonic; after it the access token is renewed before it is used */
    unsigned generation;    /* grows with each change */
};

/* Somebody who needs a fresh access token. On the client's thread, once. */
struct sv_token_waiter {
    struct sv_list link;
    /* `access` NULL: there is none, `error` says why. */
    void (*done)(struct sv_token_waiter *waiter, const char *access, const synctv_error *error);
};

struct sv_clock_sample {
    int64_t offset_ms; /* server clock − our wall clock */
    int64_t delay_ms;  /* there and back */
};

struct synctv_client {
    struct sv_log log;
    synctv_client_token_fn *token;
    void *userdata;
    int call_timeout_ms; /* of requests that name none */
    struct sv_rpc_channel *channel;
    pthread_t thread;
    atomic_bool closing;

    pthread_mutex_t lock;
    struct sv_list letters;
    char user_id[16];
    struct sv_clock_sample samples[SV_CLOCK_SAMPLES];
    unsigned n_samples, next_sample;
    int64_t told_server_ms; /* the last answer of synctv_client_server_time_ms() */
    int64_t wall_offset_ms; /* wall clock − monotonic clock at the start: our clock never steps */

    /* The client's thread. */
    struct sv_list alarms;
    struct sv_tokens tokens;
    struct sv_list token_waiters;
    bool renewing;
    unsigned
        renewed_generation; /* what is renewed: if others are in use by then, the answer does not count */
    struct sv_alarm renew_alarm;
    struct sv_list calls;   /* sv_client_call.link */
    struct sv_list streams; /* sv_client_stream.link */
    unsigned n_on_wire;     /* calls and streams that the channel will still call back */
};

/* What synctv_caller is here. */
struct sv_client_caller {
    synctv_caller base; /* first */
    synctv_client *client;
    bool signs_in; /* answers to its sign-ins become the client's session */
};

/* client.c */
void sv_client_post(synctv_client *client, struct sv_client_letter *letter);
void sv_alarm_set(synctv_client *client, struct sv_alarm *alarm, int64_t due_ms);
void sv_alarm_cancel(struct sv_alarm *alarm);
uint32_t sv_client_random(void);

/* tokens.c */
/* Calls back with a token that is fresh, maybe at once. */
void sv_tokens_get(synctv_client *client, struct sv_token_waiter *waiter);
/* Whether a token that is refused so may be followed by a better one. */
bool sv_token_is_stale(int code);
/* The server did not take this one although it seemed fresh. */
void sv_tokens_stale(synctv_client *client, const char *access);
/* A call or stream with this token failed so: perhaps the session is over. */
void sv_tokens_refused(synctv_client *client, const char *access, int code);
/* The answer to a sign-in of this client, or to the end of its session. */
void sv_tokens_learn(synctv_client *client, synctv_method method, const synctv_result *result);
/* Fails everybody who waits. */
void sv_tokens_stop(synctv_client *client);
void sv_tokens_fini(synctv_client *client);

/* call.c */
void sv_client_submit(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct);
void sv_client_calls_stop(synctv_client *client);
/* A stream is up: what waits for a chat event is sent again. */
void sv_client_calls_resend(synctv_client *client);
/* A chat message or a refusal came in on a stream: is it what a synctv_call() waits for? */
void sv_client_calls_match_chat(synctv_client *client, const synctv_chat *chat);
bool sv_client_calls_match_error(synctv_client *client, const synctv_event *event);

/* stream.c */
int sv_client_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error);
/* Sends on any stream that follows this room. NOT_CONNECTED if there is none. On the client's thread. */
int sv_client_streams_send(synctv_client *client, const synctv_request *request,
    synctv_error *ret_error);
/* Whether a stream follows this room, or will when it is connected. On the client's thread. */
bool sv_client_streams_may_follow(synctv_client *client, const char *room_id);
void sv_client_streams_stop(synctv_client *client);

/* clock.c */
/* Our wall clock, which never steps. */
int64_t sv_client_now_ms(const synctv_client *client);
void sv_clock_learn(synctv_client *client, int64_t sent_ms, int64_t received_ms,
    int64_t server_recv_ms, int64_t server_send_ms);

#endif
