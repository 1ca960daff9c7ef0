/* SPDX-License-Identifier: MIT */
#include "node/rooms/presence.h"

#include <string.h>

#include "node/links/links.h"
#include "node/rooms/tell.h"
#include "node/rooms/timer.h"

static struct sv_attendances *all_of(const struct sv_room *room)
{
    return &room->node->rooms->attendances;
}

static unsigned n_online(const struct sv_room *room)
{
    return atomic_load(&room->attendance->n_online);
}

/* The row of an active member; NULL for guests and for who waits for approval. */
static struct sv_roster_entry *member_of(struct sv_room *room, const char *user_id)
{
    struct sv_roster_entry *entry = sv_roster_get(&room->roster, user_id);
    bool is_active = entry != NULL && sv_is_membership(&entry->member) &&
        entry->member.status == SYNCTV_MEMBER_STATUS_ACTIVE;
    return is_active ? entry : NULL;
}

/* The row, if there is one, says whether they are online. */
static void set_row(struct sv_room *room, const char *user_id, bool online)
{
    struct sv_roster_entry *entry = sv_roster_get(&room->roster, user_id);
    if (entry != NULL)
        sv_roster_set_online(&room->roster, entry, online);
}

void sv_presence_mark(struct sv_room *room, const char *user_id)
{
    set_row(room, user_id, sv_attendance_find(room->attendance, user_id) != NULL);
}

static void mark_all(struct sv_room *room)
{
    for (const struct sv_attendee *a = room->attendance->by_user; a != NULL; a = a->hh.next)
        set_row(room, a->user_id, true);
}

/* --- telling --- */

/* The number of those online will be told, but not more often than once a second. */
static void tell_number_soon(struct sv_room *room)
{
    if (room->online_tell_ms != 0)
        return;
    int64_t now_ms = sv_node_mono_ms(room->node);
    int64_t soonest_ms = room->online_told_ms + 1000;
    room->online_tell_ms = soonest_ms > now_ms ? soonest_ms : now_ms;
    sv_room_schedule(room);
}

static void announce(struct sv_room *room, const char *user_id, synctv_member_change change)
{
    if (member_of(room, user_id) != NULL && n_online(room) <= SV_ONLINE_MESSAGES_MAX)
        sv_room_tell_member(room, change, user_id, NULL, user_id, "");
    else
        tell_number_soon(room);
}

/* --- coming and going --- */

static struct sv_attendee *go_online(struct sv_room *room, const char *user_id)
{
    struct sv_attendee *attendee = sv_attendance_add(all_of(room), room->attendance, user_id);
    if (attendee == NULL)
        return NULL;
    set_row(room, user_id, true);
    announce(room, user_id, SYNCTV_MEMBER_CHANGE_ONLINE);
    return attendee;
}

/* They are online at this node now, or no longer: other nodes are told. */
static void set_ours(struct sv_room *room, struct sv_attendee *attendee, bool ours)
{
    if (attendee->is_ours == ours)
        return;
    sv_attendance_set_ours(all_of(room), room->attendance, attendee, ours);
    const struct sv_roster_entry *entry = sv_roster_get(&room->roster, attendee->user_id);
    sv_links_presence(room->node,
        &(struct sv_cluster_presence){
            .room_id = room->id,
            .user_id = attendee->user_id,
            .username = entry == NULL ? "" : entry->member.username,
            .online = ours,
            .since_ms = sv_node_now_ms(room->node),
        });
}

static bool watches(const struct sv_attendee *attendee)
{
    return attendee->n_streams > 0 || attendee->is_elsewhere;
}

int sv_presence_enter(struct sv_room *room, const struct sv_actor_info *who)
{
    struct sv_attendee *attendee = sv_attendance_find(room->attendance, who->user_id);
    if (attendee == NULL && (attendee = go_online(room, who->user_id)) == NULL)
        return SYNCTV_E_NO_MEMORY;
    if (!watches(attendee))
        room->attendance->n_watching++;
    attendee->n_streams++;
    attendee->offline_at_ms = 0;
    set_ours(room, attendee, true);
    return 0;
}

/* They watched a moment ago: with the last stream their vote goes. */
static void watch_no_more(struct sv_room *room, const struct sv_attendee *attendee)
{
    if (watches(attendee))
        return;
    room->attendance->n_watching--;
    sv_votes_leave(&room->votes, attendee->user_id);
}

void sv_presence_leave(struct sv_room *room, const char *user_id)
{
    struct sv_attendee *attendee = sv_attendance_find(room->attendance, user_id);
    if (attendee == NULL || attendee->n_streams == 0)
        return;
    if (attendee->n_streams > 1) {
        attendee->n_streams--;
        return;
    }
    attendee->n_streams = 0;
    watch_no_more(room, attendee);
    attendee->offline_at_ms = sv_node_mono_ms(room->node) + SV_OFFLINE_AFTER_MS;
    if (room->offline_ms == 0) {
        room->offline_ms = attendee->offline_at_ms;
        sv_room_schedule(room);
    }
}

/* What depends on how many watch is decided anew. */
static void fewer_are_here(struct sv_room *room)
{
    if (n_online(room) == 0)
        room->emptied_at = room->playback.version;
    sv_room_decide_soon(room);
}

bool sv_presence_is_complete(const struct sv_room *room)
{
    return sv_links_is_complete(room->node);
}

bool sv_presence_is_here(struct sv_room *room, const char *user_id)
{
    const struct sv_attendee *attendee = sv_attendance_find(room->attendance, user_id);
    return attendee != NULL && attendee->n_streams > 0;
}

/* Nobody is told here. Frees `attendee`. */
static void go_offline(struct sv_room *room, struct sv_attendee *attendee)
{
    set_row(room, attendee->user_id, false);
    sv_attendance_remove(all_of(room), room->attendance, attendee);
}

/* Whose time has come goes offline; room->offline_ms is when to come back. */
static void expire(struct sv_room *room, int64_t now_ms)
{
    struct sv_attendee *attendee, *tmp;
    room->offline_ms = 0;
    HASH_ITER(hh, room->attendance->by_user, attendee, tmp) {
        char user_id[SV_ID_SIZE];
        int64_t at_ms = attendee->offline_at_ms;
        if (at_ms == 0)
            continue;
        if (at_ms > now_ms) {
            if (room->offline_ms == 0 || at_ms < room->offline_ms)
                room->offline_ms = at_ms;
            continue;
        }
        attendee->offline_at_ms = 0;
        set_ours(room, attendee, false);
        if (attendee->is_elsewhere)
            continue;
        memcpy(user_id, attendee->user_id, sizeof(user_id));
        go_offline(room, attendee);
        announce(room, user_id, SYNCTV_MEMBER_CHANGE_OFFLINE);
    }
}

void sv_presence_tick(struct sv_room *room, int64_t now_ms)
{
    if (room->online_tell_ms != 0 && room->online_tell_ms <= now_ms)
        sv_room_tell_room(room, "");
    if (room->offline_ms == 0 || room->offline_ms > now_ms)
        return;
    unsigned n_before = n_online(room);
    expire(room, now_ms);
    if (n_online(room) < n_before)
        fewer_are_here(room);
}

/* --- at other nodes --- */

void sv_presence_elsewhere(struct sv_room *room, const char *user_id)
{
    bool is_there = sv_links_is_online(room->node, room->id, user_id);
    struct sv_attendee *attendee = sv_attendance_find(room->attendance, user_id);
    if (is_there && attendee == NULL)
        attendee = go_online(room, user_id);
    if (attendee == NULL || attendee->is_elsewhere == is_there)
        return;
    bool watched = watches(attendee);
    attendee->is_elsewhere = is_there;
    if (is_there && !watched)
        room->attendance->n_watching++;
    if (!is_there)
        watch_no_more(room, attendee);
    if (is_there || attendee->is_ours)
        return;
    go_offline(room, attendee);
    announce(room, user_id, SYNCTV_MEMBER_CHANGE_OFFLINE);
    fewer_are_here(room);
}

/* Of a room that nobody has seen yet. */
static void add_quietly(void *userdata, const char *user_id, const char *username)
{
    struct sv_room *room = userdata;
    struct sv_attendee *attendee = sv_attendance_find(room->attendance, user_id);
    if (attendee == NULL)
        attendee = sv_attendance_add(all_of(room), room->attendance, user_id);
    if (attendee == NULL || attendee->is_elsewhere)
        return;
    if (!watches(attendee))
        room->attendance->n_watching++;
    attendee->is_elsewhere = true;
}

void sv_presence_begin(struct sv_room *room)
{
    sv_links_each_online(room->node, room->id, add_quietly, room);
    mark_all(room);
}

void sv_presence_clear(struct sv_room *room)
{
    for (struct sv_attendee *a = room->attendance->by_user; a != NULL; a = a->hh.next)
        set_ours(room, a, false);
    sv_attendance_clear(all_of(room), room->attendance);
}

int32_t sv_presence_count(synctv_node *node, const char *room_id)
{
    bool is_partial;
    int64_t n = sv_attendance_count(&node->rooms->attendances, room_id, &is_partial);
    if (is_partial)
        n += sv_links_n_online(node, room_id);
    return n < INT32_MAX ? (int32_t)n : INT32_MAX;
}

size_t sv_presence_list(struct sv_room *room, struct sv_cluster_presence *ret, size_t max)
{
    size_t n = 0;
    for (const struct sv_attendee *a = room->attendance->by_user; a != NULL && n < max;
         a = a->hh.next) {
        if (!a->is_ours)
            continue;
        const struct sv_roster_entry *entry = sv_roster_get(&room->roster, a->user_id);
        ret[n++] = (struct sv_cluster_presence){
            .room_id = room->id,
            .user_id = a->user_id,
            .username = entry == NULL ? "" : entry->member.username,
            .online = true,
        };
    }
    return n;
}

void sv_presence_forget(struct sv_room *room, const char *user_id)
{
    struct sv_attendee *attendee = sv_attendance_find(room->attendance, user_id);
    if (attendee == NULL)
        return;
    bool was_member = member_of(room, user_id) != NULL;
    if (watches(attendee)) {
        attendee->n_streams = 0;
        attendee->is_elsewhere = false;
        watch_no_more(room, attendee);
    }
    set_ours(room, attendee, false);
    go_offline(room, attendee);
    if (!was_member || n_online(room) >= SV_ONLINE_MESSAGES_MAX)
        tell_number_soon(room);
    fewer_are_here(room);
}
