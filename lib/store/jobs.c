/* SPDX-License-Identifier: MIT */
#include "store/jobs.h"

#include <string.h>

#include "base/clock.h"
#include "store/batch.h"

#define CLOSE_PATIENCE_US (5 * 1000 * 1000)

/* ---- scope ---- */

static void copy_id(char out[SV_ID_SIZE], const char *id)
{
    size_t len = id == NULL ? 0 : strnlen(id, SV_ID_LEN);
    if (len > 0)
        memcpy(out, id, len);
    out[len] = '\0';
}

void sv_job_set_scope(struct sv_job *job, const char *room_id, const char *user_id,
    const char *other_user_id)
{
    copy_id(job->scope.room_id, room_id);
    copy_id(job->scope.user_ids[0], user_id);
    copy_id(job->scope.user_ids[1], other_user_id);
}

/* ---- queues ---- */

/* The writer's thread reads, too, if there are no readers; it waits for `writes` only. */
static pthread_cond_t *ready_of(struct sv_store *s, struct sv_job_queue *q)
{
    return s->n_readers == 0 ? &s->writes.ready : &q->ready;
}

static int submit(struct sv_store *s, struct sv_job_queue *q, struct sv_job *job)
{
    int rv = 0;
    pthread_mutex_lock(&s->lock);
    if (s->closing) {
        rv = SYNCTV_E_SHUTTING_DOWN;
    } else if (q->n >= q->max) {
        rv = SYNCTV_E_OVERLOADED;
    } else {
        sv_list_append(&q->jobs, &job->link);
        q->n++;
        pthread_cond_signal(ready_of(s, q));
    }
    pthread_mutex_unlock(&s->lock);
    return rv;
}

int sv_store_write(struct sv_store *store, struct sv_job *job)
{
    return submit(store, &store->writes, job);
}

int sv_store_read(struct sv_store *store, struct sv_job *job)
{
    return submit(store, &store->reads, job);
}

/* Moves up to `max` jobs to `batch`. */
static void take(struct sv_job_queue *q, struct sv_list *batch, size_t max)
{
    sv_list_init(batch);
    for (; max > 0 && q->n > 0; max--, q->n--)
        sv_list_append(batch, sv_list_pop(&q->jobs));
}

void sv_store_drain(struct sv_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->n_draining++;
    while (store->writes.n > 0 || store->writing)
        pthread_cond_wait(&store->idle, &store->lock);
    store->n_draining--;
    pthread_mutex_unlock(&store->lock);
}

/* ---- threads ---- */

static void report(struct sv_job_worker *w, bool works)
{
    struct sv_conn *conn = w->conn;
    const struct sv_log *log = &w->store->log;
    unsigned times;
    if (conn->failure != 0) {
        if (sv_outage_failed(&w->outage, conn->failure, sv_mono_ms(), &times))
            sv_logf(log, SYNCTV_LOG_ERROR, "store", "%s (result %d, %u times)", conn->failure_text,
                conn->failure, times);
        conn->failure = 0;
    } else if (works && sv_outage_over(&w->outage, &times)) {
        sv_logf(log, SYNCTV_LOG_INFO, "store", "the database works again (failed %u more times)",
            times);
    }
}

static void read_all(struct sv_job_worker *w, struct sv_list *jobs)
{
    struct sv_list *it;
    while ((it = sv_list_pop(jobs)) != NULL) {
        sv_batch_read(w->store->backend, w->conn, SV_CONTAINER_OF(it, struct sv_job, link));
        report(w, true);
    }
}

/* Waits for jobs. False: the store closes and all is done. */
static bool take_writes(struct sv_store *s, struct sv_list *writes, struct sv_list *reads)
{
    bool reads_too = s->n_readers == 0;
    size_t max = s->backend->max_batch;
    pthread_mutex_lock(&s->lock);
    s->writing = false;
    if (s->n_draining > 0 && s->writes.n == 0)
        pthread_cond_broadcast(&s->idle);
    while (s->writes.n == 0 && !(reads_too && s->reads.n > 0) && !s->closing)
        pthread_cond_wait(&s->writes.ready, &s->lock);
    take(&s->writes, writes, max);
    take(&s->reads, reads, reads_too ? max : 0);
    s->writing = !sv_list_empty(writes);
    pthread_mutex_unlock(&s->lock);
    return !sv_list_empty(writes) || !sv_list_empty(reads);
}

static void *writer_main(void *arg)
{
    struct sv_job_worker *w = arg;
    struct sv_store *s = w->store;
    struct sv_list writes, reads;
    while (take_writes(s, &writes, &reads)) {
        if (!sv_list_empty(&writes))
            report(w, sv_batch_write(s->backend, w->conn, &writes));
        read_all(w, &reads);
    }
    return NULL;
}

static void *reader_main(void *arg)
{
    struct sv_job_worker *w = arg;
    struct sv_store *s = w->store;
    struct sv_list one;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (s->reads.n == 0 && !s->closing)
            pthread_cond_wait(&s->reads.ready, &s->lock);
        take(&s->reads, &one, 1);
        pthread_mutex_unlock(&s->lock);

        if (sv_list_empty(&one))
            return NULL;
        read_all(w, &one);
    }
}

static int start(struct sv_job_worker *w, void *(*main)(void *))
{
    w->started = pthread_create(&w->thread, NULL, main, w) == 0;
    return w->started ? 0 : SYNCTV_E_INTERNAL;
}

static void join(struct sv_job_worker *w)
{
    if (w->started)
        pthread_join(w->thread, NULL);
    w->started = false;
}

int sv_jobs_start(struct sv_store *store)
{
    int rv = start(&store->writer, writer_main);
    for (unsigned i = 0; rv == 0 && i < store->n_readers; i++)
        rv = start(&store->readers[i], reader_main);
    return rv;
}

void sv_jobs_stop(struct sv_store *store)
{
    atomic_store(&store->deadline_us, sv_mono_us() + CLOSE_PATIENCE_US);
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    pthread_cond_broadcast(&store->writes.ready);
    pthread_cond_broadcast(&store->reads.ready);
    pthread_mutex_unlock(&store->lock);

    join(&store->writer);
    for (unsigned i = 0; i < store->n_readers; i++)
        join(&store->readers[i]);
}
