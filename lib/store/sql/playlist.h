/* SPDX-License-Identifier: MIT */
/* The order of a playlist. */
#ifndef SV_STORE_SQL_PLAYLIST_H
#define SV_STORE_SQL_PLAYLIST_H

#include "store/sql/query.h"

/* Between neighbours. It can be halved 32 times before the playlist is numbered anew. */
#define SV_SQL_RANK_GAP (INT64_C(1) << 32)
#define SV_SQL_RANK_MAX (INT64_C(1) << 60)

/* Returns how many movies the room has. */
int sv_sql_playlist_count(struct sv_tx *tx, const char *room_id);
/* Numbers the whole playlist anew, SV_SQL_RANK_GAP apart. */
int sv_sql_playlist_renumber(struct sv_tx *tx, const char *room_id);
/*
 * Finds a free rank for `movie_id` at `position` (at least 0) among the other movies of the room.
 * Numbers the playlist anew if there is none between the neighbours.
 */
int sv_sql_playlist_make_rank(struct sv_tx *tx, const char *room_id, const char *movie_id,
    int32_t position, int64_t *ret);

#endif
