/* SPDX-License-Identifier: MIT */
/* Operations: the clock of the server, and a page of users. */
#include "store/sql/users.h"

#include "store/postgres/ops.h"

int sv_pg_clock_ms(struct sv_tx *tx, int64_t *ret_ms)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "SELECT FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT");
    return sv_query_number(&q, ret_ms);
}

int sv_pg_user_list(struct sv_tx *tx, const char *search, int64_t before_created_at_ms,
    const char *before_id, int32_t limit, struct sv_arena *a, synctv_user **ret_users)
{
    return sv_sql_user_page(tx,
        "SELECT " SV_SQL_USER_COLUMNS " FROM users"
        " WHERE (created_at_ms, id) < ($1, $2) AND position($3 in username_fold) > 0"
        " ORDER BY created_at_ms DESC, id DESC LIMIT $4",
        search, before_created_at_ms, before_id, limit, a, ret_users);
}
