/* SPDX-License-Identifier: MIT */
#include <synctv/playlist.h>

int synctv_playlist_list(synctv_caller *caller, const char *room_id, int32_t page_size,
    const char *page_token, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_MOVIE_LIST, .room_id = room_id,
        .page_size = page_size, .page_token = page_token);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playlist_add(synctv_caller *caller, const char *room_id, const synctv_movie *movie,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .room_id = room_id, .movie = movie);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playlist_remove(synctv_caller *caller, const char *room_id, const char *movie_id,
    synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_REMOVE_MOVIE, .room_id = room_id, .movie_id = movie_id);
    return synctv_call_wait(caller, &request, NULL, ret_error);
}

int synctv_playlist_update(synctv_caller *caller, const char *room_id, const synctv_movie *movie,
    const char *const *fields, size_t n_fields, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_MOVIE, .room_id = room_id,
        .movie_id = movie->id, .movie = movie, .fields = fields, .n_fields = n_fields);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playlist_move(synctv_caller *caller, const char *room_id, const char *movie_id,
    int32_t position, const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_MOVE_MOVIE, .room_id = room_id,
        .movie_id = movie_id, .position = position);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playlist_clear(synctv_caller *caller, const char *room_id,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_CLEAR_MOVIES, .room_id = room_id);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playlist_set_current(synctv_caller *caller, const char *room_id, const char *movie_id,
    const synctv_playlist_options *options, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .room_id = room_id, .movie_id = movie_id);
    if (options != NULL) {
        request.autoplay = options->autoplay;
        request.expected_version = options->expected_version;
    }
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}
