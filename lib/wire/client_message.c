/* SPDX-License-Identifier: MIT */
#include "wire/client_message.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/convert.h"
#include "wire/unpack.h"

/* ---- Decoding: one function a payload ---- */

static void chat_from(const Synctv__Client__ChatMessage *m, synctv_request *ret)
{
    ret->method = SYNCTV_METHOD_SEND_CHAT;
    ret->room_id = m->room_id;
    ret->content = m->content;
}

static void danmaku_from(const Synctv__Client__DanmakuMessage *m, synctv_request *ret)
{
    ret->method = SYNCTV_METHOD_SEND_DANMAKU;
    ret->room_id = m->room_id;
    ret->content = m->content;
    ret->video_time_s = m->video_time;
    ret->danmaku_position = (synctv_danmaku_position)m->position;
    ret->color = m->color;
    ret->font_size = m->font_size;
}

static int play_control_from(const Synctv__Client__PlayControlMessage *m, synctv_request *ret,
    synctv_error *err)
{
    ret->room_id = m->room_id;
    ret->expected_version = m->expected_version;
    if (m->_position_case == SYNCTV__CLIENT__PLAY_CONTROL_MESSAGE___POSITION_POSITION) {
        ret->has_position = true;
        ret->position_s = m->position;
    }
    if (m->_rate_case == SYNCTV__CLIENT__PLAY_CONTROL_MESSAGE___RATE_RATE) {
        ret->has_rate = true;
        ret->rate = m->rate;
    }
    switch ((int)m->action) {
    case SYNCTV__CLIENT__PLAY_ACTION__PLAY_ACTION_PLAY:
        ret->method = SYNCTV_METHOD_PLAY;
        return 0;
    case SYNCTV__CLIENT__PLAY_ACTION__PLAY_ACTION_PAUSE:
        ret->method = SYNCTV_METHOD_PAUSE;
        return 0;
    case SYNCTV__CLIENT__PLAY_ACTION__PLAY_ACTION_SET_RATE:
        ret->method = SYNCTV_METHOD_SET_PLAYBACK_RATE;
        if (ret->has_rate)
            return 0;
        return sv_error_field(err, "play_control.rate", "the new rate is missing");
    }
    return sv_error_field(err, "play_control.action", "it says neither play, pause nor rate");
}

static void seek_from(const Synctv__Client__SeekMessage *m, synctv_request *ret)
{
    ret->method = SYNCTV_METHOD_SEEK;
    ret->room_id = m->room_id;
    ret->has_position = true;
    ret->position_s = m->position;
    ret->expected_version = m->expected_version;
}

static void status_from(const Synctv__Client__StatusReport *m, synctv_request *ret)
{
    ret->method = SYNCTV_METHOD_REPORT_STATUS;
    ret->room_id = m->room_id;
    ret->movie_id = m->movie_id;
    ret->position_s = m->position;
    ret->buffering = m->buffering;
    ret->ended = m->ended;
    ret->duration_s = m->duration;
}

static int payload_from(const Synctv__Client__ClientMessage *m, synctv_request *ret,
    synctv_error *err)
{
    switch (m->payload_case) {
    case SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_PING:
        ret->method = SYNCTV_METHOD_PING;
        ret->client_time_ms = m->ping->client_time;
        return 0;
    case SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_CHAT:
        chat_from(m->chat, ret);
        return 0;
    case SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_DANMAKU:
        danmaku_from(m->danmaku, ret);
        return 0;
    case SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_PLAY_CONTROL:
        return play_control_from(m->play_control, ret, err);
    case SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_SEEK:
        seek_from(m->seek, ret);
        return 0;
    case SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_STATUS:
        status_from(m->status, ret);
        return 0;
    case SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD__NOT_SET:
    default:
        return sv_error_field(err, "payload", "there is none, or none that this server knows");
    }
}

/*
 * Reads ClientMessage.message_id of a message that may be malformed behind it: encoders write it
 * first. "" if it is not there.
 */
static const char *message_id_of(const uint8_t *data, size_t len, struct sv_arena *a)
{
    const uint8_t tag = 1 << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (len < 2 || data[0] != tag || data[1] >= 0x80 || data[1] > len - 2 ||
        !sv_utf8_valid((const char *)data + 2, data[1]))
        return "";
    return sv_str(sv_arena_strndup(a, (const char *)data + 2, data[1]));
}

int sv_wire_client_message_decode(const void *data, size_t len, struct sv_arena *a,
    synctv_request *ret, synctv_error *err)
{
    const void *unpacked;
    int rv = sv_wire_unpack(&synctv__client__client_message__descriptor, data, len,
        SV_WIRE_RAWCHECK_STRICT, a, &unpacked, err);
    if (rv < 0) {
        synctv_request_init(ret);
        ret->message_id = message_id_of(data, len, a);
        return rv;
    }
    const Synctv__Client__ClientMessage *m = unpacked;
    synctv_request_init(ret);
    ret->message_id = m->message_id;
    ret->client_time_ms = m->timestamp;
    rv = payload_from(m, ret, err);
    if (rv < 0) {
        synctv_request_init(ret);
        ret->message_id = m->message_id;
    }
    return rv;
}

/* ---- Encoding ---- */

union payload {
    Synctv__Client__PingMessage ping;
    Synctv__Client__ChatMessage chat;
    Synctv__Client__DanmakuMessage danmaku;
    Synctv__Client__PlayControlMessage play_control;
    Synctv__Client__SeekMessage seek;
    Synctv__Client__StatusReport status;
};

static void play_control_to(const synctv_request *r, Synctv__Client__PlayControlMessage *ret)
{
    synctv__client__play_control_message__init(ret);
    ret->room_id = sv_wire_mutable(r->room_id);
    ret->action = r->method == SYNCTV_METHOD_PLAY ? SYNCTV__CLIENT__PLAY_ACTION__PLAY_ACTION_PLAY
        : r->method == SYNCTV_METHOD_PAUSE        ? SYNCTV__CLIENT__PLAY_ACTION__PLAY_ACTION_PAUSE
                                           : SYNCTV__CLIENT__PLAY_ACTION__PLAY_ACTION_SET_RATE;
    ret->expected_version = r->expected_version;
    if (r->has_position) {
        ret->_position_case = SYNCTV__CLIENT__PLAY_CONTROL_MESSAGE___POSITION_POSITION;
        ret->position = r->position_s;
    }
    if (r->has_rate || r->method == SYNCTV_METHOD_SET_PLAYBACK_RATE) {
        ret->_rate_case = SYNCTV__CLIENT__PLAY_CONTROL_MESSAGE___RATE_RATE;
        ret->rate = r->rate;
    }
}

static void danmaku_to(const synctv_request *r, Synctv__Client__DanmakuMessage *ret)
{
    *ret = (Synctv__Client__DanmakuMessage){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__client__danmaku_message__descriptor),
        .room_id = sv_wire_mutable(r->room_id),
        .content = sv_wire_mutable(r->content),
        .video_time = r->video_time_s,
        .position = (Synctv__Client__DanmakuPosition)r->danmaku_position,
        .color = sv_wire_mutable(r->color),
        .font_size = r->font_size,
    };
}

static void status_to(const synctv_request *r, Synctv__Client__StatusReport *ret)
{
    *ret = (Synctv__Client__StatusReport){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__client__status_report__descriptor),
        .room_id = sv_wire_mutable(r->room_id),
        .movie_id = sv_wire_mutable(r->movie_id),
        .position = r->position_s,
        .buffering = r->buffering,
        .ended = r->ended,
        .duration = r->duration_s,
    };
}

/* `p` becomes the payload of `m`. False if this is no request of streams. */
static bool payload_to(const synctv_request *r, union payload *p, Synctv__Client__ClientMessage *m)
{
    switch ((int)r->method) {
    case SYNCTV_METHOD_PING:
        synctv__client__ping_message__init(&p->ping);
        p->ping.client_time = r->client_time_ms;
        m->payload_case = SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_PING;
        m->ping = &p->ping;
        return true;
    case SYNCTV_METHOD_SEND_CHAT:
        synctv__client__chat_message__init(&p->chat);
        p->chat.room_id = sv_wire_mutable(r->room_id);
        p->chat.content = sv_wire_mutable(r->content);
        m->payload_case = SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_CHAT;
        m->chat = &p->chat;
        return true;
    case SYNCTV_METHOD_SEND_DANMAKU:
        danmaku_to(r, &p->danmaku);
        m->payload_case = SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_DANMAKU;
        m->danmaku = &p->danmaku;
        return true;
    case SYNCTV_METHOD_PLAY:
    case SYNCTV_METHOD_PAUSE:
    case SYNCTV_METHOD_SET_PLAYBACK_RATE:
        play_control_to(r, &p->play_control);
        m->payload_case = SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_PLAY_CONTROL;
        m->play_control = &p->play_control;
        return true;
    case SYNCTV_METHOD_SEEK:
        synctv__client__seek_message__init(&p->seek);
        p->seek.room_id = sv_wire_mutable(r->room_id);
        p->seek.position = r->position_s;
        p->seek.expected_version = r->expected_version;
        m->payload_case = SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_SEEK;
        m->seek = &p->seek;
        return true;
    case SYNCTV_METHOD_REPORT_STATUS:
        status_to(r, &p->status);
        m->payload_case = SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_STATUS;
        m->status = &p->status;
        return true;
    }
    return false;
}

int sv_wire_client_message_encode(const synctv_request *request, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err)
{
    union payload payload;
    Synctv__Client__ClientMessage m = SYNCTV__CLIENT__CLIENT_MESSAGE__INIT;
    m.message_id = sv_wire_mutable(request->message_id);
    m.timestamp = request->method == SYNCTV_METHOD_PING ? 0 : request->client_time_ms;
    if (!payload_to(request, &payload, &m))
        return sv_error(err, SYNCTV_E_UNIMPLEMENTED);
    return sv_wire_pack(&m.base, alloc, userdata, err);
}
