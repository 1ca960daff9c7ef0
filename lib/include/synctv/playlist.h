/* SPDX-License-Identifier: MIT */
/**
 * A room's playlist: at most 1000 movies in an order, one of which may be the current one.
 *
 * All functions block as synctv_call_wait() does, return its errors beside those named here, and
 * are thread-safe. ret_result may be NULL, otherwise it receives a reference for
 * synctv_result_unref(); it is untouched on failure. Each of them also fails with ROOM_NOT_FOUND,
 * NOT_A_MEMBER and PERMISSION_DENIED.
 */
#ifndef SYNCTV_PLAYLIST_H
#define SYNCTV_PLAYLIST_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Lists the playlist in its order. Needs VIEW_PLAYLIST, which guests have.
 *
 * @page_size   1..1000, 0 = 100.
 * @page_token  next_page_token of the page before; NULL or "" = the first page.
 * @ret_result  movies, next_page_token, current_movie_id, total.
 */
SYNCTV_API int synctv_playlist_list(synctv_caller *caller, const char *room_id, int32_t page_size,
    const char *page_token, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Puts a movie at the end. Needs ADD_MOVIE.
 *
 * @movie       borrowed. Read are name (1..256 code points), type, url (http, https, rtmp or rtsp,
 *              ≤ 8192 bytes; none for SYNCTV_MOVIE_TYPE_LIVE), duration_s, at most 16 headers (64 /
 *              4096 bytes, no line ends) and 16 subtitles; 32 KiB in all.
 * @ret_result  movie, with its id.
 *
 * Errors: INVALID_ARGUMENT, MOVIE_LIMIT (so many movies, or 2 MiB of their strings together).
 */
SYNCTV_API int synctv_playlist_add(synctv_caller *caller, const char *room_id,
    const synctv_movie *movie, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Removes a movie. Removing the current one leaves none, paused. Needs DELETE_MOVIE_ANY, or
 * DELETE_MOVIE_SELF for one's own.
 *
 * Errors: MOVIE_NOT_FOUND.
 */
SYNCTV_API int synctv_playlist_remove(synctv_caller *caller, const char *room_id,
    const char *movie_id, synctv_error *ret_error);

/**
 * Changes a movie. Needs EDIT_MOVIE_ANY, or EDIT_MOVIE_SELF for one's own.
 *
 * @movie       borrowed; its id says which one, and the fields that are named have their new
 *              values.
 * @fields      names among "name", "url", "duration", "headers", "subtitles".
 * @ret_result  movie.
 *
 * Errors: MOVIE_NOT_FOUND, INVALID_ARGUMENT, MOVIE_LIMIT (2 MiB, as above).
 */
SYNCTV_API int synctv_playlist_update(synctv_caller *caller, const char *room_id,
    const synctv_movie *movie, const char *const *fields, size_t n_fields,
    const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Moves a movie to another place. Needs REORDER_PLAYLIST.
 *
 * @position    its new place, from 0; past the end = the end.
 * @ret_result  movie.
 *
 * Errors: MOVIE_NOT_FOUND, INVALID_ARGUMENT (negative).
 */
SYNCTV_API int synctv_playlist_move(synctv_caller *caller, const char *room_id,
    const char *movie_id, int32_t position, const synctv_result **ret_result,
    synctv_error *ret_error);

/**
 * Removes all movies. Needs CLEAR_PLAYLIST.
 *
 * @ret_result  total: how many were removed.
 */
SYNCTV_API int synctv_playlist_clear(synctv_caller *caller, const char *room_id,
    const synctv_result **ret_result, synctv_error *ret_error);

/** How a movie becomes the current one. Zeros are the defaults. */
typedef struct synctv_playlist_options {
    /** Start to play; default: paused at 0. */
    bool autoplay;
    /** Of the playback state; 0 = whatever it is. */
    uint64_t expected_version;
} synctv_playlist_options;

/**
 * Makes a movie the current one, at position 0. Needs CHANGE_CURRENT_MOVIE.
 *
 * @movie_id    of a movie of the playlist.
 * @options     borrowed; NULL = defaults.
 * @ret_result  state; with VERSION_CONFLICT the state as it is.
 *
 * Errors: INVALID_ARGUMENT, MOVIE_NOT_FOUND, VERSION_CONFLICT.
 */
SYNCTV_API int synctv_playlist_set_current(synctv_caller *caller, const char *room_id,
    const char *movie_id, const synctv_playlist_options *options, const synctv_result **ret_result,
    synctv_error *ret_error);

#ifdef __cplusplus
}
#endif
#endif
