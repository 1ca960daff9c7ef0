/* SPDX-License-Identifier: MIT */
/*
 * What those who watch say about a movie whose length nobody knows: that it is over, and how long
 * it is. Each user has one vote, whatever they may do and however many streams they have; most =
 * more than half of the users who watch. A vote holds for the movie that is current, until the
 * playhead is set back to before where it was given. Pure; not thread-safe.
 */
#ifndef SV_CORE_VOTES_H
#define SV_CORE_VOTES_H

#include "core/playback.h"

/* So far may somebody who is at the end be from where the room is. */
#define SV_VOTE_FITS_S 10
/* An end this soon after the beginning is that of the round before. */
#define SV_VOTE_SOONEST_S 3
#define SV_LENGTH_ALIKE_S 1
#define SV_LENGTH_MAX_S 360000

struct sv_vote;

/* None yet is all zeros. At most one vote for each user who watches. */
struct sv_votes {
    struct sv_vote *by_user;
    /* Under which they were given. */
    struct sv_playback_state state;
    size_t n_ended;
    /* On which most have agreed; 0 = none. */
    double length_s;
};

/* What a user's player says about the current movie. */
struct sv_report {
    const char *user_id;
    /* Finite, ≥ 0. */
    double position_s;
    bool ended;
    /* 0 = unknown, as is what cannot be a length. */
    double duration_s;
};

struct sv_verdict {
    /* The movie is over. */
    bool ended;
    /* How long it is, not before the playhead; 0 = still unknown. */
    double length_s;
};

/*
 * Takes the report of one of `n_watching` users. An end counts while the room plays, for who is
 * where the room is, or past where they said before that they were. Out of memory: as if nothing
 * had been reported.
 */
struct sv_verdict sv_votes_take(struct sv_votes *votes, const struct sv_playback_state *state,
    int64_t now_ms, size_t n_watching, const struct sv_report *report);
/* Whether the movie is over by what was reported, now that so many watch. */
bool sv_votes_end(struct sv_votes *votes, const struct sv_playback_state *state, size_t n_watching);
/* The user does not watch any more. */
void sv_votes_leave(struct sv_votes *votes, const char *user_id);
/* Forgets and frees all votes. */
void sv_votes_clear(struct sv_votes *votes);

#endif
