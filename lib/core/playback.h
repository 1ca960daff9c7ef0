/* SPDX-License-Identifier: MIT */
/*
 * Where a room's playhead is, and how it moves ("Playback" in ARCHITECTURE.md).
 *
 * A state says where the playhead was at one moment. While a movie plays, the position follows from
 * the time that has passed. A change makes a new, full state from the old one. The states of one
 * room are ordered by (version, node_id); the highest wins on every node.
 */
#ifndef SV_CORE_PLAYBACK_H
#define SV_CORE_PLAYBACK_H

#include <synctv/types.h>

#include "base/id.h"

#define SV_NODE_ID_MAX 64
#define SV_RATE_MIN 0.25
#define SV_RATE_MAX 4.0
/* The most that is made good for a request's way to the server. */
#define SV_DELAY_MAX_MS 1500
/* A client's clock that is further off than this is ignored. */
#define SV_DELAY_PLAUSIBLE_MS 30000
/* A client that is further off than this gets a RESYNC. */
#define SV_DRIFT_MAX_S 1.2
/* The room goes on to the next movie this long after the end. */
#define SV_END_GRACE_MS 1000
/* A shorter movie counts as this long. */
#define SV_SHORTEST_MS 1000

/* Plain data: copied by assignment, no pointers. */
struct sv_playback_state {
    /* "" = no movie; then the state is paused at 0. */
    char movie_id[SV_ID_SIZE];
    /* The node that made this state. */
    char node_id[SV_NODE_ID_MAX + 1];
    /* PAUSED or PLAYING. */
    synctv_playback_status status;
    /* At updated_at_ms. */
    double position_s;
    double rate;
    /* Node clock. */
    int64_t updated_at_ms;
    uint64_t version;
};

/* What each change needs besides what the caller asks for. */
struct sv_playback_change {
    /* Node clock. */
    int64_t now_ms;
    /* This node. */
    const char *node_id;
    /* The length of the current movie; for set_movie that of the new one. 0 = unknown. */
    double duration_s;
    /* The change fails unless the state has this version; 0 = any version. */
    uint64_t expected_version;
    /* The sender's estimate of the server's time now; 0 = unknown. Only play uses it. */
    int64_t client_time_ms;
};

/* No movie, paused, rate 1, version 1: older than every state that a node has made. */
void sv_playback_init(struct sv_playback_state *state);
/*
 * From the public form, as it comes from storage or another node.
 * Errors: INVALID_ARGUMENT if no node can have made it: a number that is not finite or out of
 * range, a malformed id, a version of 2^63 or more.
 */
int sv_playback_load(const synctv_playback *from, struct sv_playback_state *ret, synctv_error *err);
/*
 * To the public form. Strings point into *state. room_id, actor_id and operation_id become "",
 * cause becomes UNSPECIFIED: the caller sets those that it knows.
 */
void sv_playback_view(const struct sv_playback_state *state, synctv_playback *ret);

/*
 * The position at now_ms: at least 0, and at most duration_s if that is known (> 0). A time before
 * updated_at_ms counts as updated_at_ms.
 */
double sv_playback_position_at(const struct sv_playback_state *state, int64_t now_ms,
    double duration_s);
/* Whether a is newer than b: the last writer wins by (version, node_id). */
bool sv_playback_newer(const struct sv_playback_state *a, const struct sv_playback_state *b);

/*
 * The changes. Each writes a whole new state to *ret, with version max(version + 1, now_ms). `ret`
 * may be the same object as `from`; it is untouched on failure.
 * Errors: VERSION_CONFLICT; NO_CURRENT_MOVIE (play, pause, seek without a movie); INVALID_ARGUMENT
 * "position", "rate", "movie_id".
 */

/*
 * position_s NULL: from the current position, or from 0 if the movie is at its end. Otherwise from
 * position_s plus the delay of the request (sv_playback_delay_s()).
 */
int sv_playback_play(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const double *position_s, struct sv_playback_state *ret, synctv_error *err);
/* position_s NULL: at the current position. */
int sv_playback_pause(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const double *position_s, struct sv_playback_state *ret, synctv_error *err);
int sv_playback_seek(const struct sv_playback_state *from, const struct sv_playback_change *change,
    double position_s, struct sv_playback_state *ret, synctv_error *err);
/* The position does not change. Works without a movie, too: the next movie plays at this rate. */
int sv_playback_set_rate(const struct sv_playback_state *from,
    const struct sv_playback_change *change, double rate, struct sv_playback_state *ret,
    synctv_error *err);
/* Starts at 0 with this status (PAUSED, or PLAYING for autoplay). The rate stays. */
int sv_playback_set_movie(const struct sv_playback_state *from,
    const struct sv_playback_change *change, const char *movie_id, synctv_playback_status status,
    struct sv_playback_state *ret, synctv_error *err);
/* No movie any more: paused at 0. */
int sv_playback_clear_movie(const struct sv_playback_state *from,
    const struct sv_playback_change *change, struct sv_playback_state *ret, synctv_error *err);

/*
 * How long a request that was sent at client_time_ms was on its way: 0 to 1.5 s. 0 if
 * client_time_ms is unknown, in the future or more than 30 s off.
 */
double sv_playback_delay_s(int64_t now_ms, int64_t client_time_ms);

/*
 * Moves a state to another clock: the position that was right at was_ms (old clock) is right at
 * change->now_ms (new clock). *ret may be `from`.
 */
void sv_playback_anchor(const struct sv_playback_state *from, int64_t was_ms,
    const struct sv_playback_change *change, struct sv_playback_state *ret);

/*
 * When to check whether the movie is over: 1 s after its end (node clock). 0 = never, because the
 * room does not play or nobody knows the duration. A movie shorter than a second takes at least 2
 * s, whatever the rate: a playlist of such movies does not spin.
 */
int64_t sv_playback_ends_at_ms(const struct sv_playback_state *state, double duration_s);
/*
 * The movie is over. The movie `next_id` plays from 0; if that is NULL or no id, the room pauses at
 * the current position. Never fails.
 */
void sv_playback_end(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const char *next_id, struct sv_playback_state *ret);
/*
 * An end by the clock is the same state on every node that computes it:
 *   - time and version are those of a change made at the moment when the end was due;
 *   - node_id is sv_playback_end_node() of the room's revision that the node has used, so that the
 *   newer revision wins;
 *   - SHUFFLE uses sv_playback_end_random() of the version that ends.
 */
#define SV_END_NODE_SIZE 25
#define SV_END_NODE_PREFIX "end-"
void sv_playback_end_node(uint64_t revision, char ret[SV_END_NODE_SIZE]);
uint64_t sv_playback_end_random(const char *room_id, uint64_t version);
/* A node's own id: 1 to 64 of A-Z a-z 0-9 _ - . that is no sv_playback_end_node(). */
bool sv_node_id_valid(const char *id);
/*
 * How far a client's playhead is ahead of the room's in seconds; negative = behind. INFINITY if the
 * position is not a number.
 */
double sv_playback_drift_s(const struct sv_playback_state *state, int64_t now_ms, double duration_s,
    double client_position_s);
/* Whether a StatusReport needs a RESYNC: another movie than the room's, or more than 1.2 s off. */
bool sv_playback_is_off(const struct sv_playback_state *state, int64_t now_ms, double duration_s,
    const char *client_movie_id, double client_position_s);

#endif
