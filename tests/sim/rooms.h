/* SPDX-License-Identifier: MIT */
/*
 * What lib/node makes of a room, in small. rooms.c has its rows, room_chat.c its chat, room_play.c
 * its playback state; presence.c who is online in it.
 */
#ifndef TESTS_SIM_ROOMS_H
#define TESTS_SIM_ROOMS_H

#include "sim.h"

/* How long chat is waited for that may be on its way, and how soon what failed is tried again. */
#define CHAT_GAP_HELD (50 * MS)
#define RETRY (1 * SEC)

/* A job of a room is asked of the store when those before it are done; done() takes it first. */
void room_ask(struct world *w, struct job *job);
void room_take_job(struct world *w, struct job *job);
/* To the nodes that have the room. */
void room_tell(struct world *w, struct process *p, const struct sv_cluster_event *event);

/* Chat is read then, if it is still missing. */
void room_chat_at(struct world *w, struct process *p, int room, int64_t at_us);
/* What was held and is the next one now. */
void room_drain_chats(struct world *w, struct room *r);
void room_apply_chat(struct world *w, struct process *p, int room, uint64_t seq, uint32_t number);
/* Something up to `seq` is stored that was not heard: it is read. */
void room_miss_chat(struct world *w, struct process *p, int room, uint64_t seq);

const synctv_playback *room_wire_play(struct world *w, int room, const struct play *play);
struct play room_play_of(const struct world *w, const synctv_playback *state);
void room_store_play(struct world *w, struct process *p, int room);
/* A state that was read, and one that was heard. */
void room_adopt_play(struct world *w, struct process *p, int room, const struct play *play);
void room_hear_play(struct world *w, struct process *p, int room, const struct play *play);
void room_take_vote(struct world *w, struct process *p, int room, int user, uint64_t version);

#endif
