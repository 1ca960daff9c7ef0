/* SPDX-License-Identifier: MIT */
#include "node/rooms/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "node/rooms/apply.h"
#include "node/rooms/clock.h"
#include "node/links/links.h"
#include "node/rooms/diff.h"
#include "node/rooms/look.h"
#include "node/rooms/opening.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"
#include "node/rooms/timer.h"
#include "node/rooms/view.h"
#include "node/engine/ticket.h"

#define RETRY_MS 1000

struct load {
    struct sv_job job;
    /* Holds a reference. */
    struct sv_room *room;
    struct sv_room_reading reading;
};

static int load_run(struct sv_job *job, struct sv_tx *tx)
{
    struct load *load = SV_CONTAINER_OF(job, struct load, job);
    struct sv_room_reading *r = &load->reading;
    const char *id = load->room->id;
    sv_arena_fini(&r->arena);
    r->n_members = r->n_movies = 0;

    int rv = tx->ops->room_get(tx, id, &r->arena, &r->rec);
    if (rv >= 0)
        rv = r->n_members = tx->ops->member_list(tx, id, &r->arena, &r->members);
    if (rv >= 0)
        rv = r->n_movies = tx->ops->movie_list(tx, id, &r->arena, &r->movies);
    for (int i = 0; rv >= 0 && i < r->n_movies; i++)
        rv = sv_movie_set_key(&r->arena, &r->movies[i]);
    if (rv >= 0)
        rv = tx->ops->playback_get(tx, id, &r->arena, &r->playback);
    r->has_playback = rv == 1;
    return rv;
}

/* Rows that only kept somebody away, and have done so, are as good as none. */
static void drop_spent_rows(struct sv_room *room, struct sv_room_reading *r)
{
    int n = 0;
    for (int i = 0; i < r->n_members; i++) {
        if (r->members[i].member.role != SYNCTV_ROOM_ROLE_UNSPECIFIED ||
            sv_kick_holds(room->node, r->members[i].kicked_until_ms))
            r->members[n++] = r->members[i];
    }
    r->n_members = n;
}

/* If it is newer, and of a movie that was read, too: otherwise a look finds both. Locked. */
static void take_heard_state(struct sv_room *room)
{
    const struct sv_playback_state *state = &room->heard_state;
    bool has_movie =
        state->movie_id[0] == '\0' || sv_playlist_get(&room->movies, state->movie_id) != NULL;
    if (state->version != 0 && has_movie && sv_playback_newer(state, &room->playback))
        sv_playhead_set(room, state, SYNCTV_STATE_CAUSE_SNAPSHOT, "", "", true);
}

/* Puts what was read into a room that nobody has seen yet. Locked. */
static int install(struct sv_room *room, const struct sv_room_reading *r)
{
    int rv = 0;
    for (int i = 0; rv >= 0 && i < r->n_members; i++)
        rv = sv_roster_put(&room->roster, &r->members[i].member, r->members[i].kicked_until_ms,
            NULL);
    sv_presence_begin(room);
    for (int i = 0; rv >= 0 && i < r->n_movies; i++)
        rv = sv_playlist_append(&room->movies, &r->movies[i]);
    if (rv == SYNCTV_E_INVALID_ARGUMENT) /* the same movie twice */
        rv = SYNCTV_E_STORAGE_CORRUPT;
    if (rv >= 0)
        rv = sv_room_set_fields(room, &r->rec);
    if (rv < 0)
        return rv;
    room->created_at_ms = r->rec.room.created_at_ms;
    room->revision = r->rec.room.revision;
    room->chat_seq = r->rec.chat_seq;
    if (r->has_playback)
        sv_playhead_adopt(room, &r->playback);
    take_heard_state(room);
    sv_playhead_check(room);
    return 0;
}

/* Locked. */
static void retry_later(struct sv_room *room, int rv)
{
    room->reload_failure = rv;
    room->reload_ms = sv_node_mono_ms(room->node) + RETRY_MS;
    sv_room_schedule(room);
}

/* For the first time. Locked. */
static int loaded(struct sv_room *room, struct load *load, int rv)
{
    if (rv >= 0)
        rv = install(room, &load->reading);
    if (rv < 0) {
        sv_room_discard(room);
        return rv;
    }
    room->loaded = true;
    if (sv_list_empty(&room->follows))
        sv_room_set_idle(room, true);
    sv_room_schedule(room);
    return 0;
}

/*
 * Follows a reading. If a higher revision was heard of meanwhile, the room stays stale, and changes
 * that it has applied already are not taken back. Locked.
 */
static int catch_up(struct sv_room *room, struct sv_room_reading *r)
{
    bool is_behind = r->rec.room.revision < room->heard_revision;
    int rv = 0;
    bool again = room->stale_again;
    room->stale = room->stale_again = false;
    if (!is_behind || r->rec.room.revision >= room->revision)
        rv = sv_room_diff(room, r);
    room->gap = false;
    sv_room_apply_held(room);
    if (is_behind || room->n_held > 0 || again)
        sv_room_mark_stale(room);
    return rv;
}

/* Locked. */
static int loaded_again(struct sv_room *room, struct load *load, int rv)
{
    if (rv == SYNCTV_E_ROOM_NOT_FOUND) { /* deleted by somebody else */
        sv_room_apply(room,
            &(struct sv_room_change){
                .room_id = room->id,
                .from_elsewhere = true,
                .deleted = true,
            });
        return rv;
    }
    if (rv >= 0)
        rv = catch_up(room, &load->reading);
    if (rv < 0) {
        room->stale = true;
        retry_later(room, rv);
    }
    return rv;
}

/* The job is done, with `rv`. Returns what those who wait for the room have to know. Locked. */
static int settle(struct sv_room *room, struct load *load, int rv)
{
    room->loading = false;
    if (room->gone)
        return SYNCTV_E_ROOM_NOT_FOUND;
    if (rv >= 0)
        drop_spent_rows(room, &load->reading);
    return room->loaded ? loaded_again(room, load, rv) : loaded(room, load, rv);
}

static void pin(struct sv_call *call, struct sv_room *room)
{
    call->room = sv_room_ref(room);
    call->release_room = sv_room_unref;
}

/* What a reading has found that concerns others than the room. */
static void after(struct sv_room *room, const struct sv_room_reading *r, bool look)
{
    if (look)
        sv_rooms_look_at(room->node, room->id);
    if (r->is_older)
        sv_logf(&room->node->log, SYNCTV_LOG_WARN, "node",
            "room %s is older in storage than here: what was written last is lost", room->id);
    for (size_t i = 0; i < r->n_newcomers; i++)
        sv_streams_follow_room(room->node, r->newcomers[i], room->id);
}

/* Locked. */
static void take_waiting(struct sv_room *room, struct sv_list *waiting)
{
    sv_list_splice(waiting, &room->waiting);
    room->n_waiting = 0;
}

/* Those who wait go on, with `rv`. No locks held. */
static void release_waiting(struct sv_list *waiting, int rv)
{
    for (struct sv_list *it; (it = sv_list_pop(waiting)) != NULL;)
        sv_call_go_on(SV_CONTAINER_OF(it, struct sv_call, letter.link), rv);
}

static void load_apply(struct sv_job *job, int rv)
{
    struct load *load = SV_CONTAINER_OF(job, struct load, job);
    struct sv_room *room = load->room;
    struct sv_list waiting;
    sv_list_init(&waiting);

    pthread_mutex_lock(&room->lock);
    take_waiting(room, &waiting);
    rv = settle(room, load, rv);
    bool look = room->heard_unread && room->loaded;
    room->heard_unread = false;
    pthread_mutex_unlock(&room->lock);

    after(room, &load->reading, look);
    release_waiting(&waiting, rv);
    sv_arena_fini(&load->reading.arena);
    sv_room_unref(room);
    free(load);
}

/* Queues the job. Locked. */
static int queue_reading(struct sv_room *room)
{
    struct load *load = calloc(1, sizeof(*load));
    if (load == NULL)
        return SYNCTV_E_NO_MEMORY;
    load->room = sv_room_ref(room);
    load->job.run = load_run;
    load->job.apply = load_apply;
    sv_job_set_scope(&load->job, room->id, NULL, NULL);
    load->job.reads_only = true;
    int rv = sv_store_write(room->node->store, &load->job);
    if (rv < 0) {
        free(load);
        sv_room_unref(room);
        return rv;
    }
    room->loading = true;
    room->waits_for_links = false;
    room->heard_revision = 0;
    room->read_revision = room->revision;
    room->read_chat_seq = room->chat_seq;
    room->reload_ms = 0;
    room->read_at_ms = sv_node_mono_ms(room->node);
    return 0;
}

/*
 * Has the room read, unless that is under way. The first time other nodes are told before that the
 * room is wanted, so that nothing is missed between the reading and what they tell; `at_once` does
 * not wait for them. Locked.
 */
static int start_reading(struct sv_room *room, bool at_once)
{
    if (room->loading && !(room->waits_for_links && at_once))
        return 0;
    if (!room->loaded && !room->loading && sv_links_want(room->node, room->id) && !at_once) {
        room->loading = room->waits_for_links = true;
        return 0;
    }
    return queue_reading(room);
}

void sv_room_read_wanted(synctv_node *node, const char *room_id)
{
    struct sv_list waiting;
    int rv = 0;
    sv_list_init(&waiting);
    struct sv_room *room = sv_room_find(node, room_id);
    if (room == NULL)
        return;
    if (room->waits_for_links)
        rv = queue_reading(room);
    if (rv < 0) {
        room->loading = room->waits_for_links = false;
        take_waiting(room, &waiting);
        sv_room_discard(room);
    }
    sv_room_leave(room);
    release_waiting(&waiting, rv);
}

void sv_room_read_again(struct sv_room *room)
{
    struct sv_list waiting;
    sv_list_init(&waiting);
    pthread_mutex_lock(&room->lock);
    int failed_before = room->reload_failure;
    int rv = room->gone ? 0 : start_reading(room, true);
    room->reload_failure = 0;
    if (rv < 0) {
        retry_later(room, rv);
        take_waiting(room, &waiting);
    }
    pthread_mutex_unlock(&room->lock);
    if (failed_before < 0)
        sv_logf(&room->node->log, SYNCTV_LOG_WARN, "node",
            "room %s could not be loaded again, now it is tried once more: %s", room->id,
            synctv_error_text(failed_before));
    release_waiting(&waiting, rv);
}

/*
 * The call waits for a reading. A stale room is read when its timer is due. But a caller that
 * blocks may be the thread that turns the node, so for it the room is read at once. Locked.
 */
static int wait_for_reading(struct sv_room *room, struct sv_call *call,
    void (*next)(struct sv_call *))
{
    int rv = room->n_waiting < SV_ROOM_WAITING_MAX ? sv_call_keep(call) : SYNCTV_E_OVERLOADED;
    bool at_once = call->direct || atomic_load(&call->node->stopping);
    if (rv >= 0 && (!room->loaded || at_once))
        rv = start_reading(room, at_once);
    if (rv >= 0) {
        call->next = next;
        if (call->room == NULL)
            pin(call, room); /* else it might be forgotten until then */
        sv_ticket_wait(call->ticket);
        sv_list_append(&room->waiting, &call->letter.link);
        room->n_waiting++;
    } else if (!room->loaded && !room->loading) {
        sv_room_discard(room);
    }
    return rv;
}

/* The pinned room, or the one of that id; locked, with a reference. NULL when out of memory. */
static struct sv_room *room_for(struct sv_call *call, const char *room_id)
{
    if (call->room == NULL)
        return sv_room_find_or_add(call->node, room_id);
    pthread_mutex_lock(&call->room->lock);
    return sv_room_ref(call->room);
}

void sv_call_load_room(struct sv_call *call, const char *room_id, void (*next)(struct sv_call *))
{
    if (!sv_id_valid(room_id)) { /* a member's row may name anything */
        sv_call_abort(call, SYNCTV_E_ROOM_NOT_FOUND);
        return;
    }
    struct sv_room *room = room_for(call, room_id);
    if (room == NULL) {
        sv_call_abort(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    bool here = room->gone || (room->loaded && !room->stale);
    int rv = here ? 0 : wait_for_reading(room, call, next);
    pthread_mutex_unlock(&room->lock);
    if (here && call->room == NULL)
        pin(call, room);
    sv_room_unref(room);
    if (here)
        next(call);
    else if (rv < 0)
        sv_call_abort(call, rv);
}

void sv_call_write_room(struct sv_call *call, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *))
{
    sv_call_write_later(call, call->req->room_id, user_id, run, next);
    if (call->room != NULL || atomic_load(&call->node->rooms->n_observers) == 0)
        sv_call_write_now(call);
    else
        sv_call_load_room(call, call->req->room_id, sv_call_write_now);
}
