/* SPDX-License-Identifier: MIT */
#include "client/thread.h"

#include "base/clock.h"
#include "base/id.h"
#include "client/inside.h"

#define IDLE_POLL_MS 1000
#define DRAIN_POLL_MS 100

void sv_client_post(synctv_client *client, struct sv_letter *letter)
{
    sv_mailbox_post(&client->mailbox, letter);
    sv_rpc_channel_wake(client->channel);
}

uint32_t sv_client_random(void)
{
    uint32_t random = 0;
    sv_random_bytes(&random, sizeof(random)); /* 0 only makes waits less spread */
    return random;
}

void sv_client_alarm_set(synctv_client *client, struct sv_client_alarm *alarm, int64_t due_ms)
{
    sv_client_alarm_cancel(alarm);
    alarm->due_ms = due_ms;
    sv_list_append(&client->alarms, &alarm->link);
}

void sv_client_alarm_cancel(struct sv_client_alarm *alarm)
{
    sv_list_remove(&alarm->link);
}

static struct sv_client_alarm *next_alarm(synctv_client *client)
{
    struct sv_client_alarm *next = NULL;
    SV_LIST_FOREACH(it, &client->alarms) {
        struct sv_client_alarm *alarm = SV_CONTAINER_OF(it, struct sv_client_alarm, link);
        if (next == NULL || alarm->due_ms < next->due_ms)
            next = alarm;
    }
    return next;
}

/* Rings what is due; returns how long there is nothing to do. */
static int run_alarms(synctv_client *client)
{
    for (;;) {
        struct sv_client_alarm *alarm = next_alarm(client);
        int64_t wait_ms = alarm == NULL ? IDLE_POLL_MS : alarm->due_ms - sv_mono_ms();
        if (wait_ms > 0)
            return wait_ms < IDLE_POLL_MS ? (int)wait_ms : IDLE_POLL_MS;
        sv_client_alarm_cancel(alarm);
        alarm->ring(alarm);
    }
}

void sv_client_turn(synctv_client *client)
{
    sv_mailbox_run(&client->mailbox);
    sv_rpc_channel_poll(client->channel, run_alarms(client));
}

void sv_client_drain(synctv_client *client)
{
    while (sv_mailbox_run(&client->mailbox) || client->n_on_wire > 0)
        sv_rpc_channel_poll(client->channel, DRAIN_POLL_MS);
}
