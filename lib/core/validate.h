/* SPDX-License-Identifier: MIT */
/*
 * The rules for every field that comes from outside. README.md lists the limits.
 *
 * Each function returns 0, or INVALID_ARGUMENT with the field's wire name in err->field ("name",
 * "movie.url", "settings.max_members"). `err` may be NULL. Strings may have any content, also
 * invalid UTF-8; NULL is the same as "".
 */
#ifndef SV_CORE_VALIDATE_H
#define SV_CORE_VALIDATE_H

#include <synctv/call.h>

#include "base/arena.h"

enum {
    /* Lengths are in code points, unless a name says bytes. */
    SV_USERNAME_MIN = 2,
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
    /* sv_movie_weight(). */
    SV_MOVIE_MAX_BYTES = 32 * 1024,
    SV_MOVIES_MAX = 10000,
    /* Of a room's movies together. */
    SV_MOVIES_MAX_BYTES = 2 * 1024 * 1024,
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
 * "username": 2 to 32 code points, at least 2 of them visible. Not allowed: controls, unassigned or
 * private code points, white space at the ends or twice in a row, and invisible code points (bidi
 * marks, zero-width space, fillers). Joiners and variation selectors, which emoji and some scripts
 * need, are allowed after a visible code point.
 */
int sv_username_validate(const char *username, synctv_error *err);
/*
 * `username` without the white space around it, which phone keyboards add and no name has. Errors:
 * NO_MEMORY.
 */
int sv_username_trim(struct sv_arena *a, const char *username, const char **ret_trimmed);
/*
 * The form by which names and e-mail addresses are compared: NFKC and case folding, without
 * default-ignorable code points. Folding twice gives the same.
 * Errors: INVALID_ARGUMENT without a field (not UTF-8, or over SV_FOLD_MAX_BYTES), NO_MEMORY.
 */
int sv_name_fold(struct sv_arena *a, const char *in, const char **ret_folded);
/* "email": "", or an address that could exist (something@domain.tld). */
int sv_email_validate(const char *email, synctv_error *err);
/*
 * `field` ("password", "new_password"): 8 to 128 bytes, and not the user name in any case. Also
 * NO_MEMORY.
 */
int sv_password_validate(const char *password, const char *username, const char *field,
    synctv_error *err);

/* --- rooms --- */

/* "name": 1 to 64 code points on one line, at least one of them visible. */
int sv_room_name_validate(const char *name, synctv_error *err);
/* "description": 0 to 500 code points; line breaks and tabs are the only controls. */
int sv_room_description_validate(const char *description, synctv_error *err);
/* "password": 0 to 64 bytes, "" = none. */
int sv_room_password_validate(const char *password, synctv_error *err);
/*
 * "settings.…": max_members is 0 to 10000, masks have defined bits only, auto_advance is known.
 * NULL = all defaults, which is valid.
 */
int sv_settings_validate(const synctv_room_settings *settings, synctv_error *err);
/* "reason" for a kick, a ban, a user's status: 0 to 200 code points on one line. */
int sv_reason_validate(const char *reason, synctv_error *err);

/* --- movies: validate_movie.c --- */

/*
 * "movie.…": the fields that AddMovie and UpdateMovie read (name, url, type, duration, headers,
 * subtitles). Type UNSPECIFIED counts as URL; LIVE needs no url. Header names are tokens, each at
 * most once in any case; values have no controls. The field is "movie" if `movie` is NULL or weighs
 * more than SV_MOVIE_MAX_BYTES.
 */
int sv_movie_validate(const synctv_movie *movie, synctv_error *err);
/* The bytes of all that users choose: name, url, headers, subtitles. */
size_t sv_movie_weight(const synctv_movie *movie);

/* --- messages --- */

/*
 * "content": 1 to 500 code points, at least one of them visible; line breaks and tabs are the only
 * controls.
 */
int sv_chat_validate(const char *content, synctv_error *err);
/*
 * SEND_DANMAKU: checks the request and fills content, video_time_s, position, color and font_size
 * of *ret. Defaults: white, size 25. Pointers stay those of the request. *ret is untouched on
 * failure.
 * Content: 1 to 100 code points on one line, at least one of them visible.
 */
int sv_danmaku_validate(const synctv_request *request, synctv_danmaku *ret, synctv_error *err);
/* "message_id", which the sender chooses: 0 to 64 bytes without controls. */
int sv_message_id_validate(const char *message_id, synctv_error *err);

/* --- queries --- */

/* `field` ("room_id", …): an id as the library makes them. */
int sv_id_validate(const char *id, const char *field, synctv_error *err);
/* "search": 0 to 64 code points on one line. */
int sv_search_validate(const char *search, synctv_error *err);
/*
 * `field` ("page_size", "limit"): 0 becomes `fallback`, more than `max` becomes `max`. Negative
 * numbers are invalid.
 */
int sv_page_size_validate(int32_t asked, const char *field, int32_t fallback, int32_t max,
    int32_t *ret, synctv_error *err);
/* `field`: finite, not negative, and not past the end if duration_s > 0. */
int sv_position_validate(double position_s, double duration_s, const char *field,
    synctv_error *err);
/* "rate": 0.25 to 4. */
int sv_rate_validate(double rate, synctv_error *err);

#endif
