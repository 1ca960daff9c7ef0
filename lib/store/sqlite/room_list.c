/* SPDX-License-Identifier: MIT */
/*
 * A page of rooms. It is gathered from one or two sources, then sorted and cut. A source is a walk
 * from new to old that ends when it has enough:
 *
 *   of a user         the rooms of one member or one creator: few
 *   visible, hidden   a range of keys: all rooms, or those that have the grams of a search
 *
 * Rooms of the same millisecond are not sorted by id within their range, so a source always
 * finishes the millisecond.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rooms.h"

struct page {
    struct sv_tx *tx;
    const struct sv_room_query *query;
    /* Folded; "" = none. */
    const char *needle;
    /* Its FTS5 query. */
    const char *match;
    struct sv_rows rows;
    /* Rooms older than this were not looked at; 0 = all were, or enough of them. */
    int64_t before_ms;
};

/* ---- which rooms belong in ---- */

static bool before_cursor(const struct sv_room_query *query, const synctv_room *room)
{
    if (query->before_created_at_ms == 0 || room->created_at_ms < query->before_created_at_ms)
        return true;
    return room->created_at_ms == query->before_created_at_ms &&
        strcmp(room->id, sv_str(query->before_id)) < 0;
}

static int is_member(struct sv_tx *tx, const char *room_id, const char *user_id)
{
    struct sv_query q;
    int64_t one;
    sv_query_begin(&q, tx,
        "SELECT 1 FROM members WHERE room_id = ? AND user_id = ? AND role > 0"
        " AND status IN (1, 2)");
    sv_query_text(&q, room_id);
    sv_query_text(&q, user_id);
    return sv_query_number(&q, &one);
}

static int may_be_seen(struct page *p, const synctv_room *room)
{
    if (!room->settings->hidden || p->query->with_hidden)
        return 1;
    if (sv_str_empty(p->query->visible_to))
        return 0;
    return is_member(p->tx, room->id, p->query->visible_to);
}

/* Whether a room belongs on the page: 1, 0, or the error. */
static int belongs(struct page *p, const synctv_room *room)
{
    if (!before_cursor(p->query, room))
        return 0;
    if (!sv_str_empty(p->query->creator_id) && strcmp(room->creator_id, p->query->creator_id) != 0)
        return 0;
    return may_be_seen(p, room);
}

/* ---- sources ---- */

static bool row_matches(struct sv_query *q, const char *needle)
{
    const char *fold = (const char *)sqlite3_column_text(q->rows, SV_ROOM_N_COLUMNS);
    return fold != NULL && strstr(fold, needle) != NULL;
}

static bool may_end(struct page *p, int n, int n_walked, int64_t last_ms)
{
    if (n >= p->query->limit)
        return true;
    if (n_walked < SV_ROOM_WALK_MAX_ROWS || last_ms <= 0)
        return false;
    if (last_ms > p->before_ms)
        p->before_ms = last_ms;
    return true;
}

/*
 * `q` selects SV_ROOM_COLUMNS and name_fold. `sorted`: from new to old, so that the walk may end
 * early.
 */
static int gather(struct page *p, struct sv_query *q, bool sorted)
{
    int rv, n = 0, n_walked = 0;
    int64_t last_ms = 0;
    while ((rv = sv_query_next(q)) > 0) {
        int64_t created_at_ms = sv_query_get_int(q, 6);
        if (sorted && created_at_ms != last_ms && may_end(p, n, n_walked, last_ms))
            break;
        last_ms = created_at_ms;
        n_walked++;
        if (!row_matches(q, p->needle))
            continue;
        synctv_room room;
        synctv_room_settings *settings = sv_arena_alloc(p->rows.arena, sizeof(*settings));
        if (settings == NULL)
            return sv_query_end(q, SYNCTV_E_NO_MEMORY);
        sv_room_from_row(q, p->rows.arena, &room, settings);
        rv = q->rv < 0 ? q->rv : belongs(p, &room);
        if (rv < 0)
            return sv_query_end(q, rv);
        if (rv == 0)
            continue;
        synctv_room *place = sv_rows_push(&p->rows);
        if (place == NULL)
            return sv_query_end(q, SYNCTV_E_NO_MEMORY);
        *place = room;
        n++;
    }
    return sv_query_end(q, rv < 0 ? rv : 0);
}

static int gather_of_member(struct page *p, const char *user_id, bool hidden_only)
{
    struct sv_query q;
    sv_query_begin(&q, p->tx,
        "SELECT " SV_ROOM_COLUMNS ", r.name_fold FROM members m CROSS JOIN rooms r"
        " ON r.id = m.room_id WHERE m.user_id = ? AND m.role > 0 AND m.status IN (1, 2)"
        " AND r.hidden >= ?");
    sv_query_text(&q, user_id);
    sv_query_int(&q, hidden_only);
    return gather(p, &q, false);
}

static int gather_of_creator(struct page *p, const char *user_id)
{
    struct sv_query q;
    sv_query_begin(&q, p->tx,
        "SELECT " SV_ROOM_COLUMNS ", r.name_fold FROM rooms r WHERE r.creator_id = ?");
    sv_query_text(&q, user_id);
    return gather(p, &q, false);
}

/* Visible rooms or hidden ones. */
static int gather_range(struct page *p, bool hidden)
{
    struct sv_query q;
    int64_t before_ms = p->query->before_created_at_ms;
    int64_t base = hidden ? INT64_MIN : 0;
    if (before_ms < 0)
        return 0;
    if (before_ms == 0 || before_ms > SV_ROOM_CREATED_MAX_MS)
        before_ms = SV_ROOM_CREATED_MAX_MS;
    else if (sv_str_empty(p->query->before_id)) /* comes before all ids */
        before_ms--;
    if (p->match[0] == '\0') {
        sv_query_begin(&q, p->tx,
            "SELECT " SV_ROOM_COLUMNS ", r.name_fold FROM rooms r WHERE r.key BETWEEN ? AND ?"
            " ORDER BY r.key DESC");
    } else {
        sv_query_begin(&q, p->tx,
            "SELECT " SV_ROOM_COLUMNS ", r.name_fold FROM room_search s CROSS JOIN rooms r"
            " ON r.key = s.rowid WHERE s.rowid BETWEEN ? AND ? AND s.room_search MATCH ?"
            " ORDER BY s.rowid DESC");
    }
    sv_query_int(&q, base);
    sv_query_int(&q, base + (before_ms << SV_ROOM_KEY_SHIFT | ((1 << SV_ROOM_KEY_SHIFT) - 1)));
    if (p->match[0] != '\0')
        sv_query_text(&q, p->match);
    return gather(p, &q, true);
}

static int gather_all(struct page *p)
{
    if (!sv_str_empty(p->query->member_id))
        return gather_of_member(p, p->query->member_id, false);
    if (!sv_str_empty(p->query->creator_id))
        return gather_of_creator(p, p->query->creator_id);
    int rv = gather_range(p, false);
    if (rv == 0 && p->query->with_hidden)
        rv = gather_range(p, true);
    else if (rv == 0 && !sv_str_empty(p->query->visible_to))
        rv = gather_of_member(p, p->query->visible_to, true);
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

/*
 * Whether there is a next page. In a damaged file keys and times may disagree, and the pages might
 * never end.
 */
static bool goes_on(const struct page *p)
{
    int64_t from_ms = p->query->before_created_at_ms;
    return from_ms == 0 || p->before_ms < from_ms ||
        (p->before_ms == from_ms && !sv_str_empty(p->query->before_id));
}

/* How many of the sorted rooms are not older than the end of any walk. */
static int count_walked(const struct page *p)
{
    const synctv_room *rooms = (const synctv_room *)p->rows.items;
    int n = p->rows.n;
    while (n > 0 && rooms[n - 1].created_at_ms < p->before_ms)
        n--;
    return n;
}

int sv_sqlite_room_list(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
    synctv_room **ret_rooms, int64_t *ret_before_ms)
{
    struct page p = {
        .tx = tx, .query = query, .rows = { .arena = a, .size = sizeof(synctv_room) }
    };
    if (query->limit <= 0) {
        *ret_before_ms = 0;
        return 0;
    }
    int rv = sv_room_fold(a, query->search, &p.needle);
    if (rv < 0)
        return rv;
    p.match = sv_room_match(a, p.needle);
    if (p.match == NULL)
        return SYNCTV_E_NO_MEMORY;
    rv = gather_all(&p);
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
