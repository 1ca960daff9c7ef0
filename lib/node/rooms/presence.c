/* SPDX-License-Identifier: MIT */
/*
 * Who is online in a room: somebody with a stream that follows it, and for 10 s after the last one
 * has gone, so that a reconnect announces nothing. With many people online only their number is
 * told, at most once a second.
 */
#include "node/rooms/presence.h"

#include <string.h>

#include "node/streams/stream.h"

static bool is_member(const struct sv_roster_entry *entry)
{
    return sv_is_membership(&entry->member) && entry->member.status == SYNCTV_MEMBER_STATUS_ACTIVE;
}

/* The number of those online will be told, but not more often than once a second. */
static void owe_number(struct sv_room *room)
{
    if (room->online_tell_ms != 0)
        return;
    int64_t now_ms = sv_mono_ms();
    int64_t soonest_ms = room->online_told_ms + 1000;
    room->online_tell_ms = soonest_ms > now_ms ? soonest_ms : now_ms;
    sv_room_schedule(room);
}

static void announce(struct sv_room *room, const struct sv_roster_entry *entry,
    synctv_member_change change)
{
    if (is_member(entry) && room->n_online <= SV_ONLINE_MESSAGES_MAX)
        sv_room_tell_member(room, change, entry->member.user_id, NULL, entry->member.user_id, "");
    else
        owe_number(room);
}

static void go_online(struct sv_room *room, struct sv_roster_entry *entry)
{
    sv_roster_set_online(&room->roster, entry, true);
    room->n_online++;
    atomic_fetch_add(&room->node->n_online, 1);
    announce(room, entry, SYNCTV_MEMBER_CHANGE_ONLINE);
}

static void count_out(struct sv_room *room, struct sv_roster_entry *entry)
{
    sv_roster_set_online(&room->roster, entry, false);
    entry->offline_at_ms = 0;
    room->n_online--;
    atomic_fetch_sub(&room->node->n_online, 1);
}

/* Nothing is known of them that counts: no row, or one that has kept them away long enough. */
static bool is_new(struct sv_room *room, const struct sv_roster_entry *entry)
{
    return entry == NULL ||
        (entry->member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED &&
            entry->kicked_until_ms <= sv_node_clock_ms(&room->node->clock));
}

int sv_presence_enter(struct sv_room *room, const struct sv_actor_info *who)
{
    struct sv_roster_entry *entry = sv_roster_get(&room->roster, who->user_id);
    if (is_new(room, entry)) {
        synctv_member guest = {
            .room_id = room->id,
            .user_id = who->user_id,
            .username = who->username,
            .role = SYNCTV_ROOM_ROLE_GUEST,
            .status = SYNCTV_MEMBER_STATUS_ACTIVE,
        };
        int rv = sv_roster_put(&room->roster, &guest, 0, &entry);
        if (rv < 0)
            return rv;
    }
    if (entry->n_streams++ == 0)
        room->n_here++;
    entry->offline_at_ms = 0;
    if (!entry->online)
        go_online(room, entry);
    return 0;
}

/* The last stream of theirs is gone, and with it their vote. */
static void not_here(struct sv_room *room, struct sv_roster_entry *entry)
{
    entry->n_streams = 0;
    room->n_here--;
    if (entry->ended_version != 0 && entry->ended_version == room->reported_version)
        room->ended_reports--;
    entry->ended_version = 0;
}

void sv_presence_leave(struct sv_room *room, const char *user_id)
{
    struct sv_roster_entry *entry = sv_roster_get(&room->roster, user_id);
    if (entry == NULL || entry->n_streams == 0)
        return;
    if (entry->n_streams > 1) {
        entry->n_streams--;
        return;
    }
    not_here(room, entry);
    entry->offline_at_ms = sv_mono_ms() + SV_OFFLINE_AFTER_MS;
    if (room->offline_ms == 0) {
        room->offline_ms = entry->offline_at_ms;
        sv_room_schedule(room);
    }
}

void sv_presence_tick(struct sv_room *room, int64_t now_ms)
{
    if (room->online_tell_ms != 0 && room->online_tell_ms <= now_ms)
        sv_room_tell_room(room, "");
    if (room->offline_ms == 0 || room->offline_ms > now_ms)
        return;

    room->offline_ms = 0;
    struct sv_roster_entry *next;
    for (struct sv_roster_entry *entry = sv_roster_first(&room->roster); entry != NULL;
         entry = next) {
        next = sv_roster_next(entry);
        if (entry->offline_at_ms == 0)
            continue;
        if (entry->offline_at_ms > now_ms) {
            if (room->offline_ms == 0 || entry->offline_at_ms < room->offline_ms)
                room->offline_ms = entry->offline_at_ms;
            continue;
        }
        count_out(room, entry);
        announce(room, entry, SYNCTV_MEMBER_CHANGE_OFFLINE);
        if (entry->member.role == SYNCTV_ROOM_ROLE_GUEST)
            sv_roster_remove(&room->roster, entry->member.user_id);
    }
}

void sv_presence_forget(struct sv_room *room, const char *user_id)
{
    struct sv_roster_entry *entry = sv_roster_get(&room->roster, user_id);
    if (entry == NULL)
        return;
    if (entry->n_streams > 0)
        not_here(room, entry);
    if (!entry->online)
        return;
    count_out(room, entry);
    if (entry->member.role == SYNCTV_ROOM_ROLE_GUEST || room->n_online >= SV_ONLINE_MESSAGES_MAX)
        owe_number(room);
}
