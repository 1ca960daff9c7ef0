/* SPDX-License-Identifier: MIT */
/* Operations: sessions, and the refresh hashes that each has had. */
#include <string.h>

#include "store/sql/ops.h"

#define HASH_BYTES 32
/* Of each session; older ones are forgotten. */
#define HASHES_KEPT 1000

static int put_hash(struct sv_tx *tx, const char *session_id, int64_t rotation,
    const unsigned char *hash)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "INSERT INTO session_hashes (session_id, rotation, hash) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING");
    sv_query_text(&q, session_id);
    sv_query_int(&q, rotation);
    sv_query_blob(&q, hash, HASH_BYTES);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_INTERNAL : 0;
}

static int forget_hashes(struct sv_tx *tx, const char *session_id, int64_t up_to)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "DELETE FROM session_hashes WHERE session_id = $1 AND rotation <= $2");
    sv_query_text(&q, session_id);
    sv_query_int(&q, up_to);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : 0;
}

/* There is no such user, or there is such a session. */
static int explain_refusal(struct sv_tx *tx, const char *user_id)
{
    struct sv_query q;
    int64_t one;
    sv_query_begin(&q, tx, "SELECT 1 FROM users WHERE id = $1");
    sv_query_text(&q, user_id);
    int rv = sv_query_number(&q, &one);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_USER_NOT_FOUND : SYNCTV_E_INTERNAL;
}

#define INSERT_SESSION                                                                             \
    "INSERT INTO sessions (id, user_id, refresh_hash, previous_hash, rotations, rotated_at_ms,"    \
    " created_at_ms, expires_at_ms)"

int sv_sql_session_insert(struct sv_tx *tx, const struct sv_session_rec *rec)
{
    struct sv_query q;
    sv_query_begin_insert(&q, tx, INSERT_SESSION " VALUES ($1, $2, $3, $4, 0, $5, $6, $7)",
        INSERT_SESSION " SELECT $1, $2, $3, $4, 0, $5, $6, $7"
                       " WHERE EXISTS (SELECT FROM users WHERE id = $2) ON CONFLICT DO NOTHING");
    sv_query_text(&q, rec->id);
    sv_query_text(&q, rec->user_id);
    sv_query_blob(&q, rec->refresh_hash, HASH_BYTES);
    sv_query_blob(&q, rec->previous_hash, HASH_BYTES);
    sv_query_int(&q, rec->rotated_at_ms);
    sv_query_int(&q, rec->created_at_ms);
    sv_query_int(&q, rec->expires_at_ms);
    int rv = sv_query_run_insert(&q);
    if (rv == 0)
        return explain_refusal(tx, rec->user_id);
    return rv < 0 ? rv : put_hash(tx, rec->id, 0, rec->refresh_hash);
}

/* A stored hash of another length reads as none. */
static void get_hash(struct sv_query *q, int column, unsigned char out[HASH_BYTES])
{
    size_t len;
    const void *data = sv_query_get_blob(q, column, &len);
    memset(out, 0, HASH_BYTES);
    if (len == HASH_BYTES)
        memcpy(out, data, HASH_BYTES);
}

static int finish_get(struct sv_query *q, struct sv_arena *a, struct sv_session_rec *ret)
{
    struct sv_session_rec rec = { 0 };
    int rv = sv_query_next(q);
    if (rv > 0) {
        rec.id = sv_query_get_text(q, 0, a);
        rec.user_id = sv_query_get_text(q, 1, a);
        get_hash(q, 2, rec.refresh_hash);
        get_hash(q, 3, rec.previous_hash);
        rec.rotated_at_ms = sv_query_get_int(q, 4);
        rec.created_at_ms = sv_query_get_int(q, 5);
        rec.expires_at_ms = sv_query_get_int(q, 6);
    }
    rv = sv_query_end(q, rv);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_SESSION_ENDED;
    *ret = rec;
    return 0;
}

int sv_sql_session_get(struct sv_tx *tx, const char *id, struct sv_arena *a,
    struct sv_session_rec *ret)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "SELECT id, user_id, refresh_hash, previous_hash, rotated_at_ms, created_at_ms,"
        " expires_at_ms FROM sessions WHERE id = $1");
    sv_query_text(&q, id);
    return finish_get(&q, a, ret);
}

int sv_sql_session_get_by_refresh(struct sv_tx *tx, const unsigned char hash[32],
    struct sv_arena *a, struct sv_session_rec *ret)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "SELECT id, user_id, refresh_hash, previous_hash, rotated_at_ms, created_at_ms,"
        " expires_at_ms FROM sessions"
        " WHERE id = (SELECT session_id FROM session_hashes WHERE hash = $1)");
    sv_query_blob(&q, hash, HASH_BYTES);
    return finish_get(&q, a, ret);
}

int sv_sql_session_rotate(struct sv_tx *tx, const char *id, const unsigned char new_hash[32],
    int64_t rotated_at_ms, int64_t expires_at_ms)
{
    struct sv_query q;
    int64_t rotation = 0;
    sv_query_begin(&q, tx,
        "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = $1,"
        " rotations = rotations + 1, rotated_at_ms = $2, expires_at_ms = $3 WHERE id = $4"
        " RETURNING rotations");
    sv_query_blob(&q, new_hash, HASH_BYTES);
    sv_query_int(&q, rotated_at_ms);
    sv_query_int(&q, expires_at_ms);
    sv_query_text(&q, id);
    int rv = sv_query_number(&q, &rotation);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_SESSION_ENDED;
    rv = put_hash(tx, id, rotation, new_hash);
    return rv < 0 ? rv : forget_hashes(tx, id, rotation - HASHES_KEPT);
}

int sv_sql_session_delete(struct sv_tx *tx, const char *id)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "DELETE FROM sessions WHERE id = $1");
    sv_query_text(&q, id);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_SESSION_ENDED : 0;
}

int sv_sql_session_delete_user(struct sv_tx *tx, const char *user_id, const char *except_id,
    struct sv_arena *a, const char *const **ret_ids)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id");
    sv_query_text(&q, user_id);
    sv_query_text(&q, except_id);
    return sv_query_ids(&q, a, ret_ids);
}

int sv_sql_session_delete_oldest(struct sv_tx *tx, const char *user_id, int32_t keep,
    struct sv_arena *a, const char *const **ret_ids)
{
    struct sv_query q;
    const char *const *ids = NULL;
    /* SQLite has no OFFSET without a LIMIT. */
    sv_query_begin(&q, tx,
        "SELECT id FROM sessions WHERE user_id = $1 ORDER BY rotated_at_ms DESC"
        " LIMIT 1000000000 OFFSET $2");
    sv_query_text(&q, user_id);
    sv_query_int(&q, keep < 0 ? 0 : keep);
    int n = sv_query_ids(&q, a, &ids);
    for (int i = 0; i < n; i++) {
        int rv = sv_sql_session_delete(tx, ids[i]);
        if (rv < 0 && rv != SYNCTV_E_SESSION_ENDED) /* a damaged id belongs to no session */
            return rv;
    }
    if (n >= 0)
        *ret_ids = ids;
    return n;
}

int sv_sql_session_purge(struct sv_tx *tx, int64_t now_ms, int32_t limit)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "DELETE FROM sessions WHERE id IN"
        " (SELECT id FROM sessions WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2)");
    sv_query_int(&q, now_ms);
    sv_query_int(&q, limit < 0 ? 0 : limit);
    return sv_query_run(&q);
}
