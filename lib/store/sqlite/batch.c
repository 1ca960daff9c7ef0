/* SPDX-License-Identifier: MIT */
/* Many jobs in one transaction: what takes long is to wait for the disk, once per COMMIT. */
#include "store/sqlite/sqlite_store.h"

#include <unistd.h>

#include "base/clock.h"

#define GAP_US (2 * SV_DB_BUSY_STEP_US) /* long enough for one who waits to find it */
#define GAP_EVERY_US (100 * 1000)
#define OTHERS_FOR_US (1000 * 1000) /* since one had to wait */

static const char begin_write[] = "BEGIN IMMEDIATE", begin_read[] = "BEGIN", commit[] = "COMMIT",
                  rollback[] = "ROLLBACK", savepoint[] = "SAVEPOINT job",
                  undo[] = "ROLLBACK TO job", release[] = "RELEASE job";

int sv_sqlite_batch_prepare(struct sv_db *db)
{
    static const char *const all[] = { begin_write, begin_read, commit, rollback, savepoint, undo,
        release };
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        struct sv_query q;
        sv_query_begin(&q, &db->tx, all[i]);
        rv = sv_query_end(&q, 0);
    }
    return rv;
}

static struct sv_job *job_of(struct sv_list *link)
{
    return SV_CONTAINER_OF(link, struct sv_job, link);
}

static bool in_transaction(struct sv_db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

/* Should even this fail, begin() tries again. */
static int roll_back(struct sv_db *db)
{
    return in_transaction(db) ? sv_db_exec(db, rollback) : 0;
}

static int begin(struct sv_db *db, const char *how)
{
    int rv = roll_back(db);
    return rv < 0 ? rv : sv_db_exec(db, how);
}

/*
 * Other processes can only try again and again to get the lock, so one that frees it and takes it back at once keeps it for
 * seconds: measured, up to 4. It leaves a gap now and then, and each time while others are known to be at work.
 */
static void give_way(struct sv_db *db)
{
    int64_t now = sv_mono_us(), gap = now - db->freed_at_us;
    bool others = db->busy_at_us != 0 && now - db->busy_at_us < OTHERS_FOR_US;
    if (gap >= GAP_US || (!others && now - db->gave_way_at_us < GAP_EVERY_US))
        return;
    usleep((useconds_t)(GAP_US - gap));
    db->gave_way_at_us = now;
}

/* Some errors (a full disk) undo the whole transaction, and then the other jobs are gone too. Returns whether it lives. */
static bool run_in_savepoint(struct sv_db *db, struct sv_job *job)
{
    job->rv = sv_db_exec(db, savepoint);
    if (job->rv < 0)
        return false;
    job->rv = job->run(job, &db->tx);
    if (!in_transaction(db))
        return false;
    if (job->rv < 0 && sv_db_exec(db, undo) < 0)
        return false;
    return sv_db_exec(db, release) == 0;
}

/*
 * Jobs that fail nearly always do so before they change anything, and a savepoint makes SQLite keep a copy of each page that is changed: so at first
 * there are none.
 */
enum outcome { COMMITTED, NEEDS_SAVEPOINTS, LOST };

static enum outcome run_together(struct sv_db *db, struct sv_list *jobs, bool *ret_any)
{
    SV_LIST_FOREACH(it, jobs) {
        struct sv_job *job = job_of(it);
        sqlite3_int64 changes = sqlite3_total_changes64(db->handle);
        job->rv = job->run(job, &db->tx);
        if (!in_transaction(db))
            return LOST;
        if (job->rv < 0 && sqlite3_total_changes64(db->handle) != changes)
            return NEEDS_SAVEPOINTS;
        *ret_any = *ret_any || job->rv >= 0;
    }
    return COMMITTED;
}

static enum outcome run_apart(struct sv_db *db, struct sv_list *jobs, bool *ret_any)
{
    SV_LIST_FOREACH(it, jobs) {
        if (!run_in_savepoint(db, job_of(it)))
            return LOST;
        *ret_any = *ret_any || job_of(it)->rv >= 0;
    }
    return COMMITTED;
}

/* In the transaction that has begun. Unless all is committed, nothing is. */
static enum outcome commit_together(struct sv_db *db, struct sv_list *jobs)
{
    bool any = false;
    enum outcome outcome = run_together(db, jobs, &any);
    if (outcome == NEEDS_SAVEPOINTS) {
        any = false;
        outcome = begin(db, begin_write) == 0 ? run_apart(db, jobs, &any) : LOST;
    }
    if (outcome != COMMITTED)
        return LOST;
    /* Pages that were changed and changed back would be written. */
    return sv_db_exec(db, any ? commit : rollback) == 0 ? COMMITTED : LOST;
}

static int commit_alone(struct sv_db *db, struct sv_job *job)
{
    int rv = job->run(job, &db->tx);
    if (!in_transaction(db))
        return rv < 0 ? rv : SYNCTV_E_STORAGE_UNAVAILABLE;
    if (rv < 0)
        return rv;
    int committed = sv_db_exec(db, commit);
    return committed < 0 ? committed : rv;
}

/* Each job gets its own verdict. One that cannot even begin speaks for those behind it: each might wait for seconds. */
static void run_one_by_one(struct sv_db *db, struct sv_list *jobs)
{
    int begun = 0;
    SV_LIST_FOREACH(it, jobs) {
        struct sv_job *job = job_of(it);
        if (begun == 0)
            begun = begin(db, begin_write);
        if (begun < 0) {
            job->rv = begun;
            continue;
        }
        job->rv = commit_alone(db, job);
        roll_back(db);
    }
}

bool sv_sqlite_write_batch(struct sv_db *db, struct sv_list *jobs)
{
    sqlite3_int64 changes = sqlite3_total_changes64(db->handle);
    give_way(db);
    int begun = begin(db, begin_write);
    if (begun < 0) {
        SV_LIST_FOREACH(it, jobs)
            job_of(it)->rv = begun;
    } else if (commit_together(db, jobs) == LOST) {
        roll_back(db);
        run_one_by_one(db, jobs);
    }
    db->freed_at_us = sv_mono_us();
    struct sv_list *it;
    while ((it = sv_list_pop(jobs)) != NULL)
        job_of(it)->apply(job_of(it), job_of(it)->rv);
    return sqlite3_total_changes64(db->handle) != changes;
}

void sv_sqlite_read_one(struct sv_db *db, struct sv_job *job)
{
    job->rv = begin(db, begin_read);
    if (job->rv == 0)
        job->rv = job->run(job, &db->tx);
    roll_back(db);
    job->apply(job, job->rv);
}
