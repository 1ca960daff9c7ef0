/* SPDX-License-Identifier: MIT */
/* Operations: the members of a cluster, where locks or the fence matter. */
#include <string.h>

#include "base/text.h"
#include "store/sql/ops.h"
#include "store/sqlite/claim.h"
#include "store/sqlite/fence.h"
#include "store/sqlite/ops.h"

static struct sv_db *db_of(struct sv_tx *tx)
{
    return (struct sv_db *)tx;
}

static bool is_own(struct sv_tx *tx, const char *id)
{
    const struct sv_sqlite_fence *fence = db_of(tx)->fence;
    return fence != NULL && strcmp(fence->id, sv_str(id)) == 0;
}

int sv_sqlite_node_register(struct sv_tx *tx, const struct sv_node_rec *node, int64_t now_ms,
    int64_t *ret_epoch)
{
    int rv = sv_sql_node_register(tx, node, now_ms, ret_epoch);
    if (rv == 0 && is_own(tx, node->id))
        db_of(tx)->fence->new_epoch = *ret_epoch;
    return rv;
}

int sv_sqlite_node_forget(struct sv_tx *tx, const char *id, int64_t epoch)
{
    int rv = sv_sql_node_forget(tx, id, epoch);
    if (rv > 0 && is_own(tx, id) && db_of(tx)->fence->epoch == epoch)
        db_of(tx)->fence->new_epoch = SV_FENCE_LEFT;
    return rv;
}

int sv_sqlite_node_is_held(struct sv_tx *tx, const char *id)
{
    const char *path = sqlite3_db_filename(db_of(tx)->handle, "main");
    return sv_str_empty(path) ? is_own(tx, id) : sv_sqlite_node_lock_is_held(path, id);
}
