/* SPDX-License-Identifier: MIT */
#include "node/rooms/attendance.h"

#include <stdlib.h>
#include <string.h>

void sv_attendances_init(struct sv_attendances *all)
{
    for (size_t i = 0; i < SV_ATTENDANCE_SHARDS; i++)
        pthread_mutex_init(&all->shards[i].lock, NULL);
}

void sv_attendance_clear(struct sv_attendances *all, struct sv_attendance *attendance)
{
    struct sv_attendee *attendee, *tmp;
    HASH_ITER(hh, attendance->by_user, attendee, tmp) {
        sv_attendance_remove(all, attendance, attendee);
    }
}

void sv_attendances_fini(struct sv_attendances *all)
{
    for (size_t i = 0; i < SV_ATTENDANCE_SHARDS; i++) {
        struct sv_attendance *attendance, *tmp;
        HASH_ITER(hh, all->shards[i].by_room, attendance, tmp) {
            sv_attendance_clear(all, attendance);
            HASH_DEL(all->shards[i].by_room, attendance);
            free(attendance);
        }
        pthread_mutex_destroy(&all->shards[i].lock);
    }
}

static struct sv_attendance_shard *shard_of(struct sv_attendances *all, const char *room_id)
{
    /* From the top bits: by the low ones the shard's own table tells its rooms apart. */
    return &all->shards[sv_hash(room_id, strlen(room_id)) >> (32 - SV_ATTENDANCE_SHARD_BITS)];
}

static struct sv_attendance *find(const struct sv_attendance_shard *shard, const char *room_id)
{
    struct sv_attendance *attendance = NULL;
    HASH_FIND_STR(shard->by_room, room_id, attendance);
    return attendance;
}

static struct sv_attendance *add(struct sv_attendance_shard *shard, const char *room_id)
{
    struct sv_attendance *attendance = calloc(1, sizeof(*attendance));
    if (attendance == NULL)
        return NULL;
    memcpy(attendance->room_id, room_id, strlen(room_id) + 1);
    HASH_ADD_STR(shard->by_room, room_id, attendance);
    if (attendance->hh.tbl != NULL)
        return attendance;
    free(attendance);
    return NULL;
}

struct sv_attendance *sv_attendance_hold(struct sv_attendances *all, const char *room_id)
{
    struct sv_attendance_shard *shard = shard_of(all, room_id);
    pthread_mutex_lock(&shard->lock);
    struct sv_attendance *attendance = find(shard, room_id);
    if (attendance == NULL)
        attendance = add(shard, room_id);
    if (attendance != NULL)
        attendance->n_holds++;
    pthread_mutex_unlock(&shard->lock);
    return attendance;
}

/* Links tell of who is online elsewhere only while the room is in memory. */
static void forget_others(struct sv_attendances *all, struct sv_attendance *attendance)
{
    struct sv_attendee *attendee, *tmp;
    attendance->n_watching = 0;
    HASH_ITER(hh, attendance->by_user, attendee, tmp) {
        attendee->is_elsewhere = false;
        if (!attendee->is_ours)
            sv_attendance_remove(all, attendance, attendee);
    }
}

void sv_attendance_release(struct sv_attendances *all, struct sv_attendance *attendance)
{
    struct sv_attendance_shard *shard = shard_of(all, attendance->room_id);
    pthread_mutex_lock(&shard->lock);
    attendance->n_holds--;
    if (attendance->n_holds == 0)
        forget_others(all, attendance);
    if (attendance->n_holds == 0 && attendance->by_user == NULL) {
        HASH_DEL(shard->by_room, attendance);
        free(attendance);
    }
    pthread_mutex_unlock(&shard->lock);
}

unsigned sv_attendance_count(struct sv_attendances *all, const char *room_id, bool *ret_is_partial)
{
    struct sv_attendance_shard *shard = shard_of(all, room_id);
    pthread_mutex_lock(&shard->lock);
    const struct sv_attendance *attendance = find(shard, room_id);
    unsigned n = attendance == NULL ? 0 : atomic_load(&attendance->n_online);
    *ret_is_partial = attendance == NULL || attendance->n_holds == 0;
    pthread_mutex_unlock(&shard->lock);
    return n;
}

/* --- one room --- */

struct sv_attendee *sv_attendance_find(const struct sv_attendance *attendance, const char *user_id)
{
    struct sv_attendee *attendee = NULL;
    HASH_FIND_STR(attendance->by_user, user_id, attendee);
    return attendee;
}

struct sv_attendee *sv_attendance_add(struct sv_attendances *all, struct sv_attendance *attendance,
    const char *user_id)
{
    struct sv_attendee *attendee = calloc(1, sizeof(*attendee));
    if (attendee == NULL)
        return NULL;
    memcpy(attendee->user_id, user_id, strnlen(user_id, SV_ID_LEN));
    HASH_ADD_STR(attendance->by_user, user_id, attendee);
    if (attendee->hh.tbl == NULL) {
        free(attendee);
        return NULL;
    }
    atomic_fetch_add(&attendance->n_online, 1);
    return attendee;
}

void sv_attendance_set_ours(struct sv_attendances *all, struct sv_attendance *attendance,
    struct sv_attendee *attendee, bool ours)
{
    if (attendee->is_ours == ours)
        return;
    attendee->is_ours = ours;
    if (ours) {
        atomic_fetch_add(&attendance->n_ours, 1);
        atomic_fetch_add(&all->n_ours, 1);
    } else {
        atomic_fetch_sub(&attendance->n_ours, 1);
        atomic_fetch_sub(&all->n_ours, 1);
    }
}

void sv_attendance_remove(struct sv_attendances *all, struct sv_attendance *attendance,
    struct sv_attendee *attendee)
{
    sv_attendance_set_ours(all, attendance, attendee, false);
    HASH_DEL(attendance->by_user, attendee);
    free(attendee);
    atomic_fetch_sub(&attendance->n_online, 1);
}
