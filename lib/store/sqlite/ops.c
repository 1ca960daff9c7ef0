/* SPDX-License-Identifier: MIT */
/* The table of operations. */
#include "store/sqlite/ops.h"

#include "store/sql/ops.h"

const struct sv_tx_ops sv_sqlite_tx_ops = {
    .meta_get = sv_sql_meta_get,
    .meta_put = sv_sql_meta_put,
    .clock_ms = sv_sqlite_clock_ms,

    .user_insert = sv_sql_user_insert,
    .user_get = sv_sql_user_get,
    .user_get_by_name = sv_sql_user_get_by_name,
    .user_set_status = sv_sql_user_set_status,
    .user_set_role = sv_sql_user_set_role,
    .user_set_password = sv_sql_user_set_password,
    .user_list = sv_sqlite_user_list,

    .session_insert = sv_sql_session_insert,
    .session_get = sv_sql_session_get,
    .session_get_by_refresh = sv_sql_session_get_by_refresh,
    .session_rotate = sv_sql_session_rotate,
    .session_delete = sv_sql_session_delete,
    .session_delete_user = sv_sql_session_delete_user,
    .session_delete_oldest = sv_sql_session_delete_oldest,
    .session_purge = sv_sql_session_purge,

    .room_insert = sv_sqlite_room_insert,
    .room_get = sv_sql_room_get,
    .room_heads = sv_sqlite_room_heads,
    .room_update = sv_sqlite_room_update,
    .room_delete = sv_sqlite_room_delete,
    .room_touch = sv_sql_room_touch,
    .room_list = sv_sqlite_room_list,
    .room_count_created = sv_sql_room_count_created,

    .member_get = sv_sql_member_get,
    .member_put = sv_sql_member_put,
    .member_delete = sv_sql_member_delete,
    .member_purge = sv_sql_member_purge,
    .member_list = sv_sql_member_list,
    .member_count = sv_sql_member_count,
    .member_count_rooms = sv_sql_member_count_rooms,
    .member_rooms = sv_sql_member_rooms,

    .movie_list = sv_sql_movie_list,
    .movie_get = sv_sql_movie_get,
    .movie_insert = sv_sqlite_movie_insert,
    .movie_update = sv_sql_movie_update,
    .movie_delete = sv_sql_movie_delete,
    .movie_move = sv_sql_movie_move,
    .movie_clear = sv_sql_movie_clear,

    .playback_get = sv_sql_playback_get,
    .playback_put = sv_sql_playback_put,

    .chat_insert = sv_sqlite_chat_insert,
    .chat_list = sv_sql_chat_list,
    .chat_after = sv_sql_chat_after,
    .chat_get = sv_sql_chat_get,
    .chat_delete = sv_sqlite_chat_delete,

    .node_register = sv_sqlite_node_register,
    .node_beat = sv_sql_node_beat,
    .node_list = sv_sql_node_list,
    .node_declare_dead = sv_sql_node_declare_dead,
    .node_forget = sv_sqlite_node_forget,
    .node_is_held = sv_sqlite_node_is_held,
};
