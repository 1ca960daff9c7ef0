/* SPDX-License-Identifier: MIT */
#include "api/cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

struct synctv_cancellable {
    atomic_uint refs;
    pthread_mutex_t lock;
    struct sv_list watches;
    bool over;
};

synctv_cancellable *synctv_cancellable_new(void)
{
    synctv_cancellable *c = sv_zalloc(sizeof(*c));
    if (c == NULL)
        return NULL;
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    sv_list_init(&c->watches);
    return c;
}

void synctv_cancellable_free(synctv_cancellable *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void synctv_cancellable_cancel(synctv_cancellable *c)
{
    pthread_mutex_lock(&c->lock);
    c->over = true;
    for (struct sv_list *it; (it = sv_list_pop(&c->watches)) != NULL;) {
        struct sv_cancel_watch *watch = SV_CONTAINER_OF(it, struct sv_cancel_watch, link);
        watch->withdraw(watch);
    }
    pthread_mutex_unlock(&c->lock);
}

bool sv_cancel_watch(struct sv_cancel_watch *watch, synctv_cancellable *c)
{
    pthread_mutex_lock(&c->lock);
    bool over = c->over;
    if (!over) {
        sv_list_append(&c->watches, &watch->link);
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
        watch->cancellable = c;
    }
    pthread_mutex_unlock(&c->lock);
    return !over;
}

void sv_cancel_unwatch(struct sv_cancel_watch *watch)
{
    synctv_cancellable *c = watch->cancellable;
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    sv_list_remove(&watch->link);
    pthread_mutex_unlock(&c->lock);
    watch->cancellable = NULL;
    synctv_cancellable_free(c);
}

bool sv_cancel_is_over(synctv_cancellable *c)
{
    if (c == NULL)
        return false;
    pthread_mutex_lock(&c->lock);
    bool over = c->over;
    pthread_mutex_unlock(&c->lock);
    return over;
}
