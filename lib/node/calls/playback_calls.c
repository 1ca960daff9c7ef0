/* SPDX-License-Identifier: MIT */
/*
 * Playing, pausing, seeking. They change the room in memory, under its lock; storage gets the new
 * state later.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/guard.h"
#include "node/calls/handlers.h"
#include "node/rooms/apply.h"
#include "node/rooms/clock.h"
#include "node/rooms/decide.h"
#include "node/rooms/follow.h"
#include "node/rooms/load.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"
#include "node/rooms/share.h"
#include "node/rooms/tell.h"
#include "node/rooms/view.h"

/* --- the five commands --- */

/* Works out the new state of the room. Locked. */
typedef int transition(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret);

static int to_rate(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    return sv_playback_set_rate(&call->room->playback, change, call->req->rate, ret, &call->err);
}

/* Play and pause on a stream may have a rate, too. Viewers get both as one change. */
static int with_rate(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    *ret = call->room->playback;
    if (!call->req->has_rate)
        return 0;
    int rv = sv_room_need(call->room, &call->actor, SYNCTV_PERM_CHANGE_PLAYBACK_RATE, &call->err);
    if (rv >= 0)
        rv = to_rate(call, change, ret);
    change->expected_version = 0; /* the change of the rate has checked it */
    return rv;
}

static int to_playing(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    int rv = with_rate(call, change, ret);
    const double *position_s = call->req->has_position ? &call->req->position_s : NULL;
    return rv < 0 ? rv : sv_playback_play(ret, change, position_s, ret, &call->err);
}

static int to_paused(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    int rv = with_rate(call, change, ret);
    const double *position_s = call->req->has_position ? &call->req->position_s : NULL;
    return rv < 0 ? rv : sv_playback_pause(ret, change, position_s, ret, &call->err);
}

static int to_position(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    return sv_playback_seek(&call->room->playback, change, call->req->position_s, ret, &call->err);
}

static int to_movie(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    const synctv_movie *movie = sv_playlist_get(&call->room->movies, call->req->movie_id);
    if (movie == NULL)
        return sv_error(&call->err, SYNCTV_E_MOVIE_NOT_FOUND);
    change->duration_s = movie->duration_s;
    return sv_playback_set_movie(&call->room->playback, change, movie->id,
        call->req->autoplay ? SYNCTV_PLAYBACK_STATUS_PLAYING : SYNCTV_PLAYBACK_STATUS_PAUSED, ret,
        &call->err);
}

struct command {
    uint64_t permission;
    synctv_state_cause cause;
    transition *transition;
};

static const struct command commands[SYNCTV_N_METHODS] = {
    [SYNCTV_METHOD_PLAY] = { SYNCTV_PERM_PLAY_CONTROL, SYNCTV_STATE_CAUSE_PLAY, to_playing },
    [SYNCTV_METHOD_PAUSE] = { SYNCTV_PERM_PLAY_CONTROL, SYNCTV_STATE_CAUSE_PAUSE, to_paused },
    [SYNCTV_METHOD_SEEK] = { SYNCTV_PERM_PLAY_CONTROL, SYNCTV_STATE_CAUSE_SEEK, to_position },
    [SYNCTV_METHOD_SET_PLAYBACK_RATE] = { SYNCTV_PERM_CHANGE_PLAYBACK_RATE, SYNCTV_STATE_CAUSE_RATE,
        to_rate },
    [SYNCTV_METHOD_SET_CURRENT_MOVIE] = { SYNCTV_PERM_CHANGE_CURRENT_MOVIE,
        SYNCTV_STATE_CAUSE_MOVIE, to_movie },
};

/* Puts the state as it is into the result: of a success, or of a conflict. Locked. */
static int answer_state(struct sv_call *call, synctv_state_cause cause, const char *actor_id)
{
    synctv_result *result = sv_call_result(call);
    synctv_playback *state =
        result == NULL ? NULL : sv_arena_alloc(sv_result_arena(result), sizeof(*state));
    if (state == NULL || sv_room_fill_state(call->room, sv_result_arena(result), cause, state) < 0)
        return sv_error(&call->err, SYNCTV_E_NO_MEMORY);
    state->actor_id = sv_arena_strdup(sv_result_arena(result), actor_id);
    if (state->actor_id == NULL)
        return sv_error(&call->err, SYNCTV_E_NO_MEMORY);
    result->state = state;
    return 0;
}

/* Sends the state to one stream that is out of sync. Locked, so that states keep their order. */
static void resync(struct sv_call *call, struct sv_room *room)
{
    synctv_event *event = sv_room_state_event(room, SYNCTV_STATE_CAUSE_RESYNC, "", "");
    if (event != NULL)
        sv_stream_push(sv_stream_of_call(call), event);
    synctv_event_unref(event);
}

/*
 * The caller acted on an old state, and gets the current one: in the result beside the error, or on
 * the stream behind it. Locked.
 */
static void send_conflict(struct sv_call *call, struct sv_room *room)
{
    if (call->done != NULL)
        answer_state(call, SYNCTV_STATE_CAUSE_RESYNC, "");
    if (call->origin == NULL)
        return;
    sv_stream_push_error(sv_stream_of_call(call), &call->err, room->id, call->req->message_id);
    resync(call, room);
}

/* Locked. */
static int run_command(struct sv_call *call, const struct command *command)
{
    struct sv_room *room = call->room;
    sv_playhead_end_if_due(room);
    struct sv_playback_change change = sv_playhead_change(room);
    change.expected_version = call->req->expected_version;
    change.client_time_ms = call->req->client_time_ms;
    struct sv_playback_state state;
    int rv = sv_call_recheck_in_memory(call);
    if (rv >= 0)
        rv = sv_call_need_in_room(call, room, command->permission);
    if (rv >= 0)
        rv = command->transition(call, &change, &state);
    if (rv == SYNCTV_E_VERSION_CONFLICT)
        send_conflict(call, room);
    if (rv < 0)
        return rv;
    sv_room_apply(room,
        &(struct sv_room_change){
            .room_id = room->id,
            .actor_id = call->actor.user_id,
            .state = &state,
            .cause = command->cause,
            .operation_id = call->origin == NULL ? "" : call->req->message_id,
        });
    return call->done == NULL ? 0 : answer_state(call, command->cause, call->actor.user_id);
}

static void room_loaded(struct sv_call *call)
{
    int rv = sv_call_lock_room(call);
    if (rv == 0) {
        rv = run_command(call, &commands[call->req->method]);
        pthread_mutex_unlock(&call->room->lock);
    }
    if (rv >= 0 || (rv == SYNCTV_E_VERSION_CONFLICT && call->origin != NULL))
        sv_call_finish(call);
    else
        sv_call_fail(call, rv);
}

void sv_handle_playback_command(struct sv_call *call)
{
    sv_step_load_room(call, sv_call_begin(call, 0), room_loaded);
}

/* --- status reports --- */

/* Counts a report about a movie whose length the playlist does not know. Locked. */
static void count_vote(struct sv_call *call, struct sv_room *room)
{
    const synctv_request *req = call->req;
    const synctv_movie *movie = sv_playlist_get(&room->movies, room->playback.movie_id);
    if (movie == NULL || !sv_presence_is_here(room, call->actor.user_id))
        return;
    const struct sv_report report = {
        .user_id = call->actor.user_id,
        .position_s = req->position_s,
        .ended = req->ended,
        .duration_s = movie->type == SYNCTV_MOVIE_TYPE_LIVE ? 0 : req->duration_s,
    };
    sv_share_vote(room, &report);
    sv_room_count_report(room, &report);
    sv_room_decide(room);
}

/* A player at the end of the movie is corrected only if the room is far from the end. Locked. */
static bool is_out_of_sync(const struct sv_call *call, struct sv_room *room)
{
    const synctv_request *req = call->req;
    int64_t now_ms = sv_room_now_ms(room);
    double duration_s = sv_room_duration(room);
    if (req->buffering ||
        !sv_playback_is_off(&room->playback, now_ms, duration_s, sv_str(req->movie_id),
            req->position_s))
        return false;
    return !req->ended || strcmp(sv_str(req->movie_id), room->playback.movie_id) != 0 ||
        fabs(sv_playback_drift_s(&room->playback, now_ms, duration_s, req->position_s)) >
        SV_VOTE_FITS_S;
}

/* The stream follows the room. Locked. */
static void handle_report(struct sv_call *call, struct sv_room *room)
{
    sv_playhead_end_if_due(room);
    uint64_t version = room->playback.version;
    if (room->playback.movie_id[0] == '\0')
        return;
    if (strcmp(sv_str(call->req->movie_id), room->playback.movie_id) == 0 &&
        sv_room_duration(room) == 0)
        count_vote(call, room);
    if (room->playback.version == version && is_out_of_sync(call, room))
        resync(call, room);
}

/* A report about a room that the stream does not follow is ignored. */
void sv_handle_report_status(struct sv_call *call)
{
    int rv = sv_call_begin(call, 0);
    if (rv >= 0)
        rv = sv_position_validate(call->req->position_s, 0, "position", &call->err);
    if (rv < 0) {
        sv_call_fail(call, rv);
        return;
    }
    struct sv_room *room = sv_room_enter(call->node, call->req->room_id);
    if (room != NULL) {
        if (sv_stream_follows(sv_stream_of_call(call), room))
            handle_report(call, room);
        sv_room_leave(room);
    }
    sv_call_finish(call);
}

/* --- the clock --- */

void sv_handle_ping(struct sv_call *call)
{
    synctv_event *event = sv_node_event_new(call->node, SYNCTV_EVENT_PONG);
    if (event == NULL) {
        sv_call_fail(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    event->client_time_ms = call->req->client_time_ms;
    event->server_recv_time_ms = call->received_ms;
    event->server_send_time_ms = event->timestamp_ms;
    sv_stream_push(sv_stream_of_call(call), event);
    synctv_event_unref(event);
    sv_call_finish(call);
}
