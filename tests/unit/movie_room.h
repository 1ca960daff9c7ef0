/* SPDX-License-Identifier: MIT */
/* A room of four people with three movies, and a watcher that sees what its playhead does. */
#ifndef TESTS_UNIT_MOVIE_ROOM_H
#define TESTS_UNIT_MOVIE_ROOM_H

#include <string.h>

#include "node/rooms/follow.h"
#include "support/node_fixture.h"
#include "support/node_time.h"

#define N_MOVIES 3

static synctv_caller *alice, *bob, *carol, *dave;
static synctv_stream *watcher; /* the system's: it sees all and has no vote */
static const char *room, *movies[N_MOVIES];

static inline void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    dave = fx_user("dave");
}

/* A room with movies of 60 s (or of unknown length) in which the first one plays. */
static inline void play_in_room(synctv_auto_advance mode, double duration_s)
{
    const synctv_room_settings settings = { .auto_advance = mode };
    room = fx_room(alice, &settings);
    fx_join(bob, room);
    fx_join(carol, room);
    fx_join(dave, room);
    for (int i = 0; i < N_MOVIES; i++)
        movies[i] = fx_movie(alice, room, "x", duration_s);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movies[0],
        .autoplay = true));
    watcher = fx_follow(fx_system(), room);
}

#define REPORT(stream, ...)                                                                        \
    fx_assert_ok(synctv_stream_send((stream),                                                      \
        &SYNCTV_REQUEST(SYNCTV_METHOD_REPORT_STATUS, __VA_ARGS__), &fx_error))

static inline void report_end(synctv_stream *stream, const char *movie_id)
{
    REPORT(stream, .movie_id = movie_id, .position_s = 55, .ended = true);
}

static inline void report_length(synctv_stream *stream, const char *movie_id, double duration_s)
{
    REPORT(stream, .movie_id = movie_id, .position_s = 0, .duration_s = duration_s);
}

/* The anchor itself: clients see the playhead as it is now. */
static inline struct sv_playback_state anchor(void)
{
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_ptr_nonnull(loaded);
    struct sv_playback_state state = loaded->playback;
    sv_room_leave(loaded);
    return state;
}

static inline uint64_t revision(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return fx_answer->room->revision;
}

/* The movie that plays after the one before has ended. */
static inline const char *expect_next(void)
{
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    while (event->state->cause == SYNCTV_STATE_CAUSE_RESYNC)
        event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_ENDED);
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_lt(event->state->position_s, 30);
    ck_assert_str_eq(event->state->actor_id, "");
    return event->state->movie_id;
}

static inline void expect_pause_at(double position_s)
{
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    while (event->state->cause == SYNCTV_STATE_CAUSE_RESYNC)
        event = fx_expect(watcher, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_ENDED);
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq_tol(event->state->position_s, position_s, 0.5);
}

static inline bool anything_but_resync(void)
{
    bool found = false;
    const synctv_event *event;
    while (synctv_stream_next(watcher, 0, &event, NULL) == 1) {
        found = found ||
            (event->type == SYNCTV_EVENT_STATE && event->state->cause != SYNCTV_STATE_CAUSE_RESYNC);
        synctv_event_unref(event);
    }
    return found;
}

static inline void nobody_watches(void)
{
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_ptr_nonnull(loaded);
    sv_room_drop_all(loaded, 0);
    sv_room_leave(loaded);
}

#endif
