/* SPDX-License-Identifier: MIT */
/*
 * Where a room's playhead is, and how it moves ("Playback" in ARCHITECTURE.md).
 *
 * A state says where the playhead was at one moment; while playing it runs on by itself. A change makes a new, full state
 * from the old one. States of one room are ordered by (version, node_id), and the highest wins on every node.
 */
#ifndef SV_CORE_PLAYBACK_H
#define SV_CORE_PLAYBACK_H

#include <synctv/types.h>

#include "base/id.h"

#define SV_NODE_ID_MAX 64
#define SV_RATE_MIN 0.25
#define SV_RATE_MAX 4.0
#define SV_DELAY_MAX_MS 1500        /* the way to us is taken to be no longer than this */
#define SV_DELAY_PLAUSIBLE_MS 30000 /* a client's clock further off than this is not believed */
#define SV_DRIFT_MAX_S 1.2
#define SV_END_GRACE_MS 1000 /* a movie is over this long after its end was due */
#define SV_SHORTEST_MS 1000  /* a movie shorter than a second ends as if it took that long */

/* Plain data: copied by assignment, no pointers. */
struct sv_playback_state {
    char movie_id[SV_ID_SIZE];        /* "" = none; then paused at 0 */
    char node_id[SV_NODE_ID_MAX + 1]; /* the node that made this state */
    synctv_playback_status status;    /* PAUSED or PLAYING */
    double position_s;                /* at updated_at_ms */
    double rate;
    int64_t updated_at_ms; /* node clock */
    uint64_t version;
};

/* What each change knows besides what is asked for. */
struct sv_playback_change {
    int64_t now_ms;            /* node clock */
    const char *node_id;       /* this node */
    double duration_s;         /* of the current movie, for set_movie of the new one; 0 = unknown */
    uint64_t expected_version; /* 0 = whatever the state is */
    int64_t client_time_ms; /* the sender's estimate of now, 0 = unknown; only play looks at it */
};

/* No movie, paused, rate 1, version 1: every state that a node made is newer. */
void sv_playback_init(struct sv_playback_state *state);
/*
 * From the public form, as it comes from storage or another node.
 * INVALID_ARGUMENT if no node could have made it (numbers that are not finite or out of range, malformed ids, version 2^63 or higher).
 */
int sv_playback_load(const synctv_playback *from, struct sv_playback_state *ret, synctv_error *err);
/* To the public form. Strings point into *state; room_id, actor_id, operation_id become "", cause UNSPECIFIED: set what applies. */
void sv_playback_view(const struct sv_playback_state *state, synctv_playback *ret);

/* The playhead at now_ms: ≥ 0, ≤ duration_s if that is known (> 0). A clock before updated_at_ms counts as that. */
double sv_playback_position_at(const struct sv_playback_state *state, int64_t now_ms,
    double duration_s);
/* Whether a ≠ b and a comes after b in the order by which the last writer wins. */
bool sv_playback_newer(const struct sv_playback_state *a, const struct sv_playback_state *b);

/*
 * The changes. Each writes a whole new state to *ret, which may be the same object as `from` and is untouched on failure, with
 * version max(version + 1, now_ms).
 * Errors: VERSION_CONFLICT; NO_CURRENT_MOVIE where there is no playhead to move (play, pause, seek); INVALID_ARGUMENT "position",
 * "rate", "movie_id".
 */

/*
 * position_s NULL: from where the playhead is, or from 0 if it is at the end of the movie. Otherwise from there, plus the way of the request
 * to us (sv_playback_delay_s()).
 */
int sv_playback_play(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const double *position_s, struct sv_playback_state *ret, synctv_error *err);
/* position_s NULL: where the playhead is now. */
int sv_playback_pause(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const double *position_s, struct sv_playback_state *ret, synctv_error *err);
int sv_playback_seek(const struct sv_playback_state *from, const struct sv_playback_change *change,
    double position_s, struct sv_playback_state *ret, synctv_error *err);
/* The playhead goes on from where it is. Fine without a movie: it is the rate of the next one. */
int sv_playback_set_rate(const struct sv_playback_state *from,
    const struct sv_playback_change *change, double rate, struct sv_playback_state *ret,
    synctv_error *err);
/* From 0 with that status (PAUSED, or PLAYING = autoplay). The rate stays. */
int sv_playback_set_movie(const struct sv_playback_state *from,
    const struct sv_playback_change *change, const char *movie_id, synctv_playback_status status,
    struct sv_playback_state *ret, synctv_error *err);
/* None, paused at 0. */
int sv_playback_clear_movie(const struct sv_playback_state *from,
    const struct sv_playback_change *change, struct sv_playback_state *ret, synctv_error *err);

/* Seconds that a request sent at client_time_ms has been under way: 0..1.5; 0 if unknown, in the future or over 30 s off. */
double sv_playback_delay_s(int64_t now_ms, int64_t client_time_ms);

/* The same state by another clock: the playhead is where it was at was_ms, which is called change->now_ms now. *ret may be `from`. */
void sv_playback_anchor(const struct sv_playback_state *from, int64_t was_ms,
    const struct sv_playback_change *change, struct sv_playback_state *ret);

/* When to look whether the movie is over (its end + 1 s, node clock); 0 = never: not playing, or its duration is unknown. Never less than
 * 2 s after a movie shorter than a second began, however fast it plays: a playlist of those does not spin. */
int64_t sv_playback_ends_at_ms(const struct sv_playback_state *state, double duration_s);
/* The movie is over: `next_id` plays from 0; NULL, or what is no id: paused where the playhead is.
 * Never fails. */
void sv_playback_end(const struct sv_playback_state *from, const struct sv_playback_change *change,
    const char *next_id, struct sv_playback_state *ret);
/*
 * An end by the clock is the same state on every node that works it out: that of a change made when
 * it was due, by a node of this name (after the room's revision by which it was worked out, so that
 * the newer one wins), with this number for what SHUFFLE leaves to chance (of the version that
 * ends).
 */
#define SV_END_NODE_SIZE 25
void sv_playback_end_node(uint64_t revision, char ret[SV_END_NODE_SIZE]);
uint64_t sv_playback_end_random(const char *room_id, uint64_t version);
/* How far a client's playhead is ahead of the room's (negative = behind); INFINITY for what is not a number. */
double sv_playback_drift_s(const struct sv_playback_state *state, int64_t now_ms, double duration_s,
    double client_position_s);
/* Whether a StatusReport calls for a RESYNC: another movie than the room's, or more than 1.2 s off. */
bool sv_playback_is_off(const struct sv_playback_state *state, int64_t now_ms, double duration_s,
    const char *client_movie_id, double client_position_s);

#endif
