/* SPDX-License-Identifier: MIT */
/*
 * What concerns PostgreSQL alone: the URL, the schema, and what becomes of jobs when the server or
 * the way to it fails.
 */
#include <libpq-fe.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"
#include "proxy.h"

#define ROOM CONTRACT_ROOM
/* Of contract_backends. */
#define POSTGRES 2

/* ---- what the tests share ---- */

/* A store of its own database, perhaps by way of a proxy. */
struct fixture {
    char url[400], schema[32];
    struct sv_store *store;
};

static void url_of(struct fixture *f, const struct proxy *proxy, int idle_ms)
{
    char url[256];
    int port = 0;
    contract_url(POSTGRES, url, sizeof(url));
    sscanf(strstr(url, "search_path%3D") + strlen("search_path%3D"), "%31[a-z0-9_]", f->schema);
    sscanf(url, "postgres://%*[^:]:%d", &port);
    snprintf(f->url, sizeof(f->url),
        "postgres://synctv@127.0.0.1:%d/postgres?application_name=%s&options=-csearch_path%%3D%s"
        "%%20-cidle_in_transaction_session_timeout%%3D%d",
        proxy == NULL ? port : proxy->port, f->schema, f->schema, idle_ms);
}

static void print_line(void *userdata, synctv_log_level level, const char *area, const char *text)
{
    fprintf(stderr, "# %s: %s\n", area, text);
}

static void open_store(struct fixture *f, const struct proxy *proxy, int64_t patience_ms,
    int idle_ms)
{
    static const struct sv_log log = { .fn = print_line, .level = SYNCTV_LOG_DEBUG };
    synctv_error err = { 0 };
    url_of(f, proxy, idle_ms);
    struct sv_store_options o = { .url = f->url, .patience_ms = patience_ms, .log = &log };
    int rv = sv_store_open(&o, &f->store, &err);
    ck_assert_msg(rv == 0, "%s", err.message);
}

static void close_store(struct fixture *f)
{
    sv_store_close(f->store);
    sv_store_free(f->store);
}

/* As the administrator, in the store's schema; with "%s" for it. */
static void sql(struct fixture *f, const char *fmt)
{
    char text[1000];
    snprintf(text, sizeof(text), fmt, f->schema, f->schema, f->schema, f->schema);
    contract_sql(text);
}

static long number(struct fixture *f, const char *fmt)
{
    char text[1000];
    snprintf(text, sizeof(text), fmt, f->schema, f->schema, f->schema, f->schema);
    PGconn *pg = PQconnectdb(getenv("SYNCTV_TEST_POSTGRES"));
    PGresult *result = PQexec(pg, text);
    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    long n = PQntuples(result) > 0 ? atol(PQgetvalue(result, 0, 0)) : -1;
    PQclear(result);
    PQfinish(pg);
    return n;
}

static int fill(struct sv_tx *tx, void *arg)
{
    struct sv_user_rec user = contract_user(contract_id('u', 1), "user1");
    int rv = tx->ops->user_insert(tx, &user);
    for (unsigned i = 1; rv == 0 && i <= *(unsigned *)arg; i++) {
        struct sv_room_rec room =
            contract_room(contract_id('r', i), "Room", contract_id('u', 1), 1000);
        rv = tx->ops->room_insert(tx, &room);
    }
    return rv;
}

static void add_rooms(struct fixture *f, unsigned n)
{
    ck_assert_int_eq(contract_write(f->store, fill, &n), 0);
}

/* A job that says something in a room, and what happens meanwhile. */
struct saying {
    struct sv_job job;
    unsigned n, n_runs;
    /* At the end of run(), the first time. */
    void (*meanwhile)(struct saying *s);
    struct fixture *f;
    struct proxy *proxy;
    int rv;
    _Atomic bool applied;
};

static int run_saying(struct sv_job *job, struct sv_tx *tx)
{
    struct saying *s = SV_CONTAINER_OF(job, struct saying, job);
    struct sv_arena a = { 0 };
    uint64_t seq;
    char id[SYNCTV_ID_LEN + 1];
    memcpy(id, contract_id('m', s->n), sizeof(id));
    synctv_chat existing,
        chat = { .room_id = job->scope.room_id, .message_id = id, .user_id = "u", .content = "x" };
    int rv = tx->ops->chat_insert(tx, &chat, 1000000, &seq, &a, &existing);
    sv_arena_fini(&a);
    if (s->n_runs++ == 0 && s->meanwhile != NULL)
        s->meanwhile(s);
    return rv;
}

static void apply_saying(struct sv_job *job, int rv)
{
    struct saying *s = SV_CONTAINER_OF(job, struct saying, job);
    s->rv = rv;
    atomic_store(&s->applied, true);
}

static void begin_saying(struct fixture *f, struct saying *s)
{
    s->job.run = run_saying;
    s->job.apply = apply_saying;
    s->f = f;
    sv_job_set_scope(&s->job, ROOM, contract_id('u', 1), NULL);
    ck_assert_int_eq(sv_store_write(f->store, &s->job), 0);
}

static int finish_saying(struct saying *s)
{
    while (!atomic_load(&s->applied))
        usleep(200);
    return s->rv;
}

static int say(struct fixture *f, struct saying *s)
{
    begin_saying(f, s);
    return finish_saying(s);
}

static long n_stored(struct fixture *f)
{
    return number(f, "SELECT count(*) FROM %s.chat");
}

#define KILL "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s'"

/* ---- the URL and what is in the database ---- */

START_TEST(a_password_is_in_no_error)
{
    static const char *const urls[] = { "postgres://u:secret@[::1", "postgres://u:secret@h:x/d?a=b",
        "postgresql://u:secret@127.0.0.1:1/d?connect_timeout=2",
        "postgres://u@127.0.0.1:1/d?password=secret", "postgres://u:secret@h/d?sslmode=nonsense",
        "postgres://u:sec%00ret@h/d" };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        synctv_error err = { 0 };
        struct sv_store *store = NULL;
        struct sv_store_options o = { .url = urls[i] };
        ck_assert_int_lt(sv_store_open(&o, &store, &err), 0);
        ck_assert_str_ne(err.message, "");
        ck_assert_msg(strstr(err.message, "secret") == NULL, "%s", err.message);
        ck_assert_msg(strstr(err.message, "sec%") == NULL, "%s", err.message);
    }
}
END_TEST

/* The addresses are for documentation: nobody is there, and nobody is asked. */
START_TEST(a_member_that_only_its_machine_can_reach_is_refused_beside_others)
{
    static const char *const urls[] = { "postgres://u@192.0.2.1/d",
        "postgres://u@127.0.0.1,192.0.2.1/d", "postgres://u@localhost/d?hostaddr=192.0.2.1" };
    const struct sv_store_member member = { .id = "a", .instance = "i", .on_loopback = true };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        synctv_error err = { 0 };
        struct sv_store *store = NULL;
        struct sv_store_options o = { .url = urls[i], .member = &member };
        ck_assert_int_eq(sv_store_open(&o, &store, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "advertise");
    }
}
END_TEST

static int try_open(struct fixture *f, bool alone, struct sv_store **ret_store, synctv_error *err)
{
    struct sv_store_options o = { .url = f->url, .alone = alone };
    return sv_store_open(&o, ret_store, err);
}

START_TEST(a_newer_schema_and_the_database_of_another_program_are_left_alone)
{
    struct fixture f;
    struct sv_store *store;
    synctv_error err = { 0 };
    open_store(&f, NULL, 0, 0);
    close_store(&f);
    sql(&f, "UPDATE %s.synctv_schema SET version = 99");
    ck_assert_int_eq(try_open(&f, false, &store, &err), SYNCTV_E_STORAGE_TOO_NEW);
    ck_assert_ptr_nonnull(strstr(err.message, "99"));
    sql(&f, "UPDATE %s.synctv_schema SET version = 1");
    sql(&f, "DROP TABLE %s.chat");
    ck_assert_int_eq(try_open(&f, false, &store, &err), SYNCTV_E_STORAGE_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "chat"));

    url_of(&f, NULL, 0);
    sql(&f, "CREATE TABLE %s.invoices (id INT)");
    ck_assert_int_eq(try_open(&f, false, &store, &err), SYNCTV_E_STORAGE_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "another program"));
    ck_assert_int_eq(number(&f, "SELECT count(*) FROM pg_tables WHERE schemaname = '%s'"), 1);
}
END_TEST

START_TEST(a_database_of_another_encoding_is_refused)
{
    struct fixture f;
    char text[300], *end;
    struct sv_store *store;
    synctv_error err = { 0 };
    url_of(&f, NULL, 0);
    sql(&f,
        "CREATE DATABASE latin_%s ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        " LOCALE_PROVIDER libc");
    snprintf(text, sizeof(text), "%s", getenv("SYNCTV_TEST_POSTGRES"));
    end = strrchr(text, '/');
    snprintf(f.url, sizeof(f.url), "%.*s/latin_%s", (int)(end - text), text, f.schema);
    ck_assert_int_eq(try_open(&f, false, &store, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "UTF8") != NULL, "%s", err.message);
    sql(&f, "DROP DATABASE latin_%s");
}
END_TEST

START_TEST(stores_that_open_a_new_database_at_once_make_it_once)
{
    struct fixture f;
    struct sv_store *stores[2];
    synctv_error err = { 0 };
    url_of(&f, NULL, 0);
    pid_t child = fork();
    int rv = try_open(&f, false, &stores[0], &err);
    if (child == 0)
        _exit(rv == 0 ? 0 : 1);
    int status;
    ck_assert_msg(rv == 0, "%s", err.message);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(number(&f, "SELECT count(*) FROM %s.meta"), 2);
    sv_store_close(stores[0]);
    sv_store_free(stores[0]);
}
END_TEST

START_TEST(of_stores_that_are_to_be_alone_there_is_one)
{
    struct fixture f;
    struct sv_store *first, *second = NULL;
    synctv_error err = { 0 };
    url_of(&f, NULL, 0);
    ck_assert_int_eq(try_open(&f, true, &first, &err), 0);
    ck_assert_int_eq(try_open(&f, true, &second, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "another server") != NULL, "%s", err.message);
    ck_assert_int_eq(try_open(&f, false, &second, &err), 0);
    sv_store_close(second);
    sv_store_free(second);
    /* What is lost is taken back before anything is written. */
    f.store = first;
    sql(&f, KILL);
    add_rooms(&f, 1);
    ck_assert_int_eq(try_open(&f, true, &second, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    close_store(&f);
    ck_assert_int_eq(try_open(&f, true, &first, &err), 0);
    sv_store_close(first);
    sv_store_free(first);
}
END_TEST

/* Whether one side of a connection asks within a minute if the other is still there. */
static bool is_watched(long client_port, long server_port, bool of_server)
{
    bool is = false;
    long local = of_server ? server_port : client_port;
    long remote = of_server ? client_port : server_port;
    unsigned local_port, remote_port, timer;
    unsigned long ticks;
    char line[256];
    FILE *file = fopen("/proc/net/tcp", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, " %*d: %*x:%x %*x:%x %*x %*x:%*x %x:%lx", &local_port, &remote_port,
                &timer, &ticks) == 4 &&
            local_port == (unsigned)local && remote_port == (unsigned)remote && timer == 2)
            is = (long)ticks < 60 * sysconf(_SC_CLK_TCK);
    if (file != NULL)
        fclose(file);
    return is;
}

START_TEST(a_machine_that_is_gone_is_noticed_and_loses_its_place)
{
    struct fixture f;
    synctv_error err = { 0 };
    int server_port = 0;
    if (access("/proc/net/tcp", R_OK) != 0)
        return;
    url_of(&f, NULL, 0);
    sscanf(f.url, "postgres://%*[^:]:%d", &server_port);
    ck_assert_int_eq(try_open(&f, true, &f.store, &err), 0);
    long client_port = number(&f,
        "SELECT client_port FROM pg_stat_activity JOIN pg_locks USING (pid)"
        " WHERE application_name = '%s' AND locktype = 'advisory'");
    ck_assert_int_gt(client_port, 0);
    /* For a moment another timer runs, while something is on its way. */
    while (!is_watched(client_port, server_port, true) ||
        !is_watched(client_port, server_port, false))
        usleep(10000);
    close_store(&f);
}
END_TEST

/* ---- what fails while a job runs ---- */

static void kill_backends(struct saying *s)
{
    sql(s->f, KILL);
}

START_TEST(a_job_whose_connection_is_killed_runs_again)
{
    struct fixture f;
    struct saying s = { .meanwhile = kill_backends };
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    ck_assert_int_eq(say(&f, &s), 0);
    ck_assert_uint_ge(s.n_runs, 2);
    ck_assert_int_eq(n_stored(&f), 1);
    close_store(&f);
}
END_TEST

static void wait_for_number(struct fixture *f, const char *fmt, long wanted)
{
    while (number(f, fmt) != wanted)
        usleep(5000);
}

#define N_IN_COMMIT                                                                                \
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s' AND wait_event = 'PgSleep'"

START_TEST(a_job_that_is_killed_in_its_commit_runs_again)
{
    struct fixture f;
    struct saying s = { 0 };
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    sql(&f,
        "CREATE FUNCTION %s.wait() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(1000); RETURN NULL; END';"
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON %s.chat DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION %s.wait()");
    begin_saying(&f, &s);
    wait_for_number(&f, N_IN_COMMIT, 1);
    sql(&f,
        "CREATE OR REPLACE FUNCTION %s.wait() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'");
    sql(&f, KILL);
    ck_assert_int_eq(finish_saying(&s), 0);
    ck_assert_uint_eq(s.n_runs, 2);
    ck_assert_int_eq(n_stored(&f), 1);
    close_store(&f);
}
END_TEST

static void cut_answers(struct saying *s)
{
    proxy_set(s->proxy, PROXY_CUTS_ANSWERS);
}

START_TEST(a_commit_whose_answer_is_lost_is_found_to_be_done)
{
    struct fixture f;
    struct proxy proxy;
    proxy_start(&proxy);
    open_store(&f, &proxy, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    for (unsigned i = 1; i <= 5; i++) {
        struct saying before = { .n = 100 + i };
        struct saying s = { .n = i, .meanwhile = cut_answers, .proxy = &proxy };
        ck_assert_int_eq(say(&f, &before), 0); /* prepares all statements */
        ck_assert_int_eq(say(&f, &s), 0);
        ck_assert_uint_eq(s.n_runs, 1);
        ck_assert_int_eq(n_stored(&f), 2 * i);
    }
    close_store(&f);
    proxy_stop(&proxy);
}
END_TEST

static void hold_questions(struct saying *s)
{
    proxy_set(s->proxy, PROXY_HOLDS_QUESTIONS);
}

#define N_CLOSED "SELECT count(*) FROM %s.commits WHERE closed_at_n IS NOT NULL"

START_TEST(a_commit_that_comes_after_it_was_asked_for_does_nothing)
{
    struct fixture f;
    struct proxy proxy;
    struct saying before = { .n = 2 };
    struct saying s = { .n = 1, .meanwhile = hold_questions, .proxy = &proxy };
    proxy_start(&proxy);
    open_store(&f, &proxy, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    ck_assert_int_eq(say(&f, &before), 0); /* prepares all statements */
    begin_saying(&f, &s);
    wait_for_number(&f, N_CLOSED, 1);
    proxy_let_go(&proxy); /* only now the COMMIT arrives, over the old connection */
    ck_assert_int_eq(finish_saying(&s), 0);
    ck_assert_uint_ge(s.n_runs, 2);
    ck_assert_int_eq(n_stored(&f), 2);
    ck_assert_int_eq(number(&f, "SELECT chat_seq FROM %s.rooms"), 2);
    close_store(&f);
    proxy_stop(&proxy);
}
END_TEST

#define WAITS_FOR_STANDBY                                                                          \
    " FROM pg_stat_activity WHERE application_name = '%s' AND wait_event = 'SyncRep'"

/* The server takes note of what it is told to wait for in its own time. */
static void say_until_one_waits(struct fixture *f, struct saying *s)
{
    do {
        *s = (struct saying){ .n = s->n + 1 };
        begin_saying(f, s);
        while (!atomic_load(&s->applied) && number(f, "SELECT count(*)" WAITS_FOR_STANDBY) == 0)
            usleep(5000);
    } while (atomic_load(&s->applied));
}

START_TEST(a_commit_that_no_longer_waits_for_a_standby_has_no_known_outcome)
{
    struct fixture f;
    struct saying s = { 0 };
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    contract_sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    contract_sql("SELECT pg_reload_conf()");
    say_until_one_waits(&f, &s);
    while (!atomic_load(&s.applied)) {
        sql(&f, "SELECT pg_cancel_backend(pid)" WAITS_FOR_STANDBY);
        usleep(5000);
    }
    ck_assert_int_eq(s.rv, SYNCTV_E_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(s.n_runs, 1);
    contract_sql("ALTER SYSTEM RESET synchronous_standby_names");
    contract_sql("SELECT pg_reload_conf()");
    close_store(&f);
}
END_TEST

static void sleep_too_long(struct saying *s)
{
    wait_for_number(s->f,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'"
        " AND state LIKE 'idle in transaction%%'",
        0);
}

START_TEST(a_job_that_sleeps_loses_its_locks_and_runs_again)
{
    struct fixture f;
    struct saying s = { .meanwhile = sleep_too_long };
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 1000);
    add_rooms(&f, 1);
    ck_assert_int_eq(say(&f, &s), 0);
    ck_assert_uint_ge(s.n_runs, 2);
    ck_assert_int_eq(n_stored(&f), 1);
    close_store(&f);
}
END_TEST

/* ---- who waits for whom ---- */

START_TEST(a_lock_that_another_keeps_ends_a_job_and_no_longer_than_it_is_kept)
{
    struct fixture f;
    struct saying first = { .n = 1 }, second = { .n = 2 };
    char text[200];
    open_store(&f, NULL, 1500, 0);
    add_rooms(&f, 1);
    PGconn *other = PQconnectdb(getenv("SYNCTV_TEST_POSTGRES"));
    snprintf(text, sizeof(text), "BEGIN; SELECT 1 FROM %s.rooms FOR UPDATE", f.schema);
    PQclear(PQexec(other, text));
    ck_assert_int_eq(say(&f, &first), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(first.n_runs, 0);
    PQclear(PQexec(other, "ROLLBACK"));
    PQfinish(other);
    ck_assert_int_eq(say(&f, &second), 0);
    ck_assert_int_eq(n_stored(&f), 1);
    close_store(&f);
}
END_TEST

struct head_reading {
    struct sv_job job;
    int rv;
    _Atomic bool applied;
};

static int run_head(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_room_head head;
    const char *const id = ROOM;
    return tx->ops->room_heads(tx, &id, 1, &head);
}

static void apply_head(struct sv_job *job, int rv)
{
    struct head_reading *r = SV_CONTAINER_OF(job, struct head_reading, job);
    r->rv = rv;
    atomic_store(&r->applied, true);
}

/* As pg_restore does it, in one transaction: what was there goes, and comes again as new. */
START_TEST(a_read_that_waits_for_a_backup_to_be_restored_sees_all_of_it)
{
    struct fixture f;
    struct head_reading r = { .job = { .run = run_head, .apply = apply_head } };
    char text[300];
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    PGconn *other = PQconnectdb(getenv("SYNCTV_TEST_POSTGRES"));
    snprintf(text, sizeof(text),
        "BEGIN; CREATE TEMP TABLE saved AS TABLE %s.rooms; TRUNCATE %s.rooms CASCADE;"
        " INSERT INTO %s.rooms TABLE saved",
        f.schema, f.schema, f.schema);
    PGresult *result = PQexec(other, text);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK, "%s", PQerrorMessage(other));
    PQclear(result);
    ck_assert_int_eq(sv_store_read(f.store, &r.job), 0);
    while (number(&f,
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'"
               " AND wait_event_type = 'Lock'") == 0)
        usleep(1000);
    PQclear(PQexec(other, "COMMIT"));
    PQfinish(other);
    while (!atomic_load(&r.applied))
        usleep(1000);
    ck_assert_int_eq(r.rv, 0);
    close_store(&f);
}
END_TEST

#define N_CROSSING 200

struct crossing {
    struct sv_job job;
    char other_id[SYNCTV_ID_LEN + 1];
    int rv;
    _Atomic bool applied;
};

/* Its own room is locked, and then it wants another one. */
static int run_crossing(struct sv_job *job, struct sv_tx *tx)
{
    struct crossing *c = SV_CONTAINER_OF(job, struct crossing, job);
    uint64_t revision;
    usleep(500);
    return tx->ops->room_touch(tx, c->other_id, &revision);
}

static void apply_crossing(struct sv_job *job, int rv)
{
    struct crossing *c = SV_CONTAINER_OF(job, struct crossing, job);
    c->rv = rv;
    atomic_store(&c->applied, true);
}

START_TEST(jobs_that_lock_each_other_out_are_all_done_in_the_end)
{
    struct fixture f;
    static struct crossing jobs[N_CROSSING];
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 4);
    for (unsigned i = 0; i < N_CROSSING; i++) {
        jobs[i].job.run = run_crossing;
        jobs[i].job.apply = apply_crossing;
        memcpy(jobs[i].other_id, contract_id('r', (i + 1) % 4 + 1), sizeof(jobs[i].other_id));
        sv_job_set_scope(&jobs[i].job, contract_id('r', i % 4 + 1), NULL, NULL);
        ck_assert_int_eq(sv_store_write(f.store, &jobs[i].job), 0);
    }
    sv_store_drain(f.store);
    for (unsigned i = 0; i < N_CROSSING; i++)
        ck_assert_int_eq(jobs[i].rv, 0);
    ck_assert_int_eq(number(&f, "SELECT sum(revision) FROM %s.rooms"), N_CROSSING);
    close_store(&f);
}
END_TEST

/* ---- a server that is away ---- */

#define MAX_PIDS 16

START_TEST(a_full_disk_fails_a_job_and_nothing_is_stored_until_there_is_space)
{
    struct fixture f;
    struct saying first = { .n = 1 }, second = { .n = 2 };
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    sql(&f,
        "CREATE FUNCTION %s.full() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END';"
        "CREATE TRIGGER full_disk BEFORE INSERT ON %s.chat FOR EACH ROW"
        " EXECUTE FUNCTION %s.full()");
    ck_assert_int_eq(say(&f, &first), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(first.n_runs, 1);
    sql(&f, "DROP TRIGGER full_disk ON %s.chat");
    ck_assert_int_eq(say(&f, &second), 0);
    ck_assert_int_eq(n_stored(&f), 1);
    ck_assert_int_eq(number(&f, "SELECT chat_seq FROM %s.rooms"), 1);
    close_store(&f);
}
END_TEST

static int read_room(struct sv_tx *tx, void *arg)
{
    struct sv_arena a = { 0 };
    struct sv_room_rec rec;
    int rv = tx->ops->room_get(tx, ROOM, &a, &rec);
    sv_arena_fini(&a);
    return rv;
}

START_TEST(a_server_that_does_not_answer_ends_jobs_and_is_used_again_when_it_does)
{
    struct fixture f;
    struct proxy proxy;
    proxy_start(&proxy);
    open_store(&f, &proxy, 1500, 0);
    add_rooms(&f, 1);
    for (unsigned i = 1; i <= 2; i++) {
        struct saying s = { .n = i };
        proxy_set(&proxy, PROXY_IS_SILENT);
        ck_assert_int_eq(say(&f, &s), SYNCTV_E_STORAGE_UNAVAILABLE);
        ck_assert_int_eq(contract_read(f.store, read_room, NULL), SYNCTV_E_STORAGE_UNAVAILABLE);
        proxy_set(&proxy, PROXY_PASSES);
        while (contract_read(f.store, read_room, NULL) != 0 ||
            contract_write(f.store, read_room, NULL) != 0)
            ;
    }
    close_store(&f);
    proxy_stop(&proxy);
}
END_TEST

/* All processes of the store's sessions, and the one that takes connections. */
static void signal_server(struct fixture *f, int sign, int pids[static MAX_PIDS], int *n)
{
    if (*n == 0) {
        char path[300], text[200];
        snprintf(path, sizeof(path), "%s/postmaster.pid", getenv("SYNCTV_TEST_POSTGRES_DIR"));
        FILE *file = fopen(path, "r");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fscanf(file, "%d", &pids[(*n)++]), 1);
        fclose(file);
        snprintf(text, sizeof(text),
            "SELECT pid FROM pg_stat_activity WHERE application_name = '%s'", f->schema);
        PGconn *pg = PQconnectdb(getenv("SYNCTV_TEST_POSTGRES"));
        PGresult *result = PQexec(pg, text);
        for (int i = 0; i < PQntuples(result) && *n < MAX_PIDS; i++)
            pids[(*n)++] = atoi(PQgetvalue(result, i, 0));
        PQclear(result);
        PQfinish(pg);
    }
    for (int i = 0; i < *n; i++)
        ck_assert_int_eq(kill(pids[i], sign), 0);
}

START_TEST(a_server_that_is_stopped_ends_jobs_and_is_used_again_when_it_goes_on)
{
    struct fixture f;
    struct saying s = { .n = 1 }, after = { .n = 2 };
    int pids[MAX_PIDS], n = 0;
    open_store(&f, NULL, 1500, 0);
    add_rooms(&f, 1);
    signal_server(&f, SIGSTOP, pids, &n);
    int written = say(&f, &s), read = contract_read(f.store, read_room, NULL);
    signal_server(&f, SIGCONT, pids, &n);
    ck_assert_int_eq(written, SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(read, SYNCTV_E_STORAGE_UNAVAILABLE);
    while (contract_write(f.store, read_room, NULL) != 0)
        ;
    ck_assert_int_eq(say(&f, &after), 0);
    ck_assert_int_eq(n_stored(&f), 1);
    close_store(&f);
}
END_TEST

START_TEST(a_server_that_refuses_connections_is_used_again_when_it_takes_them)
{
    struct fixture f;
    struct proxy proxy;
    struct saying s = { .n = 1 }, after = { .n = 2 };
    proxy_start(&proxy);
    open_store(&f, &proxy, 1000, 0);
    add_rooms(&f, 1);
    proxy_set(&proxy, PROXY_REFUSES);
    ck_assert_int_eq(say(&f, &s), SYNCTV_E_STORAGE_UNAVAILABLE);
    proxy_set(&proxy, PROXY_PASSES);
    while (contract_write(f.store, read_room, NULL) != 0)
        ;
    ck_assert_int_eq(say(&f, &after), 0);
    ck_assert_int_eq(n_stored(&f), 1);
    close_store(&f);
    proxy_stop(&proxy);
}
END_TEST

START_TEST(closing_beside_a_server_that_is_gone_does_not_wait_for_ever)
{
    struct fixture f;
    struct proxy proxy;
    struct saying s = { .n = 1 };
    proxy_start(&proxy);
    open_store(&f, &proxy, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, 1);
    proxy_set(&proxy, PROXY_IS_SILENT);
    begin_saying(&f, &s);
    close_store(&f); /* its patience is less than the job's */
    ck_assert_int_eq(finish_saying(&s), SYNCTV_E_STORAGE_UNAVAILABLE);
    proxy_stop(&proxy);
}
END_TEST

/* ---- a server that crashes ---- */

#define N_ROOMS 8
#define N_EACH 4000
#define N_CRASHES 5

struct talker {
    struct fixture *f;
    unsigned room;
    pthread_t thread;
    _Atomic bool *stop;
    /* 0 = not said, 1 = stored, 2 = not, 3 = who knows. */
    signed char results[N_EACH];
};

static void *talk(void *arg)
{
    struct talker *t = arg;
    for (unsigned i = 0; i < N_EACH && !atomic_load(t->stop); i++) {
        struct saying s = { .n = t->room * N_EACH + i };
        s.job.run = run_saying;
        s.job.apply = apply_saying;
        sv_job_set_scope(&s.job, contract_id('r', t->room), NULL, NULL);
        if (sv_store_write(t->f->store, &s.job) < 0)
            break;
        int rv = finish_saying(&s);
        t->results[i] = (signed char)(rv == 0 ? 1 : rv == SYNCTV_E_OUTCOME_UNKNOWN ? 3 : 2);
    }
    return NULL;
}

/* All processes of a server start anew when one of them has crashed. */
static void crash(struct fixture *f)
{
    char text[300];
    for (;;) {
        PGconn *pg = PQconnectdb(getenv("SYNCTV_TEST_POSTGRES"));
        snprintf(text, sizeof(text),
            "SELECT pid FROM pg_stat_activity WHERE application_name = '%s' AND state = 'active'"
            " ORDER BY random() LIMIT 1",
            f->schema);
        PGresult *result = PQstatus(pg) == CONNECTION_OK ? PQexec(pg, text) : NULL;
        bool found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
        pid_t pid = found ? (pid_t)atoi(PQgetvalue(result, 0, 0)) : 0;
        PQclear(result);
        PQfinish(pg);
        if (pid > 1 && kill(pid, SIGKILL) == 0)
            return;
        usleep(10000);
    }
}

static long count_of(struct fixture *f, unsigned n)
{
    char text[200];
    snprintf(text, sizeof(text), "SELECT count(*) FROM %%s.chat WHERE message_id = '%s'",
        contract_id('m', n));
    return number(f, text);
}

START_TEST(what_was_acknowledged_is_stored_once_however_often_the_server_crashes)
{
    struct fixture f;
    static struct talker talkers[N_ROOMS];
    static _Atomic bool stop;
    unsigned n[4] = { 0 };
    open_store(&f, NULL, CONTRACT_PATIENCE_MS, 0);
    add_rooms(&f, N_ROOMS);
    for (unsigned i = 0; i < N_ROOMS; i++) {
        talkers[i] = (struct talker){ .f = &f, .room = i + 1, .stop = &stop };
        pthread_create(&talkers[i].thread, NULL, talk, &talkers[i]);
    }
    for (int i = 0; i < N_CRASHES; i++) {
        usleep(200000); /* some load; nothing depends on how much */
        crash(&f);
    }
    contract_write(f.store, read_room, NULL);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < N_ROOMS; i++)
        pthread_join(talkers[i].thread, NULL);
    close_store(&f);
    ck_assert_int_eq(number(&f,
                         "SELECT count(*) FROM (SELECT message_id FROM %s.chat GROUP BY 1"
                         " HAVING count(*) > 1) twice"),
        0);
    for (unsigned i = 0; i < N_ROOMS; i++) {
        for (unsigned k = 0; k < N_EACH; k++) {
            n[(int)talkers[i].results[k]]++;
            if (talkers[i].results[k] == 2)
                ck_assert_int_eq(count_of(&f, (i + 1) * N_EACH + k), 0);
        }
    }
    fprintf(stderr, "# %u stored, %u not, %u unknown\n", n[1], n[2], n[3]);
    ck_assert_uint_gt(n[1], 0);
    long stored = n_stored(&f);
    ck_assert_int_ge(stored, n[1]);
    ck_assert_int_le(stored, n[1] + n[3]);
}
END_TEST

static void add(TCase *tc)
{
    if (getenv("SYNCTV_TEST_POSTGRES") == NULL)
        return;
    tcase_add_test(tc, a_password_is_in_no_error);
    tcase_add_test(tc, a_member_that_only_its_machine_can_reach_is_refused_beside_others);
    tcase_add_test(tc, a_newer_schema_and_the_database_of_another_program_are_left_alone);
    tcase_add_test(tc, a_database_of_another_encoding_is_refused);
    tcase_add_test(tc, stores_that_open_a_new_database_at_once_make_it_once);
    tcase_add_test(tc, of_stores_that_are_to_be_alone_there_is_one);
    tcase_add_test(tc, a_machine_that_is_gone_is_noticed_and_loses_its_place);
    tcase_add_test(tc, a_job_whose_connection_is_killed_runs_again);
    tcase_add_test(tc, a_job_that_is_killed_in_its_commit_runs_again);
    tcase_add_test(tc, a_commit_whose_answer_is_lost_is_found_to_be_done);
    tcase_add_test(tc, a_commit_that_comes_after_it_was_asked_for_does_nothing);
    tcase_add_test(tc, a_commit_that_no_longer_waits_for_a_standby_has_no_known_outcome);
    tcase_add_test(tc, a_job_that_sleeps_loses_its_locks_and_runs_again);
    tcase_add_test(tc, a_lock_that_another_keeps_ends_a_job_and_no_longer_than_it_is_kept);
    tcase_add_test(tc, a_read_that_waits_for_a_backup_to_be_restored_sees_all_of_it);
    tcase_add_test(tc, jobs_that_lock_each_other_out_are_all_done_in_the_end);
    tcase_add_test(tc, a_full_disk_fails_a_job_and_nothing_is_stored_until_there_is_space);
    tcase_add_test(tc, a_server_that_does_not_answer_ends_jobs_and_is_used_again_when_it_does);
    tcase_add_test(tc, a_server_that_is_stopped_ends_jobs_and_is_used_again_when_it_goes_on);
    tcase_add_test(tc, a_server_that_refuses_connections_is_used_again_when_it_takes_them);
    tcase_add_test(tc, closing_beside_a_server_that_is_gone_does_not_wait_for_ever);
    tcase_add_test(tc, what_was_acknowledged_is_stored_once_however_often_the_server_crashes);
}

int main(void)
{
    return contract_main("postgres", add);
}
