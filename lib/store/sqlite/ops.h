/* SPDX-License-Identifier: MIT */
/*
 * The table sv_sqlite_tx_ops, and those of its functions that only SQLite has so; the others are in
 * sql/ops.h. store.h documents them.
 */
#ifndef SV_STORE_SQLITE_OPS_H
#define SV_STORE_SQLITE_OPS_H

#include "store/sqlite/db.h"

extern const struct sv_tx_ops sv_sqlite_tx_ops;

int sv_sqlite_clock_ms(struct sv_tx *tx, int64_t *ret_ms);

int sv_sqlite_user_list(struct sv_tx *tx, const char *search, int64_t before_created_at_ms,
    const char *before_id, int32_t limit, struct sv_arena *a, synctv_user **ret_users);

int sv_sqlite_room_insert(struct sv_tx *tx, const struct sv_room_rec *rec);
int sv_sqlite_room_heads(struct sv_tx *tx, const char *const *ids, size_t n,
    struct sv_room_head *ret);
int sv_sqlite_room_update(struct sv_tx *tx, const struct sv_room_rec *rec);
int sv_sqlite_room_delete(struct sv_tx *tx, const char *id);
int sv_sqlite_room_list(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
    synctv_room **ret_rooms, int64_t *ret_before_ms);

int sv_sqlite_movie_insert(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_position,
    uint64_t *ret_revision);

int sv_sqlite_chat_insert(struct sv_tx *tx, const synctv_chat *chat, int32_t keep,
    uint64_t *ret_seq, struct sv_arena *a, synctv_chat *ret_existing);
int sv_sqlite_chat_delete(struct sv_tx *tx, const synctv_chat *deletion, int32_t keep,
    uint64_t *ret_seq);

int sv_sqlite_node_register(struct sv_tx *tx, const struct sv_node_rec *node, int64_t now_ms,
    int64_t *ret_epoch);
int sv_sqlite_node_forget(struct sv_tx *tx, const char *id, int64_t epoch);
int sv_sqlite_node_is_held(struct sv_tx *tx, const char *id);

#endif
