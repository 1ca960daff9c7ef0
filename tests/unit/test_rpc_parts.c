/* SPDX-License-Identifier: MIT */
/* The parts of lib/rpc that need no network. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rpc/descriptor.h"
#include "rpc/pb.h"
#include "base/address.h"
#include "rpc/peers.h"
#include "rpc/retry.h"
#include "rpc/status.h"

/* ---- retry ---- */

START_TEST(waits_double_from_100_ms_to_10_s_and_never_fall_below_half)
{
    ck_assert_int_eq(sv_rpc_retry_delay_ms(1, 0), 50);
    ck_assert_int_eq(sv_rpc_retry_delay_ms(1, UINT32_MAX), 99);
    ck_assert_int_eq(sv_rpc_retry_delay_ms(2, 0), 100);
    ck_assert_int_eq(sv_rpc_retry_delay_ms(5, 0), 800);
    ck_assert_int_eq(sv_rpc_retry_delay_ms(8, 0), 5000);
    ck_assert_int_eq(sv_rpc_retry_delay_ms(4000000000u, UINT32_MAX), 9999);
}
END_TEST

START_TEST(only_what_passes_by_itself_is_tried_again)
{
    struct sv_rpc_retry r = { .deadline_ms = INT64_MAX };
    ck_assert_int_ge(sv_rpc_retry_next(&r, SYNCTV_E_NODE_UNAVAILABLE, true, 0, 0, 0), 0);
    ck_assert_int_eq(sv_rpc_retry_next(&r, SYNCTV_E_NODE_UNAVAILABLE, false, 0, 0, 0), -1);
    ck_assert_int_eq(sv_rpc_retry_next(&r, SYNCTV_E_PERMISSION_DENIED, true, 0, 0, 0), -1);
    ck_assert_int_eq(sv_rpc_retry_next(&r, SYNCTV_E_RATE_LIMITED, true, 0, 0, 0), -1);
    ck_assert_int_eq(sv_rpc_retry_next(&r, SYNCTV_E_RATE_LIMITED, false, 70000, 0, 0), 70000);
}
END_TEST

START_TEST(a_budget_ends_the_attempts)
{
    struct sv_rpc_retry r = { .deadline_ms = 1000, .max_attempts = 3 };
    ck_assert_int_eq(sv_rpc_retry_next(&r, SYNCTV_E_NOT_CONNECTED, true, 0, 990, 0), -1);
    r = (struct sv_rpc_retry){ .deadline_ms = INT64_MAX, .max_attempts = 3 };
    ck_assert_int_ge(sv_rpc_retry_next(&r, SYNCTV_E_NOT_CONNECTED, true, 0, 0, 0), 0);
    ck_assert_int_ge(sv_rpc_retry_next(&r, SYNCTV_E_NOT_CONNECTED, true, 0, 0, 0), 0);
    ck_assert_int_eq(sv_rpc_retry_next(&r, SYNCTV_E_NOT_CONNECTED, true, 0, 0, 0), -1);
}
END_TEST

/* ---- protobuf ---- */

START_TEST(what_is_written_is_read)
{
    struct sv_rpc_pb_out inner = { 0 }, out = { 0 };
    sv_rpc_pb_put_varint(&inner, 15, UINT64_MAX);
    sv_rpc_pb_put_string(&inner, 2, "");
    sv_rpc_pb_put_string(&out, 1, "name");
    sv_rpc_pb_put_message(&out, 536870911, &inner);
    struct sv_rpc_pb_in in = sv_rpc_pb_in(out.data, out.len);
    struct sv_rpc_pb_field f;
    ck_assert_int_eq(sv_rpc_pb_next(&in, &f), 1);
    ck_assert(f.number == 1 && sv_rpc_pb_is(&f, "name"));
    ck_assert_int_eq(sv_rpc_pb_next(&in, &f), 1);
    ck_assert_uint_eq(f.number, 536870911);
    struct sv_rpc_pb_in in2 = sv_rpc_pb_in(f.data, f.len);
    ck_assert_int_eq(sv_rpc_pb_next(&in2, &f), 1);
    ck_assert(f.number == 15 && f.type == SV_RPC_PB_VARINT && f.value == UINT64_MAX);
    ck_assert_int_eq(sv_rpc_pb_next(&in2, &f), 0);
    ck_assert_int_eq(sv_rpc_pb_next(&in, &f), 0);
    sv_rpc_pb_out_free(&out);
}
END_TEST

START_TEST(malformed_bytes_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        { "\x80", 1 },             /* half a tag */
        { "\x00\x01", 2 },         /* field 0 */
        { "\x08", 1 },             /* no value */
        { "\x0a\x05xy", 4 },       /* shorter than it says */
        { "\x0b", 1 },             /* groups */
        { "\x0d\x01\x02", 3 },     /* half a fixed32 */
        { "\x09\x01\x02\x03", 4 }, /* half a fixed64 */
        { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
        { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sv_rpc_pb_in in = sv_rpc_pb_in(bad[i].bytes, bad[i].len);
        struct sv_rpc_pb_field f;
        ck_assert_int_eq(sv_rpc_pb_next(&in, &f), -1);
    }
    struct sv_rpc_pb_in empty = sv_rpc_pb_in(NULL, 0);
    struct sv_rpc_pb_field f;
    ck_assert_int_eq(sv_rpc_pb_next(&empty, &f), 0);
}
END_TEST

/* ---- status ---- */

START_TEST(an_error_survives_the_wire)
{
    synctv_error err = { .code = SYNCTV_E_RATE_LIMITED, .retry_after_ms = 1500, .message = "slow" };
    strcpy(err.field, "movie.url");
    struct sv_rpc_detail extra = { .type_url = "t/x.State", .data = "abc", .len = 3 };
    struct sv_rpc_bytes packed = sv_rpc_status_pack(8, &err, &extra);
    synctv_error got;
    struct sv_rpc_detail got_extra;
    ck_assert_int_eq(sv_rpc_status_parse(8, "slow", sv_rpc_bytes_data(&packed),
                         sv_rpc_bytes_len(&packed), &got, &got_extra),
        SYNCTV_E_RATE_LIMITED);
    ck_assert_int_eq(got.retry_after_ms, 1500);
    ck_assert_str_eq(got.field, "movie.url");
    ck_assert_str_eq(got.message, "slow");
    ck_assert_uint_eq(got_extra.type_url_len, 9);
    ck_assert_mem_eq(got_extra.type_url, "t/x.State", 9);
    ck_assert_uint_eq(got_extra.len, 3);
    ck_assert_mem_eq(got_extra.data, "abc", 3);
    sv_rpc_bytes_unref(packed);
}
END_TEST

START_TEST(a_detail_that_does_not_fit_is_left_out)
{
    synctv_error err = { .code = SYNCTV_E_VERSION_CONFLICT, .message = "stale" };
    char *big = calloc(1, SV_RPC_STATUS_MAX);
    struct sv_rpc_detail extra = { .type_url = "t/x", .data = big, .len = SV_RPC_STATUS_MAX - 20 };
    struct sv_rpc_bytes packed = sv_rpc_status_pack(10, &err, &extra);
    ck_assert_uint_le(sv_rpc_bytes_len(&packed), SV_RPC_STATUS_MAX);
    synctv_error got;
    struct sv_rpc_detail got_extra;
    sv_rpc_status_parse(10, "stale", sv_rpc_bytes_data(&packed), sv_rpc_bytes_len(&packed), &got,
        &got_extra);
    ck_assert_int_eq(got.code, SYNCTV_E_VERSION_CONFLICT);
    ck_assert_ptr_null(got_extra.type_url);
    sv_rpc_bytes_unref(packed);
    free(big);
}
END_TEST

START_TEST(a_plain_status_gets_the_nearest_code)
{
    synctv_error got;
    ck_assert_int_eq(sv_rpc_status_parse(14, NULL, NULL, 0, &got, NULL), SYNCTV_E_NODE_UNAVAILABLE);
    ck_assert_str_ne(got.message, "");
    ck_assert_int_eq(sv_rpc_status_parse(4, "", NULL, 0, &got, NULL), SYNCTV_E_TIMEOUT);
    ck_assert_int_eq(sv_rpc_status_parse(99, "?", NULL, 0, &got, NULL), SYNCTV_E_INTERNAL);
    ck_assert_int_eq(sv_rpc_status_parse(0, "", NULL, 0, &got, NULL), 0);
}
END_TEST

START_TEST(hostile_details_leave_the_plain_status)
{
    unsigned char junk[300];
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(junk);
        for (size_t i = 0; i < len; i++)
            junk[i] = (unsigned char)(rand_r(&seed) % 4 == 0 ? rand_r(&seed) : 10 + (int)i % 24);
        synctv_error got;
        ck_assert_int_lt(sv_rpc_status_parse(13, "\xff\xfe", junk, len, &got, NULL), 0);
        ck_assert_str_ne(got.message, "");
    }
}
END_TEST

START_TEST(a_long_text_is_cut_between_characters)
{
    char text[400];
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "ä", 3);
    synctv_error got;
    sv_rpc_status_parse(13, text, NULL, 0, &got, NULL);
    ck_assert_uint_eq(strlen(got.message), 198);
}
END_TEST

/* ---- peers ---- */

static int enter(struct sv_rpc_peers *p, const char *name, bool needs_no_sign_in,
    struct sv_rpc_peer **ret_peer)
{
    struct in6_addr address;
    ck_assert(sv_address_of_peer(name, &address));
    return sv_rpc_peers_add_stream(p, name, &address, needs_no_sign_in, ret_peer);
}

static int begin_answer(struct sv_rpc_peers *p, const char *name, size_t bytes,
    struct sv_rpc_peer **ret_peer)
{
    struct in6_addr address;
    ck_assert(sv_address_of_peer(name, &address));
    return sv_rpc_peers_begin_answer(p, name, &address, bytes, ret_peer);
}

START_TEST(connections_of_an_address_are_limited_streams_are_not)
{
    struct sv_rpc_peers *p = sv_rpc_peers_new(2);
    struct sv_rpc_peer *a, *b, *c, *a2;
    ck_assert_int_eq(enter(p, "ipv6:%5B2001:db8::1%5D:1", false, &a), 0);
    ck_assert_int_eq(enter(p, "ipv6:%5B2001:db8::1%5D:1", false, &a2), 0);
    ck_assert_int_eq(enter(p, "ipv6:%5B2001:db8::2%5D:1", false, &b), 0);
    ck_assert_int_eq(enter(p, "ipv6:%5B2001:db8::3%5D:1", false, &c), SYNCTV_E_STREAM_LIMIT);
    ck_assert_int_eq(enter(p, "ipv6:%5B2001:db8:0:1::3%5D:1", false, &c), 0);
    sv_rpc_peers_remove_stream(p, c, false);
    sv_rpc_peers_remove_stream(p, b, false);
    ck_assert_int_eq(enter(p, "ipv6:%5B2001:db8::3%5D:1", false, &c), 0);
    sv_rpc_peers_remove_stream(p, c, false);
    sv_rpc_peers_remove_stream(p, a, false);
    sv_rpc_peers_remove_stream(p, a2, false);
    sv_rpc_peers_free(p);
}
END_TEST

START_TEST(what_counts_for_no_address_has_no_limits_of_one)
{
    struct sv_rpc_peers *p = sv_rpc_peers_new(1);
    struct sv_rpc_peer *streams[3], *answers[5], *one, *more;
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%d", i);
        ck_assert_int_eq(sv_rpc_peers_add_stream(p, name, NULL, false, &streams[i]), 0);
    }
    ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:1", false, &one), 0);
    ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:2", false, &more), SYNCTV_E_STREAM_LIMIT);
    for (int i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%d", i);
        ck_assert_int_eq(sv_rpc_peers_begin_answer(p, name, NULL, SV_RPC_PEER_ANSWER_BYTES,
                             &answers[i]),
            0);
    }
    for (int i = 0; i < 3; i++)
        sv_rpc_peers_remove_stream(p, streams[i], false);
    sv_rpc_peers_remove_stream(p, one, false);
    for (int i = 0; i < 5; i++)
        sv_rpc_peers_end_answer(p, answers[i], SV_RPC_PEER_ANSWER_BYTES);
    sv_rpc_peers_free(p);
}
END_TEST

START_TEST(streams_without_sign_in_are_few_on_each_connection)
{
    struct sv_rpc_peers *p = sv_rpc_peers_new(0);
    struct sv_rpc_peer *open[SV_RPC_PEER_OPEN_STREAMS], *more, *other;
    for (int i = 0; i < SV_RPC_PEER_OPEN_STREAMS; i++)
        ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:1", true, &open[i]), 0);
    ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:1", true, &more), SYNCTV_E_STREAM_LIMIT);
    ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:1", false, &more), 0);
    ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:2", true, &other), 0);
    sv_rpc_peers_remove_stream(p, open[0], true);
    ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:1", true, &open[0]), 0);
    for (int i = 0; i < SV_RPC_PEER_OPEN_STREAMS; i++)
        sv_rpc_peers_remove_stream(p, open[i], true);
    sv_rpc_peers_remove_stream(p, more, false);
    sv_rpc_peers_remove_stream(p, other, true);
    sv_rpc_peers_free(p);
}
END_TEST

START_TEST(answers_under_way_are_bounded_by_connection_network_and_in_all)
{
    struct sv_rpc_peers *p = sv_rpc_peers_new(1);
    struct sv_rpc_peer *held[SV_RPC_ALL_ANSWER_BYTES / SV_RPC_PEER_ANSWER_BYTES], *more, *stream;
    const size_t full = SV_RPC_PEER_ANSWER_BYTES;
    int n = 0;
    for (int host = 0; host < 4; host++) {
        for (int port = 0; port < 4; port++) {
            char name[40];
            snprintf(name, sizeof(name), "ipv4:10.0.0.%d:%d", host, port);
            ck_assert_int_eq(begin_answer(p, name, full, &held[n++]), 0);
            ck_assert_int_eq(begin_answer(p, name, 1, &more), SYNCTV_E_OVERLOADED);
        }
        char name[40];
        snprintf(name, sizeof(name), "ipv4:10.0.0.%d:9", host);
        ck_assert_int_eq(begin_answer(p, name, 1, &more), SYNCTV_E_OVERLOADED);
    }
    ck_assert_int_eq(begin_answer(p, "ipv4:10.0.1.1:1", 1, &more), SYNCTV_E_OVERLOADED);
    ck_assert_int_eq(enter(p, "ipv4:10.0.0.1:9", false, &stream), 0); /* no answer is a stream */
    sv_rpc_peers_remove_stream(p, stream, false);
    while (n > 0)
        sv_rpc_peers_end_answer(p, held[--n], full);
    ck_assert_int_eq(begin_answer(p, "ipv4:10.0.0.1:1", 10 * full, &more), 0);
    sv_rpc_peers_end_answer(p, more, 10 * full); /* one alone may have any size */
    sv_rpc_peers_free(p);

    p = sv_rpc_peers_new(0);
    for (int port = 0; port < SV_RPC_ALL_ANSWER_BYTES / SV_RPC_PEER_ANSWER_BYTES; port++) {
        char name[40];
        snprintf(name, sizeof(name), "ipv4:10.0.0.1:%d", port);
        ck_assert_int_eq(begin_answer(p, name, full, &held[n++]), 0);
    }
    ck_assert_int_eq(begin_answer(p, "ipv4:10.0.0.1:99", 1, &more), SYNCTV_E_OVERLOADED);
    while (n > 0)
        sv_rpc_peers_end_answer(p, held[--n], full);
    sv_rpc_peers_free(p);
}
END_TEST

/* ---- descriptors ---- */

START_TEST(junk_is_no_descriptor_set)
{
    struct sv_rpc_descriptors *d;
    ck_assert_int_lt(sv_rpc_descriptors_new("\x0a\xff", 2, &d), 0);
    ck_assert_int_eq(sv_rpc_descriptors_new("", 0, &d), 0);
    ck_assert_int_eq(sv_rpc_descriptors_find_symbol(d, "x", 1), -1);
    sv_rpc_descriptors_free(d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc parts");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, waits_double_from_100_ms_to_10_s_and_never_fall_below_half);
    tcase_add_test(t, only_what_passes_by_itself_is_tried_again);
    tcase_add_test(t, a_budget_ends_the_attempts);
    tcase_add_test(t, what_is_written_is_read);
    tcase_add_test(t, malformed_bytes_are_refused);
    tcase_add_test(t, an_error_survives_the_wire);
    tcase_add_test(t, a_detail_that_does_not_fit_is_left_out);
    tcase_add_test(t, a_plain_status_gets_the_nearest_code);
    tcase_add_test(t, hostile_details_leave_the_plain_status);
    tcase_add_test(t, a_long_text_is_cut_between_characters);
    tcase_add_test(t, connections_of_an_address_are_limited_streams_are_not);
    tcase_add_test(t, what_counts_for_no_address_has_no_limits_of_one);
    tcase_add_test(t, streams_without_sign_in_are_few_on_each_connection);
    tcase_add_test(t, answers_under_way_are_bounded_by_connection_network_and_in_all);
    tcase_add_test(t, junk_is_no_descriptor_set);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
