/* SPDX-License-Identifier: MIT */
#include "api/methods.h"

#include "base/text.h"

/* Combinations of ids and of ways, for the rows. */
enum {
    IDS_NONE = 0,
    IDS_ROOM = SV_NEEDS_ROOM_ID,
    IDS_ROOM_USER = SV_NEEDS_ROOM_ID | SV_NEEDS_USER_ID,
    IDS_ROOM_MOVIE = SV_NEEDS_ROOM_ID | SV_NEEDS_MOVIE_ID,
    IDS_ROOM_MESSAGE = SV_NEEDS_ROOM_ID | SV_NEEDS_MESSAGE_ID,
    IDS_USER = SV_NEEDS_USER_ID,

    BY_CALL = SV_BY_CALL,
    BY_STREAM = SV_BY_STREAM,
    BY_BOTH = SV_BY_CALL | SV_BY_STREAM,
};

#define ROW(name, caller, rate, stream_rate, ids, ways, repeat)                                    \
    [SYNCTV_METHOD_##name] = { SV_CALLER_##caller, SV_RATE_##rate, SV_STREAM_RATE_##stream_rate,   \
        IDS_##ids, BY_##ways, SV_REPEAT_##repeat }

/* clang-format off */
const struct sv_method sv_methods[SYNCTV_N_METHODS] = {
    /*                     caller          rate     on stream ids           ways    repeat */
    ROW(LOGIN,             ANYBODY,        NONE,    NONE,     NONE,         CALL,   NEVER),
    ROW(REGISTER,          ANYBODY,        NONE,    NONE,     NONE,         CALL,   NEVER),
    ROW(REFRESH_TOKEN,     ANYBODY,        CALLS,   NONE,     NONE,         CALL,   NEVER),
    ROW(LOGOUT,            WITH_ANY_TOKEN, CALLS,   NONE,     NONE,         CALL,   NEVER),
    ROW(GET_PROFILE,       SIGNED_IN,      CALLS,   NONE,     NONE,         CALL,   ALWAYS),
    ROW(CHANGE_PASSWORD,   SIGNED_IN,      NONE,    NONE,     NONE,         CALL,   NEVER),
    ROW(LIST_USERS,        PLATFORM_ADMIN, CALLS,   NONE,     NONE,         CALL,   ALWAYS),
    ROW(SET_USER_STATUS,   PLATFORM_ADMIN, CALLS,   NONE,     USER,         CALL,   NEVER),

    ROW(CREATE_ROOM,       ACTIVE,         CALLS_OR_HASHES,
                                                    NONE,     NONE,         CALL,   NEVER),
    ROW(JOIN_ROOM,         ACTIVE,         CALLS,   NONE,     ROOM,         CALL,   ALWAYS),
    ROW(LEAVE_ROOM,        SIGNED_IN,      CALLS,   NONE,     ROOM,         CALL,   NEVER),
    ROW(GET_ROOM_INFO,     SIGNED_IN,      CALLS,   NONE,     ROOM,         CALL,   ALWAYS),
    ROW(LIST_ROOMS,        SIGNED_IN,      CALLS,   NONE,     NONE,         CALL,   ALWAYS),
    ROW(UPDATE_ROOM,       ACTIVE,         CALLS_OR_HASHES,
                                                    NONE,     ROOM,         CALL,   NEVER),
    ROW(DELETE_ROOM,       ACTIVE,         CALLS,   NONE,     ROOM,         CALL,   NEVER),
    ROW(TRANSFER_ROOM,     ACTIVE,         CALLS,   NONE,     ROOM_USER,    CALL,   NEVER),

    ROW(LIST_MEMBERS,      SIGNED_IN,      CALLS,   NONE,     ROOM,         CALL,   ALWAYS),
    ROW(APPROVE_MEMBER,    ACTIVE,         CALLS,   NONE,     ROOM_USER,    CALL,   NEVER),
    ROW(KICK_MEMBER,       ACTIVE,         CALLS,   NONE,     ROOM_USER,    CALL,   NEVER),
    ROW(BAN_MEMBER,        ACTIVE,         CALLS,   NONE,     ROOM_USER,    CALL,   NEVER),
    ROW(UNBAN_MEMBER,      ACTIVE,         CALLS,   NONE,     ROOM_USER,    CALL,   NEVER),
    ROW(SET_MEMBER_ROLE,   ACTIVE,         CALLS,   NONE,     ROOM_USER,    CALL,   NEVER),
    ROW(SET_MEMBER_PERMISSIONS,
                           ACTIVE,         CALLS,   NONE,     ROOM_USER,    CALL,   NEVER),

    ROW(ADD_MOVIE,         ACTIVE,         CALLS,   NONE,     ROOM,         CALL,   NEVER),
    ROW(REMOVE_MOVIE,      ACTIVE,         CALLS,   NONE,     ROOM_MOVIE,   CALL,   NEVER),
    ROW(UPDATE_MOVIE,      ACTIVE,         CALLS,   NONE,     ROOM_MOVIE,   CALL,   NEVER),
    ROW(MOVE_MOVIE,        ACTIVE,         CALLS,   NONE,     ROOM_MOVIE,   CALL,   NEVER),
    ROW(CLEAR_MOVIES,      ACTIVE,         CALLS,   NONE,     ROOM,         CALL,   NEVER),
    ROW(GET_MOVIE_LIST,    SIGNED_IN,      CALLS,   NONE,     ROOM,         CALL,   ALWAYS),

    ROW(SET_CURRENT_MOVIE, ACTIVE,         CALLS,   NONE,     ROOM_MOVIE,   CALL,   WITH_VERSION),
    ROW(PLAY,              ACTIVE,         CALLS,   CONTROL,  ROOM,         BOTH,   WITH_VERSION),
    ROW(PAUSE,             ACTIVE,         CALLS,   CONTROL,  ROOM,         BOTH,   WITH_VERSION),
    ROW(SEEK,              ACTIVE,         CALLS,   CONTROL,  ROOM,         BOTH,   WITH_VERSION),
    ROW(SET_PLAYBACK_RATE, ACTIVE,         CALLS,   CONTROL,  ROOM,         BOTH,   WITH_VERSION),

    ROW(GET_CHAT_HISTORY,  SIGNED_IN,      CALLS,   NONE,     ROOM,         CALL,   ALWAYS),
    ROW(DELETE_CHAT_MESSAGE,
                           ACTIVE,         CALLS,   NONE,     ROOM_MESSAGE, CALL,   NEVER),

    ROW(CREATE_PUBLISH_KEY, ACTIVE,        CALLS,   NONE,     ROOM_MOVIE,   CALL,   NEVER),
    ROW(GET_PLAY_URL,      SIGNED_IN,      CALLS,   NONE,     ROOM_MOVIE,   CALL,   ALWAYS),
    ROW(STOP_LIVE,         ACTIVE,         CALLS,   NONE,     ROOM_MOVIE,   CALL,   NEVER),

    ROW(SEND_CHAT,         ACTIVE,         CHAT,    NONE,     ROOM,         BOTH,   NEVER),
    ROW(SEND_DANMAKU,      ACTIVE,         DANMAKU, NONE,     ROOM,         BOTH,   NEVER),
    ROW(REPORT_STATUS,     SIGNED_IN,      NONE,    STATUS,   ROOM,         STREAM, NEVER),
    /* Who has a stream has signed in for it. */
    ROW(PING,              ANYBODY,        NONE,    PING,     NONE,         STREAM, NEVER),
};
/* clang-format on */

static const struct sv_method *find(synctv_method method)
{
    static const struct sv_method none = { .caller = SV_CALLER_SIGNED_IN };
    return (unsigned)method < SYNCTV_N_METHODS ? &sv_methods[method] : &none;
}

bool sv_method_is_for_streams(synctv_method method)
{
    return (find(method)->ways & SV_BY_STREAM) != 0;
}

bool sv_request_needs_access_token(const synctv_request *request)
{
    enum sv_method_caller caller = find(request->method)->caller;
    return caller == SV_CALLER_WITH_ANY_TOKEN ? sv_str_empty(request->refresh_token)
                                              : caller >= SV_CALLER_SIGNED_IN;
}

bool sv_request_sets_room_password(const synctv_request *request)
{
    bool takes_it = request->method == SYNCTV_METHOD_CREATE_ROOM ||
        (request->method == SYNCTV_METHOD_UPDATE_ROOM && request->has_password);
    return takes_it && !sv_str_empty(request->password);
}

bool sv_request_is_repeatable(const synctv_request *request)
{
    enum sv_method_repeat repeat = find(request->method)->repeat;
    return repeat == SV_REPEAT_ALWAYS ||
        (repeat == SV_REPEAT_WITH_VERSION && request->expected_version != 0);
}
