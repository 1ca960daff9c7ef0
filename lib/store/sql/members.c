/* SPDX-License-Identifier: MIT */
/* Operations: members of rooms, and rows that keep banned and kicked users away. */
#include "store/sql/ops.h"
#include "store/sql/rooms.h"

/* A member, active or pending, counts. The same in SQL: role > 0 AND status IN (1, 2). */
static bool counts(int64_t role, int64_t status)
{
    return role > SYNCTV_ROOM_ROLE_UNSPECIFIED &&
        (status == SYNCTV_MEMBER_STATUS_ACTIVE || status == SYNCTV_MEMBER_STATUS_PENDING);
}

static void get_member(struct sv_query *q, struct sv_arena *a, struct sv_member_rec *ret)
{
    *ret = (struct sv_member_rec){
        .member = {
            .room_id = sv_query_get_text(q, 0, a),
            .user_id = sv_query_get_text(q, 1, a),
            .username = sv_query_get_text(q, 2, a),
            .role = (synctv_room_role)sv_query_get_enum(q, 3, SYNCTV_ROOM_ROLE_CREATOR),
            .status = (synctv_member_status)sv_query_get_enum(q, 4, SYNCTV_MEMBER_STATUS_BANNED),
            .added_permissions = sv_query_get_uint(q, 5),
            .removed_permissions = sv_query_get_uint(q, 6),
            .joined_at_ms = sv_query_get_int(q, 7),
        },
        .kicked_until_ms = sv_query_get_int(q, 8),
        .user_role = (synctv_user_role)sv_query_get_enum(q, 9, SYNCTV_USER_ROLE_ROOT),
        .user_status = (synctv_user_status)sv_query_get_enum(q, 10, SYNCTV_USER_STATUS_BANNED),
    };
}

int sv_sql_member_get(struct sv_tx *tx, const char *room_id, const char *user_id,
    struct sv_arena *a, struct sv_member_rec *ret)
{
    struct sv_query q;
    struct sv_member_rec rec;
    sv_query_begin(&q, tx, SV_SQL_MEMBER_BY_ID);
    sv_query_text(&q, room_id);
    sv_query_text(&q, user_id);
    sv_query_use_ahead(&q, SV_AHEAD_MEMBER, room_id, user_id);
    int rv = sv_query_next(&q);
    if (rv > 0)
        get_member(&q, a, &rec);
    rv = sv_query_end(&q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_MEMBER_NOT_FOUND;
    *ret = rec;
    return 0;
}

/* Whether the stored row counts: 1, 0, or MEMBER_NOT_FOUND when there is none. */
static int stored_counts(struct sv_tx *tx, const char *room_id, const char *user_id)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "SELECT role, status FROM members WHERE room_id = $1 AND user_id = $2");
    sv_query_text(&q, room_id);
    sv_query_text(&q, user_id);
    int rv = sv_query_next(&q);
    if (rv > 0)
        rv = counts(sv_query_get_int(&q, 0), sv_query_get_int(&q, 1));
    else if (rv == 0)
        rv = SYNCTV_E_MEMBER_NOT_FOUND;
    return sv_query_end(&q, rv);
}

static int add_to_count(struct sv_tx *tx, const char *room_id, int by)
{
    struct sv_query q;
    if (by == 0)
        return 0;
    sv_query_begin(&q, tx, "UPDATE rooms SET member_count = member_count + $1 WHERE id = $2");
    sv_query_int(&q, by);
    sv_query_text(&q, room_id);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : 0;
}

#define INSERT_MEMBER                                                                              \
    "INSERT INTO members (room_id, user_id, role, status, added_permissions, removed_permissions," \
    " joined_at_ms, kicked_until_ms)"
#define OR_REPLACE                                                                                 \
    " ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role,"                          \
    " status = excluded.status, added_permissions = excluded.added_permissions,"                   \
    " removed_permissions = excluded.removed_permissions, joined_at_ms = excluded.joined_at_ms,"   \
    " kicked_until_ms = excluded.kicked_until_ms"

static int put_row(struct sv_tx *tx, const struct sv_member_rec *rec)
{
    struct sv_query q;
    const synctv_member *m = &rec->member;
    sv_query_begin_insert(&q, tx,
        INSERT_MEMBER " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)" OR_REPLACE,
        INSERT_MEMBER " SELECT $1, $2, $3, $4, $5, $6, $7, $8"
                      " WHERE EXISTS (SELECT FROM rooms WHERE id = $1)"
                      " AND EXISTS (SELECT FROM users WHERE id = $2)" OR_REPLACE);
    sv_query_text(&q, m->room_id);
    sv_query_text(&q, m->user_id);
    sv_query_int(&q, m->role);
    sv_query_int(&q, m->status);
    sv_query_uint(&q, m->added_permissions);
    sv_query_uint(&q, m->removed_permissions);
    sv_query_int(&q, m->joined_at_ms);
    sv_query_int(&q, rec->kicked_until_ms);
    int rv = sv_query_run_insert(&q);
    if (rv == 0) {
        rv = sv_sql_room_exists(tx, m->room_id);
        return rv < 0 ? rv : rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : SYNCTV_E_USER_NOT_FOUND;
    }
    return rv < 0 ? rv : 0;
}

int sv_sql_member_put(struct sv_tx *tx, const struct sv_member_rec *rec)
{
    int before = stored_counts(tx, rec->member.room_id, rec->member.user_id);
    if (before < 0 && before != SYNCTV_E_MEMBER_NOT_FOUND)
        return before;
    int rv = put_row(tx, rec);
    if (rv < 0)
        return rv;
    int after = counts(rec->member.role, rec->member.status);
    return add_to_count(tx, rec->member.room_id, after - (before > 0 ? 1 : 0));
}

int sv_sql_member_delete(struct sv_tx *tx, const char *room_id, const char *user_id)
{
    struct sv_query q;
    int before = stored_counts(tx, room_id, user_id);
    if (before < 0)
        return before;
    sv_query_begin(&q, tx, "DELETE FROM members WHERE room_id = $1 AND user_id = $2");
    sv_query_text(&q, room_id);
    sv_query_text(&q, user_id);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : add_to_count(tx, room_id, -before);
}

/* None of them counts. */
int sv_sql_member_purge(struct sv_tx *tx, int64_t now_ms, int32_t limit)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "DELETE FROM members WHERE (room_id, user_id) IN"
        " (SELECT room_id, user_id FROM members WHERE role = 0 AND kicked_until_ms <= $1"
        " ORDER BY kicked_until_ms LIMIT $2)");
    sv_query_int(&q, now_ms);
    sv_query_int(&q, limit < 0 ? 0 : limit);
    return sv_query_run(&q);
}

int sv_sql_member_list(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    struct sv_member_rec **ret_members)
{
    struct sv_query q;
    struct sv_rows rows = { .arena = a, .size = sizeof(struct sv_member_rec) };
    int rv;
    sv_query_begin(&q, tx, SV_SQL_MEMBERS_OF_ROOM);
    sv_query_text(&q, room_id);
    sv_query_use_ahead(&q, SV_AHEAD_MEMBERS, room_id, NULL);
    while (sv_query_next(&q) > 0) {
        struct sv_member_rec *rec = sv_rows_push(&rows);
        if (rec == NULL)
            return sv_query_end(&q, SYNCTV_E_NO_MEMORY);
        get_member(&q, a, rec);
    }
    rv = sv_query_end(&q, rows.n);
    if (rv >= 0)
        *ret_members = (struct sv_member_rec *)rows.items;
    return rv;
}

int sv_sql_member_count(struct sv_tx *tx, const char *room_id)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "SELECT member_count FROM rooms WHERE id = $1");
    sv_query_text(&q, room_id);
    int rv = sv_query_next(&q);
    return sv_query_end(&q, rv > 0 ? sv_query_get_count(&q, 0) : rv);
}

int sv_sql_member_count_rooms(struct sv_tx *tx, const char *user_id)
{
    struct sv_query q;
    int64_t n = 0;
    sv_query_begin(&q, tx,
        "SELECT count(*) FROM members WHERE user_id = $1 AND role > 0 AND status IN (1, 2)");
    sv_query_text(&q, user_id);
    int rv = sv_query_number(&q, &n);
    return rv < 0 ? rv : (int)n;
}

int sv_sql_member_rooms(struct sv_tx *tx, const char *user_id, int32_t limit, struct sv_arena *a,
    const char *const **ret_room_ids)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "SELECT room_id FROM members WHERE user_id = $1 AND role > 0 AND status = 1"
        " ORDER BY joined_at_ms DESC, room_id DESC LIMIT $2");
    sv_query_text(&q, user_id);
    sv_query_int(&q, limit < 0 ? 0 : limit);
    return sv_query_ids(&q, a, ret_room_ids);
}
