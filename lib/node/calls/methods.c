/* SPDX-License-Identifier: MIT */
#include "node/calls/methods.h"

#include "node/calls/handlers.h"

/* What a method is made of. A method without a handler answers UNIMPLEMENTED. */
static const struct sv_method methods[SYNCTV_N_METHODS] = {
    [SYNCTV_METHOD_LOGIN] = { sv_handle_login, SV_BY_CALL },
    [SYNCTV_METHOD_REGISTER] = { sv_handle_register, SV_BY_CALL },
    [SYNCTV_METHOD_REFRESH_TOKEN] = { sv_handle_refresh_token, SV_BY_CALL },
    [SYNCTV_METHOD_LOGOUT] = { sv_handle_logout, SV_BY_CALL },
    [SYNCTV_METHOD_GET_PROFILE] = { sv_handle_get_profile, SV_BY_CALL },
    [SYNCTV_METHOD_CHANGE_PASSWORD] = { sv_handle_change_password, SV_BY_CALL },
    [SYNCTV_METHOD_LIST_USERS] = { sv_handle_list_users, SV_BY_CALL },
    [SYNCTV_METHOD_SET_USER_STATUS] = { sv_handle_set_user_status, SV_BY_CALL },
    [SYNCTV_METHOD_CREATE_ROOM] = { sv_handle_create_room, SV_BY_CALL },
    [SYNCTV_METHOD_JOIN_ROOM] = { sv_handle_join_room, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_LEAVE_ROOM] = { sv_handle_leave_room, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_GET_ROOM_INFO] = { sv_handle_get_room_info, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_LIST_ROOMS] = { sv_handle_list_rooms, SV_BY_CALL },
    [SYNCTV_METHOD_UPDATE_ROOM] = { sv_handle_update_room, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_DELETE_ROOM] = { sv_handle_delete_room, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_TRANSFER_ROOM] = { sv_handle_transfer_room, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_LIST_MEMBERS] = { sv_handle_list_members, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_APPROVE_MEMBER] = { sv_handle_approve_member, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_KICK_MEMBER] = { sv_handle_kick_member, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_BAN_MEMBER] = { sv_handle_ban_member, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_UNBAN_MEMBER] = { sv_handle_unban_member, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_SET_MEMBER_ROLE] = { sv_handle_set_member_role, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_SET_MEMBER_PERMISSIONS] = { sv_handle_set_member_permissions,
        SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_ADD_MOVIE] = { sv_handle_add_movie, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_REMOVE_MOVIE] = { sv_handle_remove_movie, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_UPDATE_MOVIE] = { sv_handle_update_movie, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_MOVE_MOVIE] = { sv_handle_move_movie, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_CLEAR_MOVIES] = { sv_handle_clear_movies, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_GET_MOVIE_LIST] = { sv_handle_get_movie_list, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_SET_CURRENT_MOVIE] = { sv_handle_set_current_movie, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_PLAY] = { sv_handle_play, SV_BY_CALL | SV_BY_STREAM | SV_ON_ROOM },
    [SYNCTV_METHOD_PAUSE] = { sv_handle_pause, SV_BY_CALL | SV_BY_STREAM | SV_ON_ROOM },
    [SYNCTV_METHOD_SEEK] = { sv_handle_seek, SV_BY_CALL | SV_BY_STREAM | SV_ON_ROOM },
    [SYNCTV_METHOD_SET_PLAYBACK_RATE] = { sv_handle_set_playback_rate,
        SV_BY_CALL | SV_BY_STREAM | SV_ON_ROOM },
    [SYNCTV_METHOD_GET_CHAT_HISTORY] = { sv_handle_get_chat_history, SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_DELETE_CHAT_MESSAGE] = { sv_handle_delete_chat_message,
        SV_BY_CALL | SV_ON_ROOM },
    [SYNCTV_METHOD_SEND_CHAT] = { sv_handle_send_chat, SV_BY_CALL | SV_BY_STREAM | SV_ON_ROOM },
    [SYNCTV_METHOD_SEND_DANMAKU] = { sv_handle_send_danmaku,
        SV_BY_CALL | SV_BY_STREAM | SV_ON_ROOM },
    [SYNCTV_METHOD_REPORT_STATUS] = { sv_handle_report_status, SV_BY_STREAM | SV_ON_ROOM },
    [SYNCTV_METHOD_PING] = { sv_handle_ping, SV_BY_STREAM },
};

const struct sv_method *sv_method_get(synctv_method method)
{
    if ((unsigned)method >= SYNCTV_N_METHODS || methods[method].handler == NULL)
        return NULL;
    return &methods[method];
}
