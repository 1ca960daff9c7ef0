/* SPDX-License-Identifier: MIT */
/* A client's thread: what it is given to do, now or later. */
#ifndef SV_CLIENT_THREAD_H
#define SV_CLIENT_THREAD_H

#include <synctv/client.h>

#include "base/mailbox.h"

/* Something to be done there later. Not linked = not set. */
struct sv_client_alarm {
    struct sv_list link;
    int64_t due_ms; /* monotonic */
    void (*ring)(struct sv_client_alarm *alarm);
};

/* Any thread. */
void sv_client_post(synctv_client *client, struct sv_letter *letter);

/* The rest on the client's thread. */
void sv_client_alarm_set(synctv_client *client, struct sv_client_alarm *alarm, int64_t due_ms);
void sv_client_alarm_cancel(struct sv_client_alarm *alarm);
/* For the jitter of waits. */
uint32_t sv_client_random(void);
/* Runs letters and alarms, then what the network has, which it waits for until the next alarm. */
void sv_client_turn(synctv_client *client);
/* Until the channel, which is closed, has called back for all that was on the wire. */
void sv_client_drain(synctv_client *client);

#endif
