/* SPDX-License-Identifier: MIT */
/* Who serves a database has it alone. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

static void add(TCase *tc)
{
    tcase_add_test(tc, of_stores_that_are_to_be_alone_there_is_one);
    tcase_add_test(tc, a_lock_that_cannot_be_had_is_named);
}

int main(void)
{
    return contract_main("alone", add);
}
