/* SPDX-License-Identifier: MIT */
/* Pages of users. */
#ifndef SV_STORE_SQL_USERS_H
#define SV_STORE_SQL_USERS_H

#include "store/sql/query.h"

#define SV_SQL_USER_COLUMNS "id, username, email, role, status, created_at_ms"

/*
 * As user_list(), where all but the statement is the same: databases have no common word for the
 * place of a text in another. It selects SV_SQL_USER_COLUMNS of users before ($1, $2) with $3 in
 * username_fold, at most $4.
 */
int sv_sql_user_page(struct sv_tx *tx, const char *sql, const char *search,
    int64_t before_created_at_ms, const char *before_id, int32_t limit, struct sv_arena *a,
    synctv_user **ret_users);

#endif
