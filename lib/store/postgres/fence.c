/* SPDX-License-Identifier: MIT */
#include "store/postgres/fence.h"

#include <stdlib.h>
#include <string.h>

int sv_pg_fence_init(struct sv_pg_fence *fence, const struct sv_store_member *member)
{
    fence->refused = member->refused;
    fence->userdata = member->userdata;
    fence->id = strdup(member->id);
    fence->instance = strdup(member->instance);
    return fence->id == NULL || fence->instance == NULL ? SYNCTV_E_NO_MEMORY : 0;
}

void sv_pg_fence_fini(struct sv_pg_fence *fence)
{
    free(fence->id);
    free(fence->instance);
}

void sv_pg_fence_begin(struct sv_pg *pg)
{
    pg->changes_before = pg->changes;
    pg->new_epoch = 0;
}

bool sv_pg_fence_query(struct sv_pg *pg, struct sv_query *q)
{
    struct sv_pg_fence *fence = pg->fence;
    if (pg->changes == pg->changes_before || pg->new_epoch == SV_PG_FENCE_LEFT)
        return false;
    sv_query_begin(q, &pg->conn.tx,
        "SELECT 1 / count(*) FROM (SELECT FROM nodes WHERE id = $1 AND epoch = $2 AND instance = $3"
        " FOR KEY SHARE) AS alive");
    sv_query_text(q, fence->id);
    sv_query_int(q, pg->new_epoch != 0 ? pg->new_epoch : atomic_load(&fence->epoch));
    sv_query_text(q, fence->instance);
    return true;
}

void sv_pg_fence_settle(struct sv_pg *pg, int rv)
{
    struct sv_pg_fence *fence = pg->fence;
    if (rv == 0 && pg->new_epoch != 0)
        atomic_store(&fence->epoch, pg->new_epoch == SV_PG_FENCE_LEFT ? 0 : pg->new_epoch);
    pg->new_epoch = 0;
    if (pg->fenced && fence->refused != NULL)
        fence->refused(fence->userdata);
    pg->fenced = false;
}
