/* SPDX-License-Identifier: MIT */
/**
 * Rooms: making, finding, entering and changing them.
 *
 * All functions block as synctv_call_wait() does, return its errors beside those named here, and
 * are thread-safe. ret_result may be NULL, otherwise it receives a reference for
 * synctv_result_unref(); it is untouched on failure.
 */
#ifndef SYNCTV_ROOM_H
#define SYNCTV_ROOM_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a new room may have. Zeros are the defaults. */
typedef struct synctv_room_options {
    /** ≤ 500 code points. */
    const char *description;
    /** 1..64 bytes; NULL or "" = none. */
    const char *password;
    /** NULL = all defaults. */
    const synctv_room_settings *settings;
} synctv_room_options;

/**
 * Makes a room; the caller becomes its creator and an active member.
 *
 * @name        1..64 code points.
 * @options     borrowed; NULL = defaults.
 * @ret_result  room.
 *
 * Errors: INVALID_ARGUMENT, ROOM_LIMIT (10 rooms a user), USER_PENDING, RATE_LIMITED.
 */
SYNCTV_API int synctv_room_create(synctv_caller *caller, const char *name,
    const synctv_room_options *options, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Becomes a member. Joining again as a member changes nothing and answers the same. Where the room
 * asks for approval the new member is PENDING, and sees only the room's public face until then.
 *
 * @password    NULL or "" = none.
 * @ret_result  room, member; unless pending also state and at most 100 members, those online first.
 *
 * Errors: ROOM_NOT_FOUND, ROOM_PASSWORD_WRONG, ROOM_FULL, ROOM_LIMIT (a user is in at most 100),
 * MEMBER_BANNED, MEMBER_KICKED (for 30 s), USER_PENDING, RATE_LIMITED.
 */
SYNCTV_API int synctv_room_join(synctv_caller *caller, const char *room_id, const char *password,
    const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Ends the caller's membership.
 *
 * Errors: ROOM_NOT_FOUND, NOT_A_MEMBER, CREATOR_CANNOT_LEAVE (synctv_room_transfer() first).
 */
SYNCTV_API int synctv_room_leave(synctv_caller *caller, const char *room_id,
    synctv_error *ret_error);

/**
 * A room as the caller may see it.
 *
 * @ret_result  room; for active members also its settings, state and at most 100 members, those
 *              online first.
 *
 * Errors: ROOM_NOT_FOUND.
 */
SYNCTV_API int synctv_room_info(synctv_caller *caller, const char *room_id,
    const synctv_result **ret_result, synctv_error *ret_error);

/** Which rooms to list, and which page of them. */
typedef struct synctv_room_filter {
    /** Part of a name; NULL or "" = all. */
    const char *search;
    /** Only those that the caller created. */
    bool mine;
    /** Only those that the caller is a member of. */
    bool joined;
    /** 1..100, 0 = 20. */
    int32_t page_size;
    /** next_page_token of the page before; NULL or "" = the first page. */
    const char *page_token;
} synctv_room_filter;

/**
 * Lists rooms, newest first. Hidden ones are seen by their members only.
 *
 * @filter      borrowed; NULL = all rooms, first page.
 * @ret_result  rooms, next_page_token. A page may have fewer rooms than asked for, or none, and yet
 *              a next_page_token: a search looks at so many rooms at a time.
 *
 * Errors: INVALID_ARGUMENT.
 */
SYNCTV_API int synctv_room_list(synctv_caller *caller, const synctv_room_filter *filter,
    const synctv_result **ret_result, synctv_error *ret_error);

/** What to change; NULL = leave it as it is. */
typedef struct synctv_room_changes {
    /** 1..64 code points. */
    const char *name;
    /** ≤ 500 code points, "" = none. */
    const char *description;
    /** All of them at once. */
    const synctv_room_settings *settings;
    /** 1..64 bytes, "" = remove it. */
    const char *password;
} synctv_room_changes;

/**
 * Changes a room. Needs SET_ROOM_SETTINGS, for the password SET_ROOM_PASSWORD, for
 * `default_admin_permissions` MANAGE_ADMIN; nobody puts a permission they lack into the default
 * masks.
 *
 * @ret_result  room.
 *
 * Errors: ROOM_NOT_FOUND, PERMISSION_DENIED, NOT_A_MEMBER, INVALID_ARGUMENT.
 */
SYNCTV_API int synctv_room_update(synctv_caller *caller, const char *room_id,
    const synctv_room_changes *changes, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Deletes a room with all that is in it. Needs DELETE_ROOM.
 *
 * Errors: ROOM_NOT_FOUND, PERMISSION_DENIED, NOT_A_MEMBER.
 */
SYNCTV_API int synctv_room_delete(synctv_caller *caller, const char *room_id,
    synctv_error *ret_error);

/**
 * Makes another active member the creator; the old one stays as an admin. For the creator.
 *
 * @ret_result  room.
 *
 * Errors: ROOM_NOT_FOUND, PERMISSION_DENIED, MEMBER_NOT_FOUND, INVALID_ARGUMENT (not an active
 * member), ROOM_LIMIT (of the new creator).
 */
SYNCTV_API int synctv_room_transfer(synctv_caller *caller, const char *room_id, const char *user_id,
    const synctv_result **ret_result, synctv_error *ret_error);

#ifdef __cplusplus
}
#endif
#endif
