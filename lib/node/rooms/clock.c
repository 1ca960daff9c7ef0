/* SPDX-License-Identifier: MIT */
#include "node/rooms/clock.h"

int64_t sv_room_now_ms(struct sv_room *room)
{
    int64_t stepped_ms;
    int64_t now_ms = sv_node_now_and_steps_ms(room->node, &stepped_ms);
    return now_ms - (stepped_ms - room->stepped_ms);
}

bool sv_kick_holds(const synctv_node *node, int64_t kicked_until_ms)
{
    if (kicked_until_ms <= 0) /* as nearly always: no look at the clock */
        return false;
    int64_t left_ms = kicked_until_ms - sv_node_now_ms(node);
    return left_ms > 0 && left_ms <= SV_KICK_PAUSE_MS;
}
