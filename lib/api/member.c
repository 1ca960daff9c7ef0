/* SPDX-License-Identifier: MIT */
#include <synctv/member.h>

int synctv_member_list(synctv_caller *caller, const char *room_id, int32_t page_size,
    const char *page_token, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_MEMBERS, .room_id = room_id,
        .page_size = page_size, .page_token = page_token);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_member_approve(synctv_caller *caller, const char *room_id, const char *user_id,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_APPROVE_MEMBER, .room_id = room_id, .user_id = user_id);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_member_kick(synctv_caller *caller, const char *room_id, const char *user_id,
    const char *reason, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_KICK_MEMBER, .room_id = room_id,
        .user_id = user_id, .reason = reason);
    return synctv_call_wait(caller, &request, NULL, ret_error);
}

int synctv_member_ban(synctv_caller *caller, const char *room_id, const char *user_id,
    const char *reason, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_BAN_MEMBER, .room_id = room_id,
        .user_id = user_id, .reason = reason);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_member_unban(synctv_caller *caller, const char *room_id, const char *user_id,
    synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_UNBAN_MEMBER, .room_id = room_id, .user_id = user_id);
    return synctv_call_wait(caller, &request, NULL, ret_error);
}

int synctv_member_set_role(synctv_caller *caller, const char *room_id, const char *user_id,
    synctv_room_role role, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_SET_MEMBER_ROLE, .room_id = room_id,
        .user_id = user_id, .role = role);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_member_set_permissions(synctv_caller *caller, const char *room_id, const char *user_id,
    uint64_t added, uint64_t removed, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_SET_MEMBER_PERMISSIONS, .room_id = room_id, .user_id = user_id,
            .added_permissions = added, .removed_permissions = removed);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}
