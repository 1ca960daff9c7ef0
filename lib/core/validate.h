/* SPDX-License-Identifier: MIT */
/*
 * The rules for every field that comes from outside (the table in "Accounts, limits" of ARCHITECTURE.md).
 *
 * Each function returns 0, or INVALID_ARGUMENT with the field's wire name in err->field ("name", "movie.url",
 * "settings.max_members"). `err` may be NULL. Strings may be anything, NULL (the same as "") and invalid UTF-8 included.
 */
#ifndef SV_CORE_VALIDATE_H
#define SV_CORE_VALIDATE_H

#include <synctv/call.h>

#include "base/arena.h"

enum {
    SV_USERNAME_MIN = 2, /* code points, here and below unless a name says bytes */
    SV_USERNAME_MAX = 32,
    SV_PASSWORD_MIN_BYTES = 8,
    SV_PASSWORD_MAX_BYTES = 128,
    SV_EMAIL_MAX_BYTES = 254,
    SV_ROOM_NAME_MAX = 64,
    SV_ROOM_DESCRIPTION_MAX = 500,
    SV_ROOM_PASSWORD_MAX_BYTES = 64,
    SV_ROOM_MEMBERS_MAX = 10000,
    SV_MOVIE_NAME_MAX = 256,
    SV_URL_MAX_BYTES = 8192,
    SV_HEADERS_MAX = 16,
    SV_HEADER_NAME_MAX_BYTES = 64,
    SV_HEADER_VALUE_MAX_BYTES = 4096,
    SV_SUBTITLES_MAX = 16,
    SV_SUBTITLE_NAME_MAX = 64,
    SV_MOVIE_MAX_BYTES = 32 * 1024, /* sv_movie_weight() */
    SV_MOVIES_MAX = 10000,
    SV_MOVIES_MAX_BYTES = 2 * 1024 * 1024, /* of a room's movies together */
    SV_CHAT_MAX = 500,
    SV_DANMAKU_MAX = 100,
    SV_DANMAKU_SIZE_MIN = 18,
    SV_DANMAKU_SIZE_MAX = 36,
    SV_DANMAKU_SIZE_DEFAULT = 25,
    SV_MESSAGE_ID_MAX_BYTES = 64,
    SV_REASON_MAX = 200,
    SV_SEARCH_MAX = 64,
    SV_FOLD_MAX_BYTES = 1024,
};

/* --- accounts --- */

/*
 * "username": 2–32 code points, at least 2 of them visible; no controls, unassigned or private code points, no white space at the
 * ends nor twice in a row. Invisible ones are refused (bidi marks, zero-width space, fillers), but for the joiners and variation selectors
 * that emoji and some scripts need, after a visible one.
 */
int sv_username_validate(const char *username, synctv_error *err);
/* `username` without the white space around it, which no name has and keyboards of phones add. NO_MEMORY. */
int sv_username_trim(struct sv_arena *a, const char *username, const char **ret_trimmed);
/*
 * The form by which names and e-mail addresses are compared: NFKC + case folding, default-ignorable code points dropped. Folding
 * twice changes nothing.
 * Errors: INVALID_ARGUMENT without a field (not UTF-8, or over SV_FOLD_MAX_BYTES), NO_MEMORY.
 */
int sv_name_fold(struct sv_arena *a, const char *in, const char **ret_folded);
/* "email": "" or something@domain.tld that could be one. */
int sv_email_validate(const char *email, synctv_error *err);
/* `field` ("password", "new_password"): 8–128 bytes, not the user name in upper, lower or mixed case. Also NO_MEMORY. */
int sv_password_validate(const char *password, const char *username, const char *field,
    synctv_error *err);

/* --- rooms --- */

/* "name": 1–64 code points on one line, something visible among them. */
int sv_room_name_validate(const char *name, synctv_error *err);
/* "description": 0–500 code points; line breaks and tabs are the only controls. */
int sv_room_description_validate(const char *description, synctv_error *err);
/* "password": 0–64 bytes, "" = none. */
int sv_room_password_validate(const char *password, synctv_error *err);
/* "settings.…": max_members 0..10000, masks of known bits, a known auto_advance. NULL = all defaults, fine. */
int sv_settings_validate(const synctv_room_settings *settings, synctv_error *err);
/* "reason" for a kick, a ban, a user's status: 0–200 code points on one line. */
int sv_reason_validate(const char *reason, synctv_error *err);

/* --- movies --- */

/*
 * "movie.…": what AddMovie and UpdateMovie read (name, url, type, duration, headers, subtitles). Type UNSPECIFIED is taken as URL; LIVE needs
 * no url. Header names are tokens, each once whatever its case; values have no controls. "movie" if NULL, or heavier than
 * SV_MOVIE_MAX_BYTES.
 */
int sv_movie_validate(const synctv_movie *movie, synctv_error *err);
/* The bytes of all that its users choose: name, url, headers, subtitles. */
size_t sv_movie_weight(const synctv_movie *movie);

/* --- messages --- */

/* "content": 1–500 code points, something visible among them; line breaks and tabs are the only controls. */
int sv_chat_validate(const char *content, synctv_error *err);
/*
 * SEND_DANMAKU: checks what it reads and fills content, video_time_s, position, color and font_size of *ret, with defaults for
 * what is not given (white, 25); pointers stay the request's. *ret is untouched on failure.
 * Content is 1–100 code points on one line, something visible among them.
 */
int sv_danmaku_validate(const synctv_request *request, synctv_danmaku *ret, synctv_error *err);
/* "message_id", the sender's own: 0–64 bytes without controls. */
int sv_message_id_validate(const char *message_id, synctv_error *err);

/* --- queries --- */

/* `field` ("room_id", …): an id as the library makes them. */
int sv_id_validate(const char *id, const char *field, synctv_error *err);
/* "search": 0–64 code points on one line. */
int sv_search_validate(const char *search, synctv_error *err);
/* `field` ("page_size", "limit"): 0 is `fallback`, more than `max` is `max`; negative is refused. */
int sv_page_size_validate(int32_t asked, const char *field, int32_t fallback, int32_t max,
    int32_t *ret, synctv_error *err);
/* `field`: finite and ≥ 0, and not behind the end if duration_s > 0. */
int sv_position_validate(double position_s, double duration_s, const char *field,
    synctv_error *err);
/* "rate": 0.25–4. */
int sv_rate_validate(double rate, synctv_error *err);

#endif
