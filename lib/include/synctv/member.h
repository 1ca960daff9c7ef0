/* SPDX-License-Identifier: MIT */
/**
 * The members of a room and what they may do.
 *
 * Nobody acts on the creator; an admin acts only on members; only who has MANAGE_ADMIN (the
 * creator) makes or unmakes admins; nobody grants a permission they lack.
 *
 * All functions block as synctv_call_wait() does, return its errors beside those named here, and
 * are thread-safe. ret_result may be NULL, otherwise it receives a reference for
 * synctv_result_unref(); it is untouched on failure. Each of them also fails with ROOM_NOT_FOUND,
 * NOT_A_MEMBER (the caller is none), PERMISSION_DENIED and MEMBER_NOT_FOUND.
 */
#ifndef SYNCTV_MEMBER_H
#define SYNCTV_MEMBER_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Lists members by the time they joined. Needs VIEW_MEMBER_LIST.
 *
 * @page_size   1..100, 0 = 20.
 * @page_token  next_page_token of the page before; NULL or "" = the first page.
 * @ret_result  members, next_page_token, total.
 */
SYNCTV_API int synctv_member_list(synctv_caller *caller, const char *room_id, int32_t page_size,
    const char *page_token, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Makes a pending member an active one. Needs APPROVE_MEMBER.
 *
 * @ret_result  member.
 *
 * Errors: ROOM_FULL.
 */
SYNCTV_API int synctv_member_approve(synctv_caller *caller, const char *room_id,
    const char *user_id, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Removes a member, or refuses a pending one. Their streams of the room end at once, and they may
 * not join again for 30 s. Where guests are allowed, guests are kept away in the same way. Needs
 * KICK_MEMBER.
 *
 * @reason  shown to the room; NULL or "" = none.
 */
SYNCTV_API int synctv_member_kick(synctv_caller *caller, const char *room_id, const char *user_id,
    const char *reason, synctv_error *ret_error);

/**
 * Bans a user, member or not: they cannot join any more, and if they are in the room they are
 * removed and their streams of it end at once. Needs BAN_MEMBER.
 *
 * @reason      shown to the room; NULL or "" = none.
 * @ret_result  member, with status BANNED.
 *
 * Errors: USER_NOT_FOUND instead of MEMBER_NOT_FOUND.
 */
SYNCTV_API int synctv_member_ban(synctv_caller *caller, const char *room_id, const char *user_id,
    const char *reason, const synctv_result **ret_result, synctv_error *ret_error);

/** Lets a banned user join again. Needs BAN_MEMBER. */
SYNCTV_API int synctv_member_unban(synctv_caller *caller, const char *room_id, const char *user_id,
    synctv_error *ret_error);

/**
 * Makes a member an admin or an admin a member. Needs MANAGE_ADMIN.
 *
 * @role        SYNCTV_ROOM_ROLE_MEMBER or SYNCTV_ROOM_ROLE_ADMIN.
 * @ret_result  member.
 *
 * Errors: INVALID_ARGUMENT (another role).
 */
SYNCTV_API int synctv_member_set_role(synctv_caller *caller, const char *room_id,
    const char *user_id, synctv_room_role role, const synctv_result **ret_result,
    synctv_error *ret_error);

/**
 * Sets how a member differs from the room's default for their role: effective = (default | added) &
 * ~removed. Needs SET_MEMBER_PERMISSIONS.
 *
 * @added, @removed  masks of SYNCTV_PERM_*; both replace what was set before.
 * @ret_result       member, with the effective permissions.
 *
 * Errors: INVALID_ARGUMENT (bits that mean nothing).
 */
SYNCTV_API int synctv_member_set_permissions(synctv_caller *caller, const char *room_id,
    const char *user_id, uint64_t added, uint64_t removed, const synctv_result **ret_result,
    synctv_error *ret_error);

#ifdef __cplusplus
}
#endif
#endif
