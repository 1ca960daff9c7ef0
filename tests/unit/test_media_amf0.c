/* SPDX-License-Identifier: MIT */
#include <math.h>

#include <synctv/error.h>

#include "media/amf0_reader.h"
#include "media/amf0_writer.h"
#include "media_bytes.h"

static struct bytes in;

static void setup(void)
{
    in = (struct bytes){ 0 };
}

static void teardown(void)
{
    clear(&in);
}

/* Reads all of it, in memory of exactly that size; returns the number of items, or the error. */
static int read_all(void)
{
    uint8_t *copy = malloc(in.len > 0 ? in.len : 1);
    struct sv_amf0_reader reader;
    struct sv_amf0_item item;
    int n = 0, rv;
    if (in.len > 0)
        memcpy(copy, in.data, in.len);
    sv_amf0_reader_init(&reader, copy, in.len);
    while ((rv = sv_amf0_reader_next(&reader, &item)) == 1)
        n++;
    free(copy);
    return rv < 0 ? rv : n;
}

START_TEST(a_command_is_read_item_by_item)
{
    put_amf_text(&in, "connect");
    put_amf_number(&in, 1);
    put_amf_object(&in);
    put_amf_name(&in, "app");
    put_amf_text(&in, "live");
    put_amf_name(&in, "fpad");
    put(&in, "\1\1", 2);
    put_amf_end(&in);
    put_amf_null(&in);

    struct sv_amf0_reader reader;
    struct sv_amf0_item item;
    sv_amf0_reader_init(&reader, in.data, in.len);
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_TEXT);
    ck_assert(sv_amf0_is_word(item.text, item.text_len, "CONNECT"));
    ck_assert(!sv_amf0_is_word(item.text, item.text_len, "connec"));
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_NUMBER);
    ck_assert(item.number == 1);
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_OBJECT);
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 1);
    ck_assert(sv_amf0_is_word(item.name, item.name_len, "app"));
    ck_assert(sv_amf0_is_word(item.text, item.text_len, "live"));
    ck_assert_uint_eq(item.depth, 1);
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_BOOLEAN);
    ck_assert(item.boolean);
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_END);
    ck_assert_uint_eq(item.depth, 0);
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_NULL);
    ck_assert_int_eq(sv_amf0_reader_next(&reader, &item), 0);
}
END_TEST

START_TEST(every_kind_of_value_is_known)
{
    put(&in, "\6", 1);                           /* undefined */
    put(&in, "\7\0\1", 3);                       /* a reference */
    put(&in, "\x0b\0\0\0\0\0\0\0\0\0\0", 11);    /* a date */
    put(&in, "\x0c\0\0\0\2hi", 7);               /* a long string */
    put(&in, "\x0d", 1);                         /* unsupported */
    put(&in, "\x0f\0\0\0\2<>", 7);               /* XML */
    put(&in, "\x10\0\1C\0\1p\5\0\0\x09", 11);    /* a typed object with one property */
    put(&in, "\x0a\0\0\0\2\5\5", 7);             /* an array of two */
    put(&in, "\x08\0\0\0\1\0\1k\5\0\0\x09", 12); /* an ECMA array */
    ck_assert_int_eq(read_all(), 6 + 3 + 4 + 3);
}
END_TEST

START_TEST(what_was_written_is_what_is_read)
{
    uint8_t data[200];
    struct sv_amf0_writer w;
    struct sv_amf0_reader r;
    struct sv_amf0_item item;
    sv_amf0_writer_init(&w, data, sizeof(data));
    sv_amf0_write_object(&w);
    sv_amf0_write_name(&w, "n");
    sv_amf0_write_number(&w, -1.5);
    sv_amf0_write_name(&w, "b");
    sv_amf0_write_boolean(&w, true);
    sv_amf0_write_name(&w, "u");
    sv_amf0_write_undefined(&w);
    sv_amf0_write_end(&w);
    sv_amf0_write_text(&w, "text");
    ck_assert(!w.has_failed);

    sv_amf0_reader_init(&r, data, w.len);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert(item.number == -1.5);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert(item.boolean);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_NULL);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert_int_eq(item.type, SV_AMF0_END);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert(sv_amf0_is_word(item.text, item.text_len, "text"));
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 0);
}
END_TEST

START_TEST(a_writer_without_room_fails_for_good_and_writes_nothing_beyond)
{
    for (size_t size = 0; size < 22; size++) {
        uint8_t data[32];
        struct sv_amf0_writer w;
        memset(data, 0xee, sizeof(data));
        sv_amf0_writer_init(&w, data, size);
        sv_amf0_write_number(&w, 1);
        sv_amf0_write_text(&w, "0123456789");
        sv_amf0_write_null(&w);
        ck_assert(w.has_failed);
        for (size_t i = size; i < sizeof(data); i++)
            ck_assert_uint_eq(data[i], 0xee);
    }
}
END_TEST

START_TEST(a_skipped_object_leaves_what_follows)
{
    put_amf_object(&in);
    put_amf_name(&in, "inner");
    put_amf_object(&in);
    put_amf_name(&in, "x");
    put(&in, "\x0a\0\0\0\1\5", 6);
    put_amf_end(&in);
    put_amf_end(&in);
    put_amf_text(&in, "next");
    struct sv_amf0_reader r;
    struct sv_amf0_item item;
    sv_amf0_reader_init(&r, in.data, in.len);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert_int_eq(sv_amf0_reader_skip(&r, &item), 0);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 1);
    ck_assert(sv_amf0_is_word(item.text, item.text_len, "next"));
    ck_assert_int_eq(sv_amf0_reader_skip(&r, &item), 0);
    ck_assert_int_eq(sv_amf0_reader_next(&r, &item), 0);
}
END_TEST

START_TEST(sixteen_levels_are_read_and_seventeen_refused)
{
    for (int i = 0; i < 16; i++)
        put(&in, "\x0a\0\0\0\1", 5);
    put_amf_null(&in);
    ck_assert_int_eq(read_all(), 16 + 1 + 16);
    in.len = 0;
    for (int i = 0; i < 17; i++)
        put(&in, "\x0a\0\0\0\1", 5);
    put_amf_null(&in);
    ck_assert_int_eq(read_all(), SYNCTV_E_TOO_LARGE);
}
END_TEST

START_TEST(a_hundred_thousand_levels_are_refused)
{
    for (int i = 0; i < 100000; i++)
        put(&in, "\x03\0\1a", 4);
    ck_assert_int_eq(read_all(), SYNCTV_E_TOO_LARGE);
}
END_TEST

START_TEST(counts_are_not_believed)
{
    put(&in, "\x0a\xff\xff\xff\xff\5\5\5", 8);
    ck_assert_int_eq(read_all(), SYNCTV_E_INVALID_ARGUMENT);
    in.len = 0;
    put(&in, "\x08\xff\xff\xff\xff\0\1k\5\0\0\x09", 12);
    ck_assert_int_eq(read_all(), 3);
    in.len = 0;
    put(&in, "\x08\0\0\0\0\0\1k\5\0\0\x09", 12);
    ck_assert_int_eq(read_all(), 3);
}
END_TEST

START_TEST(too_many_items_are_refused)
{
    put(&in, "\x0a\0\0\xff\xff", 5);
    for (int i = 0; i < 0xffff; i++)
        put_amf_null(&in);
    ck_assert_int_eq(read_all(), SYNCTV_E_TOO_LARGE);
}
END_TEST

START_TEST(short_input_is_refused_wherever_it_ends)
{
    put_amf_text(&in, "text");
    put_amf_number(&in, NAN);
    put(&in, "\x10\0\1C\0\1p\x0b\0\0\0\0\0\0\0\0\0\0\0\0\x09", 21);
    put(&in, "\x08\0\0\0\1\0\1k\1\1\0\0\x09", 13);
    put(&in, "\x0c\0\0\0\2hi\7\0\1", 10);
    size_t len = in.len;
    int n_whole = 0;
    for (in.len = 0; in.len < len; in.len++) {
        int rv = read_all();
        ck_assert(rv >= 0 || rv == SYNCTV_E_INVALID_ARGUMENT);
        n_whole += rv >= 0;
    }
    /* Nothing, and behind each of the first five values. */
    ck_assert_int_eq(n_whole, 6);
}
END_TEST

START_TEST(what_amf0_reserves_and_amf3_are_refused)
{
    static const uint8_t markers[] = { 0x04, 0x09, 0x0e, 0x11, 0x12, 0x7f, 0xff };
    for (size_t i = 0; i < sizeof(markers); i++) {
        in.len = 0;
        put_byte(&in, markers[i]);
        put_zeros(&in, 20);
        ck_assert_int_eq(read_all(), SYNCTV_E_INVALID_ARGUMENT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_amf0");
    TCase *t = tcase_create("media_amf0");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_command_is_read_item_by_item);
    tcase_add_test(t, every_kind_of_value_is_known);
    tcase_add_test(t, what_was_written_is_what_is_read);
    tcase_add_test(t, a_writer_without_room_fails_for_good_and_writes_nothing_beyond);
    tcase_add_test(t, a_skipped_object_leaves_what_follows);
    tcase_add_test(t, sixteen_levels_are_read_and_seventeen_refused);
    tcase_add_test(t, a_hundred_thousand_levels_are_refused);
    tcase_add_test(t, counts_are_not_believed);
    tcase_add_test(t, too_many_items_are_refused);
    tcase_add_test(t, short_input_is_refused_wherever_it_ends);
    tcase_add_test(t, what_amf0_reserves_and_amf3_are_refused);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
