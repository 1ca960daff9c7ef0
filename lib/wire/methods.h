/* SPDX-License-Identifier: MIT */
/*
 * Which field of a message is which member of synctv_request or synctv_result. Each message has one
 * list, of which request.c or result.c makes its encoder and its decoder:
 *
 *   X(kind, field of the message, member of synctv_request or synctv_result)
 *
 * request.c and result.c say what each kind does. VALUE is a string, number, bool or enum, which is
 * copied.
 */
#ifndef SV_WIRE_METHODS_H
#define SV_WIRE_METHODS_H

/* M(method, Message, message): all methods of synctv.client.ClientService but MessageStream. */
#define SV_WIRE_METHODS(M)                                                                         \
    M(LOGIN, Login, login)                                                                         \
    M(REGISTER, Register, register)                                                                \
    M(REFRESH_TOKEN, RefreshToken, refresh_token)                                                  \
    M(LOGOUT, Logout, logout)                                                                      \
    M(GET_PROFILE, GetProfile, get_profile)                                                        \
    M(CHANGE_PASSWORD, ChangePassword, change_password)                                            \
    M(LIST_USERS, ListUsers, list_users)                                                           \
    M(SET_USER_STATUS, SetUserStatus, set_user_status)                                             \
    M(CREATE_ROOM, CreateRoom, create_room)                                                        \
    M(JOIN_ROOM, JoinRoom, join_room)                                                              \
    M(LEAVE_ROOM, LeaveRoom, leave_room)                                                           \
    M(GET_ROOM_INFO, GetRoomInfo, get_room_info)                                                   \
    M(LIST_ROOMS, ListRooms, list_rooms)                                                           \
    M(UPDATE_ROOM, UpdateRoom, update_room)                                                        \
    M(DELETE_ROOM, DeleteRoom, delete_room)                                                        \
    M(TRANSFER_ROOM, TransferRoom, transfer_room)                                                  \
    M(LIST_MEMBERS, ListMembers, list_members)                                                     \
    M(APPROVE_MEMBER, ApproveMember, approve_member)                                               \
    M(KICK_MEMBER, KickMember, kick_member)                                                        \
    M(BAN_MEMBER, BanMember, ban_member)                                                           \
    M(UNBAN_MEMBER, UnbanMember, unban_member)                                                     \
    M(SET_MEMBER_ROLE, SetMemberRole, set_member_role)                                             \
    M(SET_MEMBER_PERMISSIONS, SetMemberPermissions, set_member_permissions)                        \
    M(ADD_MOVIE, AddMovie, add_movie)                                                              \
    M(REMOVE_MOVIE, RemoveMovie, remove_movie)                                                     \
    M(UPDATE_MOVIE, UpdateMovie, update_movie)                                                     \
    M(MOVE_MOVIE, MoveMovie, move_movie)                                                           \
    M(CLEAR_MOVIES, ClearMovies, clear_movies)                                                     \
    M(GET_MOVIE_LIST, GetMovieList, get_movie_list)                                                \
    M(SET_CURRENT_MOVIE, SetCurrentMovie, set_current_movie)                                       \
    M(PLAY, Play, play)                                                                            \
    M(PAUSE, Pause, pause)                                                                         \
    M(SEEK, Seek, seek)                                                                            \
    M(SET_PLAYBACK_RATE, SetPlaybackRate, set_playback_rate)                                       \
    M(GET_CHAT_HISTORY, GetChatHistory, get_chat_history)                                          \
    M(DELETE_CHAT_MESSAGE, DeleteChatMessage, delete_chat_message)                                 \
    M(CREATE_PUBLISH_KEY, CreatePublishKey, create_publish_key)                                    \
    M(GET_PLAY_URL, GetPlayUrl, get_play_url)                                                      \
    M(STOP_LIVE, StopLive, stop_live)

/* Fields that several messages share. */
#define ROOM_ID(X) X(VALUE, room_id, room_id)
#define ROOM_AND_USER(X) ROOM_ID(X) X(VALUE, user_id, user_id)
#define ROOM_AND_MOVIE(X) ROOM_ID(X) X(VALUE, movie_id, movie_id)
#define PAGE(X) X(VALUE, page_size, page_size) X(VALUE, page_token, page_token)
#define VERSION(X) X(VALUE, expected_version, expected_version)
#define TOKENS(X)                                                                                  \
    X(VALUE, access_token, access_token)                                                           \
    X(VALUE, refresh_token, refresh_token)                                                         \
    X(VALUE, expires_in, expires_in_s)

#define LOGIN_REQUEST(X) X(VALUE, username, username) X(VALUE, password, password)
#define LOGIN_RESPONSE(X) X(USER, user, user) TOKENS(X)
#define REGISTER_REQUEST(X) LOGIN_REQUEST(X) X(VALUE, email, email)
#define REGISTER_RESPONSE(X) LOGIN_RESPONSE(X)
#define REFRESH_TOKEN_REQUEST(X) X(VALUE, refresh_token, refresh_token)
#define REFRESH_TOKEN_RESPONSE(X) TOKENS(X)
#define LOGOUT_REQUEST(X) X(VALUE, refresh_token, refresh_token)
#define LOGOUT_RESPONSE(X) X(SUCCESS, success, )
#define GET_PROFILE_REQUEST(X)
#define GET_PROFILE_RESPONSE(X) X(USER, user, user)
#define CHANGE_PASSWORD_REQUEST(X)                                                                 \
    X(VALUE, old_password, password) X(VALUE, new_password, new_password)
#define CHANGE_PASSWORD_RESPONSE(X) X(SUCCESS, success, )
#define LIST_USERS_REQUEST(X) X(VALUE, search, search) PAGE(X)
#define LIST_USERS_RESPONSE(X) X(USERS, users, users) X(VALUE, next_page_token, next_page_token)
#define SET_USER_STATUS_REQUEST(X)                                                                 \
    X(VALUE, user_id, user_id) X(VALUE, status, user_status) X(VALUE, reason, reason)
#define SET_USER_STATUS_RESPONSE(X) X(USER, user, user)

#define CREATE_ROOM_REQUEST(X)                                                                     \
    X(VALUE, name, name)                                                                           \
    X(VALUE, password, password)                                                                   \
    X(VALUE, description, description)                                                             \
    X(SETTINGS, settings, settings)
#define CREATE_ROOM_RESPONSE(X) X(ROOM, room, room)
#define JOIN_ROOM_REQUEST(X) ROOM_ID(X) X(VALUE, password, password)
#define JOIN_ROOM_RESPONSE(X)                                                                      \
    X(ROOM, room, room)                                                                            \
    X(MEMBER, member, member)                                                                      \
    X(MAYBE_STATE, state, state)                                                                   \
    X(MEMBERS, members, members)
#define LEAVE_ROOM_REQUEST(X) ROOM_ID(X)
#define LEAVE_ROOM_RESPONSE(X) X(SUCCESS, success, )
#define GET_ROOM_INFO_REQUEST(X) ROOM_ID(X)
#define GET_ROOM_INFO_RESPONSE(X)                                                                  \
    X(ROOM, room, room) X(MAYBE_STATE, state, state) X(MEMBERS, members, members)
#define LIST_ROOMS_REQUEST(X)                                                                      \
    X(VALUE, search, search) X(VALUE, mine, mine) X(VALUE, joined, joined) PAGE(X)
#define LIST_ROOMS_RESPONSE(X) X(ROOMS, rooms, rooms) X(VALUE, next_page_token, next_page_token)
#define UPDATE_ROOM_REQUEST(X)                                                                     \
    ROOM_ID(X) X(ROOM, room, ) X(FIELDS, fields, fields) X(NEW_PASSWORD, password, password)
#define UPDATE_ROOM_RESPONSE(X) X(ROOM, room, room)
#define DELETE_ROOM_REQUEST(X) ROOM_ID(X)
#define DELETE_ROOM_RESPONSE(X) X(SUCCESS, success, )
#define TRANSFER_ROOM_REQUEST(X) ROOM_AND_USER(X)
#define TRANSFER_ROOM_RESPONSE(X) X(ROOM, room, room)

#define LIST_MEMBERS_REQUEST(X) ROOM_ID(X) PAGE(X)
#define LIST_MEMBERS_RESPONSE(X)                                                                   \
    X(MEMBERS, members, members)                                                                   \
    X(VALUE, next_page_token, next_page_token)                                                     \
    X(VALUE, total, total)
#define APPROVE_MEMBER_REQUEST(X) ROOM_AND_USER(X)
#define APPROVE_MEMBER_RESPONSE(X) X(MEMBER, member, member)
#define KICK_MEMBER_REQUEST(X) ROOM_AND_USER(X) X(VALUE, reason, reason)
#define KICK_MEMBER_RESPONSE(X) X(SUCCESS, success, )
#define BAN_MEMBER_REQUEST(X) ROOM_AND_USER(X) X(VALUE, reason, reason)
#define BAN_MEMBER_RESPONSE(X) X(MEMBER, member, member)
#define UNBAN_MEMBER_REQUEST(X) ROOM_AND_USER(X)
#define UNBAN_MEMBER_RESPONSE(X) X(SUCCESS, success, )
#define SET_MEMBER_ROLE_REQUEST(X) ROOM_AND_USER(X) X(VALUE, role, role)
#define SET_MEMBER_ROLE_RESPONSE(X) X(MEMBER, member, member)
#define SET_MEMBER_PERMISSIONS_REQUEST(X)                                                          \
    ROOM_AND_USER(X) X(VALUE, added, added_permissions) X(VALUE, removed, removed_permissions)
#define SET_MEMBER_PERMISSIONS_RESPONSE(X) X(MEMBER, member, member)

#define ADD_MOVIE_REQUEST(X) ROOM_ID(X) X(MOVIE, movie, movie)
#define ADD_MOVIE_RESPONSE(X) X(MOVIE, movie, movie)
#define REMOVE_MOVIE_REQUEST(X) ROOM_AND_MOVIE(X)
#define REMOVE_MOVIE_RESPONSE(X) X(SUCCESS, success, )
#define UPDATE_MOVIE_REQUEST(X) ROOM_ID(X) X(MOVIE, movie, movie) X(FIELDS, fields, fields)
#define UPDATE_MOVIE_RESPONSE(X) X(MOVIE, movie, movie)
#define MOVE_MOVIE_REQUEST(X) ROOM_AND_MOVIE(X) X(VALUE, position, position)
#define MOVE_MOVIE_RESPONSE(X) X(MOVIE, movie, movie)
#define CLEAR_MOVIES_REQUEST(X) ROOM_ID(X)
#define CLEAR_MOVIES_RESPONSE(X) X(VALUE, removed, total)
#define GET_MOVIE_LIST_REQUEST(X) ROOM_ID(X) PAGE(X)
#define GET_MOVIE_LIST_RESPONSE(X)                                                                 \
    X(MOVIES, movies, movies)                                                                      \
    X(VALUE, next_page_token, next_page_token)                                                     \
    X(VALUE, current_movie_id, current_movie_id)                                                   \
    X(VALUE, total, total)
#define SET_CURRENT_MOVIE_REQUEST(X) ROOM_AND_MOVIE(X) X(VALUE, autoplay, autoplay) VERSION(X)
#define SET_CURRENT_MOVIE_RESPONSE(X) X(STATE, state, state)

#define PLAY_REQUEST(X)                                                                            \
    ROOM_ID(X)                                                                                     \
    X(MAYBE_POSITION, position, position_s) X(VALUE, client_time, client_time_ms) VERSION(X)
#define PLAY_RESPONSE(X) X(STATE, state, state)
#define PAUSE_REQUEST(X) PLAY_REQUEST(X)
#define PAUSE_RESPONSE(X) X(STATE, state, state)
#define SEEK_REQUEST(X)                                                                            \
    ROOM_ID(X) X(POSITION, position, position_s) X(VALUE, client_time, client_time_ms) VERSION(X)
#define SEEK_RESPONSE(X) X(STATE, state, state)
#define SET_PLAYBACK_RATE_REQUEST(X) ROOM_ID(X) X(RATE, rate, rate) VERSION(X)
#define SET_PLAYBACK_RATE_RESPONSE(X) X(STATE, state, state)

#define GET_CHAT_HISTORY_REQUEST(X)                                                                \
    ROOM_ID(X)                                                                                     \
    X(VALUE, before_seq, before_seq) X(VALUE, after_seq, after_seq) X(VALUE, limit, limit)
#define GET_CHAT_HISTORY_RESPONSE(X) X(MESSAGES, messages, messages)
#define DELETE_CHAT_MESSAGE_REQUEST(X) ROOM_ID(X) X(VALUE, message_id, message_id)
#define DELETE_CHAT_MESSAGE_RESPONSE(X) X(SUCCESS, success, )

#define CREATE_PUBLISH_KEY_REQUEST(X) ROOM_AND_MOVIE(X)
#define CREATE_PUBLISH_KEY_RESPONSE(X)                                                             \
    X(VALUE, stream_key, stream_key)                                                               \
    X(VALUE, publish_token, publish_token)                                                         \
    X(VALUE, rtmp_url, url)                                                                        \
    X(VALUE, expires_at, expires_at_ms)
#define GET_PLAY_URL_REQUEST(X) ROOM_AND_MOVIE(X)
#define GET_PLAY_URL_RESPONSE(X) X(VALUE, flv_url, url) X(VALUE, expires_at, expires_at_ms)
#define STOP_LIVE_REQUEST(X) ROOM_AND_MOVIE(X)
#define STOP_LIVE_RESPONSE(X) X(SUCCESS, success, )

#endif
