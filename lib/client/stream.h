/* SPDX-License-Identifier: MIT */
/* A stream of a client as its program sees it; connection.h is the side of the network. */
#ifndef SV_CLIENT_STREAM_H
#define SV_CLIENT_STREAM_H

#include "api/event_ring.h"
#include "base/id.h"
#include "client/inside.h"

#define SV_CLIENT_MAX_EVENTS 1024 /* not taken by the program */
#define SV_CLIENT_MAX_EVENT_BYTES (16 * 1024 * 1024)

struct sv_client_held_state;

struct sv_client_stream {
    synctv_stream base; /* first */
    atomic_uint refs;   /* the program's, the client's thread's */
    synctv_client *client;
    synctv_caller *caller; /* a reference */
    char room_id[SV_ID_SIZE];
    char *room_password;
    synctv_stream_ready_fn *ready;
    void *userdata;
    atomic_bool finishing; /* the program sends nothing more */
    struct sv_letter start_letter, finish_letter, close_letter;

    pthread_mutex_t lock; /* this block */
    pthread_cond_t cond;
    struct sv_event_ring events;
    bool told;    /* ready() was called, and not all has been taken since */
    bool calling; /* ready(), on the client's thread */
    bool closed;  /* the program is through with it */
    synctv_error end;
    struct sv_rpc_client_stream *rpc; /* NULL = not connected; a reference */
    bool open;                        /* the server has accepted it */

    /* The client's thread. */
    struct sv_list link; /* client->streams */
    struct sv_client_token_waiter token;
    bool waiting_for_token;
    bool on_wire;
    bool leaving; /* closed, and this thread has heard of it */
    /* Why we have cut it: SLOW_CONSUMER (the program does not take its events), NO_MEMORY; or 0. */
    int overrun;
    bool down;    /* DISCONNECTED was told */
    bool renewed; /* a fresh token was fetched for this attempt already */
    char *access;
    unsigned attempts;   /* since it last stayed up for UP_MS */
    int64_t up_since_ms; /* our clock, the first message; 0 = it is not up */
    struct sv_client_alarm again, ping;
    unsigned n_pings;
    int64_t ping_sent_ms; /* our clock; 0 = none is on its way */
    struct sv_client_held_state *held;
};

/* sv_caller_ops.stream_open. Any thread. */
int sv_client_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error);

/* Takes the reference. Returns 0, SLOW_CONSUMER if too many wait already, NO_MEMORY. */
int sv_client_stream_push(struct sv_client_stream *s, const synctv_event *event);
void sv_client_stream_push_connection(struct sv_client_stream *s, synctv_event_type type,
    const synctv_error *err);
/* No more events; synctv_stream_next() says why. */
void sv_client_stream_end(struct sv_client_stream *s, const synctv_error *err);
/* Whether nothing will come any more. */
bool sv_client_stream_is_over(struct sv_client_stream *s);
bool sv_client_stream_is_behind(struct sv_client_stream *s);
/* The network has let go, and so has the program: drops the thread's reference. */
void sv_client_stream_released(struct sv_client_stream *s);
/* Any thread. Fails with NOT_CONNECTED, OVERLOADED, NO_MEMORY. */
int sv_client_stream_send(struct sv_client_stream *s, const synctv_request *request,
    synctv_error *ret_error);

/*
 * Sends on any stream that follows this room. NOT_CONNECTED if there is none. On the client's
 * thread.
 */
int sv_client_streams_send(synctv_client *client, const synctv_request *request,
    synctv_error *ret_error);
/* Whether a stream follows this room, or will when it is connected. On the client's thread. */
bool sv_client_streams_may_follow(synctv_client *client, const char *room_id);
void sv_client_streams_stop(synctv_client *client);

#endif
