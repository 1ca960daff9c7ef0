/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define VALID(s) sv_utf8_valid((s), sizeof(s) - 1)

START_TEST(the_first_and_last_code_point_of_each_length_is_valid)
{
    ck_assert(VALID(""));
    ck_assert(sv_utf8_valid(NULL, 0));
    ck_assert(VALID("\x01"));
    ck_assert(VALID("\x7f"));
    ck_assert(VALID("\xc2\x80"));
    ck_assert(VALID("\xdf\xbf"));
    ck_assert(VALID("\xe0\xa0\x80"));
    ck_assert(VALID("\xef\xbf\xbf"));
    ck_assert(VALID("\xf0\x90\x80\x80"));
    ck_assert(VALID("\xf4\x8f\xbf\xbf"));
    ck_assert(VALID("\xed\x9f\xbf"));
    ck_assert(VALID("\xee\x80\x80"));
}
END_TEST

START_TEST(overlong_forms_are_refused)
{
    ck_assert(!VALID("\xc0\x80"));
    ck_assert(!VALID("\xc1\xbf"));
    ck_assert(!VALID("\xe0\x80\x80"));
    ck_assert(!VALID("\xe0\x9f\xbf"));
    ck_assert(!VALID("\xf0\x80\x80\x80"));
    ck_assert(!VALID("\xf0\x8f\xbf\xbf"));
}
END_TEST

START_TEST(surrogates_and_what_lies_past_the_end_are_refused)
{
    ck_assert(!VALID("\xed\xa0\x80"));
    ck_assert(!VALID("\xed\xbf\xbf"));
    ck_assert(!VALID("\xed\xa0\xbd\xed\xb8\x80"));
    ck_assert(!VALID("\xf4\x90\x80\x80"));
    ck_assert(!VALID("\xf5\x80\x80\x80"));
    ck_assert(!VALID("\xf8\x88\x80\x80\x80"));
    ck_assert(!VALID("\xff"));
    ck_assert(!VALID("\xfe"));
}
END_TEST

START_TEST(truncated_and_stray_bytes_are_refused)
{
    ck_assert(!VALID("\x80"));
    ck_assert(!VALID("\xbf"));
    ck_assert(!VALID("\xc3"));
    ck_assert(!VALID("\xe2\x82"));
    ck_assert(!VALID("\xf0\x9f\x98"));
    ck_assert(!VALID("\xe2(\xa1"));
    ck_assert(!VALID("\xf0\x9f(\x80"));
    ck_assert(!VALID("\xc3\xa4\xa4"));
    ck_assert(!VALID("abcdefgh\xc3"));
}
END_TEST

START_TEST(a_nul_is_refused_wherever_it_stands)
{
    char text[32];
    for (size_t len = 1; len <= sizeof(text); len++) {
        for (size_t at = 0; at < len; at++) {
            memset(text, 'a', sizeof(text));
            ck_assert(sv_utf8_valid(text, len));
            text[at] = '\0';
            ck_assert(!sv_utf8_valid(text, len));
            text[at] = (char)0x80;
            ck_assert(!sv_utf8_valid(text, len));
        }
    }
}
END_TEST

/* The definition, written down in another way: every code point is encoded, everything else is
 * refused. */
START_TEST(all_sequences_of_up_to_three_bytes_are_judged_as_the_standard_does)
{
    size_t valid = 0;
    for (unsigned x = 0; x < 1u << 24; x++) {
        char s[3] = { (char)(x >> 16), (char)(x >> 8), (char)x };
        uint32_t c = 0;
        if (sv_utf8_decode(s, 3, &c) == 3) {
            valid++;
            ck_assert_uint_eq(x,
                (0xe0u | c >> 12) << 16 | (0x80u | (c >> 6 & 63)) << 8 | (0x80u | (c & 63)));
        }
    }
    ck_assert_uint_eq(valid, 0x10000 - 0x800 - 0x800);
}
END_TEST

START_TEST(reading_stops_at_the_given_length)
{
    /* Exactly as large as said, so that a sanitizer sees one byte too many. */
    static const char *const texts[] = { "\xf0\x9f\x98", "\xe2\x82", "\xc3", "12345678\xf0\x9f" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t len = strlen(texts[i]);
        char *heap = malloc(len);
        memcpy(heap, texts[i], len);
        ck_assert(!sv_utf8_valid(heap, len));
        free(heap);
    }
}
END_TEST

START_TEST(control_characters_and_line_separators_are_found)
{
    const uint32_t control[] = { 0, '\n', 0x1f, 0x7f, 0x80, 0x85, 0x9f, 0x2028, 0x2029 };
    const uint32_t plain[] = { ' ', 'a', '~', 0xa0, 0xe4, 0x2027, 0x202a, 0x1f600 };
    for (size_t i = 0; i < sizeof(control) / sizeof(control[0]); i++)
        ck_assert_msg(sv_is_control(control[i]), "U+%04X", control[i]);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        ck_assert_msg(!sv_is_control(plain[i]), "U+%04X", plain[i]);
}
END_TEST

static const char *trimmed(const char *text)
{
    static char s[32];
    strcpy(s, text);
    sv_utf8_trim(s);
    return s;
}

START_TEST(a_cut_code_point_is_trimmed_and_a_whole_one_is_not)
{
    ck_assert_str_eq(trimmed(""), "");
    ck_assert_str_eq(trimmed("abc"), "abc");
    ck_assert_str_eq(trimmed("a\xc3"), "a");
    ck_assert_str_eq(trimmed("a\xc3\xa4"), "a\xc3\xa4");
    ck_assert_str_eq(trimmed("a\xe2"), "a");
    ck_assert_str_eq(trimmed("a\xe2\x82"), "a");
    ck_assert_str_eq(trimmed("a\xe2\x82\xac"), "a\xe2\x82\xac");
    ck_assert_str_eq(trimmed("a\xf0\x9f\x98"), "a");
    ck_assert_str_eq(trimmed("a\xf0\x9f\x98\x80"), "a\xf0\x9f\x98\x80");
    ck_assert_str_eq(trimmed("\xf0\x9f"), "");
    ck_assert_str_eq(trimmed("\x80\x80"), "\x80\x80");
}
END_TEST

START_TEST(hex_is_lower_case)
{
    char out[9];
    sv_hex(out, "\x00\x7f\xab\xff", 4);
    ck_assert_str_eq(out, "007fabff");
    sv_hex(out, NULL, 0);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(base64url_encodes_as_rfc_4648_says)
{
    static const struct {
        const char *in, *out;
    } vectors[] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg" },
        { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" },
        { "\xff\xef\xbe\xfb", "_----w" },
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char out[16];
        sv_base64url(out, vectors[i].in, strlen(vectors[i].in));
        ck_assert_str_eq(out, vectors[i].out);
        ck_assert_uint_eq(SV_BASE64URL_SIZE(strlen(vectors[i].in)), strlen(out) + 1);
    }
}
END_TEST

START_TEST(base64url_has_64_characters)
{
    int n = 0;
    for (int c = -128; c < 128; c++)
        n += sv_is_base64url((char)c);
    ck_assert_int_eq(n, 64);
    ck_assert(!sv_is_base64url('+') && !sv_is_base64url('/') && !sv_is_base64url('='));
}
END_TEST

START_TEST(null_and_empty_are_the_same_nothing)
{
    ck_assert(sv_str_empty(NULL) && sv_str_empty("") && !sv_str_empty("x"));
    ck_assert_str_eq(sv_str(NULL), "");
    ck_assert_str_eq(sv_str("x"), "x");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tc = tcase_create("text");
    tcase_add_test(tc, the_first_and_last_code_point_of_each_length_is_valid);
    tcase_add_test(tc, overlong_forms_are_refused);
    tcase_add_test(tc, surrogates_and_what_lies_past_the_end_are_refused);
    tcase_add_test(tc, truncated_and_stray_bytes_are_refused);
    tcase_add_test(tc, a_nul_is_refused_wherever_it_stands);
    tcase_add_test(tc, all_sequences_of_up_to_three_bytes_are_judged_as_the_standard_does);
    tcase_add_test(tc, reading_stops_at_the_given_length);
    tcase_add_test(tc, control_characters_and_line_separators_are_found);
    tcase_add_test(tc, a_cut_code_point_is_trimmed_and_a_whole_one_is_not);
    tcase_add_test(tc, hex_is_lower_case);
    tcase_add_test(tc, base64url_encodes_as_rfc_4648_says);
    tcase_add_test(tc, base64url_has_64_characters);
    tcase_add_test(tc, null_and_empty_are_the_same_nothing);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
