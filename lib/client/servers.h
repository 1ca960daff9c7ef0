/* SPDX-License-Identifier: MIT */
/*
 * Which of several servers a client uses. It leaves one that stops, has died or cannot be reached,
 * and stays where it has got to. With one address these do nothing. On the client's thread.
 */
#ifndef SV_CLIENT_SERVERS_H
#define SV_CLIENT_SERVERS_H

#include "client/thread.h"
#include "rpc/channel.h"

struct sv_client_servers {
    /* Looks whether there is a connection, while something waits for it. */
    struct sv_client_alarm look;
    /* Monotonic: since when it has waited. */
    int64_t waits_since_ms;
    /* How often it has gone on since a server last answered. */
    unsigned n_moves;
};

void sv_client_servers_init(struct sv_client_servers *servers);
/* A call or stream was handed to the channel. */
void sv_client_servers_watch(synctv_client *client);
/* A call has succeeded, or a stream was opened. */
void sv_client_servers_answered(synctv_client *client);
/*
 * A call or stream has failed: goes on to another server if this one is at fault. Returns whether
 * the next attempt, which is for another one, may follow after sv_client_servers_pause_ms().
 */
bool sv_client_servers_failed(synctv_client *client, const struct sv_rpc_answer *answer);
/* Whether the failed call may be done once more, though it may not be done twice. */
bool sv_client_servers_has_done_nothing(synctv_client *client, const struct sv_rpc_answer *answer);
/* So short, and different for each client of a server that has died. */
int64_t sv_client_servers_pause_ms(void);

#endif
