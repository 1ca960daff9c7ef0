/* SPDX-License-Identifier: MIT */
/* What becomes of a job: order, isolation, full queues, the end. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

/* ---- order and isolation ---- */

#define N_JOBS 300 /* more than one transaction takes */

struct numbered {
    struct sv_job job;
    unsigned n;
    struct numbered_log *log;
};

struct numbered_log {
    unsigned order[N_JOBS];
    int verdicts[N_JOBS];
    _Atomic unsigned applied;
};

/* Each third job fails after it has changed something. */
static int run_numbered(struct sv_job *job, struct sv_tx *tx)
{
    struct numbered *j = SV_CONTAINER_OF(job, struct numbered, job);
    struct sv_user_rec rec = contract_user(contract_id('u', j->n), contract_id('n', j->n));
    int rv = tx->ops->user_insert(tx, &rec);
    if (rv < 0)
        return rv;
    return j->n % 3 == 2 ? SYNCTV_E_PERMISSION_DENIED : (int)j->n;
}

static void apply_numbered(struct sv_job *job, int rv)
{
    struct numbered *j = SV_CONTAINER_OF(job, struct numbered, job);
    unsigned i = atomic_load(&j->log->applied);
    j->log->order[i] = j->n;
    j->log->verdicts[i] = rv;
    atomic_store(&j->log->applied, i + 1);
}

static void wait_until(_Atomic unsigned *value, unsigned target)
{
    while (atomic_load(value) < target)
        usleep(200);
}

START_TEST(jobs_of_a_room_apply_in_order_and_a_failing_one_leaves_nothing)
{
    struct contract c;
    static struct numbered jobs[N_JOBS];
    static struct numbered_log log;
    atomic_store(&log.applied, 0);
    contract_open(&c, _i);
    contract_begin(&c); /* holds the writer until all are queued */
    for (unsigned i = 0; i < N_JOBS; i++) {
        jobs[i] = (struct numbered){
            .job = { .run = run_numbered, .apply = apply_numbered }, .n = i, .log = &log
        };
        sv_job_set_scope(&jobs[i].job, CONTRACT_ROOM, contract_id('u', i), NULL);
        ck_assert_int_eq(sv_store_write(c.store, &jobs[i].job), 0);
    }
    contract_commit(&c);
    wait_until(&log.applied, N_JOBS);
    for (unsigned i = 0; i < N_JOBS; i++) {
        ck_assert_uint_eq(log.order[i], i);
        ck_assert_int_eq(log.verdicts[i], i % 3 == 2 ? SYNCTV_E_PERMISSION_DENIED : (int)i);
    }
    contract_begin_read(&c);
    for (unsigned i = 0; i < N_JOBS; i++) {
        struct sv_user_rec got;
        ck_assert_int_eq(c.op->user_get(c.tx, contract_id('u', i), &c.arena, &got),
            i % 3 == 2 ? SYNCTV_E_USER_NOT_FOUND : 0);
    }
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

#define N_ROOMS 4
#define N_OF_A_ROOM 250

struct of_a_room {
    struct sv_job job;
    struct own_room *room;
    unsigned n;
    uint64_t revision; /* as run() saw it */
};

/* Each has a thread that queues its jobs. */
struct own_room {
    struct sv_store *store;
    char id[SYNCTV_ID_LEN + 1];
    pthread_t thread;
    struct of_a_room jobs[N_OF_A_ROOM];
    unsigned order[N_OF_A_ROOM];
    int verdicts[N_OF_A_ROOM];
    _Atomic unsigned applied;
};

/* Of three jobs one loads the room, one changes it, and one is undone. */
static int run_of_a_room(struct sv_job *job, struct sv_tx *tx)
{
    struct of_a_room *j = SV_CONTAINER_OF(job, struct of_a_room, job);
    struct sv_arena a = { 0 };
    struct sv_room_rec rec = { 0 };
    int rv = j->n % 3 == 0 ? tx->ops->room_get(tx, j->room->id, &a, &rec)
                           : tx->ops->room_touch(tx, j->room->id, &j->revision);
    if (rv == 0 && j->n % 3 == 0)
        j->revision = rec.room.revision;
    sv_arena_fini(&a);
    return rv < 0 ? rv : j->n % 3 == 2 ? SYNCTV_E_PERMISSION_DENIED : 0;
}

static void apply_of_a_room(struct sv_job *job, int rv)
{
    struct of_a_room *j = SV_CONTAINER_OF(job, struct of_a_room, job);
    unsigned i = atomic_load(&j->room->applied);
    j->room->order[i] = j->n;
    j->room->verdicts[i] = rv;
    atomic_store(&j->room->applied, i + 1);
}

static void *queue_all(void *arg)
{
    struct own_room *room = arg;
    for (unsigned i = 0; i < N_OF_A_ROOM; i++) {
        struct of_a_room *j = &room->jobs[i];
        *j = (struct of_a_room){
            .job = { .run = run_of_a_room, .apply = apply_of_a_room }, .room = room, .n = i
        };
        sv_job_set_scope(&j->job, room->id, contract_id('u', 1), contract_id('u', i));
        if (sv_store_write(room->store, &j->job) < 0)
            abort();
    }
    return NULL;
}

START_TEST(rooms_at_once_keep_each_their_order_and_what_loads_one_fits_in)
{
    struct contract c;
    static struct own_room rooms[N_ROOMS];
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    for (unsigned i = 0; i < N_ROOMS; i++)
        contract_add_room(&c, i, "Room", 1);
    contract_commit(&c);
    for (unsigned i = 0; i < N_ROOMS; i++) {
        rooms[i].store = c.store;
        strcpy(rooms[i].id, contract_id('r', i));
        atomic_store(&rooms[i].applied, 0);
        pthread_create(&rooms[i].thread, NULL, queue_all, &rooms[i]);
    }
    for (unsigned i = 0; i < N_ROOMS; i++) {
        pthread_join(rooms[i].thread, NULL);
        wait_until(&rooms[i].applied, N_OF_A_ROOM);
        for (unsigned n = 0; n < N_OF_A_ROOM; n++) {
            ck_assert_uint_eq(rooms[i].order[n], n);
            ck_assert_int_eq(rooms[i].verdicts[n], n % 3 == 2 ? SYNCTV_E_PERMISSION_DENIED : 0);
            ck_assert_uint_eq(rooms[i].jobs[n].revision, (n + 2) / 3 + (n % 3 == 2));
        }
    }
    contract_close(&c);
}
END_TEST

#define N_BETWEEN 300

/* Of three jobs one loads the room and two change it. */
struct between {
    struct sv_job job;
    uint64_t *changes; /* of the room, as has been told */
    uint64_t revision, told;
    _Atomic unsigned *applied;
};

static int run_between(struct sv_job *job, struct sv_tx *tx)
{
    struct between *b = SV_CONTAINER_OF(job, struct between, job);
    struct sv_arena a = { 0 };
    struct sv_room_rec rec = { 0 };
    struct sv_member_rec *members;
    synctv_movie *movies;
    synctv_playback playback;
    if (!job->reads_only)
        return tx->ops->room_touch(tx, job->scope.room_id, &b->revision);
    int rv = tx->ops->room_get(tx, job->scope.room_id, &a, &rec);
    b->revision = rec.room.revision;
    if (rv == 0 && tx->ops->member_list(tx, job->scope.room_id, &a, &members) != 1)
        rv = SYNCTV_E_INTERNAL;
    if (rv == 0 && tx->ops->movie_list(tx, job->scope.room_id, &a, &movies) != 1)
        rv = SYNCTV_E_INTERNAL;
    if (rv == 0 && tx->ops->playback_get(tx, job->scope.room_id, &a, &playback) != 0)
        rv = SYNCTV_E_INTERNAL;
    sv_arena_fini(&a);
    return rv;
}

static void apply_between(struct sv_job *job, int rv)
{
    struct between *b = SV_CONTAINER_OF(job, struct between, job);
    ck_assert_int_eq(rv, 0);
    if (!job->reads_only)
        ++*b->changes;
    b->told = *b->changes;
    atomic_fetch_add(b->applied, 1);
}

START_TEST(a_room_is_loaded_as_it_is_between_two_changes_of_it)
{
    struct contract c;
    static struct between jobs[N_BETWEEN];
    _Atomic unsigned applied = 0;
    uint64_t changes = 0, before = 0;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "Room", 1);
    const synctv_movie movie = { .id = contract_id('m', 1),
        .room_id = contract_id('r', 1),
        .name = "A film",
        .url = "https://example.org/film.mp4",
        .added_by = contract_id('u', 1) };
    int32_t position;
    uint64_t revision;
    struct sv_room_head head;
    ck_assert_int_eq(c.op->movie_insert(c.tx, &movie, &position, &revision), 0);
    ck_assert_int_eq(c.op->room_heads(c.tx, &movie.room_id, 1, &head), 0);
    contract_commit(&c);
    for (unsigned i = 0; i < N_BETWEEN; i++) {
        jobs[i] = (struct between){
            .job = { .run = run_between, .apply = apply_between, .reads_only = i % 3 == 0 },
            .changes = &changes,
            .applied = &applied
        };
        sv_job_set_scope(&jobs[i].job, contract_id('r', 1), NULL, NULL);
        ck_assert_int_eq(sv_store_write(c.store, &jobs[i].job), 0);
    }
    wait_until(&applied, N_BETWEEN);
    for (unsigned i = 0; i < N_BETWEEN; i++) {
        ck_assert_uint_eq(jobs[i].revision - head.revision, jobs[i].told);
        if (jobs[i].job.reads_only)
            continue;
        ck_assert_uint_gt(jobs[i].told, before);
        before = jobs[i].told;
    }
    contract_close(&c);
}
END_TEST

#define N_LOADS 200

struct waiting {
    struct sv_job job;
    _Atomic unsigned *entered, *open; /* of the first one: run() waits */
    _Atomic unsigned *loaded;
    unsigned loaded_before;
    _Atomic unsigned applied;
};

static int run_waiting(struct sv_job *job, struct sv_tx *tx)
{
    struct waiting *w = SV_CONTAINER_OF(job, struct waiting, job);
    if (w->open != NULL) {
        atomic_store(w->entered, 1);
        wait_until(w->open, 1);
    }
    return 0;
}

static void apply_waiting(struct sv_job *job, int rv)
{
    struct waiting *w = SV_CONTAINER_OF(job, struct waiting, job);
    w->loaded_before = atomic_load(w->loaded);
    if (job->reads_only)
        atomic_fetch_add(w->loaded, 1);
    atomic_store(&w->applied, 1);
}

/* The write's room shares its writer at least with the loads of the same room, half of all. */
START_TEST(a_write_waits_for_a_few_of_the_rooms_that_are_loaded_and_all_of_them_are)
{
    struct contract c;
    static struct waiting loads[N_LOADS];
    _Atomic unsigned loaded = 0, open = 0, entered = 0;
    contract_open(&c, _i);
    for (unsigned i = 0; i < N_LOADS; i++) {
        loads[i] = (struct waiting){
            .job = { .run = run_waiting, .apply = apply_waiting, .reads_only = true },
            .entered = &entered,
            .open = i == 0 ? &open : NULL,
            .loaded = &loaded
        };
        sv_job_set_scope(&loads[i].job, contract_id('r', i % 2 == 0 ? 0 : i), NULL, NULL);
        ck_assert_int_eq(sv_store_write(c.store, &loads[i].job), 0);
        if (i == 0)
            wait_until(&entered, 1);
    }
    struct waiting write = { .job = { .run = run_waiting, .apply = apply_waiting },
        .loaded = &loaded };
    sv_job_set_scope(&write.job, contract_id('r', 0), NULL, NULL);
    ck_assert_int_eq(sv_store_write(c.store, &write.job), 0);
    atomic_store(&open, 1);
    wait_until(&write.applied, 1);
    /* Those of other writers went on while the first one waited. */
    ck_assert_uint_lt(write.loaded_before, N_LOADS / 2 + N_LOADS / 4);
    wait_until(&loaded, N_LOADS);
    contract_close(&c);
}
END_TEST

START_TEST(what_a_job_reads_has_what_it_has_changed)
{
    struct contract c;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "Room", 1);
    contract_commit(&c);
    contract_begin(&c); /* of this room */
    struct sv_room_rec before, room;
    struct sv_member_rec member;
    uint64_t revision;
    const char *id = contract_id('r', 1), *user = contract_id('u', 1);
    ck_assert_int_eq(c.op->room_touch(c.tx, id, &revision), 0);
    ck_assert_int_eq(c.op->room_get(c.tx, id, &c.arena, &before), 0);
    ck_assert_uint_eq(before.room.revision, revision);
    ck_assert_int_eq(c.op->room_touch(c.tx, id, &revision), 0);
    ck_assert_int_eq(c.op->room_get(c.tx, id, &c.arena, &room), 0);
    ck_assert_uint_eq(room.room.revision, before.room.revision + 1);
    ck_assert_int_eq(c.op->member_delete(c.tx, id, user), 0);
    ck_assert_int_eq(c.op->member_get(c.tx, id, user, &c.arena, &member),
        SYNCTV_E_MEMBER_NOT_FOUND);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_job_that_says_no_has_changed_nothing)
{
    struct contract c;
    struct sv_user_rec got;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "room", 1);
    ck_assert_int_eq(contract_abort(&c, SYNCTV_E_ROOM_LIMIT), SYNCTV_E_ROOM_LIMIT);
    contract_begin(&c);
    ck_assert_int_eq(c.op->user_get(c.tx, "u00000000001", &c.arena, &got), SYNCTV_E_USER_NOT_FOUND);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "room", 1);
    ck_assert_int_eq(contract_commit(&c), 0);
    contract_close(&c);
}
END_TEST

START_TEST(a_read_sees_what_has_been_applied)
{
    struct contract c;
    contract_open(&c, _i);
    for (unsigned i = 0; i < 50; i++) {
        struct sv_user_rec got;
        contract_begin(&c);
        contract_add_user(&c, i);
        contract_commit(&c);
        contract_begin_read(&c);
        ck_assert_int_eq(c.op->user_get(c.tx, contract_id('u', i), &c.arena, &got), 0);
        contract_commit(&c);
    }
    contract_close(&c);
}
END_TEST

static int put_in_a_read(struct sv_tx *tx, void *arg)
{
    tx->ops->meta_put(tx, "sneaky", "1");
    return 0;
}

START_TEST(a_read_leaves_nothing_even_if_it_writes)
{
    struct contract c;
    const char *value;
    contract_open(&c, _i);
    contract_read(c.store, put_in_a_read, NULL);
    contract_begin(&c);
    ck_assert_int_eq(c.op->meta_get(c.tx, "sneaky", &c.arena, &value), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

/* ---- jobs that come from apply() ---- */

struct chain {
    struct sv_job job;
    struct sv_store *store;
    unsigned left;
    _Atomic unsigned done;
};

static int run_chain(struct sv_job *job, struct sv_tx *tx)
{
    struct chain *chain = SV_CONTAINER_OF(job, struct chain, job);
    char value[16];
    snprintf(value, sizeof(value), "%u", chain->left);
    return tx->ops->meta_put(tx, "chain", value);
}

static void apply_chain(struct sv_job *job, int rv)
{
    struct chain *chain = SV_CONTAINER_OF(job, struct chain, job);
    ck_assert_int_eq(rv, 0);
    if (--chain->left == 0)
        atomic_store(&chain->done, 1);
    else
        ck_assert_int_eq(sv_store_write(chain->store, job), 0);
}

START_TEST(apply_may_queue_the_next_job)
{
    struct contract c;
    contract_open(&c, _i);
    struct chain chain = {
        .job = { .run = run_chain, .apply = apply_chain }, .store = c.store, .left = 20
    };
    ck_assert_int_eq(sv_store_write(c.store, &chain.job), 0);
    wait_until(&chain.done, 1);
    contract_close(&c);
}
END_TEST

START_TEST(draining_waits_for_what_is_queued_and_for_what_that_queues)
{
    struct contract c;
    contract_open(&c, _i);
    sv_store_drain(c.store);
    struct chain chain = {
        .job = { .run = run_chain, .apply = apply_chain }, .store = c.store, .left = 20
    };
    ck_assert_int_eq(sv_store_write(c.store, &chain.job), 0);
    sv_store_drain(c.store);
    ck_assert_uint_eq(atomic_load(&chain.done), 1);
    contract_close(&c);
}
END_TEST

/* ---- queues ---- */

static struct sv_store *open_narrow(int backend)
{
    char url[256];
    struct sv_store *store;
    contract_url(backend, url, sizeof(url));
    struct sv_store_options o = { .url = url,
        .max_queued_writes = 3,
        .max_queued_reads = 2,
        .reader_threads = 1,
        .patience_ms = CONTRACT_PATIENCE_MS };
    ck_assert_int_eq(sv_store_open(&o, &store, NULL), 0);
    return store;
}

struct gate {
    struct sv_job job;
    _Atomic unsigned *open; /* run() waits for it */
    _Atomic unsigned entered, applied;
    int rv;
};

static int run_gate(struct sv_job *job, struct sv_tx *tx)
{
    struct gate *gate = SV_CONTAINER_OF(job, struct gate, job);
    atomic_store(&gate->entered, 1);
    wait_until(gate->open, 1);
    return 0;
}

static void apply_gate(struct sv_job *job, int rv)
{
    struct gate *gate = SV_CONTAINER_OF(job, struct gate, job);
    gate->rv = rv;
    atomic_store(&gate->applied, 1);
}

static void fill(struct sv_store *store, int (*submit)(struct sv_store *, struct sv_job *),
    struct gate *gates, unsigned n_fit)
{
    ck_assert_int_eq(submit(store, &gates[0].job), 0);
    wait_until(&gates[0].entered, 1);
    for (unsigned i = 1; i <= n_fit; i++)
        ck_assert_int_eq(submit(store, &gates[i].job), 0);
    ck_assert_int_eq(submit(store, &gates[n_fit + 1].job), SYNCTV_E_OVERLOADED);
}

START_TEST(a_full_queue_refuses_at_once_and_recovers)
{
    _Atomic unsigned open = 0;
    struct gate gates[8];
    for (int i = 0; i < 8; i++)
        gates[i] = (struct gate){ .job = { .run = run_gate, .apply = apply_gate }, .open = &open };
    struct sv_store *store = open_narrow(_i);
    fill(store, sv_store_write, gates, 3);
    atomic_store(&open, 1);
    for (int i = 0; i < 4; i++)
        wait_until(&gates[i].applied, 1);
    ck_assert_uint_eq(atomic_load(&gates[4].applied), 0);
    ck_assert_int_eq(sv_store_write(store, &gates[4].job), 0);
    wait_until(&gates[4].applied, 1);
    sv_store_close(store);
    sv_store_free(store);
}
END_TEST

START_TEST(a_full_queue_of_reads_refuses_at_once)
{
    _Atomic unsigned open = 0;
    struct gate gates[8];
    for (int i = 0; i < 8; i++)
        gates[i] = (struct gate){ .job = { .run = run_gate, .apply = apply_gate }, .open = &open };
    struct sv_store *store = open_narrow(_i);
    fill(store, sv_store_read, gates, 2);
    atomic_store(&open, 1);
    for (int i = 0; i < 3; i++)
        wait_until(&gates[i].applied, 1);
    sv_store_close(store);
    sv_store_free(store);
}
END_TEST

struct closer {
    struct sv_store *store;
    _Atomic unsigned closed;
};

static void *close_store(void *arg)
{
    struct closer *closer = arg;
    sv_store_close(closer->store);
    atomic_store(&closer->closed, 1);
    return NULL;
}

START_TEST(close_finishes_what_is_queued_and_takes_no_more)
{
    _Atomic unsigned open = 0;
    struct gate gates[4], reads[3], late = { .job = { .run = run_gate, .apply = apply_gate } };
    struct closer closer = { .store = open_narrow(_i) };
    struct sv_store *store = closer.store;
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        gates[i] = (struct gate){ .job = { .run = run_gate, .apply = apply_gate }, .open = &open };
    for (int i = 0; i < 2; i++)
        reads[i] = gates[0];
    ck_assert_int_eq(sv_store_write(store, &gates[0].job), 0);
    wait_until(&gates[0].entered, 1);
    for (int i = 1; i < 4; i++)
        ck_assert_int_eq(sv_store_write(store, &gates[i].job), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(sv_store_read(store, &reads[i].job), 0);
    pthread_create(&thread, NULL, close_store, &closer);
    int rv;
    while ((rv = sv_store_write(store, &late.job)) == SYNCTV_E_OVERLOADED)
        usleep(200);
    ck_assert_int_eq(rv, SYNCTV_E_SHUTTING_DOWN);
    ck_assert_int_eq(sv_store_read(store, &late.job), SYNCTV_E_SHUTTING_DOWN);
    ck_assert_uint_eq(atomic_load(&closer.closed), 0);
    atomic_store(&open, 1);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(atomic_load(&gates[i].applied), 1);
        ck_assert_int_eq(gates[i].rv, 0);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_uint_eq(atomic_load(&reads[i].applied), 1);
    sv_store_free(store);
}
END_TEST

/* ---- many threads ---- */

#define N_THREADS 30
#define N_ROUNDS 20

struct worker {
    struct sv_store *store;
    unsigned n;
    pthread_t thread;
    int failures;
};

static int add_one(struct sv_tx *tx, void *arg)
{
    struct sv_arena a = { 0 };
    const char *value = "0";
    char next[16];
    int rv = tx->ops->meta_get(tx, "counter", &a, &value);
    snprintf(next, sizeof(next), "%d", atoi(value) + 1);
    if (rv >= 0)
        rv = tx->ops->meta_put(tx, "counter", next);
    sv_arena_fini(&a);
    return rv;
}

static int say(struct sv_tx *tx, void *arg)
{
    struct worker *w = arg;
    struct sv_arena a = { 0 };
    synctv_chat existing, chat = { .room_id = "r00000000001", .message_id = "m", .user_id = "u" };
    uint64_t seq;
    int rv = tx->ops->chat_insert(tx, &chat, 100, &seq, &a, &existing);
    sv_arena_fini(&a);
    return rv < 0 ? rv : w->n % 5 == 0 ? SYNCTV_E_PERMISSION_DENIED : 0;
}

static int read_some(struct sv_tx *tx, void *arg)
{
    struct sv_arena a = { 0 };
    synctv_chat *list;
    synctv_room *rooms;
    int64_t before_ms;
    struct sv_room_query query = { .search = "oo", .limit = 10 };
    int n = tx->ops->chat_list(tx, "r00000000001", 0, 0, 500, &a, &list);
    int rv = n < 0 ? n : n > 100 ? SYNCTV_E_INTERNAL : 0;
    if (rv == 0 && tx->ops->room_list(tx, &query, &a, &rooms, &before_ms) != 1)
        rv = SYNCTV_E_INTERNAL;
    sv_arena_fini(&a);
    return rv;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < N_ROUNDS; i++) {
        w->failures += contract_write(w->store, add_one, w) != 0;
        int rv = contract_write(w->store, say, w);
        w->failures += rv != (w->n % 5 == 0 ? SYNCTV_E_PERMISSION_DENIED : 0);
        w->failures += contract_read(w->store, read_some, w) != 0;
    }
    return NULL;
}

START_TEST(thirty_threads_lose_nothing)
{
    struct contract c;
    struct worker workers[N_THREADS];
    const char *value;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "Room", 1);
    contract_commit(&c);
    for (unsigned i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){ .store = c.store, .n = i };
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_int_eq(workers[i].failures, 0);
    }
    contract_begin_read(&c);
    ck_assert_int_eq(c.op->meta_get(c.tx, "counter", &c.arena, &value), 1);
    ck_assert_int_eq(atoi(value), N_THREADS * N_ROUNDS);
    synctv_chat *list;
    ck_assert_int_eq(c.op->chat_list(c.tx, "r00000000001", 0, 0, 1, &c.arena, &list), 1);
    ck_assert_uint_eq(list[0].seq, N_THREADS / 5 * 4 * N_ROUNDS);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

static void add(TCase *tc)
{
    const int n = contract_n_backends();
    tcase_add_loop_test(tc, jobs_of_a_room_apply_in_order_and_a_failing_one_leaves_nothing, 0, n);
    tcase_add_loop_test(tc, rooms_at_once_keep_each_their_order_and_what_loads_one_fits_in, 0, n);
    tcase_add_loop_test(tc, a_room_is_loaded_as_it_is_between_two_changes_of_it, 0, n);
    tcase_add_loop_test(tc,
        a_write_waits_for_a_few_of_the_rooms_that_are_loaded_and_all_of_them_are, 0, n);
    tcase_add_loop_test(tc, what_a_job_reads_has_what_it_has_changed, 0, n);
    tcase_add_loop_test(tc, a_job_that_says_no_has_changed_nothing, 0, n);
    tcase_add_loop_test(tc, a_read_sees_what_has_been_applied, 0, n);
    tcase_add_loop_test(tc, a_read_leaves_nothing_even_if_it_writes, 0, n);
    tcase_add_loop_test(tc, apply_may_queue_the_next_job, 0, n);
    tcase_add_loop_test(tc, draining_waits_for_what_is_queued_and_for_what_that_queues, 0, n);
    tcase_add_loop_test(tc, a_full_queue_refuses_at_once_and_recovers, 0, n);
    tcase_add_loop_test(tc, a_full_queue_of_reads_refuses_at_once, 0, n);
    tcase_add_loop_test(tc, close_finishes_what_is_queued_and_takes_no_more, 0, n);
    tcase_add_loop_test(tc, thirty_threads_lose_nothing, 0, n);
}

int main(void)
{
    return contract_main("jobs", add);
}
