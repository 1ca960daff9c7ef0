/* SPDX-License-Identifier: MIT */
#include <synctv/playback.h>

double synctv_playback_position(const synctv_playback *playback, int64_t now_ms, double duration_s)
{
    double position = playback->position_s;
    if (duration_s <= 0)
        duration_s = playback->duration_s;
    if (playback->status == SYNCTV_PLAYBACK_STATUS_PLAYING && now_ms > playback->updated_at_ms)
        position += ((double)now_ms - (double)playback->updated_at_ms) / 1000 * playback->rate;
    if (duration_s > 0 && position > duration_s)
        position = duration_s;
    return position > 0 ? position : 0;
}

/* A request with what the options say. */
static synctv_request playback_request(synctv_method method, const char *room_id,
    const synctv_playback_options *options)
{
    synctv_request request = SYNCTV_REQUEST(method, .room_id = room_id);
    if (options != NULL) {
        request.has_position = options->has_position;
        request.position_s = options->position_s;
        request.client_time_ms = options->client_time_ms;
        request.expected_version = options->expected_version;
    }
    return request;
}

int synctv_playback_play(synctv_caller *caller, const char *room_id,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    synctv_request request = playback_request(SYNCTV_METHOD_PLAY, room_id, options);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playback_pause(synctv_caller *caller, const char *room_id,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    synctv_request request = playback_request(SYNCTV_METHOD_PAUSE, room_id, options);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playback_seek(synctv_caller *caller, const char *room_id, double position_s,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    synctv_request request = playback_request(SYNCTV_METHOD_SEEK, room_id, options);
    request.has_position = true;
    request.position_s = position_s;
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_playback_set_rate(synctv_caller *caller, const char *room_id, double rate,
    const synctv_playback_options *options, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_SET_PLAYBACK_RATE, .room_id = room_id, .has_rate = true,
            .rate = rate, .expected_version = options != NULL ? options->expected_version : 0);
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}
