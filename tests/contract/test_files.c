/* SPDX-License-Identifier: MIT */
/* SQLite alone: files that are not as they should be, several processes, and the end of one. */
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

/* ---- helpers ---- */

struct bytes {
    char *data;
    size_t len;
    struct timespec modified;
};

static struct bytes read_file(const char *path)
{
    struct bytes b = { 0 };
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    b.len = (size_t)st.st_size;
    b.modified = st.st_mtim;
    b.data = calloc(1, b.len + 1);
    ck_assert_int_eq(read(fd, b.data, b.len), (ssize_t)b.len);
    close(fd);
    return b;
}

static void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

static int try_open(const char *path, synctv_error *err)
{
    char url[300];
    struct sv_store *store = NULL;
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct sv_store_options o = { .url = url };
    int rv = sv_store_open(&o, &store, err);
    if (rv == 0) {
        sv_store_close(store);
        sv_store_free(store);
    } else {
        ck_assert_ptr_null(store);
    }
    return rv;
}

static bool has_companions(const char *path)
{
    char name[300];
    snprintf(name, sizeof(name), "%s-wal", path);
    if (access(name, F_OK) == 0)
        return true;
    snprintf(name, sizeof(name), "%s-shm", path);
    return access(name, F_OK) == 0;
}

/* The file must be refused with this code and a sentence that names it and says `why`, and stay as
 * it is. */
static void check_refused(const char *path, int code, const char *why)
{
    synctv_error err = { 0 };
    struct bytes before = read_file(path);
    int rv = try_open(path, &err);
    ck_assert_msg(rv == code, "%d, not %d: %s", rv, code, err.message);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.message, path) != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s", err.message);
    struct bytes after = read_file(path);
    ck_assert_uint_eq(after.len, before.len);
    ck_assert_mem_eq(after.data, before.data, before.len);
    ck_assert(after.modified.tv_sec == before.modified.tv_sec &&
        after.modified.tv_nsec == before.modified.tv_nsec);
    ck_assert(!has_companions(path));
    free(before.data);
    free(after.data);
}

static void make_database(char *path, size_t size)
{
    struct contract c;
    char url[300];
    contract_path(path, size);
    snprintf(url, sizeof(url), "sqlite:%s", path);
    contract_open_url(&c, url, NULL);
    contract_begin(&c);
    for (unsigned i = 1; i < 100; i++) {
        contract_add_user(&c, i);
        contract_add_room(&c, i, "room", i);
    }
    contract_commit(&c);
    contract_close(&c);
}

static void change_by_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- what is made ---- */

START_TEST(what_was_stored_is_there_after_closing)
{
    struct contract c;
    struct sv_room_rec room;
    char path[200], url[300];
    make_database(path, sizeof(path));
    ck_assert(!has_companions(path));
    snprintf(url, sizeof(url), "sqlite:%s", path);
    contract_open_url(&c, url, NULL);
    contract_begin_read(&c);
    ck_assert_int_eq(c.op->room_get(c.tx, "r00000000042", &c.arena, &room), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(only_the_owner_may_read_the_files)
{
    struct contract c;
    struct stat st;
    char path[200], url[300], name[300];
    umask(0);
    contract_path(path, sizeof(path));
    strcat(path, ".d/synctv.db"); /* the folder does not exist yet */
    snprintf(url, sizeof(url), "sqlite:%s", path);
    contract_open_url(&c, url, NULL);
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        ck_assert_int_eq(stat(name, &st), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
    }
    *strrchr(path, '/') = '\0';
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    contract_close(&c);
}
END_TEST

START_TEST(an_empty_file_becomes_a_database)
{
    char path[200];
    contract_path(path, sizeof(path));
    write_file(path, "", 0);
    ck_assert_int_eq(try_open(path, NULL), 0);
    ck_assert_int_eq(try_open(path, NULL), 0);
}
END_TEST

START_TEST(a_path_is_a_path_and_nothing_else)
{
    ck_assert_int_eq(chdir(contract_folder), 0);
    static const char *const names[] = { "./:memory:", "./file:x?mode=memory", "a b%20c?d#e",
        "ü.db" };
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(try_open(names[i], NULL), 0);
        ck_assert_int_eq(access(names[i], F_OK), 0);
    }
}
END_TEST

START_TEST(an_unknown_kind_of_storage_is_refused)
{
    static const char *const urls[] = { NULL, "", "sqlite:", "mysql://x:secret@y", "memory", "x.db",
        "sqlite::memory:", "sqlite:file:x?mode=memory" };
    for (int i = 0; i < 8; i++) {
        synctv_error err = { 0 };
        struct sv_store *store = NULL;
        struct sv_store_options o = { .url = urls[i] };
        ck_assert_int_eq(sv_store_open(&o, &store, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "db_url");
        ck_assert_ptr_nonnull(strstr(err.message, "sqlite:PATH"));
        ck_assert_ptr_null(strstr(err.message, "secret"));
        ck_assert_ptr_null(store);
    }
}
END_TEST

static int number_by_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    int number = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return number;
}

START_TEST(a_deleted_message_leaves_a_row_that_names_it_and_no_word_of_it)
{
    static const char tombstones[] =
        "SELECT count(*) FROM chat WHERE seq = 2 AND message_id = 'c00000000001'"
        " AND user_id = 'u00000000007' AND timestamp_ms = 43 AND content = '' AND username = ''"
        " AND client_message_id = '' AND is_deletion";
    struct contract c;
    char path[200], url[300];
    uint64_t seq = 0;
    synctv_chat existing,
        chat = { .room_id = CONTRACT_ROOM,
            .message_id = "c00000000001",
            .user_id = "u00000000001",
            .username = "user1",
            .content = "what was said",
            .timestamp_ms = 42,
            .client_message_id = "x" };
    make_database(path, sizeof(path));
    snprintf(url, sizeof(url), "sqlite:%s", path);
    contract_open_url(&c, url, NULL);
    contract_begin(&c);
    ck_assert_int_eq(c.op->chat_insert(c.tx, &chat, 500, &seq, &c.arena, &existing), 0);
    chat.user_id = "u00000000007";
    chat.timestamp_ms = 43;
    ck_assert_int_eq(c.op->chat_delete(c.tx, &chat, 500, &seq), 0);
    ck_assert_uint_eq(seq, 2);
    contract_commit(&c);
    contract_close(&c);
    ck_assert_int_eq(number_by_sql(path, tombstones), 1);
    ck_assert_int_eq(number_by_sql(path, "SELECT count(*) FROM chat"), 1);
    struct bytes file = read_file(path);
    ck_assert_ptr_null(memmem(file.data, file.len, "what was said", 13));
    free(file.data);
}
END_TEST

START_TEST(an_older_schema_is_brought_up_to_date)
{
    static const char indexes[] =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    struct contract c;
    char path[200], url[300];
    make_database(path, sizeof(path));
    int n_indexes = number_by_sql(path, indexes),
        newest = number_by_sql(path, "PRAGMA user_version");
    change_by_sql(path,
        "INSERT INTO chat SELECT id, 1, 'c', 'u', 'n', 'hello', 1, '', 0 FROM rooms"
        " WHERE id = 'r00000000042'; ALTER TABLE chat DROP COLUMN is_deletion;"
        "DROP INDEX members_kicked; DROP INDEX sessions_by_user;"
        "CREATE INDEX sessions_by_user ON sessions (user_id);"
        "INSERT INTO movies SELECT 1, id, 'm', 1, 'ü', 'http://h', 1, 0, 'u', 0, x'', x'0000', 7"
        " FROM rooms WHERE id = 'r00000000042';"
        "ALTER TABLE movies DROP COLUMN weight; ALTER TABLE rooms DROP COLUMN movie_count;"
        "ALTER TABLE rooms DROP COLUMN movies_weight;"
        "ALTER TABLE rooms DROP COLUMN pause_when_empty; DROP TABLE nodes;"
        "PRAGMA user_version = 1");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    contract_open_url(&c, url, NULL);
    contract_begin(&c);
    ck_assert_int_eq(c.op->member_purge(c.tx, 1, 1), 0);
    ck_assert_int_eq(c.op->member_count(c.tx, "r00000000042"), 1);
    struct sv_room_rec room;
    ck_assert_int_eq(c.op->room_get(c.tx, "r00000000042", &c.arena, &room), 0);
    ck_assert_int_eq(room.n_movies, 1);
    ck_assert_int_eq(room.movies_weight, 2 + 8 + 0 + 2);
    ck_assert(!room.settings.pause_when_empty);
    synctv_chat *chat;
    ck_assert_int_eq(c.op->chat_list(c.tx, "r00000000042", 0, 0, 9, &c.arena, &chat), 1);
    contract_commit(&c);
    contract_close(&c);
    ck_assert_int_eq(number_by_sql(path, "PRAGMA user_version"), newest);
    ck_assert_int_eq(number_by_sql(path, indexes), n_indexes);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(a_newer_schema_is_left_alone)
{
    char path[200];
    make_database(path, sizeof(path));
    change_by_sql(path, "PRAGMA user_version = 99");
    check_refused(path, SYNCTV_E_STORAGE_TOO_NEW, "newer");
}
END_TEST

START_TEST(the_database_of_another_program_is_left_alone)
{
    char path[200];
    contract_path(path, sizeof(path));
    change_by_sql(path, "CREATE TABLE t (x)");
    check_refused(path, SYNCTV_E_STORAGE_CORRUPT, "another program");
    change_by_sql(path, "PRAGMA journal_mode = WAL; PRAGMA application_id = 7");
    check_refused(path, SYNCTV_E_STORAGE_CORRUPT, "another program");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_left_alone)
{
    char path[200], text[5000];
    contract_path(path, sizeof(path));
    memset(text, 'a', sizeof(text));
    write_file(path, text, sizeof(text));
    check_refused(path, SYNCTV_E_STORAGE_CORRUPT, "not a database");
    write_file(path, "xy", 2);
    check_refused(path, SYNCTV_E_STORAGE_CORRUPT, "not a database");
    write_file(path, "x", 1);
    check_refused(path, SYNCTV_E_STORAGE_CORRUPT, "cut off");
}
END_TEST

START_TEST(a_truncated_database_is_left_alone)
{
    char path[200];
    make_database(path, sizeof(path));
    struct bytes whole = read_file(path);
    const size_t cuts[] = { whole.len - 1, whole.len - 4096, whole.len / 2, 4096, 1000, 100, 50 };
    for (int i = 0; i < 7; i++) {
        write_file(path, whole.data, cuts[i]);
        check_refused(path, SYNCTV_E_STORAGE_CORRUPT, "damaged");
        check_refused(path, SYNCTV_E_STORAGE_CORRUPT, "put a backup in its place");
    }
    free(whole.data);
}
END_TEST

START_TEST(what_a_database_lacks_is_named)
{
    static const char *const losses[][2] = {
        { "DROP TABLE chat", "chat" },
        { "DROP TABLE room_search", "the table room_search is missing" },
        { "DELETE FROM room_search_data", "room_search" },
        { "ALTER TABLE movies DROP COLUMN subtitles", "subtitles" },
        { "DROP TABLE meta", "the table meta is missing" },
        { "DROP INDEX users_by_name", "the index users_by_name is missing" },
        { "DROP INDEX chat_by_client_id", "the index chat_by_client_id is missing" },
        { "ALTER TABLE chat RENAME TO c; CREATE VIEW chat AS SELECT * FROM c", "table chat" },
        { "PRAGMA user_version = 0", "its schema has no version" },
        { "PRAGMA user_version = 1", "already exists" },
    };
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        char path[200];
        synctv_error err = { 0 };
        make_database(path, sizeof(path));
        change_by_sql(path, losses[i][0]);
        ck_assert_int_eq(try_open(path, &err), SYNCTV_E_STORAGE_CORRUPT);
        ck_assert_msg(strstr(err.message, path) != NULL, "%s", err.message);
        ck_assert_msg(strstr(err.message, losses[i][1]) != NULL, "%s", err.message);
        ck_assert_msg(strstr(err.message, "is damaged") != NULL, "%s", err.message);
        ck_assert_msg(strstr(err.message, "README") != NULL, "%s", err.message);
    }
}
END_TEST

START_TEST(a_log_that_is_none_is_left_alone)
{
    char path[200], name[300], noise[5000] = { 0 };
    make_database(path, sizeof(path));
    snprintf(name, sizeof(name), "%s-wal", path);
    write_file(name, noise, 20); /* as it is when the power fails before anything was stored */
    ck_assert_int_eq(try_open(path, NULL), 0);
    write_file(name, noise, sizeof(noise));
    ck_assert_int_eq(try_open(path, NULL), 0);
    memset(noise, 'x', sizeof(noise));
    write_file(name, noise, sizeof(noise));
    synctv_error err = { 0 };
    struct bytes before = read_file(path);
    ck_assert_int_eq(try_open(path, &err), SYNCTV_E_STORAGE_CORRUPT);
    ck_assert_msg(strstr(err.message, name) && strstr(err.message, "remove"), "%s", err.message);
    struct bytes after = read_file(path), log = read_file(name);
    ck_assert_uint_eq(after.len, before.len);
    ck_assert_mem_eq(after.data, before.data, before.len);
    ck_assert_uint_eq(log.len, sizeof(noise));
    ck_assert_mem_eq(log.data, noise, log.len);
    free(before.data);
    free(after.data);
    free(log.data);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(try_open(path, NULL), 0);
}
END_TEST

START_TEST(what_stands_where_a_file_of_the_database_should_be_is_named)
{
    static const char *const suffixes[] = { "-wal", "-shm", "-journal" };
    char path[200], name[300];
    make_database(path, sizeof(path));
    for (int i = 0; i < 3; i++) {
        synctv_error err = { 0 };
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        ck_assert_int_eq(mkdir(name, 0700), 0);
        ck_assert_int_eq(try_open(path, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
        ck_assert_msg(strstr(err.message, name) && strstr(err.message, "Is a directory"), "%s",
            err.message);
        ck_assert_int_eq(rmdir(name), 0);
    }
}
END_TEST

START_TEST(rows_of_somebody_who_is_gone_break_nothing)
{
    struct contract c;
    char path[200], url[300];
    struct sv_room_rec room;
    struct sv_member_rec member, *members;
    synctv_room *rooms;
    int64_t before_ms;
    struct sv_room_query query = { .search = "room", .limit = 100 };
    make_database(path, sizeof(path));
    change_by_sql(path, "PRAGMA foreign_keys = OFF; DELETE FROM users WHERE id = 'u00000000001'");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    contract_open_url(&c, url, NULL);
    contract_begin(&c);
    ck_assert_int_eq(c.op->room_get(c.tx, CONTRACT_ROOM, &c.arena, &room), 0);
    ck_assert_int_eq(c.op->member_list(c.tx, CONTRACT_ROOM, &c.arena, &members), 0);
    ck_assert_int_eq(c.op->member_get(c.tx, CONTRACT_ROOM, "u00000000001", &c.arena, &member),
        SYNCTV_E_MEMBER_NOT_FOUND);
    ck_assert_int_eq(c.op->room_list(c.tx, &query, &c.arena, &rooms, &before_ms), 99);
    ck_assert_int_eq(c.op->room_delete(c.tx, CONTRACT_ROOM), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_place_where_no_file_can_be_is_named)
{
    synctv_error err = { 0 };
    char path[200], below[300];
    contract_path(path, sizeof(path));
    snprintf(below, sizeof(below), "%s/a/b.db", path); /* two folders are missing */
    ck_assert_int_eq(try_open(below, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, path) && strstr(err.message, "No such file"), "%s",
        err.message);
    ck_assert_int_eq(access(path, F_OK), -1);

    write_file(path, "", 0); /* a file stands where the folder should */
    snprintf(below, sizeof(below), "%s/b.db", path);
    ck_assert_int_eq(try_open(below, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, path) && strstr(err.message, "Not a directory"), "%s",
        err.message);
    snprintf(below, sizeof(below), "%s/a/b.db", path);
    ck_assert_int_eq(try_open(below, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "Not a directory"), "%s", err.message);

    ck_assert_int_eq(try_open(contract_folder, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "Is a directory"), "%s", err.message);
    ck_assert_int_eq(try_open("/dev/null", &err), SYNCTV_E_STORAGE_UNAVAILABLE);
}
END_TEST

/* ---- permissions: root has them all, so a child that is nobody tries ---- */

#define NOBODY 65534

static int open_as_nobody(const char *path, char *message, size_t size)
{
    int fds[2], status;
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        synctv_error err = { 0 };
        if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
            _exit(99);
        int rv = try_open(path, &err);
        if (write(fds[1], err.message, strlen(err.message)) < 0)
            _exit(98);
        _exit(-rv);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], message, size - 1);
    message[n < 0 ? 0 : n] = '\0';
    close(fds[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

START_TEST(a_read_only_file_is_named)
{
    char path[200], message[256];
    ck_assert_int_eq(chmod(contract_folder, 0777), 0);
    make_database(path, sizeof(path));
    struct bytes before = read_file(path);
    ck_assert_int_eq(chmod(path, 0444), 0);
    ck_assert_int_eq(open_as_nobody(path, message, sizeof(message)), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(message, path) && strstr(message, "read-only"), "%s", message);
    ck_assert_int_eq(chmod(path, 0), 0);
    ck_assert_int_eq(open_as_nobody(path, message, sizeof(message)), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(message, path) && strstr(message, "Permission denied"), "%s", message);
    ck_assert_int_eq(chmod(path, 0666), 0);
    char name[300];
    snprintf(name, sizeof(name), "%s-shm", path);
    write_file(name, "", 0); /* left behind by another user */
    ck_assert_int_eq(chmod(name, 0), 0);
    ck_assert_int_eq(chmod(contract_folder, 0777), 0);
    ck_assert_int_eq(open_as_nobody(path, message, sizeof(message)), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(message, name) && strstr(message, "Permission denied"), "%s", message);
    ck_assert_int_eq(unlink(name), 0);
    struct bytes after = read_file(path);
    ck_assert_uint_eq(before.len, after.len);
    ck_assert_mem_eq(before.data, after.data, before.len);
    free(before.data);
    free(after.data);
}
END_TEST

START_TEST(a_read_only_folder_is_named)
{
    char folder[200], path[300], message[256];
    ck_assert_int_eq(chmod(contract_folder, 0777), 0);
    contract_path(folder, sizeof(folder));
    snprintf(path, sizeof(path), "%s/synctv.db", folder);
    ck_assert_int_eq(try_open(path, NULL), 0);
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(chmod(folder, 0555), 0);
    ck_assert_int_eq(open_as_nobody(path, message, sizeof(message)), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(message, path) != NULL, "%s", message);

    ck_assert_int_eq(unlink(path) == 0 || geteuid() != 0, 1);
    snprintf(path, sizeof(path), "%s/other.db", folder);
    ck_assert_int_eq(open_as_nobody(path, message, sizeof(message)), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(message, path) && strstr(message, "Permission denied"), "%s", message);
    snprintf(path, sizeof(path), "%s/sub/other.db", folder);
    ck_assert_int_eq(open_as_nobody(path, message, sizeof(message)), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(message, "Permission denied"), "%s", message);
    ck_assert_int_eq(chmod(folder, 0755), 0);
}
END_TEST

/* ---- processes ---- */

#define N_PROCESSES 4
#define N_ROUNDS 100

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

/* Opens, counts, closes. Returns what failed. On a slow disk the others may hold the file for
 * longer than a store waits. */
static int count_up(const char *url)
{
    struct sv_store *store;
    struct sv_store_options o = { .url = url };
    synctv_error err;
    int failures = 0, tries = 10, rv;
    do {
        rv = sv_store_open(&o, &store, &err);
    } while (rv == SYNCTV_E_STORAGE_UNAVAILABLE && tries-- > 0);
    if (rv < 0) {
        fprintf(stderr, "# %s\n", err.message);
        return 100;
    }
    for (int i = 0; i < N_ROUNDS; i++) {
        do {
            rv = contract_write(store, add_one, NULL);
        } while (rv == SYNCTV_E_STORAGE_UNAVAILABLE && tries-- > 0);
        failures += rv != 0;
    }
    sv_store_close(store);
    sv_store_free(store);
    return failures > 90 ? 90 : failures;
}

START_TEST(processes_share_a_file_and_lose_nothing)
{
    struct contract c;
    const char *value;
    char url[256] = "sqlite:";
    pid_t pids[N_PROCESSES];
    contract_path(url + 7, sizeof(url) - 7); /* they race to create it, too */
    for (int i = 0; i < N_PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(count_up(url));
    }
    for (int i = 0; i < N_PROCESSES; i++) {
        int status;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), 0);
    }
    contract_open_url(&c, url, NULL);
    contract_begin_read(&c);
    ck_assert_int_eq(c.op->meta_get(c.tx, "counter", &c.arena, &value), 1);
    ck_assert_int_eq(atoi(value), N_PROCESSES * N_ROUNDS);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_lock_that_is_never_freed_is_waited_for_and_then_told)
{
    struct contract c;
    char path[200], url[300];
    sqlite3 *other;
    make_database(path, sizeof(path));
    snprintf(url, sizeof(url), "sqlite:%s", path);
    contract_open_url(&c, url, NULL);
    ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    ck_assert_int_eq(contract_write(c.store, add_one, NULL), SYNCTV_E_STORAGE_UNAVAILABLE);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    ck_assert_int_ge(ms, 4900);
    ck_assert_int_le(ms, 15000);
    ck_assert_int_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    ck_assert_int_eq(contract_write(c.store, add_one, NULL), 0);
    contract_close(&c);
}
END_TEST

struct look {
    struct sv_job job;
    sem_t done;
    int rv;
};

static int look_run(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_arena a = { 0 };
    const char *value;
    int rv = tx->ops->meta_get(tx, "storage_id", &a, &value);
    sv_arena_fini(&a);
    return rv;
}

static void look_apply(struct sv_job *job, int rv)
{
    struct look *look = SV_CONTAINER_OF(job, struct look, job);
    look->rv = rv;
    sem_post(&look->done);
}

START_TEST(what_a_member_only_reads_does_not_wait_for_who_has_the_lock)
{
    const struct sv_store_member member = { .id = "a", .instance = "one" };
    struct look look = { .job = { .run = look_run, .apply = look_apply, .reads_only = true } };
    char path[200], url[300];
    struct sv_store *store;
    synctv_error err;
    sqlite3 *other;
    make_database(path, sizeof(path));
    snprintf(url, sizeof(url), "sqlite:%s", path);
    const struct sv_store_options options = { .url = url, .member = &member };
    ck_assert_int_eq(sv_store_open(&options, &store, &err), 0);
    ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sem_init(&look.done, 0, 0);
    ck_assert_int_eq(sv_store_write(store, &look.job), 0);
    sem_wait(&look.done);
    ck_assert_int_eq(look.rv, 1);
    ck_assert_int_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    sv_store_close(store);
    sv_store_free(store);
    sem_destroy(&look.done);
}
END_TEST

/* ---- the end of a process ---- */

struct promise {
    struct sv_job job;
    unsigned n;
    int fd;
};

static int run_promise(struct sv_job *job, struct sv_tx *tx)
{
    struct promise *p = SV_CONTAINER_OF(job, struct promise, job);
    struct sv_user_rec rec = contract_user(contract_id('u', p->n), contract_id('n', p->n));
    return tx->ops->user_insert(tx, &rec);
}

static void apply_promise(struct sv_job *job, int rv)
{
    struct promise *p = SV_CONTAINER_OF(job, struct promise, job);
    if (rv != 0 || write(p->fd, &p->n, sizeof(p->n)) != sizeof(p->n))
        _exit(1);
    free(p);
}

/* Stores users without end and tells of each that is stored. */
static void promise_for_ever(const char *url, int fd)
{
    struct sv_store *store;
    struct sv_store_options o = { .url = url };
    if (sv_store_open(&o, &store, NULL) < 0)
        _exit(1);
    for (unsigned n = 0;; n++) {
        struct promise *p = malloc(sizeof(*p));
        *p = (struct promise){
            .job = { .run = run_promise, .apply = apply_promise }, .n = n, .fd = fd
        };
        while (sv_store_write(store, &p->job) == SYNCTV_E_OVERLOADED)
            usleep(100);
        if (n % 50 == 0)
            usleep(500);
    }
}

static void check_promises(const char *url, const unsigned *kept, size_t n)
{
    struct contract c;
    contract_open_url(&c, url, NULL);
    contract_begin_read(&c);
    for (size_t i = 0; i < n; i++) {
        struct sv_user_rec rec;
        ck_assert_int_eq(c.op->user_get(c.tx, contract_id('u', kept[i]), &c.arena, &rec), 0);
    }
    contract_commit(&c);
    contract_close(&c);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(url + 7, &db), SQLITE_OK);
    sqlite3_stmt *stmt;
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

START_TEST(what_was_applied_survives_kill_9)
{
    for (size_t target = 1; target < 6000; target = target * 5 + 3) {
        char url[256] = "sqlite:";
        unsigned *kept = calloc(100000, sizeof(*kept));
        size_t bytes = 0;
        int fds[2], status;
        contract_path(url + 7, sizeof(url) - 7);
        ck_assert_int_eq(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(fds[0]);
            promise_for_ever(url, fds[1]);
        }
        close(fds[1]);
        while (bytes < target * sizeof(*kept)) {
            ssize_t n = read(fds[0], (char *)kept + bytes, 4096);
            ck_assert_int_gt(n, 0);
            bytes += (size_t)n;
        }
        kill(pid, SIGKILL);
        for (ssize_t n; (n = read(fds[0], (char *)kept + bytes, 4096)) > 0;)
            bytes += (size_t)n; /* what it still told */
        close(fds[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        check_promises(url, kept, bytes / sizeof(*kept));
        free(kept);
    }
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, what_was_stored_is_there_after_closing);
    tcase_add_test(tc, only_the_owner_may_read_the_files);
    tcase_add_test(tc, an_empty_file_becomes_a_database);
    tcase_add_test(tc, a_path_is_a_path_and_nothing_else);
    tcase_add_test(tc, an_unknown_kind_of_storage_is_refused);
    tcase_add_test(tc, a_deleted_message_leaves_a_row_that_names_it_and_no_word_of_it);
    tcase_add_test(tc, an_older_schema_is_brought_up_to_date);
    tcase_add_test(tc, a_newer_schema_is_left_alone);
    tcase_add_test(tc, the_database_of_another_program_is_left_alone);
    tcase_add_test(tc, a_file_that_is_no_database_is_left_alone);
    tcase_add_test(tc, a_truncated_database_is_left_alone);
    tcase_add_test(tc, what_a_database_lacks_is_named);
    tcase_add_test(tc, a_log_that_is_none_is_left_alone);
    tcase_add_test(tc, what_stands_where_a_file_of_the_database_should_be_is_named);
    tcase_add_test(tc, rows_of_somebody_who_is_gone_break_nothing);
    tcase_add_test(tc, a_place_where_no_file_can_be_is_named);
    tcase_add_test(tc, a_read_only_file_is_named);
    tcase_add_test(tc, a_read_only_folder_is_named);
    tcase_add_test(tc, processes_share_a_file_and_lose_nothing);
    tcase_add_test(tc, a_lock_that_is_never_freed_is_waited_for_and_then_told);
    tcase_add_test(tc, what_a_member_only_reads_does_not_wait_for_who_has_the_lock);
    tcase_add_test(tc, what_was_applied_survives_kill_9);
}

int main(void)
{
    return contract_main("files", add);
}
