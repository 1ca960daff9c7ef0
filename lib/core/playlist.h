/* SPDX-License-Identifier: MIT */
/*
 * The movies of one room in their order, in memory. The list owns a deep copy of each movie.
 * `position` is the place in the list, from 0, without gaps. Not thread-safe.
 *
 * A movie that the list returns is valid until it is changed or removed; its position may change.
 */
#ifndef SV_CORE_PLAYLIST_H
#define SV_CORE_PLAYLIST_H

#include <synctv/types.h>

struct sv_playlist_item;

/* An empty list is all zeros. */
struct sv_playlist {
    struct sv_playlist_item **items;
    size_t n_items;
    size_t capacity;
    /* Memory that the movies take. */
    size_t bytes;
    struct sv_playlist_item *by_id;
};

void sv_playlist_init(struct sv_playlist *list);
void sv_playlist_fini(struct sv_playlist *list);

/* NULL past the end. */
const synctv_movie *sv_playlist_at(const struct sv_playlist *list, size_t index);
/* NULL if there is none. */
const synctv_movie *sv_playlist_get(const struct sv_playlist *list, const char *movie_id);

/*
 * Copies `movie` to the end; movie->position is ignored.
 * Errors: NO_MEMORY, INVALID_ARGUMENT (the id is already there).
 */
int sv_playlist_append(struct sv_playlist *list, const synctv_movie *movie);
/* Replaces the movie with this id; it keeps its place. Errors: NO_MEMORY, MOVIE_NOT_FOUND. */
int sv_playlist_update(struct sv_playlist *list, const synctv_movie *movie);
/* The movies behind it move up. Errors: MOVIE_NOT_FOUND. */
int sv_playlist_remove(struct sv_playlist *list, const char *movie_id);
/*
 * Moves a movie to a place from 0 to n - 1 (clamped); the others keep their order. Errors:
 * MOVIE_NOT_FOUND.
 */
int sv_playlist_move(struct sv_playlist *list, const char *movie_id, int32_t position);
/* Returns how many were removed. */
size_t sv_playlist_clear(struct sv_playlist *list);

/*
 * The movie that follows `current_id` when that has ended; NULL = none. SHUFFLE takes any other
 * movie by `random`, and the same one again only if there is no other. If the current movie is not
 * in the list, REPEAT_ALL takes the first movie, SHUFFLE any, and the other modes none.
 */
const synctv_movie *sv_playlist_next(const struct sv_playlist *list, const char *current_id,
    synctv_auto_advance mode, uint64_t random);

#endif
