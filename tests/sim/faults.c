/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <math.h>

static void fault(struct world *w, struct task *task);

static int64_t some_time(struct world *w)
{
    return one_in(w, 2) ? between(w, 50 * MS, 2 * SEC) : between(w, 1 * SEC, 15 * SEC);
}

static struct process *some_process(struct world *w)
{
    struct process *p = w->slots[below(w, (unsigned)w->n_slots)];
    return p != NULL && p->alive ? p : NULL;
}

static void restart(struct world *w, struct task *task)
{
    const struct process *p = w->slots[task->a];
    if (w->healed || (p != NULL && p->alive))
        return;
    process_start(w, (int)task->a);
    disturb(w, w->now_us + 1 * SEC);
}

static void restart_later(struct world *w, int slot)
{
    later(w, one_in(w, 2) ? between(w, 10 * MS, 1 * SEC) : between(w, 1 * SEC, 30 * SEC), NULL,
        restart, NULL, (uint64_t)slot, 0);
}

static void kill(struct world *w, struct process *p, bool silent)
{
    process_end(w, p, silent);
    disturb(w, w->now_us + (silent ? w->keepalive_us : 0) + 2 * SEC);
    restart_later(w, p->slot);
}

static void pause_some(struct world *w, struct process *p)
{
    int64_t us = some_time(w);
    process_pause(w, p, us);
    disturb(w, w->now_us + us + w->keepalive_us + 2 * SEC);
}

static void cut(struct world *w, int from, int to, int64_t until_us)
{
    if (from != to)
        network_cut(w, from, to, until_us);
    disturb(w, until_us + w->keepalive_us + 2 * SEC);
}

static void cut_some(struct world *w, bool both)
{
    int a = (int)below(w, (unsigned)w->n_slots), b = (int)below(w, (unsigned)w->n_slots);
    int64_t until_us = w->now_us + some_time(w);
    cut(w, a, b, until_us);
    if (both)
        cut(w, b, a, until_us);
}

static void isolate(struct world *w)
{
    int a = (int)below(w, (unsigned)w->n_slots);
    int64_t until_us = w->now_us + some_time(w);
    for (int b = 0; b < w->n_slots; b++) {
        cut(w, a, b, until_us);
        cut(w, b, a, until_us);
    }
}

static void reset(struct world *w, bool drops)
{
    struct link *link = network_some_link(w);
    if (link == NULL)
        return;
    disturb(w, w->now_us + 2 * SEC);
    if (drops)
        link->loses[below(w, 2)] = true;
    else
        network_reset(w, link);
}

static void go_back(struct world *w, struct task *task)
{
    if (w->healed)
        return;
    store_go_back(w);
    disturb(w, w->now_us + 36 * SEC);
}

static void store_loses_tail(struct world *w)
{
    if (w->store.has_backup)
        return;
    w->store.backup = w->store.now;
    w->store.has_backup = true;
    later(w, between(w, 10 * MS, 3 * SEC), NULL, go_back, NULL, 0, 0);
}

static void store_away(struct world *w, int64_t *until_us)
{
    *until_us = w->now_us + some_time(w);
    disturb(w, *until_us + 7 * SEC);
}

static void storm(struct world *w, struct task *task)
{
    for (int i = 0; i < 20; i++)
        people_act(w);
    if (task->a > 0 && !w->healed)
        later(w, between(w, 1 * MS, 20 * MS), NULL, storm, NULL, task->a - 1, 0);
}

static void twice(struct world *w, int slot)
{
    process_start(w, slot);
    disturb(w, w->now_us + 8 * SEC);
}

/* Picks one by its weight: which one takes the number away. */
static bool takes(unsigned *number, unsigned weight)
{
    bool is_it = *number < weight;
    *number = is_it ? 1000000 : *number - weight;
    return is_it;
}

static void do_one(struct world *w)
{
    const struct rates *r = &w->rates;
    unsigned n = r->kill + r->host + r->pause + r->cut + r->cut_one_way + r->isolate + r->reset +
        r->slow + r->drop + r->store_away + r->store_away_for_one + r->store_slow + r->store_back +
        r->twice + r->leave + r->storm;
    struct process *p = some_process(w);
    if (n == 0 || p == NULL)
        return;
    n = below(w, n);
    if (takes(&n, r->kill)) {
        kill(w, p, false);
    } else if (takes(&n, r->host)) {
        kill(w, p, true);
    } else if (takes(&n, r->pause)) {
        pause_some(w, p);
    } else if (takes(&n, r->cut)) {
        cut_some(w, true);
    } else if (takes(&n, r->cut_one_way)) {
        cut_some(w, false);
    } else if (takes(&n, r->isolate)) {
        isolate(w);
    } else if (takes(&n, r->reset)) {
        reset(w, false);
    } else if (takes(&n, r->slow)) {
        w->slow_us = w->now_us + some_time(w);
        disturb(w, w->slow_us + 3 * SEC);
    } else if (takes(&n, r->drop)) {
        reset(w, true);
    } else if (takes(&n, r->store_away)) {
        store_away(w, &w->store.away_us);
    } else if (takes(&n, r->store_away_for_one)) {
        store_away(w, &p->store_away_us);
    } else if (takes(&n, r->store_slow)) {
        store_away(w, &w->store.slow_us);
    } else if (takes(&n, r->store_back)) {
        store_loses_tail(w);
    } else if (takes(&n, r->twice)) {
        twice(w, p->slot);
    } else if (takes(&n, r->leave)) {
        process_leave(w, p);
        disturb(w, w->now_us + 2 * SEC);
        restart_later(w, p->slot);
    } else {
        storm(w, &(struct task){ .a = between(w, 1, 20) });
    }
}

static void next_fault(struct world *w)
{
    double u = (double)(chance(w) >> 11) / 9007199254740992.0;
    later(w, (int64_t)(-log(1 - u) / w->rates.faults_a_second * 1e6), NULL, fault, NULL, 0, 0);
}

static void fault(struct world *w, struct task *task)
{
    if (w->healed)
        return;
    do_one(w);
    next_fault(w);
}

void faults_begin(struct world *w)
{
    for (int i = 0; i < w->n_slots; i++)
        process_start(w, i);
    disturb(w, w->now_us + 3 * SEC);
    next_fault(w);
}

static void wake(struct world *w, struct process *p)
{
    if (p->alive && p->paused_until_us > w->now_us)
        process_pause(w, p, 0);
    p->store_away_us = 0;
}

/* What is under way ends soon; a node that is gone may stay so. */
void faults_heal(struct world *w)
{
    trace(w, "the world heals");
    w->healed = true;
    w->slow_us = w->store.away_us = w->store.slow_us = 0;
    network_heal(w);
    for (unsigned i = 0; i < w->n_processes; i++)
        wake(w, w->processes[i]);
    for (int i = 0; i < w->n_slots; i++)
        if (!w->slots[i]->alive && !one_in(w, 8))
            process_start(w, i);
    bool back = w->store.timeline > 0 && w->now_us - w->store.went_back_us < 36 * SEC;
    w->disturbed_us = back ? w->store.went_back_us + 36 * SEC : w->now_us;
    disturb(w, w->unseen_us);
    disturb(w, w->now_us + w->keepalive_us + 10 * SEC);
}
