/* SPDX-License-Identifier: MIT */
#include "client/clock.h"

#include <synctv/playback.h>

#include "base/clock.h"
#include "client/inside.h"

#define TIME_MAX_MS INT64_C(253402300799999) /* the year 9999 */
/* Two good clocks drift apart by less than this in the time of 8 samples. */
#define DRIFT_MAX_MS 100

int64_t sv_client_now_ms(const synctv_client *client)
{
    return client->wall_offset_ms + sv_mono_ms();
}

/* Locked. The sample with the shortest delay; its error is at most half of the delay. */
static struct sv_client_clock_sample best_sample(const synctv_client *client)
{
    struct sv_client_clock_sample best = { 0 };
    for (unsigned i = 0; i < client->n_samples; i++) {
        if (i == 0 || client->samples[i].delay_ms < best.delay_ms)
            best = client->samples[i];
    }
    return best;
}

/* Whether a clock has stepped between the samples, or this machine has slept. */
static bool contradict(struct sv_client_clock_sample a, struct sv_client_clock_sample b)
{
    int64_t apart_ms =
        a.offset_ms > b.offset_ms ? a.offset_ms - b.offset_ms : b.offset_ms - a.offset_ms;
    return apart_ms > (a.delay_ms + b.delay_ms) / 2 + DRIFT_MAX_MS;
}

void sv_client_clock_add_sample(synctv_client *client, int64_t sent_ms, int64_t received_ms,
    int64_t server_recv_ms, int64_t server_send_ms)
{
    if (received_ms < sent_ms || server_recv_ms < 0 || server_send_ms < server_recv_ms ||
        server_send_ms > TIME_MAX_MS)
        return; /* no clock that runs forward gives such numbers */
    int64_t delay_ms = (received_ms - sent_ms) - (server_send_ms - server_recv_ms);
    if (delay_ms < -1)
        return;
    if (delay_ms < 0)
        delay_ms = 0; /* each of the four numbers is cut to whole milliseconds */
    struct sv_client_clock_sample sample = {
        .offset_ms = ((server_recv_ms - sent_ms) + (server_send_ms - received_ms)) / 2,
        .delay_ms = delay_ms,
    };
    pthread_mutex_lock(&client->lock);
    if (client->n_samples > 0 && contradict(sample, best_sample(client)))
        client->n_samples = client->next_sample = 0;
    client->samples[client->next_sample] = sample;
    client->next_sample = (client->next_sample + 1) % SV_CLIENT_CLOCK_SAMPLES;
    if (client->n_samples < SV_CLIENT_CLOCK_SAMPLES)
        client->n_samples++;
    pthread_mutex_unlock(&client->lock);
}

int64_t synctv_client_server_time_ms(synctv_client *client)
{
    int64_t now_ms = sv_client_now_ms(client);
    pthread_mutex_lock(&client->lock);
    int64_t server_ms = now_ms + best_sample(client).offset_ms;
    /* Does not go back by less than a second. A larger correction is taken at once. */
    if (server_ms < client->last_server_ms && client->last_server_ms - server_ms < 1000)
        server_ms = client->last_server_ms;
    client->last_server_ms = server_ms;
    pthread_mutex_unlock(&client->lock);
    return server_ms;
}

int synctv_client_clock_offset(synctv_client *client, int64_t *ret_offset_ms, int64_t *ret_error_ms)
{
    pthread_mutex_lock(&client->lock);
    struct sv_client_clock_sample best = best_sample(client);
    int n = (int)client->n_samples;
    pthread_mutex_unlock(&client->lock);
    if (ret_offset_ms != NULL)
        *ret_offset_ms = best.offset_ms;
    if (ret_error_ms != NULL)
        *ret_error_ms = n > 0 ? best.delay_ms / 2 + 1 : 0; /* + 1 for the rounding */
    return n;
}

double synctv_client_position(synctv_client *client, const synctv_playback *state,
    double duration_s)
{
    return synctv_playback_position(state, synctv_client_server_time_ms(client), duration_s);
}
