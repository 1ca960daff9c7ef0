/* SPDX-License-Identifier: MIT */
/* Who is online in a room. The room is locked in all of this. */
#ifndef SV_NODE_PRESENCE_H
#define SV_NODE_PRESENCE_H

#include "node/rooms/room.h"

/* A user's stream came (0 or NO_MEMORY) / went; who has been away for 10 s goes offline in the
 * tick. */
int sv_presence_enter(struct sv_room *room, const struct sv_actor_info *who);
void sv_presence_leave(struct sv_room *room, const char *user_id);
void sv_presence_tick(struct sv_room *room, int64_t now_ms);
/* This user's row is about to be removed: no OFFLINE will be announced. */
void sv_presence_forget(struct sv_room *room, const char *user_id);

#endif
