/* SPDX-License-Identifier: MIT */
/* Operations: a movie is added. */
#include "core/validate.h"
#include "store/sql/movies.h"
#include "store/sql/playlist.h"
#include "store/sqlite/ops.h"

/* A rank behind all others, without a walk through the list. */
static int make_last_rank(struct sv_tx *tx, const char *room_id, const char *movie_id, int64_t *ret)
{
    struct sv_query q;
    int64_t last = 0;
    sv_query_begin(&q, tx, "SELECT rank FROM movies WHERE room_id = $1 ORDER BY rank DESC LIMIT 1");
    sv_query_text(&q, room_id);
    int rv = sv_query_number(&q, &last);
    if (rv < 0)
        return rv;
    if (last < SV_SQL_RANK_MAX - SV_SQL_RANK_GAP) {
        *ret = last + SV_SQL_RANK_GAP;
        return 0;
    }
    int n = sv_sql_playlist_count(tx, room_id);
    return n < 0 ? n : sv_sql_playlist_make_rank(tx, room_id, movie_id, n, ret);
}

int sv_sqlite_movie_insert(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_position,
    uint64_t *ret_revision)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    int64_t rank, weight = (int64_t)sv_movie_weight(movie);
    int32_t n = 0;
    int rv = make_last_rank(tx, movie->room_id, movie->id, &rank);
    if (rv < 0)
        return rv;
    sv_query_begin(&q, tx,
        "INSERT INTO movies (room_id, id, rank, name, url, type, duration_s, added_by,"
        " created_at_ms, headers, subtitles, weight)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
    sv_query_text(&q, movie->room_id);
    sv_query_text(&q, movie->id);
    sv_query_int(&q, rank);
    sv_query_text(&q, movie->name);
    sv_query_text(&q, movie->url);
    sv_query_int(&q, movie->type);
    sv_query_double(&q, movie->duration_s);
    sv_query_text(&q, movie->added_by);
    sv_query_int(&q, movie->created_at_ms);
    sv_sql_movie_bind_lists(&q, &a, movie);
    sv_query_int(&q, weight);
    rv = sv_query_run(&q);
    sv_arena_fini(&a);
    if (q.is_orphan)
        return SYNCTV_E_ROOM_NOT_FOUND;
    if (rv >= 0)
        rv = sv_sql_movie_change_room(tx, movie->room_id, 1, weight, &n, ret_revision);
    if (rv == 0)
        *ret_position = n > 0 ? n - 1 : 0;
    return rv;
}
