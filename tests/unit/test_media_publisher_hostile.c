/* SPDX-License-Identifier: MIT */
/* Who does not get to publish, and what is never believed. */
#include "test_media_publisher.h"

/* ---- who is refused ---- */

START_TEST(what_is_no_rtmp_is_refused_at_its_first_byte)
{
    static const char *const others[] = { "GET / HTTP/1.1\r\n\r\n", "\x16\3\1\2", "\6rtmpe",
        "PRI * HTTP/2.0\r\n", "\4" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        put(&in, others[i], strlen(others[i]));
        ck_assert_int_eq(feed_pieces(1), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.message, "no RTMP"));
        ck_assert_uint_eq(sent.len, 0);
        teardown();
        setup();
    }
}
END_TEST

static void assert_refused(const char *reason)
{
    ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_msg(strstr(err.message, reason) != NULL, "%s", err.message);
    ck_assert_int_eq(session.phase, SV_RTMP_IS_OVER);
    /* Whatever comes now is dropped. */
    happened[0] = '\0';
    put_frame(VIDEO, 0, "\x17\1\0\0\0x", 6);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "");
    teardown();
    setup();
}

START_TEST(things_come_in_their_order_or_are_refused)
{
    shake();
    put_publish("k");
    assert_refused("does not connect first");
    shake();
    put_text_command("createStream", 2, NULL);
    assert_refused("does not connect first");
    shake();
    put_connect("live");
    put_frame(VIDEO, 0, "\x17\1\0\0\0x", 6);
    assert_refused("media before");
    shake();
    put_connect("live");
    put_frame(AGGREGATE, 0, "", 0);
    assert_refused("media before");
    shake();
    put_connect("live");
    put_connect("live");
    assert_refused("a second time");
    start();
    put_publish("k");
    assert_refused("publishes a second time");
    start();
    put_connect("live");
    assert_refused("connects a second time");
}
END_TEST

START_TEST(who_wants_to_play_is_told_that_this_is_not_the_way)
{
    shake();
    put_connect("live");
    put_text_command("play", 3, "k");
    ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
    assert_sent(COMMAND, "NetStream.Play.Failed");
}
END_TEST

START_TEST(names_that_cannot_be_are_refused_and_never_cut)
{
    char longest[400], query[1100];
    memset(longest, 'k', sizeof(longest));
    longest[64] = '\0';
    shake();
    put_connect("live");
    put_publish(longest);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(session.stream_key, longest);
    teardown();
    setup();

    longest[64] = 'k';
    longest[300] = '\0';
    memcpy(query, "k?", 2);
    memset(query + 2, 'q', sizeof(query) - 2);
    query[1027] = '\0';
    const char *const keys[] = { "", "?token=x", "../k", "a b", "a/b", "k\n", "\xc3\xa4", "k\x7f",
        longest, query, "k?a b", "k?\xff", "<k>", "k%00" };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        shake();
        put_connect("live");
        put_publish(keys[i]);
        ck_assert_int_eq(feed(), SYNCTV_E_INVALID_ARGUMENT);
        assert_sent(COMMAND, "NetStream.Publish.BadName");
        ck_assert_str_eq(happened, "");
        teardown();
        setup();
    }
    const char *const apps[] = { "", "a/b", "a b", longest, "?x" };
    for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
        shake();
        put_odd_connect("app", apps[i]);
        assert_refused("names no app");
    }
    const char *const urls[] = { "rtmp://host", "live", "://", "rtmp://host/\"", "\"" };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        shake();
        put_odd_connect("tcUrl", urls[i]);
        assert_refused("names no app");
    }
    /* A key that is no text. */
    shake();
    put_connect("live");
    struct bytes *c = command("publish", 5);
    put_amf_null(c);
    put_amf_number(c, 7);
    put_command(&in, c);
    assert_refused("cannot be");
}
END_TEST

START_TEST(a_key_of_two_parts_with_a_nul_between_is_refused)
{
    shake();
    put_connect("live");
    struct bytes *c = command("publish", 5);
    put_amf_null(c);
    put(c, "\2\0\3k\0x", 6);
    put_command(&in, c);
    assert_refused("cannot be");
}
END_TEST

START_TEST(commands_that_are_nested_too_deep_or_malformed_are_refused)
{
    shake();
    struct bytes *c = command("connect", 1);
    for (int i = 0; i < 10000; i++)
        put(c, "\x03\0\1a", 4);
    put_command(&in, c);
    assert_refused("too deep");
    shake();
    c = command("connect", 1);
    put(c, "\x03\0\3ap", 5);
    put_command(&in, c);
    assert_refused("no valid AMF0");
    shake();
    put_message(&in, 3, 0, COMMAND, "", 0, 128);
    assert_refused("no valid AMF0");
    shake();
    put_message(&in, 3, 0, COMMAND, "\0", 1, 128);
    assert_refused("no valid AMF0");
}
END_TEST

START_TEST(unknown_commands_and_messages_are_ignored)
{
    shake();
    put_text_command("_checkbw", 9, NULL);
    put_message(&in, 3, 0, COMMAND, "\2\0\3foo", 6, 128);
    put_connect("live");
    put_text_command("getStreamLength", 9, "x");
    put_message(&in, 3, 0, 77, "whatever", 8, 128);
    put_message(&in, 3, 0, 16, "\0", 1, 128);
    put_publish("k");
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live k ;");
}
END_TEST

START_TEST(nothing_is_read_while_the_owner_decides)
{
    shake();
    put_connect("live");
    put_publish("k");
    size_t len = in.len;
    put_frame(VIDEO, 0, "\x17\1\0\0\0x", 6);
    size_t behind = in.len - len;
    is_asked_later = true;
    ck_assert_int_eq(feed(), 0);
    ck_assert_uint_eq(in.len, behind);
    ck_assert_int_eq(feed(), 0);
    ck_assert_uint_eq(in.len, behind);
    ck_assert_int_eq(sv_rtmp_publisher_accept(&session, now_ms, &err), 0);
    ck_assert_int_eq(feed(), 0);
    ck_assert_str_eq(happened, "publish live k ;v6@0;");
}
END_TEST

START_TEST(media_of_a_refused_publisher_goes_nowhere)
{
    static const struct {
        int code;
        const char *says;
    } refusals[] = {
        { SYNCTV_E_TOKEN_INVALID, "NetStream.Publish.Unauthorized" },
        { SYNCTV_E_ALREADY_PUBLISHING, "NetStream.Publish.BadName" },
        { SYNCTV_E_OVERLOADED, "NetStream.Publish.Failed" },
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        shake();
        put_connect("live");
        put_publish("k");
        put_frame(VIDEO, 0, "\x17\1\0\0\0x", 6);
        put_publish("k");
        is_asked_later = true;
        ck_assert_int_eq(feed(), 0);
        sv_rtmp_publisher_refuse(&session, now_ms, refusals[i].code, "not you");
        ck_assert_int_eq(feed(), 0);
        ck_assert_uint_eq(in.len, 0);
        ck_assert_str_eq(happened, "publish live k ;");
        assert_sent(COMMAND, refusals[i].says);
        assert_sent(COMMAND, "not you");
        teardown();
        setup();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_publisher_hostile");
    TCase *t = tcase_create("media_publisher_hostile");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_no_rtmp_is_refused_at_its_first_byte);
    tcase_add_test(t, things_come_in_their_order_or_are_refused);
    tcase_add_test(t, who_wants_to_play_is_told_that_this_is_not_the_way);
    tcase_add_test(t, names_that_cannot_be_are_refused_and_never_cut);
    tcase_add_test(t, a_key_of_two_parts_with_a_nul_between_is_refused);
    tcase_add_test(t, commands_that_are_nested_too_deep_or_malformed_are_refused);
    tcase_add_test(t, unknown_commands_and_messages_are_ignored);
    tcase_add_test(t, nothing_is_read_while_the_owner_decides);
    tcase_add_test(t, media_of_a_refused_publisher_goes_nowhere);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
