/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "store/jobs.h"
#include "store/postgres/backend.h"
#include "store/sqlite/backend.h"

#define QUEUED_WRITES 4096
#define QUEUED_READS 256
#define READER_THREADS 2
/* Of so many writers one may load rooms. */
#define LOADING_SHARE 2

static const struct {
    const char *scheme;
    const struct sv_backend *backend;
} backends[] = {
    { "sqlite:", &sv_sqlite_backend },
    { "memory:", &sv_sqlite_backend },
#if SV_HAS_POSTGRES
    { "postgres://", &sv_postgres_backend },
    { "postgresql://", &sv_postgres_backend },
#endif
};

#if SV_HAS_POSTGRES
#define KINDS "\"sqlite:PATH\", \"memory:\" or \"postgres://USER@HOST:PORT/NAME\""
#else
#define KINDS "\"sqlite:PATH\" or \"memory:\""
#endif

static bool is_postgres(const char *url)
{
    return strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0;
}

static const struct sv_backend *backend_of(const char *url, synctv_error *err)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
        if (strncmp(url, backends[i].scheme, strlen(backends[i].scheme)) == 0)
            return backends[i].backend;
    if (!SV_HAS_POSTGRES && is_postgres(url))
        sv_error_field(err, "db_url", "this build of the library has no PostgreSQL");
    else if (strstr(url, "://") != NULL) /* there may be a password in it */
        sv_error_field(err, "db_url", "the storage is " KINDS);
    else
        sv_error_field(err, "db_url", "the storage is " KINDS ", not \"%s\"", url);
    return NULL;
}

static void queue_init(struct sv_job_queue *q)
{
    sv_list_init(&q->jobs);
    pthread_cond_init(&q->ready, NULL);
}

static struct sv_store *store_new(const struct sv_store_options *o,
    const struct sv_backend *backend, unsigned max_readers)
{
    struct sv_store *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->backend = backend;
    s->readers = calloc(max_readers, sizeof(*s->readers));
    s->writers = calloc(backend->n_writers, sizeof(*s->writers));
    if (s->readers == NULL || s->writers == NULL) {
        free(s->readers);
        free(s->writers);
        free(s);
        return NULL;
    }
    if (o->log != NULL)
        s->log = *o->log;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->write_outage.lock, NULL);
    pthread_mutex_init(&s->read_outage.lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    s->patience_us = backend->patience_us;
    if (s->patience_us != 0 && o->patience_ms != 0)
        s->patience_us = o->patience_ms * 1000;
    s->shared = o->member != NULL;
    s->max_writes = o->max_queued_writes == 0 ? QUEUED_WRITES : o->max_queued_writes;
    s->max_reads = o->max_queued_reads == 0 ? QUEUED_READS : o->max_queued_reads;
    queue_init(&s->reads);
    s->n_writers = backend->n_writers;
    s->max_loading = (backend->n_writers + LOADING_SHARE - 1) / LOADING_SHARE;
    for (unsigned i = 0; i < s->n_writers; i++) {
        s->writers[i].store = s;
        queue_init(&s->writers[i].writes);
        queue_init(&s->writers[i].loads);
    }
    for (unsigned i = 0; i < max_readers; i++)
        s->readers[i].store = s;
    return s;
}

static int connect_all(struct sv_store *s, unsigned max_readers, synctv_error *err)
{
    int rv = 0;
    for (unsigned i = 0; rv == 0 && i < s->n_writers; i++)
        rv = s->backend->connect(s->database, SV_CONN_WRITES, &s->writers[i].conn, err);
    while (rv == 0 && s->n_readers < max_readers) {
        struct sv_conn **conn = &s->readers[s->n_readers].conn;
        rv = s->backend->connect(s->database, SV_CONN_READS, conn, err);
        if (*conn == NULL)
            break;
        s->n_readers++;
    }
    return rv;
}

static void disconnect(struct sv_store *s, struct sv_job_worker *w)
{
    if (w->conn != NULL)
        s->backend->disconnect(w->conn);
    w->conn = NULL;
}

int sv_store_open(const struct sv_store_options *options, struct sv_store **ret_store,
    synctv_error *err)
{
    unsigned max_readers = options->reader_threads == 0 ? READER_THREADS : options->reader_threads;
    const struct sv_backend *backend = backend_of(sv_str(options->url), err);
    if (backend == NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    struct sv_store *s = store_new(options, backend, max_readers);
    if (s == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    int rv = backend->open(options, &s->deadline_us, &s->n_turns, &s->database, err);
    if (rv == 0)
        rv = connect_all(s, max_readers, err);
    if (rv < 0)
        goto out;
    rv = sv_jobs_start(s);
    if (rv < 0) {
        sv_errorf(err, rv, "cannot start the threads of the store");
        goto out;
    }
    *ret_store = s;
    s = NULL; /* moved to the caller */
out:
    if (s != NULL) {
        sv_store_close(s);
        sv_store_free(s);
    }
    return rv;
}

uint64_t sv_store_turns(const struct sv_store *store)
{
    return atomic_load(&store->n_turns);
}

int sv_store_damaged(const struct sv_store *store, const char *what, synctv_error *err)
{
    return store->backend->damaged(store->database, what, err);
}

void sv_store_close(struct sv_store *store)
{
    sv_jobs_stop(store);
    for (unsigned i = 0; i < store->n_readers; i++)
        disconnect(store, &store->readers[i]);
    /* The first one last: it cleans up what it has created. */
    for (unsigned i = store->n_writers; i > 0; i--)
        disconnect(store, &store->writers[i - 1]);
    if (store->database != NULL)
        store->backend->close(store->database);
    store->database = NULL;
}

void sv_store_free(struct sv_store *store)
{
    for (unsigned i = 0; i < store->n_writers; i++) {
        pthread_cond_destroy(&store->writers[i].writes.ready);
        pthread_cond_destroy(&store->writers[i].loads.ready);
    }
    pthread_cond_destroy(&store->reads.ready);
    pthread_cond_destroy(&store->idle);
    pthread_mutex_destroy(&store->write_outage.lock);
    pthread_mutex_destroy(&store->read_outage.lock);
    pthread_mutex_destroy(&store->lock);
    free(store->readers);
    free(store->writers);
    free(store);
}
