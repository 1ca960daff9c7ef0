/* SPDX-License-Identifier: MIT */
#include "node/rooms/room.h"

#include <stdlib.h>
#include <string.h>

#include "api/result.h"
#include "node/links/links.h"
#include "node/rooms/hold.h"
#include "node/rooms/timer.h"

#define EVICT_PER_TURN 256

static struct sv_room_shard *shard_of(synctv_node *node, const char *id)
{
    /* From the top bits: by the low ones the shard's own table tells its rooms apart. */
    return &node->rooms->shards[sv_hash(id, strlen(id)) >> (32 - SV_ROOM_SHARD_BITS)];
}

static void release_event(const void *event)
{
    synctv_event_unref(event);
}

static struct sv_room *room_new(synctv_node *node, const char *id)
{
    struct sv_room *room = calloc(1, sizeof(*room));
    if (room == NULL)
        return NULL;
    room->node = node;
    atomic_init(&room->stepped_ms, sv_node_clock_look(&node->clock).stepped_ms);
    atomic_init(&room->refs, 1);
    memcpy(room->id, id, strlen(id) + 1);
    pthread_mutex_init(&room->lock, NULL);
    sv_list_init(&room->waiting);
    sv_list_init(&room->held);
    sv_list_init(&room->follows);
    sv_list_init(&room->timed);
    sv_list_init(&room->idle);
    sv_roster_init(&room->roster);
    sv_playlist_init(&room->movies);
    sv_playback_init(&room->playback);
    sv_danmaku_ring_init(&room->danmaku, release_event);
    atomic_fetch_add(&node->n_rooms, 1);
    room->attendance = sv_attendance_hold(&node->rooms->attendances, id);
    if (room->attendance == NULL) {
        sv_room_unref(room);
        return NULL;
    }
    return room;
}

static void room_free(struct sv_room *room)
{
    atomic_fetch_sub(&room->node->n_rooms, 1);
    if (room->attendance != NULL)
        sv_attendance_release(&room->node->rooms->attendances, room->attendance);
    sv_room_forget_held(room, UINT64_MAX);
    sv_danmaku_ring_fini(&room->danmaku);
    sv_votes_clear(&room->votes);
    sv_playlist_fini(&room->movies);
    sv_roster_fini(&room->roster);
    free(room->name);
    free(room->description);
    free(room->password_hash);
    pthread_mutex_destroy(&room->lock);
    free(room);
}

struct sv_room *sv_room_ref(struct sv_room *room)
{
    atomic_fetch_add(&room->refs, 1);
    return room;
}

void sv_room_unref(struct sv_room *room)
{
    if (atomic_fetch_sub(&room->refs, 1) == 1)
        room_free(room);
}

static struct sv_room *find(synctv_node *node, const char *id)
{
    struct sv_room_shard *shard = shard_of(node, id);
    struct sv_room *room = NULL;
    pthread_mutex_lock(&shard->lock);
    HASH_FIND_STR(shard->by_id, id, room);
    if (room != NULL)
        sv_room_ref(room);
    pthread_mutex_unlock(&shard->lock);
    return room;
}

/* The room of that id, made (not loaded) if it is not there. NULL when out of memory. */
static struct sv_room *find_or_add(synctv_node *node, const char *id)
{
    struct sv_room_shard *shard = shard_of(node, id);
    struct sv_room *room = NULL;
    pthread_mutex_lock(&shard->lock);
    HASH_FIND_STR(shard->by_id, id, room);
    if (room == NULL && (room = room_new(node, id)) != NULL) {
        HASH_ADD_STR(shard->by_id, id, room);
        if (room->hh.tbl == NULL) {
            sv_room_unref(room);
            room = NULL;
        }
    }
    if (room != NULL)
        sv_room_ref(room);
    pthread_mutex_unlock(&shard->lock);
    return room;
}

struct sv_room *sv_room_find_or_add(synctv_node *node, const char *room_id)
{
    for (;;) {
        struct sv_room *room = find_or_add(node, room_id);
        if (room == NULL)
            return NULL;
        pthread_mutex_lock(&room->lock);
        if (!room->gone)
            return room;
        sv_room_leave(room); /* it has left the table since we found it there */
    }
}

/* --- idle rooms --- */

/* What it takes in memory, but for what it shares with others or what is small. Locked. */
static size_t size_of(const struct sv_room *room)
{
    size_t n_rows = room->roster.n_members;
    return sizeof(*room) + room->movies.bytes + n_rows * sizeof(struct sv_roster_entry);
}

/* rooms.lock is held. */
static void stop_idling(struct sv_room *room)
{
    synctv_node *node = room->node;
    if (sv_list_empty(&room->idle))
        return;
    sv_list_remove(&room->idle);
    node->rooms->n_idle--;
    node->rooms->idle_bytes -= room->idle_bytes;
    room->idle_bytes = 0;
}

void sv_room_set_idle(struct sv_room *room, bool idle)
{
    synctv_node *node = room->node;
    pthread_mutex_lock(&node->rooms->lock);
    if (!idle) {
        stop_idling(room);
    } else if (!room->gone) {
        if (sv_list_empty(&room->idle)) {
            sv_list_append(&node->rooms->idle, &room->idle);
            node->rooms->n_idle++;
        }
        node->rooms->idle_bytes -= room->idle_bytes;
        room->idle_bytes = size_of(room);
        node->rooms->idle_bytes += room->idle_bytes;
    }
    pthread_mutex_unlock(&node->rooms->lock);
}

void sv_room_discard(struct sv_room *room)
{
    synctv_node *node = room->node;
    struct sv_room_shard *shard = shard_of(node, room->id);
    bool was_there = false;

    room->gone = true;
    room->playback_dirty = false;
    pthread_mutex_lock(&node->rooms->lock);
    sv_room_stop_timer(room);
    stop_idling(room);
    pthread_mutex_lock(&shard->lock);
    struct sv_room *there = NULL;
    HASH_FIND_STR(shard->by_id, room->id, there);
    if (there == room) {
        HASH_DEL(shard->by_id, room);
        sv_links_forget(node, room->id);
        was_there = true;
    }
    pthread_mutex_unlock(&shard->lock);
    pthread_mutex_unlock(&node->rooms->lock);
    if (was_there)
        sv_room_unref(room);
}

struct sv_room *sv_room_find(synctv_node *node, const char *room_id)
{
    struct sv_room *room = find(node, room_id);
    if (room == NULL)
        return NULL;
    pthread_mutex_lock(&room->lock);
    if (!room->gone)
        return room;
    sv_room_leave(room);
    return NULL;
}

struct sv_room *sv_room_enter(synctv_node *node, const char *room_id)
{
    struct sv_room *room = sv_room_find(node, room_id);
    if (room == NULL || room->loaded)
        return room;
    sv_room_leave(room);
    return NULL;
}

void sv_room_leave(struct sv_room *room)
{
    if (room->idle_bytes != 0 && room->idle_bytes != size_of(room)) /* has grown or shrunk */
        sv_room_set_idle(room, true);
    pthread_mutex_unlock(&room->lock);
    sv_room_unref(room);
}

/* --- forgetting --- */

/*
 * Takes the oldest idle room that nobody holds and that has nothing to do out of all lists. NULL if
 * none is to be forgotten.
 */
static struct sv_room *take_evictable(synctv_node *node)
{
    struct sv_room *found = NULL;
    pthread_mutex_lock(&node->rooms->lock);
    bool too_many = node->rooms->n_idle > node->rooms->max_idle ||
        node->rooms->idle_bytes > node->rooms->max_idle_bytes;
    size_t tries = too_many ? 16 : 0;
    while (found == NULL && tries-- > 0) {
        struct sv_list *it = node->rooms->idle.next;
        struct sv_room *room = SV_CONTAINER_OF(it, struct sv_room, idle);
        struct sv_room_shard *shard = shard_of(node, room->id);
        pthread_mutex_lock(&shard->lock);
        if ((room->due_ms == 0 || room->may_be_idle) && atomic_load(&room->refs) == 1) {
            HASH_DEL(shard->by_id, room);
            sv_links_forget(node, room->id);
            sv_room_stop_timer(room);
            stop_idling(room);
            found = room;
        } else {
            sv_list_remove(it);
            sv_list_append(&node->rooms->idle, it);
        }
        pthread_mutex_unlock(&shard->lock);
    }
    pthread_mutex_unlock(&node->rooms->lock);
    return found;
}

bool sv_rooms_evict(synctv_node *node)
{
    for (int i = 0; i < EVICT_PER_TURN; i++) {
        struct sv_room *room = take_evictable(node);
        if (room == NULL)
            return false;
        sv_room_unref(room);
    }
    return true;
}

/* Of one shard, behind the cursor. */
static size_t some_of(struct sv_room_shard *shard, struct sv_rooms_cursor *cursor,
    struct sv_room **ret, size_t max)
{
    size_t n = 0, i = 0;
    struct sv_room *room, *tmp;
    pthread_mutex_lock(&shard->lock);
    HASH_ITER(hh, shard->by_id, room, tmp) {
        if (i++ < cursor->index)
            continue;
        if (n == max)
            break;
        ret[n++] = sv_room_ref(room);
        cursor->index++;
    }
    pthread_mutex_unlock(&shard->lock);
    return n;
}

size_t sv_rooms_some(synctv_node *node, struct sv_rooms_cursor *cursor, struct sv_room **ret,
    size_t max)
{
    size_t n = 0;
    while (n < max && cursor->shard < SV_ROOM_SHARDS) {
        n += some_of(&node->rooms->shards[cursor->shard], cursor, ret + n, max - n);
        if (n < max)
            *cursor = (struct sv_rooms_cursor){ .shard = cursor->shard + 1 };
    }
    return n;
}

void sv_rooms_changed(synctv_node *node, const struct sv_room_change *change)
{
    if (node->rooms->changed != NULL)
        node->rooms->changed(node->rooms->changed_userdata, change);
}

int sv_rooms_new(synctv_node *node)
{
    struct sv_rooms *rooms = calloc(1, sizeof(*rooms));
    if (rooms == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++)
        pthread_mutex_init(&rooms->shards[i].lock, NULL);
    pthread_mutex_init(&rooms->lock, NULL);
    sv_attendances_init(&rooms->attendances);
    for (size_t i = 0; i < SV_TIMER_SLOTS; i++)
        sv_list_init(&rooms->timed[i]);
    sv_list_init(&rooms->idle);
    sv_list_init(&rooms->observers);
    rooms->next_due_ms = INT64_MAX;
    rooms->max_idle = SV_ROOMS_IDLE_MAX;
    rooms->max_idle_bytes = SV_ROOMS_IDLE_MAX_BYTES;
    node->rooms = rooms;
    return 0;
}

void sv_rooms_free(synctv_node *node)
{
    struct sv_rooms *rooms = node->rooms;
    if (rooms == NULL)
        return;
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        struct sv_room *room, *tmp;
        HASH_ITER(hh, rooms->shards[i].by_id, room, tmp) {
            HASH_DEL(rooms->shards[i].by_id, room);
            sv_room_unref(room);
        }
        pthread_mutex_destroy(&rooms->shards[i].lock);
    }
    sv_attendances_fini(&rooms->attendances);
    pthread_mutex_destroy(&rooms->lock);
    free(rooms);
    node->rooms = NULL;
}
