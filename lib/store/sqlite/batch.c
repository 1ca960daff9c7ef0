/* SPDX-License-Identifier: MIT */
/* Many jobs in one transaction: what takes long is to wait for the disk, once per COMMIT. */
#include "store/sqlite/sqlite_store.h"

static struct sv_job *job_of(struct sv_list *link)
{
    return SV_CONTAINER_OF(link, struct sv_job, link);
}

static bool in_transaction(struct sv_db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

static void roll_back(struct sv_db *db)
{
    if (in_transaction(db))
        sv_db_exec(db, "ROLLBACK");
}

/* Some errors (a full disk) undo the whole transaction, and then the other jobs are gone too. Returns whether it lives. */
static bool run_in_savepoint(struct sv_db *db, struct sv_job *job)
{
    job->rv = sv_db_exec(db, "SAVEPOINT job");
    if (job->rv < 0)
        return false;
    job->rv = job->run(job, &db->tx);
    if (!in_transaction(db))
        return false;
    if (job->rv < 0 && sv_db_exec(db, "ROLLBACK TO job") < 0)
        return false;
    return sv_db_exec(db, "RELEASE job") == 0;
}

/* Returns whether all is committed; if not, nothing is. */
static bool commit_together(struct sv_db *db, struct sv_list *jobs)
{
    bool any = false;
    SV_LIST_FOREACH(it, jobs) {
        if (!run_in_savepoint(db, job_of(it)))
            return false;
        any = any || job_of(it)->rv >= 0;
    }
    /* Pages that were changed and changed back would be written. */
    return sv_db_exec(db, any ? "COMMIT" : "ROLLBACK") == 0;
}

static int commit_alone(struct sv_db *db, struct sv_job *job)
{
    int rv = job->run(job, &db->tx);
    if (!in_transaction(db))
        return rv < 0 ? rv : SYNCTV_E_STORAGE_UNAVAILABLE;
    if (rv < 0)
        return rv;
    int committed = sv_db_exec(db, "COMMIT");
    return committed < 0 ? committed : rv;
}

/* Each job gets its own verdict. One that cannot even begin speaks for those behind it: each might wait for seconds. */
static void run_one_by_one(struct sv_db *db, struct sv_list *jobs)
{
    int begun = 0;
    SV_LIST_FOREACH(it, jobs) {
        struct sv_job *job = job_of(it);
        if (begun == 0)
            begun = sv_db_exec(db, "BEGIN IMMEDIATE");
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
    int begun = sv_db_exec(db, "BEGIN IMMEDIATE");
    if (begun < 0) {
        SV_LIST_FOREACH(it, jobs)
            job_of(it)->rv = begun;
    } else if (!commit_together(db, jobs)) {
        roll_back(db);
        run_one_by_one(db, jobs);
    }
    struct sv_list *it;
    while ((it = sv_list_pop(jobs)) != NULL)
        job_of(it)->apply(job_of(it), job_of(it)->rv);
    return sqlite3_total_changes64(db->handle) != changes;
}

void sv_sqlite_read_one(struct sv_db *db, struct sv_job *job)
{
    job->rv = sv_db_exec(db, "BEGIN");
    if (job->rv == 0)
        job->rv = job->run(job, &db->tx);
    roll_back(db);
    job->apply(job, job->rv);
}
