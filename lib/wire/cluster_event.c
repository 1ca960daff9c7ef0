/* SPDX-License-Identifier: MIT */
/* Encodes events; cluster_event_decode.c decodes them. */
#include "wire/cluster_event.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster.pb-c.h"
#include "wire/convert.h"
#include "wire/event.h"
#include "wire/room_json.h"

/* Tags: field << 3 | type. */
#define TAG_SEQUENCE (4 << 3 | 0)
#define TAG_BATCH (21 << 3 | 2)
#define TAG_BATCH_EVENT (1 << 3 | 2)
#define VARINT_MAX_BYTES 10

/* ---- One event ---- */

/* The message of an event and what it points to. */
struct parts {
    Synctv__Cluster__ClusterEvent event;
    Synctv__Cluster__RoomChange change;
    Synctv__Member member;
    Synctv__Movie movie;
    /* Each member is the payload of its kind. */
    union {
        Synctv__Cluster__RoomEvent room;
        Synctv__Cluster__PlaybackEvent playback;
        Synctv__Cluster__MemberEvent member;
        Synctv__Cluster__ChatEvent chat;
        Synctv__Cluster__SessionEvent session;
        Synctv__Cluster__RoomRelay relay;
        Synctv__Cluster__PresenceEvent presence;
        Synctv__Cluster__LinkHello hello;
        Synctv__Cluster__RoomInterest interest;
        Synctv__Cluster__RoomSnapshot snapshot;
        Synctv__Cluster__PlaybackVote vote;
        Synctv__Cluster__LinkBye bye;
    } payload;
    /* Arrays and packed messages. */
    struct sv_arena arena;
};

/* All members of the oneof are pointers to messages: setting one of them sets all. */
#define SET_PAYLOAD(p, CASE)                                                                       \
    ((p)->event.payload_case = SYNCTV__CLUSTER__CLUSTER_EVENT__PAYLOAD_##CASE,                     \
        (p)->event.room = &(p)->payload.room)

/* An sv_wire_alloc_fn that fills bytes of a message. */
struct packed {
    struct sv_arena *arena;
    ProtobufCBinaryData *bytes;
};

static void *packed_alloc(void *userdata, size_t len)
{
    struct packed *p = userdata;
    p->bytes->data = sv_arena_alloc(p->arena, len);
    p->bytes->len = len;
    return p->bytes->data;
}

static int pack_into(struct parts *p, const ProtobufCMessage *message, ProtobufCBinaryData *ret)
{
    struct packed packed = { &p->arena, ret };
    return sv_wire_pack(message, packed_alloc, &packed, NULL);
}

static int state_to(struct parts *p, const synctv_playback *state, const char *room_id,
    ProtobufCBinaryData *ret)
{
    Synctv__Client__RoomStateUpdate m;
    sv_wire_state_to(state, &m);
    m.room_id = sv_wire_mutable(room_id);
    return pack_into(p, &m.base, ret);
}

static int presences_to(struct parts *p, const struct sv_cluster_event *e, size_t *ret_n,
    Synctv__Cluster__Presence ***ret)
{
    size_t n = e->n_presences;
    if (n == 0)
        return 0;
    Synctv__Cluster__Presence **pointers = sv_arena_array(&p->arena, n, sizeof(*pointers));
    Synctv__Cluster__Presence *messages = sv_arena_array(&p->arena, n, sizeof(*messages));
    if (pointers == NULL || messages == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const struct sv_cluster_presence *from = &e->presences[i];
        const char *room_id = sv_str_empty(from->room_id) ? e->room_id : from->room_id;
        synctv__cluster__presence__init(&messages[i]);
        messages[i].room_id = sv_wire_mutable(e->kind == SV_CLUSTER_PRESENCE ? room_id : "");
        messages[i].user_id = sv_wire_mutable(from->user_id);
        messages[i].username = sv_wire_mutable(from->username);
        messages[i].online = from->online;
        messages[i].since = from->since_ms;
        pointers[i] = &messages[i];
    }
    *ret = pointers;
    *ret_n = n;
    return 0;
}

static int interest_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__RoomInterest *m = &p->payload.interest;
    synctv__cluster__room_interest__init(m);
    SET_PAYLOAD(p, INTEREST);
    m->all = e->all;
    m->barrier = e->barrier;
    size_t n = e->n_interests;
    if (n == 0)
        return 0;
    m->rooms = sv_arena_array(&p->arena, n, sizeof(m->rooms[0]));
    Synctv__Cluster__Interest *messages = sv_arena_array(&p->arena, n, sizeof(*messages));
    if (m->rooms == NULL || messages == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        synctv__cluster__interest__init(&messages[i]);
        messages[i].room_id = sv_wire_mutable(e->interests[i].room_id);
        messages[i].on = e->interests[i].on;
        messages[i].online = e->interests[i].n_online;
        m->rooms[i] = &messages[i];
    }
    m->n_rooms = n;
    return 0;
}

static int snapshot_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__RoomSnapshot *m = &p->payload.snapshot;
    synctv__cluster__room_snapshot__init(m);
    SET_PAYLOAD(p, SNAPSHOT);
    m->room_id = sv_wire_mutable(e->room_id);
    m->revision = e->revision;
    m->chat_seq = e->chat_seq;
    m->barrier = e->barrier;
    int rv = e->state != NULL ? state_to(p, e->state, e->room_id, &m->state) : 0;
    return rv < 0 ? rv : presences_to(p, e, &m->n_presences, &m->presences);
}

static Synctv__Cluster__PlaybackEvent__Type playback_type(synctv_state_cause cause)
{
    switch (cause) {
    case SYNCTV_STATE_CAUSE_SEEK:
        return SYNCTV__CLUSTER__PLAYBACK_EVENT__TYPE__SEEK;
    case SYNCTV_STATE_CAUSE_RATE:
        return SYNCTV__CLUSTER__PLAYBACK_EVENT__TYPE__RATE_CHANGED;
    case SYNCTV_STATE_CAUSE_MOVIE:
    case SYNCTV_STATE_CAUSE_ENDED:
        return SYNCTV__CLUSTER__PLAYBACK_EVENT__TYPE__MOVIE_CHANGED;
    case SYNCTV_STATE_CAUSE_UNSPECIFIED:
    case SYNCTV_STATE_CAUSE_SNAPSHOT:
    case SYNCTV_STATE_CAUSE_PLAY:
    case SYNCTV_STATE_CAUSE_PAUSE:
    case SYNCTV_STATE_CAUSE_RESYNC:
        break;
    }
    return SYNCTV__CLUSTER__PLAYBACK_EVENT__TYPE__TOGGLE;
}

static int playback_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__PlaybackEvent *m = &p->payload.playback;
    synctv__cluster__playback_event__init(m);
    SET_PAYLOAD(p, PLAYBACK);
    m->type = playback_type(e->state->cause);
    m->room_id = sv_wire_mutable(e->room_id);
    return state_to(p, e->state, e->room_id, &m->data);
}

static Synctv__Cluster__MemberEvent__Type member_type(const struct sv_cluster_change *c)
{
    if (c->member_gone)
        return SYNCTV__CLUSTER__MEMBER_EVENT__TYPE__LEFT;
    switch (c->member_change) {
    case SYNCTV_MEMBER_CHANGE_LEFT:
    case SYNCTV_MEMBER_CHANGE_KICKED:
    case SYNCTV_MEMBER_CHANGE_BANNED:
        return SYNCTV__CLUSTER__MEMBER_EVENT__TYPE__LEFT;
    case SYNCTV_MEMBER_CHANGE_ROLE:
    case SYNCTV_MEMBER_CHANGE_PERMISSIONS:
        return SYNCTV__CLUSTER__MEMBER_EVENT__TYPE__PERMISSIONS_CHANGED;
    case SYNCTV_MEMBER_CHANGE_UNSPECIFIED:
    case SYNCTV_MEMBER_CHANGE_JOINED:
    case SYNCTV_MEMBER_CHANGE_ONLINE:
    case SYNCTV_MEMBER_CHANGE_OFFLINE:
    case SYNCTV_MEMBER_CHANGE_UNBANNED:
    case SYNCTV_MEMBER_CHANGE_APPROVED:
        break;
    }
    return SYNCTV__CLUSTER__MEMBER_EVENT__TYPE__JOINED;
}

static int member_to(struct parts *p, const struct sv_cluster_event *e)
{
    const struct sv_cluster_change *c = &e->change;
    Synctv__Cluster__MemberEvent *m = &p->payload.member;
    synctv__cluster__member_event__init(m);
    SET_PAYLOAD(p, MEMBER);
    m->type = member_type(c);
    m->room_id = sv_wire_mutable(e->room_id);
    m->user_id = sv_wire_mutable(c->member->user_id);
    sv_wire_member_to(c->member, &p->member);
    p->member.room_id = sv_wire_mutable(e->room_id);
    p->change.member_change = (Synctv__Client__MemberChange)c->member_change;
    p->change.kicked_until = c->kicked_until_ms;
    if (!c->member_gone)
        p->change.member = &p->member;
    return pack_into(p, &p->member.base, &m->data);
}

static int list_to(struct parts *p, const struct sv_cluster_event *e)
{
    const struct sv_cluster_change *c = &e->change;
    p->change.list_change = (Synctv__Client__ListChange)c->list_change;
    if (c->movie == NULL)
        return 0;
    if (!sv_wire_movie_to(&p->arena, c->movie, &p->movie))
        return SYNCTV_E_NO_MEMORY;
    p->movie.room_id = sv_wire_mutable(e->room_id);
    p->change.movie = &p->movie;
    p->change.position = c->movie->position;
    return 0;
}

static int row_to(struct parts *p, const struct sv_cluster_event *e, ProtobufCBinaryData *ret)
{
    struct packed packed = { &p->arena, ret };
    synctv_room room = *e->change.room;
    room.id = e->room_id;
    return sv_wire_room_json_encode(&room, packed_alloc, &packed, NULL);
}

static int change_to(struct parts *p, const struct sv_cluster_event *e)
{
    const struct sv_cluster_change *c = &e->change;
    bool of_list = c->list_change != SYNCTV_LIST_CHANGE_UNSPECIFIED;
    synctv__cluster__room_change__init(&p->change);
    p->event.change = &p->change;
    p->change.revision = c->revision;
    p->change.actor_id = sv_wire_mutable(c->actor_id);
    p->change.reason = sv_wire_mutable(c->reason);
    p->change.reread = c->reread || (c->room != NULL) + (c->member != NULL) + of_list > 1;
    if (c->member != NULL && c->room == NULL && !c->deleted)
        return member_to(p, e);

    Synctv__Cluster__RoomEvent *m = &p->payload.room;
    synctv__cluster__room_event__init(m);
    SET_PAYLOAD(p, ROOM);
    m->type = c->deleted ? SYNCTV__CLUSTER__ROOM_EVENT__TYPE__DELETED
                         : SYNCTV__CLUSTER__ROOM_EVENT__TYPE__UPDATED;
    m->room_id = sv_wire_mutable(e->room_id);
    if (c->deleted)
        return 0;
    if (c->room != NULL)
        return row_to(p, e, &m->data);
    return of_list ? list_to(p, e) : 0;
}

static void chat_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__ChatEvent *m = &p->payload.chat;
    synctv__cluster__chat_event__init(m);
    SET_PAYLOAD(p, CHAT);
    m->room_id = sv_wire_mutable(e->room_id);
    m->message_id = sv_wire_mutable(e->chat->message_id);
    m->user_id = sv_wire_mutable(e->chat->user_id);
    m->content = sv_wire_mutable(e->chat->content);
    m->username = sv_wire_mutable(e->chat->username);
    m->timestamp = e->chat->timestamp_ms;
    m->seq = e->chat->seq;
    m->client_message_id = sv_wire_mutable(e->chat->client_message_id);
}

static void hello_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__LinkHello *m = &p->payload.hello;
    synctv__cluster__link_hello__init(m);
    SET_PAYLOAD(p, HELLO);
    m->epoch = (uint64_t)e->hello.epoch;
    m->session = e->hello.session;
    m->now = e->hello.now_ms;
    m->version = sv_wire_mutable(e->hello.version);
}

static void vote_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__PlaybackVote *m = &p->payload.vote;
    synctv__cluster__playback_vote__init(m);
    SET_PAYLOAD(p, VOTE);
    m->room_id = sv_wire_mutable(e->room_id);
    m->user_id = sv_wire_mutable(e->vote.user_id);
    m->version = e->vote.version;
    m->ended = e->vote.ended;
    m->duration = e->vote.duration_s;
    m->position = e->vote.position_s;
}

static void session_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__SessionEvent *m = &p->payload.session;
    synctv__cluster__session_event__init(m);
    SET_PAYLOAD(p, SESSION);
    m->session_id = sv_wire_mutable(e->session_id);
    m->user_id = sv_wire_mutable(e->user_id);
    m->all_sessions = e->all_sessions;
}

/* Memory of the event that is encoded. */
struct relayed {
    struct parts *parts;
    ProtobufCBinaryData *bytes;
};

static void *relayed_alloc(void *userdata, size_t len)
{
    struct relayed *r = userdata;
    r->bytes->len = len;
    r->bytes->data = sv_arena_alloc(&r->parts->arena, len == 0 ? 1 : len);
    return r->bytes->data;
}

static int relay_to(struct parts *p, const struct sv_cluster_event *e)
{
    Synctv__Cluster__RoomRelay *m = &p->payload.relay;
    struct relayed relayed = { p, &m->message };
    synctv__cluster__room_relay__init(m);
    SET_PAYLOAD(p, RELAY);
    m->room_id = sv_wire_mutable(e->room_id);
    m->message = (ProtobufCBinaryData){ e->message_len, (uint8_t *)e->message };
    return e->relay == NULL ? 0 : sv_wire_event_encode(e->relay, relayed_alloc, &relayed, NULL);
}

static int payload_to(struct parts *p, const struct sv_cluster_event *e)
{
    switch (e->kind) {
    case SV_CLUSTER_HELLO:
        hello_to(p, e);
        return 0;
    case SV_CLUSTER_BYE:
        synctv__cluster__link_bye__init(&p->payload.bye);
        SET_PAYLOAD(p, BYE);
        p->payload.bye.reason = sv_wire_mutable(e->reason);
        return 0;
    case SV_CLUSTER_INTEREST:
        return interest_to(p, e);
    case SV_CLUSTER_SNAPSHOT:
        return snapshot_to(p, e);
    case SV_CLUSTER_PRESENCE:
        synctv__cluster__presence_event__init(&p->payload.presence);
        SET_PAYLOAD(p, PRESENCE);
        return presences_to(p, e, &p->payload.presence.n_presences, &p->payload.presence.presences);
    case SV_CLUSTER_CHANGE:
        return change_to(p, e);
    case SV_CLUSTER_STATE:
        return playback_to(p, e);
    case SV_CLUSTER_CHAT:
        chat_to(p, e);
        return 0;
    case SV_CLUSTER_RELAY:
        return relay_to(p, e);
    case SV_CLUSTER_VOTE:
        vote_to(p, e);
        return 0;
    case SV_CLUSTER_SESSION:
        session_to(p, e);
        return 0;
    case SV_CLUSTER_UNKNOWN:
        break;
    }
    return SYNCTV_E_UNIMPLEMENTED;
}

int sv_wire_cluster_event_encode(const struct sv_cluster_event *event, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err)
{
    struct parts p;
    p.arena = (struct sv_arena){ 0 };
    synctv__cluster__cluster_event__init(&p.event);
    p.event.node_id = sv_wire_mutable(event->node_id);
    p.event.timestamp = event->timestamp_ms;
    int rv = payload_to(&p, event);
    rv = rv < 0 ? sv_error(err, rv) : sv_wire_pack(&p.event.base, alloc, userdata, err);
    sv_arena_fini(&p.arena);
    return rv;
}

/* ---- Several ---- */

static size_t put_varint(uint64_t value, unsigned char out[VARINT_MAX_BYTES])
{
    size_t n = 0;
    for (; value >= 128; value >>= 7)
        out[n++] = (unsigned char)(value | 128);
    out[n++] = (unsigned char)value;
    return n;
}

/* Tag and length of what follows. */
static size_t put_head(unsigned tag, uint64_t len, unsigned char out[2 * VARINT_MAX_BYTES])
{
    size_t n = put_varint(tag, out);
    return n + put_varint(len, out + n);
}

/* Returns how many bytes it takes: 0 for 0. */
static size_t put_sequence(uint64_t sequence, unsigned char out[SV_WIRE_SEQUENCE_MAX_BYTES])
{
    if (sequence == 0)
        return 0;
    out[0] = TAG_SEQUENCE;
    return 1 + put_varint(sequence, out + 1);
}

/* The part with its sequence. Only measured if `out` is NULL. */
static size_t put_event(const struct sv_wire_batch_part *part, unsigned char *out)
{
    unsigned char sequence[SV_WIRE_SEQUENCE_MAX_BYTES];
    size_t len = put_sequence(part->sequence, sequence);
    if (out != NULL && part->len > 0)
        memcpy(out, part->data, part->len);
    if (out != NULL)
        memcpy(out + part->len, sequence, len);
    return part->len + len;
}

/* The same as a field of an EventBatch. */
static size_t put_batch_event(const struct sv_wire_batch_part *part, unsigned char *out)
{
    unsigned char head[2 * VARINT_MAX_BYTES];
    size_t n = put_head(TAG_BATCH_EVENT, put_event(part, NULL), head);
    if (out != NULL)
        memcpy(out, head, n);
    return n + put_event(part, out != NULL ? out + n : NULL);
}

int sv_wire_cluster_batch(const struct sv_wire_batch_part *parts, size_t n, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err)
{
    unsigned char head[2 * VARINT_MAX_BYTES];
    size_t head_len = 0, len = 0;
    for (size_t i = 0; i < n; i++)
        len += n == 1 ? put_event(&parts[i], NULL) : put_batch_event(&parts[i], NULL);
    if (n != 1)
        head_len = put_head(TAG_BATCH, len, head);
    unsigned char *out = alloc(userdata, head_len + len);
    if (out == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    memcpy(out, head, head_len);
    out += head_len;
    for (size_t i = 0; i < n; i++)
        out += n == 1 ? put_event(&parts[i], out) : put_batch_event(&parts[i], out);
    return 0;
}
