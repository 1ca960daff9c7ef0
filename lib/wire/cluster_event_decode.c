/* SPDX-License-Identifier: MIT */
/* Decodes events. What comes from another node is believed only as far as it was checked here. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster.pb-c.h"
#include "cluster/mesh.h"
#include "core/playback.h"
#include "core/validate.h"
#include "wire/check.h"
#include "wire/cluster_event.h"
#include "wire/convert.h"
#include "wire/result.h"
#include "wire/room_json.h"
#include "wire/unpack.h"

/* So many bytes may be made of each byte of a message with all that is packed in it, and more. */
#define ARENA_FACTOR 24
#define ARENA_SPARE (512 * 1024)

#define VERSION_MAX_BYTES 64
#define STREAM_KEY_MAX_BYTES 64

/* The first error ends the decoding: rv < 0 is kept. */
#define AND(rv, check)                                                                             \
    do {                                                                                           \
        if ((rv) == 0)                                                                             \
            (rv) = (check);                                                                        \
    } while (0)

/* An event in the making. */
struct decoding {
    struct sv_arena *a;
    struct sv_cluster_event event;
    synctv_error *err;
};

static int no_memory(const struct decoding *d)
{
    return sv_error(d->err, SYNCTV_E_NO_MEMORY);
}

static bool is_known(const ProtobufCEnumDescriptor *desc, int value)
{
    return protobuf_c_enum_descriptor_get_value(desc, value) != NULL;
}

/* The field of the event in which something packed was refused. */
static int within(int rv, const char *field, synctv_error *err)
{
    if (rv != SYNCTV_E_INVALID_ARGUMENT || err == NULL)
        return rv;
    char why[sizeof(err->message)];
    snprintf(why, sizeof(why), "%s", err->message);
    sv_utf8_trim(why);
    return sv_error_field(err, field, "%s", why);
}

static int count(const struct decoding *d, uint64_t value, const char *field)
{
    return value <= INT64_MAX ? 0 : sv_error_field(d->err, field, "is out of range");
}

static int text(const struct decoding *d, const char *value, size_t code_points, const char *field)
{
    return sv_wire_check_text(value, code_points * SV_WIRE_CODE_POINT_BYTES, field, d->err);
}

static int username(const struct decoding *d, const char *value, const char *field)
{
    return text(d, value, SV_USERNAME_MAX, field);
}

static int room_id_from(struct decoding *d, const char *room_id, const char *field)
{
    d->event.room_id = room_id;
    return sv_wire_check_id(room_id, field, d->err);
}

/* What is of a room names the same room, or none. */
static int same_room(const struct decoding *d, const char *room_id, const char *field)
{
    return sv_str_empty(room_id) || strcmp(room_id, d->event.room_id) == 0
        ? 0
        : sv_error_field(d->err, field, "is another room");
}

/* The room is to be read. */
static int reread(struct decoding *d)
{
    d->event.kind = SV_CLUSTER_CHANGE;
    d->event.change = (struct sv_cluster_change){
        .revision = d->event.change.revision,
        .actor_id = "",
        .reason = "",
        .reread = true,
    };
    return 0;
}

static int unknown(struct decoding *d)
{
    d->event.kind = SV_CLUSTER_UNKNOWN;
    return 0;
}

/* ---- Of the link ---- */

static int hello_from(struct decoding *d, const Synctv__Cluster__LinkHello *m)
{
    d->event.kind = SV_CLUSTER_HELLO;
    d->event.hello = (struct sv_cluster_hello){
        .epoch = (int64_t)m->epoch,
        .session = m->session,
        .now_ms = m->now,
        .version = m->version,
    };
    int rv = sv_wire_check_epoch(m->epoch, "hello.epoch", d->err);
    AND(rv, sv_wire_check_time(m->now, "hello.now", d->err));
    AND(rv, sv_wire_check_text(m->version, VERSION_MAX_BYTES, "hello.version", d->err));
    return rv;
}

static int bye_from(struct decoding *d, const Synctv__Cluster__LinkBye *m)
{
    d->event.kind = SV_CLUSTER_BYE;
    d->event.reason = m->reason;
    return text(d, m->reason, SV_REASON_MAX, "bye.reason");
}

static int interest_from(struct decoding *d, const Synctv__Cluster__RoomInterest *m)
{
    d->event.kind = SV_CLUSTER_INTEREST;
    d->event.all = m->all;
    d->event.barrier = m->barrier;
    if (m->n_rooms > SV_MESH_INTERESTS_MAX)
        return sv_error(d->err, SYNCTV_E_TOO_LARGE);
    struct sv_cluster_interest *list = sv_arena_array(d->a, m->n_rooms, sizeof(*list));
    if (list == NULL)
        return no_memory(d);
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < m->n_rooms; i++) {
        const Synctv__Cluster__Interest *from = m->rooms[i];
        list[i] = (struct sv_cluster_interest){ from->room_id, from->on, from->online };
        AND(rv, sv_wire_check_id(from->room_id, "interest.rooms.room_id", d->err));
        AND(rv, sv_wire_check_int(from->online, INT32_MAX, "interest.rooms.online", d->err));
    }
    d->event.interests = list;
    d->event.n_interests = m->n_rooms;
    return rv;
}

/* ---- Of a room: who is online, the snapshot ---- */

/* Those that name no room are of the event's. */
static int presences_from(struct decoding *d, Synctv__Cluster__Presence *const *from, size_t n)
{
    struct sv_cluster_presence *list = sv_arena_array(d->a, n, sizeof(*list));
    if (list == NULL)
        return no_memory(d);
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < n; i++) {
        bool named = from[i]->room_id[0] != '\0';
        list[i] = (struct sv_cluster_presence){
            .room_id = named ? from[i]->room_id : d->event.room_id,
            .user_id = from[i]->user_id,
            .username = from[i]->username,
            .online = from[i]->online,
            .since_ms = from[i]->since,
        };
        AND(rv, sv_wire_check_id(list[i].room_id, "presences.room_id", d->err));
        AND(rv, sv_wire_check_id(list[i].user_id, "presences.user_id", d->err));
        AND(rv, username(d, list[i].username, "presences.username"));
        AND(rv, sv_wire_check_time(list[i].since_ms, "presences.since", d->err));
    }
    d->event.presences = list;
    d->event.n_presences = n;
    return rv;
}

static int presence_from(struct decoding *d, const Synctv__Cluster__PresenceEvent *m)
{
    d->event.kind = SV_CLUSTER_PRESENCE;
    int rv = presences_from(d, m->presences, m->n_presences);
    if (rv < 0 || m->n_presences == 0)
        return rv;
    /* Of the room that all of them are of. */
    const char *room_id = d->event.presences[0].room_id;
    for (size_t i = 1; i < m->n_presences; i++)
        if (strcmp(d->event.presences[i].room_id, room_id) != 0)
            return 0;
    d->event.room_id = room_id;
    return 0;
}

/* *ret_known = it says something that we know. */
static int state_from(struct decoding *d, ProtobufCBinaryData from, const char *field,
    bool *ret_known)
{
    synctv_playback *state = sv_arena_alloc(d->a, sizeof(*state));
    if (state == NULL)
        return no_memory(d);
    int rv = sv_wire_playback_decode(from.data, from.len, d->a, state, d->err);
    if (rv < 0)
        return within(rv, field, d->err);
    *ret_known = state->status == SYNCTV_PLAYBACK_STATUS_PAUSED ||
        state->status == SYNCTV_PLAYBACK_STATUS_PLAYING;
    if (!*ret_known)
        return 0;
    if (!is_known(&synctv__client__state_cause__descriptor, (int)state->cause))
        state->cause = SYNCTV_STATE_CAUSE_UNSPECIFIED;
    struct sv_playback_state loaded;
    rv = sv_playback_load(state, &loaded, d->err);
    AND(rv, same_room(d, state->room_id, "room_id"));
    AND(rv, sv_wire_check_time(state->updated_at_ms, "updated_at", d->err));
    AND(rv, sv_wire_check_maybe_id(state->actor_id, "actor_id", d->err));
    AND(rv,
        sv_wire_check_text(state->operation_id, SV_MESSAGE_ID_MAX_BYTES, "operation_id", d->err));
    state->room_id = d->event.room_id;
    d->event.state = state;
    return within(rv, field, d->err);
}

static int snapshot_from(struct decoding *d, const Synctv__Cluster__RoomSnapshot *m)
{
    bool known = true;
    d->event.kind = SV_CLUSTER_SNAPSHOT;
    d->event.revision = m->revision;
    d->event.chat_seq = m->chat_seq;
    d->event.barrier = m->barrier;
    int rv = room_id_from(d, m->room_id, "snapshot.room_id");
    AND(rv, count(d, m->revision, "snapshot.revision"));
    AND(rv, count(d, m->chat_seq, "snapshot.chat_seq"));
    for (size_t i = 0; rv == 0 && i < m->n_presences; i++)
        rv = same_room(d, m->presences[i]->room_id, "snapshot.presences.room_id");
    AND(rv, presences_from(d, m->presences, m->n_presences));
    if (m->state.len > 0)
        AND(rv, state_from(d, m->state, "snapshot.state", &known));
    return rv; /* without a state that we do not know */
}

/* ---- Of a room: its rows ---- */

static int row_from(struct decoding *d, ProtobufCBinaryData from)
{
    synctv_room *room = sv_arena_alloc(d->a, sizeof(*room));
    if (room == NULL)
        return no_memory(d);
    int rv = sv_wire_room_json_decode(from.data, from.len, d->a, room, d->err);
    if (rv < 0)
        return within(rv, "room.data", d->err);
    AND(rv, same_room(d, room->id, "id"));
    AND(rv, text(d, room->name, SV_ROOM_NAME_MAX, "name"));
    AND(rv, text(d, room->description, SV_ROOM_DESCRIPTION_MAX, "description"));
    AND(rv, sv_wire_check_maybe_id(room->creator_id, "creatorId", d->err));
    AND(rv, sv_wire_check_time(room->created_at_ms, "createdAt", d->err));
    AND(rv, count(d, room->revision, "revision"));
    if (rv < 0)
        return within(rv, "room.data", d->err);
    if (room->settings == NULL)
        return reread(d);
    if (!is_known(&synctv__auto_advance__descriptor, (int)room->settings->auto_advance))
        return unknown(d);
    rv = sv_wire_check_int(room->settings->max_members, INT32_MAX, "settings.maxMembers", d->err);
    room->id = d->event.room_id;
    d->event.change.room = room;
    return within(rv, "room.data", d->err);
}

static int movie_from(struct decoding *d, const Synctv__Movie *m)
{
    synctv_movie *movie = sv_arena_alloc(d->a, sizeof(*movie));
    if (movie == NULL || !sv_wire_movie_from(d->a, m, movie))
        return no_memory(d);
    if (!is_known(&synctv__movie_type__descriptor, (int)movie->type))
        return unknown(d);
    if (sv_movie_weight(movie) > SV_MOVIE_MAX_BYTES || movie->n_headers > SV_HEADERS_MAX ||
        movie->n_subtitles > SV_SUBTITLES_MAX)
        return sv_error_field(d->err, "change.movie", "is too large");
    int rv = sv_wire_check_id(movie->id, "change.movie.id", d->err);
    AND(rv, same_room(d, movie->room_id, "change.movie.room_id"));
    AND(rv, sv_wire_check_double(movie->duration_s, DBL_MAX, "change.movie.duration", d->err));
    AND(rv, sv_wire_check_int(movie->position, SV_MOVIES_MAX - 1, "change.movie.position", d->err));
    AND(rv, sv_wire_check_maybe_id(movie->added_by, "change.movie.added_by", d->err));
    AND(rv, sv_wire_check_time(movie->created_at_ms, "change.movie.created_at", d->err));
    AND(rv,
        sv_wire_check_text(movie->stream_key, STREAM_KEY_MAX_BYTES, "change.movie.stream_key",
            d->err));
    movie->room_id = d->event.room_id;
    d->event.change.movie = movie;
    return rv;
}

static int list_from(struct decoding *d, const Synctv__Cluster__RoomChange *m)
{
    if (!is_known(&synctv__client__list_change__descriptor, (int)m->list_change))
        return unknown(d);
    d->event.change.list_change = (synctv_list_change)m->list_change;
    if (m->movie == NULL)
        return m->list_change == SYNCTV__CLIENT__LIST_CHANGE__LIST_CHANGE_CLEARED
            ? 0
            : sv_error_field(d->err, "change.movie", "is missing");
    int rv = movie_from(d, m->movie);
    if (rv < 0 || d->event.kind == SV_CLUSTER_UNKNOWN)
        return rv;
    return m->position == m->movie->position
        ? 0
        : sv_error_field(d->err, "change.position", "is not that of the movie");
}

/* What changes of rows and of members share. */
static int change_from(struct decoding *d, const Synctv__Cluster__RoomChange *m)
{
    d->event.kind = SV_CLUSTER_CHANGE;
    d->event.change.revision = m->revision;
    d->event.change.actor_id = m->actor_id;
    d->event.change.reason = m->reason;
    d->event.change.reread = m->reread;
    int rv = count(d, m->revision, "change.revision");
    AND(rv, sv_wire_check_maybe_id(m->actor_id, "change.actor_id", d->err));
    AND(rv, text(d, m->reason, SV_REASON_MAX, "change.reason"));
    return rv;
}

static int room_from(struct decoding *d, const Synctv__Cluster__RoomEvent *m,
    const Synctv__Cluster__RoomChange *change)
{
    int rv = room_id_from(d, m->room_id, "room.room_id");
    if (rv < 0)
        return rv;
    if (!is_known(&synctv__cluster__room_event__type__descriptor, (int)m->type))
        return unknown(d);
    if (change == NULL)
        return reread(d);
    rv = change_from(d, change);
    if (rv < 0)
        return rv;
    if (m->type == SYNCTV__CLUSTER__ROOM_EVENT__TYPE__DELETED) {
        d->event.change.deleted = true;
        return 0;
    }
    if (m->data.len > 0)
        return row_from(d, m->data);
    if (change->list_change != SYNCTV__CLIENT__LIST_CHANGE__LIST_CHANGE_UNSPECIFIED)
        return list_from(d, change);
    d->event.change.reread = true; /* nothing says what has changed */
    return 0;
}

static int check_member(struct decoding *d, const synctv_member *member, const char *user_id)
{
    int rv = sv_wire_check_id(member->user_id, "user_id", d->err);
    if (rv == 0 && strcmp(member->user_id, user_id) != 0)
        rv = sv_error_field(d->err, "user_id", "is another user");
    AND(rv, same_room(d, member->room_id, "room_id"));
    AND(rv, username(d, member->username, "username"));
    AND(rv, sv_wire_check_time(member->joined_at_ms, "joined_at", d->err));
    return rv;
}

static int member_row_from(struct decoding *d, const Synctv__Member *m, const char *user_id,
    const char *field)
{
    synctv_member *member = sv_arena_alloc(d->a, sizeof(*member));
    if (member == NULL)
        return no_memory(d);
    sv_wire_member_from(m, member);
    if (!is_known(&synctv__room_role__descriptor, (int)member->role) ||
        !is_known(&synctv__member_status__descriptor, (int)member->status))
        return unknown(d);
    int rv = check_member(d, member, user_id);
    member->room_id = d->event.room_id;
    d->event.change.member = member;
    return within(rv, field, d->err);
}

static int member_from(struct decoding *d, const Synctv__Cluster__MemberEvent *m,
    const Synctv__Cluster__RoomChange *change)
{
    int rv = room_id_from(d, m->room_id, "member.room_id");
    AND(rv, sv_wire_check_id(m->user_id, "member.user_id", d->err));
    if (rv < 0)
        return rv;
    if (!is_known(&synctv__cluster__member_event__type__descriptor, (int)m->type))
        return unknown(d);
    if (change == NULL)
        return reread(d);
    rv = change_from(d, change);
    AND(rv, sv_wire_check_time(change->kicked_until, "change.kicked_until", d->err));
    if (rv < 0)
        return rv;
    if (!is_known(&synctv__client__member_change__descriptor, (int)change->member_change))
        return unknown(d);
    d->event.change.member_change = (synctv_member_change)change->member_change;
    d->event.change.kicked_until_ms = change->kicked_until;
    if (change->member != NULL)
        return member_row_from(d, change->member, m->user_id, "change.member");
    /* Its row was removed: `data` has the member as it was. */
    const void *unpacked;
    rv = sv_wire_unpack(&synctv__member__descriptor, m->data.data, m->data.len,
        SV_WIRE_RAWCHECK_LENIENT, d->a, &unpacked, d->err);
    if (rv < 0)
        return within(rv, "member.data", d->err);
    d->event.change.member_gone = true;
    return member_row_from(d, unpacked, m->user_id, "member.data");
}

/* ---- Of a room: playback, chat, danmaku, votes ---- */

static int playback_from(struct decoding *d, const Synctv__Cluster__PlaybackEvent *m)
{
    d->event.kind = SV_CLUSTER_STATE;
    int rv = room_id_from(d, m->room_id, "playback.room_id");
    if (rv < 0)
        return rv;
    if (m->data.len == 0)
        return reread(d);
    bool known = true;
    rv = state_from(d, m->data, "playback.data", &known);
    return rv < 0 || known ? rv : unknown(d);
}

static int chat_from(struct decoding *d, const Synctv__Cluster__ChatEvent *m)
{
    d->event.kind = SV_CLUSTER_CHAT;
    int rv = room_id_from(d, m->room_id, "chat.room_id");
    if (rv < 0)
        return rv;
    if (m->seq == 0)
        return reread(d);
    synctv_chat *chat = sv_arena_alloc(d->a, sizeof(*chat));
    if (chat == NULL)
        return no_memory(d);
    *chat = (synctv_chat){
        .room_id = m->room_id,
        .message_id = m->message_id,
        .user_id = m->user_id,
        .username = m->username,
        .content = m->content,
        .timestamp_ms = m->timestamp,
        .seq = m->seq,
        .client_message_id = m->client_message_id,
    };
    d->event.chat = chat;
    AND(rv, sv_wire_check_id(m->message_id, "chat.message_id", d->err));
    AND(rv, sv_wire_check_id(m->user_id, "chat.user_id", d->err));
    AND(rv, username(d, m->username, "chat.username"));
    AND(rv, text(d, m->content, SV_CHAT_MAX, "chat.content"));
    AND(rv, sv_wire_check_time(m->timestamp, "chat.timestamp", d->err));
    AND(rv, count(d, m->seq, "chat.seq"));
    AND(rv,
        sv_wire_check_text(m->client_message_id, SV_MESSAGE_ID_MAX_BYTES, "chat.client_message_id",
            d->err));
    return rv;
}

static int check_danmaku(const struct decoding *d, const Synctv__Client__DanmakuBroadcast *m)
{
    int rv = same_room(d, m->room_id, "room_id");
    AND(rv, sv_wire_check_id(m->room_id, "room_id", d->err));
    AND(rv, sv_wire_check_id(m->message_id, "message_id", d->err));
    AND(rv, sv_wire_check_id(m->user_id, "user_id", d->err));
    AND(rv, username(d, m->username, "username"));
    AND(rv, text(d, m->content, SV_DANMAKU_MAX, "content"));
    AND(rv, sv_wire_check_double(m->video_time, DBL_MAX, "video_time", d->err));
    AND(rv, sv_wire_check_text(m->color, sizeof("#RRGGBB") - 1, "color", d->err));
    AND(rv, sv_wire_check_int(m->font_size, SV_DANMAKU_SIZE_MAX, "font_size", d->err));
    AND(rv, sv_wire_check_time(m->timestamp, "timestamp", d->err));
    return rv;
}

static int check_chat_deleted(const struct decoding *d, const Synctv__Client__ChatDeleted *m)
{
    int rv = same_room(d, m->room_id, "room_id");
    AND(rv, sv_wire_check_id(m->room_id, "room_id", d->err));
    AND(rv, sv_wire_check_id(m->message_id, "message_id", d->err));
    AND(rv, sv_wire_check_maybe_id(m->actor_id, "actor_id", d->err));
    AND(rv, count(d, m->seq, "seq"));
    return rv;
}

static int relay_from(struct decoding *d, const Synctv__Cluster__RoomRelay *m)
{
    d->event.kind = SV_CLUSTER_RELAY;
    int rv = room_id_from(d, m->room_id, "relay.room_id");
    if (rv < 0)
        return rv;
    const void *unpacked;
    rv = sv_wire_unpack(&synctv__client__server_message__descriptor, m->message.data,
        m->message.len, SV_WIRE_RAWCHECK_LENIENT, d->a, &unpacked, d->err);
    if (rv < 0)
        return within(rv, "relay.message", d->err);
    const Synctv__Client__ServerMessage *message = unpacked;
    if (message->payload_case == SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_DANMAKU)
        rv = check_danmaku(d, message->danmaku);
    else if (message->payload_case == SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_CHAT_DELETED)
        rv = check_chat_deleted(d, message->chat_deleted);
    else
        return unknown(d);
    d->event.message = m->message.data;
    d->event.message_len = m->message.len;
    return within(rv, "relay.message", d->err);
}

static int vote_from(struct decoding *d, const Synctv__Cluster__PlaybackVote *m)
{
    d->event.kind = SV_CLUSTER_VOTE;
    d->event.vote = (struct sv_cluster_vote){
        .user_id = m->user_id,
        .version = m->version,
        .ended = m->ended,
        .duration_s = m->duration,
        .position_s = m->position,
    };
    int rv = room_id_from(d, m->room_id, "vote.room_id");
    AND(rv, sv_wire_check_id(m->user_id, "vote.user_id", d->err));
    AND(rv, count(d, m->version, "vote.version"));
    AND(rv, sv_wire_check_double(m->duration, DBL_MAX, "vote.duration", d->err));
    AND(rv, sv_wire_check_double(m->position, DBL_MAX, "vote.position", d->err));
    return rv;
}

/* ---- Of a user ---- */

static int session_from(struct decoding *d, const Synctv__Cluster__SessionEvent *m)
{
    d->event.kind = SV_CLUSTER_SESSION;
    d->event.session_id = m->session_id;
    d->event.user_id = m->user_id;
    d->event.all_sessions = m->all_sessions;
    int rv = m->all_sessions ? sv_wire_check_maybe_id(m->session_id, "session.session_id", d->err)
                             : sv_wire_check_id(m->session_id, "session.session_id", d->err);
    AND(rv,
        m->all_sessions ? sv_wire_check_id(m->user_id, "session.user_id", d->err)
                        : sv_wire_check_maybe_id(m->user_id, "session.user_id", d->err));
    return rv;
}

/* ---- All ---- */

static int payload_from(struct decoding *d, const Synctv__Cluster__ClusterEvent *m)
{
    switch (m->payload_case) {
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_ROOM:
        return room_from(d, m->room, m->change);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_PLAYBACK:
        return playback_from(d, m->playback);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_MEMBER:
        return member_from(d, m->member, m->change);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_CHAT:
        return chat_from(d, m->chat);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_SESSION:
        return session_from(d, m->session);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_RELAY:
        return relay_from(d, m->relay);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_PRESENCE:
        return presence_from(d, m->presence);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_HELLO:
        return hello_from(d, m->hello);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_INTEREST:
        return interest_from(d, m->interest);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_SNAPSHOT:
        return snapshot_from(d, m->snapshot);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_VOTE:
        return vote_from(d, m->vote);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_BYE:
        return bye_from(d, m->bye);
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_BATCH:
        return sv_error_field(d->err, "batch.events.batch", "is a batch in a batch");
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_LIVE:
    case SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD__NOT_SET:
    default:
        return unknown(d);
    }
}

static int event_from(struct sv_arena *a, const Synctv__Cluster__ClusterEvent *m,
    void (*each)(void *userdata, const struct sv_cluster_event *event), void *userdata,
    synctv_error *err)
{
    struct decoding d = { .a = a, .err = err };
    d.event = (struct sv_cluster_event){
        .node_id = m->node_id,
        .timestamp_ms = m->timestamp,
        .sequence = m->sequence,
        .room_id = "",
    };
    int rv = sv_wire_check_node_id(m->node_id, "node_id", err);
    AND(rv, sv_wire_check_time(m->timestamp, "timestamp", err));
    AND(rv, payload_from(&d, m));
    if (rv == 0)
        each(userdata, &d.event);
    return rv;
}

static int message_from(struct sv_arena *a, const void *data, size_t len,
    void (*each)(void *userdata, const struct sv_cluster_event *event), void *userdata,
    synctv_error *err)
{
    const void *unpacked;
    int rv = sv_wire_unpack(&synctv__cluster__cluster_event__descriptor, data, len,
        SV_WIRE_RAWCHECK_LENIENT, a, &unpacked, err);
    if (rv < 0)
        return rv;
    const Synctv__Cluster__ClusterEvent *m = unpacked;
    if (m->payload_case != SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_BATCH)
        return event_from(a, m, each, userdata, err);
    if (m->batch->n_events > SV_WIRE_BATCH_MAX)
        return sv_error(err, SYNCTV_E_TOO_LARGE);
    for (size_t i = 0; rv == 0 && i < m->batch->n_events; i++)
        rv = event_from(a, m->batch->events[i], each, userdata, err);
    return rv;
}

int sv_wire_cluster_event_decode(const void *data, size_t len, struct sv_arena *a,
    void (*each)(void *userdata, const struct sv_cluster_event *event), void *userdata,
    synctv_error *err)
{
    size_t limit_before = a->limit_bytes, limit;
    if (__builtin_mul_overflow(len, ARENA_FACTOR, &limit) ||
        __builtin_add_overflow(limit, ARENA_SPARE + a->used_bytes, &limit))
        limit = SIZE_MAX;
    if (limit_before == 0 || limit < limit_before)
        a->limit_bytes = limit;
    int rv = message_from(a, data, len, each, userdata, err);
    a->limit_bytes = limit_before;
    return rv;
}
