/* SPDX-License-Identifier: MIT */
/*
 * Every change of a room comes in here: what was committed on this node, what the playhead does,
 * what a reading finds, and what another node says. sv_room_apply() changes memory, tells the
 * followers and sets the timers. Nothing else touches a room's rows in memory.
 *
 * Memory follows storage by revision. revision + 1 is applied, an older one is skipped. If
 * revisions are missing (somebody else wrote to the same database), the room is *stale*: calls and
 * streams that need it wait. What came too early is held for 100 ms (hold.h). If what is missing
 * does not come by then, the room is read again, at most once a second (load.h).
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
    /* The row as it is now, NULL if it was removed. If it only keeps somebody away, its role is
     * UNSPECIFIED. */
    const struct sv_member_rec *row;
    /* For the followers: the member as it was before it left; NULL: as the row is now. */
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

    /* The number of a chat message or of a deletion. */
    uint64_t chat_seq;
    /* Its event; NULL if there was no memory for it. The room keeps nothing of it. */
    const synctv_event *event;
};

/*
 * Applies the change, or skips it as said above. Hands it to sv_rooms.changed if it was made here.
 * A deleted room leaves memory. If memory runs out, the room is read again. Locked.
 */
void sv_room_apply(struct sv_room *room, const struct sv_room_change *change);

/*
 * For the apply() of a job: applies a committed change if the room is in memory. Returns the room,
 * pinned and *locked* (see sv_room_leave()), or NULL.
 */
struct sv_room *sv_room_commit(synctv_node *node, const struct sv_room_change *change);

/*
 * For diff.c, which orders the parts: applies them without revision and playhead, which are the
 * caller's. Returns 0 or NO_MEMORY. Locked.
 */
int sv_room_apply_parts(struct sv_room *room, const struct sv_room_change *change);

/* After a reading: applies what is held (hold.h) and comes next, and forgets what is in it. Locked.
 */
void sv_room_apply_held(struct sv_room *room);

/* Chat has been missed: what is stored behind room->chat_seq is to be read. Locked. */
void sv_room_miss_chat(struct sv_room *room);
/* Something else has been missed: the room is to be read again. Locked. */
void sv_room_mark_stale(struct sv_room *room);
/* The same for what no revision tells: a reading under way may be too early for it. Locked. */
void sv_room_doubt(struct sv_room *room);
/* So it is because storage has lost what was written last; the log will say so. Locked. */
void sv_room_go_back(struct sv_room *room);
/* Storage has this revision. If a reading under way does not have it, another follows. Locked. */
void sv_room_hear_of(struct sv_room *room, uint64_t revision);

/*
 * Only writes the row's name, description, settings, password and creator to memory. Returns 0 or
 * NO_MEMORY. Locked.
 */
int sv_room_set_fields(struct sv_room *room, const struct sv_room_rec *rec);

#endif
