/* SPDX-License-Identifier: MIT */
/*
 * Keeping a program's player in step with the room, over the public functions of clients and
 * streams.
 */
#include <synctv/player.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/ratelimit.h"
#include "base/text.h"

/* A player that is off by more seeks. The server calls 1.2 s too much. */
#define SEEK_OFF_S 1.0
/* One that is off by more plays faster or slower by this part. */
#define SLEW_OFF_S 0.1
#define SLEW 0.05
/* Players find out lengths that differ a little, and grow: only a larger difference is reported. */
#define LENGTH_OFF_S 1.0
/* The wait after a seek that has not helped. It doubles so often. */
#define SEEK_AGAIN_MS 2000
#define SEEK_DOUBLINGS 4

/*
 * Slower than the server's limit of one a second: the network may bring two reports close together.
 */
static const struct sv_rate report_rate = { .per_second = 0.8, .burst = 2 };

/* What was reported to the server about this movie. */
struct reported {
    bool buffering, ended;
    double duration_s;
};

struct synctv_player {
    synctv_client *client;
    synctv_stream *stream;
    char room_id[SV_ID_SIZE];
    /* All reports have it, so that a refusal can be recognized. */
    char message_id[SV_ID_SIZE];
    /* The room's newest state; NULL = none has come yet. */
    const synctv_event *event;
    /* The state has changed since the last step. */
    bool moved;
    struct reported reported;
    struct sv_bucket reports;
    /* The last report was refused. It is sent again, but not before refused_until_ms. */
    bool refused;
    int64_t refused_until_ms;
    /* Seeks in a row that have not helped. */
    unsigned n_seeks;
    int64_t next_seek_ms;
};

int synctv_player_new(synctv_client *client, synctv_stream *stream, const char *room_id,
    synctv_player **ret_player, synctv_error *ret_error)
{
    room_id = sv_str(room_id);
    if (room_id[0] != '\0' && !sv_id_valid(room_id))
        return sv_error_field(ret_error, "room_id", "this is no id of a room");
    synctv_player *player = calloc(1, sizeof(*player));
    if (player == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    int rv = sv_id_new(player->message_id);
    if (rv < 0) {
        free(player);
        return sv_error(ret_error, rv);
    }
    player->client = client;
    player->stream = stream;
    memcpy(player->room_id, room_id, strlen(room_id) + 1);
    *ret_player = player;
    return 0;
}

void synctv_player_free(synctv_player *player)
{
    if (player == NULL)
        return;
    synctv_event_unref(player->event);
    free(player);
}

/* --- what comes from the room --- */

static void take_state(synctv_player *player, const synctv_event *event)
{
    const synctv_playback *state = event->state;
    const synctv_playback *old = player->event != NULL ? player->event->state : NULL;
    bool other_movie = old == NULL || strcmp(old->movie_id, state->movie_id) != 0;
    if (other_movie || state->cause == SYNCTV_STATE_CAUSE_SNAPSHOT)
        player->reported = (struct reported){ 0 }; /* this server may not have had our reports */
    if (other_movie)
        player->refused = false;
    if (other_movie || old->version != state->version) {
        player->reported.ended = false; /* the movie may end once more */
        player->moved = true;
    }
    synctv_event_unref(player->event);
    player->event = synctv_event_ref(event);
}

void synctv_player_take(synctv_player *player, const synctv_event *event)
{
    if (event->type == SYNCTV_EVENT_STATE &&
        (player->room_id[0] == '\0' || strcmp(player->room_id, event->state->room_id) == 0)) {
        take_state(player, event);
    } else if (event->type == SYNCTV_EVENT_ERROR &&
        strcmp(event->in_reply_to, player->message_id) == 0) {
        player->refused = event->error->retry_after_ms > 0;
        player->refused_until_ms = sv_mono_ms() + event->error->retry_after_ms;
    }
}

/* --- what goes to the server --- */

/* Whether there is something to report. The player has loaded the room's movie. */
static bool has_news(const synctv_player *player, const synctv_player_status *status)
{
    const struct reported *reported = &player->reported;
    return player->refused || status->buffering != reported->buffering ||
        (status->ended && !reported->ended) ||
        (status->duration_s > 0 && fabs(status->duration_s - reported->duration_s) > LENGTH_OFF_S);
}

static void report(synctv_player *player, const synctv_player_status *status)
{
    int64_t now_ms = sv_mono_ms();
    if ((player->refused && now_ms < player->refused_until_ms) ||
        sv_bucket_take(&player->reports, &report_rate, now_ms) > 0)
        return;
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_REPORT_STATUS,
        .room_id = player->room_id, .message_id = player->message_id, .movie_id = status->movie_id,
        .position_s = status->position_s, .duration_s = status->duration_s,
        .buffering = status->buffering, .ended = status->ended);
    if (synctv_stream_send(player->stream, &request, NULL) < 0)
        return;
    player->refused = false;
    player->reported = (struct reported){
        .buffering = status->buffering,
        .ended = status->ended,
        .duration_s = status->duration_s,
    };
}

/* --- what the player is to do --- */

/*
 * The player is too far off to catch up by its speed: it has to seek. Returns whether the server
 * should know that, because seeking has not helped.
 */
static bool jump(synctv_player *player, bool buffering, synctv_player_target *target)
{
    int64_t now_ms = sv_mono_ms();
    if (player->moved)
        player->n_seeks = 0;
    else if (buffering || (player->n_seeks > 0 && now_ms < player->next_seek_ms))
        return false;
    unsigned doublings = player->n_seeks < SEEK_DOUBLINGS ? player->n_seeks : SEEK_DOUBLINGS;
    player->next_seek_ms = now_ms + (SEEK_AGAIN_MS << doublings);
    target->seek = true;
    return player->n_seeks++ > 0;
}

/* The room's movie is loaded. Returns as jump() does. */
static bool correct(synctv_player *player, const synctv_player_status *status,
    synctv_player_target *target)
{
    double ahead_s = status->position_s - target->position_s;
    if (fabs(ahead_s) > SEEK_OFF_S && !(status->ended && ahead_s < 0))
        return jump(player, status->buffering, target);
    player->n_seeks = 0;
    if (fabs(ahead_s) > SLEW_OFF_S && target->playing && !status->buffering && !status->ended)
        target->rate *= ahead_s > 0 ? 1 - SLEW : 1 + SLEW;
    return false;
}

bool synctv_player_step(synctv_player *player, const synctv_player_status *status,
    synctv_player_target *ret_target)
{
    if (player->event == NULL)
        return false;
    const synctv_playback *state = player->event->state;
    synctv_player_status now = *status;
    now.movie_id = sv_str(now.movie_id);
    if (!isfinite(now.position_s) || now.position_s < 0)
        now.position_s = 0;
    if (!isfinite(now.duration_s) || now.duration_s < 0)
        now.duration_s = 0;
    *ret_target = (synctv_player_target){
        .movie_id = state->movie_id,
        .playing = state->status == SYNCTV_PLAYBACK_STATUS_PLAYING,
        .position_s = synctv_client_position(player->client, state, now.duration_s),
        .rate = state->rate,
    };
    if (strcmp(now.movie_id, state->movie_id) != 0) {
        ret_target->seek = state->movie_id[0] != '\0';
        player->n_seeks = 0;
    } else if (state->movie_id[0] != '\0') {
        bool is_lost = correct(player, &now, ret_target);
        if (is_lost || has_news(player, &now))
            report(player, &now);
    }
    player->moved = false;
    return true;
}
