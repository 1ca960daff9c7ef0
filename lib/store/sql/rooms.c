/* SPDX-License-Identifier: MIT */
/*
 * Operations: rooms, except lists of them (room_list.c). Where a room has its place in the lists
 * and the search is in the folders of the databases.
 */
#include "store/sql/rooms.h"

#include "store/sql/ops.h"

void sv_sql_room_from_row(struct sv_query *q, struct sv_arena *a, synctv_room *ret_room,
    synctv_room_settings *ret_settings)
{
    *ret_settings = (synctv_room_settings){
        .hidden = sv_query_get_int(q, 8) != 0,
        .allow_guests = sv_query_get_int(q, 9) != 0,
        .require_approval = sv_query_get_int(q, 10) != 0,
        .max_members = sv_query_get_int32(q, 11),
        .default_member_permissions = sv_query_get_uint(q, 12),
        .default_admin_permissions = sv_query_get_uint(q, 13),
        .guest_permissions = sv_query_get_uint(q, 14),
        .auto_advance = (synctv_auto_advance)sv_query_get_enum(q, 15, SYNCTV_AUTO_ADVANCE_SHUFFLE),
        .pause_when_empty = sv_query_get_int(q, 16) != 0,
    };
    *ret_room = (synctv_room){
        .id = sv_query_get_text(q, 0, a),
        .name = sv_query_get_text(q, 1, a),
        .description = sv_query_get_text(q, 2, a),
        .creator_id = sv_query_get_text(q, 3, a),
        .settings = ret_settings,
        .has_password = sv_query_get_text(q, 4, a)[0] != '\0',
        .member_count = sv_query_get_count(q, 5),
        .created_at_ms = sv_query_get_int(q, 6),
        .revision = sv_query_get_uint(q, 7),
    };
}

static void bind_settings(struct sv_query *q, const synctv_room_settings *s)
{
    sv_query_int(q, s->hidden);
    sv_query_int(q, s->allow_guests);
    sv_query_int(q, s->require_approval);
    sv_query_int(q, s->max_members);
    sv_query_uint(q, s->default_member_permissions);
    sv_query_uint(q, s->default_admin_permissions);
    sv_query_uint(q, s->guest_permissions);
    sv_query_int(q, s->auto_advance);
    sv_query_int(q, s->pause_when_empty);
}

void sv_sql_room_bind(struct sv_query *q, const struct sv_room_rec *rec, const char *fold)
{
    sv_query_text(q, rec->room.name);
    sv_query_text(q, fold);
    sv_query_text(q, rec->room.description);
    sv_query_text(q, rec->room.creator_id);
    sv_query_text(q, rec->password_hash);
    bind_settings(q, &rec->settings);
}

int sv_sql_room_exists(struct sv_tx *tx, const char *id)
{
    struct sv_query q;
    int64_t one;
    sv_query_begin(&q, tx, "SELECT 1 FROM rooms WHERE id = $1");
    sv_query_text(&q, id);
    return sv_query_number(&q, &one);
}

int sv_sql_room_get(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_room_rec *ret)
{
    struct sv_query q;
    struct sv_room_rec rec = { 0 };
    sv_query_begin(&q, tx, SV_SQL_ROOM_BY_ID);
    sv_query_text(&q, id);
    sv_query_use_ahead(&q, SV_AHEAD_ROOM, id, NULL);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        sv_sql_room_from_row(&q, a, &rec.room, &rec.settings);
        rec.password_hash = sv_query_get_text(&q, 4, a);
        rec.n_movies = sv_query_get_count(&q, SV_SQL_ROOM_N_COLUMNS);
        rec.movies_weight = sv_query_get_count(&q, SV_SQL_ROOM_N_COLUMNS + 1);
        rec.chat_seq = sv_query_get_uint(&q, SV_SQL_ROOM_N_COLUMNS + 2);
    }
    rv = sv_query_end(&q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_ROOM_NOT_FOUND;
    *ret = rec;
    ret->room.settings = &ret->settings;
    return 0;
}

#define TOUCH "UPDATE rooms SET revision = revision + 1 WHERE id = $1"

int sv_sql_room_touch(struct sv_tx *tx, const char *id, uint64_t *ret_revision)
{
    struct sv_query q;
    int64_t revision = 0;
    bool returns = sv_query_begin_update(&q, tx, TOUCH, TOUCH " RETURNING revision");
    sv_query_text(&q, id);
    int rv = returns ? 0 : sv_query_run(&q);
    if (rv < 0)
        return rv;
    if (!returns) {
        sv_query_begin(&q, tx, "SELECT revision FROM rooms WHERE id = $1");
        sv_query_text(&q, id);
    }
    rv = sv_query_number(&q, &revision);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_ROOM_NOT_FOUND;
    *ret_revision = (uint64_t)revision;
    return 0;
}

int sv_sql_room_count_created(struct sv_tx *tx, const char *user_id)
{
    struct sv_query q;
    int64_t n = 0;
    sv_query_begin(&q, tx, "SELECT count(*) FROM rooms WHERE creator_id = $1");
    sv_query_text(&q, user_id);
    int rv = sv_query_number(&q, &n);
    return rv < 0 ? rv : (int)n;
}
