/* SPDX-License-Identifier: MIT */
/* The playlist. Changes go to storage first and then to memory. Reads come from memory. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/answer.h"
#include "node/calls/guard.h"
#include "node/calls/handlers.h"
#include "node/rooms/apply.h"
#include "node/rooms/load.h"

struct change {
    /* AddMovie: of the new movie. */
    char id[SV_ID_SIZE];
    /* UpdateMovie: bits FIELD_…. */
    unsigned fields;
    /* The one changed, as it is now; of a removed one, as it was. */
    synctv_movie movie;
    int n_removed;
    /* 0 = nothing has changed. */
    uint64_t revision;
};

/* --- what the changes share --- */

/*
 * Loads the caller's rights and the movie. The caller needs the permission `any`, or `own` if they
 * have added the movie.
 */
static int load_rights_and_movie(struct sv_call *c, struct sv_tx *tx, uint64_t own, uint64_t any,
    struct sv_caller_rights *rights)
{
    struct change *change = c->state;
    change->revision = 0;
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, rights);
    if (rv == 0)
        rv = sv_rights_need(c, rights, 0);
    if (rv < 0)
        return rv;
    uint64_t permissions = sv_actor_permissions(&rights->actor, &rights->room.settings);
    if ((permissions & (own | any)) == 0)
        return sv_permission_check(permissions, any, &c->err);
    rv = tx->ops->movie_get(tx, c->req->room_id, c->req->movie_id, &c->arena, &change->movie);
    if (rv < 0)
        return rv;
    return sv_movie_permission_check(permissions, c->actor.user_id, &change->movie, own, any,
        &c->err);
}

/* Whether a movie may weigh `now` instead of `before` bytes. It may always become lighter. */
static int check_weight(struct sv_call *c, const struct sv_room_rec *room, size_t before,
    size_t now)
{
    if (now <= before ||
        room->movies_weight + (int64_t)now - (int64_t)before <= SV_MOVIES_MAX_BYTES)
        return 0;
    return sv_errorf(&c->err, SYNCTV_E_MOVIE_LIMIT,
        "the movies of a playlist have at most %d bytes in all", SV_MOVIES_MAX_BYTES);
}

/* Updates the room, if it is in memory. Then change->movie has the position it has there. */
static void commit(struct sv_call *c, synctv_list_change what)
{
    struct change *change = c->state;
    struct sv_room *room = sv_room_commit(c->node,
        &(struct sv_room_change){
            .room_id = c->req->room_id,
            .revision = change->revision,
            .actor_id = c->actor.user_id,
            .list = change->revision == 0 ? SYNCTV_LIST_CHANGE_UNSPECIFIED : what,
            .movie = what == SYNCTV_LIST_CHANGE_CLEARED ? NULL : &change->movie,
        });
    if (room == NULL)
        return;
    const synctv_movie *movie = what == SYNCTV_LIST_CHANGE_CLEARED
        ? NULL
        : sv_playlist_get(&room->movies, change->movie.id);
    if (movie != NULL)
        change->movie.position = movie->position;
    sv_room_leave(room);
}

static void answer_movie(struct sv_call *c)
{
    const struct change *change = c->state;
    sv_call_end(c, sv_answer_movie(c, &change->movie));
}

/* --- AddMovie --- */

static int add_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    const char *room_id = c->req->room_id;
    int32_t max = c->node->limits.movies_per_room;
    struct sv_caller_rights rights;
    change->revision = 0;
    int rv = sv_rights_load(c, tx, room_id, &c->arena, &rights);
    if (rv == 0)
        rv = sv_rights_need(c, &rights, SYNCTV_PERM_ADD_MOVIE);
    if (rv < 0)
        return rv;
    if (max > 0 && rights.room.n_movies >= max)
        return sv_errorf(&c->err, SYNCTV_E_MOVIE_LIMIT, "a playlist has at most %d movies",
            (int)max);
    rv = check_weight(c, &rights.room, 0, sv_movie_weight(c->req->movie));
    if (rv < 0)
        return rv;

    synctv_movie *movie = &change->movie;
    *movie = *c->req->movie;
    movie->id = change->id;
    movie->room_id = room_id;
    movie->added_by = c->actor.user_id;
    movie->created_at_ms = sv_node_now_ms(c->node);
    movie->live = false;
    if (movie->type == SYNCTV_MOVIE_TYPE_UNSPECIFIED)
        movie->type = SYNCTV_MOVIE_TYPE_URL;
    rv = sv_movie_set_key(&c->arena, movie);
    if (rv == 0)
        rv = tx->ops->movie_insert(tx, movie, &movie->position, &change->revision);
    return rv;
}

static void add_done(struct sv_call *c)
{
    commit(c, SYNCTV_LIST_CHANGE_ADDED);
    answer_movie(c);
}

void sv_handle_add_movie(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct change));
    if (rv == 0)
        rv = sv_movie_validate(c->req->movie, &c->err);
    if (rv == 0)
        rv = sv_node_new_id(c->node, ((struct change *)c->state)->id);
    sv_step_write_room(c, rv, "", add_run, add_done);
}

/* --- RemoveMovie --- */

static int remove_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights_and_movie(c, tx, SYNCTV_PERM_DELETE_MOVIE_SELF,
        SYNCTV_PERM_DELETE_MOVIE_ANY, &rights);
    return rv < 0 ? rv
                  : tx->ops->movie_delete(tx, c->req->room_id, c->req->movie_id, &change->revision);
}

static void remove_done(struct sv_call *c)
{
    commit(c, SYNCTV_LIST_CHANGE_REMOVED);
    sv_call_finish(c);
}

void sv_handle_remove_movie(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct change));
    sv_step_write_room(c, rv, "", remove_run, remove_done);
}

/* --- UpdateMovie --- */

enum {
    FIELD_NAME = 1,
    FIELD_URL = 2,
    FIELD_DURATION = 4,
    FIELD_HEADERS = 8,
    FIELD_SUBTITLES = 16,
};

static int update_fields(struct sv_call *c)
{
    static const char *const names[] = { "name", "url", "duration", "headers", "subtitles" };
    struct change *change = c->state;
    return sv_call_fields(c, names, sizeof(names) / sizeof(names[0]),
        "takes name, url, duration, headers and subtitles", &change->fields);
}

/* The stored movie with the named fields of the request. */
static void update_merge(struct change *change, const synctv_movie *from)
{
    synctv_movie *to = &change->movie;
    if ((change->fields & FIELD_NAME) != 0)
        to->name = from->name;
    if ((change->fields & FIELD_URL) != 0)
        to->url = from->url;
    if ((change->fields & FIELD_DURATION) != 0)
        to->duration_s = from->duration_s;
    if ((change->fields & FIELD_HEADERS) != 0) {
        to->headers = from->headers;
        to->n_headers = from->n_headers;
    }
    if ((change->fields & FIELD_SUBTITLES) != 0) {
        to->subtitles = from->subtitles;
        to->n_subtitles = from->n_subtitles;
    }
}

static int update_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights_and_movie(c, tx, SYNCTV_PERM_EDIT_MOVIE_SELF, SYNCTV_PERM_EDIT_MOVIE_ANY,
        &rights);
    if (rv < 0)
        return rv;
    size_t before = sv_movie_weight(&change->movie);
    update_merge(change, c->req->movie);
    rv = sv_movie_validate(&change->movie, &c->err);
    if (rv == 0)
        rv = check_weight(c, &rights.room, before, sv_movie_weight(&change->movie));
    if (rv == 0)
        rv = sv_movie_set_key(&c->arena, &change->movie);
    if (rv == 0)
        rv = tx->ops->movie_update(tx, &change->movie, &change->revision);
    return rv;
}

static void update_done(struct sv_call *c)
{
    commit(c, SYNCTV_LIST_CHANGE_CHANGED);
    answer_movie(c);
}

void sv_handle_update_movie(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct change));
    if (rv == 0 && c->req->movie == NULL)
        rv = sv_error_field(&c->err, "movie", "is missing");
    if (rv == 0)
        rv = update_fields(c);
    sv_step_write_room(c, rv, "", update_run, update_done);
}

/* --- MoveMovie --- */

static int move_run(struct sv_call *c, struct sv_tx *tx)
{
    const synctv_request *req = c->req;
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights_and_movie(c, tx, SYNCTV_PERM_REORDER_PLAYLIST,
        SYNCTV_PERM_REORDER_PLAYLIST, &rights);
    if (rv == 0)
        rv = tx->ops->movie_move(tx, req->room_id, req->movie_id, req->position, &change->revision);
    if (rv == 0)
        rv = tx->ops->movie_get(tx, req->room_id, req->movie_id, &c->arena, &change->movie);
    return rv;
}

static void move_done(struct sv_call *c)
{
    commit(c, SYNCTV_LIST_CHANGE_MOVED);
    answer_movie(c);
}

void sv_handle_move_movie(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct change));
    if (rv == 0 && c->req->position < 0)
        rv = sv_error_field(&c->err, "position", "is negative");
    sv_step_write_room(c, rv, "", move_run, move_done);
}

/* --- ClearMovies --- */

static int clear_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    change->revision = 0;
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, &rights);
    if (rv == 0)
        rv = sv_rights_need(c, &rights, SYNCTV_PERM_CLEAR_PLAYLIST);
    if (rv == 0)
        rv = change->n_removed = tx->ops->movie_clear(tx, c->req->room_id, &change->revision);
    return rv;
}

static void clear_done(struct sv_call *c)
{
    const struct change *change = c->state;
    commit(c, SYNCTV_LIST_CHANGE_CLEARED);
    synctv_result *result = sv_call_result(c);
    if (result != NULL)
        result->total = change->n_removed;
    sv_call_finish(c);
}

void sv_handle_clear_movies(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct change));
    sv_step_write_room(c, rv, "", clear_run, clear_done);
}

/* --- GetMovieList --- */

/* Keeps an answer well below the largest message. What does not fit comes with the next page. */
#define PAGE_BYTES (768 * 1024)

struct list {
    int64_t after_position;
    char after_id[SV_ID_SIZE];
    int32_t size;
};

static size_t wire_size(const synctv_movie *movie)
{
    return 256 + sv_movie_weight(movie) + 16 * movie->n_headers + 24 * movie->n_subtitles;
}

/* The position behind the last movie seen. If that is gone the next one has its position. */
static size_t list_start(const struct sv_playlist *movies, const struct list *list)
{
    if (list->after_id[0] == '\0')
        return 0;
    const synctv_movie *last = sv_playlist_get(movies, list->after_id);
    return last != NULL ? (size_t)last->position + 1 : (size_t)list->after_position;
}

/* Locked. */
static int list_fill(struct sv_call *c, struct sv_room *room)
{
    const struct list *list = c->state;
    int rv = sv_call_need_in_room(c, room, SYNCTV_PERM_VIEW_PLAYLIST);
    if (rv < 0)
        return rv;
    synctv_result *result = sv_call_result(c);
    if (result == NULL)
        return SYNCTV_E_NO_MEMORY;
    struct sv_arena *a = sv_result_arena(result);
    result->total = (int32_t)room->movies.n_items;
    result->current_movie_id = sv_arena_strdup(a, room->playback.movie_id);

    size_t start = list_start(&room->movies, list), n = 0, bytes = 0;
    const synctv_movie *movie;
    while (n < (size_t)list->size && bytes < PAGE_BYTES &&
        (movie = sv_playlist_at(&room->movies, start + n)) != NULL) {
        bytes += wire_size(movie);
        n++;
    }
    synctv_movie *movies = sv_arena_array(a, n + 1, sizeof(*movies));
    if (movies == NULL || result->current_movie_id == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (sv_movie_copy(a, sv_playlist_at(&room->movies, start + i), &movies[i]) < 0 ||
            sv_movie_set_key(a, &movies[i]) < 0)
            return SYNCTV_E_NO_MEMORY;
    }
    result->movies = movies;
    result->n_movies = n;
    if (n > 0 && sv_playlist_at(&room->movies, start + n) != NULL) {
        const char *token = sv_page_token(a, movies[n - 1].position, movies[n - 1].id);
        if (token == NULL)
            return SYNCTV_E_NO_MEMORY;
        result->next_page_token = token;
    }
    return 0;
}

void sv_handle_get_movie_list(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct list));
    struct list *list = c->state;
    if (rv == 0)
        rv = sv_call_page_size(c, 1000, 100, &list->size);
    if (rv == 0)
        rv = sv_page_token_parse(c, &list->after_position, list->after_id);
    sv_step_act_in_room(c, rv, list_fill);
}
