/* SPDX-License-Identifier: MIT */
/* Operations: the movies of a room. How one is added is in the folders of the databases. */
#include "store/sql/movies.h"

#include <math.h>

#include "core/validate.h"
#include "store/sql/ops.h"
#include "store/sql/playlist.h"
#include "store/sql/room_reads.h"
#include "store/strings.h"

/* ---- headers and subtitles ---- */

static void bind_headers(struct sv_query *q, struct sv_arena *a, const synctv_movie *m)
{
    size_t len = 0;
    const char **strings = sv_arena_array(a, m->n_headers + 1, 2 * sizeof(*strings));
    for (size_t i = 0; strings != NULL && i < m->n_headers; i++) {
        strings[2 * i] = m->headers[i].name;
        strings[2 * i + 1] = m->headers[i].value;
    }
    void *data = strings == NULL ? NULL : sv_strings_encode(a, strings, 2 * m->n_headers, &len);
    if (data == NULL && q->rv == 0)
        q->rv = SYNCTV_E_NO_MEMORY;
    sv_query_blob(q, data, len);
}

static void bind_subtitles(struct sv_query *q, struct sv_arena *a, const synctv_movie *m)
{
    size_t len = 0;
    const char **strings = sv_arena_array(a, m->n_subtitles + 1, 3 * sizeof(*strings));
    for (size_t i = 0; strings != NULL && i < m->n_subtitles; i++) {
        strings[3 * i] = m->subtitles[i].name;
        strings[3 * i + 1] = m->subtitles[i].url;
        strings[3 * i + 2] = m->subtitles[i].format;
    }
    void *data = strings == NULL ? NULL : sv_strings_encode(a, strings, 3 * m->n_subtitles, &len);
    if (data == NULL && q->rv == 0)
        q->rv = SYNCTV_E_NO_MEMORY;
    sv_query_blob(q, data, len);
}

void sv_sql_movie_bind_lists(struct sv_query *q, struct sv_arena *a, const synctv_movie *movie)
{
    bind_headers(q, a, movie);
    bind_subtitles(q, a, movie);
}

static void get_headers(struct sv_query *q, int column, struct sv_arena *a, synctv_movie *ret)
{
    const char **strings = NULL;
    size_t len, n = 0;
    const void *data = sv_query_get_blob(q, column, &len);
    int rv = sv_strings_decode(a, data, len, 2, &strings, &n);
    synctv_header *headers = rv < 0 ? NULL : sv_arena_array(a, n / 2 + 1, sizeof(*headers));
    if (headers == NULL) {
        if (rv == SYNCTV_E_STORAGE_CORRUPT)
            sv_query_damaged(q, "a movie's headers or subtitles are damaged");
        else
            q->rv = SYNCTV_E_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < n / 2; i++)
        headers[i] = (synctv_header){ .name = strings[2 * i], .value = strings[2 * i + 1] };
    ret->headers = headers;
    ret->n_headers = n / 2;
}

static void get_subtitles(struct sv_query *q, int column, struct sv_arena *a, synctv_movie *ret)
{
    const char **strings = NULL;
    size_t len, n = 0;
    const void *data = sv_query_get_blob(q, column, &len);
    int rv = sv_strings_decode(a, data, len, 3, &strings, &n);
    synctv_subtitle *subtitles = rv < 0 ? NULL : sv_arena_array(a, n / 3 + 1, sizeof(*subtitles));
    if (subtitles == NULL) {
        if (rv == SYNCTV_E_STORAGE_CORRUPT)
            sv_query_damaged(q, "a movie's headers or subtitles are damaged");
        else
            q->rv = SYNCTV_E_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < n / 3; i++)
        subtitles[i] = (synctv_subtitle){
            .name = strings[3 * i], .url = strings[3 * i + 1], .format = strings[3 * i + 2]
        };
    ret->subtitles = subtitles;
    ret->n_subtitles = n / 3;
}

/* ---- reading ---- */

/* 0 = unknown, as is what cannot be one. */
static double get_duration(struct sv_query *q, int column)
{
    double duration_s = sv_query_get_double(q, column);
    return isfinite(duration_s) && duration_s > 0 ? duration_s : 0;
}

static void get_movie(struct sv_query *q, struct sv_arena *a, synctv_movie *ret)
{
    *ret = (synctv_movie){
        .id = sv_query_get_text(q, 0, a),
        .room_id = sv_query_get_text(q, 1, a),
        .name = sv_query_get_text(q, 2, a),
        .url = sv_query_get_text(q, 3, a),
        .type = (synctv_movie_type)sv_query_get_enum(q, 4, SYNCTV_MOVIE_TYPE_LIVE),
        .duration_s = get_duration(q, 5),
        .added_by = sv_query_get_text(q, 6, a),
        .created_at_ms = sv_query_get_int(q, 7),
        .stream_key = "",
    };
    get_headers(q, 8, a, ret);
    get_subtitles(q, 9, a, ret);
}

int sv_sql_movie_list(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    synctv_movie **ret_movies)
{
    struct sv_query q;
    struct sv_rows rows = { .arena = a, .size = sizeof(synctv_movie) };
    int rv;
    sv_query_begin(&q, tx, SV_SQL_MOVIES_OF_ROOM);
    sv_query_text(&q, room_id);
    sv_query_use_ahead(&q, SV_AHEAD_MOVIES, room_id, NULL);
    while (sv_query_next(&q) > 0) {
        synctv_movie *movie = sv_rows_push(&rows);
        if (movie == NULL)
            return sv_query_end(&q, SYNCTV_E_NO_MEMORY);
        get_movie(&q, a, movie);
        movie->position = rows.n - 1;
    }
    rv = sv_query_end(&q, rows.n);
    if (rv >= 0)
        *ret_movies = (synctv_movie *)rows.items;
    return rv;
}

/* Its place in the playlist. */
static int position_of_rank(struct sv_tx *tx, const char *room_id, int64_t rank, int32_t *ret)
{
    struct sv_query q;
    int64_t n = 0;
    sv_query_begin(&q, tx, "SELECT count(*) FROM movies WHERE room_id = $1 AND rank < $2");
    sv_query_text(&q, room_id);
    sv_query_int(&q, rank);
    int rv = sv_query_number(&q, &n);
    if (rv < 0)
        return rv;
    *ret = (int32_t)n;
    return 0;
}

static int get_rank(struct sv_tx *tx, const char *room_id, const char *movie_id, int64_t *ret)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "SELECT rank FROM movies WHERE room_id = $1 AND id = $2");
    sv_query_text(&q, room_id);
    sv_query_text(&q, movie_id);
    int rv = sv_query_number(&q, ret);
    return rv == 0 ? SYNCTV_E_MOVIE_NOT_FOUND : rv;
}

int sv_sql_movie_get(struct sv_tx *tx, const char *room_id, const char *movie_id,
    struct sv_arena *a, synctv_movie *ret)
{
    struct sv_query q;
    synctv_movie movie;
    int64_t rank;
    int rv = get_rank(tx, room_id, movie_id, &rank);
    if (rv < 0)
        return rv;
    sv_query_begin(&q, tx,
        "SELECT " SV_SQL_MOVIE_COLUMNS " FROM movies WHERE room_id = $1 AND id = $2");
    sv_query_text(&q, room_id);
    sv_query_text(&q, movie_id);
    rv = sv_query_next(&q);
    if (rv > 0)
        get_movie(&q, a, &movie);
    rv = sv_query_end(&q, rv);
    if (rv > 0)
        rv = position_of_rank(tx, room_id, rank, &movie.position);
    if (rv == 0)
        *ret = movie;
    return rv;
}

/* ---- writing ---- */

#define RETURNING " RETURNING revision, movie_count"

/* Ends a query for RETURNING's columns of the room. */
static int finish_get_room(struct sv_query *q, int32_t *ret_n, uint64_t *ret_revision)
{
    uint64_t revision = 0;
    int32_t n = 0;
    int rv = sv_query_next(q);
    if (rv > 0) {
        revision = sv_query_get_uint(q, 0);
        n = sv_query_get_count(q, 1);
    }
    rv = sv_query_end(q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_ROOM_NOT_FOUND;
    *ret_revision = revision;
    if (ret_n != NULL)
        *ret_n = n;
    return 0;
}

/* Ends a change of the room, and reads it if the change does not return it. */
static int finish_change(struct sv_query *q, bool returns, const char *room_id, int32_t *ret_n,
    uint64_t *ret_revision)
{
    if (returns)
        return finish_get_room(q, ret_n, ret_revision);
    int rv = sv_query_run(q);
    if (rv < 0)
        return rv;
    sv_query_begin(q, &q->conn->tx, "SELECT revision, movie_count FROM rooms WHERE id = $1");
    sv_query_text(q, room_id);
    return finish_get_room(q, ret_n, ret_revision);
}

#define CHANGE_PLAYLIST                                                                            \
    "UPDATE rooms SET revision = revision + 1, movie_count = movie_count + $1,"                    \
    " movies_weight = movies_weight + $2 WHERE id = $3"

int sv_sql_movie_change_room(struct sv_tx *tx, const char *room_id, int n, int64_t weight,
    int32_t *ret_n, uint64_t *ret_revision)
{
    struct sv_query q;
    bool returns = sv_query_begin_update(&q, tx, CHANGE_PLAYLIST, CHANGE_PLAYLIST RETURNING);
    sv_query_int(&q, n);
    sv_query_int(&q, weight);
    sv_query_text(&q, room_id);
    return finish_change(&q, returns, room_id, ret_n, ret_revision);
}

static int get_weight(struct sv_tx *tx, const char *room_id, const char *movie_id, int32_t *ret)
{
    struct sv_query q;
    int32_t weight = 0;
    sv_query_begin(&q, tx, "SELECT weight FROM movies WHERE room_id = $1 AND id = $2");
    sv_query_text(&q, room_id);
    sv_query_text(&q, movie_id);
    int rv = sv_query_next(&q);
    if (rv > 0)
        weight = sv_query_get_count(&q, 0);
    rv = sv_query_end(&q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_MOVIE_NOT_FOUND;
    *ret = weight;
    return 0;
}

int sv_sql_movie_update(struct sv_tx *tx, const synctv_movie *movie, uint64_t *ret_revision)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    int64_t weight = (int64_t)sv_movie_weight(movie);
    int32_t before;
    int rv = get_weight(tx, movie->room_id, movie->id, &before);
    if (rv < 0)
        return rv;
    sv_query_begin(&q, tx,
        "UPDATE movies SET name = $1, url = $2, duration_s = $3, headers = $4, subtitles = $5,"
        " weight = $6 WHERE room_id = $7 AND id = $8");
    sv_query_text(&q, movie->name);
    sv_query_text(&q, movie->url);
    sv_query_double(&q, movie->duration_s);
    sv_sql_movie_bind_lists(&q, &a, movie);
    sv_query_int(&q, weight);
    sv_query_text(&q, movie->room_id);
    sv_query_text(&q, movie->id);
    rv = sv_query_run(&q);
    sv_arena_fini(&a);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_MOVIE_NOT_FOUND;
    return sv_sql_movie_change_room(tx, movie->room_id, 0, weight - before, NULL, ret_revision);
}

int sv_sql_movie_delete(struct sv_tx *tx, const char *room_id, const char *movie_id,
    uint64_t *ret_revision)
{
    struct sv_query q;
    int32_t weight;
    int rv = get_weight(tx, room_id, movie_id, &weight);
    if (rv < 0)
        return rv;
    sv_query_begin(&q, tx, "DELETE FROM movies WHERE room_id = $1 AND id = $2");
    sv_query_text(&q, room_id);
    sv_query_text(&q, movie_id);
    rv = sv_query_run(&q);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_MOVIE_NOT_FOUND;
    return sv_sql_movie_change_room(tx, room_id, -1, -weight, NULL, ret_revision);
}

int sv_sql_movie_move(struct sv_tx *tx, const char *room_id, const char *movie_id, int32_t position,
    uint64_t *ret_revision)
{
    struct sv_query q;
    int64_t rank;
    int n = sv_sql_playlist_count(tx, room_id);
    if (n < 0)
        return n;
    if (position > n - 1)
        position = n - 1;
    if (position < 0)
        position = 0;
    int rv = sv_sql_playlist_make_rank(tx, room_id, movie_id, position, &rank);
    if (rv < 0)
        return rv;
    sv_query_begin(&q, tx, "UPDATE movies SET rank = $1 WHERE room_id = $2 AND id = $3");
    sv_query_int(&q, rank);
    sv_query_text(&q, room_id);
    sv_query_text(&q, movie_id);
    rv = sv_query_run(&q);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_MOVIE_NOT_FOUND;
    return sv_sql_movie_change_room(tx, room_id, 0, 0, NULL, ret_revision);
}

#define EMPTY_PLAYLIST                                                                             \
    "UPDATE rooms SET revision = revision + 1, movie_count = 0, movies_weight = 0 WHERE id = $1"

int sv_sql_movie_clear(struct sv_tx *tx, const char *room_id, uint64_t *ret_revision)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "DELETE FROM movies WHERE room_id = $1");
    sv_query_text(&q, room_id);
    int n = sv_query_run(&q);
    if (n <= 0)
        return n;
    bool returns = sv_query_begin_update(&q, tx, EMPTY_PLAYLIST, EMPTY_PLAYLIST RETURNING);
    sv_query_text(&q, room_id);
    int rv = finish_change(&q, returns, room_id, NULL, ret_revision);
    return rv < 0 ? rv : n;
}
