/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <string.h>

/* --- streams --- */

void stream_close(struct world *w, struct stream *s, const char *why)
{
    if (!s->open)
        return;
    s->open = false;
    trace(w, "%s.%u room %d: user %d's stream ends: %s", s->process->id, s->process->pid, s->room,
        s->user, why);
    struct room *r = &s->process->rooms[s->room];
    for (struct stream **at = &r->streams; *at != NULL; at = &(*at)->in_room) {
        if (*at == s) {
            *at = s->in_room;
            break;
        }
    }
    r->idle_us = w->now_us;
    struct user *user = &w->users[s->user];
    for (int i = 0; i < 2; i++)
        if (user->streams[i] == s)
            user->streams[i] = NULL;
    if (s->process->alive)
        room_leave(w, s->process, s);
}

void people_lose(struct world *w, struct process *p)
{
    for (int i = 0; i < w->n_users; i++)
        for (int k = 0; k < 2; k++)
            if (w->users[i].streams[k] != NULL && w->users[i].streams[k]->process == p)
                stream_close(w, w->users[i].streams[k], "the node goes");
}

static void open_stream(struct world *w, struct process *p, int room, int user, int place)
{
    if (w->n_streams == STREAMS_MAX || w->users[user].streams[place] != NULL)
        return;
    const struct room *r = &p->rooms[room];
    struct stream *s = take(w, sizeof(*s));
    s->process = p;
    s->room = room;
    s->user = user;
    s->open = true;
    s->opened_us = w->now_us;
    s->revision = r->revision;
    s->chat_seq = s->first_seq = r->chat_seq;
    s->play = r->play;
    s->roster = r->shown;
    s->n_told = 8192;
    s->told = take(w, s->n_told / 8);
    s->in_room = r->streams;
    p->rooms[room].streams = s;
    w->streams[w->n_streams++] = s;
    w->users[user].streams[place] = s;
    trace(w, "%s.%u room %d: user %d follows", p->id, p->pid, room, user);
    check_opened(w, s);
    room_enter(w, p, s);
}

static void try_to_follow(struct world *w, struct process *p, int room, int user, bool ok,
    uint64_t arg);

static void try_again(struct world *w, struct task *task)
{
    int room = (int)task->a, user = (int)(task->b & 255);
    room_need(w, task->process, room, user, try_to_follow, task->b);
}

/* Who is no member joins first; arg: the user, the place of the stream, how often it was tried. */
static void try_to_follow(struct world *w, struct process *p, int room, int user, bool ok,
    uint64_t arg)
{
    const struct room *r = &p->rooms[room];
    if (!ok || p->leaving || w->quiet)
        return;
    if (r->members & bit(user)) {
        open_stream(w, p, room, user, (int)(arg >> 8 & 1));
        return;
    }
    if (arg >> 16 >= 3 || ((r->kicked & bit(user)) != 0 && !one_in(w, 3)))
        return;
    room_write(w, p, JOB_JOIN, room, user, 0);
    later(w, between(w, 10 * MS, 100 * MS), p, try_again, NULL, (uint64_t)room, arg + (1 << 16));
}

/* --- what they do --- */

static struct process *some_process(struct world *w)
{
    for (int i = 0; i < 4; i++) {
        struct process *p = w->processes[below(w, w->n_processes)];
        if (!p->alive)
            p = w->slots[below(w, (unsigned)w->n_slots)];
        if (p != NULL && p->alive && p->ready && !p->leaving)
            return p;
    }
    return NULL;
}

static int some_room(struct world *w)
{
    unsigned n = (unsigned)w->n_rooms;
    return (int)(one_in(w, 3) ? below(w, n) : below(w, n < 3 ? n : 3));
}

static void write_title(struct world *w, struct task *task)
{
    const struct stream *s = task->object;
    if (s->open && !w->quiet)
        room_write(w, task->process, JOB_TITLE, s->room, s->user, ++w->n_titles);
}

/* While a node loads the room, somebody at another one writes there. */
static void write_meanwhile(struct world *w, const struct process *p, int room)
{
    for (int i = 0; i < w->n_users; i++) {
        struct stream *s = w->users[i].streams[0];
        if (s == NULL || s->room != room || s->process == p)
            continue;
        bool slow = w->slow_us > w->now_us;
        later(w, between(w, 0, slow ? 500 * MS : 6 * MS), s->process, write_title, s, 0, 0);
        return;
    }
}

static void follow(struct world *w)
{
    struct process *p = some_process(w);
    int user = (int)below(w, (unsigned)w->n_users), place = (int)below(w, 2);
    if (p == NULL || w->users[user].streams[place] != NULL)
        return;
    int room = some_room(w);
    if (p->rooms[room].phase == ROOM_NONE)
        write_meanwhile(w, p, room);
    room_need(w, p, room, user, try_to_follow, (uint64_t)user | (uint64_t)place << 8);
}

static struct stream *some_stream(struct world *w)
{
    for (int i = 0; i < 6; i++) {
        struct stream *s = w->users[below(w, (unsigned)w->n_users)].streams[below(w, 2)];
        if (s != NULL && s->process->paused_until_us <= w->now_us)
            return s;
    }
    return NULL;
}

/* Everybody who watches says within a second that the movie is over. */
static void vote(struct world *w, struct task *task)
{
    struct stream *s = task->object;
    if (s->open && s->process->rooms[s->room].play.version == task->a)
        room_vote(w, s->process, s->room, s->user);
}

static void vote_all(struct world *w, int room)
{
    for (int i = 0; i < w->n_users; i++)
        for (int k = 0; k < 2; k++) {
            struct stream *s = w->users[i].streams[k];
            if (s != NULL && s->room == room)
                later(w, between(w, 0, 1 * SEC), s->process, vote, s,
                    s->process->rooms[room].play.version, 0);
        }
}

static void act_on(struct world *w, struct stream *s)
{
    struct process *p = s->process;
    unsigned what = below(w, 24);
    int other = (int)below(w, (unsigned)w->n_users);
    if (what < 6)
        stream_close(w, s, "goes away");
    else if (what < 12)
        room_write(w, p, JOB_CHAT, s->room, s->user, ++w->n_messages);
    else if (what < 15)
        room_write(w, p, JOB_TITLE, s->room, s->user, ++w->n_titles);
    else if (what < 19)
        room_play(w, p, s->room, 100 * (1 + below(w, 100000)));
    else if (what < 20)
        room_write(w, p, JOB_QUIT, s->room, s->user, 0);
    else if (what < 22)
        room_write(w, p, JOB_KICK, s->room, other, 0);
    else
        vote_all(w, s->room);
}

void people_act(struct world *w)
{
    if (w->n_messages > 8000 || w->quiet)
        return;
    struct stream *s = one_in(w, 3) ? NULL : some_stream(w);
    if (s == NULL)
        follow(w);
    else
        act_on(w, s);
}

static void act(struct world *w, struct task *task)
{
    people_act(w);
    later(w, between(w, 0, (int64_t)(2 * 1e6 / w->rates.acts_a_second)), NULL, act, NULL, 0, 0);
}

/* With many rooms each node has all of them soon: that is what a new link has to tell. */
static void fill(struct world *w, struct task *task)
{
    struct process *p = some_process(w);
    if (p != NULL && !w->quiet)
        room_need(w, p, (int)(task->a % (unsigned)w->n_rooms), 0, try_to_follow, 3 << 16);
    later(w, between(w, 1 * MS, 20 * MS), NULL, fill, NULL, task->a + 1, 0);
}

void people_begin(struct world *w)
{
    later(w, 1 * SEC, NULL, act, NULL, 0, 0);
    if (w->n_rooms > 100)
        later(w, 2 * SEC, NULL, fill, NULL, 0, 0);
}

/* --- the exam --- */

void people_exam(struct world *w)
{
    for (unsigned i = 0; i < w->n_processes; i++) {
        struct process *p = w->processes[i];
        if (!p->alive)
            continue;
        p->session_events = 0;
        for (int room = 0; room < w->n_rooms && room < 6; room++) {
            if (p->rooms[room].phase != ROOM_LOADED || p->rooms[room].members == 0)
                continue;
            int member = __builtin_ctz(p->rooms[room].members);
            room_write(w, p, JOB_CHAT, room, member, ++w->n_messages);
            room_write(w, p, JOB_TITLE, room, member, ++w->n_titles);
            room_play(w, p, room, 100 * (1 + below(w, 100000)));
        }
        process_step(w, p,
            &(struct sv_mesh_input){ .kind = SV_MESH_TELL,
                .event = &(struct sv_cluster_event){
                    .kind = SV_CLUSTER_SESSION, .node_id = p->id, .room_id = "", .user_id = "" } });
    }
}
