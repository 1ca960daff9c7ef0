/* SPDX-License-Identifier: MIT */
#include "heartbeat.h"

#include <stdio.h>

#include <synctv/cluster.h>

#include "log.h"

static void log_stats(const struct heartbeat *heartbeat)
{
    synctv_node_stats stats;
    char text[128];
    if (heartbeat->config->node.log_level < SYNCTV_LOG_DEBUG)
        return;
    synctv_node_get_stats(heartbeat->node, &stats);
    snprintf(text, sizeof(text), "rooms=%u streams=%u users_online=%u", stats.rooms_loaded,
        stats.streams, stats.users_online);
    log_line(&heartbeat->config->log_format, SYNCTV_LOG_DEBUG, "server", text);
}

static void on_timer(uv_timer_t *timer)
{
    struct heartbeat *heartbeat = timer->data;
    synctv_error error;
    log_stats(heartbeat);
    /* What else can be wrong is made up for with the next one. */
    if (synctv_cluster_heartbeat(heartbeat->node, &error) == SYNCTV_E_STALE_EPOCH) {
        uv_timer_stop(timer);
        heartbeat->replaced(heartbeat->userdata, error.message);
    }
}

int heartbeat_start(struct heartbeat *heartbeat, uv_loop_t *loop)
{
    uint64_t every_ms = (uint64_t)heartbeat->config->node.heartbeat_ms;
    heartbeat->timer.data = heartbeat;
    uv_timer_init(loop, &heartbeat->timer);
    return uv_timer_start(&heartbeat->timer, on_timer, 0, every_ms);
}
