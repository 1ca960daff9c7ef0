/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <string.h>

/* What a queued job has in all, and after what a broken connection is tried again. */
#define DEADLINE (5 * SEC)
#define AGAIN (200 * MS)

bool play_is_newer(const struct play *a, const struct play *b)
{
    return a->version > b->version ||
        (a->version == b->version && a->version != 0 && strcmp(a->node_id, b->node_id) > 0);
}

bool store_is_away(const struct world *w, const struct process *p)
{
    return w->store.away_us > w->now_us || p->store_away_us > w->now_us;
}

/* --- what has been --- */

static void remember(struct world *w, int room)
{
    const struct room_row *row = &w->store.now.rooms[room];
    struct past *past = &w->store.pasts[room][w->store.n_pasts[room]++ % PASTS_MAX];
    *past = (struct past){ w->now_us, row->revision, row->chat_seq, row->play };
}

struct past store_past(const struct world *w, int room, int64_t at_us)
{
    unsigned n = w->store.n_pasts[room];
    struct past found = { .play.node_id = "" };
    for (unsigned i = n; i > 0 && i + PASTS_MAX > n; i--) {
        found = w->store.pasts[room][(i - 1) % PASTS_MAX];
        if (found.at_us <= at_us)
            return found;
    }
    return n < PASTS_MAX ? (struct past){ .play.node_id = "" } : found;
}

/* --- nodes --- */

static void give_epoch(struct world *w, struct node_row *row, struct job *job)
{
    int64_t ms = w->now_us / 1000;
    int64_t epoch = row->epoch + 1 > ms ? row->epoch + 1 : ms;
    row->fenced_epoch = row->epoch;
    row->exists = true;
    row->declared_dead = false;
    row->epoch = job->epoch = epoch;
    row->instance = job->process->pid;
    row->address = job->process->address;
    row->beat++;
    job->registered = true;
}

static void beat(struct world *w, struct job *job, struct node_row *row)
{
    const struct process *p = job->process;
    if (row->exists && row->epoch == job->epoch && row->instance == p->pid) {
        row->beat++;
        row->address = p->address;
    } else if (row->exists && row->instance != 0 && row->instance != p->pid) {
        job->result = DONE_REPLACED;
        return;
    } else {
        give_epoch(w, row, job);
    }
    job->nodes = take(w, sizeof(w->store.now.nodes));
    memcpy(job->nodes, w->store.now.nodes, sizeof(w->store.now.nodes));
}

static void carry_out_verdicts(struct world *w, const struct job *job)
{
    for (size_t i = 0; i < job->look.n_verdicts; i++) {
        const struct sv_fellow_verdict *v = &job->look.verdicts[i];
        struct node_row *row = &w->store.now.nodes[slot_of(w, v->id)];
        if (!row->exists || row->epoch != v->epoch)
            continue;
        if (v->what == SV_VERDICT_FORGET) {
            row->exists = false;
        } else if (row->beat == v->beat) {
            row->fenced_epoch = row->epoch++;
            row->instance = 0;
            row->declared_dead = true;
            trace(w, "store: %s declared dead by %s", v->id, job->process->id);
        }
    }
}

static void check_peer(struct world *w, struct job *job)
{
    const struct process *peer = job->object;
    const struct node_row *row = &w->store.now.nodes[peer->slot];
    if (!row->exists || row->epoch != peer->epoch || row->instance != peer->pid)
        job->result = DONE_REFUSED;
}

/* --- rooms --- */

static void change_rows(struct job *job, struct room_row *row)
{
    uint32_t bit = UINT32_C(1) << job->user;
    bool inside = row->members & bit;
    if (job->kind == JOB_TITLE) {
        row->title = job->value;
    } else if (job->kind == JOB_JOIN) {
        if (inside) {
            job->result = DONE_REFUSED;
            return;
        }
        row->members |= bit;
        row->kicked &= ~bit;
    } else {
        if (!inside) {
            job->result = DONE_REFUSED;
            return;
        }
        row->members &= ~bit;
        if (job->kind == JOB_KICK)
            row->kicked |= bit;
    }
    job->revision = ++row->revision;
}

static void look(struct world *w, struct job *job)
{
    job->heads = take(w, (size_t)w->n_rooms * sizeof(*job->heads));
    for (int i = 0; i < w->n_rooms; i++) {
        const struct room_row *row = &w->store.now.rooms[i];
        job->heads[i] = (struct head){ row->revision, row->chat_seq, row->play };
    }
}

static void write_room(struct world *w, struct job *job)
{
    struct room_row *row = &w->store.now.rooms[job->room];
    switch (job->kind) {
    case JOB_FLUSH:
        if (play_is_newer(&job->play, &row->play))
            row->play = job->play;
        break;
    case JOB_CHAT:
        if ((row->members & (UINT32_C(1) << job->user)) == 0) {
            job->result = DONE_REFUSED;
            return;
        }
        job->chat_seq = ++row->chat_seq;
        row->chats[row->chat_seq % CHATS_KEPT] = job->value;
        break;
    case JOB_JOIN:
    case JOB_QUIT:
    case JOB_KICK:
    case JOB_TITLE:
        change_rows(job, row);
        break;
    case JOB_REGISTER:
    case JOB_BEAT:
    case JOB_VERDICTS:
    case JOB_LEAVE:
    case JOB_CHECK_PEER:
    case JOB_LOOK:
    case JOB_LOAD:
    case JOB_READ_CHAT:
        break;
    }
    if (job->result == DONE_OK)
        remember(w, job->room);
}

/* The fence: who writes has the epoch that stands in the table. */
static bool is_fenced(const struct world *w, const struct job *job)
{
    const struct node_row *row = &w->store.now.nodes[job->process->slot];
    return !row->exists || row->epoch != job->epoch;
}

static void commit(struct world *w, const struct job *job)
{
    const struct node_row *row = &w->store.now.nodes[job->process->slot];
    w->store.n_commits++;
    if (job->epoch <= row->fenced_epoch)
        fail(w, "%s has committed with the fenced epoch %lld", job->process->id,
            (long long)job->epoch);
}

static void execute(struct world *w, struct job *job)
{
    struct node_row *own = &w->store.now.nodes[job->process->slot];
    job->result = DONE_OK;
    job->timeline = w->store.timeline;
    switch (job->kind) {
    case JOB_REGISTER:
        give_epoch(w, own, job);
        return;
    case JOB_BEAT:
        beat(w, job, own);
        return;
    case JOB_CHECK_PEER:
        check_peer(w, job);
        return;
    case JOB_LOOK:
        look(w, job);
        return;
    case JOB_LOAD:
    case JOB_READ_CHAT:
        job->row = take(w, sizeof(*job->row));
        *job->row = w->store.now.rooms[job->room];
        return;
    case JOB_VERDICTS:
    case JOB_LEAVE:
    case JOB_FLUSH:
    case JOB_JOIN:
    case JOB_QUIT:
    case JOB_KICK:
    case JOB_TITLE:
    case JOB_CHAT:
        break;
    }
    if (is_fenced(w, job)) {
        job->result = DONE_FENCED;
        return;
    }
    if (job->kind == JOB_VERDICTS)
        carry_out_verdicts(w, job);
    else if (job->kind == JOB_LEAVE)
        own->exists = false;
    else
        write_room(w, job);
    if (job->result == DONE_OK)
        commit(w, job);
}

/* --- there and back --- */

struct job *job_new(struct world *w, enum job_kind kind, struct process *p, int room,
    void (*done)(struct world *w, struct job *job))
{
    struct job *job = take(w, sizeof(*job));
    job->kind = kind;
    job->process = p;
    job->room = room;
    job->done = done;
    job->deadline_us = w->now_us + DEADLINE;
    return job;
}

static bool only_reads(const struct job *job)
{
    return job->kind == JOB_CHECK_PEER || job->kind == JOB_LOOK || job->kind == JOB_LOAD ||
        job->kind == JOB_READ_CHAT;
}

static void arrive(struct world *w, struct task *task)
{
    struct job *job = task->object;
    /* The failover has broken the connection. */
    if (job->timeline != w->store.timeline && job->result == DONE_OK)
        job->result = only_reads(job) ? DONE_AWAY : DONE_UNKNOWN;
    if (job->result != DONE_AWAY)
        process_sees_timeline(w, job->process, w->store.timeline);
    job->done(w, job);
}

static int64_t way(struct world *w)
{
    int64_t us = between(w, 100, 3 * MS);
    if (w->store.slow_us > w->now_us)
        us += one_in(w, 3) ? between(w, 0, 2 * SEC) : between(w, 0, 100 * MS);
    return us;
}

static void at_store(struct world *w, struct task *task)
{
    struct job *job = task->object;
    if (store_is_away(w, job->process)) {
        if (w->now_us < job->deadline_us) {
            later(w, between(w, AGAIN / 2, AGAIN), job->process, at_store, job, 0, 0);
            return;
        }
        job->result = DONE_AWAY;
        later(w, 0, job->process, arrive, job, 0, 0);
        return;
    }
    execute(w, job);
    int64_t back_us = way(w);
    if (!w->healed && w->rates.lost_answer != 0 && one_in(w, w->rates.lost_answer)) {
        /* What has become of it comes out later, or never. */
        back_us += between(w, 500 * MS, 4 * SEC);
        disturb(w, w->now_us + back_us);
        if (!one_in(w, 3) && job->result == DONE_OK)
            job->result = only_reads(job) ? DONE_AWAY : DONE_UNKNOWN;
    }
    later(w, back_us, job->process, arrive, job, 0, 0);
}

void store_ask(struct world *w, struct job *job)
{
    job->epoch = job->process->epoch;
    later(w, way(w), NULL, at_store, job, 0, 0);
}

/* --- a failover that lost a tail --- */

void store_go_back(struct world *w)
{
    struct store *s = &w->store;
    if (!s->has_backup)
        return;
    trace(w, "store: goes back");
    s->now = s->backup;
    s->has_backup = false;
    s->timeline++;
    s->went_back_us = w->now_us;
    for (int i = 0; i < w->n_rooms; i++) {
        s->n_pasts[i] = 0;
        remember(w, i);
    }
}
