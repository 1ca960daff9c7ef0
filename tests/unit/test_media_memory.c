/* SPDX-License-Identifier: MIT */
/*
 * Fails every allocation in turn. What allocates in lib/media is compiled into this test with an
 * allocator that runs dry on demand.
 */
#include "media_bytes.h"

static int allocations_left = -1; /* < 0 = any number */

static int runs_dry(void)
{
    if (allocations_left < 0)
        return 0;
    if (allocations_left == 0)
        return 1;
    allocations_left--;
    return 0;
}

static void *dry_malloc(size_t size)
{
    return runs_dry() ? NULL : malloc(size);
}

static void *dry_calloc(size_t n, size_t size)
{
    return runs_dry() ? NULL : calloc(n, size);
}

static void *dry_realloc(void *p, size_t size)
{
    return runs_dry() ? NULL : realloc(p, size);
}

#define malloc dry_malloc
#define calloc dry_calloc
#define realloc dry_realloc
#include "media/buffer.c"
#include "media/gop_cache.c"
#include "media/packet.c"
#undef malloc
#undef calloc
#undef realloc

#include "media/rtmp_client.h"
#include "media/rtmp_publisher.h"

/* ---- the cache ---- */

static struct sv_gop_cache cache;

static int add(enum sv_media_type type, int64_t ms, const char *data, size_t len)
{
    return sv_gop_cache_add(&cache, type, ms, (const uint8_t *)data, len);
}

START_TEST(a_frame_that_is_lost_takes_those_with_it_that_need_it)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        sv_gop_cache_init(&cache);
        ck_assert_int_eq(add(SV_MEDIA_VIDEO, 0, "\x17\1\0\0\0k", 6), 1);
        /* Up to where the ring has to grow, so that either of two allocations may fail. */
        while (cache.n_packets < cache.capacity)
            ck_assert_int_eq(add(SV_MEDIA_VIDEO, 40, "\x27\1\0\0\0i", 6), 1);
        allocations_left = allowed;
        ck_assert_int_eq(add(SV_MEDIA_VIDEO, 80, "\x27\1\0\0\0i", 6), SYNCTV_E_NO_MEMORY);
        allocations_left = -1;
        ck_assert_int_eq(add(SV_MEDIA_VIDEO, 120, "\x27\1\0\0\0i", 6), 0);
        ck_assert_int_eq(add(SV_MEDIA_AUDIO, 120, "\xaf\1s", 3), 1);
        ck_assert_int_eq(add(SV_MEDIA_VIDEO, 160, "\x17\1\0\0\0k", 6), 1);
        ck_assert_int_eq(add(SV_MEDIA_VIDEO, 200, "\x27\1\0\0\0i", 6), 1);
        sv_gop_cache_fini(&cache);
    }
}
END_TEST

START_TEST(a_lost_header_may_come_again)
{
    sv_gop_cache_init(&cache);
    for (int allowed = 0; allowed < 2; allowed++) {
        allocations_left = allowed;
        ck_assert_int_eq(add(SV_MEDIA_VIDEO, 0, "\x17\0\0\0\0c", 6), SYNCTV_E_NO_MEMORY);
        allocations_left = -1;
    }
    ck_assert_int_eq(add(SV_MEDIA_VIDEO, 0, "\x17\0\0\0\0c", 6), 1);
    sv_gop_cache_fini(&cache);
}
END_TEST

START_TEST(a_viewer_for_whom_there_is_no_memory_has_taken_nothing)
{
    struct sv_gop_cursor viewer = { 0 };
    struct sv_packet *packets[SV_GOP_TAKE_MIN];
    sv_gop_cache_init(&cache);
    add(SV_MEDIA_VIDEO, 0, "\x17\0\0\0\0c", 6);
    add(SV_MEDIA_AUDIO, 0, "\xaf\0h", 3);
    add(SV_MEDIA_VIDEO, 0, "\x17\1\0\0\0k", 6);
    for (int allowed = 0; allowed < 2; allowed++) {
        struct sv_gop_cursor none = { 0 };
        /* What was stamped before the failure is kept for the next attempt. */
        allocations_left = 0;
        ck_assert_int_eq(sv_gop_cache_take(&cache, &viewer, packets, SV_GOP_TAKE_MIN),
            SYNCTV_E_NO_MEMORY);
        allocations_left = -1;
        ck_assert_mem_eq(&viewer, &none, sizeof(viewer));
        allocations_left = 1;
        int rv = sv_gop_cache_take(&cache, &viewer, packets, SV_GOP_TAKE_MIN);
        allocations_left = -1;
        if (rv > 0) {
            ck_assert_int_eq(rv, 3);
            for (int i = 0; i < rv; i++)
                sv_packet_unref(packets[i]);
            sv_gop_cache_fini(&cache);
            return;
        }
        ck_assert_int_eq(rv, SYNCTV_E_NO_MEMORY);
    }
    ck_abort_msg("two headers need two allocations");
}
END_TEST

/* ---- sessions ---- */

/* A client publishes to a server; returns 0, or the first error. Both are alive afterwards. */
static int publish(struct sv_rtmp_client *client, struct sv_rtmp_publisher *server)
{
    static uint8_t frame[100000] = "\x17\1\0\0\0";
    synctv_error err;
    int rv = sv_rtmp_client_init(client, "live", "rtmp://localhost/live", "key");
    int n_frames = 0;
    while (rv == 0 && n_frames < 3) {
        struct sv_buffer *up = &client->connection.out, *down = &server->connection.out;
        struct sv_rtmp_publisher_event event;
        size_t pos = 0, used;
        while ((rv = sv_rtmp_publisher_feed(server, 0, up->len > 0 ? up->data + pos : frame,
                    up->len - pos, &used, &event, &err)) == 1) {
            pos += used;
            n_frames += event.kind == SV_RTMP_EVENT_MEDIA;
            if (event.kind == SV_RTMP_EVENT_PUBLISH &&
                (rv = sv_rtmp_publisher_accept(server, 0, &err)) < 0)
                break;
        }
        sv_buffer_consume(up, up->len);
        if (rv == 0 && down->len > 0) {
            rv = sv_rtmp_client_feed(client, down->data, down->len, &err);
            sv_buffer_consume(down, down->len);
        } else if (rv == 0) {
            rv = sv_rtmp_client_send(client, SV_MEDIA_VIDEO, 0, frame, sizeof(frame), &err);
            if (rv == 0)
                rv = sv_rtmp_client_send(client, SV_MEDIA_METADATA, 0, frame, 10, &err);
        }
    }
    return rv;
}

START_TEST(sessions_that_run_out_of_memory_say_so_and_leave_nothing)
{
    int rv = SYNCTV_E_NO_MEMORY, allowed = 0;
    for (; rv < 0; allowed++) {
        struct sv_rtmp_client client;
        struct sv_rtmp_publisher server;
        ck_assert_int_lt(allowed, 1000);
        sv_rtmp_publisher_init(&server, 0);
        allocations_left = allowed;
        rv = publish(&client, &server);
        allocations_left = -1;
        ck_assert(rv == 0 || rv == SYNCTV_E_NO_MEMORY);
        sv_rtmp_client_fini(&client);
        sv_rtmp_publisher_fini(&server);
    }
    ck_assert_int_gt(allowed, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_memory");
    TCase *t = tcase_create("media_memory");
    suite_add_tcase(suite, t);
    tcase_add_test(t, a_frame_that_is_lost_takes_those_with_it_that_need_it);
    tcase_add_test(t, a_lost_header_may_come_again);
    tcase_add_test(t, a_viewer_for_whom_there_is_no_memory_has_taken_nothing);
    tcase_add_test(t, sessions_that_run_out_of_memory_say_so_and_leave_nothing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
