/* SPDX-License-Identifier: MIT */
/* Runs jobs: many that write in one transaction, or each in a transaction of its own. */
#ifndef SV_STORE_BATCH_H
#define SV_STORE_BATCH_H

#include "store/backend.h"

/*
 * Runs the jobs that only read, and takes them off the list: they need not wait until other
 * processes let us write. Not those that follow another one of their room.
 */
void sv_batch_read_first(const struct sv_backend *backend, struct sv_conn *conn,
    struct sv_list *jobs);
/* Runs a list of jobs, then apply() in their order. Returns whether they changed any row. */
bool sv_batch_write(const struct sv_backend *backend, struct sv_conn *conn, struct sv_list *jobs);
/*
 * Runs a job once, in a transaction of its own. The result is in job->rv; conn->again says whether
 * another try may help.
 */
void sv_batch_try(const struct sv_backend *backend, struct sv_conn *conn, enum sv_conn_kind kind,
    struct sv_job *job);
/* Runs a job in a transaction of its own, which is rolled back. The result is in job->rv. */
void sv_batch_read(const struct sv_backend *backend, struct sv_conn *conn, struct sv_job *job);

#endif
