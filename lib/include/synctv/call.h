/* SPDX-License-Identifier: MIT */
/**
 * One way to ask for anything: a request, submitted as a caller, answered by a result.
 *
 * A *caller* stands for whoever acts: a user of a node in this process (synctv_node_as_user()), the
 * system itself (synctv_node_as_system()), somebody not signed in (synctv_node_as_anonymous()), or
 * the account of a connection to a server elsewhere (synctv_client_caller()). Requests mean the
 * same for each of them, so code that works on an embedded node works over the network as well.
 *
 * Most programs use the typed functions of account.h, room.h, member.h, playlist.h, playback.h and
 * chat.h, which block until the answer is there. synctv_call() is the asynchronous form of all of
 * them.
 *
 * Threads: everything here is thread-safe.
 */
#ifndef SYNCTV_CALL_H
#define SYNCTV_CALL_H

#include <string.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Everything that can be asked.
 *
 *   X(name, rpc)        rpc = the method of synctv.client.ClientService; "" = a message of
 *                       MessageStream only
 */
#define SYNCTV_METHODS(X)                                                                          \
    X(LOGIN, "Login")                                                                              \
    X(REGISTER, "Register")                                                                        \
    X(REFRESH_TOKEN, "RefreshToken")                                                               \
    X(LOGOUT, "Logout")                                                                            \
    X(GET_PROFILE, "GetProfile")                                                                   \
    X(CHANGE_PASSWORD, "ChangePassword")                                                           \
    X(LIST_USERS, "ListUsers")                                                                     \
    X(SET_USER_STATUS, "SetUserStatus")                                                            \
    X(CREATE_ROOM, "CreateRoom")                                                                   \
    X(JOIN_ROOM, "JoinRoom")                                                                       \
    X(LEAVE_ROOM, "LeaveRoom")                                                                     \
    X(GET_ROOM_INFO, "GetRoomInfo")                                                                \
    X(LIST_ROOMS, "ListRooms")                                                                     \
    X(UPDATE_ROOM, "UpdateRoom")                                                                   \
    X(DELETE_ROOM, "DeleteRoom")                                                                   \
    X(TRANSFER_ROOM, "TransferRoom")                                                               \
    X(LIST_MEMBERS, "ListMembers")                                                                 \
    X(APPROVE_MEMBER, "ApproveMember")                                                             \
    X(KICK_MEMBER, "KickMember")                                                                   \
    X(BAN_MEMBER, "BanMember")                                                                     \
    X(UNBAN_MEMBER, "UnbanMember")                                                                 \
    X(SET_MEMBER_ROLE, "SetMemberRole")                                                            \
    X(SET_MEMBER_PERMISSIONS, "SetMemberPermissions")                                              \
    X(ADD_MOVIE, "AddMovie")                                                                       \
    X(REMOVE_MOVIE, "RemoveMovie")                                                                 \
    X(UPDATE_MOVIE, "UpdateMovie")                                                                 \
    X(MOVE_MOVIE, "MoveMovie")                                                                     \
    X(CLEAR_MOVIES, "ClearMovies")                                                                 \
    X(GET_MOVIE_LIST, "GetMovieList")                                                              \
    X(SET_CURRENT_MOVIE, "SetCurrentMovie")                                                        \
    X(PLAY, "Play")                                                                                \
    X(PAUSE, "Pause")                                                                              \
    X(SEEK, "Seek")                                                                                \
    X(SET_PLAYBACK_RATE, "SetPlaybackRate")                                                        \
    X(GET_CHAT_HISTORY, "GetChatHistory")                                                          \
    X(DELETE_CHAT_MESSAGE, "DeleteChatMessage")                                                    \
    X(CREATE_PUBLISH_KEY, "CreatePublishKey")                                                      \
    X(GET_PLAY_URL, "GetPlayUrl")                                                                  \
    X(STOP_LIVE, "StopLive")                                                                       \
    X(SEND_CHAT, "")                                                                               \
    X(SEND_DANMAKU, "")                                                                            \
    X(REPORT_STATUS, "")                                                                           \
    X(PING, "")

typedef enum synctv_method {
#define SYNCTV_METHOD_ENUM(name, rpc) SYNCTV_METHOD_##name,
    SYNCTV_METHODS(SYNCTV_METHOD_ENUM)
#undef SYNCTV_METHOD_ENUM
        SYNCTV_N_METHODS
} synctv_method;

/**
 * What withdraws calls, from any thread: give it to requests as `cancellable`. One may withdraw any
 * number of calls, for instance all that a window of a program waits for.
 */
typedef struct synctv_cancellable synctv_cancellable;

/** Release with synctv_cancellable_free(). NULL when out of memory. */
SYNCTV_API synctv_cancellable *synctv_cancellable_new(void);
/**
 * Withdraws all calls that have it and are not answered yet, and those that will be made with it.
 * Returns at once; each call still gets its one answer, as always:
 *
 * - Of a node: CANCELLED if the call waits in a queue, and then it has changed nothing and never
 *   will. A call that is being carried out is not withdrawn any more; its answer, which comes
 *   soon, says what has become of it.
 * - Over a network: CANCELLED. If it has been sent to the server, what was asked for may still
 *   happen. If the answer is here already, it counts.
 *
 * Thread-safe; may be called inside callbacks. Once is enough.
 */
SYNCTV_API void synctv_cancellable_cancel(synctv_cancellable *cancellable);
/** Releases it. Calls that have it go on, and cannot be withdrawn any more. NULL is fine. */
SYNCTV_API void synctv_cancellable_free(synctv_cancellable *cancellable);

/**
 * A question. Begin with SYNCTV_REQUEST() or synctv_request_init(); set `method` and the fields
 * which that method reads (the typed function of the same name has them as arguments; they are
 * those of its request in proto/client.proto); the others are ignored. All pointers are borrowed
 * for the call.
 */
typedef struct synctv_request {
    /** Set by SYNCTV_REQUEST() or synctv_request_init(); version.h tells what it is for. */
    size_t struct_size;
    synctv_method method;
    const char *room_id;
    const char *user_id;
    const char *movie_id;
    /** DELETE_CHAT_MESSAGE: which; on a stream: the sender's own id of this message, ≤ 64 bytes. */
    const char *message_id;

    const char *username;
    /**
     * Of the account; of the room in CREATE_ROOM, JOIN_ROOM, UPDATE_ROOM; old one in
     * CHANGE_PASSWORD.
     */
    const char *password;
    const char *new_password;
    const char *email;
    const char *refresh_token;

    const char *name;
    const char *description;
    /** NULL = all defaults. */
    const synctv_room_settings *settings;
    const synctv_movie *movie;
    /** UPDATE_ROOM, UPDATE_MOVIE: names of the fields to change. */
    const char *const *fields;
    size_t n_fields;
    /** UPDATE_ROOM: change the room's password to `password` ("" = none). */
    bool has_password;

    synctv_user_status user_status;
    synctv_room_role role;
    const char *reason;
    uint64_t added_permissions;
    uint64_t removed_permissions;

    const char *search;
    bool mine;
    bool joined;
    /** 0 = the method's default. */
    int32_t page_size;
    const char *page_token;
    uint64_t before_seq;
    uint64_t after_seq;
    int32_t limit;

    bool has_position;
    bool has_rate;
    bool autoplay;
    double position_s;
    double rate;
    double duration_s;
    /** MOVE_MOVIE: new place in the playlist. */
    int32_t position;
    /** Sender's estimate of server time; 0 = unknown. PING: any number, echoed. */
    int64_t client_time_ms;
    /** 0 = whatever the state is. */
    uint64_t expected_version;

    /** SEND_CHAT, SEND_DANMAKU. */
    const char *content;
    const char *color;
    double video_time_s;
    synctv_danmaku_position danmaku_position;
    int32_t font_size;
    /**
     * REPORT_STATUS: what the player does. Of a movie without a duration `ended` and `duration_s`
     * are votes, one a user: most of the users who watch end it, or say how long it is.
     */
    bool buffering;
    bool ended;

    /**
     * How long to wait for the answer, after which it is TIMEOUT (what was asked for may still
     * happen). 0 = the client's call_timeout_ms; on a node 30 s for calls that block and no limit
     * for synctv_call(), where a call that is under way always has an answer in the end.
     */
    int32_t timeout_ms;
    /** What can withdraw the call, borrowed; NULL = nothing. Not for streams. */
    synctv_cancellable *cancellable;
} synctv_request;

/**
 * A request as a value, in C:
 *
 *     const synctv_request play = SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = id);
 */
#define SYNCTV_REQUEST(...)                                                                        \
    ((synctv_request){ .struct_size = sizeof(synctv_request), .method = __VA_ARGS__ })

/** Zeros a request, so that the method and its fields can be set. */
static inline void synctv_request_init(synctv_request *request)
{
    memset(request, 0, sizeof(*request));
    request->struct_size = sizeof(*request);
}

/**
 * An answer: immutable, counted. What a method does not return is NULL, "" or 0.
 */
typedef struct synctv_result {
    /** 0 or SYNCTV_E_*. */
    int code;
    /** Never NULL when code < 0. */
    const synctv_error *error;

    const synctv_user *user;
    const synctv_room *room;
    const synctv_member *member;
    const synctv_movie *movie;
    /** Set with VERSION_CONFLICT, too: the state as it is. */
    const synctv_playback *state;
    const synctv_chat *chat;

    const synctv_user *users;
    size_t n_users;
    const synctv_room *rooms;
    size_t n_rooms;
    const synctv_member *members;
    size_t n_members;
    const synctv_movie *movies;
    size_t n_movies;
    const synctv_chat *messages;
    size_t n_messages;
    /** "" = the end. */
    const char *next_page_token;
    const char *current_movie_id;
    /** GET_MOVIE_LIST, LIST_MEMBERS: all there are; CLEAR_MOVIES: how many were removed. */
    int32_t total;

    const char *access_token;
    const char *refresh_token;
    int64_t expires_in_s;

    const char *stream_key;
    const char *publish_token;
    const char *url;
    int64_t expires_at_ms;
} synctv_result;

/** One more reference. Returns `result`. */
SYNCTV_API const synctv_result *synctv_result_ref(const synctv_result *result);
/** Drops a reference; NULL is fine. */
SYNCTV_API void synctv_result_unref(const synctv_result *result);

typedef struct synctv_caller synctv_caller;

/** One more reference. Returns `caller`. */
SYNCTV_API synctv_caller *synctv_caller_ref(synctv_caller *caller);
/** Drops a reference; NULL is fine. Callers must be gone before their node or client is freed. */
SYNCTV_API void synctv_caller_unref(synctv_caller *caller);
/**
 * The id of the user that this caller acts as; "" for the system, an anonymous caller or a client
 * not signed in. Lives as long as the caller.
 */
SYNCTV_API const char *synctv_caller_user_id(const synctv_caller *caller);

/**
 * Receives the answer; `result` is borrowed, synctv_result_ref() keeps it.
 *
 * Runs exactly once a call: either before synctv_call() returns, on the calling thread, or later on
 * a thread of the node or client (inside synctv_node_poll() for a node with `threads` = 0). Must
 * not block.
 */
typedef void synctv_done_fn(void *userdata, const synctv_result *result);

/**
 * Submits a request and returns at once.
 *
 * @caller   borrowed; the call holds its own reference.
 * @request  borrowed until synctv_call() returns; what is still needed is copied.
 * @done     always called exactly once, with the reason in result->code when the request could not
 *           even be taken.
 */
SYNCTV_API void synctv_call(synctv_caller *caller, const synctv_request *request,
    synctv_done_fn *done, void *userdata);

/**
 * Submits a request and waits for the answer, at most request->timeout_ms. Must not be called
 * inside a callback.
 *
 * @ret_result  may be NULL; on success, and after VERSION_CONFLICT, a new reference; otherwise
 *              untouched.
 * @ret_error   may be NULL; filled on failure.
 *
 * Returns 0 or SYNCTV_E_*; TIMEOUT if there was no answer in time (what was asked for may still
 * happen).
 */
SYNCTV_API int synctv_call_wait(synctv_caller *caller, const synctv_request *request,
    const synctv_result **ret_result, synctv_error *ret_error);

/**
 * The name of a method as the wire has it ("CreateRoom"), or "" for messages of a stream. Static
 * storage.
 */
SYNCTV_API const char *synctv_method_name(synctv_method method);

#ifdef __cplusplus
}
#endif
#endif
