/* SPDX-License-Identifier: MIT */
/**
 * Talking in a room: chat, which is kept, and danmaku, comments that fly over the picture and are
 * not.
 *
 * What is said travels on a stream (stream.h) and comes back on every stream of the room as a CHAT
 * or DANMAKU event.
 */
#ifndef SYNCTV_CHAT_H
#define SYNCTV_CHAT_H

#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Says something. Needs SEND_CHAT; at most 10 a second.
 *
 * @stream      borrowed.
 * @room_id     NULL or "" = the room that the stream is bound to.
 * @content     1..500 code points.
 * @message_id  NULL, "", or an id of the sender's own, ≤ 64 bytes: the CHAT event has it as
 *              client_message_id, an ERROR event as in_reply_to. The same one sent again yields the
 *              first message again: a resend never doubles.
 *
 * Does not block: what the room refuses comes as an ERROR event. Returns as synctv_stream_send().
 * Thread-safe.
 */
SYNCTV_API int synctv_chat_send(synctv_stream *stream, const char *room_id, const char *content,
    const char *message_id, synctv_error *ret_error);

/** How a danmaku flies. Zeros are the defaults. */
typedef struct synctv_danmaku_options {
    /** As in synctv_chat_send(). */
    const char *message_id;
    synctv_danmaku_position position;
    /** "#RRGGBB"; NULL or "" = white. */
    const char *color;
    /** 18..36, 0 = 25. */
    int32_t font_size;
} synctv_danmaku_options;

/**
 * Sends a comment that flies over the picture. Needs SEND_CHAT; at most 5 a second, and 50 a second
 * in a room.
 *
 * @content       1..100 code points.
 * @video_time_s  the place in the movie that it belongs to.
 * @options       borrowed; NULL = defaults.
 *
 * Otherwise as synctv_chat_send().
 */
SYNCTV_API int synctv_chat_danmaku(synctv_stream *stream, const char *room_id, const char *content,
    double video_time_s, const synctv_danmaku_options *options, synctv_error *ret_error);

/** Which of the newest 500 messages that a room keeps. Zeros are the defaults. */
typedef struct synctv_chat_range {
    /** Only those with a lower seq; 0 = from the newest. */
    uint64_t before_seq;
    /** Only those with a higher seq. */
    uint64_t after_seq;
    /** 1..100, 0 = 50. */
    int32_t limit;
} synctv_chat_range;

/**
 * What was said, newest first. Needs VIEW_CHAT_HISTORY.
 *
 * @range       borrowed; NULL = the newest 50.
 * @ret_result  may be NULL; messages; release with synctv_result_unref(); untouched on failure.
 *
 * Blocks as synctv_call_wait(). Thread-safe. Errors: its own, ROOM_NOT_FOUND, NOT_A_MEMBER,
 * PERMISSION_DENIED, INVALID_ARGUMENT.
 */
SYNCTV_API int synctv_chat_history(synctv_caller *caller, const char *room_id,
    const synctv_chat_range *range, const synctv_result **ret_result, synctv_error *ret_error);

/**
 * Deletes a message: one's own, or with DELETE_CHAT any.
 *
 * Blocks as synctv_call_wait(). Thread-safe. Errors: its own, MESSAGE_NOT_FOUND, ROOM_NOT_FOUND,
 * NOT_A_MEMBER, PERMISSION_DENIED.
 */
SYNCTV_API int synctv_chat_delete(synctv_caller *caller, const char *room_id,
    const char *message_id, synctv_error *ret_error);

#ifdef __cplusplus
}
#endif
#endif
