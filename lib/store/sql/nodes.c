/* SPDX-License-Identifier: MIT */
/* Operations: the members of a cluster. What locks and the fence are is in the folders. */
#include "store/sql/ops.h"

int sv_sql_node_register(struct sv_tx *tx, const struct sv_node_rec *node, int64_t now_ms,
    int64_t *ret_epoch)
{
    struct sv_query q;
    int64_t epoch;
    if (now_ms < 1)
        return SYNCTV_E_INVALID_ARGUMENT;
    /* "Greatest" has another name in each database. */
    sv_query_begin(&q, tx,
        "INSERT INTO nodes (id, instance, address, capabilities, stats, heartbeat_ms, ahead_ms,"
        " epoch, beat) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT (id) DO UPDATE SET"
        " instance = excluded.instance, address = excluded.address,"
        " capabilities = excluded.capabilities, stats = excluded.stats,"
        " heartbeat_ms = excluded.heartbeat_ms, ahead_ms = excluded.ahead_ms,"
        " epoch = CASE WHEN nodes.epoch + 1 > excluded.epoch THEN nodes.epoch + 1"
        " ELSE excluded.epoch END, beat = nodes.beat + 1 RETURNING epoch");
    sv_query_text(&q, node->id);
    sv_query_text(&q, node->instance);
    sv_query_text(&q, node->address);
    sv_query_text(&q, node->capabilities);
    sv_query_text(&q, node->stats);
    sv_query_int(&q, node->heartbeat_ms);
    sv_query_int(&q, node->ahead_ms);
    sv_query_int(&q, now_ms);
    int rv = sv_query_number(&q, &epoch);
    if (rv < 0)
        return rv;
    *ret_epoch = epoch;
    return 0;
}

int sv_sql_node_beat(struct sv_tx *tx, const struct sv_node_rec *node)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "UPDATE nodes SET beat = beat + 1, address = $1, capabilities = $2, stats = $3, ahead_ms = $4"
        " WHERE id = $5 AND epoch = $6 AND instance = $7");
    sv_query_text(&q, node->address);
    sv_query_text(&q, node->capabilities);
    sv_query_text(&q, node->stats);
    sv_query_int(&q, node->ahead_ms);
    sv_query_text(&q, node->id);
    sv_query_int(&q, node->epoch);
    sv_query_text(&q, node->instance);
    return sv_query_run(&q);
}

int sv_sql_node_list(struct sv_tx *tx, struct sv_arena *a, struct sv_node_rec **ret_nodes)
{
    struct sv_rows rows = { .arena = a, .size = sizeof(struct sv_node_rec) };
    struct sv_query q;
    int rv;
    sv_query_begin(&q, tx,
        "SELECT id, epoch, instance, address, capabilities, stats, beat, heartbeat_ms, ahead_ms"
        " FROM nodes ORDER BY id LIMIT $1");
    sv_query_int(&q, SV_NODES_MAX);
    while ((rv = sv_query_next(&q)) > 0) {
        struct sv_node_rec *node = sv_rows_push(&rows);
        if (node == NULL) {
            rv = SYNCTV_E_NO_MEMORY;
            break;
        }
        *node = (struct sv_node_rec){
            .id = sv_query_get_text(&q, 0, a),
            .epoch = sv_query_get_int(&q, 1),
            .instance = sv_query_get_text(&q, 2, a),
            .address = sv_query_get_text(&q, 3, a),
            .capabilities = sv_query_get_text(&q, 4, a),
            .stats = sv_query_get_text(&q, 5, a),
            .beat = sv_query_get_uint(&q, 6),
            .heartbeat_ms = sv_query_get_int(&q, 7),
            .ahead_ms = sv_query_get_int(&q, 8),
        };
    }
    rv = sv_query_end(&q, rv);
    if (rv < 0)
        return rv;
    *ret_nodes = (struct sv_node_rec *)rows.items;
    return rows.n;
}

int sv_sql_node_declare_dead(struct sv_tx *tx, const char *id, int64_t epoch, uint64_t beat)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "UPDATE nodes SET epoch = epoch + 1, instance = ''"
        " WHERE id = $1 AND epoch = $2 AND beat = $3");
    sv_query_text(&q, id);
    sv_query_int(&q, epoch);
    sv_query_uint(&q, beat);
    return sv_query_run(&q);
}

int sv_sql_node_forget(struct sv_tx *tx, const char *id, int64_t epoch)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "DELETE FROM nodes WHERE id = $1 AND epoch = $2");
    sv_query_text(&q, id);
    sv_query_int(&q, epoch);
    return sv_query_run(&q);
}
