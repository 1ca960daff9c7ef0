/* SPDX-License-Identifier: MIT */
#include "wire/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/result.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/convert.h"
#include "wire/unpack.h"

/* Keys of ErrorMessage.details. */
#define DETAIL_FIELD "field"
#define DETAIL_RETRY_AFTER_MS "retry_after_ms"
#define DETAIL_ROOM_ID "room_id"
#define MAX_DETAILS 3

/* ---- Encoding ---- */

/* An ErrorMessage and what it points to. */
struct error_parts {
    Synctv__ErrorMessage message;
    Synctv__ErrorMessage__DetailsEntry entries[MAX_DETAILS];
    Synctv__ErrorMessage__DetailsEntry *pointers[MAX_DETAILS];
    char retry_after_ms[24];
};

struct room_parts {
    Synctv__Client__RoomUpdate message;
    Synctv__Room room;
    Synctv__RoomSettings settings;
};

struct member_parts {
    Synctv__Client__MemberUpdate message;
    Synctv__Member member;
};

struct movies_parts {
    Synctv__Client__MovieListUpdate message;
    Synctv__Movie movie;
};

union payload {
    Synctv__Client__PongMessage pong;
    Synctv__Client__RoomStateUpdate state;
    Synctv__Client__ChatBroadcast chat;
    Synctv__Client__DanmakuBroadcast danmaku;
    struct member_parts member;
    struct error_parts error;
    struct movies_parts movies;
    struct room_parts room;
    Synctv__Client__LiveUpdate live;
    Synctv__Client__ChatDeleted chat_deleted;
};

static void pong_to(const synctv_event *e, Synctv__Client__PongMessage *ret)
{
    synctv__client__pong_message__init(ret);
    ret->client_time = e->client_time_ms;
    ret->server_recv_time = e->server_recv_time_ms;
    ret->server_send_time = e->server_send_time_ms;
}

static void member_to(const synctv_event *e, struct member_parts *ret)
{
    synctv__client__member_update__init(&ret->message);
    ret->message.room_id = sv_wire_mutable(e->room_id);
    ret->message.change = (Synctv__Client__MemberChange)e->change;
    ret->message.actor_id = sv_wire_mutable(e->actor_id);
    ret->message.reason = sv_wire_mutable(e->reason);
    if (e->member != NULL) {
        sv_wire_member_to(e->member, &ret->member);
        ret->message.member = &ret->member;
    }
}

static void add_detail(struct error_parts *p, const char *key, const char *value)
{
    if (sv_str_empty(value))
        return;
    size_t i = p->message.n_details++;
    synctv__error_message__details_entry__init(&p->entries[i]);
    p->entries[i].key = sv_wire_mutable(key);
    p->entries[i].value = sv_wire_mutable(value);
    p->pointers[i] = &p->entries[i];
}

static void error_to(const synctv_event *e, struct error_parts *ret)
{
    synctv__error_message__init(&ret->message);
    ret->message.code = sv_wire_mutable(synctv_error_reason(e->error_code));
    ret->message.message = sv_wire_mutable(synctv_error_text(e->error_code));
    ret->message.in_reply_to = sv_wire_mutable(e->in_reply_to);
    ret->message.details = ret->pointers;
    add_detail(ret, DETAIL_ROOM_ID, e->room_id);
    if (e->error == NULL)
        return;
    ret->message.message = sv_wire_mutable(e->error->message);
    add_detail(ret, DETAIL_FIELD, e->error->field);
    if (e->error->retry_after_ms > 0) {
        snprintf(ret->retry_after_ms, sizeof(ret->retry_after_ms), "%" PRId64,
            e->error->retry_after_ms);
        add_detail(ret, DETAIL_RETRY_AFTER_MS, ret->retry_after_ms);
    }
}

static bool movies_to(struct sv_arena *a, const synctv_event *e, struct movies_parts *ret)
{
    synctv__client__movie_list_update__init(&ret->message);
    ret->message.room_id = sv_wire_mutable(e->room_id);
    ret->message.current_movie_id = sv_wire_mutable(e->current_movie_id);
    ret->message.change = (Synctv__Client__ListChange)e->list_change;
    ret->message.actor_id = sv_wire_mutable(e->actor_id);
    ret->message.revision = e->revision;
    if (e->movie == NULL)
        return true;
    ret->message.movie = &ret->movie;
    return sv_wire_movie_to(a, e->movie, &ret->movie);
}

static void room_to(const synctv_event *e, struct room_parts *ret)
{
    synctv__client__room_update__init(&ret->message);
    ret->message.deleted = e->deleted;
    ret->message.actor_id = sv_wire_mutable(e->actor_id);
    if (e->room != NULL) {
        sv_wire_room_to(e->room, &ret->settings, &ret->room);
        ret->message.room = &ret->room;
    }
}

static void live_to(const synctv_event *e, Synctv__Client__LiveUpdate *ret)
{
    synctv__client__live_update__init(ret);
    ret->room_id = sv_wire_mutable(e->room_id);
    ret->movie_id = sv_wire_mutable(e->movie_id);
    ret->live = e->live;
}

static void chat_deleted_to(const synctv_event *e, Synctv__Client__ChatDeleted *ret)
{
    synctv__client__chat_deleted__init(ret);
    ret->room_id = sv_wire_mutable(e->room_id);
    ret->message_id = sv_wire_mutable(e->deleted_message_id);
    ret->actor_id = sv_wire_mutable(e->actor_id);
    ret->seq = e->deletion_seq;
}

/* Fills the member of `p` for the event. Each begins with its message, so &p points to it. */
static int payload_to(struct sv_arena *a, const synctv_event *e, union payload *p)
{
    switch (e->type) {
    case SYNCTV_EVENT_PONG:
        pong_to(e, &p->pong);
        return 0;
    case SYNCTV_EVENT_STATE:
        sv_wire_state_to(e->state, &p->state);
        return 0;
    case SYNCTV_EVENT_CHAT:
        sv_wire_chat_to(e->chat, &p->chat);
        return 0;
    case SYNCTV_EVENT_DANMAKU:
        sv_wire_danmaku_to(e->danmaku, &p->danmaku);
        return 0;
    case SYNCTV_EVENT_MEMBER:
        member_to(e, &p->member);
        return 0;
    case SYNCTV_EVENT_ERROR:
        error_to(e, &p->error);
        return 0;
    case SYNCTV_EVENT_MOVIES:
        return movies_to(a, e, &p->movies) ? 0 : SYNCTV_E_NO_MEMORY;
    case SYNCTV_EVENT_ROOM:
        room_to(e, &p->room);
        return 0;
    case SYNCTV_EVENT_LIVE:
        live_to(e, &p->live);
        return 0;
    case SYNCTV_EVENT_CHAT_DELETED:
        chat_deleted_to(e, &p->chat_deleted);
        return 0;
    case SYNCTV_EVENT_CONNECTED:
    case SYNCTV_EVENT_DISCONNECTED:
        break;
    }
    return SYNCTV_E_UNIMPLEMENTED;
}

int sv_wire_event_encode(const synctv_event *event, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err)
{
    struct sv_arena scratch = { 0 };
    union payload payload;
    int rv = payload_to(&scratch, event, &payload);
    if (rv < 0) {
        sv_error(err, rv);
        goto out;
    }
    Synctv__Client__ServerMessage m = SYNCTV__CLIENT__SERVER_MESSAGE__INIT;
    m.message_id = sv_wire_mutable(event->message_id);
    m.timestamp = event->timestamp_ms;
    /*
     * The number of the type is that of the field (enums.c), and all members of the oneof are
     * pointers to messages: setting one of them sets all.
     */
    m.payload_case = (Synctv__Client__ServerMessage__PayloadCase)event->type;
    m.pong = &payload.pong;
    rv = sv_wire_pack(&m.base, alloc, userdata, err);
out:
    sv_arena_fini(&scratch);
    return rv;
}

/* ---- Decoding ---- */

#define NEW(a, type) ((type *)sv_arena_alloc((a), sizeof(type)))

static int lacks(synctv_error *err, const char *field)
{
    return sv_error_field(err, field, "is missing");
}

static void pong_from(const Synctv__Client__PongMessage *m, synctv_event *ret)
{
    ret->client_time_ms = m->client_time;
    ret->server_recv_time_ms = m->server_recv_time;
    ret->server_send_time_ms = m->server_send_time;
}

static int state_from(struct sv_arena *a, const Synctv__Client__RoomStateUpdate *m,
    synctv_event *ret)
{
    synctv_playback *state = NEW(a, synctv_playback);
    if (state == NULL)
        return SYNCTV_E_NO_MEMORY;
    sv_wire_state_from(m, state);
    ret->state = state;
    ret->room_id = state->room_id;
    ret->actor_id = state->actor_id;
    return 0;
}

static int chat_from(struct sv_arena *a, const Synctv__Client__ChatBroadcast *m, synctv_event *ret)
{
    synctv_chat *chat = NEW(a, synctv_chat);
    if (chat == NULL)
        return SYNCTV_E_NO_MEMORY;
    sv_wire_chat_from(m, chat);
    ret->chat = chat;
    ret->room_id = chat->room_id;
    ret->actor_id = chat->user_id;
    return 0;
}

static int danmaku_from(struct sv_arena *a, const Synctv__Client__DanmakuBroadcast *m,
    synctv_event *ret)
{
    synctv_danmaku *danmaku = NEW(a, synctv_danmaku);
    if (danmaku == NULL)
        return SYNCTV_E_NO_MEMORY;
    sv_wire_danmaku_from(m, danmaku);
    ret->danmaku = danmaku;
    ret->room_id = danmaku->room_id;
    ret->actor_id = danmaku->user_id;
    return 0;
}

static int member_from(struct sv_arena *a, const Synctv__Client__MemberUpdate *m, synctv_event *ret,
    synctv_error *err)
{
    if (m->member == NULL)
        return lacks(err, "member.member");
    synctv_member *member = NEW(a, synctv_member);
    if (member == NULL)
        return SYNCTV_E_NO_MEMORY;
    sv_wire_member_from(m->member, member);
    ret->member = member;
    ret->room_id = m->room_id;
    ret->change = (synctv_member_change)m->change;
    ret->actor_id = m->actor_id;
    ret->reason = m->reason;
    return 0;
}

static int error_from(struct sv_arena *a, const Synctv__ErrorMessage *m, synctv_event *ret)
{
    synctv_error *error = NEW(a, synctv_error);
    if (error == NULL)
        return SYNCTV_E_NO_MEMORY;
    sv_errorf(error, synctv_error_from_reason(m->code), "%s", m->message);
    for (size_t i = 0; i < m->n_details; i++) {
        const char *key = m->details[i]->key;
        const char *value = m->details[i]->value;
        if (strcmp(key, DETAIL_ROOM_ID) == 0) {
            ret->room_id = value;
        } else if (strcmp(key, DETAIL_RETRY_AFTER_MS) == 0) {
            long long ms = strtoll(value, NULL, 10);
            error->retry_after_ms = ms > 0 ? ms : 0;
        } else if (strcmp(key, DETAIL_FIELD) == 0) {
            snprintf(error->field, sizeof(error->field), "%s", value);
            sv_utf8_trim(error->field);
        }
    }
    ret->error = error;
    ret->error_code = error->code;
    ret->in_reply_to = m->in_reply_to;
    return 0;
}

static int movies_from(struct sv_arena *a, const Synctv__Client__MovieListUpdate *m,
    synctv_event *ret)
{
    ret->room_id = m->room_id;
    ret->current_movie_id = m->current_movie_id;
    ret->list_change = (synctv_list_change)m->change;
    ret->actor_id = m->actor_id;
    ret->revision = m->revision;
    if (m->movie == NULL)
        return 0;
    synctv_movie *movie = NEW(a, synctv_movie);
    if (movie == NULL || !sv_wire_movie_from(a, m->movie, movie))
        return SYNCTV_E_NO_MEMORY;
    ret->movie = movie;
    return 0;
}

static int room_from(struct sv_arena *a, const Synctv__Client__RoomUpdate *m, synctv_event *ret,
    synctv_error *err)
{
    if (m->room == NULL)
        return lacks(err, "room.room");
    synctv_room *room = NEW(a, synctv_room);
    if (room == NULL || !sv_wire_room_from(a, m->room, room))
        return SYNCTV_E_NO_MEMORY;
    ret->room = room;
    ret->room_id = room->id;
    ret->deleted = m->deleted;
    ret->actor_id = m->actor_id;
    return 0;
}

static void live_from(const Synctv__Client__LiveUpdate *m, synctv_event *ret)
{
    ret->room_id = m->room_id;
    ret->movie_id = m->movie_id;
    ret->live = m->live;
}

static void chat_deleted_from(const Synctv__Client__ChatDeleted *m, synctv_event *ret)
{
    ret->room_id = m->room_id;
    ret->deleted_message_id = m->message_id;
    ret->actor_id = m->actor_id;
    ret->deletion_seq = m->seq;
}

/*
 * Fills *ret from the message, which is in the same arena. `err` is filled for INVALID_ARGUMENT
 * only.
 */
static int payload_from(struct sv_arena *a, const Synctv__Client__ServerMessage *m,
    synctv_event *ret, synctv_error *err)
{
    switch (m->payload_case) {
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_PONG:
        pong_from(m->pong, ret);
        return 0;
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_ROOM_STATE:
        return state_from(a, m->room_state, ret);
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_CHAT:
        return chat_from(a, m->chat, ret);
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_DANMAKU:
        return danmaku_from(a, m->danmaku, ret);
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_MEMBER:
        return member_from(a, m->member, ret, err);
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_ERROR:
        return error_from(a, m->error, ret);
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_MOVIES:
        return movies_from(a, m->movies, ret);
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_ROOM:
        return room_from(a, m->room, ret, err);
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_LIVE:
        live_from(m->live, ret);
        return 0;
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_CHAT_DELETED:
        chat_deleted_from(m->chat_deleted, ret);
        return 0;
    case SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD__NOT_SET:
    default:
        return SYNCTV_E_UNIMPLEMENTED;
    }
}

int sv_wire_event_decode(const void *data, size_t len, synctv_event **ret_event, synctv_error *err)
{
    synctv_event *event = sv_event_new(SYNCTV_EVENT_PONG);
    if (event == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    struct sv_arena *a = sv_event_arena(event);
    const void *unpacked;
    int rv = sv_wire_unpack(&synctv__client__server_message__descriptor, data, len,
        SV_WIRE_RAWCHECK_LENIENT, a, &unpacked, err);
    if (rv < 0)
        goto out;
    const Synctv__Client__ServerMessage *m = unpacked;
    event->type = (synctv_event_type)m->payload_case;
    event->message_id = m->message_id;
    event->timestamp_ms = m->timestamp;
    rv = payload_from(a, m, event, err);
    if (rv < 0) {
        if (rv != SYNCTV_E_INVALID_ARGUMENT)
            sv_error(err, rv);
        goto out;
    }
    *ret_event = event;
    event = NULL; /* moved to the caller */
out:
    synctv_event_unref(event);
    return rv;
}
