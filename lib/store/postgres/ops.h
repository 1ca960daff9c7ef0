/* SPDX-License-Identifier: MIT */
/*
 * The table sv_postgres_tx_ops, and those of its functions that only PostgreSQL has so; the others
 * are in sql/ops.h. store.h documents them.
 */
#ifndef SV_STORE_POSTGRES_OPS_H
#define SV_STORE_POSTGRES_OPS_H

#include "store/postgres/pg.h"

extern const struct sv_tx_ops sv_postgres_tx_ops;

int sv_pg_clock_ms(struct sv_tx *tx, int64_t *ret_ms);

int sv_pg_user_list(struct sv_tx *tx, const char *search, int64_t before_created_at_ms,
    const char *before_id, int32_t limit, struct sv_arena *a, synctv_user **ret_users);

int sv_pg_room_insert(struct sv_tx *tx, const struct sv_room_rec *rec);
int sv_pg_room_heads(struct sv_tx *tx, const char *const *ids, size_t n, struct sv_room_head *ret);
int sv_pg_room_update(struct sv_tx *tx, const struct sv_room_rec *rec);
int sv_pg_room_delete(struct sv_tx *tx, const char *id);
int sv_pg_room_list(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
    synctv_room **ret_rooms, int64_t *ret_before_ms);

int sv_pg_movie_insert(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_position,
    uint64_t *ret_revision);

int sv_pg_chat_insert(struct sv_tx *tx, const synctv_chat *chat, int32_t keep, uint64_t *ret_seq,
    struct sv_arena *a, synctv_chat *ret_existing);
int sv_pg_chat_delete(struct sv_tx *tx, const synctv_chat *deletion, int32_t keep,
    uint64_t *ret_seq);

int sv_pg_node_register(struct sv_tx *tx, const struct sv_node_rec *node, int64_t now_ms,
    int64_t *ret_epoch);
int sv_pg_node_declare_dead(struct sv_tx *tx, const char *id, int64_t epoch, uint64_t beat);
int sv_pg_node_forget(struct sv_tx *tx, const char *id, int64_t epoch);
int sv_pg_node_is_held(struct sv_tx *tx, const char *id);

#endif
