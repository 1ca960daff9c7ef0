/* SPDX-License-Identifier: MIT */
/* RTMP's chunks: what is read from them, and what is refused. */
#include <synctv/error.h>

#include "media/rtmp_chunk_reader.h"
#include "media/rtmp_chunk_writer.h"
#include "media_bytes.h"

enum { AUDIO = 8, VIDEO = 9, DATA = 18, COMMAND = 20 };

static struct bytes in;
static struct sv_rtmp_chunk_reader reader;
static synctv_error err;

/* The messages that were read, the last ones of them. */
static struct {
    unsigned type;
    uint32_t timestamp, stream_id;
    size_t len;
    uint32_t sum;
} got[64];
static int n_got;

static void setup(void)
{
    in = (struct bytes){ 0 };
    n_got = 0;
    err = (synctv_error){ 0 };
    sv_rtmp_chunk_reader_init(&reader);
}

static void teardown(void)
{
    sv_rtmp_chunk_reader_fini(&reader);
    clear(&in);
}

static uint32_t sum_of(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + data[i];
    return sum;
}

/* Feeds what is in `in` in pieces of this size, and empties it. */
static int feed_pieces(size_t piece)
{
    int rv = 0;
    for (size_t pos = 0; pos < in.len && rv >= 0; pos += piece) {
        size_t len = in.len - pos < piece ? in.len - pos : piece, at = 0, used;
        struct sv_rtmp_message m;
        uint8_t *copy = malloc(len);
        memcpy(copy, in.data + pos, len);
        while ((rv = sv_rtmp_chunk_reader_feed(&reader, copy + at, len - at, &used, &m, &err)) ==
            1) {
            ck_assert_int_lt(n_got, 64);
            got[n_got].type = m.type;
            got[n_got].timestamp = m.timestamp;
            got[n_got].stream_id = m.stream_id;
            got[n_got].len = m.len;
            got[n_got++].sum = sum_of(m.data, m.len);
            at += used;
        }
        free(copy);
    }
    in.len = 0;
    return rv;
}

static int feed(void)
{
    return feed_pieces(in.len > 0 ? in.len : 1);
}

static void assert_message(int i, unsigned type, uint32_t timestamp, const void *data, size_t len)
{
    ck_assert_int_lt(i, n_got);
    ck_assert_uint_eq(got[i].type, type);
    ck_assert_uint_eq(got[i].timestamp, timestamp);
    ck_assert_uint_eq(got[i].len, len);
    ck_assert_uint_eq(got[i].sum, sum_of(data, len));
}

static uint8_t *pattern(size_t len)
{
    static uint8_t data[8 << 20];
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    return data;
}

START_TEST(a_message_may_be_cut_into_chunks)
{
    uint8_t *data = pattern(1000);
    put_message(&in, 4, 12345, VIDEO, data, 1000, 128);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 1);
    assert_message(0, VIDEO, 12345, data, 1000);
    ck_assert_uint_eq(got[0].stream_id, 1);
}
END_TEST

START_TEST(chunks_of_several_messages_may_be_mixed)
{
    uint8_t *data = pattern(200);
    put_chunk_head(&in, 6, 10, 200, VIDEO, 1);
    put(&in, data, 128);
    put_chunk_head(&in, 4, 11, 20, AUDIO, 1);
    put(&in, data, 20);
    put_byte(&in, 3 << 6 | 6);
    put(&in, data + 128, 72);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 2);
    assert_message(0, AUDIO, 11, data, 20);
    assert_message(1, VIDEO, 10, data, 200);
}
END_TEST

START_TEST(all_three_forms_of_a_chunk_streams_number_are_read)
{
    static const struct {
        uint8_t head[3];
        size_t len;
    } forms[] = {
        { { 63 }, 1 },
        { { 0, 0 }, 2 },
        { { 0, 255 }, 2 },
        { { 1, 0, 1 }, 3 },
        { { 1, 255, 255 }, 3 },
    };
    static const uint32_t numbers[] = { 63, 64, 319, 320, 65599 };
    for (int i = 0; i < 5; i++) {
        put(&in, forms[i].head, forms[i].len);
        put_number(&in, 5, 3);
        put_number(&in, 2, 3);
        put_byte(&in, AUDIO);
        put_zeros(&in, 4);
        put(&in, "ab", 2);
    }
    /* A number may be written in another form: 319. */
    put(&in, "\xc1\xff\0", 3);
    put(&in, "cd", 2);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 6);
    assert_message(5, AUDIO, 10, "cd", 2);
    ck_assert_uint_eq(reader.n_streams, 5);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_uint_eq(reader.streams[i].id, numbers[i]);

    teardown();
    setup();
    put_message(&in, 3, 0, AUDIO, "ab", 2, 128);
    put(&in, "\xc0\x00", 2);
    ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "chunk stream 64"));
}
END_TEST

START_TEST(heads_leave_out_what_is_as_before)
{
    put_message(&in, 4, 1000, AUDIO, "abc", 3, 128);
    /* Type 1: 20 ms later, 4 bytes, of video. */
    put_byte(&in, 1 << 6 | 4);
    put_number(&in, 20, 3);
    put_number(&in, 4, 3);
    put_byte(&in, VIDEO);
    put(&in, "defg", 4);
    /* Type 2: 40 ms later. */
    put_byte(&in, 2 << 6 | 4);
    put_number(&in, 40, 3);
    put(&in, "hijk", 4);
    /* Type 3 begins new messages, each 40 ms later. */
    for (int i = 0; i < 2; i++) {
        put_byte(&in, 3 << 6 | 4);
        put(&in, "lmno", 4);
    }
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 5);
    assert_message(0, AUDIO, 1000, "abc", 3);
    assert_message(1, VIDEO, 1020, "defg", 4);
    assert_message(2, VIDEO, 1060, "hijk", 4);
    assert_message(3, VIDEO, 1100, "lmno", 4);
    assert_message(4, VIDEO, 1140, "lmno", 4);
    ck_assert_uint_eq(got[4].stream_id, 1);
}
END_TEST

START_TEST(behind_a_full_head_type_3_adds_its_time)
{
    /* ffmpeg and GStreamer write it so when the difference is the time itself. */
    put_message(&in, 4, 23, AUDIO, "abc", 3, 128);
    put_byte(&in, 3 << 6 | 4);
    put(&in, "def", 3);
    ck_assert_int_eq(feed(), 0);
    assert_message(1, AUDIO, 46, "def", 3);
}
END_TEST

START_TEST(a_fresh_chunk_stream_may_begin_with_type_1_alone)
{
    put_byte(&in, 1 << 6 | 4);
    put_number(&in, 20, 3);
    put_number(&in, 1, 3);
    put_byte(&in, VIDEO);
    put_byte(&in, 'x');
    ck_assert_int_eq(feed(), 0);
    assert_message(0, VIDEO, 20, "x", 1);
    for (unsigned type = 2; type <= 3; type++) {
        teardown();
        setup();
        put_byte(&in, type << 6 | 4);
        put_zeros(&in, 20);
        ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.message, "does not say how long"));
    }
}
END_TEST

START_TEST(an_extended_time_is_read_whether_type_3_repeats_it_or_not)
{
    uint8_t *data = pattern(300);
    for (int repeats = 0; repeats < 2; repeats++) {
        put_chunk_head(&in, 4, 0x01020304, 300, VIDEO, 1);
        put(&in, data, 128);
        for (int at = 128; at < 300; at += 128) {
            put_byte(&in, 3 << 6 | 4);
            if (repeats)
                put_number(&in, 0x01020304, 4);
            put(&in, data + at, at + 128 < 300 ? 128 : 300 - at);
        }
        /* A new message of type 3. */
        put_byte(&in, 3 << 6 | 4);
        if (repeats)
            put_number(&in, 0x01020304, 4);
        put(&in, data, 128);
        put_byte(&in, 3 << 6 | 4);
        put(&in, data + 128, 128);
        put_byte(&in, 3 << 6 | 4);
        put(&in, data + 256, 44);
    }
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 4);
    for (int i = 0; i < 4; i++)
        assert_message(i, VIDEO, i % 2 == 0 ? 0x01020304 : 0x02040608, data, 300);
}
END_TEST

START_TEST(payload_that_begins_like_the_time_is_read_all_the_same)
{
    /* Without the time on type 3; 1 to 3 bytes are equal to it. The rest of a message may be
     * shorter than a time. */
    for (int equal = 1; equal <= 3; equal++) {
        for (size_t rest = 1; rest <= 6; rest++) {
            uint8_t data[128 + 6] = { 0 };
            static const uint8_t time[] = { 0x7f, 0xee, 0xdd, 0xcc };
            for (size_t i = 0; i < rest; i++)
                data[128 + i] = i < (size_t)equal ? time[i] : 0x55;
            size_t len = 128 + rest;
            put_chunk_head(&in, 4, 0x7feeddcc, len, VIDEO, 1);
            put(&in, data, 128);
            put_byte(&in, 3 << 6 | 4);
            put(&in, data + 128, rest);
            /* What follows is a head, and is read as one, also when it is of type 3 itself. */
            put_message(&in, 5, 7, AUDIO, "abc", 3, 128);
            put_byte(&in, 3 << 6 | 5);
            put(&in, "abc", 3);
            ck_assert_int_eq(feed_pieces(rest), 0);
            ck_assert_int_eq(n_got, 3);
            assert_message(0, VIDEO, 0x7feeddcc, data, len);
            assert_message(1, AUDIO, 7, "abc", 3);
            assert_message(2, AUDIO, 14, "abc", 3);
            teardown();
            setup();
        }
    }
}
END_TEST

START_TEST(one_byte_messages_of_type_3_without_the_time_are_told_apart)
{
    /* What is compared with the time holds several messages, and heads that want to compare again.
     */
    put_chunk_head(&in, 4, 0xc4c4c4c5, 1, AUDIO, 1);
    put_byte(&in, 0xc4);
    for (int i = 0; i < 8; i++)
        put(&in, "\xc4\x01", 2);
    put(&in, "\xc4\xc4", 2);
    put(&in, "\xc4\x01", 2);
    put_message(&in, 5, 0, AUDIO, "end", 3, 128);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 12);
    assert_message(8, AUDIO, 0xc4c4c4c5u * 9, "\1", 1);
    assert_message(9, AUDIO, 0xc4c4c4c5u * 10, "\xc4", 1);
    assert_message(10, AUDIO, 0xc4c4c4c5u * 11, "\1", 1);
    assert_message(11, AUDIO, 0, "end", 3);
}
END_TEST

START_TEST(what_is_read_again_may_have_to_be_read_a_third_time)
{
    /* Three bytes look like the time; among them is a head behind which they do not. */
    put_message(&in, 4, 0x01c40203, AUDIO, "x", 1, 128);
    put(&in, "\xc4\x01\xc4\x02\xc4\x03", 6);
    put_message(&in, 5, 0, AUDIO, "end", 3, 128);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 5);
    for (int i = 1; i <= 3; i++)
        assert_message(i, AUDIO, 0x01c40203u * (i + 1u), &(char){ (char)i }, 1);
    assert_message(4, AUDIO, 0, "end", 3);
}
END_TEST

START_TEST(empty_messages_are_messages)
{
    put_message(&in, 4, 1, AUDIO, "", 0, 128);
    put_message(&in, 4, 2, VIDEO, "", 0, 128);
    put_byte(&in, 3 << 6 | 4);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 3);
    ck_assert_uint_eq(got[2].timestamp, 4);
    ck_assert_uint_eq(got[2].len, 0);
}
END_TEST

START_TEST(abort_drops_a_message)
{
    uint8_t *data = pattern(200);
    uint8_t four[] = { 0, 0, 0, 4 };
    put_chunk_head(&in, 4, 10, 200, VIDEO, 1);
    put(&in, data, 128);
    put_message(&in, 2, 0, 2, four, 4, 128);
    put_message(&in, 4, 20, VIDEO, data, 150, 128);
    /* Of no chunk stream that there is; and a short one. */
    four[3] = 50;
    put_message(&in, 2, 0, 2, four, 4, 128);
    put_message(&in, 2, 0, 2, four, 3, 128);
    put_message(&in, 4, 30, VIDEO, data, 150, 128);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(n_got, 2);
    assert_message(0, VIDEO, 20, data, 150);
    assert_message(1, VIDEO, 30, data, 150);
    ck_assert_uint_eq(reader.partial_bytes, 0);
}
END_TEST

START_TEST(a_chunk_size_is_obeyed_within_bounds)
{
    static const uint32_t bad[] = { 0, 1, 127, 65537, 0x7fffffff, 0x80000080, 0xffffffff };
    static const uint32_t good[] = { 128, 4096, 60000, 65536 };
    uint8_t *data = pattern(70000);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        put_chunk_head(&in, 2, 0, 4, 1, 0);
        put_number(&in, good[i], 4);
        ck_assert_int_eq(feed(), 0);
        put_message(&in, 4, 10, VIDEO, data, 70000, good[i]);
        ck_assert_int_eq(feed(), 0);
        assert_message((int)i, VIDEO, 10, data, 70000);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        teardown();
        setup();
        put_chunk_head(&in, 2, 0, 4, 1, 0);
        put_number(&in, bad[i], 4);
        ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.message, "128 to 65536"));
    }
}
END_TEST

START_TEST(no_other_message_may_begin_in_the_middle_of_one)
{
    for (unsigned type = 0; type <= 2; type++) {
        /* The size changes, or not. */
        for (uint32_t len = 200; len <= 4000; len += 3800) {
            put_chunk_head(&in, 4, 10, 200, VIDEO, 1);
            put_zeros(&in, 128);
            put_byte(&in, type << 6 | 4);
            put_number(&in, 0, 3);
            if (type < 2) {
                put_number(&in, len, 3);
                put_byte(&in, VIDEO);
            }
            if (type == 0)
                put_zeros(&in, 4);
            ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
            ck_assert_ptr_nonnull(strstr(err.message, "in the middle"));
            teardown();
            setup();
        }
    }
}
END_TEST

START_TEST(messages_have_a_longest_length_each)
{
    static const struct {
        unsigned type;
        uint32_t max;
    } limits[] = {
        { VIDEO, 8 << 20 },
        { 22, 8 << 20 },
        { AUDIO, 1 << 20 },
        { DATA, 64 << 10 },
        { COMMAND, 64 << 10 },
        { 99, 64 << 10 },
        { 1, 64 << 10 },
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        put_chunk_head(&in, 4, 0, limits[i].max, limits[i].type, 1);
        ck_assert_int_eq(feed(), 0);
        teardown();
        setup();
        put_chunk_head(&in, 4, 0, limits[i].max + 1, limits[i].type, 1);
        ck_assert_int_eq(feed(), SYNCTV_E_TOO_LARGE);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(the_longest_video_message_is_read)
{
    uint8_t *data = pattern(8 << 20);
    put_message(&in, 4, 0, VIDEO, data, 8 << 20, 128);
    ck_assert_int_eq(feed_pieces(65536), 0);
    assert_message(0, VIDEO, 0, data, 8 << 20);
    /* Nothing of that size is kept. */
    put_message(&in, 4, 0, AUDIO, data, 1, 128);
    ck_assert_int_eq(feed(), 0);
    ck_assert_uint_le(reader.spare.size, 256 << 10);
}
END_TEST

START_TEST(memory_is_taken_as_bytes_come_and_not_as_they_are_declared)
{
    for (unsigned i = 0; i < 32; i++) {
        put_chunk_head(&in, 2 + i, 0, 8 << 20, VIDEO, 1);
        put_zeros(&in, 128);
    }
    ck_assert_int_eq(feed(), 0);
    size_t size = 0;
    for (unsigned i = 0; i < reader.n_streams; i++)
        size += reader.streams[i].data.size;
    ck_assert_uint_le(size, 32 * 1024);
    ck_assert_uint_eq(reader.partial_bytes, 32 * 128);
}
END_TEST

START_TEST(there_are_at_most_32_chunk_streams)
{
    for (unsigned i = 0; i < 32; i++)
        put_message(&in, 2 + i, 0, AUDIO, "x", 1, 128);
    ck_assert_int_eq(feed(), 0);
    put_message(&in, 40, 0, AUDIO, "x", 1, 128);
    ck_assert_int_eq(feed(), SYNCTV_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.message, "32 chunk streams"));
}
END_TEST

START_TEST(unfinished_messages_have_a_limit_together)
{
    uint8_t *data = pattern(1 << 20);
    put_chunk_head(&in, 2, 0, 4, 1, 0);
    put_number(&in, 65536, 4);
    ck_assert_int_eq(feed(), 0);
    int rv = 0;
    size_t sent = 0;
    for (unsigned round = 0; rv == 0 && round < 1000; round++) {
        for (unsigned i = 3; i < 33 && rv == 0; i++) {
            if (round == 0)
                put_chunk_head(&in, i, 0, 8 << 20, VIDEO, 1);
            else
                put_byte(&in, 3 << 6 | i);
            put(&in, data, 65536);
            sent += 65536;
            rv = feed();
        }
    }
    ck_assert_int_eq(rv, SYNCTV_E_TOO_LARGE);
    ck_assert_uint_le(sent, (9 << 20) + 65536);
}
END_TEST

START_TEST(what_was_written_is_what_is_read)
{
    static const uint32_t times[] = { 0, 1, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff };
    uint8_t *data = pattern(1000);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct sv_buffer out = { 0 };
        const struct sv_rtmp_message m = {
            .type = VIDEO, .stream_id = 0x01020304, .timestamp = times[i], .data = data, .len = 1000
        };
        ck_assert_int_eq(sv_rtmp_chunk_write(&out, 4096, 128, 4, &m), 0);
        put(&in, out.data, out.len);
        sv_buffer_fini(&out);
        ck_assert_int_eq(feed_pieces(3), 0);
        assert_message((int)i, VIDEO, times[i], data, 1000);
        ck_assert_uint_eq(got[i].stream_id, 0x01020304);
    }
}
END_TEST

START_TEST(what_is_written_has_a_limit)
{
    struct sv_buffer out = { 0 };
    const struct sv_rtmp_message m = { .type = VIDEO, .data = pattern(1000), .len = 1000 };
    ck_assert_int_eq(sv_rtmp_chunk_write(&out, 999, 128, 4, &m), SYNCTV_E_TOO_LARGE);
    ck_assert_uint_le(out.size, 999);
    sv_buffer_fini(&out);
}
END_TEST

/* A bit of everything, read in pieces of different sizes. */
START_TEST(it_makes_no_difference_how_bytes_are_cut_into_pieces)
{
    struct bytes all = { 0 };
    uint8_t *data = pattern(3000);
    for (int i = 0; i < 2; i++) {
        put_message(&in, 3, 0, COMMAND, data, 300, 128);
        put_message(&in, 4, 0xffffff, VIDEO, data, 1000, 128);
        put_message(&in, 4, 0x1000001, AUDIO, data, 0, 128);
        put_byte(&in, 2 << 6 | 4);
        put_number(&in, 0xffffff, 3);
        put_number(&in, 0x1234567, 4);
        put_byte(&in, 3 << 6 | 4);
        put_message(&in, 2, 0, 1, "\0\0\2\0", 4, 128);
        put_message(&in, 6, 55, VIDEO, data, 3000, 512);
        put_message(&in, 2, 0, 1, "\0\0\0\x80", 4, 512);
    }
    put(&all, in.data, in.len);
    ck_assert_int_eq(feed(), 0);
    int n_whole = n_got;
    uint8_t whole[sizeof(got)];
    memcpy(whole, got, sizeof(got));
    ck_assert_int_eq(n_whole, 12);
    for (size_t piece = 1; piece < 40; piece++) {
        in.len = 0;
        put(&in, all.data, all.len);
        sv_rtmp_chunk_reader_fini(&reader);
        sv_rtmp_chunk_reader_init(&reader);
        n_got = 0;
        ck_assert_int_eq(feed_pieces(piece), 0);
        ck_assert_int_eq(n_got, n_whole);
        ck_assert_mem_eq(got, whole, sizeof(got));
    }
    clear(&all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_chunks");
    TCase *t = tcase_create("media_chunks");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_message_may_be_cut_into_chunks);
    tcase_add_test(t, chunks_of_several_messages_may_be_mixed);
    tcase_add_test(t, all_three_forms_of_a_chunk_streams_number_are_read);
    tcase_add_test(t, heads_leave_out_what_is_as_before);
    tcase_add_test(t, behind_a_full_head_type_3_adds_its_time);
    tcase_add_test(t, a_fresh_chunk_stream_may_begin_with_type_1_alone);
    tcase_add_test(t, an_extended_time_is_read_whether_type_3_repeats_it_or_not);
    tcase_add_test(t, payload_that_begins_like_the_time_is_read_all_the_same);
    tcase_add_test(t, one_byte_messages_of_type_3_without_the_time_are_told_apart);
    tcase_add_test(t, what_is_read_again_may_have_to_be_read_a_third_time);
    tcase_add_test(t, empty_messages_are_messages);
    tcase_add_test(t, abort_drops_a_message);
    tcase_add_test(t, a_chunk_size_is_obeyed_within_bounds);
    tcase_add_test(t, no_other_message_may_begin_in_the_middle_of_one);
    tcase_add_test(t, messages_have_a_longest_length_each);
    tcase_add_test(t, the_longest_video_message_is_read);
    tcase_add_test(t, memory_is_taken_as_bytes_come_and_not_as_they_are_declared);
    tcase_add_test(t, there_are_at_most_32_chunk_streams);
    tcase_add_test(t, unfinished_messages_have_a_limit_together);
    tcase_add_test(t, what_was_written_is_what_is_read);
    tcase_add_test(t, what_is_written_has_a_limit);
    tcase_add_test(t, it_makes_no_difference_how_bytes_are_cut_into_pieces);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
