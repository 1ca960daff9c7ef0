/* SPDX-License-Identifier: MIT */
#include "node/rooms/follow.h"

#include <stdlib.h>
#include <string.h>

#include "auth/password.h"
#include "base/error.h"
#include "base/text.h"
#include "node/rooms/presence.h"

/* --- beginning and ending a follow; the room is locked --- */

int sv_stream_may_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err)
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

bool sv_stream_hears(struct sv_stream *stream, const struct sv_room *room)
{
    return sv_follower_of(stream)->observer || sv_stream_follows(stream, room);
}

/* Puts the follow into both lists (returns 1), unless the stream has ended, follows the room
 * already (0 for both) or too many (ROOM_LIMIT). */
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

/* What has flown by is not worth the place that others need: a stream of many rooms begins with a
 * snapshot and an ONLINE of each. */
static bool has_place_for_danmaku(struct sv_stream *stream)
{
    unsigned max = stream->room_id[0] != '\0' ? SV_STREAM_MAX_EVENTS / 2 : SV_STREAM_MAX_EVENTS / 8;
    pthread_mutex_lock(&stream->lock);
    bool has = stream->count < max && stream->bytes < SV_STREAM_MAX_BYTES / 2;
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
    size_t n = sv_danmaku_ring_recent(&room->danmaku, sv_node_clock_ms(&room->node->clock), recent);
    for (size_t i = 0; i < n && has_place_for_danmaku(stream); i++)
        sv_stream_push(stream, recent[i]);
}

static int too_many_rooms(synctv_error *err)
{
    return sv_errorf(err, SYNCTV_E_ROOM_LIMIT,
        "a stream follows at most %d rooms: open one for each room", SV_STREAM_MAX_ROOMS);
}

int sv_stream_follow(struct sv_stream *stream, struct sv_room *room, synctv_error *err)
{
    int rv = sv_stream_may_follow(stream, room, err);
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
        return rv == 0 ? 0 : too_many_rooms(err);
    }
    if (first) {
        sv_room_set_idle(room, false);
        if (room->playback.status == SYNCTV_PLAYBACK_STATUS_PLAYING)
            room->reannounce_ms = sv_mono_ms() + SV_REANNOUNCE_MS;
        sv_room_schedule(room);
    }
    /* Again, for who stopped being a platform admin meanwhile: from here on the follow is found by
     * who looks for what they lose. */
    rv = sv_stream_may_follow(stream, room, err);
    if (rv < 0) {
        follow->counted = false;
        sv_follow_end(follow);
        return rv;
    }
    /* The snapshot is the first that this stream sees of the room: before what its own coming
     * causes. */
    push_snapshot(stream, room);
    if (follow->counted) {
        struct sv_actor_info info;
        sv_session_info(stream->session, &info);
        rv = sv_presence_enter(room, &info);
        if (rv < 0) {
            follow->counted = false;
            sv_follow_end(follow);
            return sv_error(err, rv);
        }
    }
    return 0;
}

void sv_follow_end(struct sv_follow *follow)
{
    struct sv_room *room = follow->room;
    struct sv_stream *stream = follow->stream;
    pthread_mutex_lock(&stream->lock);
    sv_list_remove(&follow->in_stream);
    sv_follower_of(stream)->n_follows--;
    pthread_mutex_unlock(&stream->lock);
    sv_list_remove(&follow->in_room);
    if (follow->counted)
        sv_presence_leave(room, stream->session->account->user_id);
    if (sv_list_empty(&room->follows))
        sv_room_set_idle(room, true);
    sv_stream_unref(stream);
    free(follow);
    sv_room_unref(room); /* never the last one: whoever holds the lock holds the room */
}

void sv_follow_check(struct sv_follow *follow)
{
    struct sv_stream *stream = follow->stream;
    int rv = sv_stream_may_follow(stream, follow->room, NULL);
    if (!follow->counted || rv >= 0)
        return;
    if (stream->room_id[0] != '\0')
        sv_stream_end(stream, rv, NULL);
    sv_follow_end(follow);
}

static void check_follow(struct sv_stream *stream, struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    pthread_mutex_lock(&stream->lock);
    struct sv_follow *follow = find_follow(stream, room);
    pthread_mutex_unlock(&stream->lock);
    if (follow != NULL)
        sv_follow_check(follow);
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
        check_follow(stream, rooms[i]);
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

static void unfollow_all(struct sv_stream *stream)
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
            sv_follow_end(follow);
        pthread_mutex_unlock(&room->lock);
        sv_room_unref(room);
    }
}

/* --- what goes on in the background after a stream was opened --- */

static struct sv_call *background_call(struct sv_stream *stream, const char *room_id,
    const char *password)
{
    struct sv_call *call = sv_call_new_internal(stream->session);
    if (call == NULL)
        return NULL;
    synctv_request *req = sv_arena_alloc(&call->arena, sizeof(*req));
    if (req != NULL) {
        req->room_id = sv_arena_strdup(&call->arena, room_id);
        req->password = sv_arena_strdup(&call->arena, password);
    }
    if (req == NULL || req->room_id == NULL || req->password == NULL) {
        sv_call_finish(call);
        return NULL;
    }
    call->req = req;
    call->kept = true;
    call->opening = sv_stream_begin_call(stream);
    return call;
}

/* The stream ends with what went wrong. */
static void open_failed(struct sv_call *call, int code)
{
    if (call->err.code == code)
        sv_stream_end_with(call->opening, &call->err);
    else
        sv_stream_end(call->opening, code, NULL);
    sv_call_finish(call);
}

static int follow_loaded_room(struct sv_call *call)
{
    struct sv_room *room = call->room;
    pthread_mutex_lock(&room->lock);
    int rv = room->gone ? sv_error(&call->err, SYNCTV_E_ROOM_NOT_FOUND)
                        : sv_stream_follow(call->opening, room, &call->err);
    pthread_mutex_unlock(&room->lock);
    return rv;
}

/* On a hashing thread: a guest's password for the room, against what the room had when it was
 * looked at. */
static void check_guest(struct sv_call *call)
{
    const char *password_hash = call->state;
    int rv = sv_password_verify(password_hash, call->req->password);
    if (rv == SYNCTV_E_LOGIN_FAILED)
        rv = sv_error(&call->err, SYNCTV_E_ROOM_PASSWORD_WRONG);
    if (rv >= 0) {
        struct sv_room *room = call->room;
        pthread_mutex_lock(&room->lock);
        if (strcmp(room->password_hash, password_hash) == 0)
            atomic_store(&sv_follower_of(call->opening)->guest_ok, true);
        pthread_mutex_unlock(&room->lock);
        rv = follow_loaded_room(call);
    }
    if (rv < 0)
        open_failed(call, rv);
    else
        sv_call_finish(call);
}

static void bound_room_loaded(struct sv_call *call)
{
    int rv = follow_loaded_room(call);
    if (rv >= 0) {
        sv_call_finish(call);
        return;
    }
    if (rv != SYNCTV_E_ROOM_PASSWORD_WRONG || call->req->password[0] == '\0') {
        open_failed(call, rv);
        return;
    }
    pthread_mutex_lock(&call->room->lock);
    call->state = (char *)sv_arena_strdup(&call->arena, call->room->password_hash);
    pthread_mutex_unlock(&call->room->lock);
    call->err.code = 0;
    if (call->state == NULL)
        open_failed(call, SYNCTV_E_NO_MEMORY);
    else if ((rv = sv_call_need_rate(call, SV_RATE_HASHES)) < 0)
        open_failed(call, rv);
    else
        sv_call_hash(call, check_guest);
}

/* One of the user's rooms. That they are no longer in it is no failure of the stream; but one that
 * silently lacks a room would be worse than none. */
static void further_room_failed(struct sv_call *call, int code)
{
    if (code == SYNCTV_E_ROOM_NOT_FOUND)
        sv_call_finish(call);
    else
        open_failed(call, code);
}

static void further_room_loaded(struct sv_call *call)
{
    int rv = follow_loaded_room(call);
    if (rv == SYNCTV_E_NO_MEMORY || rv == SYNCTV_E_ROOM_LIMIT)
        open_failed(call, rv);
    else
        sv_call_finish(call);
}

static void start_following(struct sv_stream *stream, const char *room_id)
{
    struct sv_call *call = background_call(stream, room_id, "");
    if (call == NULL) {
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
        return;
    }
    call->failed = further_room_failed;
    sv_call_load_room(call, call->req->room_id, further_room_loaded);
}

struct rooms {
    const char *const *ids;
    int n_ids;
};

static int list_rooms_run(struct sv_call *call, struct sv_tx *tx)
{
    struct rooms *rooms = call->state;
    rooms->n_ids = 0;
    int rv = tx->ops->member_rooms(tx, call->actor.user_id, SV_STREAM_MAX_ROOMS + 1, &call->arena,
        &rooms->ids);
    if (rv > SV_STREAM_MAX_ROOMS)
        return too_many_rooms(&call->err);
    if (rv >= 0)
        rooms->n_ids = rv;
    return rv;
}

static void rooms_listed(struct sv_call *call)
{
    struct rooms *rooms = call->state;
    for (int i = 0; i < rooms->n_ids; i++)
        start_following(call->opening, rooms->ids[i]);
    sv_call_finish(call);
}

static void begin(struct sv_stream *stream, const char *room_password)
{
    struct sv_call *call = background_call(stream, stream->room_id, room_password);
    if (call == NULL) {
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
        return;
    }
    call->failed = open_failed;
    if (stream->room_id[0] != '\0')
        sv_call_load_room(call, call->req->room_id, bound_room_loaded);
    else if ((call->state = sv_arena_alloc(&call->arena, sizeof(struct rooms))) == NULL)
        sv_call_abort(call, SYNCTV_E_NO_MEMORY);
    else
        sv_call_read(call, list_rooms_run, rooms_listed);
}

void sv_streams_follow_room(synctv_node *node, const char *user_id, const char *room_id)
{
    struct sv_stream **streams;
    int n = sv_streams_of_user(node, user_id, &streams);
    if (n < 0)
        sv_logf(&node->log, SYNCTV_LOG_WARN, "node", "out of memory: streams miss the room %s",
            room_id);
    for (int i = 0; i < n; i++) {
        if (streams[i]->room_id[0] == '\0')
            start_following(streams[i], room_id);
        sv_stream_unref(streams[i]);
    }
    free(streams);
}

/* --- those that observe all rooms --- */

static void observe(struct sv_follower *follower)
{
    synctv_node *node = follower->stream.node;
    pthread_mutex_lock(&node->rooms.lock);
    sv_list_append(&node->rooms.observers, &follower->in_observers);
    atomic_fetch_add(&node->rooms.n_observers, 1);
    pthread_mutex_unlock(&node->rooms.lock);
}

static void unobserve(struct sv_follower *follower)
{
    synctv_node *node = follower->stream.node;
    pthread_mutex_lock(&node->rooms.lock);
    sv_list_remove(&follower->in_observers);
    atomic_fetch_sub(&node->rooms.n_observers, 1);
    pthread_mutex_unlock(&node->rooms.lock);
}

void sv_observers_push(synctv_node *node, const synctv_event *event)
{
    pthread_mutex_lock(&node->rooms.lock);
    SV_LIST_FOREACH(it, &node->rooms.observers)
        sv_stream_push(&SV_CONTAINER_OF(it, struct sv_follower, in_observers)->stream, event);
    pthread_mutex_unlock(&node->rooms.lock);
}

void sv_observers_end(synctv_node *node, int code)
{
    pthread_mutex_lock(&node->rooms.lock);
    SV_LIST_FOREACH(it, &node->rooms.observers)
        sv_stream_end(&SV_CONTAINER_OF(it, struct sv_follower, in_observers)->stream, code, NULL);
    pthread_mutex_unlock(&node->rooms.lock);
}

/* --- what a stream tells --- */

void sv_follower_init(struct sv_stream *stream)
{
    struct sv_follower *follower = sv_follower_of(stream);
    follower->observer = stream->session->kind == SV_SESSION_SYSTEM && stream->room_id[0] == '\0';
    sv_list_init(&follower->in_observers);
    sv_list_init(&follower->follows);
}

void sv_follower_opened(struct sv_stream *stream, const char *room_password)
{
    if (sv_follower_of(stream)->observer)
        observe(sv_follower_of(stream));
    else
        begin(stream, room_password);
}

/* The system's sessions end with nothing, so an observer is over once. */
void sv_follower_over(struct sv_stream *stream)
{
    unfollow_all(stream);
    if (sv_follower_of(stream)->observer)
        unobserve(sv_follower_of(stream));
}
