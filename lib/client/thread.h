/* SPDX-License-Identifier: MIT */
/* What a client's thread does: letters now, alarms later, the network between them. */
#ifndef SV_CLIENT_THREAD_H
#define SV_CLIENT_THREAD_H

#include <synctv/client.h>

#include "base/mailbox.h"

/* Something that the thread does later. It is set while it is linked. */
struct sv_client_alarm {
    struct sv_list link;
    /* Monotonic. */
    int64_t due_ms;
    void (*ring)(struct sv_client_alarm *alarm);
};

/* Makes the thread run the letter. Any thread. */
void sv_client_post(synctv_client *client, struct sv_letter *letter);

/* All others are for the client's thread. */

void sv_client_alarm_set(synctv_client *client, struct sv_client_alarm *alarm, int64_t due_ms);
void sv_client_alarm_cancel(struct sv_client_alarm *alarm);
/* For the jitter of waits. */
uint32_t sv_client_random(void);
/* Runs letters and alarms, then waits for the network until the next alarm. */
void sv_client_turn(synctv_client *client);
/* After the channel was closed: runs until it has called back for all calls and streams. */
void sv_client_drain(synctv_client *client);

#endif
