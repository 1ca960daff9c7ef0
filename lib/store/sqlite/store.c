/* SPDX-License-Identifier: MIT */
#include "store/sqlite/sqlite_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "store/sqlite/ops.h"

#define CLOSE_PATIENCE_US (5 * 1000 * 1000)

/* ---- queues ---- */

static void queue_init(struct sv_sqlite_queue *q, size_t max)
{
    sv_list_init(&q->jobs);
    q->n = 0;
    q->max = max;
    pthread_cond_init(&q->ready, NULL);
}

/* In memory one thread does both, and listens to `writes` alone. */
static pthread_cond_t *ready_of(struct sv_sqlite_store *s, struct sv_sqlite_queue *q)
{
    return s->n_readers == 0 ? &s->writes.ready : &q->ready;
}

static int submit(struct sv_sqlite_store *s, struct sv_sqlite_queue *q, struct sv_job *job)
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

static int store_write(struct sv_store *store, struct sv_job *job)
{
    struct sv_sqlite_store *s = (struct sv_sqlite_store *)store;
    return submit(s, &s->writes, job);
}

static int store_read(struct sv_store *store, struct sv_job *job)
{
    struct sv_sqlite_store *s = (struct sv_sqlite_store *)store;
    return submit(s, &s->reads, job);
}

/* Moves up to `max` jobs to `batch`. */
static void take(struct sv_sqlite_queue *q, struct sv_list *batch, size_t max)
{
    sv_list_init(batch);
    for (; max > 0 && q->n > 0; max--, q->n--)
        sv_list_append(batch, sv_list_pop(&q->jobs));
}

/* ---- threads ---- */

static void read_all(struct sv_sqlite_store *s, struct sv_db *db, struct sv_list *jobs)
{
    struct sv_list *it;
    while ((it = sv_list_pop(jobs)) != NULL) {
        sv_sqlite_read_one(db, SV_CONTAINER_OF(it, struct sv_job, link));
        sv_db_report(db, &s->log, true);
    }
}

static void *writer_main(void *arg)
{
    struct sv_sqlite_store *s = arg;
    struct sv_list writes, reads;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        bool reads_too = s->n_readers == 0;
        while (s->writes.n == 0 && !(reads_too && s->reads.n > 0) && !s->closing)
            pthread_cond_wait(&s->writes.ready, &s->lock);
        take(&s->writes, &writes, SV_SQLITE_MAX_BATCH);
        take(&s->reads, &reads, reads_too ? SV_SQLITE_MAX_BATCH : 0);
        pthread_mutex_unlock(&s->lock);

        if (sv_list_empty(&writes) && sv_list_empty(&reads))
            return NULL; /* closing, and all is done */
        if (!sv_list_empty(&writes)) {
            bool changed = sv_sqlite_write_batch(&s->writer, &writes);
            sv_db_report(&s->writer, &s->log, changed);
        }
        read_all(s, &s->writer, &reads);
    }
}

static void *reader_main(void *arg)
{
    struct sv_sqlite_reader *r = arg;
    struct sv_sqlite_store *s = r->store;
    struct sv_list one;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (s->reads.n == 0 && !s->closing)
            pthread_cond_wait(&s->reads.ready, &s->lock);
        take(&s->reads, &one, 1);
        pthread_mutex_unlock(&s->lock);

        if (sv_list_empty(&one))
            return NULL;
        read_all(s, &r->db, &one);
    }
}

static int start_threads(struct sv_sqlite_store *s)
{
    if (pthread_create(&s->writer_thread, NULL, writer_main, s) != 0)
        return SYNCTV_E_INTERNAL;
    s->writer_started = true;
    for (; s->readers_started < s->n_readers; s->readers_started++) {
        struct sv_sqlite_reader *r = &s->readers[s->readers_started];
        if (pthread_create(&r->thread, NULL, reader_main, r) != 0)
            return SYNCTV_E_INTERNAL;
    }
    return 0;
}

/* ---- open and close ---- */

static void store_close(struct sv_store *store)
{
    struct sv_sqlite_store *s = (struct sv_sqlite_store *)store;
    atomic_store(&s->deadline_us, sv_mono_us() + CLOSE_PATIENCE_US);
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_broadcast(&s->writes.ready);
    pthread_cond_broadcast(&s->reads.ready);
    pthread_mutex_unlock(&s->lock);

    if (s->writer_started)
        pthread_join(s->writer_thread, NULL);
    s->writer_started = false;
    for (unsigned i = 0; i < s->readers_started; i++)
        pthread_join(s->readers[i].thread, NULL);
    s->readers_started = 0;
    for (unsigned i = 0; i < s->n_readers; i++)
        sv_db_close(&s->readers[i].db);
    sv_db_close(
        &s->writer); /* the last one, so SQLite moves the log into the file and removes it */
    sv_sqlite_claim_end(&s->claim);
}

static void store_free(struct sv_store *store)
{
    struct sv_sqlite_store *s = (struct sv_sqlite_store *)store;
    pthread_cond_destroy(&s->writes.ready);
    pthread_cond_destroy(&s->reads.ready);
    pthread_mutex_destroy(&s->lock);
    free(s->readers);
    free(s);
}

static const struct sv_store_ops store_ops = {
    .write = store_write,
    .read = store_read,
    .close = store_close,
    .free = store_free,
};

static struct sv_sqlite_store *store_new(const struct sv_store_options *o, unsigned n_readers)
{
    struct sv_sqlite_store *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->readers = calloc(n_readers + 1, sizeof(*s->readers));
    if (s->readers == NULL) {
        free(s);
        return NULL;
    }
    s->base.ops = &store_ops;
    if (o->log != NULL)
        s->log = *o->log;
    pthread_mutex_init(&s->lock, NULL);
    queue_init(&s->writes, o->max_queued_writes == 0 ? 4096 : o->max_queued_writes);
    queue_init(&s->reads, o->max_queued_reads == 0 ? 256 : o->max_queued_reads);
    s->n_readers = n_readers;
    s->writer.tx.ops = &sv_sqlite_tx_ops;
    s->writer.busy_deadline_us = &s->deadline_us;
    for (unsigned i = 0; i < n_readers; i++) {
        s->readers[i].store = s;
        s->readers[i].db.tx.ops = &sv_sqlite_tx_ops;
        s->readers[i].db.busy_deadline_us = &s->deadline_us;
    }
    return s;
}

/* The file's path, NULL = in memory. ":memory:" and "file:…?…" are SQLite's, and nobody wants files of such names. */
static int path_of(const char *url, char **ret_path, synctv_error *err)
{
    static const char scheme[] = "sqlite:";
    *ret_path = NULL;
    if (strcmp(sv_str(url), "memory:") == 0)
        return 0;
    const char *path = sv_str(url) + strlen(scheme);
    if (strncmp(sv_str(url), scheme, strlen(scheme)) != 0 || path[0] == '\0' || path[0] == ':' ||
        strncmp(path, "file:", 5) == 0)
        return sv_error_field(err, "db_url",
            "the storage is \"sqlite:PATH\" or \"memory:\", not \"%s\"", sv_str(url));
    size_t size = strlen(path) + sizeof("./");
    char *copy = malloc(size);
    if (copy == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    snprintf(copy, size, "%s%s", path[0] == '/' ? "" : "./", path);
    *ret_path = copy;
    return 0;
}

int sv_store_open(const struct sv_store_options *options, struct sv_store **ret_store,
    synctv_error *err)
{
    struct sv_sqlite_store *s = NULL;
    char *path = NULL;
    int rv = path_of(options->url, &path, err);
    if (rv < 0)
        return rv;

    unsigned n_readers = options->reader_threads == 0 ? 2 : options->reader_threads;
    s = store_new(options, path == NULL ? 0 : n_readers);
    if (s == NULL) {
        rv = sv_error(err, SYNCTV_E_NO_MEMORY);
        goto out;
    }
    rv = sv_sqlite_open_writer(&s->writer, path, options->alone ? &s->claim : NULL, err);
    for (unsigned i = 0; rv == 0 && i < s->n_readers; i++)
        rv = sv_sqlite_open_reader(&s->readers[i].db, path, err);
    if (rv < 0)
        goto out;
    rv = start_threads(s);
    if (rv < 0) {
        sv_errorf(err, rv, "cannot start the threads of the store");
        goto out;
    }
    *ret_store = &s->base;
    s = NULL; /* moved to the caller */
out:
    if (s != NULL) {
        store_close(&s->base);
        store_free(&s->base);
    }
    free(path);
    return rv;
}
