/* SPDX-License-Identifier: MIT */
#include "node/rooms/apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "node/engine/call.h"
#include "node/rooms/clock.h"
#include "node/rooms/flush.h"
#include "node/rooms/follow.h"
#include "node/rooms/hold.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"
#include "node/rooms/tell.h"
#include "node/rooms/timer.h"

/* --- reading again --- */

/* Not before `at_ms`, nor too often. */
static void read_at(struct sv_room *room, int64_t at_ms)
{
    if (room->loading || room->reload_ms != 0)
        return;
    int64_t soonest_ms = room->read_at_ms == 0 ? 0 : room->read_at_ms + SV_READ_PAUSE_MS;
    room->reload_ms = soonest_ms > at_ms ? soonest_ms : at_ms;
    sv_room_schedule(room);
}

void sv_room_mark_stale(struct sv_room *room)
{
    room->stale = true;
    room->gap = false;
    read_at(room, sv_node_mono_ms(room->node));
}

void sv_room_doubt(struct sv_room *room)
{
    room->stale_again = room->loading;
    sv_room_mark_stale(room);
}

void sv_room_go_back(struct sv_room *room)
{
    room->went_back = true;
    sv_room_mark_stale(room);
}

void sv_room_hear_of(struct sv_room *room, uint64_t revision)
{
    if (revision > room->heard_revision)
        room->heard_revision = revision;
}

void sv_room_miss_chat(struct sv_room *room)
{
    if (room->chat_ms != 0 || room->chat_reading)
        return;
    room->chat_ms = sv_node_mono_ms(room->node);
    sv_room_schedule(room);
}

/* --- the room's row --- */

int sv_room_set_fields(struct sv_room *room, const struct sv_room_rec *rec)
{
    char *name = strdup(rec->room.name);
    char *description = strdup(rec->room.description);
    char *password_hash = strdup(rec->password_hash);
    if (name == NULL || description == NULL || password_hash == NULL) {
        free(name);
        free(description);
        free(password_hash);
        return SYNCTV_E_NO_MEMORY;
    }
    if (room->password_hash != NULL && strcmp(room->password_hash, password_hash) != 0)
        sv_room_forget_password(room);
    free(room->name);
    free(room->description);
    free(room->password_hash);
    room->name = name;
    room->description = description;
    room->password_hash = password_hash;
    room->settings = rec->settings;
    size_t len = strnlen(rec->room.creator_id, sizeof(room->creator_id) - 1);
    memcpy(room->creator_id, rec->room.creator_id, len);
    room->creator_id[len] = '\0';
    sv_utf8_trim(room->creator_id);
    return 0;
}

/* Streams of guests end when guests are not allowed any more, or when there is a new password. */
static int apply_room(struct sv_room *room, const struct sv_room_change *change)
{
    bool had_guests = room->settings.allow_guests;
    int rv = sv_room_set_fields(room, change->room);
    if (rv >= 0 && had_guests)
        sv_room_drop_strangers(room);
    return rv;
}

/* --- members --- */

/* Rows that kept somebody away, and have done so. */
static void forget_kicked(struct sv_room *room)
{
    struct sv_roster_entry *next;
    for (struct sv_roster_entry *entry = sv_roster_first(&room->roster); entry != NULL;
         entry = next) {
        next = sv_roster_next(entry);
        if (entry->member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED &&
            !sv_kick_holds(room->node, entry->kicked_until_ms))
            sv_roster_remove(&room->roster, entry->member.user_id);
    }
}

static void remove_row(struct sv_room *room, const char *user_id)
{
    sv_presence_forget(room, user_id);
    sv_roster_remove(&room->roster, user_id);
}

/* A row that only keeps somebody away is kept for as long as it does. */
static int put_row(struct sv_room *room, const struct sv_member_rec *rec)
{
    if (rec->member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED) {
        sv_presence_forget(room, rec->member.user_id);
        forget_kicked(room);
        if (!sv_kick_holds(room->node, rec->kicked_until_ms)) {
            remove_row(room, rec->member.user_id);
            return 0;
        }
    }
    int rv = sv_roster_put(&room->roster, &rec->member, rec->kicked_until_ms, NULL);
    if (rv >= 0)
        sv_presence_mark(room, rec->member.user_id);
    return rv;
}

/* Those who leave are told before their row goes, those who come when their row is there. */
static int apply_member(struct sv_room *room, const struct sv_room_change *change,
    const struct sv_member_diff *diff)
{
    const synctv_member *member = diff->row != NULL ? &diff->row->member : diff->gone;
    const char *user_id = member->user_id;
    const char *actor_id = sv_str(change->actor_id), *reason = sv_str(change->reason);
    bool told = diff->what == SYNCTV_MEMBER_CHANGE_UNSPECIFIED;
    int rv = 0;
    if (!told && diff->gone != NULL) {
        sv_room_tell_member(room, diff->what, user_id, diff->gone, actor_id, reason);
        told = true;
    }
    if (diff->ends != 0) {
        sv_room_drop_user(room, user_id, diff->ends);
        sv_presence_forget(room, user_id);
    }
    if (diff->row == NULL)
        remove_row(room, user_id);
    else
        rv = put_row(room, diff->row);
    if (rv >= 0 && !told)
        sv_room_tell_member(room, diff->what, user_id, NULL, actor_id, reason);
    return rv;
}

/* --- the playlist --- */

static int apply_list(struct sv_room *room, const struct sv_room_change *change)
{
    struct sv_playlist *movies = &room->movies;
    const synctv_movie *movie = change->movie;
    struct sv_playback_state state;
    const char *actor_id = sv_str(change->actor_id);
    /* What comes after a movie is known only while it is in the list. */
    bool moves_on = change->list == SYNCTV_LIST_CHANGE_CLEARED
        ? sv_playhead_without(room, NULL, &state)
        : change->list == SYNCTV_LIST_CHANGE_REMOVED &&
            sv_playhead_without(room, movie->id, &state);
    synctv_movie updated;
    int rv = 0;
    switch (change->list) {
    case SYNCTV_LIST_CHANGE_ADDED:
        rv = sv_playlist_append(movies, movie);
        break;
    case SYNCTV_LIST_CHANGE_REMOVED:
        rv = sv_playlist_remove(movies, movie->id);
        break;
    case SYNCTV_LIST_CHANGE_CHANGED:
        updated = *movie;
        movie = sv_playlist_get(movies, updated.id);
        updated.live = movie != NULL && movie->live;
        sv_playhead_heed(room, &updated);
        rv = sv_playlist_update(movies, &updated);
        break;
    case SYNCTV_LIST_CHANGE_MOVED:
        rv = sv_playlist_move(movies, movie->id, movie->position);
        break;
    case SYNCTV_LIST_CHANGE_CLEARED:
        sv_playlist_clear(movies);
        break;
    case SYNCTV_LIST_CHANGE_UNSPECIFIED:
        return 0;
    }
    if (rv < 0)
        return rv;
    room->duration_of[0] = '\0';
    if (moves_on)
        sv_playhead_move(room, &state, SYNCTV_STATE_CAUSE_MOVIE, actor_id);
    if (moves_on && !room->node->alone)
        sv_room_flush(room); /* or others, who read the list, decide where the playhead goes */
    if (change->movie != NULL && (movie = sv_playlist_get(movies, change->movie->id)) == NULL)
        movie = change->movie; /* as it was */
    sv_room_tell_movies(room, change->list, movie, actor_id);
    sv_room_schedule(room); /* the end of the current movie may have moved */
    return 0;
}

/* --- a change --- */

int sv_room_apply_parts(struct sv_room *room, const struct sv_room_change *change)
{
    int rv = change->room == NULL ? 0 : apply_room(room, change);
    for (size_t i = 0; rv >= 0 && i < change->n_members; i++)
        rv = apply_member(room, change, &change->members[i]);
    if (rv >= 0)
        rv = apply_list(room, change);
    if (rv >= 0 && change->room != NULL)
        sv_room_tell_room(room, sv_str(change->actor_id));
    return rv;
}

static void room_is_whole(struct sv_letter *letter)
{
    sv_call_go_on(SV_CONTAINER_OF(letter, struct sv_call, letter), 0);
}

static void room_is_gone(struct sv_letter *letter)
{
    struct sv_call *call = SV_CONTAINER_OF(letter, struct sv_call, letter);
    call->moved = false;
    sv_call_abort(call, SYNCTV_E_ROOM_NOT_FOUND);
}

/* The room will not be read again for the calls that wait. A reading under way releases them
 * itself. */
static void release_waiting(struct sv_room *room, void (*run)(struct sv_letter *letter))
{
    struct sv_list *it;
    while (!room->loading && (it = sv_list_pop(&room->waiting)) != NULL) {
        struct sv_call *call = SV_CONTAINER_OF(it, struct sv_call, letter.link);
        room->n_waiting--;
        call->letter.run = run;
        sv_node_post(room->node, &call->letter);
    }
}

/* Everybody is told, then dropped; the room leaves memory. */
static void delete_room(struct sv_room *room, const char *actor_id)
{
    sv_room_tell_deleted(room, actor_id);
    sv_room_drop_all(room, SYNCTV_E_ROOM_NOT_FOUND);
    sv_presence_clear(room);
    sv_room_discard(room);
    release_waiting(room, room_is_gone);
}

/* In a gap, too, nobody keeps what they have lost. That much of the change is done then. */
static void apply_ends(struct sv_room *room, struct sv_room_change *change)
{
    for (size_t i = 0; i < change->n_members; i++) {
        struct sv_member_diff *diff = &change->members[i];
        if (diff->ends == 0)
            continue;
        apply_member(room, change, diff);
        diff->what = SYNCTV_MEMBER_CHANGE_UNSPECIFIED;
        diff->ends = 0;
    }
}

static void apply_next(struct sv_room *room, const struct sv_room_change *change)
{
    room->revision = change->revision;
    if (sv_room_apply_parts(room, change) < 0)
        sv_room_mark_stale(room);
}

void sv_room_apply_held(struct sv_room *room)
{
    const struct sv_room_change *next;
    sv_room_forget_held(room, room->revision);
    while ((next = sv_room_held(room, room->revision + 1)) != NULL) {
        apply_next(room, next);
        sv_room_forget_held(room, room->revision);
    }
    if (!room->gap || room->n_held > 0 || room->loading)
        return;
    room->stale = room->gap = false;
    room->reload_ms = 0;
    sv_room_schedule(room);
    release_waiting(room, room_is_whole);
}

/* What is missing comes in a moment, or else the room is read. */
static void wait_for_gap(struct sv_room *room, const struct sv_room_change *change)
{
    struct sv_room_change rest = *change;
    apply_ends(room, &rest);
    if (!sv_room_hold(room, &rest)) {
        sv_room_mark_stale(room);
    } else if (!room->stale) {
        room->stale = room->gap = true;
        read_at(room, sv_node_mono_ms(room->node) + SV_GAP_MS);
    }
}

/* What changes the room's revision. */
static void apply_rows(struct sv_room *room, const struct sv_room_change *change)
{
    sv_room_hear_of(room, change->revision);
    if (change->revision <= room->revision)
        return;
    if (change->revision > room->revision + 1) {
        wait_for_gap(room, change);
        return;
    }
    apply_next(room, change);
    sv_room_apply_held(room);
}

/* In the order of their numbers, each once. */
static void apply_chat(struct sv_room *room, const struct sv_room_change *change)
{
    if (change->chat_seq == room->chat_seq + 1) {
        room->chat_seq = change->chat_seq;
        sv_room_tell(room, change->event == NULL ? NULL : synctv_event_ref(change->event));
    } else if (change->chat_seq > room->chat_seq) {
        sv_room_miss_chat(room);
    }
}

static void apply(struct sv_room *room, const struct sv_room_change *change)
{
    if (room->gone)
        return;
    if (change->deleted) {
        delete_room(room, sv_str(change->actor_id));
        return;
    }
    apply_rows(room, change);
    if (change->state != NULL && sv_playback_newer(change->state, &room->playback))
        sv_playhead_set(room, change->state, change->cause, sv_str(change->actor_id),
            sv_str(change->operation_id), change->from_elsewhere);
    if (change->chat_seq != 0)
        apply_chat(room, change);
}

void sv_room_apply(struct sv_room *room, const struct sv_room_change *change)
{
    apply(room, change);
    if (!change->from_elsewhere)
        sv_rooms_changed(room->node, change);
}

/*
 * Changes of a room are applied in the order of their commits. One that is not above what memory
 * has is there because storage has lost what was written last: rows are read again, and a message
 * is told as the newest.
 */
static void heed_loss(struct sv_room *room, const struct sv_room_change *change)
{
    bool chat = change->chat_seq != 0 && change->chat_seq <= room->chat_seq;
    if (chat)
        room->chat_seq = change->chat_seq - 1;
    if (chat || (change->revision != 0 && change->revision <= room->revision))
        sv_room_go_back(room);
}

struct sv_room *sv_room_commit(synctv_node *node, const struct sv_room_change *change)
{
    struct sv_room *room = sv_room_enter(node, change->room_id);
    if (room != NULL) {
        heed_loss(room, change);
        apply(room, change);
    }
    sv_rooms_changed(node, change);
    return room;
}
