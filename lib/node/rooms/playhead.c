/* SPDX-License-Identifier: MIT */
#include "node/rooms/playhead.h"

#include <string.h>

#include "node/rooms/apply.h"
#include "node/rooms/clock.h"
#include "node/rooms/tell.h"
#include "node/rooms/timer.h"
#include "node/rooms/view.h"

/* Movies that end in one go, on a node that slept. */
#define ENDS_PER_TURN 64

struct sv_playback_change sv_playhead_change(struct sv_room *room)
{
    return (struct sv_playback_change){
        .now_ms = sv_room_now_ms(room),
        .node_id = room->node->id,
        .duration_s = sv_room_duration(room),
    };
}

static void store_within(struct sv_room *room, int64_t ms)
{
    int64_t at_ms = sv_node_mono_ms(room->node) + ms;
    room->playback_dirty = true;
    if (room->flush_ms == 0 || room->flush_ms > at_ms)
        room->flush_ms = at_ms;
    sv_room_schedule(room);
}

void sv_playhead_store(struct sv_room *room)
{
    store_within(room, SV_FLUSH_MS);
}

void sv_playhead_set(struct sv_room *room, const struct sv_playback_state *state,
    synctv_state_cause cause, const char *actor_id, const char *operation_id, bool from_elsewhere)
{
    room->playback = *state;
    room->reannounce_ms = state->status == SYNCTV_PLAYBACK_STATUS_PLAYING
        ? sv_node_mono_ms(room->node) + SV_REANNOUNCE_MS
        : 0;
    sv_room_tell_state(room, cause, actor_id, operation_id);
    store_within(room, from_elsewhere ? SV_FLUSH_AFTER_OTHERS_MS : SV_FLUSH_MS);
}

static void leave_for_others(struct sv_room *room, const struct sv_playback_state *state,
    synctv_state_cause cause, const char *actor_id)
{
    sv_rooms_changed(room->node,
        &(struct sv_room_change){
            .room_id = room->id,
            .actor_id = actor_id,
            .state = state,
            .cause = cause,
        });
}

void sv_playhead_move(struct sv_room *room, const struct sv_playback_state *state,
    synctv_state_cause cause, const char *actor_id)
{
    sv_playhead_set(room, state, cause, actor_id, "", false);
    leave_for_others(room, state, cause, actor_id);
}

/* The playhead stays where it was at `was_ms`, which is called `now_ms` now. */
static struct sv_playback_state anchored(struct sv_room *room, int64_t was_ms, int64_t now_ms)
{
    struct sv_playback_change change = sv_playhead_change(room);
    struct sv_playback_state state;
    change.now_ms = now_ms;
    sv_playback_anchor(&room->playback, was_ms, &change, &state);
    return state;
}

void sv_playhead_follow_step(struct sv_room *room)
{
    int64_t stepped_ms;
    int64_t now_ms = sv_node_now_and_steps_ms(room->node, &stepped_ms);
    int64_t was_ms = now_ms - (stepped_ms - room->stepped_ms);
    room->stepped_ms = stepped_ms;
    if (!room->loaded || room->gone || room->playback.status != SYNCTV_PLAYBACK_STATUS_PLAYING)
        return;
    const struct sv_playback_state state = anchored(room, was_ms, now_ms);
    sv_playhead_move(room, &state, SYNCTV_STATE_CAUSE_RESYNC, "");
}

/* A state whose time is yet to come was written by another clock: it counts as of now. */
static void leave_future(struct sv_room *room)
{
    int64_t now_ms = sv_room_now_ms(room);
    if (room->playback.status != SYNCTV_PLAYBACK_STATUS_PLAYING ||
        room->playback.updated_at_ms <= now_ms)
        return;
    const struct sv_playback_state state = anchored(room, now_ms, now_ms);
    room->playback = state;
    sv_playhead_store(room);
    leave_for_others(room, &state, SYNCTV_STATE_CAUSE_RESYNC, "");
}

void sv_playhead_adopt(struct sv_room *room, const synctv_playback *stored)
{
    struct sv_playback_state state;
    if (sv_playback_load(stored, &state, NULL) < 0 || !sv_playback_newer(&state, &room->playback))
        return;
    room->playback = state;
    leave_future(room);
    room->reannounce_ms = state.status == SYNCTV_PLAYBACK_STATUS_PLAYING
        ? sv_node_mono_ms(room->node) + SV_REANNOUNCE_MS
        : 0;
    if (!sv_list_empty(&room->follows))
        sv_room_tell_state(room, SYNCTV_STATE_CAUSE_RESYNC, "", "");
    sv_room_schedule(room);
}

void sv_playhead_check(struct sv_room *room)
{
    struct sv_playback_state state;
    if (sv_playlist_get(&room->movies, room->playback.movie_id) == NULL &&
        sv_playhead_without(room, NULL, &state))
        sv_playhead_move(room, &state, SYNCTV_STATE_CAUSE_MOVIE, "");
}

/* --- the end --- */

/* Without chance shuffle is less random, no worse. */
static uint64_t chance(const struct sv_room *room)
{
    uint64_t random = 0;
    sv_node_random(room->node, &random, sizeof(random));
    return random;
}

/* The id of the movie after the current one, NULL if there is none. */
static const char *next_id(struct sv_room *room, uint64_t random)
{
    const synctv_movie *next = sv_playlist_next(&room->movies, room->playback.movie_id,
        room->settings.auto_advance, random);
    return next == NULL ? NULL : next->id;
}

/* Somebody has waited for it: the same as on every other node, whenever each of them gets to it. */
static void end_when_due(struct sv_room *room, int64_t due_ms)
{
    char name[SV_END_NODE_SIZE];
    struct sv_playback_change change = sv_playhead_change(room);
    uint64_t random = sv_playback_end_random(room->id, room->playback.version);
    sv_playback_end_node(room->revision, name);
    change.now_ms = due_ms;
    change.node_id = name;
    sv_playback_end(&room->playback, &change, next_id(room, random), &room->playback);
}

static void end_here(struct sv_room *room)
{
    struct sv_playback_change change = sv_playhead_change(room);
    sv_playback_end(&room->playback, &change, next_id(room, chance(room)), &room->playback);
}

/* Whether somebody here has waited for an end that was due then. */
static bool was_awaited(const struct sv_room *room, int64_t clock_ms, int64_t due_ms)
{
    return sv_node_mono_ms(room->node) - room->awaited_ms >= clock_ms - due_ms;
}

void sv_playhead_end_if_due(struct sv_room *room)
{
    bool has_ended = false;
    int64_t clock_ms = sv_room_now_ms(room);
    for (int i = 0; i < ENDS_PER_TURN; i++) {
        int64_t due_ms = sv_room_ends_at_ms(room);
        if (due_ms == 0 || due_ms > clock_ms)
            break;
        if (was_awaited(room, clock_ms, due_ms))
            end_when_due(room, due_ms);
        else
            end_here(room);
        has_ended = true;
    }
    const struct sv_playback_state state = room->playback;
    if (has_ended)
        sv_playhead_move(room, &state, SYNCTV_STATE_CAUSE_ENDED, "");
}

void sv_playhead_end_now(struct sv_room *room)
{
    end_here(room);
    sv_votes_clear(&room->votes);
    const struct sv_playback_state state = room->playback;
    sv_playhead_move(room, &state, SYNCTV_STATE_CAUSE_ENDED, "");
}

/* --- the playlist changes --- */

void sv_playhead_heed(struct sv_room *room, const synctv_movie *movie)
{
    if (strcmp(movie->id, room->playback.movie_id) != 0)
        return;
    const synctv_movie *before = sv_playlist_get(&room->movies, movie->id);
    bool has_moved =
        strcmp(room->duration_of, movie->id) != 0 || room->duration_s != movie->duration_s;
    if (before == NULL || before->duration_s != movie->duration_s || before->type != movie->type ||
        strcmp(before->url, movie->url) != 0)
        sv_votes_clear(&room->votes);
    if (has_moved && room->awaited_ms != 0)
        room->awaited_ms = sv_node_mono_ms(room->node);
}

bool sv_playhead_without(struct sv_room *room, const char *movie_id,
    struct sv_playback_state *ret_state)
{
    if (movie_id != NULL)
        sv_playhead_end_if_due(room);
    const char *current_id = room->playback.movie_id;
    if (current_id[0] == '\0' || (movie_id != NULL && strcmp(current_id, movie_id) != 0))
        return false;
    const char *next = movie_id == NULL ? NULL : next_id(room, chance(room));
    if (next != NULL && strcmp(next, current_id) == 0)
        next = NULL;
    struct sv_playback_change change = sv_playhead_change(room);
    return (next != NULL &&
               sv_playback_set_movie(&room->playback, &change, next, room->playback.status,
                   ret_state, NULL) >= 0) ||
        sv_playback_clear_movie(&room->playback, &change, ret_state, NULL) >= 0;
}
