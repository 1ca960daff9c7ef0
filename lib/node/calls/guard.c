/* SPDX-License-Identifier: MIT */
#include "node/calls/guard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/rooms/clock.h"
#include "node/rooms/follow.h"
#include "node/rooms/load.h"
#include "node/rooms/presence.h"
#include "node/rooms/view.h"

/* --- beginning --- */

/* What counts for a stream was counted there, before the request became a call. */
static enum sv_rate_kind rate_of(const struct sv_call *call, const struct sv_method *method)
{
    if (call->origin != NULL && method->stream_rate != SV_STREAM_RATE_NONE)
        return SV_RATE_NONE;
    if (method->rate != SV_RATE_CALLS_OR_HASHES)
        return method->rate;
    return sv_request_sets_room_password(call->req) ? SV_RATE_HASHES : SV_RATE_CALLS;
}

static int check_ids(struct sv_call *call, unsigned ids)
{
    const synctv_request *req = call->req;
    int rv = 0;
    if ((ids & SV_NEEDS_ROOM_ID) != 0)
        rv = sv_call_need_id(call, req->room_id, "room_id");
    if (rv == 0 && (ids & SV_NEEDS_USER_ID) != 0)
        rv = sv_call_need_id(call, req->user_id, "user_id");
    if (rv == 0 && (ids & SV_NEEDS_MOVIE_ID) != 0)
        rv = sv_call_need_id(call, req->movie_id, "movie_id");
    if (rv == 0 && (ids & SV_NEEDS_MESSAGE_ID) != 0)
        rv = sv_call_need_id(call, req->message_id, "message_id");
    return rv;
}

int sv_call_begin(struct sv_call *call, size_t state_size)
{
    const struct sv_method *method = &sv_methods[call->req->method];
    int rv = sv_call_check_caller(call);
    if (rv == 0)
        rv = sv_call_need_rate(call, rate_of(call, method));
    if (rv == 0 && method->caller == SV_CALLER_PLATFORM_ADMIN && !call->actor.platform_admin)
        rv = sv_errorf(&call->err, SYNCTV_E_PERMISSION_DENIED, "this is for platform admins");
    if (rv == 0)
        rv = check_ids(call, method->ids);
    if (rv < 0 || state_size == 0)
        return rv;
    call->state = sv_arena_alloc(&call->arena, state_size);
    return call->state == NULL ? sv_error(&call->err, SYNCTV_E_NO_MEMORY) : 0;
}

int sv_call_need_id(struct sv_call *call, const char *id, const char *field)
{
    return sv_id_validate(id, field, &call->err);
}

int sv_call_page_size(struct sv_call *call, int32_t max, int32_t def, int32_t *ret_size)
{
    return sv_page_size_validate(call->req->page_size, "page_size", def, max, ret_size, &call->err);
}

int sv_call_fields(struct sv_call *call, const char *const *names, size_t n_names,
    const char *takes, unsigned *bits)
{
    const synctv_request *req = call->req;
    for (size_t i = 0; i < req->n_fields; i++) {
        size_t k = 0;
        while (k < n_names && strcmp(sv_str(req->fields[i]), names[k]) != 0)
            k++;
        if (k == n_names)
            return sv_error_field(&call->err, "fields", "%s", takes);
        *bits |= 1u << k;
    }
    return *bits != 0 ? 0 : sv_error_field(&call->err, "fields", "names nothing to change");
}

const char *sv_page_token(struct sv_arena *a, int64_t key, const char *id)
{
    return sv_arena_printf(a, "%" PRId64 ".%s", key, id);
}

int sv_page_token_parse(struct sv_call *call, int64_t *ret_key, char *ret_id)
{
    const char *token = call->req->page_token;
    *ret_key = 0;
    ret_id[0] = '\0';
    if (token == NULL || token[0] == '\0')
        return 0;
    char *end = NULL;
    int64_t key = strtoll(token, &end, 10);
    if (end == token || *end != '.' || key < 0 || strlen(token) > 40 ||
        (end[1] != '\0' && !sv_id_valid(end + 1)))
        return sv_error_field(&call->err, "page_token", "this is no page token of this list");
    *ret_key = key;
    memcpy(ret_id, end + 1, strlen(end + 1) + 1);
    return 0;
}

/* --- steps --- */

void sv_step_read(struct sv_call *call, int rv, int (*run)(struct sv_call *, struct sv_tx *),
    void (*next)(struct sv_call *))
{
    if (rv < 0)
        sv_call_fail(call, rv);
    else
        sv_call_read(call, run, next);
}

void sv_step_write(struct sv_call *call, int rv, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *))
{
    if (rv < 0)
        sv_call_fail(call, rv);
    else
        sv_call_write(call, "", user_id, run, next);
}

void sv_step_write_room(struct sv_call *call, int rv, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *))
{
    if (rv < 0)
        sv_call_fail(call, rv);
    else
        sv_call_write_room(call, user_id, run, next);
}

void sv_step_hash(struct sv_call *call, int rv, void (*next)(struct sv_call *))
{
    if (rv < 0)
        sv_call_fail(call, rv);
    else
        sv_call_hash(call, next);
}

void sv_step_load_room(struct sv_call *call, int rv, void (*next)(struct sv_call *))
{
    if (rv < 0)
        sv_call_fail(call, rv);
    else
        sv_call_load_room(call, call->req->room_id, next);
}

static void act_in_room(struct sv_call *call)
{
    int rv = sv_call_lock_room(call);
    if (rv == 0) {
        rv = sv_call_recheck_in_memory(call);
        if (rv == 0)
            rv = call->act(call, call->room);
        pthread_mutex_unlock(&call->room->lock);
    }
    sv_call_end(call, rv);
}

void sv_step_act_in_room(struct sv_call *call, int rv, sv_room_act *act)
{
    call->act = act;
    sv_step_load_room(call, rv, act_in_room);
}

/* --- in a transaction --- */

int sv_rights_load(struct sv_call *call, struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    struct sv_caller_rights *ret)
{
    *ret = (struct sv_caller_rights){ .has_row = false };
    const struct sv_actor_info *by = &call->actor;
    int rv = by->user_id[0] == '\0'
        ? SYNCTV_E_MEMBER_NOT_FOUND
        : tx->ops->member_get(tx, room_id, by->user_id, a, &ret->member);
    if (rv < 0 && rv != SYNCTV_E_MEMBER_NOT_FOUND)
        return rv;
    ret->has_row = rv == 0;
    rv = ret->has_row ? sv_call_recheck_as(call, ret->member.user_role, ret->member.user_status)
                      : sv_call_recheck(call, tx, a);
    if (rv == 0)
        rv = tx->ops->room_get(tx, room_id, a, &ret->room);
    if (rv < 0)
        return rv;
    ret->actor = (struct sv_actor){
        .user_id = by->user_id,
        .is_system = by->is_system,
        .platform_admin = by->platform_admin,
    };
    if (!ret->has_row)
        return 0;
    ret->actor.member = &ret->member.member;
    ret->actor.kicked = sv_kick_holds(call->node, ret->member.kicked_until_ms);
    return 0;
}

static int no_guest(struct sv_call *call)
{
    return sv_errorf(&call->err, SYNCTV_E_NOT_A_MEMBER,
        "guests of a room with a password have to open a stream with it first");
}

static bool stream_was_let_in(const struct sv_call *call, const char *room_id)
{
    struct sv_stream *stream = sv_stream_of_call(call);
    return stream != NULL && atomic_load(&sv_follower_of(stream)->guest_ok) &&
        strcmp(stream->room_id, room_id) == 0;
}

int sv_rights_need(struct sv_call *call, const struct sv_caller_rights *rights,
    uint64_t permissions)
{
    const struct sv_room_rec *room = &rights->room;
    int rv = sv_room_check(&rights->actor, &room->settings, permissions, &call->err);
    if (rv == SV_ACCESS_GUEST && !sv_str_empty(room->password_hash) &&
        !stream_was_let_in(call, room->room.id))
        return no_guest(call);
    return rv < 0 ? rv : 0;
}

int sv_rights_need_member(struct sv_call *call, const struct sv_caller_rights *rights,
    uint64_t permissions)
{
    int rv = sv_member_access(&rights->actor, &rights->room.settings, &call->err);
    return rv < 0 ? rv : sv_rights_need(call, rights, permissions);
}

int sv_call_check_created(struct sv_call *call, struct sv_tx *tx, const char *user_id)
{
    int32_t max = call->node->limits.rooms_per_user;
    int n = tx->ops->room_count_created(tx, user_id);
    if (n >= 0 && max > 0 && n >= max)
        return sv_errorf(&call->err, SYNCTV_E_ROOM_LIMIT, "nobody may have more than %d rooms",
            (int)max);
    return n < 0 ? n : 0;
}

int sv_call_check_memberships(struct sv_call *call, struct sv_tx *tx, const char *user_id)
{
    int32_t max = call->node->limits.memberships_per_user;
    int n = tx->ops->member_count_rooms(tx, user_id);
    if (n >= 0 && max > 0 && n >= max)
        return sv_errorf(&call->err, SYNCTV_E_ROOM_LIMIT, "nobody may be in more than %d rooms",
            (int)max);
    return n < 0 ? n : 0;
}

/* --- in memory --- */

int sv_call_lock_room(struct sv_call *call)
{
    pthread_mutex_lock(&call->room->lock);
    if (!call->room->gone)
        return 0;
    pthread_mutex_unlock(&call->room->lock);
    return sv_error(&call->err, SYNCTV_E_ROOM_NOT_FOUND);
}

int sv_call_need_in_room(struct sv_call *call, struct sv_room *room, uint64_t permissions)
{
    struct sv_actor actor = sv_room_actor(room, &call->actor);
    int rv = sv_room_check(&actor, &room->settings, permissions, &call->err);
    if (rv != SV_ACCESS_GUEST || sv_str_empty(room->password_hash) ||
        stream_was_let_in(call, room->id))
        return rv;
    return sv_presence_is_here(room, call->actor.user_id) ? rv : no_guest(call);
}
