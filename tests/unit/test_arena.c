/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

START_TEST(an_arena_of_zeros_is_ready_for_use)
{
    struct sv_arena a = { 0 };
    ck_assert_ptr_nonnull(sv_arena_alloc(&a, 10));
    sv_arena_fini(&a);
    sv_arena_fini(&a);
    ck_assert_ptr_nonnull(sv_arena_alloc(&a, 10));
    sv_arena_fini(&a);
}
END_TEST

START_TEST(memory_is_zeroed_aligned_and_never_handed_out_twice)
{
    struct sv_arena a;
    sv_arena_init(&a, 0);
    unsigned char *kept[400];
    for (size_t i = 0; i < 400; i++) {
        size_t size = i * 7 % 300;
        unsigned char *p = sv_arena_alloc(&a, size);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (size_t j = 0; j < size; j++)
            ck_assert_uint_eq(p[j], 0);
        memset(p, (int)(i & 0xff), size);
        kept[i] = p;
    }
    for (size_t i = 0; i < 400; i++) {
        for (size_t j = 0; j < i * 7 % 300; j++)
            ck_assert_uint_eq(kept[i][j], i & 0xff);
    }
    sv_arena_fini(&a);
}
END_TEST

START_TEST(nothing_is_something_of_its_own)
{
    struct sv_arena a = { 0 };
    void *one = sv_arena_alloc(&a, 0), *two = sv_arena_alloc(&a, 0);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_ne(one, two);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(a_large_object_does_not_waste_the_current_chunk)
{
    struct sv_arena a = { 0 };
    char *before = sv_arena_alloc(&a, 16);
    char *large = sv_arena_alloc(&a, 1 << 20);
    char *after = sv_arena_alloc(&a, 16);
    memset(large, 1, 1 << 20);
    ck_assert_ptr_eq(before + 16, after);
    ck_assert_uint_eq(a.used_bytes, (1 << 20) + 32);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(the_limit_is_reached_exactly_and_never_passed)
{
    struct sv_arena a;
    sv_arena_init(&a, 4096);
    ck_assert_ptr_null(sv_arena_alloc(&a, 4097));
    ck_assert_ptr_nonnull(sv_arena_alloc(&a, 4080));
    ck_assert_ptr_null(sv_arena_alloc(&a, 17));
    ck_assert_ptr_nonnull(sv_arena_alloc(&a, 1));
    ck_assert_uint_eq(a.used_bytes, 4096);
    ck_assert_ptr_null(sv_arena_alloc(&a, 1));
    ck_assert_ptr_null(sv_arena_alloc(&a, 0));
    sv_arena_fini(&a);
    ck_assert_uint_eq(a.limit_bytes, 4096);
    ck_assert_ptr_nonnull(sv_arena_alloc(&a, 4096));
    sv_arena_fini(&a);
}
END_TEST

START_TEST(a_limit_that_is_no_multiple_of_16_holds_too)
{
    struct sv_arena a;
    sv_arena_init(&a, 100);
    for (int i = 0; i < 6; i++)
        ck_assert_ptr_nonnull(sv_arena_alloc(&a, 16));
    ck_assert_ptr_null(sv_arena_alloc(&a, 1));
    sv_arena_fini(&a);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    struct sv_arena a = { 0 };
    ck_assert_ptr_nonnull(sv_arena_alloc(&a, 16));
    ck_assert_ptr_null(sv_arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(sv_arena_alloc(&a, SIZE_MAX - 15));
    ck_assert_ptr_null(sv_arena_alloc(&a, SIZE_MAX - 16));
    ck_assert_ptr_null(sv_arena_alloc(&a, SIZE_MAX - 64));
    ck_assert_ptr_null(sv_arena_array(&a, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(sv_arena_array(&a, 3, SIZE_MAX / 2));
    ck_assert_ptr_null(sv_arena_strndup(&a, "x", SIZE_MAX));
    ck_assert_uint_eq(a.used_bytes, 16);
    ck_assert_ptr_nonnull(sv_arena_array(&a, 0, SIZE_MAX));
    ck_assert_ptr_nonnull(sv_arena_array(&a, 3, 5));
    sv_arena_fini(&a);
}
END_TEST

START_TEST(strings_are_copied_and_ended)
{
    struct sv_arena a = { 0 };
    char text[] = "synctv";
    const char *copy = sv_arena_strdup(&a, text);
    const char *part = sv_arena_strndup(&a, text, 4);
    text[0] = 'X';
    ck_assert_str_eq(copy, "synctv");
    ck_assert_str_eq(part, "sync");
    ck_assert_str_eq(sv_arena_strdup(&a, NULL), "");
    ck_assert_str_eq(sv_arena_strdup(&a, ""), "");
    ck_assert_int_eq(memcmp(sv_arena_memdup(&a, "a\0b", 3), "a\0b", 3), 0);
    ck_assert_ptr_nonnull(sv_arena_memdup(&a, NULL, 0));
    sv_arena_fini(&a);
}
END_TEST

START_TEST(printf_writes_all_of_a_long_text)
{
    struct sv_arena a = { 0 };
    ck_assert_str_eq(sv_arena_printf(&a, "%s-%d", "room", 7), "room-7");
    ck_assert_str_eq(sv_arena_printf(&a, "%s", ""), "");
    ck_assert_uint_eq(strlen(sv_arena_printf(&a, "%5000d", 1)), 5000);
    sv_arena_fini(&a);

    sv_arena_init(&a, 64);
    ck_assert_ptr_null(sv_arena_printf(&a, "%64d", 1));
    ck_assert_ptr_nonnull(sv_arena_printf(&a, "%63d", 1));
    ck_assert_ptr_null(sv_arena_strdup(&a, "x"));
    sv_arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tc = tcase_create("arena");
    tcase_add_test(tc, an_arena_of_zeros_is_ready_for_use);
    tcase_add_test(tc, memory_is_zeroed_aligned_and_never_handed_out_twice);
    tcase_add_test(tc, nothing_is_something_of_its_own);
    tcase_add_test(tc, a_large_object_does_not_waste_the_current_chunk);
    tcase_add_test(tc, the_limit_is_reached_exactly_and_never_passed);
    tcase_add_test(tc, a_limit_that_is_no_multiple_of_16_holds_too);
    tcase_add_test(tc, sizes_that_overflow_are_refused);
    tcase_add_test(tc, strings_are_copied_and_ended);
    tcase_add_test(tc, printf_writes_all_of_a_long_text);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
