/* SPDX-License-Identifier: MIT */
/* Files that options name: what is no file of a fitting size is refused at once, by its option's
 * name. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64], path[96];
static synctv_error err;

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synctv-test-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(path);
    rmdir(folder);
}

static void write_bytes(const char *data, size_t len, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

static void check_refused(size_t max_bytes, const char *saying)
{
    struct sv_file file;
    memset(&err, 0, sizeof(err));
    ck_assert_int_eq(sv_file_read(path, "key_file", max_bytes, &file, &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "key_file");
    ck_assert_ptr_nonnull(strstr(err.message, path));
    ck_assert_msg(strstr(err.message, saying) != NULL, "%s", err.message);
    ck_assert_ptr_null(file.data);
    ck_assert_uint_eq(file.len, 0);
}

START_TEST(a_file_is_read_whole_and_ends_with_a_nul)
{
    struct sv_file file;
    write_bytes("a\0b", 3, 0600);
    ck_assert_int_eq(sv_file_read(path, "key_file", 3, &file, &err), 0);
    ck_assert_uint_eq(file.len, 3);
    ck_assert_mem_eq(file.data, "a\0b", 4);
    ck_assert(!file.others_may_read);
    sv_file_free(&file);
    ck_assert_ptr_null(file.data);
}
END_TEST

START_TEST(it_is_told_that_others_may_read_it)
{
    struct sv_file file;
    write_bytes("a", 1, 0600);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(sv_file_read(path, "key_file", 3, &file, &err), 0);
    ck_assert(file.others_may_read);
    sv_file_free(&file);
}
END_TEST

START_TEST(a_file_that_is_too_large_is_refused)
{
    write_bytes("abcd", 4, 0600);
    check_refused(3, "more than 3 bytes");
}
END_TEST

START_TEST(an_empty_file_is_refused)
{
    write_bytes("", 0, 0600);
    check_refused(3, "is empty");
}
END_TEST

START_TEST(a_file_that_is_not_there_is_refused)
{
    check_refused(3, "No such file");
}
END_TEST

START_TEST(a_folder_is_refused)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
    check_refused(3, "neither a file nor a pipe");
}
END_TEST

START_TEST(a_device_is_refused)
{
    struct sv_file file;
    ck_assert_int_eq(sv_file_read("/dev/zero", "key_file", 3, &file, &err),
        SYNCTV_E_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_fifo_without_a_writer_is_not_waited_for)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    check_refused(3, "is empty");
}
END_TEST

static void *write_late(void *userdata)
{
    int *fd = userdata;
    usleep(50 * 1000); /* the reader mostly is there first */
    ck_assert_int_eq(write(*fd, "abc", 3), 3);
    close(*fd);
    return NULL;
}

START_TEST(a_pipe_is_read_to_its_end)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    char name[32];
    snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
    pthread_t writer;
    ck_assert_int_eq(pthread_create(&writer, NULL, write_late, &ends[1]), 0);
    struct sv_file file;
    ck_assert_int_eq(sv_file_read(name, "key_file", 3, &file, &err), 0);
    ck_assert_str_eq(file.data, "abc");
    sv_file_free(&file);
    pthread_join(writer, NULL);
    close(ends[0]);
}
END_TEST

START_TEST(a_file_without_a_size_is_read)
{
    struct sv_file file;
    ck_assert_int_eq(sv_file_read("/proc/self/stat", "key_file", 65536, &file, &err), 0);
    ck_assert_uint_gt(file.len, 0);
    sv_file_free(&file);
}
END_TEST

START_TEST(pem_is_text)
{
    char *text = NULL;
    ck_assert_int_eq(sv_pem_read(NULL, "key_file", &text, &err), 0);
    ck_assert_int_eq(sv_pem_read("", "key_file", &text, &err), 0);
    ck_assert_ptr_null(text);
    write_bytes("-----BEGIN", 10, 0600);
    ck_assert_int_eq(sv_pem_read(path, "key_file", &text, &err), 0);
    ck_assert_str_eq(text, "-----BEGIN");
    sv_pem_free(text);
    write_bytes("-----\0----", 10, 0600);
    ck_assert_int_eq(sv_pem_read(path, "key_file", &text, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_ptr_null(text);
    ck_assert_ptr_nonnull(strstr(err.message, "not a PEM file"));
}
END_TEST

static Suite *files(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, a_file_is_read_whole_and_ends_with_a_nul);
    tcase_add_test(t, it_is_told_that_others_may_read_it);
    tcase_add_test(t, a_file_that_is_too_large_is_refused);
    tcase_add_test(t, an_empty_file_is_refused);
    tcase_add_test(t, a_file_that_is_not_there_is_refused);
    tcase_add_test(t, a_folder_is_refused);
    tcase_add_test(t, a_device_is_refused);
    tcase_add_test(t, a_fifo_without_a_writer_is_not_waited_for);
    tcase_add_test(t, a_pipe_is_read_to_its_end);
    tcase_add_test(t, a_file_without_a_size_is_read);
    tcase_add_test(t, pem_is_text);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(files());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
