/* SPDX-License-Identifier: MIT */
/* Playing, pausing, seeking: changes of memory that storage learns of later. Every one of them runs under the room's lock. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/guard.h"
#include "node/calls/handlers.h"
#include "node/streams/stream.h"

#define LEARNED_DURATION_MAX_S 360000.0
/* An end that is reported this soon after the beginning is that of the movie before, or of the round before; unless it is due. */
#define END_PLAUSIBLE_S 3.0

static struct sv_playback_change change_now(struct sv_room *room)
{
    return (struct sv_playback_change){
        .now_ms = sv_room_now_ms(room),
        .node_id = room->node->id,
        .duration_s = sv_room_duration(room),
    };
}

/* --- the five commands --- */

/* Each works out the state that the room gets. Locked. */
typedef int transition(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret);

static int to_rate(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    return sv_playback_set_rate(&call->room->playback, change, call->req->rate, ret, &call->err);
}

/* Play and pause on a stream may bring a rate with them: one change for everybody who watches. */
static int with_rate(struct sv_call *call, struct sv_playback_change *change,
    struct sv_playback_state *ret)
{
    *ret = call->room->playback;
    if (!call->req->has_rate)
        return 0;
    int rv = sv_room_need(call->room, &call->actor, SYNCTV_PERM_CHANGE_PLAYBACK_RATE, &call->err);
    if (rv >= 0)
        rv = to_rate(call, change, ret);
    change->expected_version = 0; /* met by the rate's change */
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

/* The answer, or what goes with a conflict: the state as it is. Locked. */
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

/* A private state, for a stream that has lost its way. Locked, so that it comes in its place among the others. */
static void resync(struct sv_call *call, struct sv_room *room)
{
    synctv_event *event = sv_room_state_event(room, SYNCTV_STATE_CAUSE_RESYNC, "", "");
    if (event != NULL)
        sv_stream_push(call->stream, event);
    synctv_event_unref(event);
}

/* Somebody acted on a state that is no more. They are told of the one that is: beside the error, or on their stream behind it. Locked. */
static void tell_conflict(struct sv_call *call, struct sv_room *room)
{
    if (call->done != NULL)
        answer_state(call, SYNCTV_STATE_CAUSE_RESYNC, "");
    if (call->stream == NULL)
        return;
    sv_stream_push_error(call->stream, &call->err, room->id, call->req->message_id);
    resync(call, room);
}

/* Locked. */
static int carry_out(struct sv_call *call, const struct command *command)
{
    struct sv_room *room = call->room;
    struct sv_playback_change change = change_now(room);
    change.expected_version = call->req->expected_version;
    change.client_time_ms = call->req->client_time_ms;
    struct sv_playback_state state;
    int rv = sv_guard_room(call, room, command->permission);
    if (rv >= 0)
        rv = command->transition(call, &change, &state);
    if (rv == SYNCTV_E_VERSION_CONFLICT)
        tell_conflict(call, room);
    if (rv < 0)
        return rv;
    room->playback = state;
    sv_room_tell_state(room, command->cause, call->actor.user_id,
        call->stream == NULL ? "" : call->req->message_id);
    return call->done == NULL ? 0 : answer_state(call, command->cause, call->actor.user_id);
}

static void room_loaded(struct sv_call *call)
{
    int rv = sv_guard_lock(call);
    if (rv == 0) {
        rv = carry_out(call, &commands[call->req->method]);
        pthread_mutex_unlock(&call->room->lock);
    }
    if (rv >= 0 || (rv == SYNCTV_E_VERSION_CONFLICT && call->stream != NULL))
        sv_call_finish(call);
    else
        sv_call_fail(call, rv);
}

static void handle_command(struct sv_call *call)
{
    int rv = sv_call_need_active(call);
    if (rv >= 0 && call->stream == NULL)
        rv = sv_call_need_rate(call, SV_RATE_CALLS);
    if (rv >= 0)
        rv = sv_call_need_id(call, call->req->room_id, "room_id");
    if (rv >= 0 && call->req->method == SYNCTV_METHOD_SET_CURRENT_MOVIE)
        rv = sv_call_need_id(call, call->req->movie_id, "movie_id");
    if (rv < 0)
        sv_call_fail(call, rv);
    else
        sv_call_load_room(call, call->req->room_id, room_loaded);
}

void sv_handle_play(struct sv_call *call)
{
    handle_command(call);
}

void sv_handle_pause(struct sv_call *call)
{
    handle_command(call);
}

void sv_handle_seek(struct sv_call *call)
{
    handle_command(call);
}

void sv_handle_set_playback_rate(struct sv_call *call)
{
    handle_command(call);
}

void sv_handle_set_current_movie(struct sv_call *call)
{
    handle_command(call);
}

/* --- what happens to the playhead by itself; locked --- */

void sv_playback_movie_removed(struct sv_room *room, const char *movie_id, const char *actor_id)
{
    if (room->playback.movie_id[0] == '\0' ||
        (movie_id != NULL && strcmp(room->playback.movie_id, movie_id) != 0))
        return;
    struct sv_playback_change change = change_now(room);
    if (sv_playback_clear_movie(&room->playback, &change, &room->playback, NULL) >= 0)
        sv_room_tell_state(room, SYNCTV_STATE_CAUSE_MOVIE, actor_id, "");
}

void sv_room_movie_ended(struct sv_room *room)
{
    if (room->ended_version == room->playback.version)
        return;
    room->ended_version = room->playback.version;

    uint64_t random = 0;
    /* without it shuffle is less random, no worse */
    sv_node_random(room->node, &random, sizeof(random));
    const synctv_movie *next = sv_playlist_next(&room->movies, room->playback.movie_id,
        room->settings.auto_advance, random);
    struct sv_playback_change change = change_now(room);
    int rv;
    if (next != NULL) {
        change.duration_s = next->duration_s;
        rv = sv_playback_set_movie(&room->playback, &change, next->id,
            SYNCTV_PLAYBACK_STATUS_PLAYING, &room->playback, NULL);
    } else {
        rv = sv_playback_pause(&room->playback, &change, NULL, &room->playback, NULL);
        room->ended_version = room->playback.version;
    }
    if (rv >= 0)
        sv_room_tell_state(room, SYNCTV_STATE_CAUSE_ENDED, "", "");
}

/* --- status reports --- */

/* How long a movie is that the playlist says nothing about; only who may control playback is believed. */
static void learn_duration(struct sv_room *room, double duration_s)
{
    if (!isfinite(duration_s) || duration_s <= 0 || duration_s > LEARNED_DURATION_MAX_S ||
        sv_room_duration(room) == duration_s)
        return;
    const synctv_movie *movie = sv_playlist_get(&room->movies, room->playback.movie_id);
    if (movie == NULL || movie->duration_s > 0 || movie->type == SYNCTV_MOVIE_TYPE_LIVE)
        return;
    memcpy(room->learned_movie_id, movie->id, strlen(movie->id) + 1);
    room->learned_duration_s = duration_s;
    sv_room_schedule(room);
}

/* Counts this user's vote that the state `version` has come to its end. */
static void vote(struct sv_room *room, const struct sv_actor_info *who, uint64_t version)
{
    struct sv_roster_entry *entry = sv_roster_get(&room->roster, who->user_id);
    if (room->reported_version != version) {
        room->reported_version = version;
        room->ended_reports = 0;
    }
    if (entry == NULL || entry->n_streams == 0 || entry->ended_version == version)
        return;
    entry->ended_version = version;
    room->ended_reports++;
}

/* The end was reported: by somebody in control, or does it make most of those who watch? */
static bool is_end(struct sv_room *room, const struct sv_actor_info *who, bool in_control)
{
    const struct sv_playback_state *playback = &room->playback;
    double duration_s = sv_room_duration(room);
    if (playback->status != SYNCTV_PLAYBACK_STATUS_PLAYING ||
        room->ended_version == playback->version)
        return false;
    int64_t now_ms = sv_room_now_ms(room);
    int64_t ends_at_ms = sv_playback_ends_at_ms(playback, duration_s);
    bool is_due = ends_at_ms != 0 && ends_at_ms - SV_END_GRACE_MS <= now_ms;
    if (sv_playback_position_at(playback, now_ms, duration_s) < END_PLAUSIBLE_S && !is_due)
        return false;
    vote(room, who, playback->version);
    return in_control || sv_ended_quorum(room->ended_reports, room->n_here);
}

/* Locked; the stream follows the room. */
static void take_report(struct sv_call *call, struct sv_room *room)
{
    const synctv_request *req = call->req;
    if (room->playback.movie_id[0] == '\0')
        return;
    bool same_movie = strcmp(sv_str(req->movie_id), room->playback.movie_id) == 0;
    bool in_control = (sv_room_permissions(room, &call->actor) & SYNCTV_PERM_PLAY_CONTROL) != 0;
    if (same_movie && in_control)
        learn_duration(room, req->duration_s);
    if (same_movie && req->ended) {
        if (is_end(room, &call->actor, in_control))
            sv_room_movie_ended(room);
    } else if (!req->buffering &&
        sv_playback_is_off(&room->playback, sv_room_now_ms(room), sv_room_duration(room),
            sv_str(req->movie_id), req->position_s)) {
        resync(call, room);
    }
}

/* Of a room that the stream does not follow, nothing is to be said. */
void sv_handle_report_status(struct sv_call *call)
{
    int rv = sv_call_need_user(call);
    if (rv >= 0)
        rv = sv_call_need_id(call, call->req->room_id, "room_id");
    if (rv >= 0)
        rv = sv_position_validate(call->req->position_s, 0, "position", &call->err);
    if (rv < 0) {
        sv_call_fail(call, rv);
        return;
    }
    struct sv_room *room = sv_room_enter(call->node, call->req->room_id);
    if (room != NULL) {
        if (sv_stream_follows(call->stream, room))
            take_report(call, room);
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
    sv_stream_push(call->stream, event);
    synctv_event_unref(event);
    sv_call_finish(call);
}
