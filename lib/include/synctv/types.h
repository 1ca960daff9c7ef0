/* SPDX-License-Identifier: MIT */
/**
 * The things that the API speaks about, as plain structures. Enums and fields have the names and
 * numbers of the wire contract (proto/models.proto, proto/client.proto).
 *
 * Strings are UTF-8, NUL-terminated and never NULL in what the library hands out ("" = none); in
 * what you hand to the library NULL means "". Times are Unix milliseconds, positions are seconds of
 * media, permissions are masks of SYNCTV_PERM_*. Everything reachable from a const pointer that the
 * library hands out lives as long as the result or event it came from.
 */
#ifndef SYNCTV_TYPES_H
#define SYNCTV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Ids of users, rooms, movies, messages: 12 characters of A-Za-z0-9_- . */
#define SYNCTV_ID_LEN 12

typedef enum synctv_user_role {
    SYNCTV_USER_ROLE_UNSPECIFIED = 0,
    SYNCTV_USER_ROLE_USER = 1,
    SYNCTV_USER_ROLE_ADMIN = 2,
    SYNCTV_USER_ROLE_ROOT = 3,
} synctv_user_role;

typedef enum synctv_user_status {
    SYNCTV_USER_STATUS_UNSPECIFIED = 0,
    SYNCTV_USER_STATUS_ACTIVE = 1,
    SYNCTV_USER_STATUS_PENDING = 2,
    SYNCTV_USER_STATUS_BANNED = 3,
} synctv_user_status;

typedef enum synctv_room_role {
    SYNCTV_ROOM_ROLE_UNSPECIFIED = 0,
    SYNCTV_ROOM_ROLE_GUEST = 1,
    SYNCTV_ROOM_ROLE_MEMBER = 2,
    SYNCTV_ROOM_ROLE_ADMIN = 3,
    SYNCTV_ROOM_ROLE_CREATOR = 4,
} synctv_room_role;

typedef enum synctv_member_status {
    SYNCTV_MEMBER_STATUS_UNSPECIFIED = 0,
    SYNCTV_MEMBER_STATUS_ACTIVE = 1,
    SYNCTV_MEMBER_STATUS_PENDING = 2,
    SYNCTV_MEMBER_STATUS_BANNED = 3,
} synctv_member_status;

typedef enum synctv_movie_type {
    SYNCTV_MOVIE_TYPE_UNSPECIFIED = 0,
    SYNCTV_MOVIE_TYPE_URL = 1,
    SYNCTV_MOVIE_TYPE_LIVE = 2,
} synctv_movie_type;

typedef enum synctv_auto_advance {
    SYNCTV_AUTO_ADVANCE_OFF = 0,
    SYNCTV_AUTO_ADVANCE_NEXT = 1,
    SYNCTV_AUTO_ADVANCE_REPEAT_ONE = 2,
    SYNCTV_AUTO_ADVANCE_REPEAT_ALL = 3,
    SYNCTV_AUTO_ADVANCE_SHUFFLE = 4,
} synctv_auto_advance;

typedef enum synctv_playback_status {
    SYNCTV_PLAYBACK_STATUS_UNSPECIFIED = 0,
    SYNCTV_PLAYBACK_STATUS_PAUSED = 1,
    SYNCTV_PLAYBACK_STATUS_PLAYING = 2,
} synctv_playback_status;

typedef enum synctv_state_cause {
    SYNCTV_STATE_CAUSE_UNSPECIFIED = 0,
    SYNCTV_STATE_CAUSE_SNAPSHOT = 1,
    SYNCTV_STATE_CAUSE_PLAY = 2,
    SYNCTV_STATE_CAUSE_PAUSE = 3,
    SYNCTV_STATE_CAUSE_SEEK = 4,
    SYNCTV_STATE_CAUSE_RATE = 5,
    SYNCTV_STATE_CAUSE_MOVIE = 6,
    SYNCTV_STATE_CAUSE_ENDED = 7,
    SYNCTV_STATE_CAUSE_RESYNC = 8,
} synctv_state_cause;

typedef enum synctv_danmaku_position {
    SYNCTV_DANMAKU_POSITION_SCROLL = 0,
    SYNCTV_DANMAKU_POSITION_TOP = 1,
    SYNCTV_DANMAKU_POSITION_BOTTOM = 2,
} synctv_danmaku_position;

/** Told to those who may see that member in LIST_MEMBERS, before or after the change. */
typedef enum synctv_member_change {
    SYNCTV_MEMBER_CHANGE_UNSPECIFIED = 0,
    SYNCTV_MEMBER_CHANGE_JOINED = 1,
    SYNCTV_MEMBER_CHANGE_LEFT = 2,
    SYNCTV_MEMBER_CHANGE_ONLINE = 3,
    SYNCTV_MEMBER_CHANGE_OFFLINE = 4,
    SYNCTV_MEMBER_CHANGE_KICKED = 5,
    SYNCTV_MEMBER_CHANGE_BANNED = 6,
    SYNCTV_MEMBER_CHANGE_UNBANNED = 7,
    SYNCTV_MEMBER_CHANGE_APPROVED = 8,
    SYNCTV_MEMBER_CHANGE_ROLE = 9,
    SYNCTV_MEMBER_CHANGE_PERMISSIONS = 10,
} synctv_member_change;

typedef enum synctv_list_change {
    SYNCTV_LIST_CHANGE_UNSPECIFIED = 0,
    SYNCTV_LIST_CHANGE_ADDED = 1,
    SYNCTV_LIST_CHANGE_REMOVED = 2,
    SYNCTV_LIST_CHANGE_CHANGED = 3,
    SYNCTV_LIST_CHANGE_MOVED = 4,
    SYNCTV_LIST_CHANGE_CLEARED = 5,
} synctv_list_change;

/**
 * What a member may do; see "Who may do what" in ARCHITECTURE.md for the rules and the default
 * masks.
 */
#define SYNCTV_PERM_SEND_CHAT (UINT64_C(1) << 0)
#define SYNCTV_PERM_ADD_MOVIE (UINT64_C(1) << 1)
#define SYNCTV_PERM_DELETE_MOVIE_SELF (UINT64_C(1) << 2)
#define SYNCTV_PERM_DELETE_MOVIE_ANY (UINT64_C(1) << 3)
#define SYNCTV_PERM_EDIT_MOVIE_SELF (UINT64_C(1) << 4)
#define SYNCTV_PERM_EDIT_MOVIE_ANY (UINT64_C(1) << 5)
#define SYNCTV_PERM_REORDER_PLAYLIST (UINT64_C(1) << 6)
#define SYNCTV_PERM_CLEAR_PLAYLIST (UINT64_C(1) << 7)
#define SYNCTV_PERM_PLAY_CONTROL (UINT64_C(1) << 10)
#define SYNCTV_PERM_CHANGE_CURRENT_MOVIE (UINT64_C(1) << 11)
#define SYNCTV_PERM_CHANGE_PLAYBACK_RATE (UINT64_C(1) << 12)
#define SYNCTV_PERM_APPROVE_MEMBER (UINT64_C(1) << 20)
#define SYNCTV_PERM_KICK_MEMBER (UINT64_C(1) << 21)
#define SYNCTV_PERM_BAN_MEMBER (UINT64_C(1) << 22)
#define SYNCTV_PERM_SET_MEMBER_PERMISSIONS (UINT64_C(1) << 23)
#define SYNCTV_PERM_MANAGE_ADMIN (UINT64_C(1) << 24)
#define SYNCTV_PERM_SET_ROOM_SETTINGS (UINT64_C(1) << 30)
#define SYNCTV_PERM_SET_ROOM_PASSWORD (UINT64_C(1) << 31)
#define SYNCTV_PERM_DELETE_CHAT (UINT64_C(1) << 32)
#define SYNCTV_PERM_VIEW_STATS (UINT64_C(1) << 33)
#define SYNCTV_PERM_EXPORT_DATA (UINT64_C(1) << 34)
#define SYNCTV_PERM_DELETE_ROOM (UINT64_C(1) << 35)
#define SYNCTV_PERM_VIEW_PLAYLIST (UINT64_C(1) << 40)
#define SYNCTV_PERM_VIEW_MEMBER_LIST (UINT64_C(1) << 41)
#define SYNCTV_PERM_VIEW_CHAT_HISTORY (UINT64_C(1) << 42)
#define SYNCTV_PERM_USE_WEBRTC (UINT64_C(1) << 50)

/** Every bit that has a meaning. */
#define SYNCTV_PERM_ALL UINT64_C(0x0004070FC1F01CFF)
#define SYNCTV_PERM_DEFAULT_ADMIN UINT64_C(0x703C0701CFF)
#define SYNCTV_PERM_DEFAULT_MEMBER UINT64_C(0x70000000017)
#define SYNCTV_PERM_DEFAULT_GUEST UINT64_C(0x10000000000)

typedef struct synctv_user {
    const char *id;
    const char *username;
    const char *email;
    synctv_user_role role;
    synctv_user_status status;
    int64_t created_at_ms;
} synctv_user;

typedef struct synctv_room_settings {
    bool hidden;
    bool allow_guests;
    bool require_approval;
    /** The room pauses when the last one online has gone offline, 10 s after their last stream. */
    bool pause_when_empty;
    /** 0 = the server's default. */
    int32_t max_members;
    /** 0 = the server's default, here and below. */
    uint64_t default_member_permissions;
    uint64_t default_admin_permissions;
    uint64_t guest_permissions;
    synctv_auto_advance auto_advance;
} synctv_room_settings;

typedef struct synctv_room {
    const char *id;
    const char *name;
    const char *description;
    const char *creator_id;
    /** NULL where the caller is not a member. */
    const synctv_room_settings *settings;
    bool has_password;
    int32_t member_count;
    int32_t online_count;
    bool is_live;
    int64_t created_at_ms;
    /** Grows with every change of membership, settings and playlist. */
    uint64_t revision;
} synctv_room;

typedef struct synctv_member {
    const char *room_id;
    const char *user_id;
    const char *username;
    synctv_room_role role;
    synctv_member_status status;
    uint64_t added_permissions;
    uint64_t removed_permissions;
    /** Effective. */
    uint64_t permissions;
    bool online;
    int64_t joined_at_ms;
} synctv_member;

typedef struct synctv_header {
    const char *name;
    const char *value;
} synctv_header;

typedef struct synctv_subtitle {
    const char *name;
    const char *url;
    /** "srt", "vtt" or "ass". */
    const char *format;
} synctv_subtitle;

typedef struct synctv_movie {
    const char *id;
    const char *room_id;
    const char *name;
    const char *url;
    synctv_movie_type type;
    /** 0 = unknown. */
    double duration_s;
    /** Place in the playlist, from 0. */
    int32_t position;
    const char *added_by;
    int64_t created_at_ms;
    const synctv_header *headers;
    size_t n_headers;
    const synctv_subtitle *subtitles;
    size_t n_subtitles;
    /** Live movies only. */
    const char *stream_key;
    /** Somebody publishes to it now. */
    bool live;
} synctv_movie;

/** A room's playback at one moment. synctv_playback_position() tells where it is at another. */
typedef struct synctv_playback {
    const char *room_id;
    /** "" = no current movie. */
    const char *movie_id;
    synctv_playback_status status;
    /** The playhead at updated_at_ms. */
    double position_s;
    /** 1.0 = normal. */
    double rate;
    /** Server time. */
    int64_t updated_at_ms;
    /** Grows with every change; (version, node_id) orders states. */
    uint64_t version;
    synctv_state_cause cause;
    /** Who did it; "" = the room itself. */
    const char *actor_id;
    /** message_id of the stream request that caused it, or "". */
    const char *operation_id;
    const char *node_id;
    /**
     * Of the current movie, in seconds; 0 = unknown. A node tells it. Over a network it is always
     * 0, because the wire has no such field: take it from the playlist (playlist.h).
     */
    double duration_s;
} synctv_playback;

typedef struct synctv_chat {
    const char *room_id;
    const char *message_id;
    const char *user_id;
    const char *username;
    const char *content;
    int64_t timestamp_ms;
    /** Per room, from 1, growing; a deletion takes one, too. */
    uint64_t seq;
    /** The sender's message_id: its acknowledgement. */
    const char *client_message_id;
} synctv_chat;

typedef struct synctv_danmaku {
    const char *room_id;
    const char *message_id;
    const char *user_id;
    const char *username;
    const char *content;
    double video_time_s;
    synctv_danmaku_position position;
    /** "#RRGGBB". */
    const char *color;
    /** 18..36. */
    int32_t font_size;
    int64_t timestamp_ms;
} synctv_danmaku;

#ifdef __cplusplus
}
#endif
#endif
