/* SPDX-License-Identifier: MIT */
/*
 * Making results and events. Each is one object with an arena. Everything that its pointers reach
 * lies in that arena or is static.
 */
#ifndef SV_API_RESULT_H
#define SV_API_RESULT_H

#include <synctv/stream.h>

#include "base/arena.h"

/*
 * A new result with one reference, code 0, all strings "". Fill it in, then share it. NULL when out
 * of memory.
 */
synctv_result *sv_result_new(void);
/* Where the result's contents live. */
struct sv_arena *sv_result_arena(synctv_result *result);
/*
 * A result that only says what went wrong. `err` may be NULL: then it has the code's default text.
 * Never NULL: when out of memory it is a static NO_MEMORY result.
 */
const synctv_result *sv_result_failed(int code, const synctv_error *err);
/*
 * Turns a new result into a failure and keeps what else it says: a VERSION_CONFLICT has a state.
 * `err` as above. Returns 0 or NO_MEMORY.
 */
int sv_result_fail(synctv_result *result, int code, const synctv_error *err);

/* A new event with one reference, all strings "". */
synctv_event *sv_event_new(synctv_event_type type);
struct sv_arena *sv_event_arena(synctv_event *event);
/* Roughly the memory that an event holds: bounds of queues count it. */
size_t sv_event_size(const synctv_event *event);

/* Deep copies into an arena. Return 0 or NO_MEMORY; strings that are NULL become "". */
int sv_user_copy(struct sv_arena *a, const synctv_user *from, synctv_user *ret);
int sv_room_copy(struct sv_arena *a, const synctv_room *from, synctv_room *ret);
int sv_member_copy(struct sv_arena *a, const synctv_member *from, synctv_member *ret);
int sv_movie_copy(struct sv_arena *a, const synctv_movie *from, synctv_movie *ret);
int sv_playback_copy(struct sv_arena *a, const synctv_playback *from, synctv_playback *ret);
int sv_chat_copy(struct sv_arena *a, const synctv_chat *from, synctv_chat *ret);
int sv_danmaku_copy(struct sv_arena *a, const synctv_danmaku *from, synctv_danmaku *ret);
/* Copies every pointer, too. `settings` and `movie` stay NULL if they are. */
int sv_request_copy(struct sv_arena *a, const synctv_request *from, synctv_request *ret);

#endif
