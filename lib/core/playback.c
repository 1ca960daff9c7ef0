/* SPDX-License-Identifier: MIT */
#include "core/playback.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "core/validate.h"

/* Versions stay within what a signed 64-bit number holds, which every database has. */
#define VERSION_MAX ((uint64_t)INT64_MAX)

/* Later than any time that is computed here; a double holds it exactly. */
static int64_t ms_from_double(double ms)
{
    const double max = 9007199254740992.0; /* 2^53 */
    return (int64_t)fmin(fmax(ms, 0), max);
}

void sv_playback_init(struct sv_playback_state *state)
{
    *state = (struct sv_playback_state){
        .status = SYNCTV_PLAYBACK_STATUS_PAUSED,
        .rate = 1,
        .version = 1, /* 0 could not be expected: as expected_version it means any */
    };
}

static bool is_playing(const struct sv_playback_state *state)
{
    return state->status == SYNCTV_PLAYBACK_STATUS_PLAYING && state->movie_id[0] != '\0';
}

int sv_playback_load(const synctv_playback *from, struct sv_playback_state *ret, synctv_error *err)
{
    bool has_movie = !sv_str_empty(from->movie_id);
    if (has_movie && !sv_id_valid(from->movie_id))
        return sv_error_field(err, "movie_id", "is not an id");
    if (!sv_str_empty(from->node_id) && !sv_name_valid(from->node_id, SV_NODE_ID_MAX))
        return sv_error_field(err, "node_id", "is not the name of a node");
    if (from->status != SYNCTV_PLAYBACK_STATUS_PAUSED &&
        (from->status != SYNCTV_PLAYBACK_STATUS_PLAYING || !has_movie))
        return sv_error_field(err, "status", "is neither paused nor playing a movie");
    int rv = sv_position_validate(from->position_s, 0, "current_time", err);
    if (rv < 0 || (rv = sv_rate_validate(from->rate, err)) < 0)
        return rv;
    if (from->updated_at_ms < 0)
        return sv_error_field(err, "updated_at", "is before 1970");
    if (from->version > VERSION_MAX)
        return sv_error_field(err, "version", "is too high to be followed by another one");
    *ret = (struct sv_playback_state){
        .status = from->status,
        .position_s = has_movie ? from->position_s : 0,
        .rate = from->rate,
        .updated_at_ms = from->updated_at_ms,
        .version = from->version,
    };
    sv_text_copy(ret->movie_id, sizeof(ret->movie_id), from->movie_id);
    sv_text_copy(ret->node_id, sizeof(ret->node_id), from->node_id);
    return 0;
}

void sv_playback_view(const struct sv_playback_state *state, synctv_playback *ret)
{
    *ret = (synctv_playback){
        .room_id = "",
        .movie_id = state->movie_id,
        .status = state->status,
        .position_s = state->position_s,
        .rate = state->rate,
        .updated_at_ms = state->updated_at_ms,
        .version = state->version,
        .actor_id = "",
        .operation_id = "",
        .node_id = state->node_id,
    };
}

static double clamp_position(double position_s, double duration_s)
{
    if (duration_s > 0 && position_s > duration_s)
        return duration_s;
    return position_s > 0 ? position_s : 0;
}

double sv_playback_position_at(const struct sv_playback_state *state, int64_t now_ms,
    double duration_s)
{
    double position_s = state->position_s;
    if (is_playing(state) && now_ms > state->updated_at_ms)
        position_s += ((double)now_ms - (double)state->updated_at_ms) / 1000 * state->rate;
    return clamp_position(position_s, duration_s);
}

bool sv_playback_newer(const struct sv_playback_state *a, const struct sv_playback_state *b)
{
    if (a->version != b->version)
        return a->version > b->version;
    return strcmp(a->node_id, b->node_id) > 0;
}

double sv_playback_delay_s(int64_t now_ms, int64_t client_time_ms)
{
    if (client_time_ms <= 0 || client_time_ms >= now_ms)
        return 0;
    int64_t delay_ms = now_ms - client_time_ms;
    if (delay_ms > SV_DELAY_PLAUSIBLE_MS)
        return 0;
    return (double)(delay_ms < SV_DELAY_MAX_MS ? delay_ms : SV_DELAY_MAX_MS) / 1000;
}

static int check_version(const struct sv_playback_state *from,
    const struct sv_playback_change *change, synctv_error *err)
{
    if (change->expected_version != 0 && change->expected_version != from->version)
        return sv_error(err, SYNCTV_E_VERSION_CONFLICT);
    return 0;
}

/* Runs before every change that moves the playhead. `position_s` may be NULL. */
static int check_playhead(const struct sv_playback_state *from,
    const struct sv_playback_change *change, const double *position_s, synctv_error *err)
{
    int rv = check_version(from, change, err);
    if (rv < 0)
        return rv;
    if (from->movie_id[0] == '\0')
        return sv_error(err, SYNCTV_E_NO_CURRENT_MOVIE);
    if (position_s == NULL)
        return 0;
    return sv_position_validate(*position_s, change->duration_s, "position", err);
}

/* `from` at its current position, with the fields that every new state has. */
static struct sv_playback_state next_state(const struct sv_playback_state *from,
    const struct sv_playback_change *change)
{
    struct sv_playback_state s = *from;
    s.position_s = sv_playback_position_at(from, change->now_ms, change->duration_s);
    s.updated_at_ms = change->now_ms;
    uint64_t now = change->now_ms > 0 ? (uint64_t)change->now_ms : 0;
    s.version = from->version < VERSION_MAX ? from->version + 1 : VERSION_MAX;
    if (s.version < now)
        s.version = now;
    sv_text_copy(s.node_id, sizeof(s.node_id), change->node_id);
    return s;
}

int sv_playback_play(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const double *position_s, struct sv_playback_state *ret, synctv_error *err)
{
    int rv = check_playhead(from, change, position_s, err);
    if (rv < 0)
        return rv;
    struct sv_playback_state s = next_state(from, change);
    if (position_s != NULL) {
        double way_s = sv_playback_delay_s(change->now_ms, change->client_time_ms) * s.rate;
        s.position_s = clamp_position(*position_s + way_s, change->duration_s);
    } else if (change->duration_s > 0 && s.position_s >= change->duration_s) {
        s.position_s = 0;
    }
    s.status = SYNCTV_PLAYBACK_STATUS_PLAYING;
    *ret = s;
    return 0;
}

int sv_playback_pause(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const double *position_s, struct sv_playback_state *ret, synctv_error *err)
{
    int rv = check_playhead(from, change, position_s, err);
    if (rv < 0)
        return rv;
    struct sv_playback_state s = next_state(from, change);
    if (position_s != NULL)
        s.position_s = clamp_position(*position_s, change->duration_s);
    s.status = SYNCTV_PLAYBACK_STATUS_PAUSED;
    *ret = s;
    return 0;
}

int sv_playback_seek(const struct sv_playback_state *from, const struct sv_playback_change *change,
    double position_s, struct sv_playback_state *ret, synctv_error *err)
{
    int rv = check_playhead(from, change, &position_s, err);
    if (rv < 0)
        return rv;
    struct sv_playback_state s = next_state(from, change);
    s.position_s = clamp_position(position_s, change->duration_s);
    *ret = s;
    return 0;
}

int sv_playback_set_rate(const struct sv_playback_state *from,
    const struct sv_playback_change *change, double rate, struct sv_playback_state *ret,
    synctv_error *err)
{
    int rv = check_version(from, change, err);
    if (rv < 0 || (rv = sv_rate_validate(rate, err)) < 0)
        return rv;
    struct sv_playback_state s = next_state(from, change);
    s.rate = rate;
    *ret = s;
    return 0;
}

int sv_playback_set_movie(const struct sv_playback_state *from,
    const struct sv_playback_change *change, const char *movie_id, synctv_playback_status status,
    struct sv_playback_state *ret, synctv_error *err)
{
    int rv = check_version(from, change, err);
    if (rv < 0 || (rv = sv_id_validate(movie_id, "movie_id", err)) < 0)
        return rv;
    struct sv_playback_state s = next_state(from, change);
    sv_text_copy(s.movie_id, sizeof(s.movie_id), movie_id);
    s.position_s = 0;
    s.status = status == SYNCTV_PLAYBACK_STATUS_PLAYING ? SYNCTV_PLAYBACK_STATUS_PLAYING
                                                        : SYNCTV_PLAYBACK_STATUS_PAUSED;
    *ret = s;
    return 0;
}

int sv_playback_clear_movie(const struct sv_playback_state *from,
    const struct sv_playback_change *change, struct sv_playback_state *ret, synctv_error *err)
{
    int rv = check_version(from, change, err);
    if (rv < 0)
        return rv;
    struct sv_playback_state s = next_state(from, change);
    s.movie_id[0] = '\0';
    s.position_s = 0;
    s.status = SYNCTV_PLAYBACK_STATUS_PAUSED;
    *ret = s;
    return 0;
}

void sv_playback_anchor(const struct sv_playback_state *from, int64_t was_ms,
    const struct sv_playback_change *change, struct sv_playback_state *ret)
{
    struct sv_playback_state s = next_state(from, change);
    s.position_s = sv_playback_position_at(from, was_ms, change->duration_s);
    *ret = s;
}

int64_t sv_playback_ends_at_ms(const struct sv_playback_state *state, double duration_s)
{
    if (!is_playing(state) || !(duration_s > 0))
        return 0;
    double left_s = duration_s - clamp_position(state->position_s, duration_s);
    double left_ms = ceil(left_s / state->rate * 1000);
    if (duration_s * 1000 < SV_SHORTEST_MS)
        left_ms = SV_SHORTEST_MS;
    return ms_from_double((double)state->updated_at_ms + left_ms + SV_END_GRACE_MS);
}

void sv_playback_end(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const char *next_id, struct sv_playback_state *ret)
{
    struct sv_playback_state s = next_state(from, change);
    bool goes_on = next_id != NULL && sv_id_valid(next_id);
    if (goes_on) {
        sv_text_copy(s.movie_id, sizeof(s.movie_id), next_id);
        s.position_s = 0;
    }
    s.status = goes_on ? SYNCTV_PLAYBACK_STATUS_PLAYING : SYNCTV_PLAYBACK_STATUS_PAUSED;
    *ret = s;
}

void sv_playback_end_node(uint64_t revision, char ret[SV_END_NODE_SIZE])
{
    snprintf(ret, SV_END_NODE_SIZE, SV_END_NODE_PREFIX "%020" PRIu64, revision);
}

bool sv_node_id_valid(const char *id)
{
    return sv_name_valid(id, SV_NODE_ID_MAX) &&
        strncmp(id, SV_END_NODE_PREFIX, sizeof(SV_END_NODE_PREFIX) - 1) != 0;
}

uint64_t sv_playback_end_random(const char *room_id, uint64_t version)
{
    static const uint64_t key[2] = { 0, 0 }; /* no secret: all nodes have the same */
    char text[SV_ID_SIZE + 24];
    int len = snprintf(text, sizeof(text), "%.*s %" PRIu64, SV_ID_SIZE - 1, room_id, version);
    return sv_siphash(key, text, (size_t)len);
}

double sv_playback_drift_s(const struct sv_playback_state *state, int64_t now_ms, double duration_s,
    double client_position_s)
{
    if (!isfinite(client_position_s))
        return INFINITY;
    return client_position_s - sv_playback_position_at(state, now_ms, duration_s);
}

bool sv_playback_is_off(const struct sv_playback_state *state, int64_t now_ms, double duration_s,
    const char *client_movie_id, double client_position_s)
{
    if (strcmp(sv_str(client_movie_id), state->movie_id) != 0)
        return true;
    if (state->movie_id[0] == '\0')
        return false;
    return fabs(sv_playback_drift_s(state, now_ms, duration_s, client_position_s)) > SV_DRIFT_MAX_S;
}
