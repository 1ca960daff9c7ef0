/* SPDX-License-Identifier: MIT */
#include "store/jobs.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "store/batch.h"

#define CLOSE_PATIENCE_US (5 * 1000 * 1000)
#define PAUSE_US (5 * 1000)
#define PAUSE_MAX_US (640 * 1000)
/* So many loads of rooms share a transaction with writes, which wait for them. */
#define LOADS_AT_ONCE 16

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

static void put(struct sv_store *s, struct sv_job_queue *q, struct sv_job *job,
    pthread_cond_t *ready)
{
    int64_t patience_us = s->patience_us;
    job->deadline_us = patience_us == 0 ? 0 : sv_mono_us() + patience_us;
    sv_list_append(&q->jobs, &job->link);
    q->n++;
    pthread_cond_signal(ready);
}

/* Jobs of one room have one writer; so have the jobs of one user that name no room. */
static struct sv_job_worker *writer_of(struct sv_store *s, const struct sv_scope *scope)
{
    if (s->n_writers == 1)
        return &s->writers[0];
    const char *id = scope->room_id[0] != '\0' ? scope->room_id : scope->user_ids[0];
    return &s->writers[sv_hash(id, strlen(id)) % s->n_writers];
}

int sv_store_write(struct sv_store *store, struct sv_job *job)
{
    int rv = 0;
    struct sv_job_worker *w = writer_of(store, &job->scope);
    size_t *n = job->reads_only ? &store->n_loads : &store->n_writes;
    pthread_mutex_lock(&store->lock);
    if (store->closing) {
        rv = SYNCTV_E_SHUTTING_DOWN;
    } else if (*n >= store->max_writes) {
        rv = SYNCTV_E_OVERLOADED;
    } else {
        put(store, job->reads_only ? &w->loads : &w->writes, job, &w->writes.ready);
        (*n)++;
    }
    pthread_mutex_unlock(&store->lock);
    return rv;
}

/* Without readers the first writer reads, too; it waits for its `writes` only. */
int sv_store_read(struct sv_store *store, struct sv_job *job)
{
    int rv = 0;
    pthread_mutex_lock(&store->lock);
    if (store->closing)
        rv = SYNCTV_E_SHUTTING_DOWN;
    else if (store->reads.n >= store->max_reads)
        rv = SYNCTV_E_OVERLOADED;
    else
        put(store, &store->reads, job,
            store->n_readers == 0 ? &store->writers[0].writes.ready : &store->reads.ready);
    pthread_mutex_unlock(&store->lock);
    return rv;
}

/* Moves up to `max` jobs behind those of `batch`. Returns how many. */
static size_t take(struct sv_job_queue *q, struct sv_list *batch, size_t max)
{
    size_t n = 0;
    for (; n < max && q->n > 0; n++, q->n--)
        sv_list_append(batch, sv_list_pop(&q->jobs));
    return n;
}

static bool is_idle(const struct sv_store *s)
{
    return s->n_writes == 0 && s->n_loads == 0 && s->n_writing == 0;
}

void sv_store_drain(struct sv_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->n_draining++;
    while (!is_idle(store))
        pthread_cond_wait(&store->idle, &store->lock);
    store->n_draining--;
    pthread_mutex_unlock(&store->lock);
}

/* ---- threads ---- */

/* `works`: the last job has shown that the database works. */
static void report(struct sv_job_worker *w, struct sv_job_outage *o, bool works)
{
    struct sv_conn *conn = w->conn;
    const struct sv_log *log = &w->store->log;
    unsigned times;
    if (conn->failure == 0 && !works)
        return;
    pthread_mutex_lock(&o->lock);
    if (conn->failure != 0) {
        if (sv_outage_failed(&o->outage, conn->failure, sv_mono_ms(), &times))
            sv_logf(log, SYNCTV_LOG_ERROR, "store", "%s (%u times)", conn->failure_text, times);
        conn->failure = 0;
    } else if (sv_outage_over(&o->outage, &times)) {
        sv_logf(log, SYNCTV_LOG_INFO, "store", "the database works again (failed %u more times)",
            times);
    }
    pthread_mutex_unlock(&o->lock);
}

/* When to stop trying a job. */
static int64_t deadline_of(struct sv_store *s, const struct sv_job *job)
{
    int64_t closing = atomic_load(&s->deadline_us);
    return closing != 0 && closing < job->deadline_us ? closing : job->deadline_us;
}

/* Grows with each try, and is random so that those who wait do not try at the same time. */
static int64_t pause_us(unsigned n_tries)
{
    int64_t us = PAUSE_US;
    while (n_tries-- > 0 && us < PAUSE_MAX_US)
        us *= 2;
    uint32_t random = 0;
    sv_random_bytes(&random, sizeof(random));
    return us / 2 + (int64_t)((uint64_t)us * random >> 33);
}

/* Tries a job while that may help; not at all if it has waited too long in the queue. */
static void try_until_settled(struct sv_job_worker *w, enum sv_conn_kind kind, struct sv_job *job)
{
    struct sv_store *s = w->store;
    struct sv_job_outage *o = kind == SV_CONN_WRITES ? &s->write_outage : &s->read_outage;
    w->conn->deadline_us = job->deadline_us;
    for (unsigned n = 0;; n++) {
        job->rv = SYNCTV_E_STORAGE_UNAVAILABLE;
        if (sv_mono_us() >= deadline_of(s, job))
            break;
        sv_batch_try(s->backend, w->conn, job->reads_only ? SV_CONN_READS : kind, job);
        bool again = w->conn->again;
        report(w, o, !again && job->rv != SYNCTV_E_STORAGE_UNAVAILABLE);
        if (!again)
            break;
        int64_t us = pause_us(n);
        if (sv_mono_us() + us >= deadline_of(s, job))
            break;
        usleep((useconds_t)us);
    }
    job->apply(job, job->rv);
}

static void read_all(struct sv_job_worker *w, struct sv_list *jobs)
{
    struct sv_store *s = w->store;
    struct sv_list *it;
    while ((it = sv_list_pop(jobs)) != NULL) {
        struct sv_job *job = SV_CONTAINER_OF(it, struct sv_job, link);
        if (s->backend->max_batch == 1) {
            try_until_settled(w, SV_CONN_READS, job);
        } else {
            sv_batch_read(s->backend, w->conn, job);
            job->apply(job, job->rv);
            report(w, &s->read_outage, true);
        }
    }
}

static void write_all(struct sv_job_worker *w, struct sv_list *jobs)
{
    struct sv_store *s = w->store;
    struct sv_list *it;
    if (sv_list_empty(jobs))
        return;
    if (s->backend->max_batch > 1) {
        if (s->shared)
            sv_batch_read_first(s->backend, w->conn, jobs);
        report(w, &s->write_outage, sv_batch_write(s->backend, w->conn, jobs));
        return;
    }
    while ((it = sv_list_pop(jobs)) != NULL)
        try_until_settled(w, SV_CONN_WRITES, SV_CONTAINER_OF(it, struct sv_job, link));
}

static void set_writing(struct sv_job_worker *w, bool writing)
{
    struct sv_store *s = w->store;
    if (writing && !w->writing)
        s->n_writing++;
    else if (!writing && w->writing)
        s->n_writing--;
    w->writing = writing;
}

/* Another writer that waits, and has rooms to load; NULL = none. They take turns. */
static struct sv_job_worker *other_loader(const struct sv_job_worker *w)
{
    struct sv_store *s = w->store;
    size_t own = (size_t)(w - s->writers);
    for (size_t i = 1; s->n_loads > 0 && i < s->n_writers; i++) {
        struct sv_job_worker *other = &s->writers[(own + i) % s->n_writers];
        if (!other->writing && other->loads.n > 0)
            return other;
    }
    return NULL;
}

/* It may load now, if anybody may. */
static void wake_loader(const struct sv_job_worker *w)
{
    const struct sv_store *s = w->store;
    struct sv_job_worker *other = s->n_loading < s->max_loading ? other_loader(w) : NULL;
    if (other != NULL)
        pthread_cond_signal(&other->writes.ready);
}

static bool may_load(const struct sv_job_worker *w, bool others_first)
{
    const struct sv_store *s = w->store;
    if (w->loads.n == 0 || s->closing)
        return w->loads.n > 0;
    return s->n_loading < s->max_loading && !(others_first && other_loader(w) != NULL);
}

static void set_loading(struct sv_job_worker *w, bool loading)
{
    struct sv_store *s = w->store;
    if (loading && !w->loading)
        s->n_loading++;
    else if (!loading && w->loading)
        s->n_loading--;
    w->loading = loading;
}

/* For metrics. */
static void count_batch(struct sv_store *s, size_t n_jobs)
{
    unsigned i = 0;
    if (n_jobs == 0)
        return;
    while (i < SV_STORE_N_BATCHES - 1 && n_jobs > (size_t)1 << i)
        i++;
    s->batches[i]++;
    s->batched_jobs += n_jobs;
}

void sv_store_get_stats(struct sv_store *store, struct sv_store_stats *ret_stats)
{
    pthread_mutex_lock(&store->lock);
    *ret_stats = (struct sv_store_stats){
        .queued_writes = store->n_writes,
        .queued_loads = store->n_loads,
        .queued_reads = store->reads.n,
        .batched_jobs = store->batched_jobs,
    };
    memcpy(ret_stats->batches, store->batches, sizeof(store->batches));
    pthread_mutex_unlock(&store->lock);
}

/*
 * A room is loaded between two changes of it, before or behind those that are queued: the same
 * thread does both. So that very many loads do not hold up writes, these go first; but a few loads
 * come with them, or if each job is alone, one behind each write.
 */
static void take_some(struct sv_job_worker *w, struct sv_list *writes, bool loads_too)
{
    struct sv_store *s = w->store;
    size_t max = s->backend->max_batch;
    bool load_first = loads_too && max == 1 && w->load_is_next;
    size_t n_writes = take(&w->writes, writes, load_first ? 0 : max), n_loads = 0;
    if (loads_too)
        n_loads = take(&w->loads, writes, max > 1 ? LOADS_AT_ONCE : 1 - n_writes);
    s->n_writes -= n_writes;
    s->n_loads -= n_loads;
    w->load_is_next = n_writes > 0;
    count_batch(s, n_writes + n_loads);
    set_writing(w, n_writes + n_loads > 0);
    set_loading(w, n_loads > 0);
}

/* Waits for jobs. False: the store closes and all is done. */
static bool take_writes(struct sv_job_worker *w, struct sv_list *writes, struct sv_list *reads)
{
    struct sv_store *s = w->store;
    bool reads_too = s->n_readers == 0 && w == s->writers;
    sv_list_init(writes);
    sv_list_init(reads);
    pthread_mutex_lock(&s->lock);
    bool others_first = w->loading;
    set_writing(w, false);
    set_loading(w, false);
    if (s->n_draining > 0 && is_idle(s))
        pthread_cond_broadcast(&s->idle);
    while (w->writes.n == 0 && !may_load(w, others_first) && !(reads_too && s->reads.n > 0) &&
        !s->closing) {
        wake_loader(w);
        pthread_cond_wait(&w->writes.ready, &s->lock);
        others_first = false;
    }
    take_some(w, writes, may_load(w, others_first));
    take(&s->reads, reads, reads_too ? s->backend->max_batch : 0);
    wake_loader(w);
    pthread_mutex_unlock(&s->lock);
    return !sv_list_empty(writes) || !sv_list_empty(reads);
}

static void *writer_main(void *arg)
{
    struct sv_job_worker *w = arg;
    struct sv_list writes, reads;
    while (take_writes(w, &writes, &reads)) {
        write_all(w, &writes);
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
        sv_list_init(&one);
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
    int rv = 0;
    for (unsigned i = 0; rv == 0 && i < store->n_writers; i++)
        rv = start(&store->writers[i], writer_main);
    for (unsigned i = 0; rv == 0 && i < store->n_readers; i++)
        rv = start(&store->readers[i], reader_main);
    return rv;
}

void sv_jobs_stop(struct sv_store *store)
{
    atomic_store(&store->deadline_us, sv_mono_us() + CLOSE_PATIENCE_US);
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    for (unsigned i = 0; i < store->n_writers; i++)
        pthread_cond_broadcast(&store->writers[i].writes.ready);
    pthread_cond_broadcast(&store->reads.ready);
    pthread_mutex_unlock(&store->lock);

    for (unsigned i = 0; i < store->n_writers; i++)
        join(&store->writers[i]);
    for (unsigned i = 0; i < store->n_readers; i++)
        join(&store->readers[i]);
}
