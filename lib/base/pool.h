/* SPDX-License-Identifier: MIT */
/* A few threads and a bounded queue of work for them. */
#ifndef SV_BASE_POOL_H
#define SV_BASE_POOL_H

#include <stddef.h>

#include "base/list.h"

struct sv_pool;

/* Embed it in what the work needs; run() owns it and may free it. */
struct sv_work {
    struct sv_list link;
    void (*run)(struct sv_work *work);
};

/*
 * The threads get the name `name` (≤ 15 bytes). Errors: NO_MEMORY, INTERNAL (no thread could be
 * started).
 */
int sv_pool_new(const char *name, unsigned n_threads, size_t max_queued, struct sv_pool **ret_pool);
/*
 * Never blocks. Errors: OVERLOADED when max_queued wait, SHUTTING_DOWN after sv_pool_stop(); then
 * run() is not called.
 */
int sv_pool_submit(struct sv_pool *pool, struct sv_work *work);
/* Takes no more work, runs what is queued, joins the threads. Idempotent. */
void sv_pool_stop(struct sv_pool *pool);
/* After stop. NULL is fine. */
void sv_pool_free(struct sv_pool *pool);

#endif
