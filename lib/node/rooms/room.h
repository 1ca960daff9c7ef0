/* SPDX-License-Identifier: MIT */
/*
 * Rooms in memory. A room is loaded by a job on the writer, so loading it and changing it have one order and cannot race: whoever
 * changes a room in storage afterwards looks here in its apply() and, if the room is loaded, changes it here too.
 *
 * Memory follows storage by revision: revision + 1 is applied, an older one is skipped, a gap (somebody else wrote to the same database) makes
 * the room load again.
 */
#ifndef SV_NODE_ROOM_H
#define SV_NODE_ROOM_H

#include "base/hash.h"

#include "base/ratelimit.h"
#include "core/chat.h"
#include "core/permission.h"
#include "core/playback.h"
#include "core/playlist.h"
#include "core/roster.h"
#include "node/engine/call.h"

struct sv_room {
    UT_hash_handle hh; /* in its shard, by id */
    char id[SV_ID_SIZE];
    synctv_node *node;
    atomic_uint refs; /* the shard's, pins, follows */

    pthread_mutex_t lock;   /* everything below */
    bool loaded;            /* false: the job that loads it is under way */
    bool loading;           /* such a job is queued (again) */
    bool gone;              /* deleted; no longer in its shard */
    struct sv_list waiting; /* sv_call.letter.link, for loaded */
    char *name, *description, *password_hash;
    char creator_id[SV_ID_SIZE];
    synctv_room_settings settings;
    int64_t created_at_ms;
    uint64_t revision;
    struct sv_roster roster; /* guests who are here, too */
    struct sv_playlist movies;

    /* the steps of the node clock that the playback state knows of; changed under the lock */
    _Atomic int64_t stepped_ms;
    struct sv_playback_state playback;
    atomic_bool playback_dirty; /* newer than storage; changed under the lock */
    bool playback_writing;      /* a job with it is under way */
    uint64_t ended_version;     /* auto-advance has dealt with the end of this version */
    unsigned ended_reports;     /* users here who reported the end of `reported_version` */
    uint64_t reported_version;
    double
        learned_duration_s; /* of `learned_movie_id`, as a controller's player reported it; only where the playlist has none */
    char learned_movie_id[SV_ID_SIZE];
    double
        duration_s; /* of the movie `duration_of`, so that not every Play has to go through the playlist */
    char duration_of[SV_ID_SIZE];
    int64_t reannounce_ms; /* monotonic, 0 = off, here and below */
    int64_t flush_ms;      /* when to write the playback state */
    int64_t reload_ms;     /* when to try again to load what was changed elsewhere */
    int reload_failure; /* why that did not work out before, to be logged then: not under the lock */

    struct sv_danmaku_ring danmaku; /* of const synctv_event * */
    struct sv_bucket danmaku_rate;
    int64_t danmaku_ms; /* when to look for what nobody needs any more */

    struct sv_list follows; /* sv_follow.in_room */
    unsigned n_here;        /* users with a stream that follows */
    unsigned n_online;      /* these and those who went a moment ago; guests included */
    int64_t online_tell_ms; /* when to send the RoomUpdate that is owed */
    int64_t online_told_ms; /* when the last one was sent */
    int64_t offline_ms;     /* when the next one who left goes offline */

    /* rooms.lock of the node */
    struct sv_list timed;
    struct sv_list idle;
    size_t idle_bytes; /* as counted in the node; 0 = not idle; changed under both locks */
    int64_t due_ms;    /* monotonic; 0 = no timer */
    bool may_be_idle;  /* nothing is lost when the room is forgotten before its timer */
};

/* The room if it is loaded, pinned and *locked*; NULL otherwise. For apply(). */
struct sv_room *sv_room_enter(synctv_node *node, const char *room_id);
/* Unlocks, unpins. */
void sv_room_leave(struct sv_room *room);
struct sv_room *sv_room_ref(struct sv_room *room);
void sv_room_unref(struct sv_room *room);

/* For an apply() that changed the room from `revision` - 1 to `revision`: true if memory is to follow now; else nothing is to be changed here
 * (older, or a gap: reloading has begun). Locked. */
bool sv_room_advance(struct sv_room *room, uint64_t revision);

/* Has the room read from storage again. Locked. */
void sv_room_reload(struct sv_room *room);

/* What follows wants the room's lock held and tells those who follow the room. */

/* Replaces the row of a member in memory; a row with role UNSPECIFIED is kept only while it keeps somebody away.
 * 0 or NO_MEMORY (then the room is loaded again). */
int sv_room_put_member(struct sv_room *room, const struct sv_member_rec *rec);
void sv_room_remove_member(struct sv_room *room, const char *user_id);
/* A MEMBER event about the row as it is in memory now, or about `gone` before the row goes from there, to those who see that member in the list
 * before or after. */
void sv_room_tell_member(struct sv_room *room, synctv_member_change change, const char *user_id,
    const synctv_member *gone, const char *actor_id, const char *reason);
/* A ROOM event with the room as it is now. */
void sv_room_tell_room(struct sv_room *room, const char *actor_id);
void sv_room_tell_movies(struct sv_room *room, synctv_list_change change, const synctv_movie *movie,
    const char *actor_id);
/* A STATE event to all; marks the state for storage and sets the timers. */
void sv_room_tell_state(struct sv_room *room, synctv_state_cause cause, const char *actor_id,
    const char *operation_id);
/* The STATE event alone, for one stream. NULL when out of memory. */
synctv_event *sv_room_state_event(struct sv_room *room, synctv_state_cause cause,
    const char *actor_id, const char *operation_id);
/* A ROOM event: this room is no more. */
void sv_room_tell_deleted(struct sv_room *room, const char *actor_id);
/* An event that the caller made; the reference is taken over. NULL (there was no memory for it) ends the streams with NO_MEMORY. */
void sv_room_tell(struct sv_room *room, const synctv_event *event);
/* Ends what this user's streams have of the room: bound streams end with `code`, others just lose it. */
void sv_room_drop_user(struct sv_room *room, const char *user_id, int code);
/* The same for all whom the room no longer lets in. */
void sv_room_drop_strangers(struct sv_room *room);
/* New name, description, settings, password, creator from a row. Streams of guests end when allow_guests is off now, or when there is a new
 * password. 0 or NO_MEMORY (then the room is loaded again). */
int sv_room_put_room(struct sv_room *room, const struct sv_room_rec *rec);
/* The same without ending streams or loading. */
int sv_room_set_fields(struct sv_room *room, const struct sv_room_rec *rec);
/* The room was deleted: tells, drops everybody, leaves memory. */
void sv_room_put_deleted(struct sv_room *room, const char *actor_id);

/* Whether this user is a member / may do this here, by what is in memory. 0 or the code, as in core/permission.h. Locked. */
struct sv_actor sv_room_actor(struct sv_room *room, const struct sv_actor_info *info);
uint64_t sv_room_permissions(struct sv_room *room, const struct sv_actor_info *info);
int sv_room_need(struct sv_room *room, const struct sv_actor_info *info, uint64_t permission,
    synctv_error *err);

/* Copies out, into an arena. Locked. `for_member` false: the public face only (no settings). */
int sv_room_fill(struct sv_room *room, struct sv_arena *a, bool for_member, synctv_room *ret);
int sv_room_fill_member(struct sv_room *room, const struct sv_roster_entry *entry,
    struct sv_arena *a, synctv_member *ret);
/* At most 100, those online first. */
int sv_room_fill_members(struct sv_room *room, struct sv_arena *a, synctv_member **ret_members,
    size_t *ret_n);
int sv_room_fill_state(struct sv_room *room, struct sv_arena *a, synctv_state_cause cause,
    synctv_playback *ret);
/* Duration of the current movie, 0 = unknown or none. */
double sv_room_duration(struct sv_room *room);

/* People online in a room, 0 if it is not in memory. Takes the lock. */
int32_t sv_room_online_count(synctv_node *node, const char *room_id);

/* For sv_call_load_room(). */
void sv_room_load(struct sv_call *call, const char *room_id, void (*next)(struct sv_call *));

/* room_clock.c */
/* The node clock as the playback state knows it: before a step until the state is anchored anew. Locked. */
int64_t sv_room_now_ms(struct sv_room *room);
/* A playback state from storage whose time is yet to come counts as of now. Locked. */
void sv_room_not_from_the_future(struct sv_room *room);
/* Whether who was kicked is kept away now. A time that is further ahead than a kick can be was written by another clock: it is over. */
bool sv_kick_holds(const synctv_node *node, int64_t kicked_until_ms);
/* The node clock has stepped: all that plays goes on from where it is. No locks held. */
void sv_rooms_anchor(synctv_node *node);

/* room_timer.c. Times are monotonic. */
/* Runs what is due in rooms; returns when it wants to be called again, INT64_MAX = when sv_room_schedule() wakes the node. */
int64_t sv_rooms_tick(synctv_node *node, int64_t now_ms);
/* Waits until storage has done all that it was asked for and has every playback state. Not on a thread of the node or store. */
void sv_rooms_flush(synctv_node *node);
/* Works out when this room needs its timer next, from its fields, and sets it. Locked. */
void sv_room_schedule(struct sv_room *room);
/* rooms.lock is held. */
void sv_room_stop_timer(struct sv_room *room);

int sv_rooms_init(synctv_node *node);
/* Frees all rooms; nobody uses them any more. */
void sv_rooms_fini(synctv_node *node);
/* Somebody follows it now / nobody does any more, or it takes more or less memory. Locked. */
void sv_room_set_idle(struct sv_room *room, bool idle);
/* Forgets rooms nobody is in, but for the last SV_ROOMS_IDLE_MAX and SV_ROOMS_IDLE_MAX_BYTES. Returns whether there may be more of them. No locks held. */
bool sv_rooms_evict(synctv_node *node);

#endif
