/* SPDX-License-Identifier: MIT */
/* The stream's time, and what viewers get from the cache. */
#include <stdio.h>

#include <synctv/error.h>

#include "media/gop_cache.h"
#include "media_bytes.h"

static struct sv_gop_cache cache;
/* What a viewer got, as words: K v a frames, M V I A J headers; with their times. */
static char seen[8192];
static struct sv_packet *packets[64];

static void setup(void)
{
    sv_gop_cache_init(&cache);
    seen[0] = '\0';
}

static void teardown(void)
{
    sv_gop_cache_fini(&cache);
}

/* ---- the publisher ---- */

static int add(enum sv_media_type type, int64_t ms, const char *data, size_t len)
{
    return sv_gop_cache_add(&cache, type, ms, (const uint8_t *)data, len);
}

static int key(int64_t ms)
{
    return add(SV_MEDIA_VIDEO, ms, "\x17\1\0\0\0k", 6);
}

static int inter(int64_t ms)
{
    return add(SV_MEDIA_VIDEO, ms, "\x27\1\0\0\0i", 6);
}

static int audio(int64_t ms)
{
    return add(SV_MEDIA_AUDIO, ms, "\xaf\1s", 3);
}

static int video_header(char number)
{
    const char data[] = { 0x17, 0, 0, 0, 0, number };
    return add(SV_MEDIA_VIDEO, 0, data, sizeof(data));
}

static int audio_header(char number)
{
    const char data[] = { '\xaf', 0, number };
    return add(SV_MEDIA_AUDIO, 0, data, sizeof(data));
}

static int metadata(double width)
{
    struct bytes b = { 0 };
    put_metadata(&b, width);
    int rv = sv_gop_cache_add(&cache, SV_MEDIA_METADATA, 0, b.data, b.len);
    clear(&b);
    return rv;
}

static void headers(void)
{
    sv_gop_cache_begin(&cache);
    ck_assert_int_eq(metadata(640), 1);
    ck_assert_int_eq(video_header(1), 1);
    ck_assert_int_eq(audio_header(1), 1);
}

/* A key frame, then frames each 100 ms, with sound. */
static void gop(int64_t from_ms, int64_t to_ms)
{
    for (int64_t ms = from_ms; ms < to_ms; ms += 100) {
        ck_assert_int_eq(ms == from_ms ? key(ms) : inter(ms), 1);
        ck_assert_int_eq(audio(ms), 1);
    }
}

/* ---- a viewer ---- */

static int64_t stamp_of(const struct sv_packet *p)
{
    return (int64_t)p->tag[7] << 24 | p->tag[4] << 16 | p->tag[5] << 8 | p->tag[6];
}

/* Takes up to `max` packets into `seen`; returns how many. */
static int take(struct sv_gop_cursor *viewer, size_t max)
{
    int n = sv_gop_cache_take(&cache, viewer, packets, max);
    ck_assert_int_ge(n, 0);
    ck_assert_uint_le((size_t)n, max);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(seen);
        snprintf(seen + len, sizeof(seen) - len, "%c%lld ", "MVIAJKva"[packets[i]->kind],
            (long long)stamp_of(packets[i]));
        sv_packet_unref(packets[i]);
    }
    return n;
}

static void take_all(struct sv_gop_cursor *viewer)
{
    seen[0] = '\0';
    while (take(viewer, 64) > 0)
        ;
}

static void assert_begins(const char *words)
{
    ck_assert_msg(strncmp(seen, words, strlen(words)) == 0, "%s", seen);
}

/* ---- time ---- */

START_TEST(the_first_publication_keeps_its_times)
{
    struct sv_timeline t = { 0 };
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_AUDIO, 1000), 1000);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, 1010), 1010);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_AUDIO, 1021), 1021);
}
END_TEST

START_TEST(times_that_would_soon_be_too_large_or_are_negative_begin_at_0)
{
    static const int64_t firsts[] = { -1, -3600000, INT64_C(1) << 30, 0xffffffff, INT64_MAX,
        INT64_MIN };
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        struct sv_timeline t = { 0 };
        ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, firsts[i]), 0);
    }
    struct sv_timeline t = { 0 };
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, -100), 0);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_AUDIO, -120), 0);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, -60), 40);
}
END_TEST

START_TEST(another_publisher_goes_on_one_frame_later_with_one_offset)
{
    struct sv_timeline t = { 0 };
    for (int64_t ms = 0; ms <= 400; ms += 40) {
        sv_timeline_place(&t, SV_TIMELINE_VIDEO, ms);
        sv_timeline_place(&t, SV_TIMELINE_AUDIO, ms + 10);
    }
    sv_timeline_break(&t);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_AUDIO, 7000), 410 + 40);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, 7005), 410 + 45);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_AUDIO, 7023), 410 + 63);
}
END_TEST

START_TEST(the_time_moves_at_most_a_second_at_a_seam)
{
    struct sv_timeline t = { 0 };
    sv_timeline_place(&t, SV_TIMELINE_VIDEO, 0);
    sv_timeline_place(&t, SV_TIMELINE_VIDEO, 10000);
    sv_timeline_break(&t);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, 123456), 11000);
}
END_TEST

START_TEST(a_clock_that_jumps_is_a_seam)
{
    static const int64_t jumps[] = { 30001, -3001, INT64_C(1) << 31, -(INT64_C(1) << 31),
        INT64_C(1) << 62, INT64_MIN };
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        struct sv_timeline t = { 0 };
        sv_timeline_place(&t, SV_TIMELINE_VIDEO, 10000);
        sv_timeline_place(&t, SV_TIMELINE_VIDEO, 10040);
        int64_t there = (int64_t)(10040 + (uint64_t)jumps[i]);
        ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, there), 10080);
        ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_AUDIO, there + 5), 10085);
        /* And back, unless that is no further than a gap may be. */
        if (jumps[i] == -3001)
            continue;
        ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, 10080), 10125);
    }
}
END_TEST

START_TEST(a_gap_is_no_jump_and_a_track_does_not_go_back)
{
    struct sv_timeline t = { 0 };
    sv_timeline_place(&t, SV_TIMELINE_VIDEO, 1000);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, 25000), 25000);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, 24000), 25000);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_AUDIO, 24000), 24000);
    ck_assert_int_eq(sv_timeline_place(&t, SV_TIMELINE_VIDEO, 25040), 25040);
}
END_TEST

/* ---- where a viewer begins ---- */

START_TEST(a_viewer_gets_headers_at_the_time_of_its_key_frame_then_all_that_follows)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 2000);
    gop(2000, 3000);
    take_all(&viewer);
    assert_begins("M0 V2000 A2000 K2000 a2000 v2100 a2100 ");
    key(3000);
    take_all(&viewer);
    ck_assert_str_eq(seen, "K3000 ");
}
END_TEST

START_TEST(it_begins_at_the_newest_key_frame_that_is_half_a_second_old)
{
    headers();
    gop(0, 2000);
    gop(2000, 2500);
    struct sv_gop_cursor early = { 0 }, later = { 0 };
    take_all(&early);
    assert_begins("M0 V0 A0 K0 ");
    inter(2500);
    take_all(&later);
    assert_begins("M0 V2000 A2000 K2000 ");
}
END_TEST

START_TEST(until_there_is_a_key_frame_there_is_nothing)
{
    struct sv_gop_cursor viewer = { 0 };
    take_all(&viewer);
    headers();
    ck_assert_int_eq(inter(0), 0);
    ck_assert_int_eq(inter(40), 0);
    ck_assert_int_eq(audio(40), 1);
    take_all(&viewer);
    ck_assert_str_eq(seen, "");
    ck_assert(!sv_gop_cache_is_ready(&cache));
    key(80);
    inter(120);
    take_all(&viewer);
    ck_assert_str_eq(seen, "M0 V80 A80 K80 v120 ");
}
END_TEST

START_TEST(the_tracks_are_known_before_a_viewer_begins)
{
    /* The sound's header comes some ms after the picture's. */
    sv_gop_cache_begin(&cache);
    video_header(1);
    key(0);
    inter(40);
    ck_assert(!sv_gop_cache_is_ready(&cache));
    audio_header(1);
    ck_assert(sv_gop_cache_is_ready(&cache));
    ck_assert(sv_gop_cache_has_audio(&cache) && sv_gop_cache_has_video(&cache));
    struct sv_gop_cursor viewer = { 0 };
    take_all(&viewer);
    assert_begins("V0 K0 v40 A40 ");
}
END_TEST

START_TEST(a_stream_without_sound_is_not_waited_for_long)
{
    sv_gop_cache_begin(&cache);
    video_header(1);
    key(1000);
    inter(1480);
    ck_assert(!sv_gop_cache_is_ready(&cache));
    inter(1500);
    ck_assert(sv_gop_cache_is_ready(&cache));
    ck_assert(!sv_gop_cache_has_audio(&cache));
}
END_TEST

START_TEST(a_stream_without_picture_begins_at_any_second)
{
    struct sv_gop_cursor first = { 0 }, later = { 0 };
    sv_gop_cache_begin(&cache);
    audio_header(1);
    for (int ms = 0; ms < 500; ms += 20)
        audio(ms);
    ck_assert(!sv_gop_cache_is_ready(&cache));
    for (int ms = 500; ms < 4000; ms += 20)
        audio(ms);
    ck_assert(sv_gop_cache_is_ready(&cache));
    ck_assert(!sv_gop_cache_has_video(&cache));
    take_all(&first);
    assert_begins("A2500 a2500 a2520 ");
    for (int ms = 4000; ms < 4100; ms += 20)
        audio(ms);
    take_all(&later);
    assert_begins("A3500 a3500 ");
}
END_TEST

START_TEST(a_stream_whose_picture_stops_goes_on_as_one_without)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    for (int ms = 1000; ms < 25000; ms += 100)
        ck_assert_int_eq(audio(ms), 1);
    ck_assert(sv_gop_cache_is_ready(&cache) && !sv_gop_cache_has_video(&cache));
    take_all(&viewer);
    ck_assert_ptr_nonnull(strstr(seen, " a24"));
    ck_assert_ptr_null(strstr(seen, "v"));
    /* The picture comes back at a key frame only. */
    ck_assert_int_eq(inter(25000), 0);
    ck_assert_int_eq(key(25040), 1);
    ck_assert_int_eq(inter(25080), 1);
    take_all(&viewer);
    ck_assert_str_eq(seen, "K25040 v25080 ");
}
END_TEST

START_TEST(headers_are_those_that_held_where_the_viewer_begins)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    ck_assert_int_eq(video_header(2), 1);
    key(1000);
    take_all(&viewer);
    assert_begins("M0 V0 A0 K0 ");
    /* The new one stands where it came, at the time of the frame before. */
    ck_assert_ptr_nonnull(strstr(seen, "a900 V900 K1000 "));
}
END_TEST

START_TEST(headers_of_enhanced_rtmp_come_behind_those_of_their_track)
{
    struct sv_gop_cursor viewer = { 0 };
    sv_gop_cache_begin(&cache);
    add(SV_MEDIA_AUDIO, 0, "\x94OpusABC", 8);
    add(SV_MEDIA_VIDEO, 0, "\x94hvc1info", 9);
    add(SV_MEDIA_AUDIO, 0, "\x90Opushead", 9);
    add(SV_MEDIA_VIDEO, 0, "\x90hvc1cfg", 8);
    add(SV_MEDIA_VIDEO, 100, "\x91hvc1frame", 10);
    take_all(&viewer);
    ck_assert_str_eq(seen, "V100 I100 A100 J100 K100 ");
}
END_TEST

START_TEST(repeated_headers_go_nowhere)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    take_all(&viewer);
    ck_assert_int_eq(metadata(640), 0);
    ck_assert_int_eq(video_header(1), 0);
    ck_assert_int_eq(audio_header(1), 0);
    take_all(&viewer);
    ck_assert_str_eq(seen, "");
    ck_assert_int_eq(metadata(1280), 1);
    take_all(&viewer);
    ck_assert_str_eq(seen, "M0 ");
}
END_TEST

START_TEST(close_key_frames_are_no_starts)
{
    /* All frames are key frames. */
    struct sv_gop_cursor viewer = { 0 };
    headers();
    for (int ms = 0; ms <= 2040; ms += 40)
        key(ms);
    take_all(&viewer);
    /* Starts are at 0, 520, 1040 and 1560. */
    assert_begins("M0 V1040 A1040 K1040 K1080 ");
}
END_TEST

/* ---- who is slow ---- */

START_TEST(a_viewer_four_seconds_behind_skips_to_the_newest_key_frame)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    take_all(&viewer);
    gop(1000, 3000);
    gop(3000, 5000);
    key(5000);
    /* 4 s behind exactly: it goes on. */
    take(&viewer, 6);
    seen[0] = '\0';
    for (int64_t ms = 5100; ms < 5500; ms += 100)
        inter(ms);
    take(&viewer, 6);
    assert_begins("K5000 v5100 ");
}
END_TEST

START_TEST(who_skips_gets_headers_that_have_changed)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    take_all(&viewer);
    gop(1000, 3000);
    video_header(2);
    gop(3000, 5200);
    gop(5200, 6000);
    take_all(&viewer);
    assert_begins("V5200 K5200 ");
}
END_TEST

START_TEST(who_begins_with_a_long_gop_does_not_skip_at_once)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 8000);
    gop(8000, 8300);
    take(&viewer, 10);
    assert_begins("M0 V0 A0 K0 ");
    seen[0] = '\0';
    take(&viewer, 10);
    assert_begins("a300 v400 ");
    /* But it is not left behind for ever. */
    gop(8300, 12700);
    gop(12700, 12900);
    seen[0] = '\0';
    take(&viewer, 10);
    assert_begins("K12700 ");
}
END_TEST

START_TEST(who_cannot_skip_goes_on_in_order)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 8000);
    take(&viewer, 10);
    seen[0] = '\0';
    take(&viewer, 10);
    assert_begins("a300 v400 ");
}
END_TEST

START_TEST(who_has_lost_its_place_waits_for_a_key_frame)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    take_all(&viewer);
    /* One GOP of a minute: its key frame is too old to be kept. */
    gop(1000, 61000);
    take_all(&viewer);
    ck_assert_str_eq(seen, "");
    struct sv_gop_cursor newcomer = { 0 };
    take_all(&newcomer);
    ck_assert_str_eq(seen, "");
    key(61000);
    take_all(&viewer);
    ck_assert_str_eq(seen, "K61000 ");
    take_all(&newcomer);
    ck_assert_str_eq(seen, "M0 V61000 A61000 K61000 ");
}
END_TEST

START_TEST(short_gops_are_kept_for_those_who_are_a_little_slow)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 500);
    take_all(&viewer);
    for (int64_t ms = 500; ms < 4000; ms += 500)
        gop(ms, ms + 500);
    take_all(&viewer);
    assert_begins("K500 a500 v600 ");
}
END_TEST

/* ---- limits ---- */

START_TEST(bytes_are_limited)
{
    static char frame[1 << 20] = "\x17\1\0\0\0";
    headers();
    for (int i = 0; i < 100; i++) {
        frame[0] = i % 50 == 0 ? 0x17 : 0x27;
        ck_assert_int_eq(add(SV_MEDIA_VIDEO, i * 40, frame, sizeof(frame)), 1);
        ck_assert_uint_le(cache.bytes, SV_GOP_MAX_BYTES);
    }
    ck_assert_uint_gt(cache.bytes, SV_GOP_MAX_BYTES - 2 * sizeof(frame));
}
END_TEST

START_TEST(packets_are_limited)
{
    headers();
    key(0);
    for (int i = 0; i < 10000; i++)
        inter(i);
    ck_assert_uint_le(cache.n_packets, SV_GOP_MAX_PACKETS);
    ck_assert_uint_le(cache.capacity, SV_GOP_MAX_PACKETS);
}
END_TEST

START_TEST(seconds_are_limited)
{
    size_t most = 0;
    headers();
    ck_assert_int_eq(key(0), 1);
    for (int64_t ms = 100; ms < 120000; ms += 100) {
        ck_assert_int_eq(inter(ms), 1);
        most = cache.n_packets > most ? cache.n_packets : most;
    }
    ck_assert_uint_ge(most, 200);
    ck_assert_uint_le(most, 204);
    /* Without its key frame it is kept for those who are a little slow. */
    ck_assert_uint_le(cache.n_packets, 52);
}
END_TEST

START_TEST(two_gops_are_kept)
{
    headers();
    for (int64_t ms = 0; ms < 60000; ms += 4000)
        gop(ms, ms + 4000);
    ck_assert_uint_eq(cache.n_packets, 2 * 80);
}
END_TEST

START_TEST(large_messages_are_refused)
{
    static char frame[(8 << 20) + 1] = "\x17\1\0\0\0";
    headers();
    ck_assert_int_eq(add(SV_MEDIA_VIDEO, 0, frame, sizeof(frame)), SYNCTV_E_TOO_LARGE);
    ck_assert_int_eq(add(SV_MEDIA_VIDEO, 0, frame, sizeof(frame) - 1), 1);
}
END_TEST

/* ---- publishers come and go ---- */

START_TEST(a_viewer_goes_on_with_the_next_publisher)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    take_all(&viewer);
    headers();
    /* Its picture begins in the middle; one offset holds for both tracks. */
    ck_assert_int_eq(inter(50000), 0);
    audio(50000);
    key(50030);
    inter(50130);
    take_all(&viewer);
    /* It has the headers. */
    ck_assert_str_eq(seen, "a1000 K1030 v1130 ");
    sv_gop_cache_begin(&cache);
    video_header(2);
    audio_header(1);
    key(0);
    take_all(&viewer);
    ck_assert_str_eq(seen, "V1130 K1230 ");
}
END_TEST

START_TEST(who_came_between_gets_headers_that_others_have)
{
    struct sv_gop_cursor old = { 0 }, between = { 0 };
    headers();
    gop(0, 1000);
    take_all(&old);
    /* One whose header is missing: nobody who comes now has any. */
    sv_gop_cache_begin(&cache);
    audio_header(1);
    gop(0, 1000);
    take_all(&between);
    assert_begins("A1000 K1000 ");
    take_all(&old);
    sv_gop_cache_begin(&cache);
    video_header(1);
    audio_header(1);
    key(0);
    take_all(&between);
    ck_assert_str_eq(seen, "V1900 K2000 ");
    take_all(&old);
    ck_assert_str_eq(seen, "K2000 ");
}
END_TEST

START_TEST(who_comes_after_a_seam_sees_nothing_from_before)
{
    struct sv_gop_cursor before = { 0 }, after = { 0 };
    headers();
    gop(0, 1000);
    headers();
    /* Nobody knows yet which tracks there will be; but the last picture is there. */
    take_all(&before);
    assert_begins("M0 V0 A0 K0 ");
    gop(0, 200);
    take_all(&after);
    assert_begins("M0 V1000 A1000 K1000 ");
}
END_TEST

START_TEST(the_next_publisher_may_have_fewer_tracks)
{
    struct sv_gop_cursor viewer = { 0 };
    headers();
    gop(0, 1000);
    sv_gop_cache_begin(&cache);
    video_header(2);
    for (int ms = 0; ms <= 500; ms += 100)
        ms == 0 ? key(ms) : inter(ms);
    ck_assert(!sv_gop_cache_has_audio(&cache) && sv_gop_cache_is_ready(&cache));
    take_all(&viewer);
    assert_begins("V1000 K1000 v1100 ");
}
END_TEST

START_TEST(what_one_node_sends_another_one_passes_on_as_it_is)
{
    /* An edge takes what a viewer of the primary gets, and its viewer gets the same. */
    struct sv_gop_cache edge;
    struct sv_gop_cursor pull = { 0 }, viewer = { 0 };
    char primary[sizeof(seen)];
    headers();
    gop(7000, 9000);
    sv_gop_cache_init(&edge);
    sv_gop_cache_begin(&edge);
    for (int n; (n = sv_gop_cache_take(&cache, &pull, packets, 64)) > 0;) {
        for (int i = 0; i < n; i++) {
            ck_assert_int_eq(sv_gop_cache_add(&edge, packets[i]->type, packets[i]->timestamp_ms,
                                 sv_packet_data(packets[i]), sv_packet_data_len(packets[i])),
                1);
            sv_packet_unref(packets[i]);
        }
    }
    take_all(&(struct sv_gop_cursor){ 0 });
    strcpy(primary, seen);
    sv_gop_cache_fini(&cache);
    cache = edge;
    take_all(&viewer);
    ck_assert_str_eq(seen, primary);
    ck_assert_ptr_nonnull(strstr(seen, "K7000 "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_cache");
    TCase *t = tcase_create("media_cache");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_first_publication_keeps_its_times);
    tcase_add_test(t, times_that_would_soon_be_too_large_or_are_negative_begin_at_0);
    tcase_add_test(t, another_publisher_goes_on_one_frame_later_with_one_offset);
    tcase_add_test(t, the_time_moves_at_most_a_second_at_a_seam);
    tcase_add_test(t, a_clock_that_jumps_is_a_seam);
    tcase_add_test(t, a_gap_is_no_jump_and_a_track_does_not_go_back);
    tcase_add_test(t, a_viewer_gets_headers_at_the_time_of_its_key_frame_then_all_that_follows);
    tcase_add_test(t, it_begins_at_the_newest_key_frame_that_is_half_a_second_old);
    tcase_add_test(t, until_there_is_a_key_frame_there_is_nothing);
    tcase_add_test(t, the_tracks_are_known_before_a_viewer_begins);
    tcase_add_test(t, a_stream_without_sound_is_not_waited_for_long);
    tcase_add_test(t, a_stream_without_picture_begins_at_any_second);
    tcase_add_test(t, a_stream_whose_picture_stops_goes_on_as_one_without);
    tcase_add_test(t, headers_are_those_that_held_where_the_viewer_begins);
    tcase_add_test(t, headers_of_enhanced_rtmp_come_behind_those_of_their_track);
    tcase_add_test(t, repeated_headers_go_nowhere);
    tcase_add_test(t, close_key_frames_are_no_starts);
    tcase_add_test(t, a_viewer_four_seconds_behind_skips_to_the_newest_key_frame);
    tcase_add_test(t, who_skips_gets_headers_that_have_changed);
    tcase_add_test(t, who_begins_with_a_long_gop_does_not_skip_at_once);
    tcase_add_test(t, who_cannot_skip_goes_on_in_order);
    tcase_add_test(t, who_has_lost_its_place_waits_for_a_key_frame);
    tcase_add_test(t, short_gops_are_kept_for_those_who_are_a_little_slow);
    tcase_add_test(t, bytes_are_limited);
    tcase_add_test(t, packets_are_limited);
    tcase_add_test(t, seconds_are_limited);
    tcase_add_test(t, two_gops_are_kept);
    tcase_add_test(t, large_messages_are_refused);
    tcase_add_test(t, a_viewer_goes_on_with_the_next_publisher);
    tcase_add_test(t, who_came_between_gets_headers_that_others_have);
    tcase_add_test(t, who_comes_after_a_seam_sees_nothing_from_before);
    tcase_add_test(t, the_next_publisher_may_have_fewer_tracks);
    tcase_add_test(t, what_one_node_sends_another_one_passes_on_as_it_is);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
