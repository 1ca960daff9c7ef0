/* SPDX-License-Identifier: MIT */
#include "node/rooms/share.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/people/account.h"
#include "node/rooms/apply.h"
#include "node/rooms/chat.h"
#include "node/rooms/decide.h"
#include "node/rooms/load.h"
#include "node/rooms/look.h"
#include "node/rooms/presence.h"
#include "node/rooms/tell.h"
#include "node/rooms/timer.h"
#include "node/rooms/view.h"

/* ---- out ---- */

static struct sv_cluster_event event_of(synctv_node *node, enum sv_cluster_event_kind kind,
    const char *room_id)
{
    return (struct sv_cluster_event){
        .kind = kind,
        .node_id = node->id,
        .timestamp_ms = sv_node_now_ms(node),
        .room_id = room_id,
    };
}

/* Who was put out is told as they were; else the row is. */
static void put_member(struct sv_cluster_change *out, const struct sv_member_diff *diff)
{
    bool as_it_was = diff->row == NULL || diff->what == SYNCTV_MEMBER_CHANGE_KICKED;
    out->member_change = diff->what;
    out->member = as_it_was && diff->gone != NULL ? diff->gone
        : diff->row != NULL                       ? &diff->row->member
                                                  : NULL;
    out->member_gone = diff->row == NULL;
    out->kicked_until_ms = diff->row == NULL ? 0 : diff->row->kicked_until_ms;
    out->reread = out->member == NULL;
}

/* One event has one part; a password's hash does not travel. */
static void tell_rows(synctv_node *node, const struct sv_room_change *change)
{
    struct sv_cluster_event event = event_of(node, SV_CLUSTER_CHANGE, change->room_id);
    struct sv_cluster_change *out = &event.change;
    synctv_room room;
    bool has_list = change->list != SYNCTV_LIST_CHANGE_UNSPECIFIED;
    size_t n_parts = (change->room != NULL) + change->n_members + has_list;
    out->revision = change->revision;
    out->actor_id = change->actor_id;
    out->reason = change->reason;
    out->deleted = change->deleted;
    if (change->deleted) {
        sv_links_tell(node, &event);
        return;
    }
    out->reread = n_parts != 1 || (change->room != NULL && change->room->password_hash[0] != '\0');
    if (!out->reread && change->room != NULL) {
        room = change->room->room;
        room.settings = &change->room->settings;
        out->room = &room;
    } else if (!out->reread && has_list) {
        out->list_change = change->list;
        out->movie = change->movie;
    } else if (!out->reread) {
        put_member(out, &change->members[0]);
    }
    sv_links_tell(node, &event);
}

static void tell_state(synctv_node *node, const struct sv_room_change *change)
{
    const struct sv_playback_state *state = change->state;
    struct sv_cluster_event event = event_of(node, SV_CLUSTER_STATE, change->room_id);
    const synctv_playback playback = {
        .room_id = change->room_id,
        .movie_id = state->movie_id,
        .status = state->status,
        .position_s = state->position_s,
        .rate = state->rate,
        .updated_at_ms = state->updated_at_ms,
        .version = state->version,
        .cause = change->cause,
        .actor_id = sv_str(change->actor_id),
        .operation_id = sv_str(change->operation_id),
        .node_id = state->node_id,
    };
    event.state = &playback;
    sv_links_tell(node, &event);
}

static void tell_chat(synctv_node *node, const struct sv_room_change *change)
{
    bool is_message = change->event != NULL && change->event->type == SYNCTV_EVENT_CHAT;
    struct sv_cluster_event event = event_of(node,
        change->event == NULL ? SV_CLUSTER_UNKNOWN
            : is_message      ? SV_CLUSTER_CHAT
                              : SV_CLUSTER_RELAY,
        change->room_id);
    event.chat = is_message ? change->event->chat : NULL;
    event.relay = is_message ? NULL : change->event;
    sv_links_tell(node, &event);
}

void sv_share_change(void *userdata, const struct sv_room_change *change)
{
    synctv_node *node = userdata;
    if (change->deleted || change->revision != 0)
        tell_rows(node, change);
    if (change->state != NULL)
        tell_state(node, change);
    if (change->chat_seq != 0)
        tell_chat(node, change);
}

void sv_share_doubt(synctv_node *node, const char *room_id)
{
    struct sv_cluster_event event = event_of(node, SV_CLUSTER_CHANGE, room_id);
    event.change.reread = true;
    sv_links_tell(node, &event);
}

void sv_share_danmaku(struct sv_room *room, const synctv_event *danmaku)
{
    struct sv_cluster_event event = event_of(room->node, SV_CLUSTER_RELAY, room->id);
    event.relay = danmaku;
    sv_links_tell(room->node, &event);
}

void sv_share_vote(struct sv_room *room, const struct sv_report *report)
{
    struct sv_cluster_event event = event_of(room->node, SV_CLUSTER_VOTE, room->id);
    event.vote = (struct sv_cluster_vote){
        .user_id = report->user_id,
        .version = room->playback.version,
        .ended = report->ended,
        .duration_s = report->duration_s,
        .position_s = report->position_s,
    };
    sv_links_tell(room->node, &event);
}

/* Of a room that is not here, or not yet, there is nothing to say. Locked; NULL = not in memory. */
static void make_snapshot(synctv_node *node, struct sv_room *room, const char *room_id,
    uint64_t link, uint64_t barrier)
{
    struct sv_cluster_event event = event_of(node, SV_CLUSTER_SNAPSHOT, room_id);
    struct sv_cluster_presence *presences = NULL;
    struct sv_arena arena = { 0 };
    synctv_playback state;
    event.barrier = barrier;
    size_t n_ours = room == NULL ? 0 : atomic_load(&room->attendance->n_ours);
    if (n_ours > 0 && (presences = calloc(n_ours, sizeof(*presences))) != NULL)
        event.n_presences = sv_presence_list(room, presences, n_ours);
    event.presences = presences;
    if (room != NULL && room->loaded && !room->gone) {
        /* Of what was heard of others may not have heard. */
        event.revision =
            room->heard_revision > room->revision ? room->heard_revision : room->revision;
        event.chat_seq = room->chat_seq;
        if (sv_room_fill_state(room, &arena, SYNCTV_STATE_CAUSE_SNAPSHOT, &state) == 0)
            event.state = &state;
    }
    sv_links_snapshot(node, link, &event);
    sv_arena_fini(&arena);
    free(presences);
}

static void on_snapshot(synctv_node *node, const char *room_id, uint64_t link, uint64_t barrier)
{
    struct sv_room *room = sv_room_find(node, room_id);
    make_snapshot(node, room, room_id, link, barrier);
    if (room != NULL)
        sv_room_leave(room);
}

/* ---- in ---- */

/* Who has which place now, as a reading would find it (diff.c). */
static void take_member(const struct sv_cluster_change *in, struct sv_member_rec *row,
    synctv_member *gone, struct sv_member_diff *diff)
{
    *row = (struct sv_member_rec){
        .member = *in->member,
        .kicked_until_ms = in->kicked_until_ms,
    };
    *gone = *in->member;
    diff->what = in->member_change;
    diff->row = in->member_gone ? NULL : row;
    if (in->member_gone || in->member_change == SYNCTV_MEMBER_CHANGE_KICKED ||
        in->member_change == SYNCTV_MEMBER_CHANGE_BANNED)
        diff->gone = gone;
    switch (in->member_change) {
    case SYNCTV_MEMBER_CHANGE_KICKED:
        row->member.role = SYNCTV_ROOM_ROLE_UNSPECIFIED;
        diff->ends = SYNCTV_E_MEMBER_KICKED;
        break;
    case SYNCTV_MEMBER_CHANGE_BANNED:
        diff->ends = SYNCTV_E_MEMBER_BANNED;
        break;
    case SYNCTV_MEMBER_CHANGE_LEFT:
        diff->ends = SYNCTV_E_NOT_A_MEMBER;
        break;
    default:
        break;
    }
}

static void apply_change(struct sv_room *room, const struct sv_cluster_event *event)
{
    const struct sv_cluster_change *in = &event->change;
    struct sv_room_change change = {
        .room_id = room->id,
        .from_elsewhere = true,
        .revision = in->revision,
        .actor_id = in->actor_id,
        .reason = in->reason,
        .deleted = in->deleted,
    };
    struct sv_room_rec rec;
    struct sv_member_rec row;
    synctv_member gone;
    synctv_movie movie;
    struct sv_arena arena = { 0 };
    if (in->reread) {
        sv_room_hear_of(room, in->revision);
        if (in->revision == 0)
            sv_room_doubt(room);
        else if (in->revision > room->revision)
            sv_room_mark_stale(room);
        return;
    }
    if (in->room != NULL) {
        rec = (struct sv_room_rec){ .room = *in->room, .password_hash = "" };
        if (in->room->settings != NULL)
            rec.settings = *in->room->settings;
        rec.room.settings = &rec.settings;
        change.room = &rec;
    }
    if (in->member != NULL) {
        take_member(in, &row, &gone, &change.members[0]);
        change.n_members = 1;
    }
    if (in->list_change != SYNCTV_LIST_CHANGE_UNSPECIFIED) {
        change.list = in->list_change;
        if (in->movie != NULL) {
            movie = *in->movie;
            change.movie = &movie;
            if (sv_movie_set_key(&arena, &movie) < 0)
                change.movie = in->movie;
        }
    }
    sv_room_apply(room, &change);
    sv_arena_fini(&arena);
}

static void apply_state(struct sv_room *room, const synctv_playback *playback)
{
    struct sv_playback_state state;
    if (playback == NULL || sv_playback_load(playback, &state, NULL) < 0)
        return;
    sv_room_apply(room,
        &(struct sv_room_change){
            .room_id = room->id,
            .from_elsewhere = true,
            .actor_id = playback->actor_id,
            .operation_id = playback->operation_id,
            .state = &state,
            .cause = playback->cause,
        });
}

static void apply_numbered(struct sv_room *room, uint64_t seq, const synctv_event *event)
{
    sv_room_apply(room,
        &(struct sv_room_change){
            .room_id = room->id,
            .from_elsewhere = true,
            .chat_seq = seq,
            .event = event,
        });
}

static void apply_chat(struct sv_room *room, const synctv_chat *chat)
{
    const struct sv_chat_rec rec = { .chat = *chat };
    const synctv_event *event = sv_chat_event(room->node, &rec);
    apply_numbered(room, chat->seq, event);
    if (event != NULL)
        synctv_event_unref(event);
}

static void apply_relay(struct sv_room *room, const synctv_event *event)
{
    if (event->type == SYNCTV_EVENT_CHAT_DELETED) {
        apply_numbered(room, event->deletion_seq, event);
    } else if (event->type == SYNCTV_EVENT_DANMAKU) {
        sv_danmaku_ring_push(&room->danmaku, synctv_event_ref(event), sv_node_mono_ms(room->node));
        sv_room_tell(room, synctv_event_ref(event));
    }
}

static void apply_vote(struct sv_room *room, const struct sv_cluster_vote *vote)
{
    const struct sv_report report = {
        .user_id = vote->user_id,
        .position_s = vote->position_s,
        .ended = vote->ended,
        .duration_s = vote->duration_s,
    };
    if (vote->version != room->playback.version)
        return;
    sv_room_count_report(room, &report);
    sv_room_decide_soon(room);
}

/* What another node has at this moment. Locked. */
static void compare(struct sv_room *room, const struct sv_cluster_event *event)
{
    sv_room_hear_of(room, event->revision);
    if (event->revision > room->revision)
        sv_room_mark_stale(room);
    if (event->chat_seq > room->chat_seq)
        sv_room_miss_chat(room);
    apply_state(room, event->state);
}

/* The room is in memory. Locked. */
static void apply_to(struct sv_room *room, const struct sv_cluster_event *event)
{
    switch (event->kind) {
    case SV_CLUSTER_SNAPSHOT:
        compare(room, event);
        break;
    case SV_CLUSTER_CHANGE:
        apply_change(room, event);
        break;
    case SV_CLUSTER_STATE:
        apply_state(room, event->state);
        break;
    case SV_CLUSTER_CHAT:
        apply_chat(room, event->chat);
        break;
    case SV_CLUSTER_RELAY:
        apply_relay(room, event->relay);
        break;
    case SV_CLUSTER_VOTE:
        apply_vote(room, &event->vote);
        break;
    default:
        break;
    }
}

/* What is heard while the room is being read. Locked. */
static void keep(struct sv_room *room, const struct sv_cluster_event *event)
{
    bool has_state = event->kind == SV_CLUSTER_SNAPSHOT || event->kind == SV_CLUSTER_STATE;
    struct sv_playback_state state;
    room->heard_unread = true;
    if (has_state && event->state != NULL && sv_playback_load(event->state, &state, NULL) >= 0 &&
        sv_playback_newer(&state, &room->heard_state))
        room->heard_state = state;
}

static void on_apply(synctv_node *node, const struct sv_cluster_event *event)
{
    if (event->kind == SV_CLUSTER_SESSION) {
        sv_accounts_doubt_login(node, event->session_id, event->user_id);
        return;
    }
    struct sv_room *room = sv_room_find(node, event->room_id);
    if (room == NULL)
        return;
    /* Who has nothing in memory may have changed rows. */
    bool look = event->kind == SV_CLUSTER_SNAPSHOT && event->revision == 0 && room->loaded;
    if (room->loaded)
        apply_to(room, event);
    else
        keep(room, event);
    sv_room_leave(room);
    if (look)
        sv_rooms_look_at(node, event->room_id);
}

static void on_online(synctv_node *node, const char *room_id, const char *user_id)
{
    struct sv_room *room = sv_room_enter(node, room_id);
    if (room == NULL)
        return;
    sv_presence_elsewhere(room, user_id);
    sv_room_leave(room);
}

const struct sv_link_room_hooks sv_share_hooks = {
    .apply = on_apply,
    .snapshot = on_snapshot,
    .ready = sv_room_read_wanted,
    .look = sv_rooms_look_at,
    .online = on_online,
};
