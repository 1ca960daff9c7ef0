/* SPDX-License-Identifier: MIT */
/* Operations: a movie is added. */
#include "core/validate.h"
#include "store/postgres/ops.h"
#include "store/sql/movies.h"
#include "store/sql/playlist.h"
#include "store/sql/rooms.h"

/*
 * Behind all others, and into what the room says of its playlist, in one statement. Returns 1, or 0
 * if nothing was done: there is no such room, or there is such a movie, or no rank is left.
 */
static int append(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_n,
    uint64_t *ret_revision)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    sv_query_begin(&q, tx,
        "WITH added AS ("
        " INSERT INTO movies (room_id, id, rank, name, url, type, duration_s, added_by,"
        " created_at_ms, headers, subtitles, weight)"
        " SELECT r.id, $2, last.rank + $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM rooms r,"
        " (SELECT coalesce(max(rank), 0) AS rank FROM movies WHERE room_id = $1) last"
        " WHERE r.id = $1 AND last.rank < $13 ON CONFLICT DO NOTHING RETURNING weight)"
        " UPDATE rooms SET revision = revision + 1, movie_count = movie_count + 1,"
        " movies_weight = movies_weight + added.weight FROM added WHERE rooms.id = $1"
        " RETURNING revision, movie_count");
    sv_query_text(&q, movie->room_id);
    sv_query_text(&q, movie->id);
    sv_query_int(&q, SV_SQL_RANK_GAP);
    sv_query_text(&q, movie->name);
    sv_query_text(&q, movie->url);
    sv_query_int(&q, movie->type);
    sv_query_double(&q, movie->duration_s);
    sv_query_text(&q, movie->added_by);
    sv_query_int(&q, movie->created_at_ms);
    sv_sql_movie_bind_lists(&q, &a, movie);
    sv_query_int(&q, (int64_t)sv_movie_weight(movie));
    sv_query_int(&q, SV_SQL_RANK_MAX - SV_SQL_RANK_GAP);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        *ret_revision = sv_query_get_uint(&q, 0);
        *ret_n = sv_query_get_count(&q, 1);
    }
    rv = sv_query_end(&q, rv);
    sv_arena_fini(&a);
    return rv;
}

/* There is no such room, or there is such a movie. */
static int explain_refusal(struct sv_tx *tx, const char *room_id)
{
    int rv = sv_sql_room_exists(tx, room_id);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : SYNCTV_E_INTERNAL;
}

int sv_pg_movie_insert(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_position,
    uint64_t *ret_revision)
{
    int32_t n = 0;
    int rv = append(tx, movie, &n, ret_revision);
    if (rv == 0)
        rv = sv_sql_playlist_renumber(tx, movie->room_id);
    else if (rv > 0)
        goto out;
    if (rv == 0)
        rv = append(tx, movie, &n, ret_revision);
    if (rv <= 0)
        return rv < 0 ? rv : explain_refusal(tx, movie->room_id);
out:
    *ret_position = n > 0 ? n - 1 : 0;
    return 0;
}
