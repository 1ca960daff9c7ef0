/* SPDX-License-Identifier: MIT */
/* Accounts, rooms, messages, queries; movies are in validate_movie.c. */
#include "core/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "core/permission.h"
#include "core/playback.h"
#include "core/text_rules.h"

#define ZWNJ 0x200c
#define ZWJ 0x200d

/* --- accounts --- */

/* The first and the last code point of UTF-8 that is not empty. */
static void text_ends(const char *s, uint32_t *ret_first, uint32_t *ret_last)
{
    size_t len = strlen(s);
    size_t i = sv_utf8_decode(s, len, ret_first);
    *ret_last = *ret_first;
    while (i < len)
        i += sv_utf8_decode(s + i, len - i, ret_last);
}

int sv_username_validate(const char *username, synctv_error *err)
{
    static const char field[] = "username";
    int rv = sv_text_validate(username, field, SV_USERNAME_MIN, SV_USERNAME_MAX, SV_ONE_LINE, err);
    if (rv < 0)
        return rv;
    uint32_t first, last;
    text_ends(username, &first, &last);
    if (sv_is_space(first) || sv_is_space(last))
        return sv_error_field(err, field, "begins or ends with white space");
    if (sv_is_mark(first) || last == ZWNJ || last == ZWJ)
        return sv_error_field(err, field, "begins or ends with half a character");
    size_t len = strlen(username);
    size_t n_visible = 0;
    bool after_space = false;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += sv_utf8_decode(username + i, len - i, &c);
        if (after_space && (sv_is_space(c) || sv_is_joiner(c)))
            return sv_error_field(err, field, "has more than one space in a row");
        after_space = sv_is_space(c);
        bool joins = sv_is_joiner(c) && n_visible > 0;
        if (sv_is_unfit_for_names(c) && !joins)
            return sv_error_field(err, field, "has a character that is invisible or unassigned");
        n_visible += !sv_is_blank(c);
    }
    if (n_visible < SV_USERNAME_MIN)
        return sv_error_field(err, field, "has fewer than %d visible characters", SV_USERNAME_MIN);
    return 0;
}

int sv_username_trim(struct sv_arena *a, const char *username, const char **ret_trimmed)
{
    const char *s = sv_str(username);
    size_t len = strlen(s), begin = len, end = 0;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t used = sv_utf8_decode(s + i, len - i, &c);
        if (used == 0 || !sv_is_space(c)) {
            begin = begin < i ? begin : i;
            end = i + (used > 0 ? used : 1);
        }
        i += used > 0 ? used : 1;
    }
    const char *copy = sv_arena_strndup(a, s + begin, begin < end ? end - begin : 0);
    if (copy == NULL)
        return SYNCTV_E_NO_MEMORY;
    *ret_trimmed = copy;
    return 0;
}

int sv_name_fold(struct sv_arena *a, const char *in, const char **ret_folded)
{
    const utf8proc_option_t nfkc_casefold =
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    const utf8proc_uint8_t *s = (const utf8proc_uint8_t *)sv_str(in);
    size_t len = strnlen(sv_str(in), SV_FOLD_MAX_BYTES + 1);
    if (len > SV_FOLD_MAX_BYTES)
        return SYNCTV_E_INVALID_ARGUMENT;
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t n = utf8proc_map(s, (utf8proc_ssize_t)len, &folded, nfkc_casefold);
    if (n < 0)
        return n == UTF8PROC_ERROR_NOMEM ? SYNCTV_E_NO_MEMORY : SYNCTV_E_INVALID_ARGUMENT;
    const char *copy = sv_arena_strndup(a, (const char *)folded, (size_t)n);
    free(folded);
    if (copy == NULL)
        return SYNCTV_E_NO_MEMORY;
    *ret_folded = copy;
    return 0;
}

/* RFC 5321's dot-atom, and letters of any script besides (RFC 6531). */
static bool is_email_local(const char *s, size_t len)
{
    if (len == 0 || len > 64 || s[0] == '.' || s[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.' && s[i + 1] == '.')
            return false;
        if (strchr("\"(),:;<>@[\\]", s[i]) != NULL)
            return false;
    }
    return true;
}

static bool is_email_domain(const char *s)
{
    size_t n_labels = 0;
    for (;;) {
        size_t len = strcspn(s, ".");
        if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-')
            return false;
        for (size_t i = 0; i < len; i++) {
            unsigned char c = (unsigned char)s[i];
            bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
            if (!is_alnum && c != '-' && c < 0x80)
                return false;
        }
        n_labels++;
        if (s[len] == '\0')
            return n_labels >= 2;
        s += len + 1;
    }
}

int sv_email_validate(const char *email, synctv_error *err)
{
    static const char field[] = "email";
    if (sv_str_empty(email))
        return 0;
    size_t len = strnlen(email, SV_EMAIL_MAX_BYTES + 1);
    if (len > SV_EMAIL_MAX_BYTES)
        return sv_error_field(err, field, "is longer than %d bytes", SV_EMAIL_MAX_BYTES);
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t used = sv_utf8_decode(email + i, len - i, &c);
        if (used == 0)
            return sv_error_field(err, field, "is not UTF-8");
        if (sv_is_space(c) || sv_is_unfit_for_names(c))
            return sv_error_field(err, field, "has a space or an invisible character");
        i += used;
    }
    const char *at = strrchr(email, '@');
    if (at == NULL || !is_email_local(email, (size_t)(at - email)) || !is_email_domain(at + 1))
        return sv_error_field(err, field, "is not an e-mail address");
    return 0;
}

/*
 * Returns 1 if both have the same folded form, 0 if not (also if one is not UTF-8), or NO_MEMORY.
 */
static int is_same_name(const char *a, const char *b)
{
    struct sv_arena arena = { 0 };
    const char *fold_a, *fold_b;
    int rv = sv_name_fold(&arena, a, &fold_a);
    if (rv == 0)
        rv = sv_name_fold(&arena, b, &fold_b);
    if (rv == 0)
        rv = strcmp(fold_a, fold_b) == 0;
    sv_arena_fini(&arena);
    return rv == SYNCTV_E_INVALID_ARGUMENT ? 0 : rv;
}

int sv_password_validate(const char *password, const char *username, const char *field,
    synctv_error *err)
{
    size_t len = strnlen(sv_str(password), SV_PASSWORD_MAX_BYTES + 1);
    if (len < SV_PASSWORD_MIN_BYTES)
        return sv_error_field(err, field, "is shorter than %d bytes", SV_PASSWORD_MIN_BYTES);
    if (len > SV_PASSWORD_MAX_BYTES)
        return sv_error_field(err, field, "is longer than %d bytes", SV_PASSWORD_MAX_BYTES);
    if (sv_str_empty(username))
        return 0;
    int rv = is_same_name(password, username);
    if (rv < 0)
        return sv_error(err, rv);
    return rv == 0 ? 0 : sv_error_field(err, field, "is the user name");
}

/* --- rooms --- */

int sv_room_name_validate(const char *name, synctv_error *err)
{
    return sv_text_validate(name, "name", 1, SV_ROOM_NAME_MAX, SV_ONE_LINE, err);
}

int sv_room_description_validate(const char *description, synctv_error *err)
{
    return sv_text_validate(description, "description", 0, SV_ROOM_DESCRIPTION_MAX, SV_MANY_LINES,
        err);
}

int sv_room_password_validate(const char *password, synctv_error *err)
{
    size_t len = strnlen(sv_str(password), SV_ROOM_PASSWORD_MAX_BYTES + 1);
    if (len > SV_ROOM_PASSWORD_MAX_BYTES)
        return sv_error_field(err, "password", "is longer than %d bytes",
            SV_ROOM_PASSWORD_MAX_BYTES);
    return 0;
}

int sv_settings_validate(const synctv_room_settings *settings, synctv_error *err)
{
    if (settings == NULL)
        return 0;
    if (settings->max_members < 0 || settings->max_members > SV_ROOM_MEMBERS_MAX)
        return sv_error_field(err, "settings.max_members", "is not within 0..%d",
            SV_ROOM_MEMBERS_MAX);
    int rv = sv_permission_mask_validate(settings->default_member_permissions,
        "settings.default_member_permissions", err);
    if (rv == 0)
        rv = sv_permission_mask_validate(settings->default_admin_permissions,
            "settings.default_admin_permissions", err);
    if (rv == 0)
        rv = sv_permission_mask_validate(settings->guest_permissions, "settings.guest_permissions",
            err);
    if (rv < 0)
        return rv;
    switch (settings->auto_advance) {
    case SYNCTV_AUTO_ADVANCE_OFF:
    case SYNCTV_AUTO_ADVANCE_NEXT:
    case SYNCTV_AUTO_ADVANCE_REPEAT_ONE:
    case SYNCTV_AUTO_ADVANCE_REPEAT_ALL:
    case SYNCTV_AUTO_ADVANCE_SHUFFLE:
        return 0;
    }
    return sv_error_field(err, "settings.auto_advance", "is not a known mode");
}

int sv_reason_validate(const char *reason, synctv_error *err)
{
    return sv_text_validate(reason, "reason", 0, SV_REASON_MAX, SV_ONE_LINE, err);
}

/* --- messages --- */

int sv_chat_validate(const char *content, synctv_error *err)
{
    return sv_text_validate(content, "content", 1, SV_CHAT_MAX, SV_MANY_LINES, err);
}

static bool is_color(const char *s)
{
    return s[0] == '#' && strspn(s + 1, "0123456789abcdefABCDEF") == 6 && s[7] == '\0';
}

int sv_danmaku_validate(const synctv_request *request, synctv_danmaku *ret, synctv_error *err)
{
    int rv = sv_text_validate(request->content, "content", 1, SV_DANMAKU_MAX, SV_ONE_LINE, err);
    if (rv < 0 || (rv = sv_position_validate(request->video_time_s, 0, "video_time", err)) < 0)
        return rv;
    const char *color = sv_str_empty(request->color) ? "#FFFFFF" : request->color;
    if (!is_color(color))
        return sv_error_field(err, "color", "is not like #RRGGBB");
    int32_t size = request->font_size != 0 ? request->font_size : SV_DANMAKU_SIZE_DEFAULT;
    if (size < SV_DANMAKU_SIZE_MIN || size > SV_DANMAKU_SIZE_MAX)
        return sv_error_field(err, "font_size", "is not within %d..%d", SV_DANMAKU_SIZE_MIN,
            SV_DANMAKU_SIZE_MAX);
    switch (request->danmaku_position) {
    case SYNCTV_DANMAKU_POSITION_SCROLL:
    case SYNCTV_DANMAKU_POSITION_TOP:
    case SYNCTV_DANMAKU_POSITION_BOTTOM:
        ret->content = request->content;
        ret->video_time_s = request->video_time_s;
        ret->position = request->danmaku_position;
        ret->color = color;
        ret->font_size = size;
        return 0;
    }
    return sv_error_field(err, "position", "is not a known place");
}

int sv_message_id_validate(const char *message_id, synctv_error *err)
{
    static const char field[] = "message_id";
    size_t len = strnlen(sv_str(message_id), SV_MESSAGE_ID_MAX_BYTES + 1);
    if (len > SV_MESSAGE_ID_MAX_BYTES)
        return sv_error_field(err, field, "is longer than %d bytes", SV_MESSAGE_ID_MAX_BYTES);
    return sv_text_validate(message_id, field, 0, SV_MESSAGE_ID_MAX_BYTES, SV_ONE_LINE, err);
}

/* --- queries --- */

int sv_id_validate(const char *id, const char *field, synctv_error *err)
{
    if (sv_str_empty(id))
        return sv_error_field(err, field, "is missing");
    return sv_id_valid(id) ? 0 : sv_error_field(err, field, "is not an id");
}

int sv_search_validate(const char *search, synctv_error *err)
{
    return sv_text_validate(search, "search", 0, SV_SEARCH_MAX, SV_ONE_LINE, err);
}

int sv_page_size_validate(int32_t asked, const char *field, int32_t fallback, int32_t max,
    int32_t *ret, synctv_error *err)
{
    if (asked < 0)
        return sv_error_field(err, field, "is negative");
    if (asked == 0)
        asked = fallback;
    *ret = asked < max ? asked : max;
    return 0;
}

int sv_position_validate(double position_s, double duration_s, const char *field, synctv_error *err)
{
    if (!isfinite(position_s) || position_s < 0)
        return sv_error_field(err, field, "is not a number of seconds from 0");
    if (duration_s > 0 && position_s > duration_s)
        return sv_error_field(err, field, "is behind the end of the movie");
    return 0;
}

int sv_rate_validate(double rate, synctv_error *err)
{
    if (!(rate >= SV_RATE_MIN && rate <= SV_RATE_MAX))
        return sv_error_field(err, "rate", "is not within %g..%g", SV_RATE_MIN, SV_RATE_MAX);
    return 0;
}
