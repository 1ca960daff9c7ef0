/* SPDX-License-Identifier: MIT */
/*
 * Rooms in memory: the table of them, and who holds them.
 *
 *   room.h       this: the structure, the table, rooms that nobody follows
 *   clock.h      what rooms know of the node clock
 *   timer.h      when a room is to be looked at again
 *   view.h       what a room looks like: copies of it, who may do what
 *   tell.h       events to those who follow it
 *   attendance.h who is online where, for the whole node
 *   presence.h   who is online in a room: coming, going, telling it
 *   follower.h   a stream with the rooms that it follows
 *   follow.h     which stream follows which room
 *   playhead.h   what happens to the playhead by itself
 *   decide.h     what the people of a room decide together, and which node acts
 *   learn.h      the length of a movie, written into the playlist
 *   apply.h      the one way in for every change
 *   diff.h       what a reading finds to be different, as changes
 *   load.h       reading rooms from storage; calls that wait for that
 *   chat.h       chat that somebody else has written
 *   look.h       a look at storage, for what others have changed
 *   flush.h      playback states on their way to storage
 *   opening.h    what a stream does first: finds its rooms and follows them
 *   tick.h       what rooms do as time goes by
 */
#ifndef SV_NODE_ROOMS_ROOM_H
#define SV_NODE_ROOMS_ROOM_H

#include "base/hash.h"
#include "base/id.h"
#include "base/ratelimit.h"
#include "core/chat.h"
#include "core/permission.h"
#include "core/playback.h"
#include "core/playlist.h"
#include "core/roster.h"
#include "core/votes.h"
#include "node/engine/node.h"
#include "node/rooms/attendance.h"

/* Rooms kept in memory though nobody is in them, and their bytes (64 KiB each). */
#define SV_ROOMS_IDLE_MAX 1024
#define SV_ROOMS_IDLE_MAX_BYTES (64 * 1024 * 1024)
#define SV_ROOM_SHARD_BITS 6
#define SV_ROOM_SHARDS (1 << SV_ROOM_SHARD_BITS)
#define SV_TIMER_SLOTS 512

/* What the people of a room decide together. */
enum sv_room_decision {
    SV_ROOM_GOES_ON,
    SV_ROOM_ENDS_MOVIE,
    SV_ROOM_LEARNS_LENGTH,
    SV_ROOM_PAUSES,
};

struct sv_room {
    UT_hash_handle hh; /* in its shard, by id */
    char id[SV_ID_SIZE];
    synctv_node *node;
    /* The shard's, pins, follows. */
    atomic_uint refs;

    /* Everything below. */
    pthread_mutex_t lock;
    /* False: the job that loads it for the first time is under way. */
    bool loaded;
    /* A job that reads it is queued or runs, or waits for other nodes (links/links.h). */
    bool loading, waits_for_links;
    /* Something was heard of it before it was loaded. */
    bool heard_unread;
    /* The newest state that others told of meanwhile; version 0 = none. Storage has it later. */
    struct sv_playback_state heard_state;
    /* Memory has missed something: until it has been read again calls and streams wait. */
    bool stale;
    /* It is only so because changes are held (hold.h). */
    bool gap;
    struct sv_list held;
    unsigned n_held;
    /* Another reading must follow the one that is under way. */
    bool stale_again;
    /* Storage has lost what was written last; until that has been read. */
    bool went_back;
    /* Deleted; no longer in its shard. */
    bool gone;
    /* sv_call.letter.link: calls that wait for a reading; each holds the room. */
    struct sv_list waiting;
    unsigned n_waiting;
    char *name, *description, *password_hash;
    char creator_id[SV_ID_SIZE];
    synctv_room_settings settings;
    int64_t created_at_ms;
    uint64_t revision;
    /* The highest one that somebody has told of since the last reading was begun. */
    uint64_t heard_revision;
    /* What memory had then. */
    uint64_t read_revision, read_chat_seq;
    /* The number of the newest chat message that the followers were told of. */
    uint64_t chat_seq;
    struct sv_roster roster;
    struct sv_playlist movies;

    /* The steps of the node clock that the playback state knows of; changed under the lock. */
    _Atomic int64_t stepped_ms;
    struct sv_playback_state playback;
    /* Newer than storage; changed under the lock. */
    atomic_bool playback_dirty;
    /* A job with it is under way. */
    bool playback_writing;
    /* Of who watches, on a movie whose length nobody knows. */
    struct sv_votes votes;
    /* A job that writes its length into the playlist is under way. */
    bool learning;
    /* decide.h: what will be done, since when that is so, and how many nodes come first. */
    enum sv_room_decision decision;
    int64_t decided_at_ms;
    size_t decision_n_before;
    /* The version of the playback state when the last one went offline. */
    uint64_t emptied_at;
    /* Since when somebody here waits for the end as it is known now; monotonic, 0 = nobody does. */
    int64_t awaited_ms;
    /* Of the movie `duration_of`, so that not every Play has to go through the playlist. */
    double duration_s;
    char duration_of[SV_ID_SIZE];

    /* Timers: monotonic ms, 0 = off. When to tell the state of a playing room again. */
    int64_t reannounce_ms;
    /* When to look whether something is decided. */
    int64_t decide_ms;
    /* When to write the playback state. */
    int64_t flush_ms;
    /* When to read the room again, and when it was last begun. */
    int64_t reload_ms, read_at_ms;
    /* Why that did not work out before, to be logged then: not under the lock. */
    int reload_failure;
    /* When to read chat that was missed; and whether a job does so. */
    int64_t chat_ms;
    bool chat_reading;
    /* When to look for danmaku that nobody needs any more. */
    int64_t danmaku_ms;
    /* When to send the RoomUpdate with online_count that is owed; when the last one was sent. */
    int64_t online_tell_ms, online_told_ms;
    /* When the next one who left goes offline. */
    int64_t offline_ms;

    /* Of const synctv_event *. */
    struct sv_danmaku_ring danmaku;
    struct sv_bucket danmaku_rate;

    /* sv_follow.in_room. */
    struct sv_list follows;
    /* Who is online, guests included. */
    struct sv_attendance *attendance;

    /* The table's lock. */
    struct sv_list timed;
    struct sv_list idle;
    /* As counted in the table; 0 = not idle; changed under both locks. */
    size_t idle_bytes;
    /* Monotonic; 0 = no timer. */
    int64_t due_ms;
    /* Nothing is lost when the room is forgotten before its timer. */
    bool may_be_idle;
};

struct sv_room_shard {
    pthread_mutex_t lock;
    /* A hash table (uthash). */
    struct sv_room *by_id;
};

struct sv_room_change;

struct sv_rooms {
    /*
     * Every change made here leaves by this for other nodes; NULL = there are none. Called under
     * the room's lock if the room is in memory, so it must neither block nor come back.
     */
    void (*changed)(void *userdata, const struct sv_room_change *change);
    void *changed_userdata;

    struct sv_room_shard shards[SV_ROOM_SHARDS];
    struct sv_attendances attendances;
    /* A look at storage is under way. */
    atomic_bool looking;
    /* A look has failed, at all rooms or at one: another has to come soon. */
    atomic_bool look_failed;
    /* The same of sv_newcomers_look(). */
    atomic_bool looking_for_newcomers;

    /* Everything below. */
    pthread_mutex_t lock;
    /* Rooms with due_ms != 0, by due_ms / SV_TICK_MS. */
    struct sv_list timed[SV_TIMER_SLOTS];
    size_t n_timed;
    /* The first tick that has not been dealt with. */
    int64_t tick;
    /* No room is due before that; INT64_MAX = none. */
    int64_t next_due_ms;
    /* Loaded rooms that nobody follows, oldest first. */
    struct sv_list idle;
    size_t n_idle, max_idle;
    size_t idle_bytes, max_idle_bytes;
    /* The system's streams of all rooms. */
    struct sv_list observers;
    atomic_uint n_observers;
};

/* A change made here leaves for other nodes. */
void sv_rooms_changed(synctv_node *node, const struct sv_room_change *change);

/* NO_MEMORY. */
int sv_rooms_new(synctv_node *node);
/* Frees all rooms; nobody uses them any more. */
void sv_rooms_free(synctv_node *node);

/* The room if it is loaded, pinned and *locked*; NULL otherwise. For apply(). */
struct sv_room *sv_room_enter(synctv_node *node, const char *room_id);
/* The same, also while it is not loaded yet. */
struct sv_room *sv_room_find(synctv_node *node, const char *room_id);
/* Unlocks, unpins. */
void sv_room_leave(struct sv_room *room);
/* The room as it is or will be, with a reference and locked. NULL when out of memory. */
struct sv_room *sv_room_find_or_add(synctv_node *node, const char *room_id);
struct sv_room *sv_room_ref(struct sv_room *room);
void sv_room_unref(struct sv_room *room);

/*
 * Loaded rooms with references, at most `max`, from the cursor on (at first 0), which moves on.
 * Returns how many, 0 = that was all. Rooms that come or go meanwhile may be missed.
 */
struct sv_rooms_cursor {
    size_t shard, index;
};
size_t sv_rooms_some(synctv_node *node, struct sv_rooms_cursor *cursor, struct sv_room **ret,
    size_t max);

/*
 * Takes it out of the table, for ever: who looks for the room from now on makes a new one. Locked;
 * the caller holds a reference.
 */
void sv_room_discard(struct sv_room *room);
/* Somebody follows it now / nobody does any more, or it takes more or less memory. Locked. */
void sv_room_set_idle(struct sv_room *room, bool idle);
/*
 * Forgets rooms nobody is in, but for the last SV_ROOMS_IDLE_MAX and SV_ROOMS_IDLE_MAX_BYTES.
 * Returns whether there may be more of them. No locks held.
 */
bool sv_rooms_evict(synctv_node *node);

#endif
