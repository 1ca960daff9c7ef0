/* SPDX-License-Identifier: MIT */
#include <synctv/chat.h>

int synctv_chat_send(synctv_stream *stream, const char *room_id, const char *content,
    const char *message_id, synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room_id,
        .message_id = message_id, .content = content);
    return synctv_stream_send(stream, &request, ret_error);
}

int synctv_chat_danmaku(synctv_stream *stream, const char *room_id, const char *content,
    double video_time_s, const synctv_danmaku_options *options, synctv_error *ret_error)
{
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_DANMAKU, .room_id = room_id,
        .content = content, .video_time_s = video_time_s);
    if (options != NULL) {
        request.message_id = options->message_id;
        request.danmaku_position = options->position;
        request.color = options->color;
        request.font_size = options->font_size;
    }
    return synctv_stream_send(stream, &request, ret_error);
}

int synctv_chat_history(synctv_caller *caller, const char *room_id, const synctv_chat_range *range,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_CHAT_HISTORY, .room_id = room_id);
    if (range != NULL) {
        request.before_seq = range->before_seq;
        request.after_seq = range->after_seq;
        request.limit = range->limit;
    }
    return synctv_call_wait(caller, &request, ret_result, ret_error);
}

int synctv_chat_delete(synctv_caller *caller, const char *room_id, const char *message_id,
    synctv_error *ret_error)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_DELETE_CHAT_MESSAGE,
        .room_id = room_id, .message_id = message_id);
    return synctv_call_wait(caller, &request, NULL, ret_error);
}
