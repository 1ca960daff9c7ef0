/* SPDX-License-Identifier: MIT */
/*
 * The inside of a client. It has one thread, which alone handles calls, tokens and connections and
 * needs no locks for them. Other threads post letters to it; what they read themselves is under
 * client->lock or stream->lock.
 *
 *   the program's threads                            the client's thread (thread.c)
 *   synctv_call() ------------------- letter ------> call.c: token, attempt, another attempt
 *   synctv_stream_open(), _close() -- letter ------> connection.c: connects, reconnects, decodes
 *   synctv_stream_next() <----------- stream->lock - stream.c: the queue of events
 *   synctv_client_server_time_ms() <- client->lock - clock.c: samples of the server's clock
 *                                                    tokens.c: renews the access token
 *                                                    servers.c: goes on to another server
 *   player.c runs on the program's threads and uses only public functions.
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
#include "client/servers.h"
#include "client/thread.h"
#include "client/tokens.h"
#include "rpc/channel.h"
#include "rpc/retry.h"

struct synctv_client {
    struct sv_log log;
    synctv_client_token_fn *token;
    void *userdata;
    /* For requests that have no time-out of their own. */
    int call_timeout_ms;
    struct sv_rpc_channel *channel;
    pthread_t thread;
    atomic_bool closing;
    /* Letters for its thread. */
    struct sv_mailbox mailbox;

    /* Of the block below. */
    pthread_mutex_t lock;
    char user_id[16];
    struct sv_client_clock_sample samples[SV_CLIENT_CLOCK_SAMPLES];
    unsigned n_samples, next_sample;
    /* The last result of synctv_client_server_time_ms(). */
    int64_t last_server_ms;
    /* Constant. Wall clock − monotonic clock at the start: so our clock never steps. */
    int64_t wall_offset_ms;

    /* For the client's thread alone, from here on. */
    struct sv_list alarms;
    struct sv_client_servers servers;
    struct sv_client_tokens tokens;
    struct sv_list token_waiters;
    bool renewing;
    /* Of the tokens that are being renewed. If it has changed by then, the answer is ignored. */
    unsigned renewed_generation;
    struct sv_client_alarm renew_alarm;
    /* Of struct sv_client_call. */
    struct sv_list calls;
    /* Of struct sv_client_stream. */
    struct sv_list streams;
    /* Calls and streams that the channel will still call back. */
    unsigned n_on_wire;
};

/* A synctv_caller of a client. */
struct sv_client_caller {
    /* First. */
    synctv_caller base;
    synctv_client *client;
    /* The tokens in its answers become the client's session. */
    bool signs_in;
};

#endif
