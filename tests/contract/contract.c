/* SPDX-License-Identifier: MIT */
#include "contract.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if SV_HAS_POSTGRES
#include <libpq-fe.h>
#endif

const char *const contract_backends[] = { "memory:", "sqlite:", "postgres:" };

int contract_n_backends(void)
{
    return SV_HAS_POSTGRES && getenv("SYNCTV_TEST_POSTGRES") != NULL ? 3 : 2;
}

char contract_folder[] = "/tmp/synctv-contract-XXXXXX";

void contract_path(char *out, size_t size)
{
    static unsigned n;
    snprintf(out, size, "%s/%d-%u.db", contract_folder, (int)getpid(), n++);
}

#if SV_HAS_POSTGRES
void contract_sql(const char *sql)
{
    PGconn *pg = PQconnectdb(getenv("SYNCTV_TEST_POSTGRES"));
    ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
    PGresult *result = PQexec(pg, sql);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK ||
            PQresultStatus(result) == PGRES_TUPLES_OK,
        "%s", PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
}

/* Tests hold transactions for as long as they please. */
static void postgres_url(char *out, size_t size)
{
    static unsigned n;
    char sql[100];
    snprintf(sql, sizeof(sql), "CREATE SCHEMA t%d_%u", (int)getpid(), n);
    contract_sql(sql);
    snprintf(out, size,
        "%s?options=-csearch_path%%3Dt%d_%u%%20-cidle_in_transaction_session_timeout%%3D0",
        getenv("SYNCTV_TEST_POSTGRES"), (int)getpid(), n++);
}
#else
static void postgres_url(char *out, size_t size)
{
}
#endif

void contract_url(int backend, char *out, size_t size)
{
    int n = snprintf(out, size, "%s", contract_backends[backend]);
    if (strcmp(out, "postgres:") == 0)
        postgres_url(out, size);
    else if (strcmp(out, "memory:") != 0)
        contract_path(out + n, size - (size_t)n);
}

/* ---- jobs that hand their transaction over ---- */

static void set_state(struct contract_job *j, int state)
{
    pthread_mutex_lock(&j->lock);
    j->state = state;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

static void wait_for(struct contract_job *j, int state)
{
    pthread_mutex_lock(&j->lock);
    while ((int)j->state < state)
        pthread_cond_wait(&j->changed, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

static int hold(struct sv_job *job, struct sv_tx *tx)
{
    struct contract_job *j = SV_CONTAINER_OF(job, struct contract_job, job);
    if (j->state == CONTRACT_DECIDED) /* it is run again, as it failed after changes */
        return j->verdict;
    j->tx = tx;
    set_state(j, CONTRACT_RUNNING);
    wait_for(j, CONTRACT_DECIDED);
    return j->verdict;
}

static void applied(struct sv_job *job, int rv)
{
    struct contract_job *j = SV_CONTAINER_OF(job, struct contract_job, job);
    j->rv = rv;
    set_state(j, CONTRACT_APPLIED);
}

static void begin(struct contract *c, int (*submit)(struct sv_store *, struct sv_job *))
{
    struct contract_job *j = &c->job;
    j->job.run = hold;
    j->job.apply = applied;
    j->state = CONTRACT_QUEUED;
    sv_job_set_scope(&j->job, CONTRACT_ROOM, CONTRACT_USER, NULL);
    ck_assert_int_eq(submit(c->store, &j->job), 0);
    wait_for(j, CONTRACT_RUNNING);
    ck_assert_int_eq(j->state, CONTRACT_RUNNING);
    c->tx = j->tx;
    c->op = c->tx->ops;
}

void contract_begin(struct contract *c)
{
    begin(c, sv_store_write);
}

void contract_begin_read(struct contract *c)
{
    begin(c, sv_store_read);
}

int contract_abort(struct contract *c, int verdict)
{
    c->job.verdict = verdict;
    set_state(&c->job, CONTRACT_DECIDED);
    wait_for(&c->job, CONTRACT_APPLIED);
    c->tx = NULL;
    return c->job.rv;
}

int contract_commit(struct contract *c)
{
    return contract_abort(c, 0);
}

/* ---- jobs that call ---- */

struct call {
    struct contract_job base;
    contract_fn *fn;
    void *arg;
};

static int run_call(struct sv_job *job, struct sv_tx *tx)
{
    struct call *call = SV_CONTAINER_OF(job, struct call, base.job);
    return call->fn(tx, call->arg);
}

static int call(struct sv_store *store, int (*submit)(struct sv_store *, struct sv_job *),
    contract_fn *fn, void *arg)
{
    struct call call = {
        .base = { .job = { .run = run_call, .apply = applied } }, .fn = fn, .arg = arg
    };
    pthread_mutex_init(&call.base.lock, NULL);
    pthread_cond_init(&call.base.changed, NULL);
    int rv = submit(store, &call.base.job);
    if (rv == 0) {
        wait_for(&call.base, CONTRACT_APPLIED);
        rv = call.base.rv;
    }
    pthread_cond_destroy(&call.base.changed);
    pthread_mutex_destroy(&call.base.lock);
    return rv;
}

int contract_write(struct sv_store *store, contract_fn *fn, void *arg)
{
    return call(store, sv_store_write, fn, arg);
}

int contract_read(struct sv_store *store, contract_fn *fn, void *arg)
{
    return call(store, sv_store_read, fn, arg);
}

/* ---- stores ---- */

void contract_open_url(struct contract *c, const char *url, const struct sv_log *log)
{
    synctv_error err = { 0 };
    memset(c, 0, sizeof(*c));
    snprintf(c->url, sizeof(c->url), "%s", url);
    pthread_mutex_init(&c->job.lock, NULL);
    pthread_cond_init(&c->job.changed, NULL);
    struct sv_store_options o = { .url = c->url, .log = log, .patience_ms = CONTRACT_PATIENCE_MS };
    int rv = sv_store_open(&o, &c->store, &err);
    ck_assert_msg(rv == 0, "%s", err.message);
}

static void print_line(void *userdata, synctv_log_level level, const char *area,
    const char *message)
{
    fprintf(stderr, "# %s: %s\n", area, message);
}

void contract_open(struct contract *c, int backend)
{
    static const struct sv_log log = { .fn = print_line, .level = SYNCTV_LOG_DEBUG };
    char url[256];
    contract_url(backend, url, sizeof(url));
    contract_open_url(c, url, &log);
}

void contract_close(struct contract *c)
{
    sv_store_close(c->store);
    sv_store_free(c->store);
    c->store = NULL;
    sv_arena_fini(&c->arena);
    pthread_cond_destroy(&c->job.changed);
    pthread_mutex_destroy(&c->job.lock);
}

/* ---- rows ---- */

const char *contract_id(char kind, unsigned n)
{
    static _Thread_local char ids[8][SYNCTV_ID_LEN + 1];
    static _Thread_local unsigned turn;
    char *id = ids[turn++ % 8];
    snprintf(id, sizeof(ids[0]), "%c%011u", kind, n);
    return id;
}

struct sv_user_rec contract_user(const char *id, const char *name)
{
    return (struct sv_user_rec){
        .user = { .id = id,
            .username = name,
            .email = "",
            .role = SYNCTV_USER_ROLE_USER,
            .status = SYNCTV_USER_STATUS_ACTIVE,
            .created_at_ms = 1000 },
        .username_fold = name,
        .email_fold = "",
        .password_hash = "$argon2id$",
    };
}

struct sv_room_rec contract_room(const char *id, const char *name, const char *creator_id,
    int64_t created_at_ms)
{
    return (struct sv_room_rec){
        .room = { .id = id,
            .name = name,
            .description = "",
            .creator_id = creator_id,
            .created_at_ms = created_at_ms },
        .password_hash = "",
    };
}

struct sv_member_rec contract_member(const char *room_id, const char *user_id,
    synctv_room_role role, synctv_member_status status)
{
    return (struct sv_member_rec){ .member = { .room_id = room_id,
                                       .user_id = user_id,
                                       .role = role,
                                       .status = status,
                                       .joined_at_ms = 1000 } };
}

void contract_add_user(struct contract *c, unsigned n)
{
    char name[16];
    snprintf(name, sizeof(name), "user%u", n);
    struct sv_user_rec rec = contract_user(contract_id('u', n), name);
    rec.user.created_at_ms += n;
    ck_assert_int_eq(c->op->user_insert(c->tx, &rec), 0);
}

void contract_add_room(struct contract *c, unsigned n, const char *name, int64_t created_at_ms)
{
    const char *id = contract_id('r', n), *creator = contract_id('u', 1);
    struct sv_room_rec rec = contract_room(id, name, creator, created_at_ms);
    ck_assert_int_eq(c->op->room_insert(c->tx, &rec), 0);
    struct sv_member_rec member =
        contract_member(id, creator, SYNCTV_ROOM_ROLE_CREATOR, SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_int_eq(c->op->member_put(c->tx, &member), 0);
}

/* ---- main ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

int contract_main(const char *name, void (*add)(TCase *tc))
{
    if (mkdtemp(contract_folder) == NULL) {
        perror(contract_folder);
        return 1;
    }
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 120);
    add(tc);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    nftw(contract_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed == 0 ? 0 : 1;
}
