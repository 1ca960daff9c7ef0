/* SPDX-License-Identifier: MIT */
/* The table of rooms in memory: finding, loading, forgetting. */
#include "node/rooms/room.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "node/calls/answer.h"
#include "node/calls/handlers.h"
#include "node/streams/stream.h"

#define RELOAD_RETRY_MS 1000
#define EVICT_PER_TURN 256

static struct sv_room_shard *shard_of(synctv_node *node, const char *id)
{
    /* From the top bits: by the low ones the shard's own table tells its rooms apart. */
    return &node->shards[sv_hash(id, strlen(id)) >> (32 - SV_ROOM_SHARD_BITS)];
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
    atomic_init(&room->refs, 1);
    memcpy(room->id, id, strlen(id) + 1);
    pthread_mutex_init(&room->lock, NULL);
    sv_list_init(&room->waiting);
    sv_list_init(&room->follows);
    sv_list_init(&room->timed);
    sv_list_init(&room->idle);
    sv_roster_init(&room->roster);
    sv_playlist_init(&room->movies);
    sv_playback_init(&room->playback);
    sv_danmaku_ring_init(&room->danmaku, release_event);
    atomic_fetch_add(&node->n_rooms, 1);
    return room;
}

static void room_free(struct sv_room *room)
{
    atomic_fetch_sub(&room->node->n_rooms, 1);
    atomic_fetch_sub(&room->node->n_online, room->n_online);
    sv_danmaku_ring_fini(&room->danmaku);
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
    node->rooms.n_idle--;
    node->rooms.idle_bytes -= room->idle_bytes;
    room->idle_bytes = 0;
}

void sv_room_set_idle(struct sv_room *room, bool idle)
{
    synctv_node *node = room->node;
    pthread_mutex_lock(&node->rooms.lock);
    if (!idle) {
        stop_idling(room);
    } else if (!room->gone) {
        if (sv_list_empty(&room->idle)) {
            sv_list_append(&node->rooms.idle, &room->idle);
            node->rooms.n_idle++;
        }
        node->rooms.idle_bytes -= room->idle_bytes;
        room->idle_bytes = size_of(room);
        node->rooms.idle_bytes += room->idle_bytes;
    }
    pthread_mutex_unlock(&node->rooms.lock);
}

/* Out of the table, for ever: who looks for the room from now on makes a new one. Locked; whoever locked it holds a reference. */
static void put_away(struct sv_room *room)
{
    synctv_node *node = room->node;
    struct sv_room_shard *shard = shard_of(node, room->id);
    bool was_there = false;

    room->gone = true;
    room->playback_dirty = false;
    pthread_mutex_lock(&node->rooms.lock);
    sv_room_stop_timer(room);
    stop_idling(room);
    pthread_mutex_lock(&shard->lock);
    struct sv_room *there = NULL;
    HASH_FIND_STR(shard->by_id, room->id, there);
    if (there == room) {
        HASH_DEL(shard->by_id, room);
        was_there = true;
    }
    pthread_mutex_unlock(&shard->lock);
    pthread_mutex_unlock(&node->rooms.lock);
    if (was_there)
        sv_room_unref(room);
}

struct sv_room *sv_room_enter(synctv_node *node, const char *room_id)
{
    struct sv_room *room = find(node, room_id);
    if (room == NULL)
        return NULL;
    pthread_mutex_lock(&room->lock);
    if (room->loaded && !room->gone)
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

/* --- loading --- */

struct load {
    struct sv_job job;
    struct sv_room *room; /* a reference */
    struct sv_arena arena;
    struct sv_room_rec rec;
    struct sv_member_rec *members;
    int n_members;
    synctv_movie *movies;
    int n_movies;
    synctv_playback playback;
    bool has_playback;
};

static int load_run(struct sv_job *job, struct sv_tx *tx)
{
    struct load *load = SV_CONTAINER_OF(job, struct load, job);
    const char *id = load->room->id;
    sv_arena_fini(&load->arena);
    load->n_members = load->n_movies = 0;

    int rv = tx->ops->room_get(tx, id, &load->arena, &load->rec);
    if (rv >= 0)
        rv = load->n_members = tx->ops->member_list(tx, id, &load->arena, &load->members);
    if (rv >= 0)
        rv = load->n_movies = tx->ops->movie_list(tx, id, &load->arena, &load->movies);
    for (int i = 0; rv >= 0 && i < load->n_movies; i++)
        rv = sv_movie_set_key(&load->arena, &load->movies[i]);
    if (rv >= 0)
        rv = tx->ops->playback_get(tx, id, &load->arena, &load->playback);
    load->has_playback = rv == 1;
    return rv;
}

/* Who is here is so in the new rows, too; whether they may is looked at afterwards. */
static int move_presence(struct sv_roster *from, struct sv_roster *to)
{
    for (struct sv_roster_entry *old = sv_roster_first(from); old != NULL;
         old = sv_roster_next(old)) {
        if (old->n_streams == 0 && !old->online)
            continue;
        struct sv_roster_entry *entry = sv_roster_get(to, old->member.user_id);
        if (entry == NULL) {
            synctv_member guest = old->member;
            guest.role = SYNCTV_ROOM_ROLE_GUEST;
            guest.status = SYNCTV_MEMBER_STATUS_ACTIVE;
            if (sv_roster_put(to, &guest, 0, &entry) < 0)
                return SYNCTV_E_NO_MEMORY;
        }
        entry->n_streams = old->n_streams;
        sv_roster_set_online(to, entry, old->online);
        entry->offline_at_ms = old->offline_at_ms;
        entry->ended_version = old->ended_version;
    }
    return 0;
}

/* What is stored, if that is newer; and without a movie that was removed while we did not look. Locked. */
static void install_playback(struct sv_room *room, const struct load *load)
{
    struct sv_playback_state stored;
    if (load->has_playback && sv_playback_load(&load->playback, &stored, NULL) >= 0 &&
        sv_playback_newer(&stored, &room->playback))
        room->playback = stored;
    if (sv_playlist_get(&room->movies, room->playback.movie_id) == NULL)
        sv_playback_movie_removed(room, NULL, "");
}

/* Puts what was read into memory, all or nothing. Locked. */
static int install(struct sv_room *room, const struct load *load)
{
    struct sv_roster roster;
    struct sv_playlist movies;
    int64_t now_ms = sv_node_clock_ms(&room->node->clock);
    int rv = 0;
    sv_roster_init(&roster);
    sv_playlist_init(&movies);

    for (int i = 0; rv >= 0 && i < load->n_members; i++) {
        const struct sv_member_rec *rec = &load->members[i];
        if (rec->member.role != SYNCTV_ROOM_ROLE_UNSPECIFIED || rec->kicked_until_ms > now_ms)
            rv = sv_roster_put(&roster, &rec->member, rec->kicked_until_ms, NULL);
    }
    for (int i = 0; rv >= 0 && i < load->n_movies; i++)
        rv = sv_playlist_append(&movies, &load->movies[i]);
    if (rv == SYNCTV_E_INVALID_ARGUMENT) /* the same movie twice */
        rv = SYNCTV_E_STORAGE_CORRUPT;
    if (rv >= 0)
        rv = move_presence(&room->roster, &roster);
    if (rv >= 0)
        rv = sv_room_set_fields(room, &load->rec);
    if (rv < 0)
        goto out;

    room->created_at_ms = load->rec.room.created_at_ms;
    room->revision = load->rec.room.revision;
    struct sv_roster old_roster = room->roster;
    room->roster = roster;
    roster = old_roster;
    struct sv_playlist old_movies = room->movies;
    room->movies = movies;
    movies = old_movies;
    room->duration_of[0] = '\0';
    install_playback(room, load);
out:
    sv_roster_fini(&roster);
    sv_playlist_fini(&movies);
    return rv;
}

/* Changes that we know nothing about have been made: to rows, to the playlist, to who may be here. Locked. */
static int install_again(struct sv_room *room, const struct load *load)
{
    struct sv_playback_state before = room->playback;
    int rv = install(room, load);
    if (rv < 0)
        return rv;
    sv_room_drop_strangers(room);
    sv_room_tell_room(room, "");
    if (sv_playback_newer(&room->playback, &before))
        sv_room_tell(room, sv_room_state_event(room, SYNCTV_STATE_CAUSE_RESYNC, "", ""));
    if (room->playback.status == SYNCTV_PLAYBACK_STATUS_PLAYING && room->reannounce_ms == 0)
        room->reannounce_ms = sv_mono_ms() + SV_REANNOUNCE_MS;
    return 0;
}

/* Locked. */
static void reload_failed(struct sv_room *room, int rv)
{
    room->reload_failure = rv;
    room->reload_ms = sv_mono_ms() + RELOAD_RETRY_MS;
    sv_room_schedule(room);
}

/* The job is done, with `rv`. Returns what those who wait for the room have to know. Locked. */
static int loaded(struct sv_room *room, const struct load *load, int rv)
{
    bool again = room->loaded;
    if (room->gone)
        return SYNCTV_E_ROOM_NOT_FOUND;
    if (again && rv == SYNCTV_E_ROOM_NOT_FOUND) {
        sv_room_put_deleted(room, ""); /* by somebody else */
        return rv;
    }
    if (rv >= 0)
        rv = again ? install_again(room, load) : install(room, load);
    if (rv < 0) {
        if (again)
            reload_failed(room, rv);
        else
            put_away(room);
        return rv;
    }
    room->loaded = true;
    if (sv_list_empty(&room->follows))
        sv_room_set_idle(room, true);
    sv_room_schedule(room);
    return 0;
}

static void load_apply(struct sv_job *job, int rv)
{
    struct load *load = SV_CONTAINER_OF(job, struct load, job);
    struct sv_room *room = load->room;
    struct sv_list waiting;
    sv_list_init(&waiting);

    pthread_mutex_lock(&room->lock);
    room->loading = false;
    rv = loaded(room, load, rv);
    sv_list_splice(&waiting, &room->waiting);
    pthread_mutex_unlock(&room->lock);

    for (struct sv_list *it; (it = sv_list_pop(&waiting)) != NULL;) {
        struct sv_call *call = SV_CONTAINER_OF(it, struct sv_call, letter.link);
        if (rv >= 0)
            call->room = sv_room_ref(room);
        sv_call_go_on(call, rv);
    }
    sv_arena_fini(&load->arena);
    sv_room_unref(room);
    free(load);
}

/* Queues the job that loads the room. Locked. */
static int start_loading(struct sv_room *room)
{
    if (room->loading)
        return 0;
    struct load *load = calloc(1, sizeof(*load));
    if (load == NULL)
        return SYNCTV_E_NO_MEMORY;
    load->room = sv_room_ref(room);
    load->job.run = load_run;
    load->job.apply = load_apply;
    sv_job_set_scope(&load->job, room->id, NULL, NULL);
    int rv = sv_store_write(room->node->store, &load->job);
    if (rv < 0) {
        free(load);
        sv_room_unref(room);
        return rv;
    }
    room->loading = true;
    return 0;
}

/* The room as it is or will be, with a reference and locked. NULL when out of memory. */
static struct sv_room *find_or_add_locked(synctv_node *node, const char *id)
{
    for (;;) {
        struct sv_room *room = find_or_add(node, id);
        if (room == NULL)
            return NULL;
        pthread_mutex_lock(&room->lock);
        if (!room->gone)
            return room;
        sv_room_leave(room); /* it has left the table since we found it there */
    }
}

/* The room is not here: the call waits for it. Locked. */
static int wait_for_room(struct sv_room *room, struct sv_call *call, void (*next)(struct sv_call *))
{
    int rv = sv_call_keep(call);
    if (rv >= 0)
        rv = start_loading(room);
    if (rv >= 0) {
        call->next = next;
        sv_list_append(&room->waiting, &call->letter.link);
    } else if (!room->loading) {
        put_away(room);
    }
    return rv;
}

void sv_room_load(struct sv_call *call, const char *room_id, void (*next)(struct sv_call *))
{
    if (!sv_id_valid(room_id)) { /* a member's row may name anything */
        sv_call_abort(call, SYNCTV_E_ROOM_NOT_FOUND);
        return;
    }
    struct sv_room *room = find_or_add_locked(call->node, room_id);
    if (room == NULL) {
        sv_call_abort(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    bool here = room->loaded;
    int rv = here ? 0 : wait_for_room(room, call, next);
    pthread_mutex_unlock(&room->lock);
    if (here) {
        call->room = room; /* the reference moves */
        next(call);
        return;
    }
    sv_room_unref(room);
    if (rv < 0)
        sv_call_abort(call, rv);
}

bool sv_room_advance(struct sv_room *room, uint64_t revision)
{
    if (revision == room->revision + 1) {
        room->revision = revision;
        return true;
    }
    if (revision > room->revision)
        sv_room_reload(room);
    return false;
}

void sv_room_reload(struct sv_room *room)
{
    room->reload_ms = 0;
    int rv = start_loading(room);
    if (rv < 0)
        reload_failed(room, rv);
}

void sv_room_put_deleted(struct sv_room *room, const char *actor_id)
{
    sv_room_tell_deleted(room, actor_id);
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_follow *follow = SV_CONTAINER_OF(it, struct sv_follow, in_room);
        if (follow->stream->room_id[0] != '\0')
            sv_stream_end(follow->stream, SYNCTV_E_ROOM_NOT_FOUND, NULL);
        sv_follow_end(follow);
    }
    put_away(room);
}

/* --- forgetting --- */

/* The oldest idle room that nobody holds and that has nothing to do, out of all lists; NULL if none is to be forgotten. */
static struct sv_room *take_evictable(synctv_node *node)
{
    struct sv_room *found = NULL;
    pthread_mutex_lock(&node->rooms.lock);
    bool too_many = node->rooms.n_idle > node->rooms.max_idle ||
        node->rooms.idle_bytes > node->rooms.max_idle_bytes;
    size_t tries = too_many ? 16 : 0;
    while (found == NULL && tries-- > 0) {
        struct sv_list *it = node->rooms.idle.next;
        struct sv_room *room = SV_CONTAINER_OF(it, struct sv_room, idle);
        struct sv_room_shard *shard = shard_of(node, room->id);
        pthread_mutex_lock(&shard->lock);
        if ((room->due_ms == 0 || room->may_be_idle) && atomic_load(&room->refs) == 1) {
            HASH_DEL(shard->by_id, room);
            sv_room_stop_timer(room);
            stop_idling(room);
            found = room;
        } else {
            sv_list_remove(it);
            sv_list_append(&node->rooms.idle, it);
        }
        pthread_mutex_unlock(&shard->lock);
    }
    pthread_mutex_unlock(&node->rooms.lock);
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

int sv_rooms_init(synctv_node *node)
{
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++)
        pthread_mutex_init(&node->shards[i].lock, NULL);
    pthread_mutex_init(&node->rooms.lock, NULL);
    for (size_t i = 0; i < SV_TIMER_SLOTS; i++)
        sv_list_init(&node->rooms.timed[i]);
    sv_list_init(&node->rooms.idle);
    sv_list_init(&node->rooms.observers);
    node->rooms.next_due_ms = INT64_MAX;
    node->rooms.max_idle = SV_ROOMS_IDLE_MAX;
    node->rooms.max_idle_bytes = SV_ROOMS_IDLE_MAX_BYTES;
    return 0;
}

void sv_rooms_fini(synctv_node *node)
{
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        struct sv_room *room, *tmp;
        HASH_ITER(hh, node->shards[i].by_id, room, tmp) {
            HASH_DEL(node->shards[i].by_id, room);
            sv_room_unref(room);
        }
        pthread_mutex_destroy(&node->shards[i].lock);
    }
    pthread_mutex_destroy(&node->rooms.lock);
}

int32_t sv_room_online_count(synctv_node *node, const char *room_id)
{
    struct sv_room *room = sv_room_enter(node, room_id);
    if (room == NULL)
        return 0;
    int32_t n = (int32_t)room->n_online;
    sv_room_leave(room);
    return n;
}
