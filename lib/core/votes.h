/* SPDX-License-Identifier: MIT */
/*
 * Votes on a movie whose length nobody knows. Users who watch report that it is over, and how long
 * it is; what more than half of them agree on counts. A length counts once it has stood for a
 * while: that of a player which is still loading grows.
 *
 * Each user has one vote, whatever their permissions and however many streams they have. A vote
 * holds while the movie is the current one, until the playhead is moved back to before the point at
 * which the vote was given. Pure; not thread-safe.
 */
#ifndef SV_CORE_VOTES_H
#define SV_CORE_VOTES_H

#include "core/playback.h"

/* A user who reports the end may be this far from the room's position. */
#define SV_VOTE_FITS_S 10
/* A report of the end this soon after the start belongs to the round before. */
#define SV_VOTE_SOONEST_S 3
/* Reported lengths that differ by no more than this agree. */
#define SV_LENGTH_ALIKE_S 1
/* A user's length counts once it has been alike for so long. */
#define SV_LENGTH_STANDS_MS 10000
/* Lengths are compared with each other no more often than that. */
#define SV_LENGTH_PAUSE_MS 1000
/* A longer movie is not believed. */
#define SV_LENGTH_MAX_S 360000

struct sv_vote;

/* All zeros = no votes yet. At most one vote for each user who watches. */
struct sv_votes {
    struct sv_vote *by_user;
    /* The state under which the votes were given. */
    struct sv_playback_state state;
    size_t n_ended;
    /* The length on which most agreed when that was last looked at, and when; 0 = none. */
    double length_s;
    int64_t compared_ms;
};

/* What a user's player says about the current movie. */
struct sv_report {
    const char *user_id;
    /* Finite, ≥ 0. */
    double position_s;
    bool ended;
    /* 0 = unknown; so is a number that cannot be a length. */
    double duration_s;
};

/*
 * Counts the report of a user who watches. A report of the end counts only while the room plays.
 * The user must be where the room is, or further than they have reported before. Without memory
 * the report is ignored.
 */
void sv_votes_take(struct sv_votes *votes, const struct sv_playback_state *state, int64_t now_ms,
    const struct sv_report *report);
/*
 * The length on which most of those who watch have agreed for a while, never shorter than the
 * current position; 0 = still unknown. A player may say its length but once, so somebody has to
 * look later on.
 */
double sv_votes_length(struct sv_votes *votes, const struct sv_playback_state *state,
    int64_t now_ms, size_t n_watching);
/* Whether the movie is over by what was reported, now that so many watch. */
bool sv_votes_end(struct sv_votes *votes, const struct sv_playback_state *state, size_t n_watching);
/* The user no longer watches. */
void sv_votes_leave(struct sv_votes *votes, const char *user_id);
/* Forgets and frees all votes. */
void sv_votes_clear(struct sv_votes *votes);

#endif
