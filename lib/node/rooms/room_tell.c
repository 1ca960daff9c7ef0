/* SPDX-License-Identifier: MIT */
/* Rooms in memory: what they look like from outside, and telling those who follow them. Everything here wants the room locked. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "node/calls/handlers.h"
#include "node/streams/stream.h"

/* --- who may do what --- */

struct sv_actor sv_room_actor(struct sv_room *room, const struct sv_actor_info *info)
{
    const struct sv_roster_entry *entry =
        info->user_id[0] == '\0' ? NULL : sv_roster_get(&room->roster, info->user_id);
    return (struct sv_actor){
        .user_id = info->user_id,
        .is_system = info->is_system,
        .platform_admin = info->platform_admin,
        .member = entry == NULL ? NULL : &entry->member,
        .kicked = entry != NULL && sv_kick_holds(room->node, entry->kicked_until_ms),
    };
}

uint64_t sv_room_permissions(struct sv_room *room, const struct sv_actor_info *info)
{
    struct sv_actor actor = sv_room_actor(room, info);
    return sv_actor_permissions(&actor, &room->settings);
}

int sv_room_need(struct sv_room *room, const struct sv_actor_info *info, uint64_t permission,
    synctv_error *err)
{
    struct sv_actor actor = sv_room_actor(room, info);
    return sv_room_check(&actor, &room->settings, permission, err);
}

/* --- copies --- */

int sv_room_fill(struct sv_room *room, struct sv_arena *a, bool for_member, synctv_room *ret)
{
    synctv_room view = {
        .id = room->id,
        .name = room->name,
        .description = room->description,
        .creator_id = room->creator_id,
        .settings = for_member ? &room->settings : NULL,
        .has_password = room->password_hash[0] != '\0',
        .member_count = (int32_t)(room->roster.n_active + room->roster.n_pending),
        .online_count = (int32_t)room->n_online,
        .created_at_ms = room->created_at_ms,
        .revision = room->revision,
    };
    return sv_room_copy(a, &view, ret);
}

int sv_room_fill_member(struct sv_room *room, const struct sv_roster_entry *entry,
    struct sv_arena *a, synctv_member *ret)
{
    synctv_member view = entry->member;
    view.room_id = room->id;
    view.online = entry->online;
    view.permissions = sv_permissions_of(&room->settings, &entry->member);
    return sv_member_copy(a, &view, ret);
}

int sv_room_fill_members(struct sv_room *room, struct sv_arena *a, synctv_member **ret_members,
    size_t *ret_n)
{
    struct sv_roster_entry *first[100];
    size_t n = sv_roster_online_first(&room->roster, first, 100);
    synctv_member *members = sv_arena_array(a, n == 0 ? 1 : n, sizeof(*members));
    if (members == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (sv_room_fill_member(room, first[i], a, &members[i]) < 0)
            return SYNCTV_E_NO_MEMORY;
    }
    *ret_members = members;
    *ret_n = n;
    return 0;
}

double sv_room_duration(struct sv_room *room)
{
    const char *id = room->playback.movie_id;
    if (id[0] == '\0')
        return 0;
    if (strcmp(room->duration_of, id) != 0) {
        const synctv_movie *movie = sv_playlist_get(&room->movies, id);
        if (movie == NULL)
            return 0;
        room->duration_s = movie->duration_s;
        memcpy(room->duration_of, id, strlen(id) + 1);
    }
    if (room->duration_s == 0 && strcmp(room->learned_movie_id, id) == 0)
        return room->learned_duration_s;
    return room->duration_s;
}

int sv_room_fill_state(struct sv_room *room, struct sv_arena *a, synctv_state_cause cause,
    synctv_playback *ret)
{
    synctv_playback view;
    sv_playback_view(&room->playback, &view);
    int64_t now_ms = sv_room_now_ms(room);
    view.room_id = room->id;
    view.cause = cause;
    view.position_s = sv_playback_position_at(&room->playback, now_ms, sv_room_duration(room));
    view.updated_at_ms = now_ms;
    return sv_playback_copy(a, &view, ret);
}

/* --- telling --- */

/* What somebody must be allowed to see to get an event. */
struct sight {
    uint64_t all;    /* permissions that are needed */
    uint64_t one_of; /* and one of these, unless 0 */
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

/* There was no memory for an event. What a stream has missed cannot be made good in order: each has to begin again with a snapshot. */
static void end_streams(struct sv_room *room)
{
    synctv_node *node = room->node;
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_follow, in_room)->stream;
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
    }
    pthread_mutex_lock(&node->rooms.lock);
    SV_LIST_FOREACH(it, &node->rooms.observers) {
        struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_stream, in_observers);
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
    }
    pthread_mutex_unlock(&node->rooms.lock);
}

/* To those of the audience who may see it; `sight` NULL: to all of them. */
static void tell(struct sv_room *room, const synctv_event *event, enum audience audience,
    const struct sight *sight)
{
    if (event == NULL) {
        end_streams(room);
        return;
    }
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_follow, in_room)->stream;
        if (is_among(room, stream, audience) &&
            (sight == NULL || may_see(room, stream, event, sight)))
            sv_stream_push(stream, event);
    }
    if (audience != TO_GUESTS && atomic_load(&room->node->rooms.n_observers) > 0)
        sv_stream_push_observers(room->node, event);
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
static struct sight sight_of_member(const struct sv_roster_entry *before, const synctv_member *now)
{
    uint64_t one_of = sv_status_seen_with(now->status);
    if (before != NULL)
        one_of |= sv_status_seen_with(before->member.status);
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
        const struct sight sight = sight_of_member(entry, member);
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
    room->duration_of[0] = '\0';
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
    int64_t now_ms = sv_node_mono_ms(room->node);
    room->playback_dirty = true;
    if (room->flush_ms == 0)
        room->flush_ms = now_ms + SV_FLUSH_MS;
    room->reannounce_ms =
        room->playback.status == SYNCTV_PLAYBACK_STATUS_PLAYING ? now_ms + SV_REANNOUNCE_MS : 0;
    sv_room_tell(room, sv_room_state_event(room, cause, actor_id, operation_id));
    sv_room_schedule(room);
}

/* --- changing --- */

/* Rows that kept somebody away, and have done so. */
static void forget_kicked(struct sv_room *room)
{
    struct sv_roster_entry *next;
    for (struct sv_roster_entry *entry = sv_roster_first(&room->roster); entry != NULL;
         entry = next) {
        next = sv_roster_next(entry);
        if (entry->member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED && entry->n_streams == 0 &&
            !entry->online && !sv_kick_holds(room->node, entry->kicked_until_ms))
            sv_roster_remove(&room->roster, entry->member.user_id);
    }
}

int sv_room_put_member(struct sv_room *room, const struct sv_member_rec *rec)
{
    if (rec->member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED) {
        sv_presence_forget(room, rec->member.user_id);
        forget_kicked(room);
        if (!sv_kick_holds(room->node, rec->kicked_until_ms)) {
            sv_room_remove_member(room, rec->member.user_id);
            return 0;
        }
    }
    int rv = sv_roster_put(&room->roster, &rec->member, rec->kicked_until_ms, NULL);
    if (rv < 0)
        sv_room_reload(room);
    return rv;
}

void sv_room_remove_member(struct sv_room *room, const char *user_id)
{
    sv_presence_forget(room, user_id);
    sv_roster_remove(&room->roster, user_id);
}

void sv_room_drop_user(struct sv_room *room, const char *user_id, int code)
{
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_follow *follow = SV_CONTAINER_OF(it, struct sv_follow, in_room);
        struct sv_stream *stream = follow->stream;
        if (!follow->counted || strcmp(stream->session->account->user_id, user_id) != 0)
            continue;
        if (stream->room_id[0] != '\0')
            sv_stream_end(stream, code, NULL);
        sv_follow_end(follow);
    }
}

void sv_room_drop_strangers(struct sv_room *room)
{
    SV_LIST_FOREACH(it, &room->follows)
        sv_follow_check(SV_CONTAINER_OF(it, struct sv_follow, in_room));
}

/* A password lets nobody in any more. */
static void forget_password(struct sv_room *room)
{
    SV_LIST_FOREACH(it, &room->follows)
        atomic_store(&SV_CONTAINER_OF(it, struct sv_follow, in_room)->stream->guest_ok, false);
}

int sv_room_put_room(struct sv_room *room, const struct sv_room_rec *rec)
{
    bool had_guests = room->settings.allow_guests;
    int rv = sv_room_set_fields(room, rec);
    if (rv < 0)
        sv_room_reload(room);
    else if (had_guests)
        sv_room_drop_strangers(room);
    return rv;
}

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
        forget_password(room);
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
