/* SPDX-License-Identifier: MIT */
/* The session of a client that publishes, against that of a server. */
#include <stdio.h>

#include <synctv/error.h>

#include "media/gop_cache.h"
#include "media/rtmp_client.h"
#include "media/rtmp_command.h"
#include "media/rtmp_publisher.h"
#include "media_bytes.h"

static struct sv_rtmp_client client;
static struct sv_rtmp_publisher server;
static struct sv_gop_cache cache;
static synctv_error err;
static bool is_refused, has_ended;

static void setup(void)
{
    is_refused = has_ended = false;
    ck_assert_int_eq(sv_rtmp_client_init(&client, "live", "rtmp://localhost/live",
                         "room.movie?token=abc"),
        0);
    sv_rtmp_publisher_init(&server, 0);
    sv_gop_cache_init(&cache);
}

static void teardown(void)
{
    sv_rtmp_client_fini(&client);
    sv_rtmp_publisher_fini(&server);
    sv_gop_cache_fini(&cache);
}

static void on_event(const struct sv_rtmp_publisher_event *event)
{
    switch (event->kind) {
    case SV_RTMP_EVENT_PUBLISH:
        ck_assert_str_eq(server.stream_key, "room.movie");
        ck_assert_str_eq(server.query, "token=abc");
        if (is_refused)
            sv_rtmp_publisher_refuse(&server, 0, SYNCTV_E_TOKEN_EXPIRED, "the token has expired");
        else
            ck_assert_int_eq(sv_rtmp_publisher_accept(&server, 0, &err), 0);
        sv_gop_cache_begin(&cache);
        break;
    case SV_RTMP_EVENT_MEDIA:
        ck_assert_int_ge(sv_gop_cache_add(&cache, event->type, event->timestamp_ms, event->data,
                             event->len),
            0);
        break;
    case SV_RTMP_EVENT_END:
        has_ended = true;
        break;
    }
}

/* To the server. */
static void carry_up(void)
{
    struct sv_buffer *out = &client.connection.out;
    struct sv_rtmp_publisher_event event;
    size_t pos = 0, used;
    int rv;
    if (out->len == 0)
        return;
    while ((rv = sv_rtmp_publisher_feed(&server, 0, out->data + pos, out->len - pos, &used, &event,
                &err)) == 1) {
        pos += used;
        on_event(&event);
    }
    ck_assert_int_eq(rv, 0);
    sv_buffer_consume(out, out->len);
}

/* Both ways until nobody has anything to say. Returns what the client says of it. */
static int carry(void)
{
    int rv = 0;
    struct sv_buffer *down = &server.connection.out;
    for (carry_up(); rv == 0 && down->len > 0; carry_up()) {
        rv = sv_rtmp_client_feed(&client, down->data, down->len, &err);
        sv_buffer_consume(down, down->len);
    }
    return rv;
}

START_TEST(a_client_publishes_what_viewers_get)
{
    static const struct {
        enum sv_media_type type;
        int64_t ms;
        const char *data;
        size_t len;
    } sent[] = {
        { SV_MEDIA_VIDEO, 0, "\x90hvc1cfg", 8 },
        { SV_MEDIA_AUDIO, 0, "\x90Opushead", 9 },
        { SV_MEDIA_VIDEO, 0, "\x91hvc1\0\0\0key", 11 },
        { SV_MEDIA_AUDIO, 5, "\x91Opussound", 10 },
        { SV_MEDIA_VIDEO, 40, "\xa3hvc1frame", 10 },
        /* Where 24 bits end. */
        { SV_MEDIA_VIDEO, 0xffffff - 16760000, "\xa3hvc1frame", 10 },
    };
    struct bytes meta = { 0 };
    put_metadata(&meta, 1920);
    ck_assert_int_eq(carry(), 0);
    ck_assert_int_eq(client.phase, SV_RTMP_CLIENT_PUBLISHES);
    ck_assert_int_eq(sv_rtmp_client_send(&client, SV_MEDIA_METADATA, 0, meta.data, meta.len, &err),
        0);
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
        ck_assert_int_eq(sv_rtmp_client_send(&client, sent[i].type, sent[i].ms,
                             (const uint8_t *)sent[i].data, sent[i].len, &err),
            0);
    ck_assert_int_eq(carry(), 0);
    ck_assert_int_eq(sv_rtmp_client_end(&client, &err), 0);
    carry_up();
    ck_assert(has_ended);

    struct sv_gop_cursor viewer = { 0 };
    struct sv_packet *packets[16];
    ck_assert_int_eq(sv_gop_cache_take(&cache, &viewer, packets, 16), 7);
    ck_assert_uint_eq(sv_packet_data_len(packets[0]), meta.len);
    ck_assert_mem_eq(sv_packet_data(packets[0]), meta.data, meta.len);
    for (size_t i = 0; i < 6; i++) {
        struct sv_packet *p = packets[i + 1];
        ck_assert_int_eq(p->type, sent[i].type);
        ck_assert_int_eq(p->timestamp_ms, sent[i].ms);
        ck_assert_uint_eq(sv_packet_data_len(p), sent[i].len);
        ck_assert_mem_eq(sv_packet_data(p), sent[i].data, sent[i].len);
    }
    for (size_t i = 0; i < 7; i++)
        sv_packet_unref(packets[i]);
    clear(&meta);
}
END_TEST

START_TEST(the_largest_frame_is_published)
{
    static uint8_t frame[8 << 20] = "\x17\1\0\0\0";
    ck_assert_int_eq(carry(), 0);
    ck_assert_int_eq(sv_rtmp_client_send(&client, SV_MEDIA_VIDEO, 0xfffffff, frame, sizeof(frame),
                         &err),
        0);
    ck_assert_int_eq(carry(), 0);
    ck_assert_uint_eq(cache.n_packets, 1);
    /* Two of them are too much to wait. */
    ck_assert_int_eq(sv_rtmp_client_send(&client, SV_MEDIA_VIDEO, 0, frame, sizeof(frame), &err),
        0);
    ck_assert_int_eq(sv_rtmp_client_send(&client, SV_MEDIA_VIDEO, 0, frame, sizeof(frame), &err),
        SYNCTV_E_SLOW_CONSUMER);
}
END_TEST

START_TEST(a_refused_client_hears_why)
{
    is_refused = true;
    ck_assert_int_eq(carry(), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_str_eq(err.message,
        "the server refuses: NetStream.Publish.Unauthorized the token has expired");
    ck_assert_int_eq(client.phase, SV_RTMP_CLIENT_IS_OVER);
    ck_assert_int_eq(sv_rtmp_client_send(&client, SV_MEDIA_AUDIO, 0, (const uint8_t *)"\xaf\1x", 3,
                         &err),
        SYNCTV_E_NOT_CONNECTED);
    ck_assert_int_eq(sv_rtmp_client_end(&client, &err), SYNCTV_E_NOT_CONNECTED);
}
END_TEST

START_TEST(nothing_is_sent_before_the_server_agrees)
{
    ck_assert_int_eq(sv_rtmp_client_send(&client, SV_MEDIA_AUDIO, 0, (const uint8_t *)"\xaf\1x", 3,
                         &err),
        SYNCTV_E_NOT_CONNECTED);
    ck_assert_int_eq(sv_rtmp_client_end(&client, &err), SYNCTV_E_NOT_CONNECTED);
}
END_TEST

/* ---- servers that say strange things ---- */

/* Up to where the client waits for an answer to connect. */
static void begin(void)
{
    static const uint8_t hello[SV_RTMP_HANDSHAKE_BYTES] = { 3 };
    ck_assert_int_eq(sv_rtmp_client_feed(&client, hello, sizeof(hello), &err), 0);
    ck_assert_int_eq(client.phase, SV_RTMP_CLIENT_CONNECTS);
}

static void put_answer(struct bytes *b, const char *name, double transaction, const char *code,
    double number)
{
    struct bytes c = { 0 };
    put_amf_text(&c, name);
    put_amf_number(&c, transaction);
    put_amf_null(&c);
    if (code != NULL) {
        put_amf_object(&c);
        put_amf_name(&c, "level");
        put_amf_text(&c, name[0] == '_' ? "error" : "status");
        put_amf_name(&c, "code");
        put_amf_text(&c, code);
        put_amf_end(&c);
    } else {
        put_amf_number(&c, number);
    }
    put_command(b, &c);
    clear(&c);
}

START_TEST(answers_out_of_their_order_mean_nothing)
{
    struct bytes b = { 0 };
    begin();
    put_answer(&b, "onStatus", 0, "NetStream.Publish.Start", 0);
    put_answer(&b, "_result", 4, NULL, 1);
    put_answer(&b, "_result", 99, NULL, 1);
    put_answer(&b, "_error", 2, "NetConnection.Call.Failed", 0);
    ck_assert_int_eq(sv_rtmp_client_feed(&client, b.data, b.len, &err), 0);
    ck_assert_int_eq(client.phase, SV_RTMP_CLIENT_CONNECTS);
    b.len = 0;
    put_answer(&b, "_result", 1, NULL, 0);
    put_answer(&b, "_result", 4, NULL, 7);
    ck_assert_int_eq(sv_rtmp_client_feed(&client, b.data, b.len, &err), 0);
    ck_assert_int_eq(client.phase, SV_RTMP_CLIENT_ASKS);
    ck_assert_uint_eq(client.stream_id, 7);
    clear(&b);
}
END_TEST

START_TEST(a_stream_of_no_number_is_refused)
{
    static const double numbers[] = { 0, -1, 0.5, 1e300, -1e300, 0.0 / 0.0, 1.0 / 0.0 };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct bytes b = { 0 };
        begin();
        put_answer(&b, "_result", 1, NULL, 0);
        put_answer(&b, "_result", 4, NULL, numbers[i]);
        ck_assert_int_eq(sv_rtmp_client_feed(&client, b.data, b.len, &err),
            SYNCTV_E_INVALID_ARGUMENT);
        clear(&b);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(a_server_that_refuses_to_connect_is_heard)
{
    struct bytes b = { 0 };
    begin();
    put_answer(&b, "_error", 1, "NetConnection.Connect.Rejected", 0);
    ck_assert_int_eq(sv_rtmp_client_feed(&client, b.data, b.len, &err), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "NetConnection.Connect.Rejected"));
    clear(&b);
}
END_TEST

START_TEST(names_that_are_too_long_to_be_said_are_refused)
{
    static char key[5000];
    memset(key, 'k', sizeof(key) - 1);
    teardown();
    setup();
    client.stream_key = key;
    struct bytes b = { 0 };
    begin();
    put_answer(&b, "_result", 1, NULL, 0);
    ck_assert_int_eq(sv_rtmp_client_feed(&client, b.data, b.len, &err), SYNCTV_E_TOO_LARGE);
    clear(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_client");
    TCase *t = tcase_create("media_client");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_client_publishes_what_viewers_get);
    tcase_add_test(t, the_largest_frame_is_published);
    tcase_add_test(t, a_refused_client_hears_why);
    tcase_add_test(t, nothing_is_sent_before_the_server_agrees);
    tcase_add_test(t, answers_out_of_their_order_mean_nothing);
    tcase_add_test(t, a_stream_of_no_number_is_refused);
    tcase_add_test(t, a_server_that_refuses_to_connect_is_heard);
    tcase_add_test(t, names_that_are_too_long_to_be_said_are_refused);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
