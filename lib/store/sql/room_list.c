/* SPDX-License-Identifier: MIT */
#include "store/sql/room_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- which rooms belong in ---- */

static int is_member(struct sv_tx *tx, const char *room_id, const char *user_id)
{
    struct sv_query q;
    int64_t one;
    sv_query_begin(&q, tx,
        "SELECT 1 FROM members WHERE room_id = $1 AND user_id = $2 AND role > 0"
        " AND status IN (1, 2)");
    sv_query_text(&q, room_id);
    sv_query_text(&q, user_id);
    return sv_query_number(&q, &one);
}

/* 1: yes, 0: no, or the error. */
static int belongs(struct sv_room_page *p, const synctv_room *room)
{
    if (!sv_str_empty(p->query->creator_id) && strcmp(room->creator_id, p->query->creator_id) != 0)
        return 0;
    if (!room->settings->hidden || p->query->with_hidden)
        return 1;
    if (sv_str_empty(p->query->visible_to))
        return 0;
    return is_member(p->tx, room->id, p->query->visible_to);
}

int sv_sql_room_page_add(struct sv_room_page *p, const synctv_room *room)
{
    int rv = belongs(p, room);
    if (rv <= 0)
        return rv;
    synctv_room *place = sv_rows_push(&p->rows);
    if (place == NULL)
        return SYNCTV_E_NO_MEMORY;
    *place = *room;
    return 1;
}

/* ---- the page ---- */

static int gather_all(struct sv_room_page *p, sv_room_gather_fn *gather)
{
    if (!sv_str_empty(p->query->member_id))
        return gather(p, SV_ROOMS_OF_MEMBER);
    if (!sv_str_empty(p->query->creator_id))
        return gather(p, SV_ROOMS_OF_CREATOR);
    int rv = gather(p, SV_ROOMS_VISIBLE);
    if (rv == 0 && p->query->with_hidden)
        rv = gather(p, SV_ROOMS_HIDDEN);
    else if (rv == 0 && !sv_str_empty(p->query->visible_to))
        rv = gather(p, SV_ROOMS_HIDDEN_OF_VIEWER);
    return rv;
}

static int newest_first(const void *a, const void *b)
{
    const synctv_room *x = a, *y = b;
    if (x->created_at_ms != y->created_at_ms)
        return x->created_at_ms < y->created_at_ms ? 1 : -1;
    return strcmp(y->id, x->id);
}

/*
 * Whether there is a next page. In a damaged file keys and times may disagree, and the pages might
 * never end.
 */
static bool goes_on(const struct sv_room_page *p)
{
    int64_t from_ms = p->query->before_created_at_ms;
    return from_ms == 0 || p->before_ms < from_ms ||
        (p->before_ms == from_ms && !sv_str_empty(p->query->before_id));
}

/* How many of the sorted rooms are not older than the end of any walk. */
static int count_walked(const struct sv_room_page *p)
{
    const synctv_room *rooms = (const synctv_room *)p->rows.items;
    int n = p->rows.n;
    while (n > 0 && rooms[n - 1].created_at_ms < p->before_ms)
        n--;
    return n;
}

int sv_sql_room_page(struct sv_tx *tx, const struct sv_room_query *query, sv_room_gather_fn *gather,
    struct sv_arena *a, synctv_room **ret_rooms, int64_t *ret_before_ms)
{
    struct sv_room_page p = {
        .tx = tx, .query = query, .rows = { .arena = a, .size = sizeof(synctv_room) }
    };
    if (query->limit <= 0) {
        *ret_before_ms = 0;
        return 0;
    }
    int rv = sv_room_fold(a, query->search, &p.needle);
    if (rv < 0)
        return rv;
    p.grams = sv_room_match(a, p.needle);
    if (p.grams == NULL)
        return SYNCTV_E_NO_MEMORY;
    rv = gather_all(&p, gather);
    if (rv < 0)
        return rv;
    if (p.rows.n > 1)
        qsort(p.rows.items, (size_t)p.rows.n, p.rows.size, newest_first);
    if (!goes_on(&p))
        p.before_ms = 0;
    int n = count_walked(&p);
    *ret_rooms = (synctv_room *)p.rows.items;
    *ret_before_ms = n < query->limit ? p.before_ms : 0;
    return n < query->limit ? n : query->limit;
}
