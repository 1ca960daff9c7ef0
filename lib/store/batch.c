/* SPDX-License-Identifier: MIT */
/*
 * Many jobs in one transaction, because the wait for the disk is long and once per COMMIT; or each
 * job in its own.
 */
#include "store/batch.h"

#include <string.h>

static struct sv_job *job_of(struct sv_list *link)
{
    return SV_CONTAINER_OF(link, struct sv_job, link);
}

/*
 * Runs a job in a savepoint. Returns whether the transaction still exists: some errors (a full
 * disk) undo all of it, and with it the other jobs.
 */
static bool run_in_savepoint(const struct sv_backend *b, struct sv_conn *conn, struct sv_job *job)
{
    job->rv = b->savepoint(conn);
    if (job->rv < 0)
        return false;
    job->rv = job->run(job, &conn->tx);
    if (!b->in_transaction(conn))
        return false;
    if (job->rv < 0 && b->undo(conn) < 0)
        return false;
    return b->release(conn) == 0;
}

/*
 * A savepoint makes SQLite copy each page that is changed. Jobs that fail nearly always do so
 * before they change anything, so the first try has no savepoints.
 */
enum outcome { COMMITTED, NEEDS_SAVEPOINTS, LOST };

static enum outcome run_together(const struct sv_backend *b, struct sv_conn *conn,
    struct sv_list *jobs, bool *ret_any)
{
    SV_LIST_FOREACH(it, jobs) {
        struct sv_job *job = job_of(it);
        int64_t changes = b->changes(conn);
        job->rv = job->run(job, &conn->tx);
        if (!b->in_transaction(conn))
            return LOST;
        if (job->rv < 0 && b->changes(conn) != changes)
            return NEEDS_SAVEPOINTS;
        *ret_any = *ret_any || job->rv >= 0;
    }
    return COMMITTED;
}

static enum outcome run_apart(const struct sv_backend *b, struct sv_conn *conn,
    struct sv_list *jobs, bool *ret_any)
{
    SV_LIST_FOREACH(it, jobs) {
        if (!run_in_savepoint(b, conn, job_of(it)))
            return LOST;
        *ret_any = *ret_any || job_of(it)->rv >= 0;
    }
    return COMMITTED;
}

/* Runs in the transaction that has begun. Either everything is committed or nothing is. */
static enum outcome commit_together(const struct sv_backend *b, struct sv_conn *conn,
    struct sv_list *jobs)
{
    bool any = false;
    enum outcome outcome = run_together(b, conn, jobs, &any);
    if (outcome == NEEDS_SAVEPOINTS) {
        any = false;
        outcome = b->begin(conn, SV_CONN_WRITES, NULL) == 0 ? run_apart(b, conn, jobs, &any) : LOST;
    }
    if (outcome != COMMITTED)
        return LOST;
    /* COMMIT would write pages that were changed and changed back. */
    return (any ? b->commit(conn) : b->rollback(conn)) == 0 ? COMMITTED : LOST;
}

static int commit_alone(const struct sv_backend *b, struct sv_conn *conn, struct sv_job *job)
{
    int rv = job->run(job, &conn->tx);
    if (!b->in_transaction(conn))
        return rv < 0 ? rv : SYNCTV_E_STORAGE_UNAVAILABLE;
    if (rv < 0)
        return rv;
    int committed = b->commit(conn);
    return committed < 0 ? committed : rv;
}

/*
 * Each job gets its own result. If one cannot begin a transaction, the jobs behind it fail as well:
 * each might wait for seconds.
 */
static void run_one_by_one(const struct sv_backend *b, struct sv_conn *conn, struct sv_list *jobs)
{
    int begun = 0;
    SV_LIST_FOREACH(it, jobs) {
        struct sv_job *job = job_of(it);
        if (begun == 0)
            begun = b->begin(conn, SV_CONN_WRITES, NULL);
        if (begun < 0) {
            job->rv = begun;
            continue;
        }
        job->rv = commit_alone(b, conn, job);
        b->rollback(conn);
    }
}

static bool follows_one_of_its_room(struct sv_list *jobs, const struct sv_job *job)
{
    SV_LIST_FOREACH(it, jobs) {
        if (job_of(it) == job)
            return false;
        if (strcmp(job_of(it)->scope.room_id, job->scope.room_id) == 0)
            return true;
    }
    return false;
}

void sv_batch_read_first(const struct sv_backend *backend, struct sv_conn *conn,
    struct sv_list *jobs)
{
    struct sv_list all;
    sv_list_init(&all);
    sv_list_splice(&all, jobs);
    for (struct sv_list *it; (it = sv_list_pop(&all)) != NULL;) {
        struct sv_job *job = job_of(it);
        sv_list_append(jobs, it);
        if (!job->reads_only || follows_one_of_its_room(jobs, job))
            continue;
        sv_list_remove(it);
        sv_batch_read(backend, conn, job);
        job->apply(job, job->rv);
    }
}

bool sv_batch_write(const struct sv_backend *backend, struct sv_conn *conn, struct sv_list *jobs)
{
    int64_t changes = backend->changes(conn);
    if (sv_list_empty(jobs))
        return false;
    int begun = backend->begin(conn, SV_CONN_WRITES, NULL);
    if (begun < 0) {
        SV_LIST_FOREACH(it, jobs) {
            job_of(it)->rv = begun;
            if (job_of(it)->reads_only)
                sv_batch_read(backend, conn, job_of(it));
        }
    } else if (commit_together(backend, conn, jobs) == LOST) {
        backend->rollback(conn);
        run_one_by_one(backend, conn, jobs);
    }
    struct sv_list *it;
    while ((it = sv_list_pop(jobs)) != NULL)
        job_of(it)->apply(job_of(it), job_of(it)->rv);
    return backend->changes(conn) != changes;
}

/* Runs the job in the transaction that has begun. */
static int run_and_commit(const struct sv_backend *b, struct sv_conn *conn, enum sv_conn_kind kind,
    struct sv_job *job)
{
    int rv = job->run(job, &conn->tx);
    if (!b->in_transaction(conn))
        return rv < 0 ? rv : SYNCTV_E_STORAGE_UNAVAILABLE;
    conn->again = false; /* the job has its result */
    if (rv < 0 || kind == SV_CONN_READS)
        return rv;
    int committed = b->commit(conn);
    return committed < 0 ? committed : rv;
}

void sv_batch_try(const struct sv_backend *backend, struct sv_conn *conn, enum sv_conn_kind kind,
    struct sv_job *job)
{
    conn->again = false;
    job->rv = backend->begin(conn, kind, &job->scope);
    if (job->rv == 0)
        job->rv = run_and_commit(backend, conn, kind, job);
    backend->rollback(conn);
}

void sv_batch_read(const struct sv_backend *backend, struct sv_conn *conn, struct sv_job *job)
{
    job->rv = backend->begin(conn, SV_CONN_READS, NULL);
    if (job->rv == 0)
        job->rv = job->run(job, &conn->tx);
    backend->rollback(conn);
}
