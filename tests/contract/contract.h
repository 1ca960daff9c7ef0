/* SPDX-License-Identifier: MIT */
/*
 * What the tests of a store share. Most of them run once for each backend (contract_backends); a
 * new backend is one more line there and must pass them all.
 *
 *     struct contract c;
 *     contract_open(&c, _i);
 *     contract_begin(&c);                      a write job starts and hands its transaction to the
 * test c.op->user_insert(c.tx, &rec); ck_assert_int_eq(contract_commit(&c), 0); contract_close(&c);
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <check.h>
#include <pthread.h>

#include "store/store.h"

struct contract_job {
    struct sv_job job;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum { CONTRACT_QUEUED, CONTRACT_RUNNING, CONTRACT_DECIDED, CONTRACT_APPLIED } state;
    struct sv_tx *tx;
    int verdict, rv;
};

struct contract {
    char url[256];
    struct sv_store *store;
    struct sv_arena arena; /* for what functions return; freed at contract_close() */
    struct contract_job job;
    struct sv_tx *tx; /* between begin and commit */
    const struct sv_tx_ops *op;
};

extern const char *const contract_backends[];
/* Where there is no PostgreSQL (tests/support/pg.py) there is one less. */
int contract_n_backends(void);
/* Of a new, empty database; it may be opened several times, unless it is in memory. */
void contract_url(int backend, char *out, size_t size);
/* With SYNCTV_TEST_POSTGRES only: a statement as its administrator. */
void contract_sql(const char *sql);
/* Of a test, with a job: a slow machine must not meet its end. */
#define CONTRACT_PATIENCE_MS 100000

/* A folder of this program's own; removed at the end of contract_main(). */
extern char contract_folder[];
/* A path in it that no other test has. */
void contract_path(char *out, size_t size);

void contract_open(struct contract *c, int backend);
void contract_open_url(struct contract *c, const char *url, const struct sv_log *log);
void contract_close(struct contract *c);

/* The job is about these: those about the same room that are queued behind it wait for it. */
#define CONTRACT_ROOM "r00000000001"
#define CONTRACT_USER "u00000000001"
void contract_begin(struct contract *c);
void contract_begin_read(struct contract *c);
/* Ends the job; what apply() got. */
int contract_commit(struct contract *c);
int contract_abort(struct contract *c, int verdict);

/* A job that calls `fn` and waits for its apply(). */
typedef int contract_fn(struct sv_tx *tx, void *arg);
int contract_write(struct sv_store *store, contract_fn *fn, void *arg);
int contract_read(struct sv_store *store, contract_fn *fn, void *arg);

/* Rows with the given ids, the rest is made up. */
struct sv_user_rec contract_user(const char *id, const char *name);
struct sv_room_rec contract_room(const char *id, const char *name, const char *creator_id,
    int64_t created_at_ms);
struct sv_member_rec contract_member(const char *room_id, const char *user_id,
    synctv_room_role role, synctv_member_status status);
/* "u00000000042" for 'u', 42: in one of 8 buffers that take turns. */
const char *contract_id(char kind, unsigned n);

/* Inside begin … commit: inserts user "u" or room "r" of that number, the room with its creator as
 * member. */
void contract_add_user(struct contract *c, unsigned n);
void contract_add_room(struct contract *c, unsigned n, const char *name, int64_t created_at_ms);

/* Sets up the cases and runs them. */
int contract_main(const char *name, void (*add)(TCase *tc));

#endif
