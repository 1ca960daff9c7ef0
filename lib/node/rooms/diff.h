/* SPDX-License-Identifier: MIT */
/*
 * What a reading of a room's rows finds to be different from memory. It is made good as if it had
 * been heard of at the time.
 */
#ifndef SV_NODE_ROOMS_DIFF_H
#define SV_NODE_ROOMS_DIFF_H

#include "node/rooms/room.h"
#include "store/store.h"

/* The rows of a room, as one snapshot of storage has them. */
struct sv_room_reading {
    struct sv_arena arena;
    struct sv_room_rec rec;
    struct sv_member_rec *members;
    int n_members;
    synctv_movie *movies;
    int n_movies;
    synctv_playback playback;
    bool has_playback;

    /* What sv_room_diff() finds. Storage has lost what was written last: a failover, a backup. */
    bool is_older;
    /* Ids of users who are active members now and were none. */
    const char **newcomers;
    size_t n_newcomers;
};

/*
 * The room is loaded. Each difference goes through apply.c and is told. Locked. NO_MEMORY: some may
 * be left, read again.
 */
int sv_room_diff(struct sv_room *room, struct sv_room_reading *reading);

/* The order by which the rows of members are looked at; for qsort(). */
int sv_member_rec_compare(const void *a, const void *b);

#endif
