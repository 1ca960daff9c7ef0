/* SPDX-License-Identifier: MIT */
#include "node/engine/ticket.h"

#include <stdlib.h>

#include "api/cancel.h"
#include "api/result.h"
#include "base/alloc.h"
#include "base/error.h"

struct sv_ticket {
    atomic_uint refs;
    struct sv_cancel_watch watch;
    /* Brings the answer to who is called back. */
    struct sv_letter letter;
    /* Under node->tickets.lock. */
    struct sv_list timed;
    int64_t due_ms;
    synctv_node *node;
    synctv_done_fn *done;
    void *userdata;
    bool direct;

    pthread_mutex_t lock;
    /* Nobody else may. */
    bool answered;
    /* The next step does not begin. */
    bool withdrawn;
    bool waiting;
    /* Cannot be withdrawn. */
    bool writes;
    /* To be withdrawn as soon as it waits. */
    bool wanted;
    /* Of an answer that the ticket gives. */
    int code;
};

static void ticket_unref(struct sv_ticket *t)
{
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* --- answering in the place of the call --- */

static void give(struct sv_ticket *t)
{
    const synctv_result *result = sv_result_failed(t->code, NULL);
    t->done(t->userdata, result);
    synctv_result_unref(result);
}

static void give_letter(struct sv_letter *letter)
{
    struct sv_ticket *t = SV_CONTAINER_OF(letter, struct sv_ticket, letter);
    give(t);
    ticket_unref(t);
}

/* Locked, so that the letter is there before the call can be over. */
static void answer(struct sv_ticket *t, int code)
{
    t->answered = true;
    t->code = code;
    if (t->direct) {
        give(t);
        return;
    }
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    t->letter.run = give_letter;
    sv_node_post(t->node, &t->letter);
}

/* Locked. */
static void withdraw(struct sv_ticket *t)
{
    t->withdrawn = true;
    answer(t, SYNCTV_E_CANCELLED);
}

static void withdraw_watched(struct sv_cancel_watch *watch)
{
    struct sv_ticket *t = SV_CONTAINER_OF(watch, struct sv_ticket, watch);
    pthread_mutex_lock(&t->lock);
    t->wanted = true;
    if (t->waiting && !t->writes && !t->answered)
        withdraw(t);
    pthread_mutex_unlock(&t->lock);
}

/* --- the steps of the call --- */

void sv_ticket_wait(struct sv_ticket *t)
{
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    t->waiting = true;
    if (t->wanted && !t->writes && !t->answered)
        withdraw(t);
    pthread_mutex_unlock(&t->lock);
}

static bool begin(struct sv_ticket *t, bool writes)
{
    if (t == NULL)
        return true;
    pthread_mutex_lock(&t->lock);
    bool goes_on = !t->withdrawn;
    t->waiting = false;
    t->writes = t->writes || (writes && goes_on);
    pthread_mutex_unlock(&t->lock);
    return goes_on;
}

bool sv_ticket_begin(struct sv_ticket *t)
{
    return begin(t, false);
}

bool sv_ticket_commit(struct sv_ticket *t)
{
    return begin(t, true);
}

bool sv_ticket_answer(struct sv_ticket *t)
{
    if (t == NULL)
        return true;
    pthread_mutex_lock(&t->lock);
    bool first = !t->answered;
    t->answered = true;
    pthread_mutex_unlock(&t->lock);
    return first;
}

/* --- those whose time may run out, by when it does --- */

static void add_timed(struct sv_ticket *t)
{
    struct sv_tickets *all = &t->node->tickets;
    pthread_mutex_lock(&all->lock);
    struct sv_list *after = all->timed.prev; /* mostly they come in this order */
    while (after != &all->timed &&
        SV_CONTAINER_OF(after, struct sv_ticket, timed)->due_ms > t->due_ms)
        after = after->prev;
    sv_list_append(after->next, &t->timed);
    bool first = all->timed.next == &t->timed;
    pthread_mutex_unlock(&all->lock);
    if (first)
        sv_node_wake(t->node);
}

/* The first whose time is over, a reference; else NULL and when one's is. */
static struct sv_ticket *take_due(struct sv_tickets *all, int64_t now_ms, int64_t *ret_next_ms)
{
    struct sv_ticket *t = NULL;
    *ret_next_ms = INT64_MAX;
    pthread_mutex_lock(&all->lock);
    if (!sv_list_empty(&all->timed)) {
        t = SV_CONTAINER_OF(all->timed.next, struct sv_ticket, timed);
        if (t->due_ms <= now_ms) {
            sv_list_remove(&t->timed);
            atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
        } else {
            *ret_next_ms = t->due_ms;
            t = NULL;
        }
    }
    pthread_mutex_unlock(&all->lock);
    return t;
}

int64_t sv_tickets_ring(synctv_node *node, int64_t now_ms)
{
    int64_t next_ms;
    for (struct sv_ticket *t; (t = take_due(&node->tickets, now_ms, &next_ms)) != NULL;) {
        pthread_mutex_lock(&t->lock);
        if (!t->answered) {
            t->withdrawn = t->waiting && !t->writes;
            answer(t, SYNCTV_E_TIMEOUT);
        }
        pthread_mutex_unlock(&t->lock);
        ticket_unref(t);
    }
    return next_ms;
}

/* --- its life --- */

int sv_ticket_new(synctv_node *node, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct, struct sv_ticket **ret_ticket)
{
    bool timed = request->timeout_ms > 0 && !direct;
    *ret_ticket = NULL;
    if (request->cancellable == NULL && !timed)
        return 0;
    struct sv_ticket *t = sv_zalloc(sizeof(*t));
    if (t == NULL)
        return SYNCTV_E_NO_MEMORY;
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    sv_list_init(&t->timed);
    t->watch.withdraw = withdraw_watched;
    t->node = node;
    t->done = done;
    t->userdata = userdata;
    t->direct = direct;
    if (request->cancellable != NULL && !sv_cancel_watch(&t->watch, request->cancellable)) {
        ticket_unref(t);
        return SYNCTV_E_CANCELLED;
    }
    if (timed) {
        t->due_ms = sv_node_mono_ms(node) + request->timeout_ms;
        add_timed(t);
    }
    *ret_ticket = t;
    return 0;
}

void sv_ticket_free(struct sv_ticket *t)
{
    if (t == NULL)
        return;
    sv_cancel_unwatch(&t->watch);
    pthread_mutex_lock(&t->node->tickets.lock);
    sv_list_remove(&t->timed);
    pthread_mutex_unlock(&t->node->tickets.lock);
    ticket_unref(t);
}
