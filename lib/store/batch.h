/* SPDX-License-Identifier: MIT */
/* Runs jobs: many that write in one transaction, or one that reads. */
#ifndef SV_STORE_BATCH_H
#define SV_STORE_BATCH_H

#include "store/backend.h"

/* Runs a list of jobs, then apply() in their order. Returns whether they changed any row. */
bool sv_batch_write(const struct sv_backend *backend, struct sv_conn *conn, struct sv_list *jobs);
/* Runs a job in a transaction of its own, which is rolled back. */
void sv_batch_read(const struct sv_backend *backend, struct sv_conn *conn, struct sv_job *job);

#endif
