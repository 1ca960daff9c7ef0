/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* How often storage is looked at while not all is known, and while it is. */
#define LOOK_SOON (1 * SEC)
#define LOOK (30 * SEC)

int slot_of(const struct world *w, const char *node_id)
{
    return atoi(node_id + 5);
}

int room_of(const char *room_id)
{
    return atoi(room_id + 5);
}

int user_of(const char *user_id)
{
    return atoi(user_id + 5);
}

static int64_t mono_ms(const struct world *w, const struct process *p)
{
    return w->now_us / 1000 + p->mono_ms;
}

int64_t process_clock_ms(const struct world *w, const struct process *p)
{
    return w->now_us / 1000 + p->clock_ms;
}

bool process_is_complete(const struct process *p)
{
    return sv_mesh_is_complete(p->mesh);
}

/* --- the mesh --- */

static void tick(struct world *w, struct task *task)
{
    task->process->tick_us = NEVER;
    process_step(w, task->process, &(struct sv_mesh_input){ .kind = SV_MESH_TICK });
}

static void schedule_tick(struct world *w, struct process *p)
{
    int64_t next_ms = sv_mesh_next_ms(p->mesh);
    if (next_ms == INT64_MAX)
        return;
    int64_t in_ms = next_ms > mono_ms(w, p) ? next_ms - mono_ms(w, p) : 0;
    int64_t at_us = in_ms == 0 ? w->now_us : (next_ms - p->mono_ms) * 1000;
    if (at_us >= p->tick_us)
        return;
    p->tick_us = at_us;
    later(w, at_us - w->now_us, p, tick, NULL, 0, 0);
}

static void make_snapshot(struct world *w, struct task *task)
{
    const struct sv_mesh_output *o = task->object;
    room_snapshot(w, task->process, room_of(o->room_id), o->link, o->barrier);
}

static void for_link(struct world *w, struct process *p, const struct sv_mesh_output *o,
    const struct sv_mesh_input *input)
{
    if (o->kind == SV_MESH_SEND)
        network_send(w, p, o->link, o->event != NULL ? o->event : input->event, o->sequence);
    else if (o->kind == SV_MESH_DIAL)
        network_dial(w, p, o->peer_id, o->address);
    else if (o->kind == SV_MESH_HANG_UP && o->link == 0)
        network_stop_dialling(w, p, o->peer_id);
    else if (o->kind == SV_MESH_HANG_UP)
        network_hang_up(w, p, o->link, o->reason);
}

static void look_at(struct world *w, struct process *p, int room);

static void for_room(struct world *w, struct process *p, struct sv_mesh_output *o,
    const struct sv_mesh_input *input)
{
    switch (o->kind) {
    case SV_MESH_APPLY:
        room_heard(w, p, input->event);
        break;
    case SV_MESH_SNAPSHOT:
        if (one_in(w, 3))
            later(w, between(w, 0, 2 * MS), p, make_snapshot, o, 0, 0);
        else
            room_snapshot(w, p, room_of(o->room_id), o->link, o->barrier);
        break;
    case SV_MESH_READY:
        room_ready(w, p, room_of(o->room_id));
        break;
    case SV_MESH_LOOK:
        look_at(w, p, room_of(o->room_id));
        break;
    case SV_MESH_ONLINE:
        room_online(w, p, room_of(o->room_id), user_of(o->user_id));
        break;
    case SV_MESH_DIAL:
    case SV_MESH_HANG_UP:
    case SV_MESH_SEND:
        break;
    }
}

void process_step(struct world *w, struct process *p, const struct sv_mesh_input *input)
{
    count_memory_for(p);
    int rv = sv_mesh_step(p->mesh, mono_ms(w, p), input, &p->outputs);
    count_memory_for(NULL);
    if (rv != 0)
        fail(w, "a step of the mesh says %d", rv);
    if (p->mesh_bytes > p->mesh_bytes_max)
        p->mesh_bytes_max = p->mesh_bytes;
    schedule_tick(w, p);
    size_t n = p->outputs.n;
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        for_link(w, p, &p->outputs.items[i], input);
    /* What a room does may be the next step. */
    struct sv_mesh_output *outputs = take(w, n * sizeof(*outputs));
    memcpy(outputs, p->outputs.items, n * sizeof(*outputs));
    for (size_t i = 0; i < n && p->alive; i++)
        for_room(w, p, &outputs[i], input);
}

/* --- looks --- */

static void looked_at(struct world *w, struct job *job)
{
    if (job->result != DONE_OK) {
        job->process->missed_look = true;
        return;
    }
    for (int i = 0; i < w->n_rooms; i++)
        if (job->looks_at[i])
            room_seen(w, job->process, i, &job->seen[i], &job->heads[i]);
}

static void looked(struct world *w, struct job *job)
{
    job->process->looking = false;
    looked_at(w, job);
}

/* At one room, or at all that are loaded (-1). */
static struct job *look_job(struct world *w, struct process *p, int room,
    void (*done)(struct world *w, struct job *job))
{
    struct job *job = job_new(w, JOB_LOOK, p, 0, done);
    job->seen = take(w, (size_t)w->n_rooms * sizeof(*job->seen));
    job->looks_at = take(w, (size_t)w->n_rooms * sizeof(*job->looks_at));
    for (int i = 0; i < w->n_rooms; i++) {
        const struct room *r = &p->rooms[i];
        job->looks_at[i] = (room < 0 || i == room) && r->phase == ROOM_LOADED;
        job->seen[i] = (struct head){ r->revision, r->chat_seq, r->play };
    }
    return job;
}

static void look_at(struct world *w, struct process *p, int room)
{
    w->n_late++;
    if (p->rooms[room].phase == ROOM_READING)
        p->rooms[room].read_too_early = true;
    store_ask(w, look_job(w, p, room, looked_at));
}

void process_look(struct world *w, struct process *p)
{
    if (p->looking)
        return;
    struct job *job = look_job(w, p, -1, looked);
    p->looking = true;
    p->looked_us = w->now_us;
    store_ask(w, job);
}

static void every_second(struct world *w, struct task *task)
{
    struct process *p = task->process;
    later(w, LOOK_SOON, p, every_second, NULL, 0, 0);
    bool complete = process_is_complete(p);
    /* What was under way when a link ended is not told again. */
    if (!complete || !sv_mesh_hears_all(p->mesh) || p->lost_link || p->missed_look ||
        w->now_us - p->looked_us >= LOOK) {
        p->missed_look = false;
        process_look(w, p);
    }
    p->lost_link = !complete && p->lost_link;
    if (complete && !p->was_complete)
        p->complete_us = w->now_us;
    p->was_complete = complete;
    for (int i = 0; i < w->n_rooms; i++)
        room_forget_if_idle(w, p, i);
}

static void read_all_again(struct world *w, struct process *p)
{
    for (int i = 0; i < w->n_rooms; i++)
        if (p->rooms[i].phase == ROOM_LOADED)
            room_mark_stale(w, p, i);
}

static void all_went_back(struct world *w, struct task *task)
{
    for (int i = 0; i < w->n_rooms; i++)
        if (task->process->rooms[i].phase == ROOM_LOADED)
            room_went_back(w, task->process, i);
}

/*
 * A connection to what the store is now: what was committed last may be lost. And once more, when
 * nobody tells of that any longer.
 */
void process_sees_timeline(struct world *w, struct process *p, unsigned timeline)
{
    if (p->timeline == timeline)
        return;
    p->timeline = timeline;
    later(w, 0, p, all_went_back, NULL, 0, 0);
    later(w, LOOK, p, all_went_back, NULL, 0, 0);
}

/* --- beats --- */

static void verdicts_done(struct world *w, struct job *job)
{
    job->process->beating = false;
}

static void tell_nodes(struct world *w, struct process *p)
{
    struct sv_mesh_node nodes[SLOTS_MAX];
    const struct sv_membership *m = p->membership;
    for (size_t i = 0; i < m->n; i++)
        nodes[i] = (struct sv_mesh_node){ m->fellows[i].id, m->fellows[i].address,
            m->fellows[i].epoch, m->fellows[i].state };
    process_step(w, p,
        &(struct sv_mesh_input){ .kind = SV_MESH_NODES, .nodes = nodes, .n_nodes = m->n });
}

static void look_around(struct world *w, struct job *job)
{
    struct process *p = job->process;
    struct sv_fellow_row rows[SLOTS_MAX];
    size_t n = 0;
    for (int i = 0; i < w->n_slots; i++) {
        const struct node_row *row = &job->nodes[i];
        if (i == p->slot || !row->exists)
            continue;
        rows[n++] = (struct sv_fellow_row){ .id = w->node_ids[i],
            .address = row->address,
            .epoch = row->epoch,
            .beat = row->beat,
            .heartbeat_ms = w->heartbeat_ms,
            .declared_dead = row->declared_dead };
    }
    struct job *verdicts = job_new(w, JOB_VERDICTS, p, 0, verdicts_done);
    sv_membership_look(p->membership, mono_ms(w, p), rows, n, &verdicts->look, NULL, NULL);
    p->beating = verdicts->look.n_verdicts > 0;
    if (p->beating)
        store_ask(w, verdicts);
    tell_nodes(w, p);
}

static void beaten(struct world *w, struct job *job)
{
    struct process *p = job->process;
    p->beating = false;
    if (job->result == DONE_REPLACED) {
        trace(w, "%s.%u has been replaced", p->id, p->pid);
        process_end(w, p, false);
        return;
    }
    if (job->result != DONE_OK)
        return;
    p->epoch = job->epoch;
    look_around(w, job);
    if (job->registered && p->alive) {
        trace(w, "%s.%u has registered anew, epoch %lld", p->id, p->pid, (long long)p->epoch);
        read_all_again(w, p);
    }
}

void process_beat(struct world *w, struct process *p)
{
    if (p->beating || p->leaving)
        return;
    p->beating = true;
    store_ask(w, job_new(w, JOB_BEAT, p, 0, beaten));
}

static void heartbeat(struct world *w, struct task *task)
{
    later(w, w->heartbeat_ms * 1000, task->process, heartbeat, NULL, 0, 0);
    process_beat(w, task->process);
}

/* --- its life --- */

static void register_again(struct world *w, struct task *task);

static void registered(struct world *w, struct job *job)
{
    struct process *p = job->process;
    if (job->result != DONE_OK) {
        later(w, 500 * MS, p, register_again, NULL, 0, 0);
        return;
    }
    p->epoch = job->epoch;
    p->timeline = job->timeline;
    p->ready = true;
    trace(w, "%s.%u is there, epoch %lld", p->id, p->pid, (long long)p->epoch);
    heartbeat(w, &(struct task){ .process = p });
    every_second(w, &(struct task){ .process = p });
}

static void register_again(struct world *w, struct task *task)
{
    store_ask(w, job_new(w, JOB_REGISTER, task->process, 0, registered));
}

struct process *process_start(struct world *w, int slot)
{
    if (w->n_processes == PROCESSES_MAX)
        return NULL;
    struct process *p = take(w, sizeof(*p));
    const struct process *before = w->slots[slot];
    p->pid = w->n_processes + 1;
    p->slot = slot;
    p->id = w->node_ids[slot];
    p->is_double = before != NULL && before->alive;
    p->address =
        p->is_double ? text(w, "10.0.0.%d:%u", slot, p->pid) : text(w, "10.0.0.%d:1", slot);
    p->alive = true;
    p->old_wire = w->mixed && one_in(w, 2);
    p->mono_ms = between(w, 0, 1000000) - 900000;
    p->clock_ms = between(w, -20, 20);
    p->mesh_bytes = 0;
    count_memory_for(p);
    p->mesh = sv_mesh_new(p->id);
    count_memory_for(NULL);
    p->tick_us = NEVER;
    p->membership = take(w, sizeof(*p->membership));
    sv_membership_init(p->membership, w->heartbeat_ms);
    p->rooms = take(w, (size_t)w->n_rooms * sizeof(*p->rooms));
    for (int i = 0; i < w->n_rooms; i++)
        p->rooms[i].play.node_id = "";
    w->processes[w->n_processes++] = p;
    w->slots[slot] = p;
    trace(w, "%s.%u starts%s%s", p->id, p->pid, p->is_double ? " beside another one" : "",
        p->old_wire ? " with the old wire" : "");
    register_again(w, &(struct task){ .process = p });
    return p;
}

void process_end(struct world *w, struct process *p, bool silent)
{
    if (!p->alive)
        return;
    trace(w, "%s.%u ends", p->id, p->pid);
    p->alive = false;
    for (unsigned i = 0; i < w->n_processes && w->slots[p->slot] == p; i++)
        if (w->processes[i]->alive && w->processes[i]->slot == p->slot)
            w->slots[p->slot] = w->processes[i]; /* the start before it goes on */
    network_process_ends(w, p, silent);
    people_lose(w, p);
}

static void go_on(struct world *w, struct task *task)
{
    struct process *p = task->object;
    if (!p->alive || p->paused_until_us > w->now_us)
        return;
    trace(w, "%s.%u goes on", p->id, p->pid);
    for (unsigned i = 0; i < p->n_deferred && p->alive; i++) {
        struct task deferred = p->deferred[i];
        deferred.run(w, &deferred);
    }
    p->n_deferred = 0;
}

void process_pause(struct world *w, struct process *p, int64_t for_us)
{
    trace(w, "%s.%u stands still for %lld ms", p->id, p->pid, (long long)(for_us / MS));
    if (w->now_us + for_us > p->paused_until_us)
        p->paused_until_us = w->now_us + for_us;
    later(w, p->paused_until_us - w->now_us, NULL, go_on, p, 0, 0);
    network_process_pauses(w, p);
}

static void left(struct world *w, struct job *job)
{
    process_end(w, job->process, false);
}

static void say_bye(struct world *w, struct task *task)
{
    network_bye(w, task->process);
    store_ask(w, job_new(w, JOB_LEAVE, task->process, 0, left));
}

void process_leave(struct world *w, struct process *p)
{
    if (p->leaving || !p->ready)
        return;
    trace(w, "%s.%u leaves", p->id, p->pid);
    p->leaving = true;
    /* Others may never have seen it: they find what it has written with their next rare look. */
    if (!p->was_complete)
        w->unseen_us = w->now_us + LOOK;
    disturb(w, w->unseen_us);
    people_lose(w, p);
    for (int i = 0; i < w->n_rooms; i++)
        room_flush(w, p, i);
    later(w, 300 * MS, p, say_bye, NULL, 0, 0);
}
