/* SPDX-License-Identifier: MIT */
/* Who serves a database has it alone, or is a member beside other members. */
#include <stdio.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "contract.h"

static struct sv_store *open_alone(const char *path, bool alone, synctv_error *err)
{
    char url[300];
    struct sv_store *store = NULL;
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct sv_store_options o = { .url = url, .alone = alone };
    sv_store_open(&o, &store, err);
    return store;
}

static struct sv_store *open_member(const char *path, const char *id, synctv_error *err)
{
    char url[300];
    struct sv_store *store = NULL;
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct sv_store_member member = { .id = id, .instance = "one" };
    struct sv_store_options o = { .url = url, .alone = true, .member = &member };
    sv_store_open(&o, &store, err);
    return store;
}

static void close_store(struct sv_store *store)
{
    sv_store_close(store);
    sv_store_free(store);
}

START_TEST(of_stores_that_are_to_be_alone_there_is_one)
{
    char path[200], name[300];
    synctv_error err = { 0 };
    contract_path(path, sizeof(path));
    snprintf(name, sizeof(name), "%s.lock", path);
    struct sv_store *first = open_alone(path, true, NULL);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(open_alone(path, true, &err));
    ck_assert_int_eq(err.code, SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.message, path));
    struct sv_store *beside = open_alone(path, false, NULL);
    ck_assert_ptr_nonnull(beside);
    close_store(first);
    ck_assert_int_ne(access(name, F_OK), 0);
    first = open_alone(path, true, NULL);
    ck_assert_ptr_nonnull(first);
    close_store(beside);
    ck_assert_int_eq(access(name, F_OK), 0);
    close_store(first);
    ck_assert_int_ne(access(name, F_OK), 0);
}
END_TEST

START_TEST(a_lock_that_cannot_be_had_is_named)
{
    char path[200], name[300];
    synctv_error err = { 0 };
    contract_path(path, sizeof(path));
    snprintf(name, sizeof(name), "%s.lock", path);
    ck_assert_int_eq(mkdir(name, 0700), 0);
    ck_assert_ptr_null(open_alone(path, true, &err));
    ck_assert_int_eq(err.code, SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, name) != NULL, "%s", err.message);
    ck_assert_int_eq(access(name, F_OK), 0);
}
END_TEST

static void check_refused(const struct sv_store *store, const synctv_error *err, const char *word)
{
    ck_assert_ptr_null(store);
    ck_assert_int_eq(err->code, SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err->message, word) != NULL, "%s", err->message);
}

START_TEST(members_share_a_database_and_the_lock_stays)
{
    char path[200], name[300];
    contract_path(path, sizeof(path));
    snprintf(name, sizeof(name), "%s.lock", path);
    struct sv_store *a = open_member(path, "a", NULL), *b = open_member(path, "b", NULL);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    struct sv_store *beside = open_alone(path, false, NULL);
    ck_assert_ptr_nonnull(beside);
    close_store(beside);
    close_store(a);
    close_store(b);
    ck_assert_int_eq(access(name, F_OK), 0);
    struct sv_store *alone = open_alone(path, true, NULL);
    ck_assert_ptr_nonnull(alone);
    close_store(alone);
}
END_TEST

START_TEST(members_and_who_is_alone_refuse_each_other)
{
    char path[200];
    synctv_error err;
    contract_path(path, sizeof(path));
    struct sv_store *a = open_member(path, "a", NULL);
    ck_assert_ptr_nonnull(a);
    check_refused(open_alone(path, true, &err), &err, "members of a cluster use the database");
    struct sv_store *b = open_member(path, "b", NULL);
    ck_assert_ptr_nonnull(b);
    close_store(a);
    check_refused(open_alone(path, true, &err), &err, "members of a cluster use the database");
    close_store(b);
    struct sv_store *alone = open_alone(path, true, NULL);
    ck_assert_ptr_nonnull(alone);
    check_refused(open_member(path, "a", &err), &err, "for itself");
    close_store(alone);
    a = open_member(path, "a", NULL);
    ck_assert_ptr_nonnull(a);
    close_store(a);
}
END_TEST

START_TEST(one_store_at_a_time_has_a_node_id)
{
    char path[200];
    synctv_error err;
    contract_path(path, sizeof(path));
    struct sv_store *a = open_member(path, "a", NULL);
    ck_assert_ptr_nonnull(a);
    check_refused(open_member(path, "a", &err), &err, "the node a is running already");
    close_store(a);
    a = open_member(path, "a", NULL);
    ck_assert_ptr_nonnull(a);
    close_store(a);
}
END_TEST

START_TEST(members_of_an_older_schema_are_named_and_not_migrated_under)
{
    char path[200];
    synctv_error err;
    contract_path(path, sizeof(path));
    struct sv_store *a = open_member(path, "a", NULL);
    ck_assert_ptr_nonnull(a);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db,
                         "INSERT INTO nodes VALUES ('a', 1, 'i', '', '', '', 1, 1, 0),"
                         " ('gone', 1, 'i', '', '', '', 1, 1, 0); PRAGMA user_version = 4",
                         NULL, NULL, NULL),
        SQLITE_OK);
    check_refused(open_member(path, "b", &err), &err, "stop them first: a");
    ck_assert_ptr_null(strstr(err.message, "gone"));
    sqlite3_exec(db, "DROP TABLE nodes", NULL, NULL, NULL);
    check_refused(open_member(path, "b", &err), &err, path);
    close_store(a);
    sqlite3_close(db);
    struct sv_store *b = open_member(path, "b", NULL);
    ck_assert_ptr_nonnull(b);
    close_store(b);
}
END_TEST

/* With 64 bits for offsets this is statfs(); linked before libc's, see meson.build. */
int __real_statfs64(const char *path, struct statfs64 *buf);
int __wrap_statfs64(const char *path, struct statfs64 *buf);
static long file_system;

int __wrap_statfs64(const char *path, struct statfs64 *buf)
{
    int rv = __real_statfs64(path, buf);
    if (file_system != 0)
        buf->f_type = (__typeof__(buf->f_type))file_system;
    return rv;
}

START_TEST(members_do_not_share_a_database_over_a_network)
{
    static const struct {
        long magic;
        const char *name;
    } kinds[] = {
        { 0x6969, "NFS" },
        { 0xff534d42, "CIFS" },
        { (int32_t)0xff534d42, "CIFS" },
        { 0x65735546, "FUSE" },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char path[200];
        synctv_error err;
        contract_path(path, sizeof(path));
        file_system = kinds[i].magic;
        check_refused(open_member(path, "a", &err), &err, kinds[i].name);
        struct sv_store *alone = open_alone(path, true, NULL);
        ck_assert_ptr_nonnull(alone);
        close_store(alone);
    }
    file_system = 0;
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, members_share_a_database_and_the_lock_stays);
    tcase_add_test(tc, members_and_who_is_alone_refuse_each_other);
    tcase_add_test(tc, one_store_at_a_time_has_a_node_id);
    tcase_add_test(tc, members_of_an_older_schema_are_named_and_not_migrated_under);
    tcase_add_test(tc, members_do_not_share_a_database_over_a_network);
    tcase_add_test(tc, of_stores_that_are_to_be_alone_there_is_one);
    tcase_add_test(tc, a_lock_that_cannot_be_had_is_named);
}

int main(void)
{
    return contract_main("alone", add);
}
