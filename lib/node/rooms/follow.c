/* SPDX-License-Identifier: MIT */
#include "node/rooms/follow.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"
#include "node/rooms/tell.h"
#include "node/rooms/timer.h"
#include "node/rooms/view.h"

/* --- beginning and ending a follow; the room is locked --- */

/* Whether this stream's user may follow the room: enum sv_access, or why not. */
static int may_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err)
{
    struct sv_actor_info info;
    sv_session_info(stream->session, &info);
    struct sv_actor actor = sv_room_actor(room, &info);
    int access = sv_room_access(&actor, &room->settings, err);
    if (access == SV_ACCESS_GUEST) {
        if (stream->room_id[0] == '\0')
            return sv_error(err, SYNCTV_E_NOT_A_MEMBER);
        if (room->password_hash[0] != '\0' && !atomic_load(&sv_follower_of(stream)->guest_ok))
            return sv_error(err, SYNCTV_E_ROOM_PASSWORD_WRONG);
    }
    return access;
}

/* Of this stream, in this room; NULL if it does not follow it. Both locked. */
static struct sv_follow *find_follow(struct sv_stream *stream, const struct sv_room *room)
{
    SV_LIST_FOREACH(it, &sv_follower_of(stream)->follows) {
        struct sv_follow *follow = SV_CONTAINER_OF(it, struct sv_follow, in_stream);
        if (follow->room == room)
            return follow;
    }
    return NULL;
}

bool sv_stream_follows(struct sv_stream *stream, const struct sv_room *room)
{
    pthread_mutex_lock(&stream->lock);
    bool follows = find_follow(stream, room) != NULL;
    pthread_mutex_unlock(&stream->lock);
    return follows;
}

bool sv_stream_follows_id(struct sv_stream *stream, const char *room_id)
{
    bool follows = false;
    pthread_mutex_lock(&stream->lock);
    SV_LIST_FOREACH(it, &sv_follower_of(stream)->follows) {
        const struct sv_follow *follow = SV_CONTAINER_OF(it, struct sv_follow, in_stream);
        follows = follows || strcmp(follow->room->id, room_id) == 0;
    }
    pthread_mutex_unlock(&stream->lock);
    return follows;
}

bool sv_stream_hears(struct sv_stream *stream, const struct sv_room *room)
{
    return sv_follower_of(stream)->observer || sv_stream_follows(stream, room);
}

/*
 * Puts the follow into both lists and returns 1. Returns 0 if the stream has ended or follows the
 * room already, ROOM_LIMIT if it follows too many.
 */
static int link_follow(struct sv_stream *stream, struct sv_room *room, struct sv_follow *follow)
{
    struct sv_follower *follower = sv_follower_of(stream);
    int rv = 0;
    pthread_mutex_lock(&stream->lock);
    if (!stream->closed && stream->end.code == 0 && find_follow(stream, room) == NULL) {
        if (follower->n_follows >= SV_STREAM_MAX_ROOMS) {
            rv = SYNCTV_E_ROOM_LIMIT;
        } else {
            follow->room = sv_room_ref(room);
            follow->stream = sv_stream_ref(stream);
            sv_list_append(&follower->follows, &follow->in_stream);
            sv_list_append(&room->follows, &follow->in_room);
            follower->n_follows++;
            rv = 1;
        }
    }
    pthread_mutex_unlock(&stream->lock);
    return rv;
}

/*
 * A stream of many rooms begins with a snapshot and an ONLINE of each. Old danmaku do not take the
 * place that these need.
 */
static bool has_place_for_danmaku(struct sv_stream *stream)
{
    unsigned max = stream->room_id[0] != '\0' ? SV_STREAM_MAX_EVENTS / 2 : SV_STREAM_MAX_EVENTS / 8;
    pthread_mutex_lock(&stream->lock);
    bool has = stream->events.count < max && stream->events.bytes < SV_STREAM_MAX_BYTES / 2;
    pthread_mutex_unlock(&stream->lock);
    return has;
}

static void push_snapshot(struct sv_stream *stream, struct sv_room *room)
{
    synctv_event *snapshot = sv_room_state_event(room, SYNCTV_STATE_CAUSE_SNAPSHOT, "", "");
    if (snapshot == NULL) {
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
        return;
    }
    sv_stream_push(stream, snapshot);
    synctv_event_unref(snapshot);
    const void *recent[SV_DANMAKU_KEEP];
    size_t n = sv_danmaku_ring_recent(&room->danmaku, sv_node_mono_ms(room->node), recent);
    for (size_t i = 0; i < n && has_place_for_danmaku(stream); i++)
        sv_stream_push(stream, recent[i]);
}

/* Frees `follow`. */
static void end_follow(struct sv_follow *follow)
{
    struct sv_room *room = follow->room;
    struct sv_stream *stream = follow->stream;
    sv_playhead_end_if_due(room); /* they have waited for it */
    pthread_mutex_lock(&stream->lock);
    sv_list_remove(&follow->in_stream);
    sv_follower_of(stream)->n_follows--;
    pthread_mutex_unlock(&stream->lock);
    sv_list_remove(&follow->in_room);
    if (follow->counted)
        sv_presence_leave(room, stream->session->account->user_id);
    if (sv_list_empty(&room->follows)) {
        sv_room_set_idle(room, true);
        room->awaited_ms = 0;
    }
    sv_stream_unref(stream);
    free(follow);
    sv_room_unref(room); /* never the last one: whoever holds the lock holds the room */
}

bool sv_user_follows(synctv_node *node, const char *user_id, char *ret_room_id)
{
    struct sv_stream **streams;
    int n = sv_streams_of_user(node, user_id, &streams);
    ret_room_id[0] = '\0';
    for (int i = 0; i < n; i++) {
        struct sv_follower *follower = sv_follower_of(streams[i]);
        pthread_mutex_lock(&streams[i]->lock);
        if (ret_room_id[0] == '\0' && !sv_list_empty(&follower->follows)) {
            const struct sv_follow *follow =
                SV_CONTAINER_OF(follower->follows.next, struct sv_follow, in_stream);
            memcpy(ret_room_id, follow->room->id, SV_ID_SIZE);
        }
        pthread_mutex_unlock(&streams[i]->lock);
        sv_stream_unref(streams[i]);
    }
    if (n >= 0)
        free(streams);
    return n > 0;
}

int sv_too_many_rooms(synctv_error *err)
{
    return sv_errorf(err, SYNCTV_E_ROOM_LIMIT,
        "a stream follows at most %d rooms: open one for each room", SV_STREAM_MAX_ROOMS);
}

int sv_stream_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err)
{
    int rv = may_follow(stream, room, err);
    if (rv < 0)
        return rv;
    struct sv_follow *follow = calloc(1, sizeof(*follow));
    if (follow == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    follow->counted = stream->session->account != NULL;
    sv_list_init(&follow->in_room);
    sv_list_init(&follow->in_stream);

    bool first = sv_list_empty(&room->follows);
    rv = link_follow(stream, room, follow);
    if (rv <= 0) {
        free(follow);
        return rv == 0 ? 0 : sv_too_many_rooms(err);
    }
    if (first) {
        sv_room_set_idle(room, false);
        room->awaited_ms = sv_node_mono_ms(room->node);
        if (room->playback.status == SYNCTV_PLAYBACK_STATUS_PLAYING)
            room->reannounce_ms = sv_node_mono_ms(room->node) + SV_REANNOUNCE_MS;
        sv_room_schedule(room);
    }
    /*
     * Again, for who stopped being a platform admin meanwhile. From here on the follow is in the
     * lists, where it is found when its user loses something.
     */
    rv = may_follow(stream, room, err);
    if (rv < 0) {
        follow->counted = false;
        end_follow(follow);
        return rv;
    }
    /* The snapshot comes first, before what the stream's own coming causes. */
    push_snapshot(stream, room);
    if (follow->counted) {
        struct sv_actor_info info;
        sv_session_info(stream->session, &info);
        rv = sv_presence_enter(room, &info);
        if (rv < 0) {
            follow->counted = false;
            end_follow(follow);
            return sv_error(err, rv);
        }
    }
    return 0;
}

/* Ends the follow, and a stream bound to the room, if it may not follow the room any more. */
static void check_follow(struct sv_follow *follow)
{
    struct sv_stream *stream = follow->stream;
    int rv = may_follow(stream, follow->room, NULL);
    if (!follow->counted || rv >= 0)
        return;
    if (stream->room_id[0] != '\0')
        sv_stream_end(stream, rv, NULL);
    end_follow(follow);
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
        end_follow(follow);
    }
}

void sv_room_drop_strangers(struct sv_room *room)
{
    SV_LIST_FOREACH(it, &room->follows)
        check_follow(SV_CONTAINER_OF(it, struct sv_follow, in_room));
}

void sv_room_drop_all(struct sv_room *room, int code)
{
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_follow *follow = SV_CONTAINER_OF(it, struct sv_follow, in_room);
        if (follow->stream->room_id[0] != '\0')
            sv_stream_end(follow->stream, code, NULL);
        end_follow(follow);
    }
}

void sv_room_forget_password(struct sv_room *room)
{
    SV_LIST_FOREACH(it, &room->follows) {
        struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_follow, in_room)->stream;
        atomic_store(&sv_follower_of(stream)->guest_ok, false);
    }
}

/* --- many rooms; no locks held --- */

static void check_room(struct sv_stream *stream, struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    pthread_mutex_lock(&stream->lock);
    struct sv_follow *follow = find_follow(stream, room);
    pthread_mutex_unlock(&stream->lock);
    if (follow != NULL)
        check_follow(follow);
    pthread_mutex_unlock(&room->lock);
}

static void drop_strange_rooms(struct sv_stream *stream)
{
    struct sv_room *rooms[SV_STREAM_MAX_ROOMS];
    size_t n = 0;
    pthread_mutex_lock(&stream->lock);
    SV_LIST_FOREACH(it, &sv_follower_of(stream)->follows)
        rooms[n++] = sv_room_ref(SV_CONTAINER_OF(it, struct sv_follow, in_stream)->room);
    pthread_mutex_unlock(&stream->lock);
    for (size_t i = 0; i < n; i++) {
        check_room(stream, rooms[i]);
        sv_room_unref(rooms[i]);
    }
}

void sv_streams_drop_strange_rooms(synctv_node *node, const char *user_id)
{
    struct sv_stream **streams;
    int n = sv_streams_of_user(node, user_id, &streams);
    if (n < 0)
        sv_logf(&node->log, SYNCTV_LOG_ERROR, "node",
            "out of memory: streams of %s keep following what an admin may", user_id);
    for (int i = 0; i < n; i++) {
        drop_strange_rooms(streams[i]);
        sv_stream_unref(streams[i]);
    }
    free(streams);
}

void sv_stream_unfollow_all(struct sv_stream *stream)
{
    struct sv_follower *follower = sv_follower_of(stream);
    for (;;) {
        struct sv_room *room = NULL;
        pthread_mutex_lock(&stream->lock);
        if (!sv_list_empty(&follower->follows)) {
            struct sv_list *first = follower->follows.next;
            room = sv_room_ref(SV_CONTAINER_OF(first, struct sv_follow, in_stream)->room);
        }
        pthread_mutex_unlock(&stream->lock);
        if (room == NULL)
            return;

        pthread_mutex_lock(&room->lock);
        pthread_mutex_lock(&stream->lock);
        struct sv_follow *follow = find_follow(stream, room);
        pthread_mutex_unlock(&stream->lock);
        if (follow != NULL)
            end_follow(follow);
        pthread_mutex_unlock(&room->lock);
        sv_room_unref(room);
    }
}
