/* SPDX-License-Identifier: MIT */
/* A stream of a client as the program sees it; connection.h has its connection to the server. */
#ifndef SV_CLIENT_STREAM_H
#define SV_CLIENT_STREAM_H

#include "api/event_ring.h"
#include "base/id.h"
#include "client/inside.h"

/* Events that the program has not taken. One more ends the connection. */
#define SV_CLIENT_MAX_EVENTS 1024
#define SV_CLIENT_MAX_EVENT_BYTES (16 * 1024 * 1024)

struct sv_client_held_state;

struct sv_client_stream {
    /* First. */
    synctv_stream base;
    /* One of the program, one of the client's thread. */
    atomic_uint refs;
    synctv_client *client;
    /* A reference. */
    synctv_caller *caller;
    char room_id[SV_ID_SIZE];
    char *room_password;
    synctv_stream_ready_fn *ready;
    void *userdata;
    /* The program sends nothing more. */
    atomic_bool finishing;
    struct sv_letter start_letter, finish_letter, close_letter;

    /* Of the block below. */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct sv_event_ring events;
    /* ready() was called, and the program has not taken all events since. */
    bool signalled;
    /* ready() runs, on the client's thread. */
    bool in_ready;
    /* The program has closed the stream. */
    bool closed;
    /* Why there are no more events; code 0 = there may be. */
    synctv_error end;
    /* A reference; NULL = not connected. */
    struct sv_rpc_client_stream *rpc;
    /* The server has accepted it. */
    bool open;

    /* For the client's thread alone, from here on. Link of client->streams: */
    struct sv_list link;
    struct sv_client_token_waiter token;
    bool waiting_for_token;
    /* The channel will still call back for it. */
    bool on_wire;
    /* sv_client_connection_close() was called. */
    bool closing_down;
    /* Why we have cut it: SLOW_CONSUMER (the program does not take its events), NO_MEMORY; or 0. */
    int overrun;
    /* The program got DISCONNECTED. */
    bool down;
    /* The token was renewed for this attempt already. */
    bool renewed;
    char *access;
    /* To connect, since a connection last stayed up for UP_MS. */
    unsigned attempts;
    /* Monotonic: when the first message of the connection came; 0 = none has. */
    int64_t up_since_ms;
    struct sv_client_alarm again, ping;
    unsigned n_pings;
    /* sv_client_now_ms(); 0 = no pong is expected. */
    int64_t ping_sent_ms;
    struct sv_client_held_state *held;
};

/* sv_caller_ops.stream_open. Any thread. */
int sv_client_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error);

/* Queues an event; takes the reference. Errors: SLOW_CONSUMER (the queue is full), NO_MEMORY. */
int sv_client_stream_push(struct sv_client_stream *s, const synctv_event *event);
/* Queues CONNECTED or DISCONNECTED. */
void sv_client_stream_push_connection(struct sv_client_stream *s, synctv_event_type type,
    const synctv_error *err);
/* No more events follow; after the last one synctv_stream_next() returns `err`. */
void sv_client_stream_end(struct sv_client_stream *s, const synctv_error *err);
/* Whether the stream has ended or was closed. */
bool sv_client_stream_is_over(struct sv_client_stream *s);
/* Whether more than half of the queue is not taken yet. */
bool sv_client_stream_is_behind(struct sv_client_stream *s);
/* Its connection is closed: takes it off the list and releases the thread's reference. */
void sv_client_stream_released(struct sv_client_stream *s);
/* Any thread. Errors: NOT_CONNECTED, OVERLOADED, NO_MEMORY. */
int sv_client_stream_send(struct sv_client_stream *s, const synctv_request *request,
    synctv_error *ret_error);

/* Sends on any stream that follows the request's room. Errors: NOT_CONNECTED (there is none). */
int sv_client_streams_send(synctv_client *client, const synctv_request *request,
    synctv_error *ret_error);
/* Whether a stream follows this room, or will when it is connected. */
bool sv_client_streams_may_follow(synctv_client *client, const char *room_id);
/* Ends all streams with CANCELLED. */
void sv_client_streams_stop(synctv_client *client);

#endif
