/* SPDX-License-Identifier: MIT */
#include "client/servers.h"

#include "base/clock.h"
#include "client/inside.h"

#define LOOK_MS 20
/* A server that has not answered by then is left for another one. */
#define PATIENCE_MS 1000
/* Over this time come the clients of a server that has died. */
#define SPREAD_MS 300

static bool has_several(const synctv_client *client)
{
    return sv_rpc_channel_n_targets(client->channel) > 1;
}

/* After a round over all of them the next attempt waits longer. */
static bool is_hopeful(const synctv_client *client)
{
    return client->servers.n_moves % sv_rpc_channel_n_targets(client->channel) != 0;
}

/* From one that was good to any other, so that its clients spread; then to one after the other. */
static void go_on(synctv_client *client)
{
    unsigned n = sv_rpc_channel_n_targets(client->channel);
    client->servers.waits_since_ms = sv_mono_ms();
    unsigned step = client->servers.n_moves++ > 0 ? 1 : 1 + sv_client_random() % (n - 1);
    sv_rpc_channel_use(client->channel, (sv_rpc_channel_target(client->channel) + step) % n);
}

static void look_ring(struct sv_client_alarm *alarm)
{
    struct sv_client_servers *servers = SV_CONTAINER_OF(alarm, struct sv_client_servers, look);
    synctv_client *client = SV_CONTAINER_OF(servers, synctv_client, servers);
    int64_t now_ms = sv_mono_ms();
    enum sv_rpc_channel_state state = sv_rpc_channel_state(client->channel);
    if (state == SV_RPC_CONNECTED)
        return;
    if (state == SV_RPC_DISCONNECTED || now_ms - servers->waits_since_ms >= PATIENCE_MS)
        go_on(client); /* what waits comes back, and is tried again */
    else if (client->n_on_wire > 0)
        sv_client_alarm_set(client, &servers->look, now_ms + LOOK_MS);
}

void sv_client_servers_init(struct sv_client_servers *servers)
{
    sv_list_init(&servers->look.link);
    servers->look.ring = look_ring;
}

/* Also if it is connected now: that may be over, and not be known yet. */
void sv_client_servers_watch(synctv_client *client)
{
    struct sv_client_servers *servers = &client->servers;
    if (!has_several(client) || !sv_list_empty(&servers->look.link))
        return;
    servers->waits_since_ms = sv_mono_ms();
    sv_client_alarm_set(client, &servers->look, servers->waits_since_ms + LOOK_MS);
}

void sv_client_servers_answered(synctv_client *client)
{
    client->servers.n_moves = 0;
}

bool sv_client_servers_failed(synctv_client *client, const struct sv_rpc_answer *answer)
{
    switch (answer->error.code) {
    case SYNCTV_E_NODE_UNAVAILABLE:
    case SYNCTV_E_NOT_CONNECTED:
    case SYNCTV_E_SHUTTING_DOWN:
        break;
    default:
        return false;
    }
    if (!has_several(client) || atomic_load(&client->closing))
        return false;
    if (answer->target == sv_rpc_channel_target(client->channel))
        go_on(client);
    return is_hopeful(client);
}

bool sv_client_servers_has_done_nothing(synctv_client *client, const struct sv_rpc_answer *answer)
{
    return has_several(client) && (answer->unsent || answer->error.code == SYNCTV_E_SHUTTING_DOWN);
}

int64_t sv_client_servers_pause_ms(void)
{
    return sv_client_random() % SPREAD_MS;
}
