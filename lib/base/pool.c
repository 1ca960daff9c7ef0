/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

struct sv_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct sv_list queue;
    /* Queued and running. */
    size_t n_work;
    /* max_queued + one for each thread. */
    size_t max_work;
    bool stopping;

    /* Held while the threads are joined: a second stop waits for the first. */
    pthread_mutex_t join_lock;
    /* Started and not joined; under join_lock. */
    unsigned n_threads;
    char name[16];
    pthread_t threads[];
};

static void *pool_thread(void *arg)
{
    struct sv_pool *pool = arg;
    pthread_setname_np(pthread_self(), pool->name);

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct sv_list *link;
        while ((link = sv_list_pop(&pool->queue)) == NULL && !pool->stopping)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (link == NULL)
            break;
        pthread_mutex_unlock(&pool->lock);
        struct sv_work *work = SV_CONTAINER_OF(link, struct sv_work, link);
        work->run(work);
        pthread_mutex_lock(&pool->lock);
        pool->n_work--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* The threads block all signals: those are for the program's own threads. */
static int start_threads(struct sv_pool *pool, unsigned n_threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->n_threads < n_threads &&
        pthread_create(&pool->threads[pool->n_threads], NULL, pool_thread, pool) == 0)
        pool->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->n_threads == n_threads ? 0 : SYNCTV_E_INTERNAL;
}

int sv_pool_new(const char *name, unsigned n_threads, size_t max_queued, struct sv_pool **ret_pool)
{
    if (n_threads == 0)
        n_threads = 1;
    struct sv_pool *pool = calloc(1, sizeof(*pool) + n_threads * sizeof(pool->threads[0]));
    if (pool == NULL)
        return SYNCTV_E_NO_MEMORY;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_mutex_init(&pool->join_lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    sv_list_init(&pool->queue);
    if (__builtin_add_overflow(max_queued, n_threads, &pool->max_work))
        pool->max_work = max_queued;
    snprintf(pool->name, sizeof(pool->name), "%s", name);

    int rv = start_threads(pool, n_threads);
    if (rv < 0) {
        sv_pool_stop(pool);
        sv_pool_free(pool);
        return rv;
    }
    *ret_pool = pool;
    return 0;
}

int sv_pool_submit(struct sv_pool *pool, struct sv_work *work)
{
    int rv = 0;
    pthread_mutex_lock(&pool->lock);
    if (pool->stopping) {
        rv = SYNCTV_E_SHUTTING_DOWN;
    } else if (pool->n_work >= pool->max_work) {
        rv = SYNCTV_E_OVERLOADED;
    } else {
        pool->n_work++;
        sv_list_append(&pool->queue, &work->link);
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    return rv;
}

void sv_pool_stop(struct sv_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);

    pthread_mutex_lock(&pool->join_lock);
    while (pool->n_threads > 0)
        pthread_join(pool->threads[--pool->n_threads], NULL);
    pthread_mutex_unlock(&pool->join_lock);
}

void sv_pool_free(struct sv_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->join_lock);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
