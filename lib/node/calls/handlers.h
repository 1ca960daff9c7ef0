/* SPDX-License-Identifier: MIT */
/*
 * One handler for each method, and which file it is in. What all handlers need is in guard.h and
 * answer.h.
 */
#ifndef SV_NODE_HANDLERS_H
#define SV_NODE_HANDLERS_H

#include "node/engine/call.h"

/* The table. A method without a handler answers UNIMPLEMENTED. */
extern sv_handler *const sv_handlers[SYNCTV_N_METHODS];

/* sign_in_calls.c: sessions begin, go on and end */
sv_handler sv_handle_login, sv_handle_register, sv_handle_refresh_token, sv_handle_logout;

/* user_calls.c: accounts */
sv_handler sv_handle_get_profile, sv_handle_change_password, sv_handle_list_users,
    sv_handle_set_user_status;

/* room_calls.c: creating, leaving, reading and listing rooms */
sv_handler sv_handle_create_room, sv_handle_leave_room, sv_handle_get_room_info,
    sv_handle_list_rooms;

/* join_calls.c: becoming a member */
sv_handler sv_handle_join_room;

/* room_change_calls.c: changing, deleting and transferring a room */
sv_handler sv_handle_update_room, sv_handle_delete_room, sv_handle_transfer_room;

/* member_calls.c: what members do to other members */
sv_handler sv_handle_list_members, sv_handle_approve_member, sv_handle_kick_member,
    sv_handle_ban_member, sv_handle_unban_member, sv_handle_set_member_role,
    sv_handle_set_member_permissions;

/* playlist_calls.c: the movies of a room */
sv_handler sv_handle_add_movie, sv_handle_remove_movie, sv_handle_update_movie,
    sv_handle_move_movie, sv_handle_clear_movies, sv_handle_get_movie_list;

/* playback_calls.c: commands (SetCurrentMovie, Play, …, SetPlaybackRate), reports, the clock */
sv_handler sv_handle_playback_command, sv_handle_report_status, sv_handle_ping;

/* chat_calls.c: chat and danmaku */
sv_handler sv_handle_send_chat, sv_handle_send_danmaku, sv_handle_get_chat_history,
    sv_handle_delete_chat_message;

#endif
