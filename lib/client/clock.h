/* SPDX-License-Identifier: MIT */
/* The server's time, found out as NTP does by Ping and Pong. Any thread. */
#ifndef SV_CLIENT_CLOCK_H
#define SV_CLIENT_CLOCK_H

#include <synctv/client.h>

#define SV_CLIENT_CLOCK_SAMPLES 8

struct sv_client_clock_sample {
    /* The server's clock − our wall clock. */
    int64_t offset_ms;
    /* The way to the server and back. */
    int64_t delay_ms;
};

/* Our wall clock, which never steps. */
int64_t sv_client_now_ms(const synctv_client *client);
/* Of a Ping and its Pong. sent_ms and received_ms are sv_client_now_ms(). */
void sv_client_clock_add_sample(synctv_client *client, int64_t sent_ms, int64_t received_ms,
    int64_t server_recv_ms, int64_t server_send_ms);

#endif
