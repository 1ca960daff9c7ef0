/* SPDX-License-Identifier: MIT */
#include "wire/convert.h"

#include "base/text.h"

void sv_wire_user_from(const Synctv__User *m, synctv_user *ret)
{
    *ret = (synctv_user){
        .id = m->id,
        .username = m->username,
        .email = m->email,
        .role = (synctv_user_role)m->role,
        .status = (synctv_user_status)m->status,
        .created_at_ms = m->created_at,
    };
}

void sv_wire_user_to(const synctv_user *from, Synctv__User *ret)
{
    *ret = (Synctv__User){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__user__descriptor),
        .id = sv_wire_mutable(from->id),
        .username = sv_wire_mutable(from->username),
        .email = sv_wire_mutable(from->email),
        .role = (Synctv__UserRole)from->role,
        .status = (Synctv__UserStatus)from->status,
        .created_at = from->created_at_ms,
    };
}

void sv_wire_settings_from(const Synctv__RoomSettings *m, synctv_room_settings *ret)
{
    *ret = (synctv_room_settings){
        .hidden = m->hidden,
        .allow_guests = m->allow_guests,
        .require_approval = m->require_approval,
        .max_members = m->max_members,
        .default_member_permissions = m->default_member_permissions,
        .default_admin_permissions = m->default_admin_permissions,
        .guest_permissions = m->guest_permissions,
        .auto_advance = (synctv_auto_advance)m->auto_advance,
        .pause_when_empty = m->pause_when_empty,
    };
}

void sv_wire_settings_to(const synctv_room_settings *from, Synctv__RoomSettings *ret)
{
    *ret = (Synctv__RoomSettings){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__room_settings__descriptor),
        .hidden = from->hidden,
        .allow_guests = from->allow_guests,
        .require_approval = from->require_approval,
        .max_members = from->max_members,
        .default_member_permissions = from->default_member_permissions,
        .default_admin_permissions = from->default_admin_permissions,
        .guest_permissions = from->guest_permissions,
        .auto_advance = (Synctv__AutoAdvance)from->auto_advance,
        .pause_when_empty = from->pause_when_empty,
    };
}

bool sv_wire_room_from(struct sv_arena *a, const Synctv__Room *m, synctv_room *ret)
{
    *ret = (synctv_room){
        .id = m->id,
        .name = m->name,
        .description = m->description,
        .creator_id = m->creator_id,
        .has_password = m->has_password,
        .member_count = m->member_count,
        .online_count = m->online_count,
        .is_live = m->is_live,
        .created_at_ms = m->created_at,
        .revision = m->revision,
    };
    if (m->settings == NULL)
        return true;
    synctv_room_settings *settings = sv_arena_alloc(a, sizeof(*settings));
    if (settings == NULL)
        return false;
    sv_wire_settings_from(m->settings, settings);
    ret->settings = settings;
    return true;
}

void sv_wire_room_to(const synctv_room *from, Synctv__RoomSettings *settings, Synctv__Room *ret)
{
    *ret = (Synctv__Room){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__room__descriptor),
        .id = sv_wire_mutable(from->id),
        .name = sv_wire_mutable(from->name),
        .description = sv_wire_mutable(from->description),
        .creator_id = sv_wire_mutable(from->creator_id),
        .has_password = from->has_password,
        .member_count = from->member_count,
        .online_count = from->online_count,
        .is_live = from->is_live,
        .created_at = from->created_at_ms,
        .revision = from->revision,
    };
    if (from->settings != NULL) {
        sv_wire_settings_to(from->settings, settings);
        ret->settings = settings;
    }
}

void sv_wire_member_from(const Synctv__Member *m, synctv_member *ret)
{
    *ret = (synctv_member){
        .room_id = m->room_id,
        .user_id = m->user_id,
        .username = m->username,
        .role = (synctv_room_role)m->role,
        .status = (synctv_member_status)m->status,
        .added_permissions = m->added_permissions,
        .removed_permissions = m->removed_permissions,
        .permissions = m->permissions,
        .online = m->online,
        .joined_at_ms = m->joined_at,
    };
}

void sv_wire_member_to(const synctv_member *from, Synctv__Member *ret)
{
    *ret = (Synctv__Member){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__member__descriptor),
        .room_id = sv_wire_mutable(from->room_id),
        .user_id = sv_wire_mutable(from->user_id),
        .username = sv_wire_mutable(from->username),
        .role = (Synctv__RoomRole)from->role,
        .status = (Synctv__MemberStatus)from->status,
        .added_permissions = from->added_permissions,
        .removed_permissions = from->removed_permissions,
        .permissions = from->permissions,
        .online = from->online,
        .joined_at = from->joined_at_ms,
    };
}

static bool headers_from(struct sv_arena *a, const Synctv__Movie *m, synctv_movie *ret)
{
    if (m->n_headers == 0)
        return true;
    synctv_header *headers = sv_arena_array(a, m->n_headers, sizeof(*headers));
    if (headers == NULL)
        return false;
    for (size_t i = 0; i < m->n_headers; i++)
        headers[i] = (synctv_header){ m->headers[i]->key, m->headers[i]->value };
    ret->headers = headers;
    ret->n_headers = m->n_headers;
    return true;
}

static bool subtitles_from(struct sv_arena *a, const Synctv__Movie *m, synctv_movie *ret)
{
    if (m->n_subtitles == 0)
        return true;
    synctv_subtitle *subtitles = sv_arena_array(a, m->n_subtitles, sizeof(*subtitles));
    if (subtitles == NULL)
        return false;
    for (size_t i = 0; i < m->n_subtitles; i++) {
        const Synctv__Subtitle *s = m->subtitles[i];
        subtitles[i] = (synctv_subtitle){ s->name, s->url, s->format };
    }
    ret->subtitles = subtitles;
    ret->n_subtitles = m->n_subtitles;
    return true;
}

bool sv_wire_movie_from(struct sv_arena *a, const Synctv__Movie *m, synctv_movie *ret)
{
    *ret = (synctv_movie){
        .id = m->id,
        .room_id = m->room_id,
        .name = m->name,
        .url = m->url,
        .type = (synctv_movie_type)m->type,
        .duration_s = m->duration,
        .position = m->position,
        .added_by = m->added_by,
        .created_at_ms = m->created_at,
        .stream_key = m->stream_key,
        .live = m->live,
    };
    return headers_from(a, m, ret) && subtitles_from(a, m, ret);
}

static bool headers_to(struct sv_arena *a, const synctv_movie *from, Synctv__Movie *ret)
{
    size_t n = from->n_headers;
    if (n == 0)
        return true;
    ret->headers = sv_arena_array(a, n, sizeof(ret->headers[0]));
    Synctv__Movie__HeadersEntry *entries = sv_arena_array(a, n, sizeof(*entries));
    if (ret->headers == NULL || entries == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        entries[i] = (Synctv__Movie__HeadersEntry){
            .base = PROTOBUF_C_MESSAGE_INIT(&synctv__movie__headers_entry__descriptor),
            .key = sv_wire_mutable(from->headers[i].name),
            .value = sv_wire_mutable(from->headers[i].value),
        };
        ret->headers[i] = &entries[i];
    }
    ret->n_headers = n;
    return true;
}

static bool subtitles_to(struct sv_arena *a, const synctv_movie *from, Synctv__Movie *ret)
{
    size_t n = from->n_subtitles;
    if (n == 0)
        return true;
    ret->subtitles = sv_arena_array(a, n, sizeof(ret->subtitles[0]));
    Synctv__Subtitle *entries = sv_arena_array(a, n, sizeof(*entries));
    if (ret->subtitles == NULL || entries == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        entries[i] = (Synctv__Subtitle){
            .base = PROTOBUF_C_MESSAGE_INIT(&synctv__subtitle__descriptor),
            .name = sv_wire_mutable(from->subtitles[i].name),
            .url = sv_wire_mutable(from->subtitles[i].url),
            .format = sv_wire_mutable(from->subtitles[i].format),
        };
        ret->subtitles[i] = &entries[i];
    }
    ret->n_subtitles = n;
    return true;
}

bool sv_wire_movie_to(struct sv_arena *a, const synctv_movie *from, Synctv__Movie *ret)
{
    *ret = (Synctv__Movie){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__movie__descriptor),
        .id = sv_wire_mutable(from->id),
        .room_id = sv_wire_mutable(from->room_id),
        .name = sv_wire_mutable(from->name),
        .url = sv_wire_mutable(from->url),
        .type = (Synctv__MovieType)from->type,
        .duration = from->duration_s,
        .position = from->position,
        .added_by = sv_wire_mutable(from->added_by),
        .created_at = from->created_at_ms,
        .stream_key = sv_wire_mutable(from->stream_key),
        .live = from->live,
    };
    return headers_to(a, from, ret) && subtitles_to(a, from, ret);
}

void sv_wire_state_from(const Synctv__Client__RoomStateUpdate *m, synctv_playback *ret)
{
    *ret = (synctv_playback){
        .room_id = m->room_id,
        .movie_id = m->movie_id,
        .status = (synctv_playback_status)m->status,
        .position_s = m->current_time,
        .rate = m->rate,
        .updated_at_ms = m->updated_at,
        .version = m->version,
        .cause = (synctv_state_cause)m->cause,
        .actor_id = m->actor_id,
        .operation_id = m->operation_id,
        .node_id = m->node_id,
    };
}

void sv_wire_state_to(const synctv_playback *from, Synctv__Client__RoomStateUpdate *ret)
{
    *ret = (Synctv__Client__RoomStateUpdate){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__client__room_state_update__descriptor),
        .room_id = sv_wire_mutable(from->room_id),
        .movie_id = sv_wire_mutable(from->movie_id),
        .status = (Synctv__Client__PlaybackStatus)from->status,
        .current_time = from->position_s,
        .rate = from->rate,
        .updated_at = from->updated_at_ms,
        .version = from->version,
        .cause = (Synctv__Client__StateCause)from->cause,
        .actor_id = sv_wire_mutable(from->actor_id),
        .operation_id = sv_wire_mutable(from->operation_id),
        .node_id = sv_wire_mutable(from->node_id),
    };
}

void sv_wire_chat_from(const Synctv__Client__ChatBroadcast *m, synctv_chat *ret)
{
    *ret = (synctv_chat){
        .room_id = m->room_id,
        .message_id = m->message_id,
        .user_id = m->user_id,
        .username = m->username,
        .content = m->content,
        .timestamp_ms = m->timestamp,
        .seq = m->seq,
        .client_message_id = m->client_message_id,
    };
}

void sv_wire_chat_to(const synctv_chat *from, Synctv__Client__ChatBroadcast *ret)
{
    *ret = (Synctv__Client__ChatBroadcast){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__client__chat_broadcast__descriptor),
        .room_id = sv_wire_mutable(from->room_id),
        .message_id = sv_wire_mutable(from->message_id),
        .user_id = sv_wire_mutable(from->user_id),
        .username = sv_wire_mutable(from->username),
        .content = sv_wire_mutable(from->content),
        .timestamp = from->timestamp_ms,
        .seq = from->seq,
        .client_message_id = sv_wire_mutable(from->client_message_id),
    };
}

void sv_wire_danmaku_from(const Synctv__Client__DanmakuBroadcast *m, synctv_danmaku *ret)
{
    *ret = (synctv_danmaku){
        .room_id = m->room_id,
        .message_id = m->message_id,
        .user_id = m->user_id,
        .username = m->username,
        .content = m->content,
        .video_time_s = m->video_time,
        .position = (synctv_danmaku_position)m->position,
        .color = m->color,
        .font_size = m->font_size,
        .timestamp_ms = m->timestamp,
    };
}

void sv_wire_danmaku_to(const synctv_danmaku *from, Synctv__Client__DanmakuBroadcast *ret)
{
    *ret = (Synctv__Client__DanmakuBroadcast){
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__client__danmaku_broadcast__descriptor),
        .room_id = sv_wire_mutable(from->room_id),
        .message_id = sv_wire_mutable(from->message_id),
        .user_id = sv_wire_mutable(from->user_id),
        .username = sv_wire_mutable(from->username),
        .content = sv_wire_mutable(from->content),
        .video_time = from->video_time_s,
        .position = (Synctv__Client__DanmakuPosition)from->position,
        .color = sv_wire_mutable(from->color),
        .font_size = from->font_size,
        .timestamp = from->timestamp_ms,
    };
}
