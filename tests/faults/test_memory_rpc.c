/* SPDX-License-Identifier: MIT */
/* Each allocation of ours fails, one after the other, while a call or a stream begins: it is
 * refused, and the next one is not. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/channel.h"
#include "short_memory.h"

static struct sv_rpc_channel *channel;
static const struct sv_rpc_md metadata = { .key = "authorization", .value = "Bearer x" };
static const struct sv_rpc_request request = {
    .path = "/t.Echo/Echo", .metadata = &metadata, .n_metadata = 1, .timeout_ms = 10000
};
static int n_done;

static void setup(void)
{
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = "127.0.0.1:1"; /* nobody is there */
    o.threads = 0;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, NULL), 0);
    n_done = 0;
}

static void teardown(void)
{
    sv_rpc_channel_free(channel);
}

static void expect_one_more(int before)
{
    while (n_done == before)
        sv_rpc_channel_poll(channel, 100);
    ck_assert_int_eq(n_done, before + 1);
}

static void on_done(void *userdata, const struct sv_rpc_answer *answer)
{
    ck_assert_int_ne(answer->error.code, 0);
    n_done++;
}

START_TEST(a_call_without_memory_is_refused)
{
    int n_refused = 0;
    SHORT_MEMORY_SWEEP
    {
        int before = n_done;
        int rv = sv_rpc_unary(channel, &request, sv_rpc_bytes_copy("x", 1), on_done, NULL);
        if (short_memory_end()) {
            ck_assert_int_eq(rv, SYNCTV_E_NO_MEMORY);
            sv_rpc_channel_poll(channel, 0);
            ck_assert_int_eq(n_done, before);
            n_refused++;
        } else {
            ck_assert_int_eq(rv, 0);
            expect_one_more(before);
        }
    }
    ck_assert_int_gt(n_refused, 0);
}
END_TEST

static void on_status(struct sv_rpc_client_stream *stream, void *userdata,
    const struct sv_rpc_answer *answer)
{
    on_done(userdata, answer);
}

static void on_message(struct sv_rpc_client_stream *stream, void *userdata, const void *data,
    size_t len)
{
}

START_TEST(a_stream_without_memory_is_refused)
{
    static const struct sv_rpc_client_stream_ops ops = { .on_message = on_message,
        .on_status = on_status };
    int n_refused = 0;
    SHORT_MEMORY_SWEEP
    {
        int before = n_done;
        struct sv_rpc_client_stream *stream =
            sv_rpc_client_stream_open(channel, &request, &ops, NULL);
        int rv = stream == NULL ? SYNCTV_E_NO_MEMORY
                                : sv_rpc_client_stream_send(stream, sv_rpc_bytes_copy("x", 1));
        if (short_memory_end()) {
            ck_assert_int_eq(rv, SYNCTV_E_NO_MEMORY);
            n_refused++;
        } else {
            ck_assert_int_eq(rv, 0);
        }
        if (stream != NULL)
            expect_one_more(before);
        sv_rpc_client_stream_unref(stream);
        ck_assert_int_eq(n_done, before + (stream != NULL));
    }
    ck_assert_int_ge(n_refused, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory of calls");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_call_without_memory_is_refused);
    tcase_add_test(tcase, a_stream_without_memory_is_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
