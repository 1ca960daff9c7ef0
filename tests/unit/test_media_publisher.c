/* SPDX-License-Identifier: MIT */
/* What encoders say to the session of a publisher, and what they are answered. */
#include "test_media_publisher.h"

/* ---- the usual way ---- */

START_TEST(the_handshake_sends_back_what_came)
{
    uint8_t hello[1537] = { 3 };
    for (int i = 1; i < 1537; i++)
        hello[i] = (uint8_t)(i * 3);
    put(&in, hello, sizeof(hello));
    ck_assert_int_eq(feed_pieces(100), 0);
    ck_assert_uint_eq(sent.len, 1 + 2 * 1536);
    ck_assert_uint_eq(sent.data[0], 3);
    /* No version, so no digest is expected. */
    ck_assert_mem_eq(sent.data + 5, "\0\0\0\0", 4);
    ck_assert_mem_eq(sent.data + 1537, hello + 1, 1536);
    ck_assert_int_eq(session.phase, SV_RTMP_SHAKES_HANDS);
    put_zeros(&in, 1536);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(session.phase, SV_RTMP_SAYS_WHAT);
}
END_TEST

START_TEST(an_encoder_publishes_and_ends)
{
    shake();
    put_connect("live");
    ck_assert_int_eq(feed(), 0);
    /* Before the result. */
    size_t result = assert_sent(COMMAND, "NetConnection.Connect.Success");
    ck_assert_uint_lt(assert_sent(WINDOW, ""), result);
    ck_assert_uint_lt(assert_sent(BANDWIDTH, ""), result);
    /* A reader that obeys Set Chunk Size has read that. */
    put_text_command("releaseStream", 2, "room.movie");
    put_text_command("FCPublish", 3, "room.movie");
    put_text_command("createStream", 4, NULL);
    put_publish("room.movie?token=abc");
    is_asked_later = true;
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live room.movie token=abc;");
    assert_not_sent(COMMAND, "NetStream.Publish.Start");
    ck_assert_int_eq(sv_rtmp_publisher_accept(&session, now_ms, &err), 0);
    put_frame(DATA, 0, "\2\0\3abc", 6);
    put_frame(VIDEO, 0, "\x17\0\0\0\0cfg", 8);
    put_frame(AUDIO, 23, "\xaf\1snd", 5);
    put_text_command("FCUnpublish", 6, "room.movie");
    put_text_command("deleteStream", 7, NULL);
    put_frame(AUDIO, 46, "\xaf\1snd", 5);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live room.movie token=abc;m6@0;v8@0;a5@23;end;");
    ck_assert_uint_lt(assert_sent(CONTROL, ""), assert_sent(COMMAND, "NetStream.Publish.Start"));
    ck_assert_int_eq(session.phase, SV_RTMP_IS_OVER);
    ck_assert_uint_eq(in.len, 0);
}
END_TEST

/* The number that _result of this transaction has. */
static double result_of(double transaction)
{
    struct sv_rtmp_chunk_reader reader;
    struct sv_rtmp_message m;
    size_t pos = 0, used;
    double found = -1;
    sv_rtmp_chunk_reader_init(&reader);
    reader.chunk_bytes = session.connection.chunk_bytes;
    while (sv_rtmp_chunk_reader_feed(&reader, sent.data + pos, sent.len - pos, &used, &m, NULL) ==
        1) {
        struct sv_rtmp_command c;
        struct sv_amf0_item item = { .number = 0 };
        pos += used;
        if (m.type != COMMAND)
            continue;
        ck_assert_int_eq(sv_rtmp_command_read(&m, &c, &err), 0);
        if (c.transaction == transaction && sv_rtmp_command_is(&c, "_result")) {
            ck_assert_int_eq(sv_rtmp_command_argument(&c, SV_AMF0_NULL, &item, &err), 1);
            ck_assert_int_ge(sv_rtmp_command_argument(&c, SV_AMF0_NUMBER, &item, &err), 0);
            found = item.number;
        }
    }
    sv_rtmp_chunk_reader_fini(&reader);
    return found;
}

START_TEST(a_stream_that_is_created_has_a_number)
{
    shake();
    put_connect("live");
    ck_assert_int_eq(feed(), 0);
    sent.len = 0;
    put_text_command("createStream", 4, NULL);
    put_text_command("releaseStream", 2, "x");
    /* Nobody waits for an answer to 0. */
    put_text_command("FCPublish", 0, "x");
    ck_assert_int_eq(feed(), 0);
    ck_assert(result_of(4) >= 1);
    ck_assert(result_of(2) == 0);
    ck_assert(result_of(0) == -1);
}
END_TEST

START_TEST(obs_says_its_chunk_size_first_and_sends_all_on_one_chunk_stream)
{
    shake();
    put_message(&in, 2, 0, 1, "\0\0\x10\0", 4, 128);
    put_connect("live");
    struct bytes *c = command("publish", 5);
    put_amf_null(c);
    put_amf_text(c, "room.movie");
    put_amf_text(c, "live");
    put_message(&in, 4, 0, COMMAND, c->data, c->len, 4096);
    put(&in, "\x44\0\0\0\0\0\x08\x09\x17\0\0\0\0cfg", 16);
    put(&in, "\x44\0\0\0\0\0\4\x08\xaf\0\x12\x10", 12);
    put(&in, "\x44\0\0\0\0\0\6\x09\x17\1\0\0\0k", 14);
    put(&in, "\x44\0\0\x15\0\0\3\x08\xaf\1s", 11);
    put(&in, "\x84\0\0\x17\xaf\1t", 7);
    put(&in, "\xc4\xaf\1u", 4);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live room.movie ;v8@0;a4@0;v6@0;a3@21;a3@44;a3@67;");
}
END_TEST

START_TEST(rtmp2sink_publishes_without_a_transaction_and_deletes_by_name)
{
    shake();
    put_connect("live");
    put_text_command("createStream", 2, NULL);
    struct bytes *c = command("publish", 0);
    put_amf_null(c);
    put_amf_text(c, "key");
    put_message(&in, 3, 0, COMMAND, c->data, c->len, 128);
    put_text_command("deleteStream", 0, "key");
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live key ;end;");
}
END_TEST

START_TEST(close_stream_ends_it_too)
{
    start();
    put_text_command("closeStream", 0, NULL);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "end;");
}
END_TEST

START_TEST(the_app_is_found_in_all_the_ways_it_is_said)
{
    static const struct {
        const char *name, *text, *says;
    } ways[] = {
        { "app", "live", "publish live k t;" },
        { "APP", "live/", "publish live k t;" },
        { "app", "live?x=1", "publish live k t;" },
        { "tcUrl", "rtmp://host/live", "publish live k t;" },
        { "tcurl", "rtmp://host:1935/live/", "publish live k t;" },
        { "tcUrl", "\"rtmp://[::1]:1935/live\"", "publish live k t;" },
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        shake();
        put_odd_connect(ways[i].name, ways[i].text);
        put_publish("k?t");
        ck_assert_int_eq(feed(), 0);
        ck_assert_str_eq(happened, ways[i].says);
        teardown();
        setup();
    }
    /* Some put the token behind the app. */
    shake();
    put_odd_connect("app", "live?token=app");
    put_publish("k");
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live k token=app;");
}
END_TEST

START_TEST(commands_and_data_of_amf3_are_those_of_amf0_behind_a_byte)
{
    shake();
    put_connect("live");
    struct bytes *c = command("publish", 5);
    struct bytes marked = { 0 };
    put_amf_null(c);
    put_amf_text(c, "k");
    put_byte(&marked, 0);
    put(&marked, c->data, c->len);
    put_message(&in, 3, 0, COMMAND_AMF3, marked.data, marked.len, 128);
    put_frame(DATA_AMF3, 0, "\0data", 5);
    put_frame(DATA_AMF3, 0, "\0", 1);
    put_frame(DATA_AMF3, 0, "", 0);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live k ;m4@0;");
    clear(&marked);
}
END_TEST

/* ---- control ---- */

START_TEST(pings_are_answered)
{
    start();
    put_message(&in, 2, 0, CONTROL, "\0\6\1\2\3\4", 6, 128);
    put_message(&in, 2, 0, CONTROL, "\0\6\1", 3, 128);
    put_message(&in, 2, 0, CONTROL, "\0\3\0\0\0\1\0\0\1\1", 10, 128);
    ck_assert_int_eq(feed(), 0);
    ck_assert_uint_eq(sent.len, 12 + 6);
    ck_assert_mem_eq(sent.data + 12, "\0\7\1\2\3\4", 6);
}
END_TEST

/* How many acknowledgements are among what was sent. */
static int n_acks(void)
{
    struct sv_rtmp_chunk_reader reader;
    struct sv_rtmp_message m;
    size_t pos = 0, used;
    int n = 0;
    sv_rtmp_chunk_reader_init(&reader);
    while (sv_rtmp_chunk_reader_feed(&reader, sent.data + pos, sent.len - pos, &used, &m, NULL) ==
        1) {
        pos += used;
        n += m.type == ACK;
    }
    sv_rtmp_chunk_reader_fini(&reader);
    return n;
}

static void put_megabytes_of_audio(int n)
{
    static char data[1000];
    for (int i = 0; i < n * 1000; i++)
        put_frame(AUDIO, 0, data, sizeof(data));
}

START_TEST(bytes_are_acknowledged_at_half_the_window)
{
    static const struct {
        uint32_t window;
        int min, max;
    } cases[] = {
        { 0, 3, 4 },       /* none: 2.5 MB */
        { 1000000, 7, 9 }, /* 4 MB, each 500 kB */
        { 1, 1, 2100 },    /* not each byte */
        { 0xffffffff, 0, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start();
        put_chunk_head(&in, 2, 0, 4, WINDOW, 0);
        put_number(&in, cases[i].window, 4);
        put_megabytes_of_audio(4);
        ck_assert_int_eq(feed_pieces(1460), 0);
        ck_assert_int_ge(n_acks(), cases[i].min);
        ck_assert_int_le(n_acks(), cases[i].max);
        teardown();
        setup();
    }
    /* Also without being told a window. */
    start();
    put_megabytes_of_audio(4);
    ck_assert_int_eq(feed_pieces(1460), 0);
    ck_assert_int_eq(n_acks(), 3);
}
END_TEST

START_TEST(an_encoder_that_asks_and_never_reads_is_cut_off)
{
    start();
    int rv = 0, n = 0;
    while (rv == 0 && n++ < 100000) {
        struct sv_rtmp_publisher_event event;
        size_t used;
        in.len = 0;
        put_message(&in, 2, 0, CONTROL, "\0\6\1\2\3\4", 6, 128);
        rv = sv_rtmp_publisher_feed(&session, now_ms, in.data, in.len, &used, &event, &err);
    }
    ck_assert_int_eq(rv, SYNCTV_E_SLOW_CONSUMER);
    ck_assert_uint_le(session.connection.out.size, SV_RTMP_PUBLISHER_OUT_MAX_BYTES);
    ck_assert_int_eq(session.phase, SV_RTMP_IS_OVER);
}
END_TEST

START_TEST(a_hundred_thousand_streams_take_no_memory)
{
    shake();
    put_connect("live");
    for (int i = 0; i < 100000; i++) {
        put_text_command("createStream", 4, NULL);
        if (in.len > 60000) {
            ck_assert_int_eq(feed(), 0);
            sent.len = 0;
        }
    }
    put_publish("k");
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live k ;");
    ck_assert_uint_eq(session.connection.reader.n_streams, 1);
}
END_TEST

/* ---- times ---- */

START_TEST(times_go_on_where_32_bits_end)
{
    /* 8 hours at a frame each 4 s that begin an hour before the end of 32 bits. */
    start();
    uint32_t timestamp = UINT32_MAX - 3600 * 1000;
    int64_t expected = timestamp;
    for (int i = 0; i < 8 * 3600 / 4; i++) {
        in.len = 0;
        put_frame(VIDEO, timestamp, "\x27\1\0\0\0x", 6);
        happened[0] = '\0';
        ck_assert_int_eq(feed(), 0);
        ck_assert_int_eq(last.timestamp_ms, expected);
        timestamp += 4000;
        expected += 4000;
    }
    ck_assert_int_gt(expected, INT64_C(1) << 32);
}
END_TEST

START_TEST(the_time_of_metadata_changes_nothing)
{
    start();
    put_frame(VIDEO, 3000000000u, "\x27\1\0\0\0x", 6);
    put_frame(DATA, 0, "\2\0\3abc", 6);
    put_frame(AUDIO, 3000000010u, "\xaf\1x", 3);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "v6@3000000000;m6@3000000000;a3@3000000010;");
}
END_TEST

START_TEST(times_may_jump_by_half_of_all)
{
    start();
    put_frame(VIDEO, 5, "\x27\1\0\0\0x", 6);
    put_frame(VIDEO, 0x80000005, "\x27\1\0\0\0x", 6);
    put_frame(VIDEO, 5, "\x27\1\0\0\0x", 6);
    put_frame(VIDEO, 0x80000004, "\x27\1\0\0\0x", 6);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "v6@5;v6@-2147483643;v6@-4294967291;v6@-2147483644;");
}
END_TEST

/* ---- aggregates ---- */

static void put_part(struct bytes *b, unsigned type, uint32_t timestamp, const char *data,
    size_t len)
{
    put_byte(b, type);
    put_number(b, len, 3);
    put_number(b, timestamp & 0xffffff, 3);
    put_byte(b, timestamp >> 24);
    put_number(b, 0, 3);
    put(b, data, len);
    put_number(b, len + 11, 4);
}

START_TEST(an_aggregate_is_its_parts_at_the_time_of_the_message)
{
    struct bytes all = { 0 };
    start();
    put_part(&all, AUDIO, 0x1000000, "\xaf\1a", 3);
    put_part(&all, VIDEO, 0x1000014, "\x27\1\0\0\0b", 6);
    put_part(&all, AUDIO, 0x1000014, "", 0);
    put_part(&all, 99, 0x1000014, "?", 1);
    put_part(&all, AUDIO, 0x1000028, "\xaf\1c", 3);
    put_message(&in, 4, 5000, AGGREGATE, all.data, all.len, 128);
    /* Some leave out the last length. */
    put_message(&in, 4, 6000, AGGREGATE, all.data, all.len - 4, 128);
    put_frame(AUDIO, 7000, "\xaf\1d", 3);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "a3@5000;v6@5020;a3@5040;a3@6000;v6@6020;a3@6040;a3@7000;");
    clear(&all);
}
END_TEST

START_TEST(an_aggregate_that_is_short_or_in_another_one_is_refused)
{
    struct bytes part = { 0 }, nested = { 0 };
    put_part(&part, AUDIO, 0, "\xaf\1a", 3);
    for (size_t len = 1; len < 14; len++) {
        start();
        put_message(&in, 4, 0, AGGREGATE, part.data, len, 128);
        ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.message, "short"));
        teardown();
        setup();
    }
    put_part(&nested, AGGREGATE, 0, (char *)part.data, part.len);
    start();
    put_message(&in, 4, 0, AGGREGATE, nested.data, nested.len, 128);
    ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "in another one"));
    clear(&part);
    clear(&nested);
}
END_TEST

/* ---- time-outs ---- */

START_TEST(each_phase_has_its_time)
{
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 1000 + 10000);
    ck_assert_ptr_nonnull(strstr(sv_rtmp_publisher_late_reason(&session), "handshake"));
    /* Bytes alone give no more of it. */
    now_ms = 5000;
    put_byte(&in, 3);
    put_zeros(&in, 3000);
    ck_assert_int_eq(feed_pieces(1), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 1000 + 10000);
    now_ms = 6000;
    put_zeros(&in, 72);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 6000 + 15000);
    now_ms = 7000;
    put_connect("live");
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 6000 + 15000);
    ck_assert_ptr_nonnull(strstr(sv_rtmp_publisher_late_reason(&session), "what it publishes"));
    put_publish("k");
    is_asked_later = true;
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), INT64_MAX);
    now_ms = 8000;
    ck_assert_int_eq(sv_rtmp_publisher_accept(&session, now_ms, &err), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 8000 + 20000);
    now_ms = 9000;
    put_frame(DATA, 0, "\2\0\3abc", 6);
    put_message(&in, 2, 0, CONTROL, "\0\6\1\2\3\4", 6, 128);
    put_frame(AUDIO, 0, "", 0);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 8000 + 20000);
    put_frame(AUDIO, 0, "\xaf\1x", 3);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 9000 + 20000);
    ck_assert_ptr_nonnull(strstr(sv_rtmp_publisher_late_reason(&session), "no audio or video"));
    now_ms = 10000;
    put_text_command("deleteStream", 7, NULL);
    ck_assert_int_eq(feed(), 0);
    ck_assert_int_eq(sv_rtmp_publisher_deadline_ms(&session), 10000 + 2000);
}
END_TEST

START_TEST(it_makes_no_difference_how_bytes_are_cut_into_pieces)
{
    struct bytes all = { 0 }, parts = { 0 };
    char whole[sizeof(happened)] = "";
    put_byte(&all, 3);
    put_zeros(&all, 3072);
    put_connect("live");
    put_text_command("createStream", 4, NULL);
    put_publish("k?t");
    put_message(&in, 2, 0, 1, "\0\0\1\0", 4, 128);
    put_message(&in, 4, 0xffffff, VIDEO, all.data, 1000, 256);
    put_part(&parts, AUDIO, 5, "\xaf\1a", 3);
    put_part(&parts, VIDEO, 6, "\x27\1\0\0\0b", 6);
    put_message(&in, 4, 0x1000001, AGGREGATE, parts.data, parts.len, 256);
    put_message(&in, 2, 0, CONTROL, "\0\6\1\2\3\4", 6, 256);
    put_message(&in, 3, 0, COMMAND,
        "\2\0\x0c"
        "deleteStream",
        15, 256);
    put(&all, in.data, in.len);
    for (size_t piece = all.len; piece > 0; piece = piece > 50 ? 50 : piece - 1) {
        teardown();
        struct bytes kept_all = all, kept_parts = parts;
        setup();
        all = kept_all;
        parts = kept_parts;
        put(&in, all.data, all.len);
        ck_assert_int_eq(feed_pieces(piece), 0);
        if (whole[0] == '\0')
            strcpy(whole, happened);
        ck_assert_str_eq(happened, whole);
    }
    ck_assert_str_eq(whole, "publish live k t;v1000@16777215;a3@16777217;v6@16777218;end;");
    clear(&all);
    clear(&parts);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_publisher");
    TCase *t = tcase_create("media_publisher");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_handshake_sends_back_what_came);
    tcase_add_test(t, an_encoder_publishes_and_ends);
    tcase_add_test(t, a_stream_that_is_created_has_a_number);
    tcase_add_test(t, obs_says_its_chunk_size_first_and_sends_all_on_one_chunk_stream);
    tcase_add_test(t, rtmp2sink_publishes_without_a_transaction_and_deletes_by_name);
    tcase_add_test(t, close_stream_ends_it_too);
    tcase_add_test(t, the_app_is_found_in_all_the_ways_it_is_said);
    tcase_add_test(t, commands_and_data_of_amf3_are_those_of_amf0_behind_a_byte);
    tcase_add_test(t, pings_are_answered);
    tcase_add_test(t, bytes_are_acknowledged_at_half_the_window);
    tcase_add_test(t, an_encoder_that_asks_and_never_reads_is_cut_off);
    tcase_add_test(t, a_hundred_thousand_streams_take_no_memory);
    tcase_add_test(t, times_go_on_where_32_bits_end);
    tcase_add_test(t, the_time_of_metadata_changes_nothing);
    tcase_add_test(t, times_may_jump_by_half_of_all);
    tcase_add_test(t, an_aggregate_is_its_parts_at_the_time_of_the_message);
    tcase_add_test(t, an_aggregate_that_is_short_or_in_another_one_is_refused);
    tcase_add_test(t, each_phase_has_its_time);
    tcase_add_test(t, it_makes_no_difference_how_bytes_are_cut_into_pieces);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
