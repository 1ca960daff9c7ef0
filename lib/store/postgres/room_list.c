/* SPDX-License-Identifier: MIT */
/*
 * The sources of a page of rooms: each a walk from new to old by (created_at, id), some rooms at a
 * time, from the last one on.
 */
#include "store/sql/room_list.h"

#include <string.h>

#include "base/text.h"
#include "store/postgres/ops.h"

/* The place in a walk. */
struct cursor {
    int64_t ms;
    const char *id;
    int n_walked, n_found;
};

static int64_t from_ms(const struct sv_room_query *query)
{
    return query->before_created_at_ms == 0 ? INT64_MAX : query->before_created_at_ms;
}

/* ---- sources ---- */

#define PAGE_OF_ROOMS                                                                              \
    " AND (r.created_at_ms, r.id) < ($1, $2) ORDER BY r.created_at_ms DESC, r.id DESC LIMIT $3"

#define SELECT_OF_MEMBER                                                                           \
    "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM members m JOIN rooms r ON r.id = m.room_id"  \
    " WHERE m.user_id = $4 AND m.role > 0 AND m.status IN (1, 2)"

static void begin_search(struct sv_room_page *p, struct sv_query *q)
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

static void begin_source(struct sv_room_page *p, struct sv_query *q, enum sv_room_source source)
{
    switch (source) {
    case SV_ROOMS_OF_MEMBER:
        sv_query_begin(q, p->tx, SELECT_OF_MEMBER PAGE_OF_ROOMS);
        break;
    case SV_ROOMS_HIDDEN_OF_VIEWER:
        sv_query_begin(q, p->tx, SELECT_OF_MEMBER " AND r.hidden = 1" PAGE_OF_ROOMS);
        break;
    case SV_ROOMS_OF_CREATOR:
        sv_query_begin(q, p->tx,
            "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM rooms r"
            " WHERE r.creator_id = $4" PAGE_OF_ROOMS);
        break;
    case SV_ROOMS_VISIBLE:
    case SV_ROOMS_HIDDEN:
        if (p->grams[0] != '\0')
            begin_search(p, q);
        else
            sv_query_begin(q, p->tx,
                "SELECT " SV_SQL_ROOM_COLUMNS ", r.name_fold FROM rooms r"
                " WHERE r.hidden = $4" PAGE_OF_ROOMS);
        break;
    }
}

static void bind_source(struct sv_room_page *p, struct sv_query *q, enum sv_room_source source)
{
    switch (source) {
    case SV_ROOMS_OF_MEMBER:
        sv_query_text(q, p->query->member_id);
        break;
    case SV_ROOMS_HIDDEN_OF_VIEWER:
        sv_query_text(q, p->query->visible_to);
        break;
    case SV_ROOMS_OF_CREATOR:
        sv_query_text(q, p->query->creator_id);
        break;
    case SV_ROOMS_VISIBLE:
    case SV_ROOMS_HIDDEN:
        sv_query_int(q, source == SV_ROOMS_HIDDEN);
        if (p->grams[0] != '\0')
            sv_query_text(q, p->grams);
        break;
    }
}

/* ---- the walk ---- */

/* Some more rooms of the source, from the cursor on. Returns how many were looked at. */
static int walk(struct sv_room_page *p, enum sv_room_source source, struct cursor *at, int n)
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
        sv_sql_room_from_row(&q, p->rows.arena, &room, settings);
        const char *fold = sv_query_get_text(&q, SV_SQL_ROOM_N_COLUMNS, p->rows.arena);
        n_rows++;
        at->ms = room.created_at_ms;
        at->id = room.id;
        rv = q.rv < 0 ? q.rv : strstr(fold, p->needle) == NULL ? 0 : sv_sql_room_page_add(p, &room);
        if (rv < 0)
            return sv_query_end(&q, rv);
        at->n_found += rv;
    }
    at->n_walked += n_rows;
    return sv_query_end(&q, rv < 0 ? rv : n_rows);
}

/* It goes on with the next page, if that one would not begin where this one did. */
static bool may_stop(const struct sv_room_page *p, const struct cursor *at)
{
    if (at->n_walked < SV_ROOM_WALK_MAX_ROWS)
        return false;
    int64_t next_ms = at->ms + 1;
    return from_ms(p->query) == INT64_MAX || next_ms < from_ms(p->query) ||
        (next_ms == from_ms(p->query) && sv_str(p->query->before_id)[0] != '\0');
}

static int gather(struct sv_room_page *p, enum sv_room_source source)
{
    struct cursor at = { .ms = from_ms(p->query), .id = sv_str(p->query->before_id) };
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

int sv_pg_room_list(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
    synctv_room **ret_rooms, int64_t *ret_before_ms)
{
    return sv_sql_room_page(tx, query, gather, a, ret_rooms, ret_before_ms);
}
