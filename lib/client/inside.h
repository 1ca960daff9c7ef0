/* SPDX-License-Identifier: MIT */
/*
 * The inside of a client. Whatever takes more than one step (calls, tokens, streams) happens on the
 * client's thread alone and needs no locks there; other threads hand it letters. What they read
 * directly is under client->lock or stream->lock.
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
#include "base/mailbox.h"
#include "client/clock.h"
#include "client/thread.h"
#include "client/tokens.h"
#include "rpc/channel.h"
#include "rpc/retry.h"

struct synctv_client {
    struct sv_log log;
    synctv_client_token_fn *token;
    void *userdata;
    int call_timeout_ms; /* of requests that name none */
    struct sv_rpc_channel *channel;
    pthread_t thread;
    atomic_bool closing;
    struct sv_mailbox mailbox; /* of its thread */

    pthread_mutex_t lock;
    char user_id[16];
    struct sv_client_clock_sample samples[SV_CLIENT_CLOCK_SAMPLES];
    unsigned n_samples, next_sample;
    int64_t told_server_ms; /* the last answer of synctv_client_server_time_ms() */
    int64_t wall_offset_ms; /* wall clock − monotonic clock at the start: our clock never steps */

    /* The client's thread. */
    struct sv_list alarms;
    struct sv_client_tokens tokens;
    struct sv_list token_waiters;
    bool renewing;
    /* What is renewed: if others are in use by then, the answer does not count. */
    unsigned renewed_generation;
    struct sv_client_alarm renew_alarm;
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

#endif
