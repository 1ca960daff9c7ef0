/* SPDX-License-Identifier: MIT */
/* Chat follows storage by seq. */
#include "rooms.h"

#include <string.h>

static void chat_due(struct world *w, struct task *task);

void room_chat_at(struct world *w, struct process *p, int room, int64_t at_us)
{
    struct room *r = &p->rooms[room];
    if (r->chat_us != 0 || r->chat_reading)
        return;
    r->chat_us = at_us;
    later(w, at_us - w->now_us, p, chat_due, NULL, (uint64_t)room, 0);
}

static void tell_chat(struct world *w, struct room *r, uint64_t seq, uint32_t number)
{
    r->chat_seq = seq;
    for (struct stream *s = r->streams; s != NULL; s = s->in_room)
        check_told_chat(w, s, seq, number);
}

static void hold_chat(struct room *r, uint64_t seq, uint32_t number)
{
    if (r->n_held_chats < HELD_MAX)
        r->held_chats[r->n_held_chats++] = (struct held_chat){ seq, number };
}

void room_drain_chats(struct world *w, struct room *r)
{
    for (unsigned i = 0; i < r->n_held_chats;) {
        struct held_chat held = r->held_chats[i];
        if (held.seq > r->chat_seq + 1) {
            i++;
            continue;
        }
        r->held_chats[i] = r->held_chats[--r->n_held_chats];
        if (held.seq == r->chat_seq + 1)
            tell_chat(w, r, held.seq, held.number);
        i = 0;
    }
    if (r->heard_chat <= r->chat_seq)
        r->n_held_chats = 0;
}

void room_apply_chat(struct world *w, struct process *p, int room, uint64_t seq, uint32_t number)
{
    struct room *r = &p->rooms[room];
    if (seq > r->heard_chat)
        r->heard_chat = seq;
    if (r->phase != ROOM_LOADED) {
        hold_chat(r, seq, number);
    } else if (seq == r->chat_seq + 1) {
        tell_chat(w, r, seq, number);
        room_drain_chats(w, r);
        r->chat_us = 0;
        r->chat_gap = r->n_held_chats > 0;
        if (r->chat_gap)
            room_chat_at(w, p, room, w->now_us + CHAT_GAP_HELD); /* that is another gap */
    } else if (seq > r->chat_seq) {
        hold_chat(r, seq, number);
        r->chat_gap = r->chat_gap || r->chat_us == 0;
        room_chat_at(w, p, room, w->now_us + CHAT_GAP_HELD);
    }
}

static void chat_read(struct world *w, struct job *job)
{
    struct process *p = job->process;
    struct room *r = &p->rooms[job->room];
    room_take_job(w, job);
    r->chat_reading = false;
    if (r->phase != ROOM_LOADED)
        return;
    if (job->result != DONE_OK) {
        room_chat_at(w, p, job->room, w->now_us + RETRY);
        return;
    }
    uint64_t seq = r->chat_seq + 1;
    if (job->row->chat_seq > CHATS_KEPT && seq <= job->row->chat_seq - CHATS_KEPT)
        seq = job->row->chat_seq - CHATS_KEPT + 1;
    for (; seq <= job->row->chat_seq; seq++)
        tell_chat(w, r, seq, job->row->chats[seq % CHATS_KEPT]);
    room_drain_chats(w, r);
    if (r->chat_again)
        room_chat_at(w, p, job->room, w->now_us);
    r->chat_again = false;
}

static void chat_due(struct world *w, struct task *task)
{
    struct process *p = task->process;
    int room = (int)task->a;
    struct room *r = &p->rooms[room];
    if (r->chat_us == 0 || r->chat_us > w->now_us)
        return;
    r->chat_us = 0;
    if (r->phase != ROOM_LOADED || r->chat_reading ||
        (r->n_held_chats == 0 && r->heard_chat <= r->chat_seq))
        return;
    if (r->chat_gap)
        check_repair(w, p, room, "chat that nobody told is read");
    r->chat_gap = false;
    r->chat_reading = true;
    room_ask(w, job_new(w, JOB_READ_CHAT, p, room, chat_read));
}

void room_miss_chat(struct world *w, struct process *p, int room, uint64_t seq)
{
    struct room *r = &p->rooms[room];
    if (seq > r->heard_chat)
        r->heard_chat = seq;
    r->chat_gap = false;
    r->chat_us = 0;
    r->chat_again = r->chat_reading;
    room_chat_at(w, p, room, w->now_us);
}
