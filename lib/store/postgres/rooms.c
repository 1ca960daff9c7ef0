/* SPDX-License-Identifier: MIT */
/* Operations: rooms, where their place in the lists and the search matters, and many at once. */
#include "store/sql/rooms.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/postgres/ops.h"
#include "store/room_search.h"

/* ---- search ---- */

struct place {
    int64_t created_at_ms;
    bool hidden;
    const char *fold;
};

/* `sql` puts the grams of a name into the search, or takes them out. */
static int change_search(struct sv_tx *tx, const char *sql, const char *room_id,
    const struct place *place)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    int rv = SYNCTV_E_NO_MEMORY;
    const char *grams = sv_room_grams(&a, place->fold);
    if (grams != NULL) {
        sv_query_begin(&q, tx, sql);
        sv_query_text(&q, grams);
        sv_query_int(&q, place->hidden);
        sv_query_int(&q, place->created_at_ms);
        sv_query_text(&q, room_id);
        rv = sv_query_run(&q);
    }
    sv_arena_fini(&a);
    return rv < 0 ? rv : 0;
}

static int add_to_search(struct sv_tx *tx, const char *room_id, const struct place *place)
{
    return change_search(tx,
        "INSERT INTO room_grams (gram, hidden, created_at_ms, room_id)"
        " SELECT DISTINCT gram, $2::BIGINT, $3::BIGINT, $4::TEXT"
        " FROM unnest(string_to_array(rtrim($1), ' ')) gram",
        room_id, place);
}

static int remove_from_search(struct sv_tx *tx, const char *room_id, const struct place *place)
{
    return change_search(tx,
        "DELETE FROM room_grams WHERE gram = ANY (string_to_array(rtrim($1), ' ')) AND hidden = $2"
        " AND created_at_ms = $3 AND room_id = $4",
        room_id, place);
}

static int get_place(struct sv_tx *tx, const char *id, struct sv_arena *a, struct place *ret)
{
    struct sv_query q;
    struct place place = { 0 };
    sv_query_begin(&q, tx, "SELECT created_at_ms, hidden, name_fold FROM rooms WHERE id = $1");
    sv_query_text(&q, id);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        place.created_at_ms = sv_query_get_int(&q, 0);
        place.hidden = sv_query_get_int(&q, 1) != 0;
        place.fold = sv_query_get_text(&q, 2, a);
    }
    rv = sv_query_end(&q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_ROOM_NOT_FOUND;
    *ret = place;
    return 0;
}

/* ---- operations ---- */

/* 1 if the user is there, else 0. */
static int user_exists(struct sv_tx *tx, const char *user_id)
{
    struct sv_query q;
    int64_t one;
    sv_query_begin(&q, tx, "SELECT 1 FROM users WHERE id = $1");
    sv_query_text(&q, user_id);
    return sv_query_number(&q, &one);
}

static int insert_row(struct sv_tx *tx, const struct sv_room_rec *rec, const char *fold)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "INSERT INTO rooms (id, name, name_fold, description, creator_id, password_hash,"
        " hidden, allow_guests, require_approval, max_members, default_member_permissions,"
        " default_admin_permissions, guest_permissions, auto_advance, pause_when_empty,"
        " created_at_ms, revision)"
        " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17"
        " WHERE EXISTS (SELECT FROM users WHERE id = $5) ON CONFLICT DO NOTHING");
    sv_query_text(&q, rec->room.id);
    sv_sql_room_bind(&q, rec, fold);
    sv_query_int(&q, rec->room.created_at_ms);
    sv_query_uint(&q, rec->room.revision);
    int rv = sv_query_run(&q);
    if (rv != 0)
        return rv < 0 ? rv : 0;
    rv = user_exists(tx, rec->room.creator_id);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_USER_NOT_FOUND : SYNCTV_E_INTERNAL;
}

int sv_pg_room_insert(struct sv_tx *tx, const struct sv_room_rec *rec)
{
    struct sv_arena a = { 0 };
    struct place place = { .created_at_ms = rec->room.created_at_ms,
        .hidden = rec->settings.hidden };
    if (place.created_at_ms < 0 || place.created_at_ms > SV_ROOM_CREATED_MAX_MS)
        return SYNCTV_E_INVALID_ARGUMENT;
    int rv = sv_room_fold(&a, rec->room.name, &place.fold);
    if (rv == 0)
        rv = insert_row(tx, rec, place.fold);
    if (rv == 0)
        rv = add_to_search(tx, rec->room.id, &place);
    sv_arena_fini(&a);
    return rv;
}

/* Ids have no blanks. */
static const char *join_ids(struct sv_arena *a, const char *const *ids, size_t n)
{
    char *text = sv_arena_alloc(a, n * SV_ID_SIZE + 1), *end = text;
    for (size_t i = 0; text != NULL && i < n; i++)
        end += snprintf(end, SV_ID_SIZE + 1, i == 0 ? "%.*s" : " %.*s", SV_ID_SIZE - 1, ids[i]);
    return text;
}

int sv_pg_room_heads(struct sv_tx *tx, const char *const *ids, size_t n, struct sv_room_head *ret)
{
    struct sv_query q;
    struct sv_arena a = { 0 };
    const char *text = join_ids(&a, ids, n);
    int rv = SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        ret[i] = (struct sv_room_head){ .exists = false };
    if (text == NULL)
        goto out;
    sv_query_begin(&q, tx,
        "SELECT w.i, r.revision, r.chat_seq, p.version, p.node_id"
        " FROM unnest(string_to_array($1, ' ')) WITH ORDINALITY AS w (id, i)"
        " JOIN rooms r ON r.id = w.id COLLATE \"C\" LEFT JOIN playback p ON p.room_id = r.id");
    sv_query_text(&q, text);
    while ((rv = sv_query_next(&q)) > 0) {
        int64_t i = sv_query_get_int(&q, 0) - 1;
        if (i < 0 || (size_t)i >= n)
            continue;
        ret[i].exists = true;
        ret[i].revision = sv_query_get_uint(&q, 1);
        ret[i].chat_seq = sv_query_get_uint(&q, 2);
        ret[i].version = sv_query_get_uint(&q, 3);
        sv_text_copy(ret[i].node_id, sizeof(ret[i].node_id), sv_str(sv_query_get_text(&q, 4, &a)));
    }
    rv = sv_query_end(&q, rv);
out:
    sv_arena_fini(&a);
    return rv < 0 ? rv : 0;
}

static int update_row(struct sv_tx *tx, const struct sv_room_rec *rec, const char *fold)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "UPDATE rooms SET name = $1, name_fold = $2, description = $3, creator_id = $4,"
        " password_hash = $5, hidden = $6, allow_guests = $7, require_approval = $8,"
        " max_members = $9, default_member_permissions = $10, default_admin_permissions = $11,"
        " guest_permissions = $12, auto_advance = $13, pause_when_empty = $14 WHERE id = $15"
        " AND EXISTS (SELECT FROM users WHERE id = $4)");
    sv_sql_room_bind(&q, rec, fold);
    sv_query_text(&q, rec->room.id);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_USER_NOT_FOUND : 0;
}

int sv_pg_room_update(struct sv_tx *tx, const struct sv_room_rec *rec)
{
    struct sv_arena a = { 0 };
    struct place old, place;
    int rv = get_place(tx, rec->room.id, &a, &old);
    if (rv < 0)
        goto out;
    place = old;
    place.hidden = rec->settings.hidden;
    rv = sv_room_fold(&a, rec->room.name, &place.fold);
    if (rv == 0)
        rv = update_row(tx, rec, place.fold);
    if (rv == 0 && (place.hidden != old.hidden || strcmp(place.fold, old.fold) != 0)) {
        rv = remove_from_search(tx, rec->room.id, &old);
        if (rv == 0)
            rv = add_to_search(tx, rec->room.id, &place);
    }
out:
    sv_arena_fini(&a);
    return rv;
}

int sv_pg_room_delete(struct sv_tx *tx, const char *id)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    struct place old;
    int rv = get_place(tx, id, &a, &old);
    if (rv == 0)
        rv = remove_from_search(tx, id, &old);
    if (rv == 0) {
        sv_query_begin(&q, tx, "DELETE FROM rooms WHERE id = $1"); /* all else goes with it */
        sv_query_text(&q, id);
        rv = sv_query_run(&q);
    }
    sv_arena_fini(&a);
    return rv < 0 ? rv : 0;
}
