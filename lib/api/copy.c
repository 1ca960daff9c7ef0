/* SPDX-License-Identifier: MIT */
/* Deep copies into an arena. */
#include "api/result.h"

#include "base/text.h"

/* Copies the string fields that are named, in place. `ok` turns false when memory is out. */
static void own(struct sv_arena *a, const char **s, bool *ok)
{
    *s = sv_str_empty(*s) ? "" : sv_arena_strdup(a, *s);
    if (*s == NULL) {
        *s = "";
        *ok = false;
    }
}

static int done(bool ok)
{
    return ok ? 0 : SYNCTV_E_NO_MEMORY;
}

int sv_user_copy(struct sv_arena *a, const synctv_user *from, synctv_user *ret)
{
    bool ok = true;
    *ret = *from;
    own(a, &ret->id, &ok);
    own(a, &ret->username, &ok);
    own(a, &ret->email, &ok);
    return done(ok);
}

int sv_room_copy(struct sv_arena *a, const synctv_room *from, synctv_room *ret)
{
    bool ok = true;
    *ret = *from;
    own(a, &ret->id, &ok);
    own(a, &ret->name, &ok);
    own(a, &ret->description, &ok);
    own(a, &ret->creator_id, &ok);
    if (from->settings != NULL) {
        ret->settings = sv_arena_memdup(a, from->settings, sizeof(*from->settings));
        ok = ok && ret->settings != NULL;
    }
    return done(ok);
}

int sv_member_copy(struct sv_arena *a, const synctv_member *from, synctv_member *ret)
{
    bool ok = true;
    *ret = *from;
    own(a, &ret->room_id, &ok);
    own(a, &ret->user_id, &ok);
    own(a, &ret->username, &ok);
    return done(ok);
}

static const synctv_header *copy_headers(struct sv_arena *a, const synctv_movie *from, bool *ok)
{
    if (from->n_headers == 0)
        return NULL;
    synctv_header *to = sv_arena_array(a, from->n_headers, sizeof(*to));
    if (to == NULL) {
        *ok = false;
        return NULL;
    }
    for (size_t i = 0; i < from->n_headers; i++) {
        to[i] = from->headers[i];
        own(a, &to[i].name, ok);
        own(a, &to[i].value, ok);
    }
    return to;
}

static const synctv_subtitle *copy_subtitles(struct sv_arena *a, const synctv_movie *from, bool *ok)
{
    if (from->n_subtitles == 0)
        return NULL;
    synctv_subtitle *to = sv_arena_array(a, from->n_subtitles, sizeof(*to));
    if (to == NULL) {
        *ok = false;
        return NULL;
    }
    for (size_t i = 0; i < from->n_subtitles; i++) {
        to[i] = from->subtitles[i];
        own(a, &to[i].name, ok);
        own(a, &to[i].url, ok);
        own(a, &to[i].format, ok);
    }
    return to;
}

int sv_movie_copy(struct sv_arena *a, const synctv_movie *from, synctv_movie *ret)
{
    bool ok = true;
    *ret = *from;
    own(a, &ret->id, &ok);
    own(a, &ret->room_id, &ok);
    own(a, &ret->name, &ok);
    own(a, &ret->url, &ok);
    own(a, &ret->added_by, &ok);
    own(a, &ret->stream_key, &ok);
    ret->headers = copy_headers(a, from, &ok);
    ret->subtitles = copy_subtitles(a, from, &ok);
    return done(ok);
}

int sv_playback_copy(struct sv_arena *a, const synctv_playback *from, synctv_playback *ret)
{
    bool ok = true;
    *ret = *from;
    own(a, &ret->room_id, &ok);
    own(a, &ret->movie_id, &ok);
    own(a, &ret->actor_id, &ok);
    own(a, &ret->operation_id, &ok);
    own(a, &ret->node_id, &ok);
    return done(ok);
}

int sv_chat_copy(struct sv_arena *a, const synctv_chat *from, synctv_chat *ret)
{
    bool ok = true;
    *ret = *from;
    own(a, &ret->room_id, &ok);
    own(a, &ret->message_id, &ok);
    own(a, &ret->user_id, &ok);
    own(a, &ret->username, &ok);
    own(a, &ret->content, &ok);
    own(a, &ret->client_message_id, &ok);
    return done(ok);
}

int sv_danmaku_copy(struct sv_arena *a, const synctv_danmaku *from, synctv_danmaku *ret)
{
    bool ok = true;
    *ret = *from;
    own(a, &ret->room_id, &ok);
    own(a, &ret->message_id, &ok);
    own(a, &ret->user_id, &ok);
    own(a, &ret->username, &ok);
    own(a, &ret->content, &ok);
    own(a, &ret->color, &ok);
    return done(ok);
}

static const char *const *copy_fields(struct sv_arena *a, const synctv_request *from, bool *ok)
{
    if (from->n_fields == 0)
        return NULL;
    const char **to = sv_arena_array(a, from->n_fields, sizeof(*to));
    if (to == NULL) {
        *ok = false;
        return NULL;
    }
    for (size_t i = 0; i < from->n_fields; i++) {
        to[i] = from->fields[i];
        own(a, &to[i], ok);
    }
    return to;
}

static void own_request_strings(struct sv_arena *a, synctv_request *r, bool *ok)
{
    const char **strings[] = {
        &r->room_id,
        &r->user_id,
        &r->movie_id,
        &r->message_id,
        &r->username,
        &r->password,
        &r->new_password,
        &r->email,
        &r->refresh_token,
        &r->name,
        &r->description,
        &r->reason,
        &r->search,
        &r->page_token,
        &r->content,
        &r->color,
    };
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        own(a, strings[i], ok);
}

int sv_request_copy(struct sv_arena *a, const synctv_request *from, synctv_request *ret)
{
    bool ok = true;
    *ret = *from;
    own_request_strings(a, ret, &ok);
    ret->fields = copy_fields(a, from, &ok);
    if (from->settings != NULL) {
        ret->settings = sv_arena_memdup(a, from->settings, sizeof(*from->settings));
        ok = ok && ret->settings != NULL;
    }
    if (from->movie != NULL) {
        synctv_movie *movie = sv_arena_alloc(a, sizeof(*movie));
        ret->movie = movie;
        ok = ok && movie != NULL && sv_movie_copy(a, from->movie, movie) == 0;
    }
    return done(ok);
}
