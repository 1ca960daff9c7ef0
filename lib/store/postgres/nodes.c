/* SPDX-License-Identifier: MIT */
/* Operations: the members of a cluster, where locks or the fence matter. */
#include <string.h>

#include "base/text.h"
#include "store/postgres/fence.h"
#include "store/postgres/ops.h"
#include "store/sql/ops.h"

static struct sv_pg *pg_of(struct sv_tx *tx)
{
    return (struct sv_pg *)tx;
}

static bool is_own(struct sv_tx *tx, const char *id)
{
    const struct sv_pg_fence *fence = pg_of(tx)->fence;
    return fence != NULL && strcmp(fence->id, sv_str(id)) == 0;
}

/* Waits for the transactions that fence.c has let pass. */
static int lock_row(struct sv_tx *tx, const char *id)
{
    struct sv_query q;
    int64_t one;
    sv_query_begin(&q, tx, "SELECT 1 FROM nodes WHERE id = $1 FOR UPDATE");
    sv_query_text(&q, id);
    return sv_query_number(&q, &one);
}

int sv_pg_node_register(struct sv_tx *tx, const struct sv_node_rec *node, int64_t now_ms,
    int64_t *ret_epoch)
{
    int rv = lock_row(tx, node->id);
    if (rv >= 0)
        rv = sv_sql_node_register(tx, node, now_ms, ret_epoch);
    if (rv == 0 && is_own(tx, node->id))
        pg_of(tx)->new_epoch = *ret_epoch;
    return rv;
}

int sv_pg_node_declare_dead(struct sv_tx *tx, const char *id, int64_t epoch, uint64_t beat)
{
    int rv = lock_row(tx, id);
    return rv < 0 ? rv : sv_sql_node_declare_dead(tx, id, epoch, beat);
}

int sv_pg_node_forget(struct sv_tx *tx, const char *id, int64_t epoch)
{
    int rv = sv_sql_node_forget(tx, id, epoch);
    if (rv > 0 && is_own(tx, id) && atomic_load(&pg_of(tx)->fence->epoch) == epoch)
        pg_of(tx)->new_epoch = SV_PG_FENCE_LEFT;
    return rv;
}

int sv_pg_node_is_held(struct sv_tx *tx, const char *id)
{
    struct sv_query q;
    int64_t n;
    sv_query_begin(&q, tx, "SELECT 1 WHERE " SV_PG_NODE_IS_HELD("$1"));
    sv_query_text(&q, id);
    return sv_query_number(&q, &n);
}
