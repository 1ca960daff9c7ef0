/* SPDX-License-Identifier: MIT */
#include "core/votes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct sv_vote {
    UT_hash_handle hh;
    char user_id[SV_ID_SIZE];
    bool ended;
    /* The room's position when the vote was given. */
    double ended_at_s;
    /* The furthest position that the user has reported; < 0 = none. */
    double reached_s;
    /* The length that the user has reported; 0 = none. */
    double length_s;
    /* The one since which all that they have reported are alike, and when that was. */
    double first_length_s;
    int64_t alike_since_ms;
};

static void remove_vote(struct sv_votes *votes, struct sv_vote *vote)
{
    if (vote->ended)
        votes->n_ended--;
    HASH_DEL(votes->by_user, vote);
    free(vote);
}

void sv_votes_clear(struct sv_votes *votes)
{
    struct sv_vote *vote, *tmp;
    HASH_ITER(hh, votes->by_user, vote, tmp) {
        remove_vote(votes, vote);
    }
    *votes = (struct sv_votes){ .n_ended = 0 };
}

static struct sv_vote *find_vote(const struct sv_votes *votes, const char *user_id)
{
    struct sv_vote *vote = NULL;
    HASH_FIND_STR(votes->by_user, user_id, vote);
    return vote;
}

void sv_votes_leave(struct sv_votes *votes, const char *user_id)
{
    struct sv_vote *vote = find_vote(votes, user_id);
    if (vote != NULL)
        remove_vote(votes, vote);
}

/* The user's vote, made if need be; NULL when out of memory. */
static struct sv_vote *get_vote(struct sv_votes *votes, const char *user_id)
{
    struct sv_vote *vote = find_vote(votes, user_id);
    if (vote != NULL)
        return vote;
    vote = calloc(1, sizeof(*vote));
    if (vote == NULL)
        return NULL;
    memcpy(vote->user_id, user_id, strnlen(user_id, SV_ID_SIZE - 1));
    vote->reached_s = -1;
    HASH_ADD_STR(votes->by_user, user_id, vote);
    if (vote->hh.tbl == NULL) {
        free(vote);
        return NULL;
    }
    return vote;
}

/* The playhead was moved back: users reach the end anew. */
static void set_back(struct sv_votes *votes, double position_s)
{
    double ahead_s = position_s + SV_DRIFT_MAX_S;
    struct sv_vote *vote, *tmp;
    HASH_ITER(hh, votes->by_user, vote, tmp) {
        if (vote->ended && vote->ended_at_s > ahead_s) {
            vote->ended = false;
            votes->n_ended--;
        }
        if (vote->reached_s > ahead_s)
            vote->reached_s = -1;
    }
}

/* Drops votes that were given under another state and do not hold under this one. */
static void follow_state(struct sv_votes *votes, const struct sv_playback_state *state)
{
    if (strcmp(votes->state.movie_id, state->movie_id) != 0)
        sv_votes_clear(votes);
    else if (votes->state.version != state->version ||
        strcmp(votes->state.node_id, state->node_id) != 0)
        set_back(votes, state->position_s);
    votes->state = *state;
}

static bool is_most(size_t n, size_t n_watching)
{
    return n_watching > 0 && n > n_watching / 2;
}

static void take_end(struct sv_votes *votes, struct sv_vote *vote, double room_s,
    const struct sv_report *report)
{
    bool fits = fabs(report->position_s - room_s) <= SV_VOTE_FITS_S ||
        (vote->reached_s >= 0 && report->position_s > vote->reached_s);
    if (!fits || vote->ended || room_s < SV_VOTE_SOONEST_S)
        return;
    vote->ended = true;
    vote->ended_at_s = room_s;
    votes->n_ended++;
}

static bool are_alike(double a_s, double b_s)
{
    return fabs(a_s - b_s) <= SV_LENGTH_ALIKE_S;
}

static void take_length(struct sv_vote *vote, int64_t now_ms, double length_s)
{
    if (!isfinite(length_s) || length_s <= 0 || length_s > SV_LENGTH_MAX_S)
        return;
    if (vote->length_s == 0 || !are_alike(length_s, vote->first_length_s)) {
        vote->first_length_s = length_s;
        vote->alike_since_ms = now_ms;
    }
    vote->length_s = length_s;
}

static bool has_stood(const struct sv_vote *vote, int64_t now_ms)
{
    return vote->length_s > 0 && now_ms - vote->alike_since_ms >= SV_LENGTH_STANDS_MS;
}

static int compare_lengths(const struct sv_vote *a, const struct sv_vote *b)
{
    return (a->length_s > b->length_s) - (a->length_s < b->length_s);
}

/* Counts the lengths that have stood. Where the clock was set back, they stand from now on. */
static size_t count_stood(struct sv_votes *votes, int64_t now_ms)
{
    size_t n = 0;
    struct sv_vote *vote, *tmp;
    HASH_ITER(hh, votes->by_user, vote, tmp) {
        if (vote->alike_since_ms > now_ms)
            vote->alike_since_ms = now_ms;
        n += has_stood(vote, now_ms);
    }
    return n;
}

/* The one in the middle of the `n` lengths that have stood. */
static double middle_length(struct sv_votes *votes, int64_t now_ms, size_t n)
{
    size_t i = 0;
    HASH_SORT(votes->by_user, compare_lengths);
    for (const struct sv_vote *vote = votes->by_user; vote != NULL; vote = vote->hh.next) {
        if (has_stood(vote, now_ms) && i++ == n / 2)
            return vote->length_s;
    }
    return 0;
}

/* Where more than half agree, the length in the middle is one of theirs. */
static double agreed_length(struct sv_votes *votes, int64_t now_ms, size_t n_watching)
{
    size_t n_alike = 0, n_stood = count_stood(votes, now_ms);
    if (!is_most(n_stood, n_watching))
        return 0;
    double middle_s = middle_length(votes, now_ms, n_stood), longest_s = middle_s;
    for (const struct sv_vote *vote = votes->by_user; vote != NULL; vote = vote->hh.next) {
        if (!are_alike(vote->length_s, middle_s))
            continue;
        n_alike += has_stood(vote, now_ms);
        longest_s = fmax(longest_s, vote->length_s); /* nobody's end is cut off */
    }
    return is_most(n_alike, n_watching) ? longest_s : 0;
}

double sv_votes_length(struct sv_votes *votes, const struct sv_playback_state *state,
    int64_t now_ms, size_t n_watching)
{
    follow_state(votes, state);
    int64_t since_ms = now_ms - votes->compared_ms;
    if (since_ms < 0 || since_ms >= SV_LENGTH_PAUSE_MS) {
        votes->compared_ms = now_ms;
        votes->length_s = agreed_length(votes, now_ms, n_watching);
    }
    return votes->length_s >= sv_playback_position_at(state, now_ms, 0) ? votes->length_s : 0;
}

bool sv_votes_end(struct sv_votes *votes, const struct sv_playback_state *state, size_t n_watching)
{
    follow_state(votes, state);
    return state->status == SYNCTV_PLAYBACK_STATUS_PLAYING && is_most(votes->n_ended, n_watching);
}

void sv_votes_take(struct sv_votes *votes, const struct sv_playback_state *state, int64_t now_ms,
    const struct sv_report *report)
{
    bool plays = state->status == SYNCTV_PLAYBACK_STATUS_PLAYING;
    double room_s = sv_playback_position_at(state, now_ms, 0);
    follow_state(votes, state);
    struct sv_vote *vote = get_vote(votes, report->user_id);
    if (vote == NULL)
        return;
    if (report->ended && plays)
        take_end(votes, vote, room_s, report);
    else if (!report->ended)
        vote->reached_s = fmax(vote->reached_s, report->position_s);
    take_length(vote, now_ms, report->duration_s);
}
