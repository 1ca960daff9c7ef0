/* SPDX-License-Identifier: MIT */
/* Parts of what adds a movie. */
#ifndef SV_STORE_SQL_MOVIES_H
#define SV_STORE_SQL_MOVIES_H

#include "store/sql/query.h"

/* Binds the movie's headers, then its subtitles. The arena must outlive the query. */
void sv_sql_movie_bind_lists(struct sv_query *q, struct sv_arena *a, const synctv_movie *movie);
/*
 * The room's playlist has `n` movies and `weight` more than before. `ret_n`, how many there are,
 * may be NULL. Errors: ROOM_NOT_FOUND.
 */
int sv_sql_movie_change_room(struct sv_tx *tx, const char *room_id, int n, int64_t weight,
    int32_t *ret_n, uint64_t *ret_revision);

#endif
