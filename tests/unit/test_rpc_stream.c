/* SPDX-License-Identifier: MIT */
/* Streams from our channel to our server, over a socket. */
#include "base/list.h"
#include "test_rpc.h"

static struct sv_rpc_server *server;
static struct sv_rpc_channel *channel;

static void setup(void)
{
    server = server_new();
    channel = channel_to(sv_rpc_server_port(server));
}

static void teardown(void)
{
    sv_rpc_channel_free(channel);
    sv_rpc_server_free(server);
    ck_assert_int_eq(value(&streams_open), value(&streams_closed));
}

START_TEST(messages_go_both_ways_in_order)
{
    int order[1000];
    struct talk t = { .order = order };
    talk_begin(channel, "/t.Echo/Stream", &t);
    wait_for(&t.opened, 1);
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        while (talk_say(&t, text) == SYNCTV_E_OVERLOADED)
            usleep(1000);
    }
    wait_for(&t.received, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(order[i], i);
    sv_rpc_client_stream_half_close(t.stream);
    ck_assert_int_eq(talk_end(&t), 0);
}
END_TEST

START_TEST(the_initial_metadata_comes_at_once)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &t);
    wait_for(&t.opened, 1);
    ck_assert_int_eq(value(&t.received), 0);
    sv_rpc_client_stream_cancel(t.stream);
    ck_assert_int_eq(talk_end(&t), 1);
    wait_for(&streams_closed, 1);
}
END_TEST

START_TEST(what_was_said_before_the_end_arrives)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &t);
    for (int i = 0; i < 50; i++)
        talk_say(&t, "x");
    talk_say(&t, "!bye");
    ck_assert_int_eq(talk_end(&t), 8);
    ck_assert_int_eq(t.error.code, SYNCTV_E_ROOM_FULL);
    ck_assert_str_eq(t.error.message, "bye");
    ck_assert_int_eq(t.received, 50);
}
END_TEST

START_TEST(a_stream_may_be_refused)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Refuse", &t);
    talk_say(&t, "x");
    ck_assert_int_eq(talk_end(&t), 16);
    ck_assert_int_eq(t.error.code, SYNCTV_E_TOKEN_MISSING);
    ck_assert_int_eq(t.opened, 0);
}
END_TEST

START_TEST(nothing_can_be_sent_after_the_end)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Refuse", &t);
    wait_for(&t.ended, 1);
    ck_assert_int_eq(talk_say(&t, "x"), SYNCTV_E_NOT_CONNECTED);
    sv_rpc_client_stream_half_close(t.stream);
    sv_rpc_client_stream_cancel(t.stream);
    talk_end(&t);
}
END_TEST

START_TEST(an_unknown_stream_is_unimplemented)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Nothing", &t);
    ck_assert_int_eq(talk_end(&t), 12);
}
END_TEST

START_TEST(a_message_above_the_limit_ends_the_stream)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &t);
    wait_for(&t.opened, 1);
    struct sv_rpc_bytes big = sv_rpc_bytes_new(1 << 20);
    memset(sv_rpc_bytes_data(&big), 0, 1 << 20);
    ck_assert_int_eq(sv_rpc_client_stream_send(t.stream, big), 0);
    wait_for(&t.received, 1);
    ck_assert_uint_eq(t.bytes, 1 << 20);
    sv_rpc_channel_close(channel);
    talk_end(&t);
    sv_rpc_channel_free(channel);

    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    char target[32];
    snprintf(target, sizeof(target), "127.0.0.1:%d", sv_rpc_server_port(server));
    o.target = target;
    o.max_queued_bytes = 4 << 20;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, NULL), 0);
    talk_begin(channel, "/t.Echo/Stream", &t);
    big = sv_rpc_bytes_new((1 << 20) + 1);
    memset(sv_rpc_bytes_data(&big), 0, (1 << 20) + 1);
    ck_assert_int_eq(sv_rpc_client_stream_send(t.stream, big), 0);
    ck_assert_int_eq(talk_end(&t), 8);
    wait_for(&streams_closed, 2);
}
END_TEST

START_TEST(the_send_queue_of_a_client_is_bounded)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Stream", &t);
    talk_say(&t, "!stop");
    int sent = 0;
    while (sent < 100000) {
        struct sv_rpc_bytes b = sv_rpc_bytes_new(1000);
        memset(sv_rpc_bytes_data(&b), 'y', 1000);
        int rv = sv_rpc_client_stream_send(t.stream, b);
        if (rv == SYNCTV_E_OVERLOADED)
            break;
        ck_assert_int_eq(rv, 0);
        sent++;
    }
    ck_assert_int_lt(sent, 100000);
    wait_for(&t.opened, 1);
    ck_assert_int_eq(value(&t.received), 0);
    pthread_mutex_lock(&test_lock);
    struct sv_rpc_stream *stream = sv_rpc_stream_ref(last_stream->stream);
    pthread_mutex_unlock(&test_lock);
    change(&may_go_on, 1);
    wait_for(&t.received, sent > 1000 ? 1000 : sent);
    sv_rpc_client_stream_cancel(t.stream);
    talk_end(&t);
    wait_for(&streams_closed, 1);
    sv_rpc_stream_kick(stream); /* harmless now, both of them */
    sv_rpc_stream_finish(stream, 0, NULL);
    sv_rpc_stream_unref(stream);
}
END_TEST

#define FAN_OUT 200
#define BROADCASTS 50

START_TEST(two_hundred_streams_see_broadcasts_in_one_order)
{
    static struct talk talks[FAN_OUT];
    static int orders[FAN_OUT][BROADCASTS];
    struct sv_rpc_channel *channels[2] = { channel, channel_to(sv_rpc_server_port(server)) };
    for (int i = 0; i < FAN_OUT; i++) {
        talks[i].order = orders[i];
        talk_begin(channels[i % 2], "/t.Echo/Stream", &talks[i]);
    }
    wait_for(&streams_open, FAN_OUT);
    for (int n = 0; n < BROADCASTS; n++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", n);
        struct sv_rpc_bytes b = sv_rpc_bytes_copy(text, strlen(text));
        for (int i = 0; i < FAN_OUT; i++)
            ck_assert(echo_push(all_streams[i], sv_rpc_bytes_ref(b)));
        sv_rpc_bytes_unref(b);
    }
    for (int i = 0; i < FAN_OUT; i++) {
        wait_for(&talks[i].received, BROADCASTS);
        for (int n = 0; n < BROADCASTS; n++)
            ck_assert_int_eq(orders[i][n], n);
    }
    sv_rpc_channel_close(channels[1]);
    sv_rpc_channel_close(channel);
    for (int i = 0; i < FAN_OUT; i++)
        ck_assert_int_eq(talk_end(&talks[i]), 1);
    sv_rpc_channel_free(channels[1]);
    wait_for(&streams_closed, FAN_OUT);
}
END_TEST

START_TEST(a_server_stream_goes_on_after_the_half_close_and_ends_with_its_client)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Feed", &t);
    talk_say(&t, "one");
    sv_rpc_client_stream_half_close(t.stream);
    wait_for(&t.received, 1);
    pthread_mutex_lock(&test_lock);
    struct echo_stream *e = last_stream;
    pthread_mutex_unlock(&test_lock);
    echo_push(e, sv_rpc_bytes_copy("two", 3));
    wait_for(&t.received, 2);
    ck_assert_str_eq(t.last, "two");
    sv_rpc_client_stream_cancel(t.stream);
    talk_end(&t);
    wait_for(&streams_closed, 1);

    talk_begin(channel, "/t.Echo/Feed", &t);
    talk_say(&t, "!bye");
    ck_assert_int_eq(talk_end(&t), 8);
    wait_for(&streams_closed, 2);

    talk_begin(channel, "/t.Echo/Feed", &t);
    sv_rpc_client_stream_half_close(t.stream); /* without the request */
    ck_assert_int_eq(talk_end(&t), 3);
    wait_for(&streams_closed, 3);
}
END_TEST

START_TEST(a_server_stream_takes_one_message)
{
    struct talk t = { 0 };
    talk_begin(channel, "/t.Echo/Feed", &t);
    talk_say(&t, "one");
    wait_for(&t.received, 1);
    talk_say(&t, "two");
    ck_assert_int_eq(talk_end(&t), 3);
    ck_assert_int_eq(value(&t.received), 1);
    wait_for(&streams_closed, 1);
}
END_TEST

START_TEST(a_stream_that_is_told_of_the_half_close_goes_on_until_either_side_ends_it)
{
    for (int i = 0; i < 2; i++) {
        struct talk t = { 0 };
        talk_begin(channel, "/t.Echo/Linger", &t);
        talk_say(&t, "one");
        sv_rpc_client_stream_half_close(t.stream);
        wait_for(&t.received, 2);
        ck_assert_str_eq(t.last, "half-closed"); /* after what came before it */
        pthread_mutex_lock(&test_lock);
        struct echo_stream *e = last_stream;
        pthread_mutex_unlock(&test_lock);
        echo_push(e, sv_rpc_bytes_copy("two", 3));
        wait_for(&t.received, 3);
        if (i == 0)
            sv_rpc_client_stream_cancel(t.stream);
        else
            sv_rpc_stream_finish(e->stream, 0, NULL);
        ck_assert_int_eq(talk_end(&t), i == 0 ? 1 : 0);
        wait_for(&streams_closed, i + 1);
    }
}
END_TEST

START_TEST(streams_of_too_many_connections_are_refused)
{
    sv_rpc_server_free(server);
    struct sv_rpc_server_options o;
    test_options(&o);
    o.max_connections_per_address = 2;
    server = server_with(&o);
    struct sv_rpc_channel *channels[3];
    struct talk talks[3] = { 0 };
    for (int i = 0; i < 3; i++) {
        channels[i] = channel_to(sv_rpc_server_port(server));
        talk_begin(channels[i], "/t.Echo/Stream", &talks[i]);
        if (i < 2)
            wait_for(&talks[i].opened, 1);
    }
    ck_assert_int_eq(talk_end(&talks[2]), 8);
    ck_assert_int_eq(talks[2].error.code, SYNCTV_E_STREAM_LIMIT);
    for (int i = 0; i < 3; i++)
        sv_rpc_channel_free(channels[i]);
    talk_end(&talks[0]);
    talk_end(&talks[1]);
    wait_for(&streams_closed, 2);
}
END_TEST

START_TEST(connections_of_a_trusted_proxy_are_not_counted)
{
    sv_rpc_server_free(server);
    struct sv_rpc_server_options o;
    test_options(&o);
    o.max_connections_per_address = 2;
    o.trusted_proxies = "127.0.0.1";
    server = server_with(&o);
    struct sv_rpc_channel *channels[4];
    struct talk talks[4] = { 0 };
    for (int i = 0; i < 4; i++) {
        channels[i] = channel_to(sv_rpc_server_port(server));
        talk_begin(channels[i], "/t.Echo/Stream", &talks[i]);
        wait_for(&talks[i].opened, 1);
    }
    for (int i = 0; i < 4; i++) {
        sv_rpc_channel_free(channels[i]);
        talk_end(&talks[i]);
    }
    wait_for(&streams_closed, 4);
}
END_TEST

/* ---- streams that are pulled, and compress ---- */

/* What next() gives: so many messages of so many bytes, numbered. */
struct source {
    struct talk talk;
    int n, given;
    size_t len;
    bool packs;
};

static int source_next(struct sv_rpc_client_stream *stream, void *userdata,
    struct sv_rpc_bytes *ret_bytes)
{
    struct source *source = SV_CONTAINER_OF(userdata, struct source, talk);
    if (source->given == value(&source->n))
        return 0;
    *ret_bytes = sv_rpc_bytes_new(source->len);
    memset(sv_rpc_bytes_data(ret_bytes), ' ', source->len);
    char number[16];
    int digits = snprintf(number, sizeof(number), "%d", source->given++);
    memcpy(sv_rpc_bytes_data(ret_bytes), number, (size_t)digits);
    if (source->packs)
        *ret_bytes = sv_rpc_gzip(*ret_bytes);
    return 1;
}

static void source_begin(struct source *source)
{
    static const struct sv_rpc_client_stream_ops ops = { talk_open, talk_message, talk_status,
        source_next, TEST_GZIP_MAX };
    struct sv_rpc_request request = { .path = "/t.Echo/Packed" };
    source->talk.stream = sv_rpc_client_stream_open(channel, &request, &ops, &source->talk);
}

START_TEST(messages_that_are_pulled_go_in_their_order)
{
    int order[1000];
    struct source source = { .talk.order = order, .len = 10 };
    source_begin(&source);
    for (int i = 0; i < 1000; i += 10) {
        change(&source.n, 10);
        sv_rpc_client_stream_kick(source.talk.stream);
    }
    wait_for(&source.talk.received, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(order[i], i);
    ck_assert_int_eq(sv_rpc_client_stream_stalled_ms(source.talk.stream), 0);
    sv_rpc_client_stream_half_close(source.talk.stream);
    ck_assert_int_eq(talk_end(&source.talk), 0);
}
END_TEST

START_TEST(compressed_messages_go_both_ways_where_both_ends_agree)
{
    struct source source = { .n = 3, .len = TEST_GZIP_MAX, .packs = true };
    source_begin(&source);
    sv_rpc_client_stream_kick(source.talk.stream);
    wait_for(&source.talk.received, 3);
    ck_assert_uint_eq(source.talk.bytes, 3 * TEST_GZIP_MAX);
    sv_rpc_client_stream_half_close(source.talk.stream);
    ck_assert_int_eq(talk_end(&source.talk), 0);
}
END_TEST

START_TEST(a_message_that_is_too_large_when_inflated_ends_the_stream)
{
    struct source source = { .n = 1, .len = TEST_GZIP_MAX + 1, .packs = true };
    source_begin(&source);
    sv_rpc_client_stream_kick(source.talk.stream);
    ck_assert_int_eq(talk_end(&source.talk), 8);
    ck_assert_int_eq(source.talk.error.code, SYNCTV_E_TOO_LARGE);
    ck_assert_int_eq(source.talk.received, 0);
}
END_TEST

static int last_next(struct sv_rpc_client_stream *stream, void *userdata,
    struct sv_rpc_bytes *ret_bytes)
{
    sv_rpc_client_stream_half_close(stream);
    return 0;
}

START_TEST(next_may_half_close_when_it_has_nothing_to_give)
{
    static const struct sv_rpc_client_stream_ops ops = { talk_open, talk_message, talk_status,
        last_next, TEST_GZIP_MAX };
    struct sv_rpc_request request = { .path = "/t.Echo/Packed" };
    struct talk talk = { 0 };
    talk.stream = sv_rpc_client_stream_open(channel, &request, &ops, &talk);
    wait_for(&talk.opened, 1);
    sv_rpc_client_stream_kick(talk.stream);
    ck_assert_int_eq(talk_end(&talk), 0);
}
END_TEST

START_TEST(a_kick_after_the_end_does_nothing)
{
    struct source source = { .len = 1 };
    source_begin(&source);
    sv_rpc_client_stream_cancel(source.talk.stream);
    wait_for(&source.talk.ended, 1);
    sv_rpc_client_stream_kick(source.talk.stream);
    ck_assert_int_eq(talk_end(&source.talk), 1);
}
END_TEST

START_TEST(what_is_compressed_can_be_inflated_up_to_its_limit)
{
    static const size_t sizes[] = { 0, 1, 100, 4096, 65536, 1000000 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct sv_rpc_bytes bytes = sv_rpc_bytes_new(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            sv_rpc_bytes_data(&bytes)[k] = (uint8_t)(k % 7);
        bytes = sv_rpc_gzip(bytes);
        ck_assert_int_eq(bytes.is_gzip, sizes[i] >= 100);
        if (bytes.is_gzip) {
            uint8_t *data = sv_rpc_bytes_data(&bytes);
            size_t len = sv_rpc_bytes_len(&bytes), got;
            void *out;
            ck_assert_int_eq(sv_rpc_gunzip(data, len, sizes[i], &out, &got), 0);
            ck_assert_uint_eq(got, sizes[i]);
            for (size_t k = 0; k < got; k++)
                ck_assert_uint_eq(((uint8_t *)out)[k], k % 7);
            free(out);
            ck_assert_int_eq(sv_rpc_gunzip(data, len, sizes[i] - 1, &out, &got),
                SYNCTV_E_TOO_LARGE);
            ck_assert_int_eq(sv_rpc_gunzip(data, len - 1, sizes[i], &out, &got),
                SYNCTV_E_INVALID_ARGUMENT);
            data[len - 5] ^= 1;
            ck_assert_int_eq(sv_rpc_gunzip(data, len, sizes[i], &out, &got),
                SYNCTV_E_INVALID_ARGUMENT);
        }
        sv_rpc_bytes_unref(bytes);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc streams");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, messages_go_both_ways_in_order);
    tcase_add_test(t, the_initial_metadata_comes_at_once);
    tcase_add_test(t, what_was_said_before_the_end_arrives);
    tcase_add_test(t, a_stream_may_be_refused);
    tcase_add_test(t, nothing_can_be_sent_after_the_end);
    tcase_add_test(t, an_unknown_stream_is_unimplemented);
    tcase_add_test(t, a_message_above_the_limit_ends_the_stream);
    tcase_add_test(t, the_send_queue_of_a_client_is_bounded);
    tcase_add_test(t, two_hundred_streams_see_broadcasts_in_one_order);
    tcase_add_test(t, a_server_stream_goes_on_after_the_half_close_and_ends_with_its_client);
    tcase_add_test(t, a_server_stream_takes_one_message);
    tcase_add_test(t, a_stream_that_is_told_of_the_half_close_goes_on_until_either_side_ends_it);
    tcase_add_test(t, streams_of_too_many_connections_are_refused);
    tcase_add_test(t, connections_of_a_trusted_proxy_are_not_counted);
    tcase_add_test(t, messages_that_are_pulled_go_in_their_order);
    tcase_add_test(t, compressed_messages_go_both_ways_where_both_ends_agree);
    tcase_add_test(t, a_message_that_is_too_large_when_inflated_ends_the_stream);
    tcase_add_test(t, next_may_half_close_when_it_has_nothing_to_give);
    tcase_add_test(t, a_kick_after_the_end_does_nothing);
    tcase_add_test(t, what_is_compressed_can_be_inflated_up_to_its_limit);
    suite_add_tcase(s, t);
    return run_suite(s);
}
