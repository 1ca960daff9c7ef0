/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <synctv/version.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/list.h"
#include "base/log.h"
#include "base/outage.h"
#include "base/secret.h"
#include "base/text.h"

static const int all_codes[] = {
#define CODE(name, number, grpc, text) SYNCTV_E_##name,
    SYNCTV_ERRORS(CODE)
#undef CODE
};

#define N_CODES (sizeof(all_codes) / sizeof(all_codes[0]))

/* --- errors --- */

START_TEST(every_code_is_negative_and_has_a_reason_of_its_own_that_leads_back_to_it)
{
    for (size_t i = 0; i < N_CODES; i++) {
        ck_assert_int_lt(all_codes[i], 0);
        ck_assert_int_eq(synctv_error_from_reason(synctv_error_reason(all_codes[i])), all_codes[i]);
        ck_assert(!sv_str_empty(synctv_error_text(all_codes[i])));
        ck_assert_int_ge(synctv_error_grpc_status(all_codes[i]), 1);
        ck_assert_int_le(synctv_error_grpc_status(all_codes[i]), 16);
        for (size_t j = 0; j < i; j++)
            ck_assert_int_ne(all_codes[i], all_codes[j]);
    }
    ck_assert_str_eq(synctv_error_reason(SYNCTV_E_ROOM_FULL), "ROOM_FULL");
    ck_assert_int_eq(synctv_error_grpc_status(SYNCTV_E_ROOM_FULL), 8);
    ck_assert_int_eq(synctv_error_grpc_status(SYNCTV_E_TOKEN_EXPIRED), 16);
}
END_TEST

START_TEST(success_is_ok_and_an_unknown_number_is_internal)
{
    ck_assert_str_eq(synctv_error_reason(0), "OK");
    ck_assert_str_eq(synctv_error_reason(7), "OK");
    ck_assert_int_eq(synctv_error_grpc_status(0), 0);
    ck_assert_str_eq(synctv_error_reason(-99999), "INTERNAL");
    ck_assert_int_eq(synctv_error_grpc_status(-99999), 13);
    ck_assert_str_eq(synctv_error_text(-99999), synctv_error_text(SYNCTV_E_INTERNAL));
}
END_TEST

START_TEST(no_reason_from_a_peer_makes_a_failure_a_success)
{
    ck_assert_int_eq(synctv_error_from_reason("OK"), SYNCTV_E_INTERNAL);
    ck_assert_int_eq(synctv_error_from_reason(""), SYNCTV_E_INTERNAL);
    ck_assert_int_eq(synctv_error_from_reason(NULL), SYNCTV_E_INTERNAL);
    ck_assert_int_eq(synctv_error_from_reason("room_full"), SYNCTV_E_INTERNAL);
    ck_assert_int_eq(synctv_error_from_reason("ROOM_FULL "), SYNCTV_E_INTERNAL);
}
END_TEST

START_TEST(an_error_is_filled_completely_and_without_one_the_code_is_returned_alone)
{
    synctv_error err;
    memset(&err, 0x55, sizeof(err));
    ck_assert_int_eq(sv_error(&err, SYNCTV_E_ROOM_FULL), SYNCTV_E_ROOM_FULL);
    ck_assert_int_eq(err.code, SYNCTV_E_ROOM_FULL);
    ck_assert_int_eq(err.retry_after_ms, 0);
    ck_assert_str_eq(err.field, "");
    ck_assert_str_eq(err.message, "the room is full");

    ck_assert_int_eq(sv_errorf(&err, SYNCTV_E_INTERNAL, "line %d", 7), SYNCTV_E_INTERNAL);
    ck_assert_str_eq(err.message, "line 7");
    ck_assert_int_eq(sv_error_field(&err, "movie.url", "too long"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(err.code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "movie.url");
    ck_assert_str_eq(err.message, "movie.url: too long");
    ck_assert_int_eq(sv_error_retry(&err, 1500), SYNCTV_E_RATE_LIMITED);
    ck_assert_int_eq(err.retry_after_ms, 1500);
    ck_assert_str_eq(err.field, "");

    ck_assert_int_eq(sv_error(NULL, SYNCTV_E_ROOM_FULL), SYNCTV_E_ROOM_FULL);
    ck_assert_int_eq(sv_errorf(NULL, SYNCTV_E_TIMEOUT, "x"), SYNCTV_E_TIMEOUT);
    ck_assert_int_eq(sv_error_field(NULL, NULL, "x"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(sv_error_retry(NULL, 1), SYNCTV_E_RATE_LIMITED);
}
END_TEST

START_TEST(a_message_is_never_empty_and_is_cut_between_code_points)
{
    synctv_error err;
    sv_errorf(&err, SYNCTV_E_ROOM_FULL, "%s", "");
    ck_assert_str_eq(err.message, "the room is full");
    sv_error_field(&err, NULL, "%s", "");
    ck_assert_str_eq(err.field, "");
    ck_assert_str_eq(err.message, "a field is not valid");

    char text[400];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = 0; i < 90; i++)
            memcpy(text + shift + i * 4, "\xf0\x9f\x98\x80", 5);
        sv_error_field(&err, text, "%s", text);
        ck_assert(sv_utf8_valid(err.message, strlen(err.message)));
        ck_assert_uint_ge(strlen(err.message), sizeof(err.message) - 4);
        ck_assert(sv_utf8_valid(err.field, strlen(err.field)));
        ck_assert_uint_ge(strlen(err.field), sizeof(err.field) - 4);
    }
}
END_TEST

/* --- ids --- */

START_TEST(ids_are_valid_and_all_different)
{
    static char ids[5000][SV_ID_SIZE];
    unsigned used[256] = { 0 };
    for (size_t i = 0; i < 5000; i++) {
        ck_assert_int_eq(sv_id_new(ids[i]), 0);
        ck_assert(sv_id_valid(ids[i]));
        for (size_t j = 0; j < SV_ID_LEN; j++)
            used[(unsigned char)ids[i][j]]++;
    }
    for (size_t i = 1; i < 5000; i++)
        ck_assert_str_ne(ids[i - 1], ids[i]);
    /* 60000 characters, 937 of each on average, 30 to the standard deviation. */
    for (int c = 0; c < 128; c++) {
        if (sv_is_base64url((char)c)) {
            ck_assert_uint_gt(used[c], 937 - 8 * 30);
            ck_assert_uint_lt(used[c], 937 + 8 * 30);
        }
    }
}
END_TEST

static void *make_id(void *out)
{
    sv_id_new(out);
    return NULL;
}

START_TEST(threads_do_not_make_the_same_ids)
{
    char ids[8][SV_ID_SIZE];
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, make_id, ids[i]);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(ids[i], ids[j]);
    }
}
END_TEST

START_TEST(a_fork_does_not_make_the_same_ids)
{
    char mine[SV_ID_SIZE], its[SV_ID_SIZE];
    int ends[2];
    ck_assert_int_eq(sv_id_new(mine), 0); /* there is a batch now */
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        bool ok = sv_id_new(its) == 0 && write(ends[1], its, sizeof(its)) == sizeof(its);
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(sv_id_new(mine), 0);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(ends[0], its, sizeof(its)), sizeof(its));
    ck_assert_str_ne(mine, its);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(an_id_of_any_length_is_written_with_its_end)
{
    char id[1001];
    for (size_t len = 0; len <= 1000; len += 25) {
        memset(id, '!', sizeof(id));
        ck_assert_int_eq(sv_random_id(id, len), 0);
        ck_assert_uint_eq(strlen(id), len);
    }
}
END_TEST

START_TEST(what_is_not_twelve_characters_of_the_alphabet_is_no_id)
{
    ck_assert(sv_id_valid("AZaz09_-AZaz"));
    ck_assert(!sv_id_valid(NULL));
    ck_assert(!sv_id_valid(""));
    ck_assert(!sv_id_valid("AZaz09_-AZa"));
    ck_assert(!sv_id_valid("AZaz09_-AZaz0"));
    ck_assert(!sv_id_valid("AZaz09_-AZ.z"));
    ck_assert(!sv_id_valid("AZaz09_-AZ z"));
    ck_assert(!sv_id_valid("AZaz09_-AZ\xc3\xa4"));
}
END_TEST

START_TEST(a_name_may_have_dots_and_no_more_characters_than_allowed)
{
    ck_assert(sv_name_valid("node-1.example", 64));
    ck_assert(sv_name_valid("abc", 3));
    ck_assert(!sv_name_valid("abcd", 3));
    ck_assert(!sv_name_valid("", 3));
    ck_assert(!sv_name_valid(NULL, 3));
    ck_assert(!sv_name_valid("a/b", 3));
    ck_assert(!sv_name_valid("a", 0));
}
END_TEST

START_TEST(random_bytes_fill_the_whole_buffer)
{
    unsigned char bytes[64], seen[64] = { 0 };
    for (int round = 0; round < 16; round++) {
        memset(bytes, 0, sizeof(bytes));
        ck_assert_int_eq(sv_random_bytes(bytes, sizeof(bytes)), 0);
        for (size_t i = 0; i < sizeof(bytes); i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof(seen); i++)
        ck_assert_uint_ne(seen[i], 0);
    ck_assert_int_eq(sv_random_bytes(NULL, 0), 0);
}
END_TEST

START_TEST(secrets_are_wiped_and_compared)
{
    char a[] = "a\0secret", b[] = "a\0secreT";
    ck_assert(sv_secret_equal(a, b, sizeof(a) - 2));
    ck_assert(!sv_secret_equal(a, b, sizeof(a)));
    ck_assert(sv_secret_equal(a, b, 0));
    sv_secret_wipe(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
        ck_assert_int_eq(a[i], 0);
    sv_secret_wipe(NULL, 0);
}
END_TEST

/* --- hash --- */

START_TEST(siphash_gives_the_values_of_its_authors)
{
    /* Key 00 01 … 0f, messages "", 00, 00 01, …: the first rows of vectors.h of the reference
     * implementation. */
    static const unsigned char expected[][8] = {
        { 0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72 },
        { 0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74 },
        { 0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d },
        { 0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85 },
    };
    static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    unsigned char message[16];
    for (size_t i = 0; i < 16; i++)
        message[i] = (unsigned char)i;
    for (size_t len = 0; len < 4; len++) {
        uint64_t value = 0;
        for (size_t i = 8; i-- > 0;)
            value = value << 8 | expected[len][i];
        ck_assert_uint_eq(sv_siphash(key, message, len), value);
    }
    /* The example of the paper. */
    ck_assert_uint_eq(sv_siphash(key, message, 15), 0xa129ca6149be45e5);
}
END_TEST

struct item {
    UT_hash_handle hh;
    int number;
    char name[24];
};

START_TEST(a_table_finds_what_was_put_in)
{
    static struct item items[1000];
    struct item *table = NULL;
    for (int i = 0; i < 1000; i++) {
        items[i].number = i;
        snprintf(items[i].name, sizeof(items[i].name), "item %d", i);
        HASH_ADD_STR(table, name, &items[i]);
        ck_assert_ptr_nonnull(items[i].hh.tbl);
    }
    struct item *found = NULL;
    HASH_FIND_STR(table, "item 500", found);
    ck_assert_ptr_eq(found, &items[500]);
    HASH_FIND_STR(table, "item 1000", found);
    ck_assert_ptr_null(found);
    HASH_CLEAR(hh, table);
}
END_TEST

/* --- list --- */

START_TEST(a_list_gives_items_back_in_order)
{
    struct sv_list head, items[3];
    sv_list_init(&head);
    ck_assert(sv_list_empty(&head));
    ck_assert_ptr_null(sv_list_pop(&head));
    for (int i = 0; i < 3; i++)
        sv_list_append(&head, &items[i]);
    sv_list_remove(&items[1]);
    ck_assert(sv_list_empty(&items[1]));
    sv_list_remove(&items[1]);
    ck_assert_ptr_eq(sv_list_pop(&head), &items[0]);
    ck_assert_ptr_eq(sv_list_pop(&head), &items[2]);
    ck_assert(sv_list_empty(&head));
}
END_TEST

START_TEST(lists_are_joined_and_walked_while_items_leave)
{
    struct sv_list one, two, items[4];
    sv_list_init(&one);
    sv_list_init(&two);
    sv_list_splice(&one, &two);
    ck_assert(sv_list_empty(&one));
    for (int i = 0; i < 4; i++)
        sv_list_append(i < 2 ? &one : &two, &items[i]);
    sv_list_splice(&one, &two);
    ck_assert(sv_list_empty(&two));
    int n = 0;
    SV_LIST_FOREACH(it, &one) {
        ck_assert_ptr_eq(it, &items[n]);
        n++;
        sv_list_remove(it);
    }
    ck_assert_int_eq(n, 4);
    ck_assert(sv_list_empty(&one));
}
END_TEST

/* --- log, clock, version --- */

struct lines {
    int n;
    char last[2048];
};

static void keep_line(void *userdata, synctv_log_level level, const char *area, const char *message)
{
    struct lines *lines = userdata;
    lines->n++;
    ck_assert_str_eq(area, "test");
    ck_assert_uint_lt(strlen(message), sizeof(lines->last));
    strcpy(lines->last, message);
}

START_TEST(lines_above_the_level_and_without_a_receiver_are_dropped)
{
    struct lines lines = { 0 };
    struct sv_log log = { .fn = keep_line, .userdata = &lines, .level = SYNCTV_LOG_WARN };
    sv_logf(&log, SYNCTV_LOG_INFO, "test", "no");
    ck_assert_int_eq(lines.n, 0);
    sv_logf(&log, SYNCTV_LOG_WARN, "test", "yes %d", 1);
    sv_logf(&log, SYNCTV_LOG_ERROR, "test", "yes %d", 2);
    ck_assert_int_eq(lines.n, 2);
    ck_assert_str_eq(lines.last, "yes 2");
    log.fn = NULL;
    sv_logf(&log, SYNCTV_LOG_ERROR, "test", "no");
    sv_logf(NULL, SYNCTV_LOG_ERROR, "test", "no");
}
END_TEST

START_TEST(no_text_from_outside_can_forge_a_second_line)
{
    struct lines lines = { 0 };
    struct sv_log log = { .fn = keep_line, .userdata = &lines, .level = SYNCTV_LOG_DEBUG };
    sv_logf(&log, SYNCTV_LOG_INFO, "test", "a\nb\r\tc\x1b[0m%s", "\xc2\x9b\xe2\x80\xa8|");
    ck_assert_str_eq(lines.last, "a?b??c?[0m??|");
    sv_logf(&log, SYNCTV_LOG_INFO, "test", "\xff\xc3+\xc3\xa4\xed\xa0\x80");
    ck_assert_str_eq(lines.last, "??+\xc3\xa4???");
}
END_TEST

START_TEST(a_long_line_is_cut_between_code_points)
{
    struct lines lines = { 0 };
    struct sv_log log = { .fn = keep_line, .userdata = &lines, .level = SYNCTV_LOG_DEBUG };
    char text[4001];
    for (size_t i = 0; i < 1000; i++)
        memcpy(text + i * 4, "\xf0\x9f\x98\x80", 5);
    for (int shift = 0; shift < 4; shift++) {
        sv_logf(&log, SYNCTV_LOG_INFO, "test", "%.*s%s", shift, "aaa", text);
        ck_assert_uint_gt(strlen(lines.last), 1000);
        ck_assert(sv_utf8_valid(lines.last, strlen(lines.last)));
        ck_assert_ptr_null(strchr(lines.last, '?'));
    }
}
END_TEST

START_TEST(the_version_is_that_of_the_header)
{
    char text[32];
    snprintf(text, sizeof(text), "%d.%d.%d", SYNCTV_VERSION_MAJOR, SYNCTV_VERSION_MINOR,
        SYNCTV_VERSION_PATCH);
    ck_assert_str_eq(synctv_version(), text);
    ck_assert_str_eq(synctv_version(), SYNCTV_VERSION);
}
END_TEST

/* --- outages --- */

START_TEST(what_goes_on_failing_is_told_at_once_and_then_once_a_minute_with_a_count)
{
    struct sv_outage o = { 0 };
    unsigned times = 0, told = 0;
    ck_assert(sv_outage_failed(&o, 1, 1000, &times));
    ck_assert_uint_eq(times, 1);
    for (int i = 1; i <= 1800; i++) /* ten times a second, for three minutes */
        if (sv_outage_failed(&o, 1, 1000 + i * 100, &times)) {
            ck_assert_uint_eq(times, 600);
            told++;
        }
    ck_assert_uint_eq(told, 3);
}
END_TEST

START_TEST(another_failure_is_told_a_second_later)
{
    struct sv_outage o = { 0 };
    unsigned times;
    ck_assert(sv_outage_failed(&o, 1, 5000, &times));
    ck_assert(!sv_outage_failed(&o, 2, 5999, &times));
    ck_assert(!sv_outage_failed(&o, 1, 6000, &times));
    ck_assert(sv_outage_failed(&o, 2, 6000, &times));
    ck_assert_uint_eq(times, 3);
}
END_TEST

START_TEST(the_end_of_an_outage_is_told_once)
{
    struct sv_outage o = { 0 };
    unsigned times;
    ck_assert(!sv_outage_over(&o, &times));
    ck_assert(sv_outage_failed(&o, 1, 5000, &times));
    for (int i = 0; i < 41; i++)
        ck_assert(!sv_outage_failed(&o, 1, 5000, &times));
    ck_assert(sv_outage_over(&o, &times));
    ck_assert_uint_eq(times, 41);
    ck_assert(!sv_outage_over(&o, &times));
}
END_TEST

START_TEST(what_comes_and_goes_is_told_no_more_often)
{
    struct sv_outage o = { 0 };
    unsigned times, begun = 0, over = 0;
    for (int i = 0; i < 600; i++) { /* two minutes */
        begun += sv_outage_failed(&o, 1, 5000 + i * 200, &times);
        over += sv_outage_over(&o, &times);
    }
    ck_assert_uint_eq(begun, 2);
    ck_assert_uint_eq(over, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tc = tcase_create("base");
    tcase_add_test(tc, every_code_is_negative_and_has_a_reason_of_its_own_that_leads_back_to_it);
    tcase_add_test(tc, success_is_ok_and_an_unknown_number_is_internal);
    tcase_add_test(tc, no_reason_from_a_peer_makes_a_failure_a_success);
    tcase_add_test(tc, an_error_is_filled_completely_and_without_one_the_code_is_returned_alone);
    tcase_add_test(tc, a_message_is_never_empty_and_is_cut_between_code_points);
    tcase_add_test(tc, ids_are_valid_and_all_different);
    tcase_add_test(tc, threads_do_not_make_the_same_ids);
    tcase_add_test(tc, a_fork_does_not_make_the_same_ids);
    tcase_add_test(tc, an_id_of_any_length_is_written_with_its_end);
    tcase_add_test(tc, what_is_not_twelve_characters_of_the_alphabet_is_no_id);
    tcase_add_test(tc, a_name_may_have_dots_and_no_more_characters_than_allowed);
    tcase_add_test(tc, random_bytes_fill_the_whole_buffer);
    tcase_add_test(tc, secrets_are_wiped_and_compared);
    tcase_add_test(tc, siphash_gives_the_values_of_its_authors);
    tcase_add_test(tc, a_table_finds_what_was_put_in);
    tcase_add_test(tc, a_list_gives_items_back_in_order);
    tcase_add_test(tc, lists_are_joined_and_walked_while_items_leave);
    tcase_add_test(tc, lines_above_the_level_and_without_a_receiver_are_dropped);
    tcase_add_test(tc, no_text_from_outside_can_forge_a_second_line);
    tcase_add_test(tc, a_long_line_is_cut_between_code_points);
    tcase_add_test(tc, what_goes_on_failing_is_told_at_once_and_then_once_a_minute_with_a_count);
    tcase_add_test(tc, another_failure_is_told_a_second_later);
    tcase_add_test(tc, the_end_of_an_outage_is_told_once);
    tcase_add_test(tc, what_comes_and_goes_is_told_no_more_often);
    tcase_add_test(tc, the_version_is_that_of_the_header);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
