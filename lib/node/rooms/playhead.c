/* SPDX-License-Identifier: MIT */
#include "node/rooms/playhead.h"

#include <string.h>

#include "node/rooms/tell.h"
#include "node/rooms/timer.h"
#include "node/rooms/view.h"

struct sv_playback_change sv_playhead_change(struct sv_room *room)
{
    return (struct sv_playback_change){
        .now_ms = sv_node_now_ms(room->node),
        .node_id = room->node->id,
        .duration_s = sv_room_duration(room),
    };
}

void sv_playhead_set(struct sv_room *room, const struct sv_playback_state *state,
    synctv_state_cause cause, const char *actor_id, const char *operation_id)
{
    int64_t now_ms = sv_node_mono_ms(room->node);
    room->playback = *state;
    room->playback_dirty = true;
    if (room->flush_ms == 0)
        room->flush_ms = now_ms + SV_FLUSH_MS;
    room->reannounce_ms =
        state->status == SYNCTV_PLAYBACK_STATUS_PLAYING ? now_ms + SV_REANNOUNCE_MS : 0;
    sv_room_tell_state(room, cause, actor_id, operation_id);
    sv_room_schedule(room);
}

void sv_playhead_adopt(struct sv_room *room, const synctv_playback *stored)
{
    struct sv_playback_state state;
    if (sv_playback_load(stored, &state, NULL) < 0 || !sv_playback_newer(&state, &room->playback))
        return;
    room->playback = state;
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
        sv_playhead_set(room, &state, SYNCTV_STATE_CAUSE_MOVIE, "", "");
}

bool sv_playhead_without(struct sv_room *room, const char *movie_id,
    struct sv_playback_state *ret_state)
{
    if (room->playback.movie_id[0] == '\0' ||
        (movie_id != NULL && strcmp(room->playback.movie_id, movie_id) != 0))
        return false;
    struct sv_playback_change change = sv_playhead_change(room);
    return sv_playback_clear_movie(&room->playback, &change, ret_state, NULL) >= 0;
}

bool sv_playhead_after_end(struct sv_room *room, struct sv_playback_state *ret_state)
{
    if (room->ended_version == room->playback.version)
        return false;
    room->ended_version = room->playback.version;

    uint64_t random = 0;
    sv_node_random(room->node, &random,
        sizeof(random)); /* without it shuffle is less random, no worse */
    const synctv_movie *next = sv_playlist_next(&room->movies, room->playback.movie_id,
        room->settings.auto_advance, random);
    struct sv_playback_change change = sv_playhead_change(room);
    if (next != NULL) {
        change.duration_s = next->duration_s;
        return sv_playback_set_movie(&room->playback, &change, next->id,
                   SYNCTV_PLAYBACK_STATUS_PLAYING, ret_state, NULL) >= 0;
    }
    int rv = sv_playback_pause(&room->playback, &change, NULL, ret_state, NULL);
    if (rv >= 0)
        room->ended_version = ret_state->version;
    return rv >= 0;
}
