/* SPDX-License-Identifier: MIT */
/* SQLite alone: what happens when the disk is full, breaks or loses bits while the store is at
 * work. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"
#include "fault_vfs.h"

/* ---- the log ---- */

static struct {
    pthread_mutex_t lock;
    int errors, infos;
    char last[512];
    char last_error[512];
} lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void keep_line(void *userdata, synctv_log_level level, const char *area, const char *text)
{
    pthread_mutex_lock(&lines.lock);
    lines.errors += level == SYNCTV_LOG_ERROR;
    lines.infos += level == SYNCTV_LOG_INFO;
    snprintf(lines.last, sizeof(lines.last), "%s", text);
    if (level == SYNCTV_LOG_ERROR)
        snprintf(lines.last_error, sizeof(lines.last_error), "%s", text);
    pthread_mutex_unlock(&lines.lock);
}

static int count_lines(int *counter)
{
    pthread_mutex_lock(&lines.lock);
    int n = *counter;
    pthread_mutex_unlock(&lines.lock);
    return n;
}

static const struct sv_log log_to_lines = { .fn = keep_line, .level = SYNCTV_LOG_DEBUG };

static void open_file_store(struct contract *c)
{
    char url[256] = "sqlite:";
    lines.errors = lines.infos = 0;
    contract_path(url + 7, sizeof(url) - 7);
    contract_open_url(c, url, &log_to_lines);
}

/* ---- jobs ---- */

struct put {
    struct sv_job job;
    unsigned n;
    size_t bytes; /* of the value, besides the number */
    unsigned runs;
    int rv;
    _Atomic int applied;
    _Atomic int *order;
    int place; /* in the order of apply() */
};

static int run_put(struct sv_job *job, struct sv_tx *tx)
{
    struct put *put = SV_CONTAINER_OF(job, struct put, job);
    static _Atomic unsigned serial; /* to store the same again would change nothing */
    size_t size = put->bytes + 16;
    char key[16], *value = calloc(1, size);
    put->runs++;
    snprintf(key, sizeof(key), "put%u", put->n);
    memset(value, 'x', put->bytes);
    snprintf(value + put->bytes, 16, "%u", atomic_fetch_add(&serial, 1));
    int rv = tx->ops->meta_put(tx, key, value);
    free(value);
    return rv;
}

static void apply_put(struct sv_job *job, int rv)
{
    struct put *put = SV_CONTAINER_OF(job, struct put, job);
    put->rv = rv;
    put->place = atomic_fetch_add(put->order, 1);
    atomic_store(&put->applied, 1);
}

/* All of them in one transaction: they are queued while the writer is held. `meanwhile` is called
 * before it goes on. */
static void put_together(struct contract *c, struct put *puts, unsigned n, void (*meanwhile)(void))
{
    static _Atomic int order;
    atomic_store(&order, 0);
    contract_begin(c);
    for (unsigned i = 0; i < n; i++) {
        puts[i].job = (struct sv_job){ .run = run_put, .apply = apply_put };
        sv_job_set_scope(&puts[i].job, CONTRACT_ROOM, NULL, NULL);
        puts[i].n = i;
        puts[i].runs = 0;
        puts[i].order = &order;
        atomic_store(&puts[i].applied, 0);
        ck_assert_int_eq(sv_store_write(c->store, &puts[i].job), 0);
    }
    contract_commit(c);
    if (meanwhile != NULL)
        meanwhile();
    for (unsigned i = 0; i < n; i++)
        while (atomic_load(&puts[i].applied) == 0)
            usleep(200);
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(puts[i].place, (int)i);
}

static bool is_there(struct contract *c, unsigned n)
{
    char key[16];
    const char *value;
    snprintf(key, sizeof(key), "put%u", n);
    contract_begin_read(c);
    int rv = c->op->meta_get(c->tx, key, &c->arena, &value);
    contract_commit(c);
    ck_assert_int_ge(rv, 0);
    return rv == 1;
}

static int put_one(struct contract *c)
{
    static unsigned serial;
    char value[16];
    snprintf(value, sizeof(value), "%u", serial++);
    contract_begin(c);
    int rv = c->op->meta_put(c->tx, "one", value);
    return contract_abort(c, rv);
}

/* ---- syncs ---- */

START_TEST(a_hundred_jobs_wait_for_the_disk_once)
{
    struct contract c;
    struct put puts[100] = { 0 };
    open_file_store(&c);
    put_one(&c);
    long before = atomic_load(&fault_vfs.syncs);
    put_together(&c, puts, 100, NULL);
    long syncs = atomic_load(&fault_vfs.syncs) - before;
    ck_assert_int_ge(syncs, 1);
    ck_assert_int_le(syncs, 4);
    contract_close(&c);
}
END_TEST

START_TEST(jobs_that_change_nothing_do_not_wait_for_the_disk)
{
    struct contract c;
    open_file_store(&c);
    long before = atomic_load(&fault_vfs.syncs), writes = atomic_load(&fault_vfs.writes);
    for (int i = 0; i < 20; i++) {
        const char *value;
        contract_begin(&c);
        ck_assert_int_eq(c.op->meta_get(c.tx, "storage_id", &c.arena, &value), 1);
        contract_commit(&c);
        contract_begin(&c); /* undone is nothing too */
        ck_assert_int_eq(c.op->meta_put(c.tx, "x", "y"), 0);
        contract_abort(&c, SYNCTV_E_ROOM_FULL);
    }
    ck_assert_int_eq(atomic_load(&fault_vfs.syncs) - before, 0);
    ck_assert_int_eq(atomic_load(&fault_vfs.writes) - writes, 0);
    contract_close(&c);
}
END_TEST

START_TEST(what_is_applied_has_been_synced)
{
    struct contract c;
    open_file_store(&c);
    for (int i = 0; i < 20; i++) {
        long before = atomic_load(&fault_vfs.syncs);
        ck_assert_int_eq(put_one(&c), 0);
        ck_assert_int_ge(atomic_load(&fault_vfs.syncs) - before, 1);
    }
    contract_close(&c);
}
END_TEST

/* ---- faults ---- */

static void fill_disk(void)
{
    atomic_store(&fault_vfs.full, -1);
}

START_TEST(a_full_disk_fails_every_job_and_nothing_is_stored_until_there_is_space)
{
    struct contract c;
    struct put puts[10] = { 0 };
    open_file_store(&c);
    put_one(&c);
    fill_disk();
    for (int round = 0; round < 3; round++) {
        put_together(&c, puts, 10, NULL);
        for (unsigned i = 0; i < 10; i++) {
            ck_assert_int_eq(puts[i].rv, SYNCTV_E_STORAGE_UNAVAILABLE);
            ck_assert_uint_eq(puts[i].runs, 2); /* together, then alone */
        }
    }
    for (unsigned i = 0; i < 10; i++)
        ck_assert(!is_there(&c, i)); /* reading goes on */
    ck_assert_int_eq(count_lines(&lines.errors), 1);
    ck_assert_ptr_nonnull(strstr(lines.last, "full"));
    ck_assert_int_eq(count_lines(&lines.infos), 0);

    atomic_store(&fault_vfs.full, 0);
    put_together(&c, puts, 10, NULL);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(puts[i].rv, 0);
        ck_assert(is_there(&c, i));
    }
    contract_close(&c);
    ck_assert_int_eq(count_lines(&lines.errors), 1);
    ck_assert_int_eq(count_lines(&lines.infos), 1);
}
END_TEST

START_TEST(jobs_whose_commit_failed_run_again_alone)
{
    struct contract c;
    struct put puts[10] = { 0 };
    open_file_store(&c);
    put_one(&c);
    for (int kind = 0; kind < 2; kind++) {
        contract_begin(&c); /* the faults must meet the batch, not the job that holds it up */
        contract_commit(&c);
        atomic_store(kind == 0 ? &fault_vfs.full : &fault_vfs.broken_syncs, 1);
        put_together(&c, puts, 10, NULL);
        ck_assert_int_eq(atomic_load(&fault_vfs.full), 0);
        ck_assert_int_eq(atomic_load(&fault_vfs.broken_syncs), 0);
        for (unsigned i = 0; i < 10; i++) {
            ck_assert_int_eq(puts[i].rv, 0);
            ck_assert_uint_eq(puts[i].runs, 2);
            ck_assert(is_there(&c, i));
        }
    }
    contract_close(&c);
}
END_TEST

START_TEST(a_job_too_large_for_the_disk_takes_no_other_with_it)
{
    struct contract c;
    struct put puts[3] = { { .bytes = 10 }, { .bytes = 30 << 20 }, { .bytes = 10 } };
    open_file_store(&c);
    atomic_store(&fault_vfs.size_limit, 8 << 20);
    put_together(&c, puts, 3, NULL);
    ck_assert_int_eq(puts[0].rv, 0);
    ck_assert_int_eq(puts[1].rv, SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(puts[2].rv, 0);
    ck_assert(is_there(&c, 0) && !is_there(&c, 1) && is_there(&c, 2));
    atomic_store(&fault_vfs.size_limit, 0);
    put_together(&c, puts, 3, NULL);
    ck_assert_int_eq(puts[1].rv, 0);
    contract_close(&c);
}
END_TEST

START_TEST(a_disk_that_cannot_be_read_is_told_and_survived)
{
    struct contract c;
    const char *value;
    char url[256];
    open_file_store(&c);
    contract_begin(&c);
    for (unsigned i = 0; i < 500; i++)
        contract_add_user(&c, i);
    contract_commit(&c);
    snprintf(url, sizeof(url), "%s", c.url);
    contract_close(&c);
    contract_open_url(&c, url, &log_to_lines);
    atomic_store(&fault_vfs.broken_reads, -1);
    synctv_user *users;
    contract_begin_read(&c);
    ck_assert_int_eq(c.op->user_list(c.tx, "", 0, "", 500, &c.arena, &users),
        SYNCTV_E_STORAGE_UNAVAILABLE);
    contract_commit(&c);
    atomic_store(&fault_vfs.broken_reads, 0);
    contract_begin_read(&c);
    ck_assert_int_eq(c.op->user_list(c.tx, "", 0, "", 500, &c.arena, &users), 500);
    ck_assert_int_eq(c.op->meta_get(c.tx, "storage_id", &c.arena, &value), 1);
    contract_commit(&c);
    contract_close(&c);
    ck_assert_int_ge(count_lines(&lines.errors), 1);
}
END_TEST

START_TEST(a_full_disk_at_the_start_is_told_and_the_next_start_works)
{
    char url[256] = "sqlite:", *path = url + 7;
    struct sv_store *store = NULL;
    synctv_error err = { 0 };
    contract_path(path, sizeof(url) - 7);
    struct sv_store_options o = { .url = url };
    fill_disk();
    ck_assert_int_eq(sv_store_open(&o, &store, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_ptr_null(store);
    ck_assert_int_eq(err.code, SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.message, path));
    ck_assert_ptr_nonnull(strstr(err.message, "full"));
    atomic_store(&fault_vfs.full, 0);
    ck_assert_int_eq(sv_store_open(&o, &store, &err), 0);
    sv_store_close(store);
    sv_store_free(store);
}
END_TEST

/* ---- lost bits ---- */

static int read_everything(struct sv_tx *tx, void *arena)
{
    struct sv_user_rec user;
    struct sv_room_rec room_rec;
    struct sv_session_rec session;
    struct sv_member_rec *members;
    synctv_user *users;
    synctv_room *rooms;
    synctv_movie *movies;
    synctv_chat *chat;
    synctv_playback playback;
    const char *value;
    unsigned char hash[32] = { 1 };
    struct sv_arena *a = arena;
    const struct sv_tx_ops *op = tx->ops;
    const char *room = "r00000000001";
    static const char *const searches[] = { "", "r", "ro", "room 1" };
    op->meta_get(tx, "storage_id", a, &value);
    op->user_get(tx, "u00000000001", a, &user);
    op->user_get_by_name(tx, "user3", a, &user);
    op->user_list(tx, "", 0, "", 1000, a, &users);
    op->session_get_by_refresh(tx, hash, a, &session);
    op->room_get(tx, room, a, &room_rec);
    for (int i = 0; i < 4; i++) {
        struct sv_room_query query = { .search = searches[i], .limit = 100, .with_hidden = i % 2 };
        int64_t before_ms;
        op->room_list(tx, &query, a, &rooms, &before_ms);
    }
    op->member_list(tx, room, a, &members);
    op->movie_list(tx, room, a, &movies);
    op->playback_get(tx, room, a, &playback);
    op->chat_list(tx, room, 0, 0, 1000, a, &chat);
    return 0;
}

static int write_something(struct sv_tx *tx, void *arena)
{
    const struct sv_tx_ops *op = tx->ops;
    uint64_t seq, revision;
    int32_t position;
    synctv_chat existing, chat = { .room_id = "r00000000002", .client_message_id = "x" };
    synctv_movie movie = { .room_id = "r00000000001", .id = "new" };
    struct sv_room_rec room = contract_room("r00000000003", "other", "u00000000001", 1);
    struct sv_user_rec user = contract_user("unew", "unew");
    op->user_insert(tx, &user);
    op->room_update(tx, &room);
    op->chat_insert(tx, &chat, 5, &seq, arena, &existing);
    op->movie_insert(tx, &movie, &position, &revision);
    op->movie_move(tx, "r00000000001", "new", 1, &revision);
    op->room_delete(tx, "r00000000001");
    return 0;
}

/* A database with a bit of everything. Returns its size. */
static long make_database(char *url, size_t url_size)
{
    struct contract c;
    struct stat st;
    synctv_header headers[3] = { { "A", "b" }, { "C", "d" }, { "E", "f" } };
    synctv_playback state = { .room_id = "r00000000001", .version = 1, .node_id = "n" };
    struct sv_session_rec session = { .id = "s", .user_id = "u00000000001", .refresh_hash = { 1 } };
    open_file_store(&c);
    contract_begin(&c);
    for (unsigned i = 1; i < 30; i++) {
        char name[16];
        uint64_t seq, revision;
        int32_t position;
        snprintf(name, sizeof(name), "room %u", i);
        synctv_chat existing, chat = { .room_id = "r00000000001", .content = "hello" };
        synctv_movie movie = {
            .room_id = "r00000000001", .id = name, .headers = headers, .n_headers = 3
        };
        contract_add_user(&c, i);
        contract_add_room(&c, i, name, 1000 + i);
        ck_assert_int_eq(c.op->chat_insert(c.tx, &chat, 500, &seq, &c.arena, &existing), 0);
        ck_assert_int_eq(c.op->movie_insert(c.tx, &movie, &position, &revision), 0);
    }
    ck_assert_int_eq(c.op->playback_put(c.tx, &state), 1);
    ck_assert_int_eq(c.op->session_insert(c.tx, &session), 0);
    contract_commit(&c);
    snprintf(url, url_size, "%s", c.url);
    contract_close(&c);
    ck_assert_int_eq(stat(url + 7, &st), 0);
    return (long)st.st_size;
}

static void damage(const char *from, const char *to, long size, unsigned seed)
{
    unsigned char *data = malloc((size_t)size);
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(fd, data, (size_t)size), size);
    close(fd);
    srand(seed);
    for (int i = 0; i < 12; i++) {
        long at = rand() % size;
        data[at] = (unsigned char)rand();
    }
    fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, data, (size_t)size), size);
    close(fd);
    free(data);
}

START_TEST(a_damaged_file_never_crashes_the_store)
{
    char url[256], damaged[256] = "sqlite:", extra[300];
    long size = make_database(url, sizeof(url));
    contract_path(damaged + 7, sizeof(damaged) - 7);
    int opened = 0;
    for (unsigned seed = 0; seed < 200; seed++) {
        struct sv_store *store;
        struct sv_arena arena = { 0 };
        struct sv_store_options o = { .url = damaged };
        damage(url + 7, damaged + 7, size, seed);
        int rv = sv_store_open(&o, &store, NULL);
        if (rv == 0) {
            opened++;
            contract_read(store, read_everything, &arena);
            contract_write(store, write_something, &arena);
            sv_store_close(store);
            sv_store_free(store);
            sv_arena_fini(&arena);
        } else {
            ck_assert_msg(rv == SYNCTV_E_STORAGE_CORRUPT || rv == SYNCTV_E_STORAGE_TOO_NEW ||
                    rv == SYNCTV_E_STORAGE_UNAVAILABLE,
                "%d", rv);
        }
        snprintf(extra, sizeof(extra), "%s-wal", damaged + 7);
        unlink(extra);
        snprintf(extra, sizeof(extra), "%s-shm", damaged + 7);
        unlink(extra);
    }
    ck_assert_int_gt(opened, 50);
}
END_TEST

#define PAGE_BYTES 4096

/* `from` with 0xff all over one page. */
static void overwrite_page(const char *from, const char *to, long size, long page)
{
    char *data = malloc((size_t)size);
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(fd, data, (size_t)size), size);
    close(fd);
    memset(data + page * PAGE_BYTES, 0xff, PAGE_BYTES);
    fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, data, (size_t)size), size);
    close(fd);
    free(data);
}

static void check_sentence(const char *text, const char *path)
{
    ck_assert_msg(strstr(text, path) != NULL, "%s", text);
    ck_assert_msg(strstr(text, "damaged") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "put a backup in its place") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "README") != NULL, "%s", text);
}

START_TEST(an_overwritten_page_is_told_with_the_file_and_what_to_do)
{
    char url[256], damaged[256] = "sqlite:", *path = damaged + 7;
    long size = make_database(url, sizeof(url));
    int at_the_start = 0, at_work = 0;
    contract_path(path, sizeof(damaged) - 7);
    for (long page = 0; page < size / PAGE_BYTES; page++) {
        struct sv_store *store;
        struct sv_arena arena = { 0 };
        struct sv_store_options o = { .url = damaged, .log = &log_to_lines };
        synctv_error err = { 0 };
        lines.errors = 0;
        overwrite_page(url + 7, path, size, page);
        int rv = sv_store_open(&o, &store, &err);
        if (rv < 0) {
            ck_assert_int_eq(rv, SYNCTV_E_STORAGE_CORRUPT);
            check_sentence(err.message, path);
            ck_assert_int_eq(lines.errors, 0);
            at_the_start++;
            continue;
        }
        contract_read(store, read_everything, &arena);
        contract_write(store, write_something, &arena);
        sv_store_close(store);
        sv_store_free(store);
        sv_arena_fini(&arena);
        if (lines.errors > 0) {
            check_sentence(lines.last_error, path);
            at_work++;
        }
    }
    ck_assert_int_ge(at_the_start, 10);
    ck_assert_int_ge(at_work, 5);
}
END_TEST

/* ---- lost memory ---- */

struct round {
    unsigned n;
    struct sv_arena arena;
};

/* A bit of everything that a job may change; it passes every error on, as it must. */
static int change_much(struct sv_tx *tx, void *arg)
{
    struct round *r = arg;
    const struct sv_tx_ops *op = tx->ops;
    char name[32];
    uint64_t seq, revision;
    int32_t position;
    int rv;
    snprintf(name, sizeof(name), "user %u", r->n);
    struct sv_user_rec user = contract_user(contract_id('u', r->n), name);
    struct sv_room_rec room = contract_room(contract_id('r', r->n), name, user.user.id, r->n);
    struct sv_member_rec member = contract_member(room.room.id, user.user.id,
        SYNCTV_ROOM_ROLE_CREATOR, SYNCTV_MEMBER_STATUS_ACTIVE);
    synctv_chat existing, chat = { .room_id = room.room.id, .client_message_id = "x" };
    synctv_movie movie = { .room_id = room.room.id, .id = "m" };
    synctv_movie *movies;
    synctv_room *rooms;
    struct sv_room_query query = { .search = "user", .limit = 3 };
    int64_t before_ms;
    if ((rv = op->user_insert(tx, &user)) < 0 || (rv = op->room_insert(tx, &room)) < 0 ||
        (rv = op->member_put(tx, &member)) < 0 ||
        (rv = op->chat_insert(tx, &chat, 5, &seq, &r->arena, &existing)) < 0 ||
        (rv = op->movie_insert(tx, &movie, &position, &revision)) < 0)
        return rv;
    room.settings.hidden = r->n % 2 == 0;
    room.room.name = "renamed";
    if ((rv = op->room_update(tx, &room)) < 0 ||
        (rv = op->room_list(tx, &query, &r->arena, &rooms, &before_ms)) < 0 ||
        (rv = op->movie_list(tx, room.room.id, &r->arena, &movies)) < 0)
        return rv;
    return r->n % 3 == 0 ? op->room_delete(tx, room.room.id) : 0;
}

static void check_consistent(const char *path)
{
    static const char *const checks[] = {
        "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "SELECT count(*) FROM pragma_foreign_key_check",
        "SELECT count(*) FROM rooms r WHERE member_count <>"
        " (SELECT count(*) FROM members m WHERE m.room_id = r.id)",
        /*
         * 72656e is "ren": each room is found by its new name, and nothing is found that is no room
         */
        "SELECT (SELECT count(*) FROM rooms) - (SELECT count(*) FROM room_search"
        " WHERE room_search MATCH '72656e')",
        "SELECT count(*) FROM room_search WHERE room_search MATCH '757365'",
    };
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        sqlite3_stmt *stmt;
        ck_assert_int_eq(sqlite3_prepare_v2(db, checks[i], -1, &stmt, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
        ck_assert_msg(sqlite3_column_int(stmt, 0) == 0, "%s", checks[i]);
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
}

/* One allocation after the other fails, with `_i` also all behind it. */
START_TEST(a_job_that_lacks_memory_changes_nothing)
{
    struct contract c;
    unsigned succeeded = 0, failed = 0;
    open_file_store(&c);
    char *path = strdup(c.url + 7);
    for (unsigned n = 1; succeeded < 10 && n < 5000; n++) {
        struct round round = { .n = n };
        fault_memory_fail(n, _i);
        int rv = contract_write(c.store, change_much, &round);
        int struck = fault_memory_failed();
        fault_memory_fail(0, 0);
        sv_arena_fini(&round.arena);
        ck_assert_msg(rv == 0 || rv == SYNCTV_E_NO_MEMORY || rv == SYNCTV_E_STORAGE_UNAVAILABLE,
            "%u: %d", n, rv);
        failed += rv < 0;
        succeeded = struck ? 0 : succeeded + 1;
    }
    ck_assert_uint_ge(succeeded, 10);
    ck_assert_uint_ge(failed, 1);
    contract_close(&c);
    check_consistent(path);
    free(path);
}
END_TEST

static void add(TCase *tc)
{
    fault_memory_install();
    fault_vfs_install();
    tcase_add_test(tc, a_hundred_jobs_wait_for_the_disk_once);
    tcase_add_test(tc, jobs_that_change_nothing_do_not_wait_for_the_disk);
    tcase_add_test(tc, what_is_applied_has_been_synced);
    tcase_add_test(tc, a_full_disk_fails_every_job_and_nothing_is_stored_until_there_is_space);
    tcase_add_test(tc, jobs_whose_commit_failed_run_again_alone);
    tcase_add_test(tc, a_job_too_large_for_the_disk_takes_no_other_with_it);
    tcase_add_test(tc, a_disk_that_cannot_be_read_is_told_and_survived);
    tcase_add_test(tc, a_full_disk_at_the_start_is_told_and_the_next_start_works);
    tcase_add_test(tc, a_damaged_file_never_crashes_the_store);
    tcase_add_test(tc, an_overwritten_page_is_told_with_the_file_and_what_to_do);
    tcase_add_loop_test(tc, a_job_that_lacks_memory_changes_nothing, 0, 2);
}

int main(void)
{
    return contract_main("faults", add);
}
