/* SPDX-License-Identifier: MIT */
#include "node/rooms/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/permission.h"
#include "node/rooms/apply.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"

/* --- the room's row --- */

static bool same_settings(const synctv_room_settings *a, const synctv_room_settings *b)
{
    return a->hidden == b->hidden && a->allow_guests == b->allow_guests &&
        a->require_approval == b->require_approval && a->max_members == b->max_members &&
        a->default_member_permissions == b->default_member_permissions &&
        a->default_admin_permissions == b->default_admin_permissions &&
        a->guest_permissions == b->guest_permissions && a->auto_advance == b->auto_advance &&
        a->pause_when_empty == b->pause_when_empty;
}

static bool same_room(const struct sv_room *room, const struct sv_room_rec *rec)
{
    return strcmp(room->name, rec->room.name) == 0 &&
        strcmp(room->description, rec->room.description) == 0 &&
        strcmp(room->creator_id, rec->room.creator_id) == 0 &&
        strcmp(room->password_hash, rec->password_hash) == 0 &&
        same_settings(&room->settings, &rec->settings);
}

static int diff_room(struct sv_room *room, const struct sv_room_reading *reading)
{
    if (same_room(room, &reading->rec))
        return 0;
    return sv_room_apply_parts(room,
        &(struct sv_room_change){ .room_id = room->id, .room = &reading->rec });
}

/* --- members --- */

int sv_member_rec_compare(const void *a, const void *b)
{
    const struct sv_member_rec *ra = a, *rb = b;
    return strcmp(ra->member.user_id, rb->member.user_id);
}

static bool is_inside(const synctv_member *member)
{
    return sv_is_membership(member) && member->status != SYNCTV_MEMBER_STATUS_BANNED;
}

static bool is_banned(const synctv_member *member)
{
    return sv_is_membership(member) && member->status == SYNCTV_MEMBER_STATUS_BANNED;
}

static bool same_row(const struct sv_roster_entry *entry, const struct sv_member_rec *rec)
{
    const synctv_member *a = &entry->member, *b = &rec->member;
    return a->role == b->role && a->status == b->status &&
        a->added_permissions == b->added_permissions &&
        a->removed_permissions == b->removed_permissions && a->joined_at_ms == b->joined_at_ms &&
        entry->kicked_until_ms == rec->kicked_until_ms;
}

/* Who is nothing here any more, as the others are told. The strings are borrowed from the entry. */
static synctv_member nobody(const synctv_member *member)
{
    synctv_member gone = *member;
    gone.status = SYNCTV_MEMBER_STATUS_UNSPECIFIED;
    gone.added_permissions = 0;
    gone.removed_permissions = 0;
    return gone;
}

static synctv_member_change change_of_inside(const synctv_member *before, const synctv_member *now)
{
    if (before == NULL || !is_inside(before))
        return SYNCTV_MEMBER_CHANGE_JOINED;
    if (before->status != now->status)
        return now->status == SYNCTV_MEMBER_STATUS_ACTIVE ? SYNCTV_MEMBER_CHANGE_APPROVED
                                                          : SYNCTV_MEMBER_CHANGE_UNSPECIFIED;
    if (before->role != now->role)
        return SYNCTV_MEMBER_CHANGE_ROLE;
    if (before->added_permissions != now->added_permissions ||
        before->removed_permissions != now->removed_permissions)
        return SYNCTV_MEMBER_CHANGE_PERMISSIONS;
    return SYNCTV_MEMBER_CHANGE_UNSPECIFIED;
}

/* `gone` is filled where somebody has lost their place. */
static struct sv_member_diff member_diff(struct sv_room *room, const struct sv_roster_entry *entry,
    const struct sv_member_rec *rec, synctv_member *gone)
{
    struct sv_member_diff diff = { .row = rec };
    const synctv_member *before = entry == NULL ? NULL : &entry->member;
    if (is_inside(&rec->member)) {
        diff.what = change_of_inside(before, &rec->member);
    } else if (is_banned(&rec->member)) {
        if (before == NULL || !is_banned(before)) {
            *gone = rec->member;
            diff.what = SYNCTV_MEMBER_CHANGE_BANNED;
            diff.gone = gone;
            diff.ends = SYNCTV_E_MEMBER_BANNED;
        }
    } else if ((before != NULL && is_inside(before)) ||
        sv_presence_is_here(room, rec->member.user_id)) {
        *gone = nobody(before != NULL ? before : &rec->member);
        diff.what = SYNCTV_MEMBER_CHANGE_KICKED;
        diff.gone = gone;
        diff.ends = SYNCTV_E_MEMBER_KICKED;
    }
    return diff;
}

/* The row in memory is in storage no more, or is another one there. */
static void remove_row(struct sv_room *room, const struct sv_roster_entry *entry)
{
    char user_id[SV_ID_SIZE];
    memcpy(user_id, entry->member.user_id, strnlen(entry->member.user_id, SV_ID_LEN) + 1);
    synctv_member gone = nobody(&entry->member);
    gone.user_id = user_id;
    struct sv_room_change change = { .room_id = room->id, .n_members = 1 };
    struct sv_member_diff *diff = &change.members[0];
    diff->gone = &gone;
    if (is_inside(&entry->member)) {
        diff->what = SYNCTV_MEMBER_CHANGE_LEFT;
        diff->ends = SYNCTV_E_NOT_A_MEMBER;
        change.actor_id = user_id;
    } else if (is_banned(&entry->member)) {
        diff->what = SYNCTV_MEMBER_CHANGE_UNBANNED;
    }
    sv_room_apply_parts(room, &change); /* needs no memory but for the event */
}

/* A member who waits for approval has left in between and asked to come in again. */
static bool has_come_again(const struct sv_roster_entry *entry, const struct sv_member_rec *rec)
{
    return sv_is_membership(&entry->member) && sv_is_membership(&rec->member) &&
        entry->member.status == SYNCTV_MEMBER_STATUS_ACTIVE &&
        rec->member.status == SYNCTV_MEMBER_STATUS_PENDING;
}

static int put_row(struct sv_room *room, struct sv_room_reading *reading,
    const struct sv_member_rec *rec)
{
    const struct sv_roster_entry *entry = sv_roster_get(&room->roster, rec->member.user_id);
    if (entry != NULL && same_row(entry, rec))
        return 0;
    if (entry != NULL && has_come_again(entry, rec)) {
        remove_row(room, entry);
        entry = NULL;
    }
    synctv_member gone;
    struct sv_room_change change = { .room_id = room->id, .n_members = 1 };
    change.members[0] = member_diff(room, entry, rec, &gone);
    synctv_member_change what = change.members[0].what;
    if (what == SYNCTV_MEMBER_CHANGE_JOINED)
        change.actor_id = rec->member.user_id;
    if ((what == SYNCTV_MEMBER_CHANGE_JOINED || what == SYNCTV_MEMBER_CHANGE_APPROVED) &&
        rec->member.status == SYNCTV_MEMBER_STATUS_ACTIVE)
        reading->newcomers[reading->n_newcomers++] = rec->member.user_id;
    return sv_room_apply_parts(room, &change);
}

static void remove_rows(struct sv_room *room, const struct sv_room_reading *reading)
{
    struct sv_roster_entry *next;
    for (struct sv_roster_entry *entry = sv_roster_first(&room->roster); entry != NULL;
         entry = next) {
        next = sv_roster_next(entry);
        const struct sv_member_rec key = { .member.user_id = entry->member.user_id };
        if (reading->n_members == 0 ||
            bsearch(&key, reading->members, (size_t)reading->n_members, sizeof(key),
                sv_member_rec_compare) == NULL)
            remove_row(room, entry);
    }
}

static int diff_members(struct sv_room *room, struct sv_room_reading *reading)
{
    size_t n = (size_t)reading->n_members;
    reading->newcomers = sv_arena_array(&reading->arena, n + 1, sizeof(*reading->newcomers));
    if (reading->newcomers == NULL)
        return SYNCTV_E_NO_MEMORY;
    qsort(reading->members, n, sizeof(*reading->members), sv_member_rec_compare);
    int rv = 0;
    for (size_t i = 0; rv >= 0 && i < n; i++)
        rv = put_row(room, reading, &reading->members[i]);
    if (rv >= 0)
        remove_rows(room, reading);
    return rv;
}

/* --- the playlist --- */

static bool same_subtitles(const synctv_movie *a, const synctv_movie *b)
{
    if (a->n_subtitles != b->n_subtitles)
        return false;
    for (size_t i = 0; i < a->n_subtitles; i++) {
        if (strcmp(a->subtitles[i].name, b->subtitles[i].name) != 0 ||
            strcmp(a->subtitles[i].url, b->subtitles[i].url) != 0 ||
            strcmp(a->subtitles[i].format, b->subtitles[i].format) != 0)
            return false;
    }
    return true;
}

static bool same_headers(const synctv_movie *a, const synctv_movie *b)
{
    if (a->n_headers != b->n_headers)
        return false;
    for (size_t i = 0; i < a->n_headers; i++) {
        if (strcmp(a->headers[i].name, b->headers[i].name) != 0 ||
            strcmp(a->headers[i].value, b->headers[i].value) != 0)
            return false;
    }
    return true;
}

static bool same_movie(const synctv_movie *a, const synctv_movie *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->url, b->url) == 0 && a->type == b->type &&
        a->duration_s == b->duration_s && strcmp(a->added_by, b->added_by) == 0 &&
        a->created_at_ms == b->created_at_ms && same_headers(a, b) && same_subtitles(a, b);
}

static int change_list(struct sv_room *room, synctv_list_change what, const synctv_movie *movie,
    const char *actor_id)
{
    return sv_room_apply_parts(room,
        &(struct sv_room_change){
            .room_id = room->id,
            .actor_id = actor_id,
            .list = what,
            .movie = movie,
        });
}

static int compare_ids(const void *a, const void *b)
{
    const synctv_movie *const *ma = a, *const *mb = b;
    return strcmp((*ma)->id, (*mb)->id);
}

/* Of the list that was read, sorted by id; NULL if there is none. */
static const synctv_movie *find_movie(const synctv_movie **by_id, size_t n, const char *id)
{
    const synctv_movie key = { .id = id }, *key_ptr = &key;
    const synctv_movie **found =
        n == 0 ? NULL : bsearch(&key_ptr, by_id, n, sizeof(*by_id), compare_ids);
    return found == NULL ? NULL : *found;
}

static int remove_movies(struct sv_room *room, const synctv_movie **by_id, size_t n)
{
    int rv = 0;
    for (size_t i = room->movies.n_items; rv >= 0 && i-- > 0;) {
        synctv_movie movie = *sv_playlist_at(&room->movies, i);
        if (find_movie(by_id, n, movie.id) != NULL)
            continue;
        struct sv_arena arena = { 0 }; /* what is told outlives the list's own */
        synctv_movie copy;
        rv = sv_movie_copy(&arena, &movie, &copy);
        if (rv >= 0)
            rv = change_list(room, SYNCTV_LIST_CHANGE_REMOVED, &copy, "");
        sv_arena_fini(&arena);
    }
    return rv;
}

static int add_movies(struct sv_room *room, const struct sv_room_reading *reading)
{
    int rv = 0;
    for (int i = 0; rv >= 0 && i < reading->n_movies; i++) {
        const synctv_movie *now = &reading->movies[i];
        const synctv_movie *before = sv_playlist_get(&room->movies, now->id);
        if (before == NULL)
            rv = change_list(room, SYNCTV_LIST_CHANGE_ADDED, now, now->added_by);
        else if (!same_movie(before, now))
            rv = change_list(room, SYNCTV_LIST_CHANGE_CHANGED, now, "");
    }
    return rv;
}

/*
 * Both lists have the same movies by now. If the movie in hand is the next one in memory, the one
 * between has gone away from here and moves to its place. Otherwise the one in hand has come. Each
 * moves once at most.
 */
static int move_movies(struct sv_room *room, const struct sv_room_reading *reading,
    const synctv_movie **by_id, size_t n)
{
    int rv = 0;
    for (size_t i = 0; rv >= 0 && i < n;) {
        const synctv_movie *here = sv_playlist_at(&room->movies, i);
        const synctv_movie *next = sv_playlist_at(&room->movies, i + 1);
        const synctv_movie *wanted = &reading->movies[i];
        if (here == NULL || strcmp(here->id, wanted->id) == 0) {
            i++;
            continue;
        }
        if (next != NULL && strcmp(next->id, wanted->id) == 0)
            wanted = find_movie(by_id, n, here->id);
        rv = change_list(room, SYNCTV_LIST_CHANGE_MOVED, wanted, "");
    }
    return rv;
}

static int diff_movies(struct sv_room *room, struct sv_room_reading *reading)
{
    size_t n = (size_t)reading->n_movies;
    if (n == 0)
        return room->movies.n_items == 0 ? 0
                                         : change_list(room, SYNCTV_LIST_CHANGE_CLEARED, NULL, "");
    const synctv_movie **by_id = sv_arena_array(&reading->arena, n, sizeof(*by_id));
    if (by_id == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        reading->movies[i].position = (int32_t)i;
        by_id[i] = &reading->movies[i];
    }
    qsort(by_id, n, sizeof(*by_id), compare_ids);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(by_id[i - 1]->id, by_id[i]->id) == 0) /* the same movie twice */
            return SYNCTV_E_STORAGE_CORRUPT;
    }
    int rv = add_movies(room, reading);
    if (rv >= 0)
        rv = remove_movies(room, by_id, n);
    return rv < 0 ? rv : move_movies(room, reading, by_id, n);
}

int sv_room_diff(struct sv_room *room, struct sv_room_reading *reading)
{
    /* More may have been heard since it began. */
    reading->is_older = room->went_back || reading->rec.room.revision < room->read_revision ||
        reading->rec.chat_seq < room->read_chat_seq;
    room->went_back = false;
    room->revision = reading->rec.room.revision;
    room->created_at_ms = reading->rec.room.created_at_ms;
    if (reading->rec.chat_seq > room->chat_seq)
        sv_room_miss_chat(room);
    else if (reading->is_older)
        room->chat_seq = reading->rec.chat_seq;
    reading->n_newcomers = 0;
    /* The playhead first: a movie that is gone meanwhile was left before it went. */
    if (reading->has_playback)
        sv_playhead_adopt(room, &reading->playback);
    if (reading->is_older && room->playback.version != 0)
        sv_playhead_store(room);
    /* Members before the room's row: by the row guests may have to go, and some are members now. */
    int rv = diff_members(room, reading);
    if (rv >= 0)
        rv = diff_room(room, reading);
    if (rv >= 0)
        rv = diff_movies(room, reading);
    if (rv >= 0)
        sv_playhead_check(room);
    return rv;
}
