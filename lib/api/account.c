/* SPDX-License-Identifier: MIT */
#include <synctv/account.h>

int synctv_account_register(synctv_caller *caller, const char *username, const char *password,
    const char *email, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = username,
        .password = password, .email = email);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_account_profile(synctv_caller *caller, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_account_change_password(synctv_caller *caller, const char *old_password,
    const char *new_password, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_CHANGE_PASSWORD,
        .password = old_password, .new_password = new_password);
    return synctv_call_wait(caller, &request, NULL, ret_error);
}

int synctv_account_list(synctv_caller *caller, const char *search, int32_t page_size,
    const char *page_token, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_USERS, .search = search,
        .page_size = page_size, .page_token = page_token);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_account_set_status(synctv_caller *caller, const char *user_id, synctv_user_status status,
    const char *reason, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_SET_USER_STATUS, .user_id = user_id,
        .user_status = status, .reason = reason);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}
