/* SPDX-License-Identifier: MIT */
/*
 * A page of rooms. It is gathered from one or two sources, each a walk from new to old by
 * (created_at, id) that ends when it has enough; then they are merged and cut.
 *
 *   of a user         the rooms of one member or one creator
 *   visible, hidden   all rooms, or those with the grams of a search
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/postgres/ops.h"
#include "store/postgres/rooms.h"

struct page {
    struct sv_tx *tx;
    const struct sv_room_query *query;
    /* Folded; "" = none. */
    const char *needle;
    /* That it needs, sv_room_match(). */
    const char *grams;
    /* Synctv_room. */
    struct sv_rows rows;
    /* Older rooms were not looked at; 0 = all were, or enough of them. */
    int64_t before_ms;
    /* The key of the last one seen. */
    int64_t from_ms;
    const char *from_id;
};

/* The place in a walk. */
struct cursor {
    int64_t ms;
    const char *id;
    int n_walked, n_found;
};

enum source { OF_MEMBER, HIDDEN_OF_MEMBER, OF_CREATOR, VISIBLE, HIDDEN };

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
static int belongs(struct page *p, const synctv_room *room)
{
    if (!sv_str_empty(p->query->creator_id) && strcmp(room->creator_id, p->query->creator_id) != 0)
        return 0;
    if (!room->settings->hidden || p->query->with_hidden)
        return 1;
    if (sv_str_empty(p->query->visible_to))
        return 0;
    return is_member(p->tx, room->id, p->query->visible_to);
}

/* ---- sources ---- */

#define PAGE_OF_ROOMS                                                                              \
    " AND (r.created_at_ms, r.id) < ($1, $2) ORDER BY r.created_at_ms DESC, r.id DESC LIMIT $3"

#define SELECT_OF_MEMBER                                                                           \
    "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM members m JOIN rooms r ON r.id = m.room_id"  \
    " WHERE m.user_id = $4 AND m.role > 0 AND m.status IN (1, 2)"

static void begin_search(struct page *p, struct sv_query *q)
{
    sv_query_begin(q, p->tx,
        "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM (SELECT g.created_at_ms, g.room_id"
        " FROM room_grams g, string_to_array(rtrim($5), ' ') AS wanted"
        " WHERE g.gram = wanted[1] AND g.hidden = $4"
        " AND (g.created_at_ms, g.room_id) < ($1, $2)"
        " AND (wanted[2] IS NULL OR EXISTS (SELECT FROM room_grams h WHERE h.gram = wanted[2]"
        " AND h.hidden = $4 AND h.created_at_ms = g.created_at_ms AND h.room_id = g.room_id))"
        " AND (wanted[3] IS NULL OR EXISTS (SELECT FROM room_grams h WHERE h.gram = wanted[3]"
        " AND h.hidden = $4 AND h.created_at_ms = g.created_at_ms AND h.room_id = g.room_id))"
        " ORDER BY g.created_at_ms DESC, g.room_id DESC LIMIT $3) s"
        " JOIN rooms r ON r.id = s.room_id ORDER BY s.created_at_ms DESC, s.room_id DESC");
}

static void begin_source(struct page *p, struct sv_query *q, enum source source)
{
    switch (source) {
    case OF_MEMBER:
        sv_query_begin(q, p->tx, SELECT_OF_MEMBER PAGE_OF_ROOMS);
        break;
    case HIDDEN_OF_MEMBER:
        sv_query_begin(q, p->tx, SELECT_OF_MEMBER " AND r.hidden = 1" PAGE_OF_ROOMS);
        break;
    case OF_CREATOR:
        sv_query_begin(q, p->tx,
            "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM rooms r"
            " WHERE r.creator_id = $4" PAGE_OF_ROOMS);
        break;
    case VISIBLE:
    case HIDDEN:
        if (p->grams[0] != '\0')
            begin_search(p, q);
        else
            sv_query_begin(q, p->tx,
                "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM rooms r"
                " WHERE r.hidden = $4" PAGE_OF_ROOMS);
        break;
    }
}

static void bind_source(struct page *p, struct sv_query *q, enum source source)
{
    switch (source) {
    case OF_MEMBER:
        sv_query_text(q, p->query->member_id);
        break;
    case HIDDEN_OF_MEMBER:
        sv_query_text(q, p->query->visible_to);
        break;
    case OF_CREATOR:
        sv_query_text(q, p->query->creator_id);
        break;
    case VISIBLE:
    case HIDDEN:
        sv_query_int(q, source == HIDDEN);
        if (p->grams[0] != '\0')
            sv_query_text(q, p->grams);
        break;
    }
}

/* ---- the walk ---- */

static int keep(struct page *p, const synctv_room *room, struct cursor *at)
{
    int rv = belongs(p, room);
    if (rv <= 0)
        return rv;
    synctv_room *place = sv_rows_push(&p->rows);
    if (place == NULL)
        return SYNCTV_E_NO_MEMORY;
    *place = *room;
    at->n_found++;
    return 0;
}

/* Some more rooms of the source, from the cursor on. Returns how many were looked at. */
static int walk(struct page *p, enum source source, struct cursor *at, int n)
{
    struct sv_query q;
    int rv, n_rows = 0;
    begin_source(p, &q, source);
    sv_query_int(&q, at->ms);
    sv_query_text(&q, at->id);
    sv_query_int(&q, n);
    bind_source(p, &q, source);
    while ((rv = sv_query_next(&q)) > 0) {
        synctv_room room;
        synctv_room_settings *settings = sv_arena_alloc(p->rows.arena, sizeof(*settings));
        if (settings == NULL)
            return sv_query_end(&q, SYNCTV_E_NO_MEMORY);
        sv_pg_room_from_row(&q, p->rows.arena, &room, settings);
        const char *fold = sv_query_get_text(&q, SV_SQL_ROOM_N_COLUMNS, p->rows.arena);
        n_rows++;
        at->ms = room.created_at_ms;
        at->id = room.id;
        rv = q.rv < 0 ? q.rv : strstr(fold, p->needle) == NULL ? 0 : keep(p, &room, at);
        if (rv < 0)
            return sv_query_end(&q, rv);
    }
    at->n_walked += n_rows;
    return sv_query_end(&q, rv < 0 ? rv : n_rows);
}

/* It goes on with the next page, if that one would not begin where this one did. */
static bool may_stop(const struct page *p, const struct cursor *at)
{
    if (at->n_walked < SV_ROOM_WALK_MAX_ROWS)
        return false;
    int64_t next_ms = at->ms + 1;
    return p->from_ms == INT64_MAX || next_ms < p->from_ms ||
        (next_ms == p->from_ms && p->from_id[0] != '\0');
}

static int gather(struct page *p, enum source source)
{
    struct cursor at = { .ms = p->from_ms, .id = p->from_id };
    int limit = p->query->limit;
    /* Where all that is looked at belongs in, no more need be looked at. */
    int chunk =
        p->needle[0] == '\0' && limit < SV_ROOM_WALK_MAX_ROWS ? limit : SV_ROOM_WALK_MAX_ROWS;
    while (at.n_found < limit) {
        int n = walk(p, source, &at, chunk);
        if (n < chunk)
            return n < 0 ? n : 0;
        if (at.n_found < limit && may_stop(p, &at)) {
            if (at.ms + 1 > p->before_ms)
                p->before_ms = at.ms + 1;
            return 0;
        }
    }
    return 0;
}

static int gather_all(struct page *p)
{
    if (!sv_str_empty(p->query->member_id))
        return gather(p, OF_MEMBER);
    if (!sv_str_empty(p->query->creator_id))
        return gather(p, OF_CREATOR);
    int rv = gather(p, VISIBLE);
    if (rv == 0 && p->query->with_hidden)
        rv = gather(p, HIDDEN);
    else if (rv == 0 && !sv_str_empty(p->query->visible_to))
        rv = gather(p, HIDDEN_OF_MEMBER);
    return rv;
}

/* ---- the page ---- */

static int newest_first(const void *a, const void *b)
{
    const synctv_room *x = a, *y = b;
    if (x->created_at_ms != y->created_at_ms)
        return x->created_at_ms < y->created_at_ms ? 1 : -1;
    return strcmp(y->id, x->id);
}

/* How many there are of the sorted rooms that are not older than the end of any walk. */
static int count_walked(const struct page *p)
{
    const synctv_room *rooms = (const synctv_room *)p->rows.items;
    int n = p->rows.n;
    while (n > 0 && rooms[n - 1].created_at_ms < p->before_ms)
        n--;
    return n;
}

int sv_pg_room_list(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
    synctv_room **ret_rooms, int64_t *ret_before_ms)
{
    struct page p = {
        .tx = tx,
        .query = query,
        .rows = { .arena = a, .size = sizeof(synctv_room) },
        .from_ms = query->before_created_at_ms == 0 ? INT64_MAX : query->before_created_at_ms,
        .from_id = sv_str(query->before_id),
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
    rv = gather_all(&p);
    if (rv < 0)
        return rv;
    if (p.rows.n > 1)
        qsort(p.rows.items, (size_t)p.rows.n, p.rows.size, newest_first);
    int n = count_walked(&p);
    *ret_rooms = (synctv_room *)p.rows.items;
    *ret_before_ms = n < query->limit ? p.before_ms : 0;
    return n < query->limit ? n : query->limit;
}
