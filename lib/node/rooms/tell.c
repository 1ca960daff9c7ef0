/* SPDX-License-Identifier: MIT */
#include "node/rooms/tell.h"

#include <string.h>

#include "base/error.h"
#include "node/rooms/follower.h"
#include "node/rooms/timer.h"
#include "node/rooms/view.h"

/* What somebody must be allowed to see to get an event. */
struct sight {
    /* Permissions that are needed. */
    uint64_t all;
    /* And one of these, unless 0. */
    uint64_t one_of;
};

static bool may_see(struct sv_room *room, struct sv_stream *stream, const synctv_event *event,
    const struct sight *sight)
{
    struct sv_actor_info info;
    sv_session_info(stream->session, &info);
    if (event->member != NULL && strcmp(event->member->user_id, info.user_id) == 0)
        return true; /* everybody may know what becomes of themselves */
    uint64_t permissions = sv_room_permissions(room, &info);
    return (permissions & sight->all) == sight->all &&
        (sight->one_of == 0 || (permissions & sight->one_of) != 0);
}

/* Which of those who follow are told. */
enum audience { TO_ALL, TO_MEMBERS, TO_GUESTS };

static bool is_among(struct sv_room *room, struct sv_stream *stream, enum audience audience)
{
    if (audience == TO_ALL || !room->settings.allow_guests)
        return audience != TO_GUESTS;
    struct sv_actor_info info;
    sv_session_info(stream->session, &info);
    struct sv_actor actor = sv_room_actor(room, &info);
    bool is_guest = sv_room_access(&actor, &room->settings, NULL) == SV_ACCESS_GUEST;
    return is_guest == (audience == TO_GUESTS);
}

/*
 * There was no memory for an event. What a stream has missed cannot be made good in order, so each
 * has to begin again with a snapshot.
 */
static void end_streams(struct sv_room *room)
{
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_follow, in_room)->stream;
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
    }
    sv_observers_end(room->node, SYNCTV_E_NO_MEMORY);
}

/* For metrics: once for all streams. */
static void count(struct sv_streams *streams, unsigned n_deliveries)
{
    atomic_fetch_add_explicit(&streams->n_events, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&streams->n_deliveries, n_deliveries, memory_order_relaxed);
}

/* To those of the audience who may see it; `sight` NULL: to all of them. */
static void tell(struct sv_room *room, const synctv_event *event, enum audience audience,
    const struct sight *sight)
{
    if (event == NULL) {
        end_streams(room);
        return;
    }
    unsigned n_deliveries = 0;
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_follow, in_room)->stream;
        if (is_among(room, stream, audience) &&
            (sight == NULL || may_see(room, stream, event, sight))) {
            sv_stream_push(stream, event);
            n_deliveries++;
        }
    }
    count(room->node->streams, n_deliveries);
    if (audience != TO_GUESTS && atomic_load(&room->node->rooms->n_observers) > 0)
        sv_observers_push(room->node, event);
    if (event->type == SYNCTV_EVENT_DANMAKU && room->danmaku_ms == 0) {
        room->danmaku_ms = sv_node_mono_ms(room->node) + SV_DANMAKU_KEEP_MS;
        sv_room_schedule(room);
    }
    synctv_event_unref(event);
}

void sv_room_tell(struct sv_room *room, const synctv_event *event)
{
    tell(room, event, TO_ALL, NULL);
}

/* A new event of this room; NULL when out of memory. */
static synctv_event *room_event(struct sv_room *room, synctv_event_type type, const char *actor_id)
{
    synctv_event *event = sv_node_event_new(room->node, type);
    if (event == NULL)
        return NULL;
    event->room_id = sv_arena_strdup(sv_event_arena(event), room->id);
    event->actor_id = sv_arena_strdup(sv_event_arena(event), actor_id);
    if (event->room_id == NULL || event->actor_id == NULL) {
        synctv_event_unref(event);
        return NULL;
    }
    return event;
}

/* Who sees this member in the list as they were, in memory still, or as they are now. */
static struct sight sight_of_member(const struct sv_room *room,
    const struct sv_roster_entry *before, const synctv_member *now)
{
    uint64_t one_of = sv_status_seen_with(now->status);
    if (before != NULL)
        one_of |= sv_status_seen_with(before->member.status);
    bool was_member = before != NULL && sv_is_membership(&before->member);
    if (!was_member && sv_attendance_find(room->attendance, now->user_id) != NULL) /* a guest */
        one_of |= sv_status_seen_with(SYNCTV_MEMBER_STATUS_ACTIVE);
    if (one_of == 0) /* somebody who is not here is kept away */
        one_of = SYNCTV_PERM_KICK_MEMBER;
    return (struct sight){ .all = SYNCTV_PERM_VIEW_MEMBER_LIST, .one_of = one_of };
}

void sv_room_tell_member(struct sv_room *room, synctv_member_change change, const char *user_id,
    const synctv_member *gone, const char *actor_id, const char *reason)
{
    synctv_event *event = room_event(room, SYNCTV_EVENT_MEMBER, actor_id);
    if (event == NULL) {
        sv_room_tell(room, NULL);
        return;
    }
    struct sv_arena *a = sv_event_arena(event);
    synctv_member *member = sv_arena_alloc(a, sizeof(*member));
    const struct sv_roster_entry *entry = sv_roster_get(&room->roster, user_id);
    int rv = member == NULL ? SYNCTV_E_NO_MEMORY
        : gone != NULL      ? sv_member_copy(a, gone, member)
        : entry != NULL     ? sv_room_fill_member(room, entry, a, member)
                            : SYNCTV_E_MEMBER_NOT_FOUND;
    event->change = change;
    event->member = member;
    event->reason = sv_arena_strdup(a, reason);
    if (rv < 0 || event->reason == NULL) {
        synctv_event_unref(event);
        event = NULL;
    }
    if (event != NULL) {
        const struct sight sight = sight_of_member(room, entry, member);
        tell(room, event, TO_ALL, &sight);
    } else if (rv != SYNCTV_E_MEMBER_NOT_FOUND) {
        sv_room_tell(room, NULL);
    }
}

/* With settings, or the public face. */
static synctv_event *room_face_event(struct sv_room *room, bool for_member, const char *actor_id)
{
    synctv_event *event = room_event(room, SYNCTV_EVENT_ROOM, actor_id);
    if (event == NULL)
        return NULL;
    synctv_room *view = sv_arena_alloc(sv_event_arena(event), sizeof(*view));
    if (view == NULL || sv_room_fill(room, sv_event_arena(event), for_member, view) < 0) {
        synctv_event_unref(event);
        return NULL;
    }
    event->room = view;
    return event;
}

void sv_room_tell_room(struct sv_room *room, const char *actor_id)
{
    room->online_tell_ms = 0;
    room->online_told_ms = sv_node_mono_ms(room->node);
    tell(room, room_face_event(room, true, actor_id), TO_MEMBERS, NULL);
    if (room->settings.allow_guests)
        tell(room, room_face_event(room, false, actor_id), TO_GUESTS, NULL);
}

void sv_room_tell_deleted(struct sv_room *room, const char *actor_id)
{
    synctv_event *event = room_face_event(room, false, actor_id);
    if (event != NULL)
        event->deleted = true;
    sv_room_tell(room, event);
}

void sv_room_tell_movies(struct sv_room *room, synctv_list_change change, const synctv_movie *movie,
    const char *actor_id)
{
    synctv_event *event = room_event(room, SYNCTV_EVENT_MOVIES, actor_id);
    if (event == NULL) {
        sv_room_tell(room, NULL);
        return;
    }
    struct sv_arena *a = sv_event_arena(event);
    int rv = 0;
    if (movie != NULL) {
        synctv_movie *copy = sv_arena_alloc(a, sizeof(*copy));
        rv = copy == NULL ? SYNCTV_E_NO_MEMORY : sv_movie_copy(a, movie, copy);
        event->movie = copy;
    }
    event->list_change = change;
    event->revision = room->revision;
    event->current_movie_id = sv_arena_strdup(a, room->playback.movie_id);
    if (rv < 0 || event->current_movie_id == NULL) {
        synctv_event_unref(event);
        event = NULL;
    }
    const struct sight sight = { .all = SYNCTV_PERM_VIEW_PLAYLIST };
    tell(room, event, TO_ALL, &sight);
}

synctv_event *sv_room_state_event(struct sv_room *room, synctv_state_cause cause,
    const char *actor_id, const char *operation_id)
{
    synctv_event *event = room_event(room, SYNCTV_EVENT_STATE, actor_id);
    if (event == NULL)
        return NULL;
    struct sv_arena *a = sv_event_arena(event);
    synctv_playback *state = sv_arena_alloc(a, sizeof(*state));
    if (state == NULL || sv_room_fill_state(room, a, cause, state) < 0 ||
        (state->operation_id = sv_arena_strdup(a, operation_id)) == NULL) {
        synctv_event_unref(event);
        return NULL;
    }
    state->actor_id = event->actor_id;
    event->state = state;
    return event;
}

void sv_room_tell_state(struct sv_room *room, synctv_state_cause cause, const char *actor_id,
    const char *operation_id)
{
    sv_room_tell(room, sv_room_state_event(room, cause, actor_id, operation_id));
}
