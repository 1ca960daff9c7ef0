/* SPDX-License-Identifier: MIT */
/**
 * Playing together: the room's playhead and who moves it.
 *
 * A room has one playback state (synctv_playback): the current movie, playing or paused, and a
 * position that was true at one moment of server time. Every change makes a higher version and
 * comes to all streams of the room as a STATE event, the sender's own included. Keep the state with
 * the highest (version, node_id); a SNAPSHOT always replaces it.
 *
 * All functions but the first block as synctv_call_wait() does, return its errors beside those
 * named here, and are thread-safe. ret_result may be NULL, otherwise it receives a reference for
 * synctv_result_unref(): the new state, or with VERSION_CONFLICT the state as it is; it is
 * untouched on other failures. Each of them also fails with ROOM_NOT_FOUND, NOT_A_MEMBER,
 * PERMISSION_DENIED, VERSION_CONFLICT and INVALID_ARGUMENT. To follow what one does as an event
 * instead, and without waiting, send the same request on a stream with synctv_stream_send().
 */
#ifndef SYNCTV_PLAYBACK_H
#define SYNCTV_PLAYBACK_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Where the playhead is at a moment: position_s, while playing plus the time since updated_at_ms
 * times the rate.
 *
 * @playback    borrowed.
 * @now_ms      server time, Unix ms; a moment before updated_at_ms counts as updated_at_ms.
 * @duration_s  of the movie, which the position does not pass; ≤ 0 = playback->duration_s, if
 *              that is known.
 *
 * Pure. Returns seconds, never negative.
 */
SYNCTV_API double synctv_playback_position(const synctv_playback *playback, int64_t now_ms,
    double duration_s);

/** How to change the state. Zeros are the defaults. */
typedef struct synctv_playback_options {
    /** Play, pause: at position_s; default: where the playhead stands. */
    bool has_position;
    /** Finite, 0..duration of the movie, if that is known. */
    double position_s;
    /** Play: server time at which position_s was meant, so that the way is added; 0 = unknown. */
    int64_t client_time_ms;
    /** Change only a state of this version; 0 = whatever it is. */
    uint64_t expected_version;
} synctv_playback_options;

/**
 * Plays. Needs PLAY_CONTROL.
 *
 * @options  borrowed; NULL = defaults.
 *
 * Errors: NO_CURRENT_MOVIE.
 */
SYNCTV_API int synctv_playback_play(synctv_caller *caller, const char *room_id,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error);

/** Pauses. As synctv_playback_play(). */
SYNCTV_API int synctv_playback_pause(synctv_caller *caller, const char *room_id,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error);

/**
 * Moves the playhead; what plays goes on playing. Needs PLAY_CONTROL.
 *
 * @position_s  finite, 0..duration of the movie, if that is known.
 * @options     borrowed; NULL = defaults. Its position is not read.
 *
 * Errors: NO_CURRENT_MOVIE.
 */
SYNCTV_API int synctv_playback_seek(synctv_caller *caller, const char *room_id, double position_s,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error);

/**
 * Changes the speed. Needs CHANGE_PLAYBACK_RATE.
 *
 * @rate     0.25..4.0; 1.0 = normal.
 * @options  borrowed; NULL = defaults. Only expected_version is read.
 */
SYNCTV_API int synctv_playback_set_rate(synctv_caller *caller, const char *room_id, double rate,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error);

#ifdef __cplusplus
}
#endif
#endif
