/* SPDX-License-Identifier: MIT */
#include <synctv/room.h>

int synctv_room_create(synctv_caller *caller, const char *name, const synctv_room_options *options,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = name);
    if (options != NULL) {
        request.description = options->description;
        request.password = options->password;
        request.settings = options->settings;
    }
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_room_join(synctv_caller *caller, const char *room_id, const char *password,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM, .room_id = room_id, .password = password);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_room_leave(synctv_caller *caller, const char *room_id, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_LEAVE_ROOM, .room_id = room_id);
    return synctv_call_wait(caller, &request, NULL, ret_error);
}

int synctv_room_info(synctv_caller *caller, const char *room_id, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room_id);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_room_list(synctv_caller *caller, const synctv_room_filter *filter,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
    if (filter != NULL) {
        request.search = filter->search;
        request.mine = filter->mine;
        request.joined = filter->joined;
        request.page_size = filter->page_size;
        request.page_token = filter->page_token;
    }
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_room_update(synctv_caller *caller, const char *room_id,
    const synctv_room_changes *changes, const synctv_result **ret_result, synctv_error *ret_error)
{
    const char *fields[3];
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .room_id = room_id,
        .name = changes->name, .description = changes->description, .settings = changes->settings,
        .fields = fields, .password = changes->password, .has_password = changes->password != NULL);
    if (changes->name != NULL)
        fields[request.n_fields++] = "name";
    if (changes->description != NULL)
        fields[request.n_fields++] = "description";
    if (changes->settings != NULL)
        fields[request.n_fields++] = "settings";
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_room_delete(synctv_caller *caller, const char *room_id, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_DELETE_ROOM, .room_id = room_id);
    return synctv_call_wait(caller, &request, NULL, ret_error);
}

int synctv_room_transfer(synctv_caller *caller, const char *room_id, const char *user_id,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_TRANSFER_ROOM, .room_id = room_id, .user_id = user_id);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}
