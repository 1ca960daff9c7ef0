/* SPDX-License-Identifier: MIT */
/*
 * The one way in for every change of a room: for what was committed here, for what the playhead does, for what a reading
 * finds to be different, and for what another node says. sv_room_apply() changes memory, tells the followers and sets the
 * timers; nothing else touches a room's rows in memory.
 *
 * Memory follows storage by revision. revision + 1 is applied, an older one is skipped. After a gap (somebody else wrote
 * to the same database) the room is *stale*: it is read again, at most once a second, and calls and streams that need it
 * wait for that (load.h).
 */
#ifndef SV_NODE_ROOMS_APPLY_H
#define SV_NODE_ROOMS_APPLY_H

#include "api/result.h"
#include "node/rooms/room.h"

/* A room is read again at most that often. */
#define SV_READ_PAUSE_MS 1000

/* One member's row. */
struct sv_member_diff {
    /* What is told; UNSPECIFIED = nothing. */
    synctv_member_change what;
    /* The row as it is now; its role is UNSPECIFIED where it only keeps somebody away. NULL: there is none any more. */
    const struct sv_member_rec *row;
    /* Who it was that is no member any more, for those who are told; NULL: told as the row is now. */
    const synctv_member *gone;
    /* The reason code with which this user's streams of the room end; 0 = they go on. */
    int ends;
};

/* Everything is borrowed. What is NULL or 0 has not changed. */
struct sv_room_change {
    const char *room_id;
    /* Another node made it, or a reading has found it: it does not leave for other nodes. */
    bool from_elsewhere;
    /* Of the room's row with this change: 0 for what does not count there (state, chat). */
    uint64_t revision;
    /* Who did it, "" = nobody; and why. NULL is "". */
    const char *actor_id, *reason;

    /* The room's own row as it is now. */
    const struct sv_room_rec *room;
    bool deleted;

    struct sv_member_diff members[2];
    size_t n_members;

    /* The playlist; UNSPECIFIED = it has not changed. */
    synctv_list_change list;
    /* The movie as it is now, or was last; its position where it is now. NULL: CLEARED. */
    const synctv_movie *movie;

    /* The playhead. `operation_id`: of the message that caused it, NULL is "". */
    const struct sv_playback_state *state;
    synctv_state_cause cause;
    const char *operation_id;

    /* The number of a chat message or of a deletion, and its event, of which memory keeps nothing; NULL: there was no memory for
     * it. */
    uint64_t chat_seq;
    const synctv_event *event;
};

/*
 * Applies the change, or skips it as said above, and hands it to sv_rooms.changed if it was made here. Locked. A deleted room leaves memory. Where
 * there is no memory for a change the room is read again.
 */
void sv_room_apply(struct sv_room *room, const struct sv_room_change *change);

/* For apply() of what was committed: applies the change if the room is in memory; the room then, pinned and *locked* (see
 * sv_room_leave()), else NULL. */
struct sv_room *sv_room_commit(synctv_node *node, const struct sv_room_change *change);

/* The parts of a change but for its revision and the playhead, which are the caller's: for diff.c, which puts them in order.
 * 0 or NO_MEMORY. Locked. */
int sv_room_apply_parts(struct sv_room *room, const struct sv_room_change *change);

/* Chat has been missed: what is stored behind room->chat_seq is to be read. Locked. */
void sv_room_miss_chat(struct sv_room *room);
/* Something else has been missed: the room is to be read again. Locked. */
void sv_room_mark_stale(struct sv_room *room);
/* Storage has this revision: a reading under way that does not is followed by another. Locked. */
void sv_room_hear_of(struct sv_room *room, uint64_t revision);

/* Writes the row's name, description, settings, password and creator to memory, no more. 0 or NO_MEMORY. Locked. */
int sv_room_set_fields(struct sv_room *room, const struct sv_room_rec *rec);

#endif
