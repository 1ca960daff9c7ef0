/* SPDX-License-Identifier: MIT */
/* States to start from, for the tests of lib/core/playback. */
#ifndef TEST_PLAYBACK_H
#define TEST_PLAYBACK_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/playback.h"

#define MOVIE "movie_000001"
#define OTHER "movie_000002"
#define T0 INT64_C(1700000000000) /* some node clock */
#define EPS 1e-6

static inline struct sv_playback_change at(int64_t now_ms, double duration_s)
{
    return (struct sv_playback_change){
        .now_ms = now_ms, .node_id = "node-a", .duration_s = duration_s
    };
}

/* With a movie, paused at 0 since T0. */
static inline struct sv_playback_state with_movie(void)
{
    struct sv_playback_state s;
    sv_playback_init(&s);
    struct sv_playback_change c = at(T0, 0);
    ck_assert_int_eq(sv_playback_set_movie(&s, &c, MOVIE, SYNCTV_PLAYBACK_STATUS_PAUSED, &s, NULL),
        0);
    return s;
}

/* Playing from position_s since T0. */
static inline struct sv_playback_state playing_from(double position_s, double rate)
{
    struct sv_playback_state s = with_movie();
    s.status = SYNCTV_PLAYBACK_STATUS_PLAYING;
    s.position_s = position_s;
    s.rate = rate;
    return s;
}

#endif
