/* SPDX-License-Identifier: MIT */
/* Operations: rooms, where their key, which orders the lists, and the search matter. */
#include "store/sqlite/rooms.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/room_search.h"
#include "store/sql/rooms.h"
#include "store/sqlite/ops.h"

/* ---- key and search ---- */

/* Finds a free key for a room of that millisecond, behind the existing ones. */
static int new_key(struct sv_tx *tx, int64_t created_at_ms, bool hidden, int64_t *ret_key)
{
    if (created_at_ms < 0 || created_at_ms > SV_ROOM_CREATED_MAX_MS)
        return SYNCTV_E_INVALID_ARGUMENT;
    int64_t first = (created_at_ms << SV_ROOM_KEY_SHIFT) + (hidden ? INT64_MIN : 0);
    int64_t last = first + ((INT64_C(1) << SV_ROOM_KEY_SHIFT) - 1);
    int64_t highest = 0;
    struct sv_query q;
    sv_query_begin(&q, tx,
        "SELECT key FROM rooms WHERE key BETWEEN $1 AND $2 ORDER BY key DESC LIMIT 1");
    sv_query_int(&q, first);
    sv_query_int(&q, last);
    int rv = sv_query_number(&q, &highest);
    if (rv < 0)
        return rv;
    if (rv > 0 && highest == last)
        return SYNCTV_E_OVERLOADED;
    *ret_key = rv > 0 ? highest + 1 : first;
    return 0;
}

/* `sql` adds the grams of a name to the search index, or removes them. */
static int change_search(struct sv_tx *tx, const char *sql, int64_t key, const char *fold)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    int rv = SYNCTV_E_NO_MEMORY;
    const char *grams = sv_room_grams(&a, fold);
    if (grams != NULL) {
        sv_query_begin(&q, tx, sql);
        sv_query_int(&q, key);
        sv_query_text(&q, grams);
        rv = sv_query_run(&q);
    }
    sv_arena_fini(&a);
    return rv < 0 ? rv : 0;
}

static int add_to_search(struct sv_tx *tx, int64_t key, const char *fold)
{
    return change_search(tx, "INSERT INTO room_search (rowid, grams) VALUES (?, ?)", key, fold);
}

static int remove_from_search(struct sv_tx *tx, int64_t key, const char *fold)
{
    return change_search(tx,
        "INSERT INTO room_search (room_search, rowid, grams) VALUES ('delete', ?, ?)", key, fold);
}

struct place {
    int64_t key;
    int64_t created_at_ms;
    bool hidden;
    const char *fold;
};

static int get_place(struct sv_tx *tx, const char *id, struct sv_arena *a, struct place *ret)
{
    struct sv_query q;
    struct place place = { 0 };
    sv_query_begin(&q, tx, "SELECT key, created_at_ms, hidden, name_fold FROM rooms WHERE id = $1");
    sv_query_text(&q, id);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        place.key = sv_query_get_int(&q, 0);
        place.created_at_ms = sv_query_get_int(&q, 1);
        place.hidden = sv_query_get_int(&q, 2) != 0;
        place.fold = sv_query_get_text(&q, 3, a);
    }
    rv = sv_query_end(&q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_ROOM_NOT_FOUND;
    *ret = place;
    return 0;
}

/* ---- operations ---- */

static int insert_row(struct sv_tx *tx, const struct sv_room_rec *rec, int64_t key,
    const char *fold)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "INSERT INTO rooms (key, id, name, name_fold, description, creator_id, password_hash,"
        " hidden, allow_guests, require_approval, max_members, default_member_permissions,"
        " default_admin_permissions, guest_permissions, auto_advance, pause_when_empty,"
        " created_at_ms, revision)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)");
    sv_query_int(&q, key);
    sv_query_text(&q, rec->room.id);
    sv_sql_room_bind(&q, rec, fold);
    sv_query_int(&q, rec->room.created_at_ms);
    sv_query_uint(&q, rec->room.revision);
    int rv = sv_query_run(&q);
    if (q.is_orphan)
        return SYNCTV_E_USER_NOT_FOUND;
    return rv < 0 ? rv : 0;
}

int sv_sqlite_room_insert(struct sv_tx *tx, const struct sv_room_rec *rec)
{
    struct sv_arena a = { 0 };
    const char *fold;
    int64_t key;
    int rv = sv_room_fold(&a, rec->room.name, &fold);
    if (rv == 0)
        rv = new_key(tx, rec->room.created_at_ms, rec->settings.hidden, &key);
    if (rv == 0)
        rv = insert_row(tx, rec, key, fold);
    if (rv == 0)
        rv = add_to_search(tx, key, fold);
    sv_arena_fini(&a);
    return rv;
}

static int get_head(struct sv_tx *tx, const char *id, struct sv_room_head *ret)
{
    struct sv_query q;
    struct sv_arena a = { 0 };
    *ret = (struct sv_room_head){ .exists = false };
    sv_query_begin(&q, tx,
        "SELECT r.revision, r.chat_seq, p.version, p.node_id FROM rooms r"
        " LEFT JOIN playback p ON p.room_id = r.id WHERE r.id = $1");
    sv_query_text(&q, id);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        ret->exists = true;
        ret->revision = sv_query_get_uint(&q, 0);
        ret->chat_seq = sv_query_get_uint(&q, 1);
        ret->version = sv_query_get_uint(&q, 2);
        sv_text_copy(ret->node_id, sizeof(ret->node_id), sv_str(sv_query_get_text(&q, 3, &a)));
    }
    rv = sv_query_end(&q, rv);
    sv_arena_fini(&a);
    return rv < 0 ? rv : 0;
}

int sv_sqlite_room_heads(struct sv_tx *tx, const char *const *ids, size_t n,
    struct sv_room_head *ret)
{
    int rv = 0;
    for (size_t i = 0; rv >= 0 && i < n; i++)
        rv = get_head(tx, ids[i], &ret[i]);
    return rv;
}

static int update_row(struct sv_tx *tx, const struct sv_room_rec *rec, int64_t key,
    const char *fold)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "UPDATE rooms SET key = $1, name = $2, name_fold = $3, description = $4, creator_id = $5,"
        " password_hash = $6, hidden = $7, allow_guests = $8, require_approval = $9, max_members = $10,"
        " default_member_permissions = $11, default_admin_permissions = $12, guest_permissions = $13,"
        " auto_advance = $14, pause_when_empty = $15 WHERE id = $16");
    sv_query_int(&q, key);
    sv_sql_room_bind(&q, rec, fold);
    sv_query_text(&q, rec->room.id);
    int rv = sv_query_run(&q);
    if (q.is_orphan)
        return SYNCTV_E_USER_NOT_FOUND;
    return rv < 0 ? rv : 0;
}

int sv_sqlite_room_update(struct sv_tx *tx, const struct sv_room_rec *rec)
{
    struct sv_arena a = { 0 };
    struct place old;
    const char *fold = NULL;
    int64_t key;
    int rv = get_place(tx, rec->room.id, &a, &old);
    if (rv < 0)
        goto out;
    rv = sv_room_fold(&a, rec->room.name, &fold);
    if (rv < 0)
        goto out;
    key = old.key;
    if (old.hidden != rec->settings.hidden)
        rv = new_key(tx, old.created_at_ms, rec->settings.hidden, &key);
    if (rv == 0)
        rv = update_row(tx, rec, key, fold);
    if (rv == 0 && (key != old.key || strcmp(fold, old.fold) != 0)) {
        rv = remove_from_search(tx, old.key, old.fold);
        if (rv == 0)
            rv = add_to_search(tx, key, fold);
    }
out:
    sv_arena_fini(&a);
    return rv;
}

int sv_sqlite_room_delete(struct sv_tx *tx, const char *id)
{
    struct sv_arena a = { 0 };
    struct sv_query q;
    struct place old;
    int rv = get_place(tx, id, &a, &old);
    if (rv == 0)
        rv = remove_from_search(tx, old.key, old.fold);
    if (rv == 0) {
        sv_query_begin(&q, tx, "DELETE FROM rooms WHERE id = $1"); /* and everything in it */
        sv_query_text(&q, id);
        rv = sv_query_run(&q);
    }
    sv_arena_fini(&a);
    return rv < 0 ? rv : 0;
}
