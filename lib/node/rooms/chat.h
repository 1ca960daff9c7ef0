/* SPDX-License-Identifier: MIT */
/* Chat in storage: as events, and what somebody else has written into it. */
#ifndef SV_NODE_ROOMS_CHAT_H
#define SV_NODE_ROOMS_CHAT_H

#include "api/result.h"
#include "node/rooms/room.h"
#include "store/store.h"

/* A CHAT or CHAT_DELETED event; NULL when out of memory. */
synctv_event *sv_chat_event(synctv_node *node, const struct sv_chat_rec *rec);

/* Reads what is stored behind room->chat_seq and tells it, in the background. No locks held. */
void sv_room_read_chat(struct sv_room *room);

#endif
