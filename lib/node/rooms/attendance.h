/* SPDX-License-Identifier: MIT */
/*
 * Who is online in which room, for the whole node: a table of rooms, in each the users, for each
 * their streams here. Of users who are online here it outlives the forgetting of a room. It tells
 * how many people are in a room without its lock.
 */
#ifndef SV_NODE_ROOMS_ATTENDANCE_H
#define SV_NODE_ROOMS_ATTENDANCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/id.h"

#define SV_ATTENDANCE_SHARD_BITS 6
#define SV_ATTENDANCE_SHARDS (1 << SV_ATTENDANCE_SHARD_BITS)

/* A user who is online in a room. */
struct sv_attendee {
    UT_hash_handle hh; /* by user_id */
    char user_id[SV_ID_SIZE];
    /* Online at this node, and at another one, as links say. */
    bool is_ours, is_elsewhere;
    /* Of theirs that follow the room here. */
    unsigned n_streams;
    /* Monotonic: when they go offline, for their last stream has gone; 0 while they have one. */
    int64_t offline_at_ms;
};

/* Of one room. All but n_online is under the room's lock. */
struct sv_attendance {
    UT_hash_handle hh; /* in its shard, by room_id */
    char room_id[SV_ID_SIZE];
    /*
     * Rooms in memory that hold it: one, or for a moment one that comes and one that goes. Under
     * the shard's lock.
     */
    unsigned n_holds;
    struct sv_attendee *by_user;
    /* Users who watch: those with a stream here, and those at other nodes. */
    unsigned n_watching;
    /* These, and those who went a moment ago; and how many of them are ours. */
    atomic_uint n_online, n_ours;
};

struct sv_attendance_shard {
    pthread_mutex_t lock;
    /* A hash table (uthash). */
    struct sv_attendance *by_room;
};

struct sv_attendances {
    struct sv_attendance_shard shards[SV_ATTENDANCE_SHARDS];
    /* At this node, in all rooms together. */
    atomic_uint n_ours;
};

void sv_attendances_init(struct sv_attendances *all);
void sv_attendances_fini(struct sv_attendances *all);

/* The room's, for as long as it is in memory; NULL when out of memory. */
struct sv_attendance *sv_attendance_hold(struct sv_attendances *all, const char *room_id);
/* The room leaves memory; who is online there stays so. */
void sv_attendance_release(struct sv_attendances *all, struct sv_attendance *attendance);
/* Nobody is online there any more. */
void sv_attendance_clear(struct sv_attendances *all, struct sv_attendance *attendance);
/*
 * How many are online in this room. If it is not in memory, those at other nodes are not among them
 * (*ret_is_partial). Any thread, any locks but a shard's.
 */
unsigned sv_attendance_count(struct sv_attendances *all, const char *room_id, bool *ret_is_partial);

/* NULL if they are not online. */
struct sv_attendee *sv_attendance_find(const struct sv_attendance *attendance, const char *user_id);
/* Who is not online yet, without a stream; NULL when out of memory. */
struct sv_attendee *sv_attendance_add(struct sv_attendances *all, struct sv_attendance *attendance,
    const char *user_id);
/* They are online at this node now, or no longer. */
void sv_attendance_set_ours(struct sv_attendances *all, struct sv_attendance *attendance,
    struct sv_attendee *attendee, bool ours);
/* They are not online any more. Frees `attendee`. */
void sv_attendance_remove(struct sv_attendances *all, struct sv_attendance *attendance,
    struct sv_attendee *attendee);

#endif
