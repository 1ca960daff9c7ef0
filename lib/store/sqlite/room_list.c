/* SPDX-License-Identifier: MIT */
/*
 * The sources of a page of rooms. Those of a user are few, and are read whole. Visible and hidden
 * rooms are each a range of keys, from new to old.
 *
 * Rooms of the same millisecond are not sorted by id within their range, so a walk always finishes
 * the millisecond.
 */
#include "store/sql/room_list.h"

#include <string.h>

#include "base/text.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rooms.h"

static bool before_cursor(const struct sv_room_query *query, const synctv_room *room)
{
    if (query->before_created_at_ms == 0 || room->created_at_ms < query->before_created_at_ms)
        return true;
    return room->created_at_ms == query->before_created_at_ms &&
        strcmp(room->id, sv_str(query->before_id)) < 0;
}

static bool row_matches(struct sv_query *q, const char *needle)
{
    const char *fold = (const char *)sqlite3_column_text(q->rows, SV_SQL_ROOM_N_COLUMNS);
    return fold != NULL && strstr(fold, needle) != NULL;
}

static bool may_end(struct sv_room_page *p, int n, int n_walked, int64_t last_ms)
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
 * `q` selects SV_SQL_ROOM_COLUMNS and name_fold. `sorted`: from new to old, so that the walk may
 * end early.
 */
static int walk(struct sv_room_page *p, struct sv_query *q, bool sorted)
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
        sv_sql_room_from_row(q, p->rows.arena, &room, settings);
        rv = q->rv < 0                       ? q->rv
            : before_cursor(p->query, &room) ? sv_sql_room_page_add(p, &room)
                                             : 0;
        if (rv < 0)
            return sv_query_end(q, rv);
        n += rv;
    }
    return sv_query_end(q, rv < 0 ? rv : 0);
}

static int gather_of_member(struct sv_room_page *p, const char *user_id, bool hidden_only)
{
    struct sv_query q;
    sv_query_begin(&q, p->tx,
        "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM members m CROSS JOIN rooms r"
        " ON r.id = m.room_id WHERE m.user_id = $1 AND m.role > 0 AND m.status IN (1, 2)"
        " AND r.hidden >= $2");
    sv_query_text(&q, user_id);
    sv_query_int(&q, hidden_only);
    return walk(p, &q, false);
}

static int gather_of_creator(struct sv_room_page *p, const char *user_id)
{
    struct sv_query q;
    sv_query_begin(&q, p->tx,
        "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM rooms r WHERE r.creator_id = $1");
    sv_query_text(&q, user_id);
    return walk(p, &q, false);
}

/* Visible rooms or hidden ones. */
static int gather_range(struct sv_room_page *p, bool hidden)
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
    if (p->grams[0] == '\0') {
        sv_query_begin(&q, p->tx,
            "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM rooms r WHERE r.key BETWEEN $1 AND $2"
            " ORDER BY r.key DESC");
    } else {
        sv_query_begin(&q, p->tx,
            "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM room_search s CROSS JOIN rooms r"
            " ON r.key = s.rowid WHERE s.rowid BETWEEN $1 AND $2 AND s.room_search MATCH $3"
            " ORDER BY s.rowid DESC");
    }
    sv_query_int(&q, base);
    sv_query_int(&q, base + (before_ms << SV_ROOM_KEY_SHIFT | ((1 << SV_ROOM_KEY_SHIFT) - 1)));
    if (p->grams[0] != '\0')
        sv_query_text(&q, p->grams);
    return walk(p, &q, true);
}

static int gather(struct sv_room_page *p, enum sv_room_source source)
{
    switch (source) {
    case SV_ROOMS_OF_MEMBER:
        return gather_of_member(p, p->query->member_id, false);
    case SV_ROOMS_HIDDEN_OF_VIEWER:
        return gather_of_member(p, p->query->visible_to, true);
    case SV_ROOMS_OF_CREATOR:
        return gather_of_creator(p, p->query->creator_id);
    case SV_ROOMS_VISIBLE:
        return gather_range(p, false);
    case SV_ROOMS_HIDDEN:
        return gather_range(p, true);
    }
    return SYNCTV_E_INTERNAL;
}

int sv_sqlite_room_list(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
    synctv_room **ret_rooms, int64_t *ret_before_ms)
{
    return sv_sql_room_page(tx, query, gather, a, ret_rooms, ret_before_ms);
}
