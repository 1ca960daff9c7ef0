/* SPDX-License-Identifier: MIT */
#include "node/rooms/decide.h"

#include "node/links/links.h"
#include "node/rooms/apply.h"
#include "node/rooms/clock.h"
#include "node/rooms/learn.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"
#include "node/rooms/timer.h"
#include "node/rooms/view.h"

/* While not all who watch are known. */
#define LOOK_AGAIN_MS 10000

static enum sv_room_decision find_decision(struct sv_room *room, double *ret_length_s)
{
    size_t n_watching = room->attendance->n_watching;
    bool is_empty = HASH_COUNT(room->attendance->by_user) == 0;
    if (is_empty && room->settings.pause_when_empty && room->emptied_at != 0 &&
        room->emptied_at == room->playback.version &&
        room->playback.status == SYNCTV_PLAYBACK_STATUS_PLAYING)
        return SV_ROOM_PAUSES;
    if (sv_room_duration(room) != 0)
        return SV_ROOM_GOES_ON;
    if (sv_votes_end(&room->votes, &room->playback, n_watching))
        return SV_ROOM_ENDS_MOVIE;
    *ret_length_s =
        sv_votes_length(&room->votes, &room->playback, sv_room_now_ms(room), n_watching);
    return *ret_length_s > 0 ? SV_ROOM_LEARNS_LENGTH : SV_ROOM_GOES_ON;
}

static void pause(struct sv_room *room)
{
    struct sv_playback_change change = sv_playhead_change(room);
    struct sv_playback_state state;
    if (sv_playback_pause(&room->playback, &change, NULL, &state, NULL) >= 0)
        sv_playhead_move(room, &state, SYNCTV_STATE_CAUSE_PAUSE, "");
}

static void act(struct sv_room *room, enum sv_room_decision decision, double length_s)
{
    switch (decision) {
    case SV_ROOM_GOES_ON:
        break;
    case SV_ROOM_ENDS_MOVIE:
        sv_playhead_end_now(room);
        break;
    case SV_ROOM_LEARNS_LENGTH:
        sv_room_learn_length(room, length_s);
        break;
    case SV_ROOM_PAUSES:
        pause(room);
        break;
    }
}

static void look_at(struct sv_room *room, int64_t at_ms)
{
    room->decide_ms = at_ms;
    sv_room_schedule(room);
}

void sv_room_count_report(struct sv_room *room, const struct sv_report *report)
{
    if (sv_room_duration(room) == 0)
        sv_votes_take(&room->votes, &room->playback, sv_room_now_ms(room), report);
}

void sv_room_decide(struct sv_room *room)
{
    double length_s = 0;
    enum sv_room_decision decision = find_decision(room, &length_s);
    int64_t now_ms = sv_node_mono_ms(room->node);
    room->decide_ms = 0;
    if (decision == SV_ROOM_GOES_ON || !sv_presence_is_complete(room)) {
        room->decision = SV_ROOM_GOES_ON;
        if (decision != SV_ROOM_GOES_ON)
            look_at(room, now_ms + LOOK_AGAIN_MS);
        return;
    }
    size_t n_before = sv_links_n_before(room->node, room->id);
    if (decision != room->decision || n_before != room->decision_n_before) {
        room->decision = decision;
        room->decision_n_before = n_before;
        room->decided_at_ms = now_ms;
    }
    int64_t act_ms = room->decided_at_ms + (int64_t)n_before * SV_TURN_MS;
    if (act_ms > now_ms) {
        look_at(room, act_ms);
        return;
    }
    room->decision = SV_ROOM_GOES_ON;
    act(room, decision, length_s);
}
