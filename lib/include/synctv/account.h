/* SPDX-License-Identifier: MIT */
/**
 * Accounts: the caller's own, and for platform admins those of others.
 *
 * Signing in to a server elsewhere is synctv_client_login() in client.h; a node in this process
 * needs no sign-in, see synctv_node_as_user() in node.h.
 *
 * All functions block as synctv_call_wait() does, return its errors beside those named here, and
 * are thread-safe. ret_result may be NULL, otherwise it receives a reference for
 * synctv_result_unref(); it is untouched on failure.
 */
#ifndef SYNCTV_ACCOUNT_H
#define SYNCTV_ACCOUNT_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes an account. The caller stays who it is; synctv_client_register() also signs in.
 *
 * @username    2..32 code points, no control characters, no white-space at the ends; unique without
 *              regard to case.
 * @password    8..128 bytes, not the user name.
 * @email       NULL or "" = none; otherwise unique.
 * @ret_result  user; access_token, refresh_token, expires_in_s of a first session. A user with
 *              status PENDING may log in, but neither create nor join rooms until a platform admin
 *              has set the status ACTIVE.
 *
 * Errors: INVALID_ARGUMENT, USERNAME_TAKEN, EMAIL_TAKEN, REGISTRATION_CLOSED, RATE_LIMITED.
 */
SYNCTV_API int synctv_account_register(synctv_caller *caller, const char *username,
    const char *password, const char *email, const synctv_result **ret_result,
    synctv_error *ret_error);

/**
 * The caller's own account.
 *
 * @ret_result  user.
 */
SYNCTV_API int synctv_account_profile(synctv_caller *caller, const synctv_result **ret_result,
    synctv_error *ret_error);

/**
 * Changes the caller's password and ends every other session of the account.
 *
 * @new_password  8..128 bytes, not the user name.
 *
 * Errors: LOGIN_FAILED (the old password is wrong), INVALID_ARGUMENT, RATE_LIMITED.
 */
SYNCTV_API int synctv_account_change_password(synctv_caller *caller, const char *old_password,
    const char *new_password, synctv_error *ret_error);

/**
 * Lists accounts, newest first. For platform admins.
 *
 * @search      part of a name; NULL or "" = all.
 * @page_size   1..100, 0 = 20.
 * @page_token  next_page_token of the page before; NULL or "" = the first page.
 * @ret_result  users, next_page_token.
 *
 * Errors: PERMISSION_DENIED, INVALID_ARGUMENT.
 */
SYNCTV_API int synctv_account_list(synctv_caller *caller, const char *search, int32_t page_size,
    const char *page_token, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Approves (ACTIVE), suspends (PENDING) or bans (BANNED) an account. A ban ends all its sessions at
 * once. For platform admins.
 *
 * @reason      for the log; NULL or "" = none.
 * @ret_result  user.
 *
 * Errors: PERMISSION_DENIED, USER_NOT_FOUND, INVALID_ARGUMENT.
 */
SYNCTV_API int synctv_account_set_status(synctv_caller *caller, const char *user_id,
    synctv_user_status status, const char *reason, const synctv_result **ret_result,
    synctv_error *ret_error);

#ifdef __cplusplus
}
#endif
#endif
