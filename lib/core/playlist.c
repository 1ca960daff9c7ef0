/* SPDX-License-Identifier: MIT */
#include "core/playlist.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

/* One block of memory: the movie, its arrays, its strings. */
struct sv_playlist_item {
    /* By id. */
    UT_hash_handle hh;
    synctv_movie movie;
};

static size_t text_size(const char *s)
{
    return strlen(sv_str(s)) + 1;
}

static size_t movie_size(const synctv_movie *m)
{
    size_t size = sizeof(struct sv_playlist_item) + m->n_headers * sizeof(synctv_header) +
        m->n_subtitles * sizeof(synctv_subtitle);
    size += text_size(m->id) + text_size(m->room_id) + text_size(m->name) + text_size(m->url) +
        text_size(m->added_by) + text_size(m->stream_key);
    for (size_t i = 0; i < m->n_headers; i++)
        size += text_size(m->headers[i].name) + text_size(m->headers[i].value);
    for (size_t i = 0; i < m->n_subtitles; i++)
        size += text_size(m->subtitles[i].name) + text_size(m->subtitles[i].url) +
            text_size(m->subtitles[i].format);
    return size;
}

/* Copies a string to *to and moves *to behind it. */
static const char *put_text(char **to, const char *s)
{
    char *copy = *to;
    size_t size = text_size(s);
    memcpy(copy, sv_str(s), size);
    *to += size;
    return copy;
}

/* NULL when out of memory. */
static struct sv_playlist_item *item_new(const synctv_movie *from)
{
    struct sv_playlist_item *item = malloc(movie_size(from));
    if (item == NULL)
        return NULL;
    synctv_header *headers = (synctv_header *)(item + 1);
    synctv_subtitle *subtitles = (synctv_subtitle *)(headers + from->n_headers);
    char *text = (char *)(subtitles + from->n_subtitles);
    for (size_t i = 0; i < from->n_headers; i++) {
        headers[i].name = put_text(&text, from->headers[i].name);
        headers[i].value = put_text(&text, from->headers[i].value);
    }
    for (size_t i = 0; i < from->n_subtitles; i++) {
        subtitles[i].name = put_text(&text, from->subtitles[i].name);
        subtitles[i].url = put_text(&text, from->subtitles[i].url);
        subtitles[i].format = put_text(&text, from->subtitles[i].format);
    }
    item->movie = *from;
    item->movie.id = put_text(&text, from->id);
    item->movie.room_id = put_text(&text, from->room_id);
    item->movie.name = put_text(&text, from->name);
    item->movie.url = put_text(&text, from->url);
    item->movie.added_by = put_text(&text, from->added_by);
    item->movie.stream_key = put_text(&text, from->stream_key);
    item->movie.headers = from->n_headers > 0 ? headers : NULL;
    item->movie.subtitles = from->n_subtitles > 0 ? subtitles : NULL;
    return item;
}

void sv_playlist_init(struct sv_playlist *list)
{
    *list = (struct sv_playlist){ 0 };
}

void sv_playlist_fini(struct sv_playlist *list)
{
    sv_playlist_clear(list);
    free(list->items);
    sv_playlist_init(list);
}

const synctv_movie *sv_playlist_at(const struct sv_playlist *list, size_t index)
{
    return index < list->n_items ? &list->items[index]->movie : NULL;
}

/* Returns n_items if there is none. */
static size_t index_of(const struct sv_playlist *list, const char *movie_id)
{
    const char *id = sv_str(movie_id);
    struct sv_playlist_item *item = NULL;
    HASH_FIND_STR(list->by_id, id, item);
    return item != NULL ? (size_t)item->movie.position : list->n_items;
}

/* Takes over `item`. NO_MEMORY: `item` is freed. */
static int add_item(struct sv_playlist *list, struct sv_playlist_item *item)
{
    const char *id = item->movie.id;
    HASH_ADD_KEYPTR(hh, list->by_id, id, strlen(id), item);
    if (item->hh.tbl == NULL) {
        free(item);
        return SYNCTV_E_NO_MEMORY;
    }
    list->bytes += movie_size(&item->movie);
    return 0;
}

static void leave(struct sv_playlist *list, struct sv_playlist_item *item)
{
    list->bytes -= movie_size(&item->movie);
    HASH_DELETE(hh, list->by_id, item);
    free(item);
}

const synctv_movie *sv_playlist_get(const struct sv_playlist *list, const char *movie_id)
{
    return sv_playlist_at(list, index_of(list, movie_id));
}

static void renumber(struct sv_playlist *list, size_t from)
{
    for (size_t i = from; i < list->n_items; i++)
        list->items[i]->movie.position = (int32_t)i;
}

static int make_room(struct sv_playlist *list)
{
    if (list->n_items < list->capacity)
        return 0;
    size_t capacity = list->capacity > 0 ? list->capacity * 2 : 8;
    struct sv_playlist_item **items = reallocarray(list->items, capacity, sizeof(*items));
    if (items == NULL)
        return SYNCTV_E_NO_MEMORY;
    list->items = items;
    list->capacity = capacity;
    return 0;
}

int sv_playlist_append(struct sv_playlist *list, const synctv_movie *movie)
{
    if (sv_playlist_get(list, movie->id) != NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    int rv = make_room(list);
    if (rv < 0)
        return rv;
    struct sv_playlist_item *item = item_new(movie);
    if (item == NULL || add_item(list, item) < 0)
        return SYNCTV_E_NO_MEMORY;
    list->items[list->n_items++] = item;
    renumber(list, list->n_items - 1);
    return 0;
}

int sv_playlist_update(struct sv_playlist *list, const synctv_movie *movie)
{
    size_t i = index_of(list, movie->id);
    if (i == list->n_items)
        return SYNCTV_E_MOVIE_NOT_FOUND;
    struct sv_playlist_item *item = item_new(movie);
    if (item == NULL ||
        add_item(list, item) < 0) /* beside the one before, which cannot fail to leave */
        return SYNCTV_E_NO_MEMORY;
    item->movie.position = (int32_t)i;
    leave(list, list->items[i]);
    list->items[i] = item;
    return 0;
}

int sv_playlist_remove(struct sv_playlist *list, const char *movie_id)
{
    size_t i = index_of(list, movie_id);
    if (i == list->n_items)
        return SYNCTV_E_MOVIE_NOT_FOUND;
    leave(list, list->items[i]);
    list->n_items--;
    memmove(&list->items[i], &list->items[i + 1], (list->n_items - i) * sizeof(list->items[0]));
    renumber(list, i);
    return 0;
}

int sv_playlist_move(struct sv_playlist *list, const char *movie_id, int32_t position)
{
    size_t from = index_of(list, movie_id);
    if (from == list->n_items)
        return SYNCTV_E_MOVIE_NOT_FOUND;
    size_t to = position > 0 ? (size_t)position : 0;
    if (to >= list->n_items)
        to = list->n_items - 1;
    struct sv_playlist_item *item = list->items[from];
    if (from < to)
        memmove(&list->items[from], &list->items[from + 1], (to - from) * sizeof(item));
    else
        memmove(&list->items[to + 1], &list->items[to], (from - to) * sizeof(item));
    list->items[to] = item;
    renumber(list, from < to ? from : to);
    return 0;
}

size_t sv_playlist_clear(struct sv_playlist *list)
{
    size_t n = list->n_items;
    for (size_t i = 0; i < n; i++)
        leave(list, list->items[i]);
    list->n_items = 0;
    return n;
}

static const synctv_movie *pick_other(const struct sv_playlist *list, size_t current,
    uint64_t random)
{
    size_t n = list->n_items;
    if (n <= 1 || current == n)
        return n == 0 ? NULL : sv_playlist_at(list, (size_t)(random % n));
    size_t i = (size_t)(random % (n - 1));
    return sv_playlist_at(list, i < current ? i : i + 1);
}

const synctv_movie *sv_playlist_next(const struct sv_playlist *list, const char *current_id,
    synctv_auto_advance mode, uint64_t random)
{
    size_t current = index_of(list, current_id);
    size_t next = current < list->n_items ? current + 1 : list->n_items;
    switch (mode) {
    case SYNCTV_AUTO_ADVANCE_OFF:
        return NULL;
    case SYNCTV_AUTO_ADVANCE_NEXT:
        return sv_playlist_at(list, next);
    case SYNCTV_AUTO_ADVANCE_REPEAT_ONE:
        return sv_playlist_at(list, current);
    case SYNCTV_AUTO_ADVANCE_REPEAT_ALL:
        return sv_playlist_at(list, next < list->n_items ? next : 0);
    case SYNCTV_AUTO_ADVANCE_SHUFFLE:
        return pick_other(list, current, random);
    }
    return NULL;
}
