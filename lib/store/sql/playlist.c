/* SPDX-License-Identifier: MIT */
/* The order of a playlist: `rank`, with gaps, so that a move changes one row. */
#include "store/sql/playlist.h"

int sv_sql_playlist_count(struct sv_tx *tx, const char *room_id)
{
    struct sv_query q;
    int64_t n = 0;
    sv_query_begin(&q, tx, "SELECT count(*) FROM movies WHERE room_id = $1");
    sv_query_text(&q, room_id);
    int rv = sv_query_number(&q, &n);
    return rv < 0 ? rv : (int)n;
}

int sv_sql_playlist_renumber(struct sv_tx *tx, const char *room_id)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "UPDATE movies SET rank = n.rank FROM (SELECT id, row_number() OVER (ORDER BY rank) * $1"
        " AS rank FROM movies WHERE room_id = $2) n WHERE movies.room_id = $2 AND movies.id = n.id");
    sv_query_int(&q, SV_SQL_RANK_GAP);
    sv_query_text(&q, room_id);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : 0;
}

/* Whether it is a number that sv_sql_playlist_make_rank() could have given. */
static bool is_rank(int64_t n)
{
    return n > -SV_SQL_RANK_MAX && n < SV_SQL_RANK_MAX;
}

/*
 * A free rank for `movie_id` at `position`, 0 at the lowest, among the other movies of the room.
 * Returns 1 with it, or 0 if there is none between the neighbours.
 */
static int rank_at(struct sv_tx *tx, const char *room_id, const char *movie_id, int32_t position,
    int64_t *ret)
{
    struct sv_query q;
    int64_t before = 0, after = 0;
    bool has_before = false, has_after = false;
    sv_query_begin(&q, tx,
        "SELECT rank FROM movies WHERE room_id = $1 AND id <> $2 ORDER BY rank LIMIT 2 OFFSET $3");
    sv_query_text(&q, room_id);
    sv_query_text(&q, movie_id);
    sv_query_int(&q, position == 0 ? 0 : position - 1);
    int rv = sv_query_next(&q);
    if (rv > 0 && position > 0) {
        has_before = true;
        before = sv_query_get_int(&q, 0);
        rv = sv_query_next(&q);
    }
    if (rv > 0) {
        has_after = true;
        after = sv_query_get_int(&q, 0);
    }
    rv = sv_query_end(&q, rv);
    *ret = 0;
    if (rv < 0 || !is_rank(before) || !is_rank(after))
        return rv < 0 ? rv : 0;
    if (!has_before)
        *ret = has_after ? after - SV_SQL_RANK_GAP : SV_SQL_RANK_GAP;
    else
        *ret = has_after ? before + (after - before) / 2 : before + SV_SQL_RANK_GAP;
    return is_rank(*ret) && (!has_before || *ret > before);
}

int sv_sql_playlist_make_rank(struct sv_tx *tx, const char *room_id, const char *movie_id,
    int32_t position, int64_t *ret)
{
    int rv = rank_at(tx, room_id, movie_id, position, ret);
    if (rv == 0)
        rv = sv_sql_playlist_renumber(tx, room_id);
    else
        return rv < 0 ? rv : 0;
    if (rv == 0)
        rv = rank_at(tx, room_id, movie_id, position, ret);
    return rv < 0 ? rv : 0;
}
