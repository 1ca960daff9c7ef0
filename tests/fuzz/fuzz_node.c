/* SPDX-License-Identifier: MIT */
#include "fuzz_node.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "auth/password.h"
#include "base/id.h"
#include "node/people/account_table.h"
#include "node/engine/blocking_job.h"
#include "node/rooms/timer.h"

#include "../support/node_time.h"

#define PATIENCE_MS 10000

synctv_node fuzz_node;
static sem_t wanted; /* the node wants a turn */
static bool is_open;
static struct node_time fuzz_time;

/* --- chance and cost (--wrap) --- */

static atomic_uint n_ids, n_bytes;

int __wrap_sv_random_id(char *out, size_t len);
int __wrap_sv_id_new(char out[SV_ID_SIZE]);
int __wrap_sv_random_bytes(void *out, size_t len);
int __wrap_sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE]);
int __wrap_sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost);
bool __wrap_sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost);
int __real_sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE]);
int __real_sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost);
bool __real_sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost);

static const struct sv_password_cost cheap = { .memory_kib = 8, .passes = 1, .lanes = 1 };

int __wrap_sv_random_id(char *out, size_t len)
{
    char id[64];
    int n = snprintf(id, sizeof(id), "new-%0*u", (int)len - 4, atomic_fetch_add(&n_ids, 1) + 1);
    FUZZ_MUST(n == (int)len);
    memcpy(out, id, len + 1);
    return 0;
}

int __wrap_sv_id_new(char out[SV_ID_SIZE])
{
    return __wrap_sv_random_id(out, SV_ID_LEN);
}

int __wrap_sv_random_bytes(void *out, size_t len)
{
    unsigned n = atomic_fetch_add(&n_bytes, 1) + 1;
    memset(out, (int)(n & 0xff), len);
    memcpy(out, &n, len < sizeof(n) ? len : sizeof(n));
    return 0;
}

int __wrap_sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE])
{
    return __real_sv_password_hash(password, &cheap, out);
}

int __wrap_sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost)
{
    return __real_sv_password_verify_dummy(password, &cheap);
}

bool __wrap_sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost)
{
    return __real_sv_password_needs_rehash(record, &cheap);
}

/* --- the node --- */

static void wake(void *userdata)
{
    sem_post(&wanted);
}

static void node_open(void)
{
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.limits = &(synctv_limits){
        .struct_size = sizeof(synctv_limits),
        .rooms_per_user = 4,
        .memberships_per_user = 4,
        .members_per_room = 3,
        .movies_per_room = 5,
        .sessions_per_user = 3,
        .streams_per_user = 2,
        .streams_per_connection = 100,
        .connections_per_address = 100,
    };
    FUZZ_MUST(sem_init(&wanted, 0, 0) == 0);
    FUZZ_MUST(sv_node_init(&fuzz_node, &options, NULL) == 0);
    node_time_own(&fuzz_node, &fuzz_time);
    sv_pool_stop(fuzz_node.hashers);
    sv_pool_free(fuzz_node.hashers);
    FUZZ_MUST(sv_pool_new("hash", 1, 64, &fuzz_node.hashers) ==
        0); /* one: see wait_for_hashing() */
    fuzz_node.wake = wake;
    is_open = true;
}

static int nothing_run(struct sv_blocking_job *job, struct sv_tx *tx)
{
    return 0;
}

/* What was queued before has been done. */
static void wait_for_storage(void)
{
    struct sv_blocking_job write = { .run = nothing_run }, read = { .run = nothing_run };
    FUZZ_MUST(sv_blocking_job_do(&write, fuzz_node.store, sv_store_write) == 0);
    FUZZ_MUST(sv_blocking_job_do(&read, fuzz_node.store, sv_store_read) == 0);
}

struct flag {
    struct sv_work work;
    sem_t set;
};

static void flag_run(struct sv_work *work)
{
    sem_post(&SV_CONTAINER_OF(work, struct flag, work)->set);
}

static void wait_for_hashing(void)
{
    struct flag flag = { .work.run = flag_run };
    FUZZ_MUST(sem_init(&flag.set, 0, 0) == 0);
    FUZZ_MUST(sv_pool_submit(fuzz_node.hashers, &flag.work) == 0);
    while (sem_wait(&flag.set) < 0)
        ;
    sem_destroy(&flag.set);
}

static void turn(void)
{
    while (sv_node_turn(&fuzz_node) == 0)
        ;
}

void fuzz_node_settle(void)
{
    bool woken;
    do {
        woken = false;
        while (sem_trywait(&wanted) == 0)
            woken = true;
        turn();
        wait_for_storage(); /* what comes of one may ask for another */
        wait_for_hashing();
        wait_for_storage();
    } while (woken);
}

void fuzz_node_run_until(const atomic_bool *flag)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_MS / 1000;
    while (!atomic_load(flag)) {
        turn();
        if (atomic_load(flag))
            break;
        int rc = sem_timedwait(&wanted, &end);
        FUZZ_MUST(rc == 0 || errno == EINTR);
    }
}

void fuzz_node_pass_ms(int64_t ms)
{
    fuzz_node_settle();
    node_time_pass(&fuzz_time, ms);
    fuzz_node_settle();
}

/* As if it had been deleted: no job finds it any more. */
static void forget_room(struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    FUZZ_MUST(sv_list_empty(&room->follows));
    room->gone = true;
    room->playback_dirty = false;
    sv_room_set_idle(room, false);
    pthread_mutex_lock(&fuzz_node.rooms->lock);
    sv_room_stop_timer(room);
    pthread_mutex_unlock(&fuzz_node.rooms->lock);
    pthread_mutex_unlock(&room->lock);
}

static void forget_everything(void)
{
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        struct sv_room *room, *tmp;
        HASH_ITER(hh, fuzz_node.rooms->shards[i].by_id, room, tmp) {
            forget_room(room);
            HASH_DEL(fuzz_node.rooms->shards[i].by_id, room);
            sv_room_unref(room);
        }
    }
    const struct sv_people_hooks *hooks = fuzz_node.accounts->hooks;
    sv_accounts_free(fuzz_node.accounts);
    fuzz_node.accounts = NULL;
    FUZZ_MUST(sv_accounts_new(&fuzz_node, hooks, &fuzz_node.accounts) == 0);
    fuzz_time.wall_ms = 0;
    sv_node_start_clock(&fuzz_node, 0);
}

/* On the writer's thread, whose connection is the only one in memory, and between transactions. */
static struct fuzz_rows stored;

struct restore {
    struct sv_blocking_job blocking;
    struct fuzz_rows *rows;
    sqlite3 *handle;
};

static int restore_run(struct sv_blocking_job *job, struct sv_tx *tx)
{
    SV_CONTAINER_OF(job, struct restore, blocking)->handle = ((struct sv_db *)tx)->handle;
    return 0;
}

static void restore_apply(struct sv_blocking_job *job)
{
    struct restore *restore = SV_CONTAINER_OF(job, struct restore, blocking);
    if (stored.handle == NULL) {
        fuzz_rows_clone(restore->handle, restore->rows);
        fuzz_rows_attach(&stored, restore->handle);
    }
    fuzz_rows_copy(&stored, restore->rows);
}

void fuzz_node_put_rows(struct fuzz_rows *rows)
{
    struct restore restore = {
        .blocking = { .run = restore_run, .apply = restore_apply },
        .rows = rows,
    };
    int rv = sv_blocking_job_do(&restore.blocking, fuzz_node.store, sv_store_write);
    FUZZ_MUST(rv == 0);
}

void fuzz_node_reset(struct fuzz_rows *rows)
{
    if (!is_open)
        node_open();
    fuzz_node_settle();
    forget_everything();
    fuzz_node_put_rows(rows);
    atomic_store(&n_ids, 0);
    atomic_store(&n_bytes, 0);
}
