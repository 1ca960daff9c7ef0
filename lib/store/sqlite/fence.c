/* SPDX-License-Identifier: MIT */
#include "store/sqlite/fence.h"

#include <stdlib.h>
#include <string.h>

int sv_sqlite_fence_init(struct sv_sqlite_fence *fence, const struct sv_store_member *member)
{
    fence->refused = member->refused;
    fence->userdata = member->userdata;
    fence->id = strdup(member->id);
    fence->instance = strdup(member->instance);
    return fence->id == NULL || fence->instance == NULL ? SYNCTV_E_NO_MEMORY : 0;
}

void sv_sqlite_fence_fini(struct sv_sqlite_fence *fence)
{
    free(fence->id);
    free(fence->instance);
}

void sv_sqlite_fence_begin(struct sv_db *db)
{
    db->fence->changes = sqlite3_total_changes64(db->handle);
    db->fence->new_epoch = 0;
}

/* What another job of the transaction has registered is forgotten, too: then the COMMIT is refused,
 * and each job run alone. */
void sv_sqlite_fence_undo(struct sv_db *db)
{
    db->fence->new_epoch = 0;
}

int sv_sqlite_fence_check(struct sv_db *db)
{
    struct sv_sqlite_fence *fence = db->fence;
    struct sv_query q;
    int64_t found;
    if (sqlite3_total_changes64(db->handle) == fence->changes || fence->new_epoch == SV_FENCE_LEFT)
        return 0;
    sv_query_begin(&q, &db->conn.tx,
        "SELECT 1 FROM nodes WHERE id = ? AND epoch = ? AND instance = ?");
    sv_query_text(&q, fence->id);
    sv_query_int(&q, fence->new_epoch != 0 ? fence->new_epoch : fence->epoch);
    sv_query_text(&q, fence->instance);
    int rv = sv_query_number(&q, &found);
    if (rv != 0)
        return rv < 0 ? rv : 0;
    if (fence->refused != NULL)
        fence->refused(fence->userdata);
    return SYNCTV_E_STORAGE_UNAVAILABLE;
}

void sv_sqlite_fence_committed(struct sv_db *db)
{
    struct sv_sqlite_fence *fence = db->fence;
    if (fence->new_epoch != 0)
        fence->epoch = fence->new_epoch == SV_FENCE_LEFT ? 0 : fence->new_epoch;
    fence->new_epoch = 0;
}
