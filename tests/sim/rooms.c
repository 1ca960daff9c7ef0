/* SPDX-License-Identifier: MIT */
/* Rows of a room follow storage by revision; what has them read again; what is written. */
#include "rooms.h"

#include <stdlib.h>
#include <string.h>

#define GAP_HELD (100 * MS)
#define READ_PAUSE (1 * SEC)

static void pump(struct world *w, struct process *p, int room);

/* --- jobs of a room: one after another --- */

void room_ask(struct world *w, struct job *job)
{
    struct room *r = &job->process->rooms[job->room];
    if (r->first_job == NULL)
        r->first_job = job;
    else
        r->last_job->next = job;
    r->last_job = job;
    if (r->first_job == job)
        pump(w, job->process, job->room);
}

static void pump(struct world *w, struct process *p, int room)
{
    struct job *job = p->rooms[room].first_job;
    if (job != NULL)
        store_ask(w, job);
}

void room_take_job(struct world *w, struct job *job)
{
    struct room *r = &job->process->rooms[job->room];
    r->first_job = job->next;
    pump(w, job->process, job->room);
}

/* --- what is said to others --- */

void room_tell(struct world *w, struct process *p, const struct sv_cluster_event *event)
{
    process_step(w, p, &(struct sv_mesh_input){ .kind = SV_MESH_TELL, .event = event });
}

static void tell_change(struct world *w, struct process *p, int room, const struct row_change *c)
{
    static const synctv_member_change kinds[] = { [ROW_JOINED] = SYNCTV_MEMBER_CHANGE_JOINED,
        [ROW_LEFT] = SYNCTV_MEMBER_CHANGE_LEFT,
        [ROW_KICKED] = SYNCTV_MEMBER_CHANGE_KICKED,
        [ROW_TITLE] = SYNCTV_MEMBER_CHANGE_UNSPECIFIED };
    struct sv_cluster_event event = { .kind = SV_CLUSTER_CHANGE,
        .node_id = p->id,
        .room_id = w->room_ids[room],
        .change = { .revision = c->revision, .member_change = kinds[c->kind] } };
    if (c->kind == ROW_TITLE) {
        synctv_room *row = take(w, sizeof(*row));
        row->member_count = (int32_t)c->title;
        event.change.room = row;
    } else {
        synctv_member *member = take(w, sizeof(*member));
        member->user_id = w->user_ids[c->user];
        event.change.member = member;
    }
    room_tell(w, p, &event);
}

static struct row_change change_of(const struct sv_cluster_change *c)
{
    struct row_change change = { .revision = c->revision, .kind = ROW_TITLE };
    if (c->room != NULL)
        change.title = (uint32_t)c->room->member_count;
    else
        change.user = user_of(c->member->user_id);
    if (c->member_change == SYNCTV_MEMBER_CHANGE_JOINED)
        change.kind = ROW_JOINED;
    else if (c->member_change == SYNCTV_MEMBER_CHANGE_LEFT)
        change.kind = ROW_LEFT;
    else if (c->member_change == SYNCTV_MEMBER_CHANGE_KICKED)
        change.kind = ROW_KICKED;
    return change;
}

/* --- waiting for a reading --- */

static void release(struct world *w, struct process *p, int room, bool ok)
{
    struct waiter *waiter = p->rooms[room].waiters;
    p->rooms[room].waiters = NULL;
    for (; waiter != NULL && p->alive; waiter = waiter->next)
        waiter->go(w, p, room, waiter->user, ok, waiter->arg);
}

void room_need(struct world *w, struct process *p, int room, int user,
    void (*go)(struct world *w, struct process *p, int room, int user, bool ok, uint64_t arg),
    uint64_t arg)
{
    struct room *r = &p->rooms[room];
    r->idle_us = w->now_us;
    if (r->phase == ROOM_LOADED && !r->stale) {
        go(w, p, room, user, true, arg);
        return;
    }
    struct waiter *waiter = take(w, sizeof(*waiter));
    *waiter = (struct waiter){ r->waiters, go, user, arg };
    r->waiters = waiter;
    if (r->phase != ROOM_NONE)
        return;
    r->phase = ROOM_WANTED;
    process_step(w, p,
        &(struct sv_mesh_input){ .kind = SV_MESH_WANT, .room_id = w->room_ids[room] });
}

/* --- reading again --- */

static void reload_due(struct world *w, struct task *task);

static void reload_at(struct world *w, struct process *p, int room, int64_t at_us)
{
    struct room *r = &p->rooms[room];
    if (r->rereading)
        return;
    if (at_us < r->read_us + READ_PAUSE)
        at_us = r->read_us + READ_PAUSE;
    if (at_us < w->now_us)
        at_us = w->now_us;
    if (r->reload_us != 0 && r->reload_us <= at_us)
        return;
    r->reload_us = at_us;
    later(w, at_us - w->now_us, p, reload_due, NULL, (uint64_t)room, 0);
}

void room_mark_stale(struct world *w, struct process *p, int room)
{
    p->rooms[room].stale = true;
    p->rooms[room].gap = false;
    p->rooms[room].read_too_early = p->rooms[room].rereading;
    reload_at(w, p, room, w->now_us);
}

void room_went_back(struct world *w, struct process *p, int room)
{
    p->rooms[room].went_back = true;
    room_mark_stale(w, p, room);
}

static void find_gap(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    w->n_gaps++;
    if (!r->stale)
        r->stale = r->gap = true;
    reload_at(w, p, room, w->now_us + GAP_HELD);
}

/* --- rows --- */

static void tell_rows(struct world *w, struct room *r)
{
    for (struct stream *s = r->streams; s != NULL; s = s->in_room)
        check_told_rows(w, s, r->revision);
}

static void apply_row(struct world *w, struct process *p, int room, const struct row_change *c)
{
    struct room *r = &p->rooms[room];
    if (c->kind == ROW_TITLE) {
        r->title = c->title;
    } else if (c->kind == ROW_JOINED) {
        r->members |= bit(c->user);
        r->kicked &= ~bit(c->user);
    } else {
        r->members &= ~bit(c->user);
        if (c->kind == ROW_KICKED)
            r->kicked |= bit(c->user);
        room_drop_user(w, p, room, c->user);
    }
    r->revision = c->revision;
    if (r->heard_revision < c->revision)
        r->heard_revision = c->revision;
    tell_rows(w, r);
}

static void hold_row(struct room *r, const struct row_change *c)
{
    if (r->n_held < HELD_MAX)
        r->held[r->n_held++] = *c;
    else
        r->has_dropped = true;
}

static void drain_rows(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    for (unsigned i = 0; i < r->n_held;) {
        struct row_change held = r->held[i];
        if (held.revision > r->revision + 1) {
            i++;
            continue;
        }
        r->held[i] = r->held[--r->n_held];
        if (held.revision == r->revision + 1)
            apply_row(w, p, room, &held);
        i = 0;
    }
}

static void apply_rows(struct world *w, struct process *p, int room, const struct row_change *c)
{
    struct room *r = &p->rooms[room];
    if (c->revision > r->heard_revision)
        r->heard_revision = c->revision;
    if (c->revision > r->known_revision)
        r->known_revision = c->revision;
    if (r->phase != ROOM_LOADED) {
        hold_row(r, c);
        return;
    }
    if (c->revision <= r->revision)
        return;
    if (c->revision > r->revision + 1) {
        /* In a gap, too, nobody keeps what they have lost. */
        if (c->kind == ROW_KICKED)
            room_drop_user(w, p, room, c->user);
        hold_row(r, c);
        find_gap(w, p, room);
        return;
    }
    apply_row(w, p, room, c);
    drain_rows(w, p, room);
    if (!r->gap)
        return;
    r->reload_us = 0;
    if (r->revision < r->heard_revision) {
        reload_at(w, p, room, w->now_us + GAP_HELD); /* that is another gap */
        return;
    }
    r->stale = r->gap = false;
    release(w, p, room, true);
}

/* --- readings --- */

static void make_good(struct world *w, struct process *p, int room, const struct room_row *row)
{
    struct room *r = &p->rooms[room];
    bool is_older =
        r->went_back || row->revision < r->read_revision || row->chat_seq < r->read_chat_seq;
    r->went_back = false;
    r->revision = row->revision;
    r->title = row->title;
    uint32_t gone = r->members & ~row->members;
    r->members = row->members;
    r->kicked = row->kicked;
    if (is_older) {
        trace(w, "%s.%u room %d is older in the store", p->id, p->pid, room);
        r->older_us = w->now_us;
        r->chat_seq = row->chat_seq;
        r->heard_chat = row->chat_seq;
        r->known_revision = row->revision;
        r->n_held = r->n_held_chats = 0;
        for (struct stream *s = r->streams; s != NULL; s = s->in_room)
            check_told_reset(w, s, row->revision, row->chat_seq);
        if (r->play.version != 0)
            room_store_play(w, p, room);
    }
    for (int user = 0; user < w->n_users; user++)
        if (gone & bit(user))
            room_drop_user(w, p, room, user);
    if (row->chat_seq > r->chat_seq)
        room_miss_chat(w, p, room, row->chat_seq);
    room_adopt_play(w, p, room, &row->play);
    tell_rows(w, r);
}

static void settle(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    drain_rows(w, p, room);
    if (r->revision < r->heard_revision)
        find_gap(w, p, room);
    if (!r->stale)
        release(w, p, room, true);
}

static void read_again(struct world *w, struct job *job)
{
    struct process *p = job->process;
    struct room *r = &p->rooms[job->room];
    room_take_job(w, job);
    r->rereading = false;
    if (job->result != DONE_OK) {
        r->stale = true;
        r->gap = false;
        reload_at(w, p, job->room, w->now_us + RETRY);
        return;
    }
    bool is_behind = job->row->revision < r->heard_revision;
    r->stale = r->gap = false;
    if (!is_behind || job->row->revision >= r->revision)
        make_good(w, p, job->room, job->row);
    if (r->read_too_early)
        room_mark_stale(w, p, job->room);
    settle(w, p, job->room);
}

static void reload_due(struct world *w, struct task *task)
{
    struct process *p = task->process;
    int room = (int)task->a;
    struct room *r = &p->rooms[room];
    if (r->phase != ROOM_LOADED || r->reload_us == 0 || r->reload_us > w->now_us || r->rereading)
        return;
    r->reload_us = 0;
    if (r->gap && !r->has_dropped)
        check_repair(w, p, room, "rows that nobody told are read");
    r->rereading = true;
    r->has_dropped = false;
    r->read_us = w->now_us;
    r->heard_revision = 0;
    r->read_revision = r->revision;
    r->read_chat_seq = r->chat_seq;
    room_ask(w, job_new(w, JOB_LOAD, p, room, read_again));
}

static void forget(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    r->phase = ROOM_NONE;
    r->stale = r->gap = r->rereading = r->read_too_early = r->went_back = false;
    r->reload_us = r->read_us = r->chat_us = 0;
    r->n_held = r->n_held_chats = 0;
    r->heard_revision = r->known_revision = r->heard_chat = 0;
    r->play = (struct play){ .node_id = "" };
    r->votes_for = 0;
    process_step(w, p,
        &(struct sv_mesh_input){ .kind = SV_MESH_FORGET, .room_id = w->room_ids[room] });
}

/* Something may have been missed. A reading that is under way may have been too early for it. */
static void doubt(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    if (r->phase == ROOM_READING)
        r->read_too_early = true;
    if (r->phase != ROOM_LOADED)
        return;
    room_mark_stale(w, p, room);
    room_miss_chat(w, p, room, r->chat_seq + 1);
}

static void loaded(struct world *w, struct job *job)
{
    struct process *p = job->process;
    int room = job->room;
    struct room *r = &p->rooms[room];
    room_take_job(w, job);
    if (job->result != DONE_OK) {
        forget(w, p, room);
        release(w, p, room, false);
        return;
    }
    w->n_loads++;
    r->phase = ROOM_LOADED;
    r->loaded_us = r->idle_us = w->now_us;
    r->revision = job->row->revision;
    r->chat_seq = job->row->chat_seq;
    r->members = job->row->members;
    r->kicked = job->row->kicked;
    r->title = job->row->title;
    room_adopt_play(w, p, room, &job->row->play);
    room_look_around(w, p, room);
    trace(w, "%s.%u room %d is loaded, revision %llu", p->id, p->pid, room,
        (unsigned long long)r->revision);
    room_drain_chats(w, r);
    if (r->heard_chat > r->chat_seq)
        room_chat_at(w, p, room, w->now_us + CHAT_GAP_HELD);
    if (r->read_too_early)
        doubt(w, p, room);
    settle(w, p, room);
}

void room_ready(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    if (r->phase != ROOM_WANTED)
        fail(w, "%s says READY for room %d, which is not wanted", p->id, room);
    r->phase = ROOM_READING;
    room_ask(w, job_new(w, JOB_LOAD, p, room, loaded));
}

void room_forget_if_idle(struct world *w, struct process *p, int room)
{
    const struct room *r = &p->rooms[room];
    if (r->phase == ROOM_LOADED && r->streams == NULL && r->waiters == NULL && !r->dirty &&
        r->first_job == NULL && w->now_us - r->idle_us > w->idle_us)
        forget(w, p, room);
}

/* --- what is seen by a look, and what others say --- */

void room_seen(struct world *w, struct process *p, int room, const struct head *before,
    const struct head *stored)
{
    struct room *r = &p->rooms[room];
    if (r->phase != ROOM_LOADED)
        return;
    if (stored->revision < before->revision || stored->chat_seq < before->chat_seq)
        room_went_back(w, p, room);
    if (stored->revision > r->heard_revision)
        r->heard_revision = stored->revision;
    if (stored->revision > r->revision)
        room_mark_stale(w, p, room);
    if (stored->chat_seq > r->chat_seq)
        room_miss_chat(w, p, room, stored->chat_seq);
    room_adopt_play(w, p, room, &stored->play);
}

static void hear_snapshot(struct world *w, struct process *p, int room,
    const struct sv_cluster_event *event)
{
    struct room *r = &p->rooms[room];
    if (event->revision > r->heard_revision)
        r->heard_revision = event->revision;
    if (event->state != NULL) {
        struct play play = room_play_of(w, event->state);
        room_hear_play(w, p, room, &play);
    }
    if (r->phase != ROOM_LOADED) {
        if (event->chat_seq > r->heard_chat)
            r->heard_chat = event->chat_seq;
        return;
    }
    /* With an echo READY or LOOK comes. */
    if (event->barrier == 0 && event->revision > r->revision)
        room_mark_stale(w, p, room);
    if (event->barrier == 0 && event->chat_seq > r->chat_seq)
        room_miss_chat(w, p, room, event->chat_seq);
}

void room_heard(struct world *w, struct process *p, const struct sv_cluster_event *event)
{
    if (event->kind == SV_CLUSTER_SESSION) {
        p->session_events++;
        return;
    }
    int room = room_of(event->room_id);
    if (p->rooms[room].phase == ROOM_NONE)
        return;
    if (event->kind == SV_CLUSTER_SNAPSHOT) {
        hear_snapshot(w, p, room, event);
    } else if (event->kind == SV_CLUSTER_CHANGE && event->change.reread) {
        doubt(w, p, room);
    } else if (event->kind == SV_CLUSTER_CHANGE) {
        struct row_change change = change_of(&event->change);
        apply_rows(w, p, room, &change);
    } else if (event->kind == SV_CLUSTER_STATE) {
        struct play play = room_play_of(w, event->state);
        room_hear_play(w, p, room, &play);
    } else if (event->kind == SV_CLUSTER_CHAT) {
        room_apply_chat(w, p, room, event->chat->seq, (uint32_t)atoi(event->chat->message_id));
    } else if (event->kind == SV_CLUSTER_VOTE) {
        room_take_vote(w, p, room, user_of(event->vote.user_id), event->vote.version);
    }
}

void room_snapshot(struct world *w, struct process *p, int room, uint64_t link, uint64_t barrier)
{
    const struct room *r = &p->rooms[room];
    struct sv_cluster_event event = { .kind = SV_CLUSTER_SNAPSHOT,
        .node_id = p->id,
        .room_id = w->room_ids[room],
        .barrier = barrier };
    struct sv_cluster_presence people[USERS_MAX];
    for (int user = 0; user < w->n_users; user++)
        if (r->here & bit(user))
            people[event.n_presences++] = (struct sv_cluster_presence){ w->room_ids[room],
                w->user_ids[user], w->user_ids[user], true, 0 };
    event.presences = people;
    if (r->phase == ROOM_LOADED) {
        /* Of what is committed here and not in memory yet others may not have heard. */
        event.revision = r->revision > r->known_revision ? r->revision : r->known_revision;
        event.chat_seq = r->chat_seq > r->heard_chat ? r->chat_seq : r->heard_chat;
        event.state = r->play.version == 0 ? NULL : room_wire_play(w, room, &r->play);
    }
    process_step(w, p,
        &(struct sv_mesh_input){ .kind = SV_MESH_SNAPSHOT_MADE, .link = link, .event = &event });
}

/* --- what people here write --- */

/* Nobody knows whether it is stored: all who have the room look. */
static void outcome_unknown(struct world *w, struct process *p, int room)
{
    doubt(w, p, room);
    room_tell(w, p,
        &(struct sv_cluster_event){ .kind = SV_CLUSTER_CHANGE,
            .node_id = p->id,
            .room_id = w->room_ids[room],
            .change = { .reread = true } });
}

static void committed_chat(struct world *w, struct process *p, const struct job *job)
{
    struct room *r = &p->rooms[job->room];
    if (r->phase == ROOM_LOADED && job->chat_seq <= r->chat_seq)
        room_went_back(w, p, job->room);
    else
        room_apply_chat(w, p, job->room, job->chat_seq, job->value);
    synctv_chat *chat = take(w, sizeof(*chat));
    chat->seq = job->chat_seq;
    chat->message_id = text(w, "%u", job->value);
    room_tell(w, p,
        &(struct sv_cluster_event){ .kind = SV_CLUSTER_CHAT,
            .node_id = p->id,
            .room_id = w->room_ids[job->room],
            .chat = chat });
}

static void committed_rows(struct world *w, struct process *p, const struct job *job)
{
    struct room *r = &p->rooms[job->room];
    struct row_change change = { .revision = job->revision,
        .kind = job->kind == JOB_TITLE ? ROW_TITLE
            : job->kind == JOB_JOIN    ? ROW_JOINED
            : job->kind == JOB_QUIT    ? ROW_LEFT
                                       : ROW_KICKED,
        .user = job->user,
        .title = job->value };
    if (r->phase == ROOM_LOADED && job->revision <= r->revision)
        room_went_back(w, p, job->room);
    apply_rows(w, p, job->room, &change);
    tell_change(w, p, job->room, &change);
}

static void written(struct world *w, struct job *job)
{
    struct process *p = job->process;
    trace(w, "%s.%u room %d: job %d done, %d, revision %llu seq %llu", p->id, p->pid, job->room,
        job->kind, job->result, (unsigned long long)job->revision,
        (unsigned long long)job->chat_seq);
    p->rooms[job->room].idle_us = w->now_us;
    if (job->result == DONE_FENCED)
        process_beat(w, p);
    else if (job->result == DONE_UNKNOWN)
        outcome_unknown(w, p, job->room);
    else if (job->result == DONE_OK && job->kind == JOB_CHAT)
        committed_chat(w, p, job);
    else if (job->result == DONE_OK)
        committed_rows(w, p, job);
    room_take_job(w, job);
}

void room_write(struct world *w, struct process *p, enum job_kind kind, int room, int user,
    uint32_t value)
{
    struct job *job = job_new(w, kind, p, room, written);
    job->user = user;
    job->value = value;
    room_ask(w, job);
}
