/* SPDX-License-Identifier: MIT */
/*
 * The functions of sv_tx_ops (store.h) that are the same for all databases. The table of a backend
 * has these, and its own where the databases differ.
 */
#ifndef SV_STORE_SQL_OPS_H
#define SV_STORE_SQL_OPS_H

#include "store/sql/query.h"

int sv_sql_meta_get(struct sv_tx *tx, const char *key, struct sv_arena *a, const char **ret_value);
int sv_sql_meta_put(struct sv_tx *tx, const char *key, const char *value);

int sv_sql_user_insert(struct sv_tx *tx, const struct sv_user_rec *rec);
int sv_sql_user_get(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_user_rec *ret);
int sv_sql_user_get_by_name(struct sv_tx *tx, const char *username_fold, struct sv_arena *a,
    struct sv_user_rec *ret);
int sv_sql_user_set_status(struct sv_tx *tx, const char *id, synctv_user_status status);
int sv_sql_user_set_role(struct sv_tx *tx, const char *id, synctv_user_role role);
int sv_sql_user_set_password(struct sv_tx *tx, const char *id, const char *password_hash);

int sv_sql_session_insert(struct sv_tx *tx, const struct sv_session_rec *rec);
int sv_sql_session_get(struct sv_tx *tx, const char *id, struct sv_arena *a,
    struct sv_session_rec *ret);
int sv_sql_session_get_by_refresh(struct sv_tx *tx, const unsigned char hash[32],
    struct sv_arena *a, struct sv_session_rec *ret);
int sv_sql_session_rotate(struct sv_tx *tx, const char *id, const unsigned char new_hash[32],
    int64_t rotated_at_ms, int64_t expires_at_ms);
int sv_sql_session_delete(struct sv_tx *tx, const char *id);
int sv_sql_session_delete_user(struct sv_tx *tx, const char *user_id, const char *except_id,
    struct sv_arena *a, const char *const **ret_ids);
int sv_sql_session_delete_oldest(struct sv_tx *tx, const char *user_id, int32_t keep,
    struct sv_arena *a, const char *const **ret_ids);
int sv_sql_session_purge(struct sv_tx *tx, int64_t now_ms, int32_t limit);

int sv_sql_member_get(struct sv_tx *tx, const char *room_id, const char *user_id,
    struct sv_arena *a, struct sv_member_rec *ret);
int sv_sql_member_put(struct sv_tx *tx, const struct sv_member_rec *rec);
int sv_sql_member_delete(struct sv_tx *tx, const char *room_id, const char *user_id);
int sv_sql_member_purge(struct sv_tx *tx, int64_t now_ms, int32_t limit);
int sv_sql_member_list(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    struct sv_member_rec **ret_members);
int sv_sql_member_count(struct sv_tx *tx, const char *room_id);
int sv_sql_member_count_rooms(struct sv_tx *tx, const char *user_id);
int sv_sql_member_rooms(struct sv_tx *tx, const char *user_id, int32_t limit, struct sv_arena *a,
    const char *const **ret_room_ids);

int sv_sql_playback_get(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    synctv_playback *ret);
int sv_sql_playback_put(struct sv_tx *tx, const synctv_playback *state);

int sv_sql_chat_list(struct sv_tx *tx, const char *room_id, uint64_t before_seq, uint64_t after_seq,
    int32_t limit, struct sv_arena *a, synctv_chat **ret_chat);
int sv_sql_chat_after(struct sv_tx *tx, const char *room_id, uint64_t after_seq, int32_t limit,
    struct sv_arena *a, struct sv_chat_rec **ret_rows);
int sv_sql_chat_get(struct sv_tx *tx, const char *room_id, const char *message_id,
    struct sv_arena *a, synctv_chat *ret);

int sv_sql_movie_list(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    synctv_movie **ret_movies);
int sv_sql_movie_get(struct sv_tx *tx, const char *room_id, const char *movie_id,
    struct sv_arena *a, synctv_movie *ret);
int sv_sql_movie_update(struct sv_tx *tx, const synctv_movie *movie, uint64_t *ret_revision);
int sv_sql_movie_delete(struct sv_tx *tx, const char *room_id, const char *movie_id,
    uint64_t *ret_revision);
int sv_sql_movie_move(struct sv_tx *tx, const char *room_id, const char *movie_id, int32_t position,
    uint64_t *ret_revision);
int sv_sql_movie_clear(struct sv_tx *tx, const char *room_id, uint64_t *ret_revision);

int sv_sql_node_beat(struct sv_tx *tx, const struct sv_node_rec *node);
int sv_sql_node_list(struct sv_tx *tx, struct sv_arena *a, struct sv_node_rec **ret_nodes);
/* The rest of these is the database's: who waits for whom, and the fence of the own node. */
int sv_sql_node_register(struct sv_tx *tx, const struct sv_node_rec *node, int64_t now_ms,
    int64_t *ret_epoch);
int sv_sql_node_declare_dead(struct sv_tx *tx, const char *id, int64_t epoch, uint64_t beat);
int sv_sql_node_forget(struct sv_tx *tx, const char *id, int64_t epoch);

int sv_sql_room_get(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_room_rec *ret);
int sv_sql_room_touch(struct sv_tx *tx, const char *id, uint64_t *ret_revision);
int sv_sql_room_count_created(struct sv_tx *tx, const char *user_id);

#endif
