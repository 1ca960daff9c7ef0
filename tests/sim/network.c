/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <string.h>

/* What a receiver that stands still has in its buffers before the sender's queue grows. */
#define FLYING_MAX 32
#define BACKOFF_MAX (2 * SEC)

static int other(int side)
{
    return 1 - side;
}

static bool is_cut(const struct world *w, int from, int to)
{
    return w->cut_us[from][to] > w->now_us;
}

static int64_t latency(struct world *w)
{
    int64_t us = between(w, 50, w->latency_us);
    if (w->slow_us > w->now_us)
        us += one_in(w, 4) ? between(w, 0, 1 * SEC) : between(w, 0, 200 * MS);
    return us;
}

static struct link *find_link(const struct world *w, const struct process *p, uint64_t number,
    int *ret_side)
{
    for (struct link *link = w->links; link != NULL; link = link->next)
        for (int side = 0; side < 2; side++)
            if (link->sides[side].process == p && link->sides[side].number == number) {
                *ret_side = side;
                return link;
            }
    return NULL;
}

/* --- the end of a link --- */

static void drop_closed_links(struct world *w)
{
    struct link **at = &w->links;
    while (*at != NULL) {
        const struct link *link = *at;
        bool over[2];
        for (int i = 0; i < 2; i++)
            over[i] = link->sides[i].closed || !link->sides[i].process->alive;
        if (over[0] && over[1])
            *at = link->next;
        else
            at = &(*at)->next;
    }
}

static void tell_closed(struct world *w, struct task *task)
{
    task->process->lost_link = true;
    process_step(w, task->process,
        &(struct sv_mesh_input){ .kind = SV_MESH_CLOSED, .link = task->a });
}

static void end_side(struct world *w, struct link *link, int side, const char *why);

static void hear_of_end(struct world *w, struct task *task)
{
    end_side(w, task->object, (int)task->a, "ended by the other side");
}

static void miss_answers(struct world *w, struct task *task)
{
    struct link *link = task->object;
    int side = (int)task->a;
    const struct link_side *s = &link->sides[side], *peer = &link->sides[other(side)];
    bool silent = peer->closed || !peer->process->alive ||
        peer->process->paused_until_us > w->now_us ||
        is_cut(w, s->process->slot, peer->process->slot) ||
        is_cut(w, peer->process->slot, s->process->slot);
    if (silent)
        end_side(w, link, side, "no answer");
}

static void end_side(struct world *w, struct link *link, int side, const char *why)
{
    struct link_side *s = &link->sides[side], *peer = &link->sides[other(side)];
    if (s->closed)
        return;
    s->closed = true;
    s->first = NULL;
    s->last = &s->first;
    s->n_queued = 0;
    trace(w, "%s.%u link %llu closed: %s", s->process->id, s->process->pid,
        (unsigned long long)s->number, why);
    if (s->opened)
        later(w, 0, s->process, tell_closed, NULL, s->number, 0);
    if (!peer->closed) {
        bool cut = is_cut(w, s->process->slot, peer->process->slot);
        later(w, cut ? w->keepalive_us : latency(w), peer->process,
            cut ? miss_answers : hear_of_end, link, (uint64_t)other(side), 0);
    }
    drop_closed_links(w);
}

void network_hang_up(struct world *w, struct process *p, uint64_t number, const char *why)
{
    int side;
    struct link *link = find_link(w, p, number, &side);
    if (link != NULL)
        end_side(w, link, side, why);
}

void network_reset(struct world *w, struct link *link)
{
    end_side(w, link, (int)below(w, 2), "reset");
}

/* --- messages --- */

static void send_next(struct world *w, struct task *task);
static void deliver(struct world *w, struct task *task);

static void wake_sender(struct world *w, struct link *link, int side, int64_t in_us)
{
    struct link_side *s = &link->sides[side];
    if (s->sending || s->closed || s->first == NULL || s->n_flying >= FLYING_MAX)
        return;
    s->sending = true;
    later(w, in_us, NULL, send_next, link, (uint64_t)side, 0);
}

static void tell_drained(struct world *w, struct task *task)
{
    struct link *link = task->object;
    struct link_side *s = &link->sides[task->a];
    s->owes_drained = false;
    if (s->opened && !s->closed && s->n_queued == 0)
        process_step(w, task->process,
            &(struct sv_mesh_input){ .kind = SV_MESH_DRAINED, .link = s->number });
}

static void send_next(struct world *w, struct task *task)
{
    struct link *link = task->object;
    int side = (int)task->a;
    struct link_side *s = &link->sides[side], *peer = &link->sides[other(side)];
    s->sending = false;
    if (s->closed || s->first == NULL || !s->process->alive)
        return;
    int64_t cut_us = w->cut_us[s->process->slot][peer->process->slot];
    if (cut_us > w->now_us) {
        s->sending = true;
        later(w, cut_us - w->now_us + 1, NULL, send_next, link, task->a, 0);
        return;
    }
    struct message *message = s->first;
    s->first = message->next;
    if (s->first == NULL)
        s->last = &s->first;
    s->n_queued--;
    if (!link->loses[side] || message->is_hello) {
        int64_t at_us = w->now_us + latency(w);
        s->arrives_us = at_us > s->arrives_us ? at_us : s->arrives_us;
        s->n_flying++;
        later(w, s->arrives_us - w->now_us, peer->process, deliver, link, (uint64_t)other(side),
            (uint64_t)(uintptr_t)message);
    } else {
        link->loses[side] = false;
        if (link->lost[side] == 0)
            link->lost[side] = message->event.sequence;
        trace(w, "a message to %s is lost", peer->process->id);
    }
    if (s->n_queued == 0 && !s->owes_drained) {
        s->owes_drained = true;
        later(w, 0, s->process, tell_drained, link, (uint64_t)side, 0);
    }
    wake_sender(w, link, side, w->slow_us > w->now_us ? between(w, 0, 5 * MS) : 20);
}

static void put(struct world *w, struct link *link, int side, struct message *message)
{
    struct link_side *s = &link->sides[side];
    if (s->n_queued >= w->queue_max) {
        if (w->quiet || is_calm(w, 3 * SEC))
            fail(w, "the queue of %s overflows in calm", s->process->id);
        end_side(w, link, side, "its queue is full");
        return;
    }
    *s->last = message;
    s->last = &message->next;
    s->n_queued++;
    wake_sender(w, link, side, 0);
}

static const char *own_room(const struct world *w, const char *id)
{
    return id == NULL || id[0] == '\0' ? "" : w->room_ids[room_of(id)];
}

static const char *own_user(const struct world *w, const char *id)
{
    return id == NULL || id[0] == '\0' ? "" : w->user_ids[user_of(id)];
}

/* What the mesh or a room lends is kept; rows, states and messages are the run's anyway. */
static void copy_event(struct world *w, const struct sv_cluster_event *event,
    struct sv_cluster_event *copy)
{
    *copy = *event;
    copy->node_id = event->node_id == NULL ? "" : w->node_ids[slot_of(w, event->node_id)];
    copy->room_id = own_room(w, event->room_id);
    if (event->n_interests > 0) {
        struct sv_cluster_interest *all = take(w, event->n_interests * sizeof(*all));
        for (size_t i = 0; i < event->n_interests; i++) {
            all[i] = event->interests[i];
            all[i].room_id = own_room(w, all[i].room_id);
        }
        copy->interests = all;
    }
    if (event->n_presences > 0) {
        struct sv_cluster_presence *all = take(w, event->n_presences * sizeof(*all));
        for (size_t i = 0; i < event->n_presences; i++) {
            all[i] = event->presences[i];
            all[i].room_id = own_room(w, all[i].room_id);
            all[i].user_id = own_user(w, all[i].user_id);
            all[i].username = all[i].user_id;
        }
        copy->presences = all;
    }
}

void network_send(struct world *w, struct process *p, uint64_t number,
    const struct sv_cluster_event *event, uint64_t sequence)
{
    int side;
    struct link *link = find_link(w, p, number, &side);
    if (link == NULL || link->sides[side].closed)
        return;
    struct message *message = take(w, sizeof(*message));
    copy_event(w, event, &message->event);
    message->event.sequence = sequence;
    message->event.node_id = p->id;
    link->sides[side].sequence = sequence;
    put(w, link, side, message);
}

void network_bye(struct world *w, struct process *p)
{
    for (struct link *link = w->links, *next; link != NULL; link = next) {
        next = link->next;
        for (int side = 0; side < 2; side++) {
            struct link_side *s = &link->sides[side];
            if (s->process != p || s->closed || !s->opened)
                continue;
            struct message *message = take(w, sizeof(*message));
            message->event = (struct sv_cluster_event){ .kind = SV_CLUSTER_BYE,
                .node_id = p->id,
                .sequence = s->sequence + 1,
                .room_id = "",
                .reason = "stops" };
            put(w, link, side, message);
        }
    }
}

/* An older program does not know titles that are odd. */
static bool is_unknown(const struct process *p, const struct sv_cluster_event *event)
{
    return p->old_wire && event->kind == SV_CLUSTER_CHANGE && event->change.room != NULL &&
        event->change.room->member_count % 2 == 1;
}

static void open_side(struct world *w, struct link *link, int side)
{
    struct link_side *s = &link->sides[side];
    const struct process *peer = link->sides[other(side)].process;
    s->opened = true;
    w->n_links++;
    trace(w, "%s.%u link %llu opened to %s.%u", s->process->id, s->process->pid,
        (unsigned long long)s->number, peer->id, peer->pid);
    process_step(w, s->process,
        &(struct sv_mesh_input){
            .kind = SV_MESH_OPENED, .link = s->number, .peer_id = peer->id, .epoch = peer->epoch });
}

static void put_hello(struct world *w, struct link *link, int side)
{
    struct message *message = take(w, sizeof(*message));
    message->is_hello = true;
    put(w, link, side, message);
}

/* The callee has looked whether the caller is who it says. */
static void peer_is_checked(struct world *w, struct job *job)
{
    struct link *link = NULL;
    for (link = w->links; link != NULL; link = link->next)
        if (link->sides[1].process == job->process && link->sides[1].number == job->value)
            break;
    if (link == NULL || link->sides[1].closed)
        return;
    if (job->result != DONE_OK || job->process->leaving) {
        end_side(w, link, 1, "the caller is refused");
        return;
    }
    put_hello(w, link, 1);
    open_side(w, link, 1);
}

static void hear_hello(struct world *w, struct link *link, int side)
{
    struct link_side *s = &link->sides[side];
    struct process *peer = link->sides[other(side)].process;
    if (side == 1) {
        struct job *job = job_new(w, JOB_CHECK_PEER, s->process, 0, peer_is_checked);
        job->object = peer;
        job->value = (uint32_t)s->number;
        store_ask(w, job);
        return;
    }
    struct dialler *dialler = &s->process->diallers[peer->slot];
    if (!dialler->active) {
        end_side(w, link, side, "not wanted any more");
        return;
    }
    dialler->active = false;
    open_side(w, link, side);
}

static void deliver(struct world *w, struct task *task)
{
    struct link *link = task->object;
    int side = (int)task->a;
    struct message *message = (struct message *)(uintptr_t)task->b;
    struct link_side *s = &link->sides[side];
    link->sides[other(side)].n_flying--;
    wake_sender(w, link, other(side), 0);
    if (message->event.sequence > link->lost[other(side)])
        link->lost[other(side)] = 0; /* by this message the mesh knows */
    if (s->closed)
        return;
    if (message->is_hello) {
        hear_hello(w, link, side);
        return;
    }
    struct sv_cluster_event event = message->event;
    if (is_unknown(s->process, &event)) {
        struct sv_cluster_event unknown = { .kind = SV_CLUSTER_UNKNOWN,
            .node_id = event.node_id,
            .sequence = event.sequence,
            .room_id = w->unknown_has_room ? event.room_id : "" };
        event = unknown;
    }
    w->n_events++;
    process_step(w, s->process,
        &(struct sv_mesh_input){ .kind = SV_MESH_HEARD, .link = s->number, .event = &event });
}

/* --- dialling --- */

static void attempt(struct world *w, struct task *task);

static void try_again(struct world *w, struct process *p, int slot)
{
    struct dialler *dialler = &p->diallers[slot];
    unsigned n = dialler->attempts++;
    int64_t us = n > 4 ? BACKOFF_MAX : (100 * MS) << n;
    us = us > BACKOFF_MAX ? BACKOFF_MAX : us;
    later(w, between(w, us / 2, us), p, attempt, NULL, (uint64_t)slot, dialler->generation);
}

static struct process *find_listener(const struct world *w, const char *address)
{
    for (unsigned i = 0; i < w->n_processes; i++)
        if (w->processes[i]->alive && strcmp(w->processes[i]->address, address) == 0)
            return w->processes[i];
    return NULL;
}

static struct link *connect_to(struct world *w, struct process *p, struct process *callee)
{
    struct link *link = take(w, sizeof(*link));
    struct process *ends[2] = { p, callee };
    for (int i = 0; i < 2; i++) {
        link->sides[i].process = ends[i];
        link->sides[i].number = ++ends[i]->next_link;
        link->sides[i].last = &link->sides[i].first;
    }
    link->next = w->links;
    w->links = link;
    return link;
}

static void attempt(struct world *w, struct task *task)
{
    struct process *p = task->process;
    int slot = (int)task->a;
    struct dialler *dialler = &p->diallers[slot];
    if (!dialler->active || dialler->generation != task->b)
        return;
    struct process *callee = find_listener(w, dialler->address);
    /* The next attempt comes if no link does; a link that is refused ends by itself. */
    try_again(w, p, slot);
    if (callee == NULL || callee->slot != slot || !callee->ready || callee->leaving ||
        is_cut(w, p->slot, slot) || is_cut(w, slot, p->slot))
        return;
    for (const struct link *link = w->links; link != NULL; link = link->next)
        if (link->sides[0].process == p && link->sides[1].process == callee &&
            !link->sides[0].closed && !link->sides[0].opened)
            return; /* the attempt before is still under way */
    struct link *link = connect_to(w, p, callee);
    put_hello(w, link, 0);
    later(w, 3 * SEC, p, miss_answers, link, 0, 0);
}

void network_dial(struct world *w, struct process *p, const char *peer_id, const char *address)
{
    int slot = slot_of(w, peer_id);
    struct dialler *dialler = &p->diallers[slot];
    trace(w, "%s.%u dials %s at %s", p->id, p->pid, peer_id, address);
    *dialler = (struct dialler){
        .active = true, .address = text(w, "%s", address), .generation = dialler->generation + 1
    };
    later(w, 0, p, attempt, NULL, (uint64_t)slot, dialler->generation);
}

void network_stop_dialling(struct world *w, struct process *p, const char *peer_id)
{
    p->diallers[slot_of(w, peer_id)].active = false;
}

/* --- faults --- */

bool network_hides_loss(const struct world *w)
{
    for (const struct link *link = w->links; link != NULL; link = link->next)
        if (link->lost[0] != 0 || link->lost[1] != 0)
            return true;
    return false;
}

void network_heal(struct world *w)
{
    for (int a = 0; a < w->n_slots; a++)
        for (int b = 0; b < w->n_slots; b++)
            if (w->cut_us[a][b] > w->now_us + 1 * SEC)
                w->cut_us[a][b] = w->now_us + 1 * SEC;
    for (struct link *link = w->links, *next; link != NULL; link = next) {
        next = link->next;
        link->loses[0] = link->loses[1] = false;
        if (link->lost[0] != 0 || link->lost[1] != 0)
            network_reset(w, link);
        link->lost[0] = link->lost[1] = 0;
    }
}

static void doubt_links(struct world *w, const struct process *p, int from, int to)
{
    for (struct link *link = w->links; link != NULL; link = link->next)
        for (int side = 0; side < 2; side++) {
            const struct process *a = link->sides[side].process;
            const struct process *b = link->sides[other(side)].process;
            if (b == p || (p == NULL && a->slot == from && b->slot == to))
                later(w, w->keepalive_us + between(w, 0, SEC), link->sides[side].process,
                    miss_answers, link, (uint64_t)side, 0);
        }
}

void network_cut(struct world *w, int from, int to, int64_t until_us)
{
    if (w->cut_us[from][to] < until_us)
        w->cut_us[from][to] = until_us;
    trace(w, "network: %s -> %s cut until %lld", w->node_ids[from], w->node_ids[to],
        (long long)(until_us / SEC));
    doubt_links(w, NULL, from, to);
    doubt_links(w, NULL, to, from);
}

void network_process_pauses(struct world *w, struct process *p)
{
    doubt_links(w, p, 0, 0);
}

void network_process_ends(struct world *w, struct process *p, bool silent)
{
    if (silent) {
        doubt_links(w, p, 0, 0);
        return;
    }
    for (struct link *link = w->links; link != NULL; link = link->next)
        for (int side = 0; side < 2; side++) {
            struct process *peer = link->sides[other(side)].process;
            if (link->sides[side].process != p || link->sides[side].closed)
                continue;
            link->sides[side].closed = true;
            bool cut = is_cut(w, p->slot, peer->slot);
            later(w, cut ? w->keepalive_us : latency(w), peer, cut ? miss_answers : hear_of_end,
                link, (uint64_t)other(side), 0);
        }
}

struct link *network_some_link(struct world *w)
{
    unsigned n = 0;
    for (const struct link *link = w->links; link != NULL; link = link->next)
        n++;
    if (n == 0)
        return NULL;
    struct link *link = w->links;
    for (unsigned i = below(w, n); i > 0; i--)
        link = link->next;
    return link;
}
