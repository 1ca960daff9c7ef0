/* SPDX-License-Identifier: MIT */
/*
 * The movies of one room in their order, in memory. Each has its own deep copy; `position` is its place, from 0, without gaps.
 * Not thread-safe. A movie that the list hands out is valid until that movie is changed or removed; its position may change.
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
    size_t bytes; /* of memory that the movies take */
    struct sv_playlist_item *by_id;
};

void sv_playlist_init(struct sv_playlist *list);
void sv_playlist_fini(struct sv_playlist *list);

/* NULL behind the end. */
const synctv_movie *sv_playlist_at(const struct sv_playlist *list, size_t index);
/* NULL if there is none. */
const synctv_movie *sv_playlist_get(const struct sv_playlist *list, const char *movie_id);

/* Copies `movie` to the end, whatever movie->position says. Errors: NO_MEMORY, INVALID_ARGUMENT (the id is already there). */
int sv_playlist_append(struct sv_playlist *list, const synctv_movie *movie);
/* Replaces the movie of that id, its place kept. Errors: NO_MEMORY, MOVIE_NOT_FOUND. */
int sv_playlist_update(struct sv_playlist *list, const synctv_movie *movie);
/* The ones behind it move up. MOVIE_NOT_FOUND. */
int sv_playlist_remove(struct sv_playlist *list, const char *movie_id);
/* To a place 0..n - 1 (clamped); the others keep their order. MOVIE_NOT_FOUND. */
int sv_playlist_move(struct sv_playlist *list, const char *movie_id, int32_t position);
/* Returns how many were removed. */
size_t sv_playlist_clear(struct sv_playlist *list);

/*
 * What comes after `current_id` when it has ended; NULL = nothing. `random` is any number, only SHUFFLE looks at it: any movie
 * but the same one again, unless it is the only one. A current movie that is not in the list has nothing after it but under REPEAT_ALL (the
 * first) and SHUFFLE (any).
 */
const synctv_movie *sv_playlist_next(const struct sv_playlist *list, const char *current_id,
    synctv_auto_advance mode, uint64_t random);

#endif
