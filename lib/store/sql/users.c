/* SPDX-License-Identifier: MIT */
/* Operations: facts about the database (meta), and users. */
#include <string.h>

#include "core/validate.h"
#include "store/sql/ops.h"
#include "store/sql/users.h"

/* ---- meta ---- */

int sv_sql_meta_get(struct sv_tx *tx, const char *key, struct sv_arena *a, const char **ret_value)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "SELECT value FROM meta WHERE key = $1");
    sv_query_text(&q, key);
    int rv = sv_query_next(&q);
    const char *value = rv > 0 ? sv_query_get_text(&q, 0, a) : NULL;
    rv = sv_query_end(&q, rv);
    if (rv > 0)
        *ret_value = value;
    return rv;
}

int sv_sql_meta_put(struct sv_tx *tx, const char *key, const char *value)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "INSERT INTO meta (key, value) VALUES ($1, $2)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value");
    sv_query_text(&q, key);
    sv_query_text(&q, value);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : 0;
}

/* ---- users ---- */

static void get_user(struct sv_query *q, struct sv_arena *a, synctv_user *ret)
{
    *ret = (synctv_user){
        .id = sv_query_get_text(q, 0, a),
        .username = sv_query_get_text(q, 1, a),
        .email = sv_query_get_text(q, 2, a),
        .role = (synctv_user_role)sv_query_get_enum(q, 3, SYNCTV_USER_ROLE_ROOT),
        .status = (synctv_user_status)sv_query_get_enum(q, 4, SYNCTV_USER_STATUS_BANNED),
        .created_at_ms = sv_query_get_int(q, 5),
    };
}

/* Whether the query, with one parameter, has a row. */
static int exists(struct sv_tx *tx, const char *sql, const char *key)
{
    struct sv_query q;
    int64_t one;
    sv_query_begin(&q, tx, sql);
    sv_query_text(&q, key);
    return sv_query_number(&q, &one);
}

/* Finds out which unique column has the value already. */
static int explain_conflict(struct sv_tx *tx, const struct sv_user_rec *rec)
{
    int rv = exists(tx, "SELECT 1 FROM users WHERE username_fold = $1", rec->username_fold);
    if (rv != 0)
        return rv < 0 ? rv : SYNCTV_E_USERNAME_TAKEN;
    rv = exists(tx, "SELECT 1 FROM users WHERE email_fold <> '' AND email_fold = $1",
        rec->email_fold);
    return rv > 0 ? SYNCTV_E_EMAIL_TAKEN : rv < 0 ? rv : SYNCTV_E_INTERNAL;
}

int sv_sql_user_insert(struct sv_tx *tx, const struct sv_user_rec *rec)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "INSERT INTO users (id, username, username_fold, email, email_fold, password_hash, role,"
        " status, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT DO NOTHING");
    sv_query_text(&q, rec->user.id);
    sv_query_text(&q, rec->user.username);
    sv_query_text(&q, rec->username_fold);
    sv_query_text(&q, rec->user.email);
    sv_query_text(&q, rec->email_fold);
    sv_query_text(&q, rec->password_hash);
    sv_query_int(&q, rec->user.role);
    sv_query_int(&q, rec->user.status);
    sv_query_int(&q, rec->user.created_at_ms);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : rv == 0 ? explain_conflict(tx, rec) : 0;
}

/* `sql` selects SV_SQL_USER_COLUMNS, username_fold, email_fold, password_hash by one key. */
static int get_user_rec(struct sv_tx *tx, const char *sql, const char *key, struct sv_arena *a,
    struct sv_user_rec *ret)
{
    struct sv_query q;
    struct sv_user_rec rec;
    sv_query_begin(&q, tx, sql);
    sv_query_text(&q, key);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        get_user(&q, a, &rec.user);
        rec.username_fold = sv_query_get_text(&q, 6, a);
        rec.email_fold = sv_query_get_text(&q, 7, a);
        rec.password_hash = sv_query_get_text(&q, 8, a);
    }
    rv = sv_query_end(&q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_USER_NOT_FOUND;
    *ret = rec;
    return 0;
}

int sv_sql_user_get(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_user_rec *ret)
{
    return get_user_rec(tx,
        "SELECT " SV_SQL_USER_COLUMNS
        ", username_fold, email_fold, password_hash FROM users WHERE id = $1",
        id, a, ret);
}

int sv_sql_user_get_by_name(struct sv_tx *tx, const char *username_fold, struct sv_arena *a,
    struct sv_user_rec *ret)
{
    return get_user_rec(tx,
        "SELECT " SV_SQL_USER_COLUMNS ", username_fold, email_fold, password_hash FROM users"
        " WHERE username_fold = $1",
        username_fold, a, ret);
}

static int finish_update(struct sv_query *q, int not_found)
{
    int rv = sv_query_run(q);
    return rv < 0 ? rv : rv == 0 ? not_found : 0;
}

int sv_sql_user_set_status(struct sv_tx *tx, const char *id, synctv_user_status status)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "UPDATE users SET status = $1 WHERE id = $2");
    sv_query_int(&q, status);
    sv_query_text(&q, id);
    return finish_update(&q, SYNCTV_E_USER_NOT_FOUND);
}

int sv_sql_user_set_role(struct sv_tx *tx, const char *id, synctv_user_role role)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "UPDATE users SET role = $1 WHERE id = $2");
    sv_query_int(&q, role);
    sv_query_text(&q, id);
    return finish_update(&q, SYNCTV_E_USER_NOT_FOUND);
}

int sv_sql_user_set_password(struct sv_tx *tx, const char *id, const char *password_hash)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "UPDATE users SET password_hash = $1 WHERE id = $2");
    sv_query_text(&q, password_hash);
    sv_query_text(&q, id);
    return finish_update(&q, SYNCTV_E_USER_NOT_FOUND);
}

int sv_sql_user_page(struct sv_tx *tx, const char *sql, const char *search,
    int64_t before_created_at_ms, const char *before_id, int32_t limit, struct sv_arena *a,
    synctv_user **ret_users)
{
    struct sv_query q;
    struct sv_rows rows = { .arena = a, .size = sizeof(synctv_user) };
    const char *needle = "";
    int rv = sv_name_fold(a, search == NULL ? "" : search, &needle);
    if (rv < 0)
        return rv;

    sv_query_begin(&q, tx, sql);
    sv_query_int(&q, before_created_at_ms == 0 ? INT64_MAX : before_created_at_ms);
    sv_query_text(&q, before_id);
    sv_query_text(&q, needle);
    sv_query_int(&q, limit < 0 ? 0 : limit);
    while (sv_query_next(&q) > 0) {
        synctv_user *user = sv_rows_push(&rows);
        if (user == NULL)
            return sv_query_end(&q, SYNCTV_E_NO_MEMORY);
        get_user(&q, a, user);
    }
    rv = sv_query_end(&q, rows.n);
    if (rv >= 0)
        *ret_users = (synctv_user *)rows.items;
    return rv;
}
