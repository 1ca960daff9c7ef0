/* SPDX-License-Identifier: MIT */
/* What nodes tell each other, to bytes and back, and what comes from a hostile one. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.pb-c.h"
#include "cluster/mesh.h"
#include "wire/cluster_event.h"
#include "wire/event.h"
#include "wire/room_json.h"

#define ROOM "room-0000001"
#define OTHER_ROOM "room-0000002"
#define USER "user-0000001"
#define MOVIE "movie-000001"
#define TIME_MS INT64_C(1700000000123)

/* ---- Events with every field set ---- */

static const synctv_room_settings settings = {
    .hidden = true,
    .allow_guests = true,
    .require_approval = true,
    .pause_when_empty = true,
    .max_members = 77,
    .default_member_permissions = 1,
    .default_admin_permissions = UINT64_C(1) << 63,
    .guest_permissions = 3,
    .auto_advance = SYNCTV_AUTO_ADVANCE_SHUFFLE,
};
static const synctv_room room = {
    .id = ROOM,
    .name = "Kino \"é\" \\ \xf0\x9f\x8e\xac",
    .description = "two\nlines",
    .creator_id = USER,
    .settings = &settings,
    .has_password = true,
    .created_at_ms = TIME_MS,
    .revision = UINT64_C(9007199254740993),
};
static const synctv_member member = {
    .room_id = ROOM,
    .user_id = USER,
    .username = "Zoë",
    .role = SYNCTV_ROOM_ROLE_ADMIN,
    .status = SYNCTV_MEMBER_STATUS_ACTIVE,
    .added_permissions = 1,
    .removed_permissions = 2,
    .permissions = UINT64_MAX,
    .online = true,
    .joined_at_ms = TIME_MS,
};
static const synctv_header header = { "Referer", "https://example.org" };
static const synctv_subtitle subtitle = { "en", "https://example.org/en.srt", "srt" };
static const synctv_movie movie = {
    .id = MOVIE,
    .room_id = ROOM,
    .name = "A movie",
    .url = "https://example.org/a.mp4",
    .type = SYNCTV_MOVIE_TYPE_LIVE,
    .duration_s = 12.5,
    .position = 7,
    .added_by = USER,
    .created_at_ms = TIME_MS,
    .headers = &header,
    .n_headers = 1,
    .subtitles = &subtitle,
    .n_subtitles = 1,
    .stream_key = ROOM "." MOVIE,
    .live = true,
};
static const synctv_playback state = {
    .room_id = ROOM,
    .movie_id = MOVIE,
    .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
    .position_s = 1.25,
    .rate = 1.5,
    .updated_at_ms = TIME_MS,
    .version = 99,
    .cause = SYNCTV_STATE_CAUSE_SEEK,
    .actor_id = USER,
    .operation_id = "op",
    .node_id = "end-0000000000000007",
};
static const synctv_chat chat = {
    .room_id = ROOM,
    .message_id = "msg-00000001",
    .user_id = USER,
    .username = "Zoë",
    .content = "hello",
    .timestamp_ms = TIME_MS,
    .seq = 4,
    .client_message_id = "c1",
};
static const struct sv_cluster_interest interests[] = { { ROOM, true, 3 },
    { OTHER_ROOM, false, 0 } };
static const struct sv_cluster_presence presences[] = {
    { ROOM, USER, "Zoë", true, TIME_MS },
    { ROOM, "user-0000002", "", false, 0 },
};

#define EVENT(kind_, ...)                                                                          \
    {                                                                                              \
        .kind = SV_CLUSTER_##kind_, .node_id = "node.a", .timestamp_ms = TIME_MS, __VA_ARGS__      \
    }
#define OF_ROOM .room_id = ROOM
#define CHANGED .revision = 12, .actor_id = USER, .reason = "why"

static const struct sv_cluster_event events[] = {
    EVENT(HELLO, .hello = { .epoch = 5, .session = 6, .now_ms = TIME_MS, .version = "1.2" }),
    EVENT(BYE, .reason = "stopping"),
    EVENT(INTEREST, .interests = interests, .n_interests = 2, .all = true, .barrier = 8),
    EVENT(SNAPSHOT, OF_ROOM, .barrier = 8, .revision = 12, .chat_seq = 4, .presences = presences,
        .n_presences = 2, .state = &state),
    EVENT(SNAPSHOT, OF_ROOM),
    EVENT(PRESENCE, OF_ROOM, .presences = presences, .n_presences = 2),
    EVENT(CHANGE, OF_ROOM, .change = { CHANGED, .deleted = true }),
    EVENT(CHANGE, OF_ROOM, .change = { CHANGED, .room = &room }),
    EVENT(CHANGE, OF_ROOM, .change = { CHANGED, .room = &room, .reread = true }),
    EVENT(CHANGE, OF_ROOM,
        .change = { CHANGED, .member = &member, .member_change = SYNCTV_MEMBER_CHANGE_JOINED }),
    EVENT(CHANGE, OF_ROOM,
        .change = { CHANGED, .member = &member, .member_change = SYNCTV_MEMBER_CHANGE_ROLE }),
    EVENT(CHANGE, OF_ROOM, .change = { CHANGED, .member = &member }),
    EVENT(CHANGE, OF_ROOM,
        .change = { CHANGED, .member = &member, .member_gone = true, .kicked_until_ms = TIME_MS,
            .member_change = SYNCTV_MEMBER_CHANGE_KICKED }),
    EVENT(CHANGE, OF_ROOM,
        .change = { CHANGED, .list_change = SYNCTV_LIST_CHANGE_MOVED, .movie = &movie }),
    EVENT(CHANGE, OF_ROOM, .change = { CHANGED, .list_change = SYNCTV_LIST_CHANGE_CLEARED }),
    EVENT(CHANGE, OF_ROOM, .change = { .revision = 12, .reread = true }),
    EVENT(STATE, OF_ROOM, .state = &state),
    EVENT(CHAT, OF_ROOM, .chat = &chat),
    EVENT(VOTE, OF_ROOM,
        .vote = { USER, .version = 99, .ended = true, .duration_s = 12.5, .position_s = 12 }),
    EVENT(SESSION, .session_id = "session-0001", .user_id = USER),
    EVENT(SESSION, .user_id = USER, .all_sessions = true),
};
#define N_EVENTS (sizeof(events) / sizeof(events[0]))

/* ---- Tools ---- */

static struct sv_wire_bytes encode(const struct sv_cluster_event *event)
{
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_cluster_event_encode(event, sv_wire_bytes_alloc, &bytes, NULL), 0);
    return bytes;
}

static struct sv_wire_bytes pack(const ProtobufCMessage *message)
{
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_pack(message, sv_wire_bytes_alloc, &bytes, NULL), 0);
    return bytes;
}

struct heard {
    struct sv_arena arena;
    size_t n;
    struct sv_cluster_event events[32];
    synctv_error err;
    int rv;
};

static void hear(void *userdata, const struct sv_cluster_event *event)
{
    struct heard *h = userdata;
    if (h->n < 32)
        h->events[h->n] = *event;
    h->n++;
}

/* Give it to forget(). From a copy of that size, so that a sanitizer sees what is read past it. */
static struct heard *decode(const void *data, size_t len)
{
    struct heard *h = calloc(1, sizeof(*h));
    void *copy = sv_arena_memdup(&h->arena, data, len);
    h->rv = sv_wire_cluster_event_decode(len > 0 ? copy : NULL, len, &h->arena, hear, h, &h->err);
    return h;
}

static void forget(struct heard *h)
{
    sv_arena_fini(&h->arena);
    free(h);
}

/* What a message that was written by hand becomes: one event. */
static struct heard *heard_of(Synctv__Cluster__ClusterEvent *m)
{
    m->node_id = "node.b";
    struct sv_wire_bytes bytes = pack(&m->base);
    struct heard *h = decode(bytes.data, bytes.len);
    free(bytes.data);
    return h;
}

static void assert_heard(Synctv__Cluster__ClusterEvent *m, enum sv_cluster_event_kind kind,
    const char *room_id)
{
    struct heard *h = heard_of(m);
    ck_assert_msg(h->rv == 0, "%s", h->err.message);
    ck_assert_uint_eq(h->n, 1);
    ck_assert_int_eq(h->events[0].kind, kind);
    ck_assert_str_eq(h->events[0].room_id, room_id);
    if (kind == SV_CLUSTER_CHANGE)
        ck_assert(h->events[0].change.reread && h->events[0].change.revision == 0);
    forget(h);
}

static void assert_refused(Synctv__Cluster__ClusterEvent *m, const char *field)
{
    struct heard *h = heard_of(m);
    ck_assert_int_eq(h->rv, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(h->err.field, field);
    ck_assert_uint_eq(h->n, 0);
    forget(h);
}

#define MESSAGE(CASE, member_, payload)                                                            \
    {                                                                                              \
        .base = PROTOBUF_C_MESSAGE_INIT(&synctv__cluster__cluster_event__descriptor),              \
        .event_id = "", .node_id = "",                                                             \
        .payload_case = SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_##CASE, .member_ = (payload)       \
    }

/* ---- There and back ---- */

START_TEST(each_event_is_the_same_after_encoding_and_decoding)
{
    const struct sv_cluster_event *sent = &events[_i];
    struct sv_wire_bytes bytes = encode(sent);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_msg(h->rv == 0, "%s", h->err.message);
    ck_assert_uint_eq(h->n, 1);
    struct sv_wire_bytes again = encode(&h->events[0]);
    ck_assert_uint_eq(bytes.len, again.len);
    ck_assert_mem_eq(bytes.data, again.data, again.len);

    const struct sv_cluster_event *e = &h->events[0];
    ck_assert_int_eq(e->kind, sent->kind);
    ck_assert_str_eq(e->node_id, sent->node_id);
    ck_assert_int_eq(e->timestamp_ms, TIME_MS);
    ck_assert_str_eq(e->room_id, sent->room_id != NULL ? sent->room_id : "");
    ck_assert_int_eq(e->hello.epoch, sent->hello.epoch);
    ck_assert_uint_eq(e->n_interests, sent->n_interests);
    ck_assert_uint_eq(e->n_presences, sent->n_presences);
    ck_assert_uint_eq(e->barrier, sent->barrier);
    ck_assert_uint_eq(e->revision, sent->revision);
    ck_assert_uint_eq(e->chat_seq, sent->chat_seq);
    ck_assert_int_eq(e->all_sessions, sent->all_sessions);
    ck_assert_uint_eq(e->change.revision, sent->change.revision);
    ck_assert_int_eq(e->change.deleted, sent->change.deleted);
    ck_assert_int_eq(e->change.reread, sent->change.reread);
    ck_assert_int_eq(e->change.member_gone, sent->change.member_gone);
    ck_assert_int_eq(e->change.member_change, sent->change.member_change);
    ck_assert_int_eq(e->change.list_change, sent->change.list_change);
    ck_assert_int_eq(e->change.kicked_until_ms, sent->change.kicked_until_ms);
    ck_assert_int_eq(e->change.room != NULL, sent->change.room != NULL);
    ck_assert_int_eq(e->change.member != NULL, sent->change.member != NULL);
    ck_assert_int_eq(e->change.movie != NULL, sent->change.movie != NULL);
    ck_assert_int_eq(e->state != NULL, sent->state != NULL);
    ck_assert_int_eq(e->chat != NULL, sent->chat != NULL);
    forget(h);
    free(bytes.data);
    free(again.data);
}
END_TEST

START_TEST(a_rooms_row_comes_through_with_all_its_settings)
{
    const struct sv_cluster_event sent = EVENT(CHANGE, OF_ROOM, .change = { .room = &room });
    struct sv_wire_bytes bytes = encode(&sent);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->rv, 0);
    const synctv_room *r = h->events[0].change.room;
    ck_assert_str_eq(r->name, room.name);
    ck_assert_str_eq(r->description, room.description);
    ck_assert(r->has_password);
    ck_assert_uint_eq(r->revision, room.revision);
    ck_assert_uint_eq(r->settings->default_admin_permissions, UINT64_C(1) << 63);
    ck_assert_int_eq(r->settings->auto_advance, SYNCTV_AUTO_ADVANCE_SHUFFLE);
    ck_assert_int_eq(r->settings->max_members, 77);
    forget(h);
    free(bytes.data);
}
END_TEST

START_TEST(what_is_inside_an_event_is_of_its_room)
{
    synctv_member elsewhere = member;
    elsewhere.room_id = OTHER_ROOM;
    const struct sv_cluster_event sent = EVENT(CHANGE, OF_ROOM, .change = { .member = &elsewhere });
    struct sv_wire_bytes bytes = encode(&sent);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->rv, 0);
    ck_assert_str_eq(h->events[0].change.member->room_id, ROOM);
    forget(h);
    free(bytes.data);
}
END_TEST

START_TEST(a_room_that_was_handed_over_is_to_be_read)
{
    const struct sv_cluster_event sent =
        EVENT(CHANGE, OF_ROOM, .change = { CHANGED, .room = &room, .member = &member });
    struct sv_wire_bytes bytes = encode(&sent);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->rv, 0);
    ck_assert(h->events[0].change.reread);
    ck_assert_uint_eq(h->events[0].change.revision, 12);
    forget(h);
    free(bytes.data);
}
END_TEST

static struct sv_wire_bytes danmaku_bytes(const char *room_id)
{
    const synctv_danmaku danmaku = { room_id, "msg-00000001", USER, "Zoë", "!", 1.5,
        SYNCTV_DANMAKU_POSITION_TOP, "#FFFFFF", 25, TIME_MS };
    const synctv_event event = { .type = SYNCTV_EVENT_DANMAKU, .danmaku = &danmaku };
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_event_encode(&event, sv_wire_bytes_alloc, &bytes, NULL), 0);
    return bytes;
}

START_TEST(danmaku_travel_as_they_are_and_name_their_room)
{
    struct sv_wire_bytes message = danmaku_bytes(ROOM);
    struct sv_cluster_event sent =
        EVENT(RELAY, OF_ROOM, .message = message.data, .message_len = message.len);
    struct sv_wire_bytes bytes = encode(&sent);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_msg(h->rv == 0, "%s", h->err.message);
    ck_assert_int_eq(h->events[0].kind, SV_CLUSTER_RELAY);
    ck_assert_uint_eq(h->events[0].message_len, message.len);
    ck_assert_mem_eq(h->events[0].message, message.data, message.len);
    forget(h);
    free(bytes.data);

    sent.room_id = OTHER_ROOM;
    bytes = encode(&sent);
    h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->rv, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(h->err.field, "relay.message");
    forget(h);
    free(bytes.data);
    free(message.data);
}
END_TEST

START_TEST(an_unknown_event_does_not_travel)
{
    const struct sv_cluster_event sent = EVENT(UNKNOWN, OF_ROOM);
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_cluster_event_encode(&sent, sv_wire_bytes_alloc, &bytes, NULL),
        SYNCTV_E_UNIMPLEMENTED);
}
END_TEST

/* ---- Batches ---- */

START_TEST(a_batch_is_what_protobuf_unpacks_as_one)
{
    struct sv_wire_bytes packed[N_EVENTS];
    struct sv_wire_batch_part parts[N_EVENTS];
    for (size_t i = 0; i < N_EVENTS; i++) {
        packed[i] = encode(&events[i]);
        parts[i] = (struct sv_wire_batch_part){ packed[i].data, packed[i].len,
            (UINT64_C(1) << (3 * i)) + i };
    }
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_cluster_batch(parts, N_EVENTS, sv_wire_bytes_alloc, &bytes, NULL), 0);
    size_t most = 0;
    for (size_t i = 0; i < N_EVENTS; i++)
        most += SV_WIRE_BATCH_PART_BYTES(parts[i].len);
    ck_assert_uint_le(bytes.len, most + 11);
    Synctv__Cluster__ClusterEvent *m =
        synctv__cluster__cluster_event__unpack(NULL, bytes.len, bytes.data);
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(m->payload_case, SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_BATCH);
    ck_assert_uint_eq(m->batch->n_events, N_EVENTS);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_msg(h->rv == 0, "%s", h->err.message);
    ck_assert_uint_eq(h->n, N_EVENTS);
    for (size_t i = 0; i < N_EVENTS; i++) {
        ck_assert_uint_eq(m->batch->events[i]->sequence, parts[i].sequence);
        ck_assert_uint_eq(h->events[i].sequence, parts[i].sequence);
        ck_assert_int_eq(h->events[i].kind, events[i].kind);
        free(packed[i].data);
    }
    synctv__cluster__cluster_event__free_unpacked(m, NULL);
    forget(h);
    free(bytes.data);
}
END_TEST

START_TEST(a_single_event_travels_without_a_batch)
{
    struct sv_wire_bytes packed = encode(&events[0]), bytes;
    struct sv_wire_batch_part part = { packed.data, packed.len, UINT64_MAX };
    ck_assert_int_eq(sv_wire_cluster_batch(&part, 1, sv_wire_bytes_alloc, &bytes, NULL), 0);
    ck_assert_uint_eq(bytes.len, packed.len + SV_WIRE_SEQUENCE_MAX_BYTES);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->events[0].kind, SV_CLUSTER_HELLO);
    ck_assert_uint_eq(h->events[0].sequence, UINT64_MAX);
    forget(h);
    free(bytes.data);
    free(packed.data);
}
END_TEST

START_TEST(a_batch_in_a_batch_is_refused)
{
    Synctv__Cluster__EventBatch inner = SYNCTV__CLUSTER__EVENT_BATCH__INIT, outer = inner;
    Synctv__Cluster__ClusterEvent event = MESSAGE(BATCH, batch, &inner), *list = &event;
    event.node_id = "node.b";
    outer.n_events = 1;
    outer.events = &list;
    Synctv__Cluster__ClusterEvent m = MESSAGE(BATCH, batch, &outer);
    assert_refused(&m, "batch.events.batch");
}
END_TEST

START_TEST(a_list_that_is_too_long_is_refused)
{
    struct sv_wire_bytes packed = encode(&events[1]), bytes;
    static struct sv_wire_batch_part parts[SV_WIRE_BATCH_MAX + 1];
    for (size_t i = 0; i <= SV_WIRE_BATCH_MAX; i++)
        parts[i] = (struct sv_wire_batch_part){ packed.data, packed.len, i + 1 };
    for (size_t n = SV_WIRE_BATCH_MAX; n <= SV_WIRE_BATCH_MAX + 1; n++) {
        ck_assert_int_eq(sv_wire_cluster_batch(parts, n, sv_wire_bytes_alloc, &bytes, NULL), 0);
        struct heard *h = decode(bytes.data, bytes.len);
        ck_assert_int_eq(h->rv, n <= SV_WIRE_BATCH_MAX ? 0 : SYNCTV_E_TOO_LARGE);
        ck_assert_uint_eq(h->n, n <= SV_WIRE_BATCH_MAX ? n : 0);
        forget(h);
        free(bytes.data);
    }
    free(packed.data);

    static struct sv_cluster_interest many[SV_MESH_INTERESTS_MAX + 1];
    for (size_t i = 0; i <= SV_MESH_INTERESTS_MAX; i++)
        many[i] = interests[0];
    for (size_t n = SV_MESH_INTERESTS_MAX; n <= SV_MESH_INTERESTS_MAX + 1; n++) {
        const struct sv_cluster_event sent = EVENT(INTEREST, .interests = many, .n_interests = n);
        bytes = encode(&sent);
        struct heard *h = decode(bytes.data, bytes.len);
        ck_assert_int_eq(h->rv, n <= SV_MESH_INTERESTS_MAX ? 0 : SYNCTV_E_TOO_LARGE);
        forget(h);
        free(bytes.data);
    }
}
END_TEST

START_TEST(a_flood_of_empty_messages_stays_in_bounds)
{
    /* PresenceEvent with 100 000 presences of nothing. */
    enum { N = 100000 };
    unsigned char *data = malloc(2 * N + 16);
    unsigned char head[] = { 0x8a, 0x01, 0xc0, 0x9a, 0x0c }; /* field 17, 200 000 bytes */
    memcpy(data, head, sizeof(head));
    for (size_t i = 0; i < N; i++) {
        data[sizeof(head) + 2 * i] = 0x0a;
        data[sizeof(head) + 2 * i + 1] = 0;
    }
    struct heard *h = calloc(1, sizeof(*h));
    size_t len = sizeof(head) + 2 * N;
    ck_assert_int_lt(sv_wire_cluster_event_decode(data, len, &h->arena, hear, h, &h->err), 0);
    ck_assert_uint_le(h->arena.used_bytes, 24 * len + 512 * 1024);
    ck_assert_uint_eq(h->n, 0);
    forget(h);
    free(data);
}
END_TEST

/* ---- Newer nodes, and those that know only the specification ---- */

START_TEST(a_payload_of_a_newer_node_is_unknown)
{
    Synctv__Cluster__ClusterEvent m = MESSAGE(_NOT_SET, room, NULL);
    m.node_id = "node.b";
    struct sv_wire_bytes bytes = pack(&m.base);
    unsigned char data[64];
    memcpy(data, bytes.data, bytes.len);
    memcpy(data + bytes.len, "\xc2\x03\x01x", 4); /* field 56 */
    struct heard *h = decode(data, bytes.len + 4);
    ck_assert_int_eq(h->rv, 0);
    ck_assert_int_eq(h->events[0].kind, SV_CLUSTER_UNKNOWN);
    ck_assert_str_eq(h->events[0].room_id, "");
    forget(h);
    free(bytes.data);

    Synctv__Cluster__LiveEvent live = SYNCTV__CLUSTER__LIVE_EVENT__INIT;
    Synctv__Cluster__ClusterEvent of_live = MESSAGE(LIVE, live, &live);
    assert_heard(&of_live, SV_CLUSTER_UNKNOWN, "");
}
END_TEST

START_TEST(an_enum_value_of_a_newer_node_makes_the_event_unknown_with_its_room)
{
    Synctv__Cluster__RoomEvent of_room = SYNCTV__CLUSTER__ROOM_EVENT__INIT;
    Synctv__Cluster__RoomChange change = SYNCTV__CLUSTER__ROOM_CHANGE__INIT;
    Synctv__Movie new_movie = SYNCTV__MOVIE__INIT;
    Synctv__Cluster__ClusterEvent m = MESSAGE(ROOM, room, &of_room);
    m.change = &change;
    of_room.room_id = ROOM;
    of_room.type = 9;
    assert_heard(&m, SV_CLUSTER_UNKNOWN, ROOM);
    of_room.type = SYNCTV__CLUSTER__ROOM_EVENT__TYPE__UPDATED;
    change.list_change = 99;
    assert_heard(&m, SV_CLUSTER_UNKNOWN, ROOM);
    change.list_change = SYNCTV__CLIENT__LIST_CHANGE__LIST_CHANGE_ADDED;
    change.movie = &new_movie;
    new_movie.type = 99;
    assert_heard(&m, SV_CLUSTER_UNKNOWN, ROOM);
    const char json[] = "{\"settings\":{\"autoAdvance\":\"AUTO_ADVANCE_BACKWARDS\"}}";
    of_room.data = (ProtobufCBinaryData){ sizeof(json) - 1, (uint8_t *)json };
    assert_heard(&m, SV_CLUSTER_UNKNOWN, ROOM);

    Synctv__Cluster__MemberEvent of_member = SYNCTV__CLUSTER__MEMBER_EVENT__INIT;
    Synctv__Member row = SYNCTV__MEMBER__INIT;
    Synctv__Cluster__RoomChange of_row = SYNCTV__CLUSTER__ROOM_CHANGE__INIT;
    Synctv__Cluster__ClusterEvent n = MESSAGE(MEMBER, member, &of_member);
    of_member.room_id = ROOM;
    of_member.user_id = row.user_id = USER;
    n.change = &of_row;
    of_row.member = &row;
    of_member.type = 9;
    assert_heard(&n, SV_CLUSTER_UNKNOWN, ROOM);
    of_member.type = SYNCTV__CLUSTER__MEMBER_EVENT__TYPE__JOINED;
    of_row.member_change = 99;
    assert_heard(&n, SV_CLUSTER_UNKNOWN, ROOM);
    of_row.member_change = SYNCTV__CLIENT__MEMBER_CHANGE__MEMBER_CHANGE_JOINED;
    row.role = 99;
    assert_heard(&n, SV_CLUSTER_UNKNOWN, ROOM);
    row.role = SYNCTV__ROOM_ROLE__ROOM_ROLE_MEMBER;
    row.status = 99;
    assert_heard(&n, SV_CLUSTER_UNKNOWN, ROOM);
}
END_TEST

START_TEST(an_unknown_status_makes_a_state_unknown_and_an_unknown_cause_does_not)
{
    synctv_playback odd = state;
    odd.cause = 99;
    struct sv_cluster_event sent = EVENT(STATE, OF_ROOM, .state = &odd);
    struct sv_wire_bytes bytes = encode(&sent);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->events[0].kind, SV_CLUSTER_STATE);
    ck_assert_int_eq(h->events[0].state->cause, SYNCTV_STATE_CAUSE_UNSPECIFIED);
    forget(h);
    free(bytes.data);
    odd.status = 99;
    bytes = encode(&sent);
    h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->rv, 0);
    ck_assert_int_eq(h->events[0].kind, SV_CLUSTER_UNKNOWN);
    ck_assert_str_eq(h->events[0].room_id, ROOM);
    forget(h);
    free(bytes.data);
}
END_TEST

START_TEST(a_caller_that_knows_only_the_specification_makes_the_room_be_read)
{
    Synctv__Cluster__RoomEvent of_room = SYNCTV__CLUSTER__ROOM_EVENT__INIT;
    of_room.room_id = ROOM;
    Synctv__Cluster__ClusterEvent m = MESSAGE(ROOM, room, &of_room);
    for (int type = 0; type <= SYNCTV__CLUSTER__ROOM_EVENT__TYPE__DELETED; type++) {
        of_room.type = type;
        assert_heard(&m, SV_CLUSTER_CHANGE, ROOM);
    }
    Synctv__Cluster__PlaybackEvent playback = SYNCTV__CLUSTER__PLAYBACK_EVENT__INIT;
    playback.room_id = ROOM;
    Synctv__Cluster__ClusterEvent n = MESSAGE(PLAYBACK, playback, &playback);
    assert_heard(&n, SV_CLUSTER_CHANGE, ROOM);
    Synctv__Cluster__MemberEvent of_member = SYNCTV__CLUSTER__MEMBER_EVENT__INIT;
    of_member.room_id = ROOM;
    of_member.user_id = USER;
    Synctv__Cluster__ClusterEvent o = MESSAGE(MEMBER, member, &of_member);
    assert_heard(&o, SV_CLUSTER_CHANGE, ROOM);
    Synctv__Cluster__ChatEvent of_chat = SYNCTV__CLUSTER__CHAT_EVENT__INIT;
    of_chat.room_id = ROOM;
    of_chat.content = "hello";
    Synctv__Cluster__ClusterEvent p = MESSAGE(CHAT, chat, &of_chat);
    assert_heard(&p, SV_CLUSTER_CHANGE, ROOM);
}
END_TEST

/* ---- Hostile ones ---- */

static void ignore(void *userdata, const struct sv_cluster_event *event)
{
}

START_TEST(an_event_that_is_cut_anywhere_does_no_harm)
{
    struct sv_wire_bytes bytes = encode(&events[_i]);
    for (size_t len = 0; len < bytes.len; len++) {
        struct heard *h = decode(bytes.data, len);
        ck_assert(h->rv == 0 || h->rv == SYNCTV_E_INVALID_ARGUMENT);
        forget(h);
    }
    free(bytes.data);
}
END_TEST

START_TEST(an_event_with_any_bit_wrong_does_no_harm)
{
    struct sv_wire_bytes bytes = encode(&events[_i]);
    unsigned char *data = bytes.data;
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        struct sv_arena a = { 0 };
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int rv = sv_wire_cluster_event_decode(data, bytes.len, &a, ignore, NULL, NULL);
        ck_assert(rv == 0 || rv == SYNCTV_E_INVALID_ARGUMENT || rv == SYNCTV_E_TOO_LARGE);
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        sv_arena_fini(&a);
    }
    free(bytes.data);
}
END_TEST

struct refused {
    struct sv_cluster_event event;
    const char *field;
};

static const synctv_member nameless = { .user_id = USER, .username = NULL, .joined_at_ms = -1 };
static const synctv_playback nowhere = {
    .status = SYNCTV_PLAYBACK_STATUS_PAUSED, .position_s = NAN, .rate = 1
};
static const synctv_playback endless = { .status = SYNCTV_PLAYBACK_STATUS_PAUSED,
    .rate = INFINITY };
static const synctv_movie early = { .id = MOVIE, .position = -1 };
static const synctv_movie long_movie = { .id = MOVIE, .duration_s = INFINITY };
static const synctv_chat anonymous = { .message_id = "msg-00000001", .user_id = "x", .seq = 1 };
static const synctv_chat negative_seq = {
    .message_id = "msg-00000001", .user_id = USER, .seq = UINT64_MAX
};
static const struct sv_cluster_interest nowhere_in = { "", true, 0 };
static const struct sv_cluster_interest less_than_none = { ROOM, true, -1 };
static const struct sv_cluster_presence ghost = { ROOM, "ghost", "", true, 0 };
static const struct sv_cluster_presence early_ghost = { ROOM, USER, "", true, -5 };

static const struct refused refused[] = {
    { { .kind = SV_CLUSTER_BYE, .node_id = "" }, "node_id" },
    { { .kind = SV_CLUSTER_BYE, .node_id = "a b" }, "node_id" },
    { { .kind = SV_CLUSTER_BYE, .node_id = "end-1" }, "node_id" },
    { { .kind = SV_CLUSTER_BYE, .node_id = "a", .timestamp_ms = -1 }, "timestamp" },
    { EVENT(HELLO, .hello = { .epoch = 0 }), "hello.epoch" },
    { EVENT(HELLO, .hello = { .epoch = -1 }), "hello.epoch" },
    { EVENT(HELLO, .hello = { .epoch = 1, .now_ms = INT64_MAX }), "hello.now" },
    { EVENT(INTEREST, .interests = &nowhere_in, .n_interests = 1), "interest.rooms.room_id" },
    { EVENT(INTEREST, .interests = &less_than_none, .n_interests = 1), "interest.rooms.online" },
    { EVENT(SNAPSHOT, .room_id = "x"), "snapshot.room_id" },
    { EVENT(SNAPSHOT, OF_ROOM, .revision = UINT64_MAX), "snapshot.revision" },
    { EVENT(SNAPSHOT, OF_ROOM, .chat_seq = UINT64_MAX), "snapshot.chat_seq" },
    { EVENT(SNAPSHOT, OF_ROOM, .state = &nowhere), "snapshot.state" },
    { EVENT(PRESENCE, OF_ROOM, .presences = &ghost, .n_presences = 1), "presences.user_id" },
    { EVENT(PRESENCE, OF_ROOM, .presences = &early_ghost, .n_presences = 1), "presences.since" },
    { EVENT(CHANGE, OF_ROOM, .change = { .revision = UINT64_MAX }), "change.revision" },
    { EVENT(CHANGE, OF_ROOM, .change = { .actor_id = "me" }), "change.actor_id" },
    { EVENT(CHANGE, OF_ROOM, .change = { .member = &nameless }), "change.member" },
    { EVENT(CHANGE, OF_ROOM, .change = { .member = &nameless, .member_gone = true }),
        "member.data" },
    { EVENT(CHANGE, OF_ROOM, .change = { .member = &member, .kicked_until_ms = -1 }),
        "change.kicked_until" },
    { EVENT(CHANGE, OF_ROOM,
          .change = { .list_change = SYNCTV_LIST_CHANGE_ADDED, .movie = &early }),
        "change.movie.position" },
    { EVENT(CHANGE, OF_ROOM,
          .change = { .list_change = SYNCTV_LIST_CHANGE_ADDED, .movie = &long_movie }),
        "change.movie.duration" },
    { EVENT(CHANGE, OF_ROOM, .change = { .list_change = SYNCTV_LIST_CHANGE_ADDED }),
        "change.movie" },
    { EVENT(STATE, OF_ROOM, .state = &nowhere), "playback.data" },
    { EVENT(STATE, OF_ROOM, .state = &endless), "playback.data" },
    { EVENT(CHAT, OF_ROOM, .chat = &anonymous), "chat.user_id" },
    { EVENT(CHAT, OF_ROOM, .chat = &negative_seq), "chat.seq" },
    { EVENT(RELAY, OF_ROOM, .message = "\xff", .message_len = 1), "relay.message" },
    { EVENT(VOTE, OF_ROOM, .vote = { USER, .duration_s = NAN }), "vote.duration" },
    { EVENT(VOTE, OF_ROOM, .vote = { USER, .position_s = -1 }), "vote.position" },
    { EVENT(VOTE, OF_ROOM, .vote = { "", .position_s = 1 }), "vote.user_id" },
    { EVENT(SESSION, .user_id = USER), "session.session_id" },
    { EVENT(SESSION, .session_id = "session-0001", .all_sessions = true), "session.user_id" },
};

START_TEST(what_no_node_of_ours_says_is_refused_by_its_field)
{
    struct sv_wire_bytes bytes = encode(&refused[_i].event);
    struct heard *h = decode(bytes.data, bytes.len);
    ck_assert_int_eq(h->rv, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(h->err.field, refused[_i].field);
    ck_assert_uint_eq(h->n, 0);
    forget(h);
    free(bytes.data);
}
END_TEST

START_TEST(texts_that_are_too_long_are_refused)
{
    char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    synctv_member long_name = member;
    long_name.username = text;
    synctv_chat long_chat = chat;
    long_chat.content = text;
    synctv_room long_room = room;
    long_room.description = text;
    const struct refused cases[] = {
        { EVENT(BYE, .reason = text), "bye.reason" },
        { EVENT(HELLO, .hello = { .epoch = 1, .version = text }), "hello.version" },
        { EVENT(CHANGE, OF_ROOM, .change = { .reason = text }), "change.reason" },
        { EVENT(CHANGE, OF_ROOM, .change = { .member = &long_name }), "change.member" },
        { EVENT(CHANGE, OF_ROOM, .change = { .room = &long_room }), "room.data" },
        { EVENT(CHAT, OF_ROOM, .chat = &long_chat), "chat.content" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv_wire_bytes bytes = encode(&cases[i].event);
        struct heard *h = decode(bytes.data, bytes.len);
        ck_assert_int_eq(h->rv, SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(h->err.field, cases[i].field);
        forget(h);
        free(bytes.data);
    }
}
END_TEST

START_TEST(malformed_bytes_are_refused_by_their_field)
{
    static const struct {
        const char *bytes, *field;
    } cases[] = {
        { "\x12\x01\xff", "node_id" },          /* no UTF-8 */
        { "\x10\x01", "node_id" },              /* a number for a string */
        { "\x52\x02\x12\x05", "room.room_id" }, /* longer than what is around it */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct heard *h = decode(cases[i].bytes, strlen(cases[i].bytes));
        ck_assert_int_eq(h->rv, SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(h->err.field, cases[i].field);
        forget(h);
    }
}
END_TEST

START_TEST(data_of_another_room_or_user_is_refused)
{
    Synctv__Cluster__RoomChange change = SYNCTV__CLUSTER__ROOM_CHANGE__INIT;
    Synctv__Member row = SYNCTV__MEMBER__INIT;
    Synctv__Cluster__MemberEvent of_member = SYNCTV__CLUSTER__MEMBER_EVENT__INIT;
    Synctv__Cluster__ClusterEvent m = MESSAGE(MEMBER, member, &of_member);
    m.change = &change;
    change.member = &row;
    of_member.room_id = ROOM;
    of_member.user_id = USER;
    row.user_id = "user-0000002";
    assert_refused(&m, "change.member");
    row.user_id = USER;
    row.room_id = OTHER_ROOM;
    assert_refused(&m, "change.member");

    Synctv__Cluster__RoomEvent of_room = SYNCTV__CLUSTER__ROOM_EVENT__INIT;
    Synctv__Cluster__RoomChange of_row = SYNCTV__CLUSTER__ROOM_CHANGE__INIT;
    const char json[] = "{\"id\":\"" OTHER_ROOM "\",\"settings\":{}}";
    of_room.type = SYNCTV__CLUSTER__ROOM_EVENT__TYPE__UPDATED;
    of_room.room_id = ROOM;
    of_room.data = (ProtobufCBinaryData){ sizeof(json) - 1, (uint8_t *)json };
    Synctv__Cluster__ClusterEvent n = MESSAGE(ROOM, room, &of_room);
    n.change = &of_row;
    assert_refused(&n, "room.data");
}
END_TEST

START_TEST(a_failing_allocator_is_told_as_no_memory)
{
    struct sv_wire_bytes bytes = encode(&events[3]);
    struct sv_arena a = { 0 };
    sv_arena_init(&a, 64);
    ck_assert_int_lt(sv_wire_cluster_event_decode(bytes.data, bytes.len, &a, ignore, NULL, NULL),
        0);
    ck_assert_uint_eq(a.limit_bytes, 64);
    sv_arena_fini(&a);
    free(bytes.data);
}
END_TEST

/* ---- Rooms as JSON ---- */

static int read_json(const char *json, struct sv_arena *a, synctv_room *ret, synctv_error *err)
{
    return sv_wire_room_json_decode(json, strlen(json), a, ret, err);
}

START_TEST(a_room_becomes_the_json_that_protobuf_defines)
{
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_room_json_encode(&room, sv_wire_bytes_alloc, &bytes, NULL), 0);
    const char *expected = "{\"id\":\"room-0000001\","
                           "\"name\":\"Kino \\\"é\\\" \\\\ \xf0\x9f\x8e\xac\","
                           "\"description\":\"two\\nlines\",\"creatorId\":\"user-0000001\","
                           "\"settings\":{\"hidden\":true,\"allowGuests\":true,"
                           "\"requireApproval\":true,\"maxMembers\":77,"
                           "\"defaultMemberPermissions\":\"1\","
                           "\"defaultAdminPermissions\":\"9223372036854775808\","
                           "\"guestPermissions\":\"3\",\"autoAdvance\":\"AUTO_ADVANCE_SHUFFLE\","
                           "\"pauseWhenEmpty\":true},\"hasPassword\":true,"
                           "\"createdAt\":\"1700000000123\",\"revision\":\"9007199254740993\"}";
    ck_assert_uint_eq(bytes.len, strlen(expected));
    ck_assert_mem_eq(bytes.data, expected, bytes.len);
    free(bytes.data);
}
END_TEST

START_TEST(what_other_writers_of_json_may_write_is_understood)
{
    struct sv_arena a = { 0 };
    synctv_room r;
    synctv_error err;
    int rv = read_json(" { \"creator_id\" : \"user\", \"createdAt\": 1.7e3, \"revision\": 12, "
                       "\"memberCount\": \"-3\", \"name\": null, \"isLive\": true, "
                       "\"unknown\": [{\"a\": 123456789012345678901234567890}], "
                       "\"settings\": {\"autoAdvance\": 2, \"maxMembers\": 5.0}, "
                       "\"description\": \"\\u00e9\\ud83c\\udfac\" } ",
        &a, &r, &err);
    ck_assert_msg(rv == 0, "%s", err.message);
    ck_assert_str_eq(r.creator_id, "user");
    ck_assert_int_eq(r.created_at_ms, 1700);
    ck_assert_uint_eq(r.revision, 12);
    ck_assert_int_eq(r.member_count, -3);
    ck_assert_str_eq(r.name, "");
    ck_assert_str_eq(r.description, "é\xf0\x9f\x8e\xac");
    ck_assert(r.is_live);
    ck_assert_int_eq(r.settings->auto_advance, SYNCTV_AUTO_ADVANCE_REPEAT_ONE);
    ck_assert_int_eq(r.settings->max_members, 5);
    ck_assert_int_eq(read_json("{\"createdAt\":\"-9223372036854775808\"}", &a, &r, NULL), 0);
    ck_assert_int_eq(r.created_at_ms, INT64_MIN);
    ck_assert_ptr_null(r.settings);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(json_that_is_no_room_is_refused_by_its_field)
{
    static const struct {
        const char *json, *field;
    } cases[] = {
        { "", "" },
        { "[]", "" },
        { "{", "" },
        { "{} {}", "" },
        { "{\"name\":\"\\u0000\"}", "" },
        { "{\"name\":\"\xff\"}", "" },
        { "{\"name\":1}", "name" },
        { "{\"isLive\":1}", "isLive" },
        { "{\"settings\":[]}", "settings" },
        { "{\"settings\":{\"maxMembers\":2147483648}}", "settings.maxMembers" },
        { "{\"settings\":{\"maxMembers\":1.5}}", "settings.maxMembers" },
        { "{\"revision\":-1}", "revision" },
        { "{\"revision\":\"18446744073709551616\"}", "revision" },
        { "{\"createdAt\":\"9223372036854775808\"}", "createdAt" },
        { "{\"createdAt\":\" 1\"}", "createdAt" },
        { "{\"createdAt\":\"\"}", "createdAt" },
        { "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", "" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv_arena a = { 0 };
        synctv_room r;
        synctv_error err;
        ck_assert_msg(read_json(cases[i].json, &a, &r, &err) == SYNCTV_E_INVALID_ARGUMENT, "%s",
            cases[i].json);
        ck_assert_str_eq(err.field, cases[i].field);
        sv_arena_fini(&a);
    }
}
END_TEST

START_TEST(json_that_is_too_long_is_not_read)
{
    static char json[SV_WIRE_ROOM_JSON_MAX_BYTES + 2];
    memset(json, ' ', sizeof(json) - 1);
    json[0] = '{';
    json[1] = '}';
    struct sv_arena a = { 0 };
    synctv_room r;
    ck_assert_int_eq(read_json(json, &a, &r, NULL), SYNCTV_E_TOO_LARGE);
    json[SV_WIRE_ROOM_JSON_MAX_BYTES] = '\0';
    ck_assert_int_eq(read_json(json, &a, &r, NULL), 0);
    sv_arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire_cluster");
    TCase *tc = tcase_create("wire_cluster");
    tcase_add_loop_test(tc, each_event_is_the_same_after_encoding_and_decoding, 0, N_EVENTS);
    tcase_add_test(tc, a_rooms_row_comes_through_with_all_its_settings);
    tcase_add_test(tc, what_is_inside_an_event_is_of_its_room);
    tcase_add_test(tc, a_room_that_was_handed_over_is_to_be_read);
    tcase_add_test(tc, danmaku_travel_as_they_are_and_name_their_room);
    tcase_add_test(tc, an_unknown_event_does_not_travel);
    tcase_add_test(tc, a_batch_is_what_protobuf_unpacks_as_one);
    tcase_add_test(tc, a_single_event_travels_without_a_batch);
    tcase_add_test(tc, a_batch_in_a_batch_is_refused);
    tcase_add_test(tc, a_list_that_is_too_long_is_refused);
    tcase_add_test(tc, a_flood_of_empty_messages_stays_in_bounds);
    tcase_add_test(tc, a_payload_of_a_newer_node_is_unknown);
    tcase_add_test(tc, an_enum_value_of_a_newer_node_makes_the_event_unknown_with_its_room);
    tcase_add_test(tc, an_unknown_status_makes_a_state_unknown_and_an_unknown_cause_does_not);
    tcase_add_test(tc, a_caller_that_knows_only_the_specification_makes_the_room_be_read);
    tcase_add_loop_test(tc, an_event_that_is_cut_anywhere_does_no_harm, 0, N_EVENTS);
    tcase_add_loop_test(tc, an_event_with_any_bit_wrong_does_no_harm, 0, N_EVENTS);
    tcase_add_loop_test(tc, what_no_node_of_ours_says_is_refused_by_its_field, 0,
        sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tc, texts_that_are_too_long_are_refused);
    tcase_add_test(tc, malformed_bytes_are_refused_by_their_field);
    tcase_add_test(tc, data_of_another_room_or_user_is_refused);
    tcase_add_test(tc, a_failing_allocator_is_told_as_no_memory);
    tcase_add_test(tc, a_room_becomes_the_json_that_protobuf_defines);
    tcase_add_test(tc, what_other_writers_of_json_may_write_is_understood);
    tcase_add_test(tc, json_that_is_no_room_is_refused_by_its_field);
    tcase_add_test(tc, json_that_is_too_long_is_not_read);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
