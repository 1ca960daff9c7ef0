/* SPDX-License-Identifier: MIT */
#include "sim.h"

/* What streams know follows who is online here or elsewhere. */
static void refresh(struct world *w, struct process *p, int room, int user)
{
    struct room *r = &p->rooms[room];
    bool online = (r->here & bit(user)) != 0 ||
        sv_mesh_is_online(p->mesh, w->room_ids[room], w->user_ids[user]);
    if (r->phase != ROOM_LOADED || online == ((r->shown & bit(user)) != 0))
        return;
    r->shown ^= bit(user);
    for (struct stream *s = r->streams; s != NULL; s = s->in_room)
        check_told_online(w, s, user, online);
    if (!online)
        room_count_votes(w, p, room);
}

void room_online(struct world *w, struct process *p, int room, int user)
{
    refresh(w, p, room, user);
}

static void set_here(struct world *w, struct process *p, int room, int user, bool on)
{
    struct room *r = &p->rooms[room];
    if (on == ((r->here & bit(user)) != 0))
        return;
    r->here ^= bit(user);
    struct sv_cluster_presence presence = { w->room_ids[room], w->user_ids[user], w->user_ids[user],
        on, process_clock_ms(w, p) };
    process_step(w, p,
        &(struct sv_mesh_input){ .kind = SV_MESH_PRESENCE_HERE, .presence = &presence });
    refresh(w, p, room, user);
}

struct finding {
    struct room *room;
};

static void found(void *userdata, const char *user_id, const char *username)
{
    struct finding *finding = userdata;
    finding->room->shown |= bit(user_of(user_id));
}

void room_look_around(struct world *w, struct process *p, int room)
{
    struct finding finding = { &p->rooms[room] };
    finding.room->shown = finding.room->here;
    sv_mesh_each_online(p->mesh, w->room_ids[room], found, &finding);
}

void room_enter(struct world *w, struct process *p, struct stream *stream)
{
    struct room *r = &p->rooms[stream->room];
    r->n_streams[stream->user]++;
    r->offline_us[stream->user] = 0;
    set_here(w, p, stream->room, stream->user, true);
}

static void offline_due(struct world *w, struct task *task)
{
    struct room *r = &task->process->rooms[task->a];
    int user = (int)task->b;
    if (r->offline_us[user] != 0 && r->offline_us[user] <= w->now_us)
        set_here(w, task->process, (int)task->a, user, false);
}

void room_leave(struct world *w, struct process *p, struct stream *stream)
{
    struct room *r = &p->rooms[stream->room];
    if (--r->n_streams[stream->user] > 0)
        return;
    r->offline_us[stream->user] = w->now_us + OFFLINE_AFTER;
    later(w, OFFLINE_AFTER, p, offline_due, NULL, (uint64_t)stream->room, (uint64_t)stream->user);
}

void room_drop_user(struct world *w, struct process *p, int room, int user)
{
    struct room *r = &p->rooms[room];
    for (struct stream *s = r->streams, *next; s != NULL; s = next) {
        next = s->in_room;
        if (s->user == user)
            stream_close(w, s, "not a member any more");
    }
    r->offline_us[user] = 0;
    set_here(w, p, room, user, false);
}
