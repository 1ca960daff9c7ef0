/* SPDX-License-Identifier: MIT */
/*
 * Rooms over several nodes: what is decided here leaves for the nodes that have the room, and what
 * they say comes in through sv_room_apply().
 */
#ifndef SV_NODE_ROOMS_SHARE_H
#define SV_NODE_ROOMS_SHARE_H

#include "api/result.h"
#include "node/links/links.h"
#include "node/rooms/room.h"

/* What links want of rooms. */
extern const struct sv_link_room_hooks sv_share_hooks;

/* sv_rooms.changed, with the node as its userdata. */
void sv_share_change(void *userdata, const struct sv_room_change *change);
/* Something may have changed in it, and nobody knows whether: all who have it look. */
void sv_share_doubt(synctv_node *node, const char *room_id);
/* A danmaku that was told here. The room is locked. */
void sv_share_danmaku(struct sv_room *room, const synctv_event *danmaku);
/* A report of somebody who watches here. The room is locked. */
void sv_share_vote(struct sv_room *room, const struct sv_report *report);

#endif
