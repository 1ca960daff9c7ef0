/* SPDX-License-Identifier: MIT */
#include "node/rooms/opening.h"

#include <stdlib.h>
#include <string.h>

#include "auth/password.h"
#include "base/error.h"
#include "base/text.h"
#include "node/people/check.h"
#include "node/rooms/follow.h"
#include "node/rooms/load.h"

static struct sv_call *background_call(struct sv_stream *stream, const char *room_id,
    const char *password)
{
    struct sv_call *call = sv_stream_call_new(stream, NULL);
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
    return call;
}

/* The stream ends with what went wrong. */
static void open_failed(struct sv_call *call, int code)
{
    if (call->err.code == code)
        sv_stream_end_with(sv_stream_of_call(call), &call->err);
    else
        sv_stream_end(sv_stream_of_call(call), code, NULL);
    sv_call_finish(call);
}

static int follow_loaded_room(struct sv_call *call)
{
    struct sv_room *room = call->room;
    pthread_mutex_lock(&room->lock);
    int rv = room->gone ? sv_error(&call->err, SYNCTV_E_ROOM_NOT_FOUND)
                        : sv_stream_follow(sv_stream_of_call(call), room, &call->err);
    pthread_mutex_unlock(&room->lock);
    return rv;
}

/*
 * On a hashing thread: compares a guest's password with the one that the room had when it was
 * looked at.
 */
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
            atomic_store(&sv_follower_of(sv_stream_of_call(call))->guest_ok, true);
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

/*
 * One of the user's rooms. The stream goes on if they are no longer in it. Otherwise it ends: a
 * stream that silently lacks a room would be worse than none.
 */
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

static void start_following(struct sv_stream *stream, const char *room_id,
    void (*failed)(struct sv_call *call, int code))
{
    struct sv_call *call = background_call(stream, room_id, "");
    if (call == NULL) {
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
        return;
    }
    call->failed = failed;
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
        return sv_too_many_rooms(&call->err);
    if (rv >= 0)
        rooms->n_ids = rv;
    return rv;
}

static void rooms_listed(struct sv_call *call)
{
    struct rooms *rooms = call->state;
    for (int i = 0; i < rooms->n_ids; i++)
        start_following(sv_stream_of_call(call), rooms->ids[i], further_room_failed);
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
            start_following(streams[i], room_id, further_room_failed);
        sv_stream_unref(streams[i]);
    }
    free(streams);
}

static void looked_in_vain(struct sv_call *call, int code)
{
    sv_call_finish(call);
}

void sv_stream_come_into(struct sv_stream *stream, const char *room_id)
{
    start_following(stream, room_id, looked_in_vain);
}

/* --- what a stream tells --- */

void sv_follower_opened(struct sv_stream *stream, const char *room_password)
{
    if (sv_follower_of(stream)->observer)
        sv_observer_add(sv_follower_of(stream));
    else
        begin(stream, room_password);
}

/* The system's sessions end with nothing, so an observer is over once. */
void sv_follower_over(struct sv_stream *stream)
{
    sv_stream_unfollow_all(stream);
    if (sv_follower_of(stream)->observer)
        sv_observer_remove(sv_follower_of(stream));
}
