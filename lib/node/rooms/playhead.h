/* SPDX-License-Identifier: MIT */
/* What happens to a room's playhead by itself. The room is locked. */
#ifndef SV_NODE_ROOMS_PLAYHEAD_H
#define SV_NODE_ROOMS_PLAYHEAD_H

#include "node/rooms/room.h"

/* A playback state is written this long after its first change. */
#define SV_FLUSH_MS 250
/* One that another node has told: only in case that node could not. */
#define SV_FLUSH_AFTER_OTHERS_MS 5000
/* How often the state of a playing room is told again. */
#define SV_REANNOUNCE_MS 10000

/* What every change of the playhead knows besides what is asked for. */
struct sv_playback_change sv_playhead_change(struct sv_room *room);

/*
 * For apply.c: the playhead is there from now on. Tells the followers, has the state stored, sets
 * the timers. Everybody else applies a change to move the playhead.
 */
void sv_playhead_set(struct sv_room *room, const struct sv_playback_state *state,
    synctv_state_cause cause, const char *actor_id, const char *operation_id, bool from_elsewhere);
/* Has the state in memory stored, soon. Locked. */
void sv_playhead_store(struct sv_room *room);
/* As sv_playhead_set() for a state that is decided here: it leaves for other nodes, too. */
void sv_playhead_move(struct sv_room *room, const struct sv_playback_state *state,
    synctv_state_cause cause, const char *actor_id);

/* The node clock has stepped: what plays stays where it is. */
void sv_playhead_follow_step(struct sv_room *room);

/* What storage says about the playhead: followed and told if it is newer. */
void sv_playhead_adopt(struct sv_room *room, const synctv_playback *stored);
/* Leaves a movie that is not in the playlist, as storage that lost something may have it. */
void sv_playhead_check(struct sv_room *room);

/*
 * Before the playlist changes to this movie: if it is the current one and has another picture or
 * length, the votes on it are void, and its new end is waited for.
 */
void sv_playhead_heed(struct sv_room *room, const synctv_movie *movie);
/*
 * Before this movie (NULL: every one) leaves the playlist: where the playhead goes then. Returns
 * false if it stays where it is.
 */
bool sv_playhead_without(struct sv_room *room, const char *movie_id,
    struct sv_playback_state *ret_state);

/* The next movie, if this one is over. Comes before whatever changes the state or ends a follow. */
void sv_playhead_end_if_due(struct sv_room *room);
/* Most of those who watch say that it is over. */
void sv_playhead_end_now(struct sv_room *room);

#endif
