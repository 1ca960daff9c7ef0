/* SPDX-License-Identifier: MIT */
/**
 * Keeping a player in step with its room.
 *
 * A synctv_player stands between a client's stream and whatever shows the movie. It is given the
 * stream's events, and about twice a second how the program's player stands. It answers what that
 * has to do to be where the room is, and tells the server the little that a server cannot know:
 * that buffering began or ended, how long a movie is, that it has ended, and that the player is
 * still wrong although it was told. While all is well it sends nothing.
 *
 *     synctv_player *player = NULL;
 *     if (synctv_player_new(client, stream, NULL, &player, &error) < 0) ...
 *     for (;;) {
 *         int rv;
 *         while ((rv = synctv_stream_next(stream, 100, &event, &error)) == 1) {
 *             synctv_player_take(player, event);
 *             ...
 *             synctv_event_unref(event);
 *         }
 *         if (rv < 0) break;
 *         const synctv_player_status now = { .movie_id = ..., .position_s = ..., ... };
 *         synctv_player_target target;
 *         if (!synctv_player_step(player, &now, &target)) continue;
 *         if (strcmp(target.movie_id, now.movie_id) != 0) load it, or stop if it is "";
 *         if (target.seek) seek to target.position_s;
 *         play, or pause, at target.rate;
 *     }
 *     synctv_player_free(player);
 *     synctv_stream_close(stream);
 *
 * Threads: one at a time uses a player. None of its functions waits.
 */
#ifndef SYNCTV_PLAYER_H
#define SYNCTV_PLAYER_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct synctv_player synctv_player;

/** How the program's player stands right now. */
typedef struct synctv_player_status {
    /** Of the movie that is loaded or being loaded; NULL or "" = none. */
    const char *movie_id;
    double position_s;
    /**
     * As the player has found out, for a movie whose duration the playlist does not tell; 0 =
     * unknown, or known from there.
     */
    double duration_s;
    /**
     * It waits for data, or is being loaded. It is not asked to seek then, unless somebody has
     * moved the room.
     */
    bool buffering;
    /**
     * It has come to the movie's end. It is not asked to go on, but back if the room is before its
     * position.
     */
    bool ended;
} synctv_player_status;

/** What the program's player is to do. */
typedef struct synctv_player_target {
    /**
     * What is to be loaded; "" = the room has no movie. Valid until the next synctv_player_take()
     * or synctv_player_free().
     */
    const char *movie_id;
    bool playing;
    /**
     * Jump to position_s: another movie is loaded, or it is more than a second off. If it is still
     * off, after 2, 4, 8 … 32 s again.
     */
    bool seek;
    /** Where the room is right now. */
    double position_s;
    /**
     * The room's rate; by 5 % more or less to make up for 0.1 to 1 s. Who cannot play at such a
     * rate takes the room's own.
     */
    double rate;
} synctv_player_target;

/**
 * @client      borrowed; it is asked for the server's time.
 * @stream      borrowed, of this client: reports go there. Both must live as long as the player.
 * @room_id     borrowed; for a stream of all rooms, the one that is watched. NULL or "" = the
 *              stream's own.
 * @ret_player  release with synctv_player_free().
 *
 * Errors: INVALID_ARGUMENT, NO_MEMORY.
 */
SYNCTV_API int synctv_player_new(synctv_client *client, synctv_stream *stream, const char *room_id,
    synctv_player **ret_player, synctv_error *ret_error);
/** NULL is fine. */
SYNCTV_API void synctv_player_free(synctv_player *player);

/**
 * To be called with each event of the stream, whatever its type. The event is borrowed; what is
 * needed of it is kept.
 */
SYNCTV_API void synctv_player_take(synctv_player *player, const synctv_event *event);

/**
 * To be called about each half second, at least each second, and when what `status` says has
 * changed.
 *
 * @status      borrowed.
 * @ret_target  untouched if nothing is known of the room yet.
 *
 * Returns whether it is. What cannot be told to the server now, because the stream is down, is told
 * in a later step.
 */
SYNCTV_API bool synctv_player_step(synctv_player *player, const synctv_player_status *status,
    synctv_player_target *ret_target);

#ifdef __cplusplus
}
#endif
#endif
