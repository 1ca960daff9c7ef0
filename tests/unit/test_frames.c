/* SPDX-License-Identifier: MIT */
/* What the server cuts clients off for, by the bytes they send. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../../server/grpc_guard/frames.h"

enum {
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    WINDOW_UPDATE = 8,
    CONTINUATION = 9
};
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8 };
#define MAX_CALLS 200

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static struct frames frames;
static atomic_size_t all_parts_bytes;
static int64_t now_ms;

/* How many bytes are handed over at once; 0 = as many as there are. */
static size_t portion;

static const char *take(struct frames *f, const void *data, size_t len)
{
    const char *why = NULL;
    size_t step = portion == 0 ? len : portion;
    for (size_t at = 0; at < len && why == NULL; at += step)
        why = frames_take(f, (const char *)data + at, len - at < step ? len - at : step, now_ms);
    return why;
}

static void setup(void)
{
    portion = 0;
    now_ms = 1000000;
    frames_init(&frames, MAX_CALLS, &all_parts_bytes);
    ck_assert_ptr_null(take(&frames, preface, sizeof(preface) - 1));
    atomic_store(&frames.settings_sent, true);
}

static void teardown(void)
{
    frames_fini(&frames);
    ck_assert_uint_eq(atomic_load(&all_parts_bytes), 0);
}

static const char *send_on(struct frames *f, int type, int flags, uint32_t call_id,
    const void *payload, size_t len)
{
    const unsigned char head[] = { (unsigned char)(len >> 16), (unsigned char)(len >> 8),
        (unsigned char)len, (unsigned char)type, (unsigned char)flags,
        (unsigned char)(call_id >> 24), (unsigned char)(call_id >> 16),
        (unsigned char)(call_id >> 8), (unsigned char)call_id };
    const char *why = take(f, head, sizeof(head));
    return why != NULL || len == 0 ? why : take(f, payload, len);
}

static const char *send(int type, int flags, uint32_t call_id, const void *payload, size_t len)
{
    return send_on(&frames, type, flags, call_id, payload, len);
}

static const char zeros[1 << 20];

#define goes_on(why) ck_assert_msg((why) == NULL, "cut off: %s", (why))
#define is_cut_off(why, word)                                                                      \
    do {                                                                                           \
        const char *w = (why);                                                                     \
        ck_assert_ptr_nonnull(w);                                                                  \
        ck_assert_msg(strstr(w, (word)) != NULL, "%s", w);                                         \
    } while (0)

/* ---- headers ---- */

START_TEST(ordinary_calls_go_on_for_ever)
{
    goes_on(send(SETTINGS, ACK, 0, NULL, 0));
    for (uint32_t i = 0; i < 100000; i++) {
        goes_on(send(HEADERS, END_HEADERS, 2 * i + 1, zeros, 200));
        goes_on(send(DATA, END_STREAM, 2 * i + 1, "\0\0\0\0\3abc", 8));
    }
    ck_assert_uint_eq(frames.n_parts, 0);
}
END_TEST

START_TEST(a_header_block_ends_or_is_cut_off)
{
    goes_on(send(HEADERS, 0, 1, zeros, 16000));
    for (int i = 0; i < 3; i++)
        goes_on(send(CONTINUATION, 0, 1, zeros, 16000));
    is_cut_off(send(CONTINUATION, END_HEADERS, 1, zeros, 16000), "header fields");
}
END_TEST

START_TEST(a_long_header_block_is_cut_off_when_it_is_announced)
{
    static const unsigned char head[] = { 1, 0, 0, HEADERS, 0, 0, 0, 0, 1 };
    is_cut_off(take(&frames, head, sizeof(head)), "header fields");
}
END_TEST

START_TEST(empty_continuations_count_too)
{
    const char *why = send(HEADERS, 0, 1, NULL, 0);
    for (int i = 0; i < 10000 && why == NULL; i++)
        why = send(CONTINUATION, 0, 1, NULL, 0);
    is_cut_off(why, "header fields");
}
END_TEST

START_TEST(header_blocks_that_end_may_be_many)
{
    for (uint32_t i = 0; i < 50; i++) {
        goes_on(send(HEADERS, 0, 2 * i + 1, zeros, 16000));
        goes_on(send(CONTINUATION, END_HEADERS, 2 * i + 1, zeros, 16000));
    }
}
END_TEST

/* ---- calls ---- */

START_TEST(before_the_settings_are_acknowledged_only_so_many_calls_are_made)
{
    for (uint32_t i = 0; i < MAX_CALLS; i++) {
        goes_on(send(HEADERS, END_HEADERS, 2 * i + 1, zeros, 10));
        goes_on(send(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, zeros, 10)); /* trailers */
    }
    is_cut_off(send(HEADERS, END_HEADERS, 2 * MAX_CALLS + 1, zeros, 10), "acknowledge");
}
END_TEST

START_TEST(ids_that_clients_do_not_have_are_no_calls)
{
    static const uint32_t others[] = { 0x7ffffffe, 0, 2 };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        goes_on(send(HEADERS, END_HEADERS, others[i], zeros, 10));
    ck_assert_uint_eq(frames.call_id, 0);
    for (uint32_t i = 0; i < MAX_CALLS; i++)
        goes_on(send(HEADERS, END_HEADERS, 2 * i + 1, zeros, 10));
    is_cut_off(send(HEADERS, END_HEADERS, 2 * MAX_CALLS + 1, zeros, 10), "acknowledge");
}
END_TEST

START_TEST(settings_are_acknowledged_once_they_are_sent)
{
    struct frames early;
    frames_init(&early, MAX_CALLS, &all_parts_bytes);
    goes_on(take(&early, preface, sizeof(preface) - 1));
    goes_on(send_on(&early, SETTINGS, 0, 0, NULL, 0));
    is_cut_off(send_on(&early, SETTINGS, ACK, 0, NULL, 0), "not sent");
    frames_fini(&early);
    goes_on(send(SETTINGS, ACK, 0, NULL, 0));
    for (uint32_t i = 0; i <= MAX_CALLS; i++)
        goes_on(send(HEADERS, END_HEADERS, 2 * i + 1, zeros, 10));
}
END_TEST

START_TEST(before_any_settings_can_have_arrived_as_many_calls_are_made_as_clients_assume)
{
    struct frames f;
    frames_init(&f, 2, &all_parts_bytes);
    goes_on(take(&f, preface, sizeof(preface) - 1));
    for (uint32_t i = 0; i < FRAMES_CALLS_MIN; i++) {
        goes_on(send_on(&f, HEADERS, END_HEADERS, 2 * i + 1, zeros, 10));
        goes_on(send_on(&f, RST_STREAM, 0, 2 * i + 1, zeros, 4));
    }
    is_cut_off(send_on(&f, HEADERS, END_HEADERS, 2 * FRAMES_CALLS_MIN + 1, zeros, 10),
        "acknowledge");
    frames_fini(&f);
}
END_TEST

START_TEST(calls_are_taken_back_so_fast_and_not_faster)
{
    for (int i = 0; i < 2 * MAX_CALLS; i++)
        goes_on(send(RST_STREAM, 0, 1, zeros, 4));
    for (int second = 0; second < 10; second++) {
        now_ms += 1000;
        for (int i = 0; i < MAX_CALLS; i++)
            goes_on(send(RST_STREAM, 0, 1, zeros, 4));
    }
    is_cut_off(send(RST_STREAM, 0, 1, zeros, 4), "takes back");
}
END_TEST

START_TEST(without_a_limit_of_calls_there_is_none)
{
    struct frames any;
    frames_init(&any, 0, &all_parts_bytes);
    goes_on(take(&any, preface, sizeof(preface) - 1));
    for (uint32_t i = 0; i < 10000; i++) {
        goes_on(send_on(&any, HEADERS, END_HEADERS, 2 * i + 1, zeros, 10));
        goes_on(send_on(&any, RST_STREAM, 0, 2 * i + 1, zeros, 4));
    }
    frames_fini(&any);
}
END_TEST

START_TEST(many_pings_at_once_are_cut_off)
{
    for (int i = 0; i < 10000; i++) {
        now_ms += i % 10 == 0;
        goes_on(send(PING, 0, 0, zeros, 8));
    }
    const char *why = NULL;
    for (int i = 0; i <= FRAMES_PINGS_AT_ONCE && why == NULL; i++)
        why = send(PING, 0, 0, zeros, 8);
    is_cut_off(why, "PING");
}
END_TEST

START_TEST(frames_that_ask_for_nothing_may_come_now_and_then)
{
    static const struct {
        int type, flags;
        size_t len;
    } frames_of[] = { { DATA, 0, 0 }, { 2, 0, 5 }, { SETTINGS, 0, 6 }, { SETTINGS, ACK, 0 },
        { PING, ACK, 8 }, { 7, 0, 8 }, { 99, 255, 10 } };
    for (size_t k = 0; k < sizeof(frames_of) / sizeof(frames_of[0]); k++) {
        const char *why = NULL;
        goes_on(send(HEADERS, END_HEADERS, 1, zeros, 10));
        for (int i = 0; i < 3 * FRAMES_IDLE_AT_ONCE; i++) {
            now_ms += 1000 / FRAMES_IDLE_PER_SECOND;
            goes_on(send(frames_of[k].type, frames_of[k].flags, 1, zeros, frames_of[k].len));
        }
        for (int i = 0; i <= FRAMES_IDLE_AT_ONCE && why == NULL; i++)
            why = send(frames_of[k].type, frames_of[k].flags, 1, zeros, frames_of[k].len);
        is_cut_off(why, "ask for nothing");
        teardown();
        setup();
    }
    goes_on(send(SETTINGS, ACK, 0, zeros, 0));
    for (uint32_t id = 1; id < 8 * FRAMES_IDLE_AT_ONCE; id += 2) {
        goes_on(send(HEADERS, END_HEADERS, id, zeros, 10));
        goes_on(send(DATA, END_STREAM, id, zeros, 0));
        goes_on(send(WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4));
    }
}
END_TEST

/* ---- messages ---- */

static void begin_message(char *out, uint32_t size)
{
    const char head[] = { 0, (char)(size >> 24), (char)(size >> 16), (char)(size >> 8),
        (char)size };
    memcpy(out, head, sizeof(head));
}

/* Sends so many bytes of the body. */
static const char *go_on(struct frames *f, uint32_t call_id, size_t bytes)
{
    const char *why = NULL;
    for (size_t sent = 0; sent < bytes && why == NULL; sent += 16000)
        why = send_on(f, DATA, 0, call_id, zeros, bytes - sent < 16000 ? bytes - sent : 16000);
    return why;
}

static const char *announce(struct frames *f, uint32_t call_id, uint32_t size)
{
    char head[5];
    begin_message(head, size);
    return send_on(f, DATA, 0, call_id, head, sizeof(head));
}

START_TEST(complete_messages_may_be_as_many_and_large_as_they_like)
{
    for (int i = 0; i < 50; i++) {
        goes_on(announce(&frames, 1, 1 << 20));
        goes_on(go_on(&frames, 1, 1 << 20));
        ck_assert_uint_eq(frames.parts_bytes, 0);
    }
}
END_TEST

START_TEST(a_message_without_end_is_cut_off)
{
    goes_on(announce(&frames, 1, UINT32_MAX));
    goes_on(go_on(&frames, 1, FRAMES_PARTS_MAX_BYTES - 10000));
    is_cut_off(go_on(&frames, 1, 10000), "do not end");
}
END_TEST

/* In pieces, as `portion` says. */
static void server_sends(int type, uint32_t call_id, size_t len)
{
    unsigned char frame[9 + 100] = { 0, 0, (unsigned char)len, (unsigned char)type, 0, 0, 0,
        (unsigned char)(call_id >> 8), (unsigned char)call_id };
    memset(frame + 9, RST_STREAM, len);
    size_t step = portion == 0 ? 9 + len : portion;
    for (size_t at = 0; at < 9 + len; at += step)
        frames_sent(&frames, frame + at, 9 + len - at < step ? 9 + len - at : step);
}

/* Something else that is so long. */
static const char *other_frames(size_t len)
{
    const char *why = NULL;
    for (size_t i = 0; i < len / (9 + 4) && why == NULL; i++)
        why = send(WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
    return why;
}

START_TEST(small_pieces_far_apart_count_as_what_they_keep)
{
    static const size_t portions[] = { 0, 1000, 1 };
    for (size_t i = 0; i < sizeof(portions) / sizeof(portions[0]); i++) {
        portion = portions[i];
        goes_on(announce(&frames, 1, 1 << 20));
        unsigned n_pieces = 0;
        const char *why = NULL;
        while (why == NULL) {
            goes_on(other_frames(2 * FRAMES_READ_BYTES));
            why = go_on(&frames, 1, 24);
            n_pieces++;
        }
        is_cut_off(why, "do not end");
        ck_assert_uint_eq(n_pieces, FRAMES_PARTS_MAX_BYTES / FRAMES_READ_BYTES);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(small_pieces_that_come_together_are_no_more_than_they_are)
{
    goes_on(announce(&frames, 1, 1 << 20));
    for (int i = 0; i < 40000; i++)
        goes_on(go_on(&frames, 1, 24));
    ck_assert_uint_eq(frames.parts_bytes, 9 + 5 + 40000 * (9 + 24));
}
END_TEST

START_TEST(a_large_message_in_the_middle_of_much_else_goes_on)
{
    for (uint32_t id = 1; id < 20; id += 2) {
        goes_on(announce(&frames, id, 1 << 20));
        for (int i = 0; i < 64; i++) {
            goes_on(other_frames(3 * FRAMES_READ_BYTES));
            goes_on(go_on(&frames, id, (1 << 20) / 64));
        }
        ck_assert_uint_eq(frames.parts_bytes, 0);
        now_ms += 1000;
    }
}
END_TEST

START_TEST(many_small_messages_far_apart_are_cut_off)
{
    unsigned n = 0;
    const char *why = NULL;
    for (; why == NULL; n++) {
        goes_on(other_frames(2 * FRAMES_READ_BYTES));
        why = send(DATA, 0, 1, "\0\0\0\0\3abc", 8);
    }
    is_cut_off(why, "between its messages");
    ck_assert_uint_eq(n, FRAMES_PINNED_AT_ONCE / FRAMES_READ_BYTES + 1);
}
END_TEST

START_TEST(small_messages_far_apart_have_their_time)
{
    for (int i = 0; i < 10000; i++) {
        goes_on(other_frames(1000));
        goes_on(send(DATA, 0, 1, "\0\0\0\0\3abc", 8));
        now_ms += i % 2;
    }
}
END_TEST

START_TEST(messages_of_a_call_without_an_answer_are_kept)
{
    goes_on(send(HEADERS, END_HEADERS, 1, zeros, 100));
    for (int i = 0; i < 10; i++)
        goes_on(send(DATA, 0, 1, "\0\0\0\0\3abc", 8));
    ck_assert_uint_eq(frames.parts_bytes, (9 + 100) + 10 * (9 + 8));
    ck_assert_uint_eq(frames.n_requests, 0);
    server_sends(HEADERS, 1, 100);
    ck_assert_uint_eq(frames.parts_bytes, 0);
    goes_on(send(DATA, 0, 1, "\0\0\0\0\3abc", 8));
    ck_assert_uint_eq(frames.n_parts, 0);
}
END_TEST

START_TEST(many_messages_without_end_are_cut_off_together)
{
    const uint32_t n = 64;
    for (uint32_t i = 0; i < n; i++) {
        goes_on(announce(&frames, 2 * i + 1, 1 << 20));
        goes_on(go_on(&frames, 2 * i + 1, FRAMES_PARTS_MAX_BYTES / n - 100));
    }
    is_cut_off(go_on(&frames, 1, 10000), "do not end");
}
END_TEST

START_TEST(calls_that_end_take_their_messages_with_them)
{
    for (uint32_t i = 0; i < 100; i++) {
        goes_on(announce(&frames, 2 * i + 1, 1 << 20));
        goes_on(go_on(&frames, 2 * i + 1, 200000));
        if (i % 2 == 0)
            goes_on(send(RST_STREAM, 0, 2 * i + 1, zeros, 4));
        else
            goes_on(send(DATA, END_STREAM, 2 * i + 1, NULL, 0));
        ck_assert_uint_eq(frames.parts_bytes, 0);
    }
}
END_TEST

START_TEST(padding_is_no_part_of_a_message)
{
    static const char padded[] = "\4\0\0\0\0\2ab\0\0\0\0"; /* four bytes of it; a whole message */
    goes_on(send(DATA, PADDED, 1, padded, sizeof(padded) - 1));
    ck_assert_uint_eq(frames.n_parts, 0);
    static const char half[] = "\2\0\0\0\0\2a\0\0";
    goes_on(send(DATA, PADDED, 1, half, sizeof(half) - 1));
    ck_assert_uint_eq(frames.n_parts, 1);
    ck_assert_uint_eq(frames.parts[0].bytes, 6);
    goes_on(send(DATA, PADDED, 1, "\1b\0", 3));
    ck_assert_uint_eq(frames.n_parts, 0);
    goes_on(send(DATA, PADDED, 1, "\377aa", 3)); /* more padding than there is */
    goes_on(send(DATA, PADDED, 1, NULL, 0));
    ck_assert_uint_eq(frames.n_parts, 0);
}
END_TEST

START_TEST(as_many_messages_are_watched_as_there_may_be_calls)
{
    for (uint32_t i = 0; i < 2 * MAX_CALLS; i++)
        goes_on(announce(&frames, 2 * i + 1, 1000));
    ck_assert_uint_eq(frames.parts_bytes, (9 + 5) * 2 * MAX_CALLS);
    is_cut_off(announce(&frames, 4 * MAX_CALLS + 1, 1000), "too many of its messages");
}
END_TEST

START_TEST(messages_under_way_are_bounded_when_calls_are_not)
{
    static const unsigned limits[] = { 0, 1000000 };
    for (size_t l = 0; l < 2; l++) {
        struct frames any;
        frames_init(&any, limits[l], &all_parts_bytes);
        goes_on(take(&any, preface, sizeof(preface) - 1));
        for (uint32_t i = 0; i < FRAMES_PARTS_MAX; i++)
            goes_on(announce(&any, 2 * i + 1, 1000));
        is_cut_off(announce(&any, 2 * FRAMES_PARTS_MAX + 1, 1000), "too many of its messages");
        frames_fini(&any);
    }
}
END_TEST

START_TEST(calls_that_the_server_ends_take_their_messages_with_them)
{
    for (uint32_t i = 0; i < 1000; i++) {
        portion = i % 11;
        uint32_t call_id = 2 * i + 1;
        goes_on(announce(&frames, call_id, 1 << 20));
        goes_on(go_on(&frames, call_id, 60000));
        server_sends(HEADERS, call_id, 100);
        ck_assert_uint_ge(frames.parts_bytes, 60005);
        server_sends(RST_STREAM, call_id, 4);
        ck_assert_uint_eq(frames.parts_bytes, 0);
        goes_on(go_on(&frames, call_id, 60000)); /* was under way */
        ck_assert_uint_eq(frames.parts_bytes, 0);
        now_ms += 10;
    }
}
END_TEST

START_TEST(a_call_ends_in_the_middle_of_a_frame)
{
    static const unsigned char head[] = { 0, 0, 100, DATA, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 'x' };
    goes_on(take(&frames, head, sizeof(head)));
    server_sends(RST_STREAM, 1, 4);
    goes_on(take(&frames, zeros, 94));
    ck_assert_int_eq(frames.state, FRAMES_HEAD);
    ck_assert_uint_eq(frames.n_parts, 0);
    goes_on(announce(&frames, 3, 1000)); /* others go on */
    ck_assert_uint_eq(frames.n_parts, 1);
    ck_assert_uint_eq(frames.parts[0].bytes, 5);
}
END_TEST

START_TEST(when_all_together_have_too_much_those_are_cut_off_who_have_much)
{
    enum { N = FRAMES_ALL_PARTS_MAX_BYTES / FRAMES_PARTS_MAX_BYTES };
    static struct frames many[N];
    for (int i = 0; i < N; i++) {
        frames_init(&many[i], MAX_CALLS, &all_parts_bytes);
        goes_on(take(&many[i], preface, sizeof(preface) - 1));
        goes_on(announce(&many[i], 1, UINT32_MAX));
        goes_on(go_on(&many[i], 1, FRAMES_PARTS_MAX_BYTES - 10000));
    }
    goes_on(announce(&frames, 1, 1 << 20));
    goes_on(go_on(&frames, 1, FRAMES_FEW_PARTS_BYTES - 1000));
    is_cut_off(go_on(&frames, 1, 10000), "too many clients");
    for (int i = 0; i < N; i++)
        frames_fini(&many[i]);
}
END_TEST

/* ---- requests ---- */

/* A PING is answered, or something else comes that means nothing. */
static const char *time_passes(int64_t ms)
{
    now_ms += ms;
    return send(PING, ACK, 0, zeros, 8);
}

START_TEST(a_call_whose_request_does_not_come_is_cut_off)
{
    static const char half[] = "\0\0\0\0\2a";
    for (int i = 0; i < 3; i++) { /* nothing, no bytes, half of it */
        teardown();
        setup();
        goes_on(send(HEADERS, END_HEADERS, 1, zeros, 10));
        goes_on(time_passes(FRAMES_REQUEST_MAX_MS / 2));
        if (i > 0)
            goes_on(send(DATA, 0, 1, half, i == 1 ? 0 : 6));
        goes_on(time_passes(FRAMES_REQUEST_MAX_MS / 2));
        is_cut_off(time_passes(1000), "waits for the request");
    }
}
END_TEST

START_TEST(a_call_waits_no_more_once_its_request_has_come_or_never_will)
{
    uint32_t id = 1;
    goes_on(send(HEADERS, END_HEADERS, id, zeros, 10));
    goes_on(send(DATA, 0, id, "\0\0\0\0\0", 5)); /* the client has not said that this is all */
    goes_on(send(HEADERS, END_HEADERS | END_STREAM, id += 2, zeros, 10));
    goes_on(send(HEADERS, END_HEADERS, id += 2, zeros, 10));
    goes_on(send(DATA, END_STREAM, id, NULL, 0));
    goes_on(send(HEADERS, END_HEADERS, id += 2, zeros, 10));
    goes_on(send(HEADERS, END_HEADERS | END_STREAM, id, zeros, 10)); /* trailers */
    goes_on(send(HEADERS, END_HEADERS, id += 2, zeros, 10));
    goes_on(send(RST_STREAM, 0, id, zeros, 4));
    goes_on(send(HEADERS, END_HEADERS, id += 2, zeros, 10));
    server_sends(RST_STREAM, id, 4);
    ck_assert_uint_eq(frames.n_requests, 0);
    goes_on(time_passes(10 * FRAMES_REQUEST_MAX_MS));
    server_sends(HEADERS, 1, 100); /* the answer to the first one */
    ck_assert_uint_eq(frames.n_parts, 0);
    ck_assert_uint_eq(atomic_load(&all_parts_bytes), 0);
}
END_TEST

START_TEST(a_stream_that_was_answered_may_be_silent_and_its_messages_take_their_time)
{
    goes_on(send(HEADERS, END_HEADERS, 1, zeros, 10));
    server_sends(HEADERS, 1, 100);
    ck_assert_uint_eq(frames.n_parts, 0);
    goes_on(send(HEADERS, END_HEADERS, 3, zeros, 10));
    goes_on(announce(&frames, 3, 1000));
    server_sends(HEADERS, 3, 100);
    goes_on(send(HEADERS, END_HEADERS, 5, zeros, 10));
    static const unsigned char head[] = { 0, 0, 100, DATA, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 'x' };
    goes_on(take(&frames, head, sizeof(head)));
    server_sends(HEADERS, 5, 100);
    goes_on(take(&frames, zeros, 94));
    ck_assert_uint_eq(frames.n_requests, 0);
    goes_on(time_passes(10 * FRAMES_REQUEST_MAX_MS));
    ck_assert_uint_eq(frames.n_parts, 2);
}
END_TEST

START_TEST(calls_that_wait_count_among_what_all_together_have)
{
    enum { N = FRAMES_ALL_PARTS_MAX_BYTES / FRAMES_CALL_BYTES / MAX_CALLS + 1 };
    static struct frames many[N];
    const char *why = NULL;
    for (int i = 0; i < N; i++) {
        frames_init(&many[i], MAX_CALLS, &all_parts_bytes);
        goes_on(take(&many[i], preface, sizeof(preface) - 1));
        for (uint32_t id = 1; id < 2 * MAX_CALLS && why == NULL; id += 2)
            why = send_on(&many[i], HEADERS, END_HEADERS, id, zeros, 10);
        ck_assert(why == NULL || i == N - 1);
    }
    is_cut_off(why, "too many clients");
    for (uint32_t id = 1; id <= 7; id += 2) /* who has few goes on */
        goes_on(send(HEADERS, END_HEADERS, id, zeros, 10));
    for (int i = 0; i < N; i++)
        frames_fini(&many[i]);
}
END_TEST

/* ---- bytes ---- */

START_TEST(what_is_no_http2_is_cut_off)
{
    static const char *const others[] = { "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01",
        "PRI * HTTP/1" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct frames f;
        frames_init(&f, MAX_CALLS, &all_parts_bytes);
        is_cut_off(take(&f, others[i], strlen(others[i])), "no HTTP/2");
        frames_fini(&f);
    }
}
END_TEST

/* Frames of all kinds, some of which go on. */
static size_t make_noise(unsigned seed, unsigned char *out, size_t max)
{
    size_t n = 0;
    memcpy(out, preface, sizeof(preface) - 1);
    n += sizeof(preface) - 1;
    while (n + 9 + 64 < max) {
        size_t len = (size_t)rand_r(&seed) % 64;
        const unsigned char head[] = { 0, 0, (unsigned char)len,
            (unsigned char)(rand_r(&seed) % 10), (unsigned char)rand_r(&seed), 0, 0, 0,
            (unsigned char)(rand_r(&seed) % 16) };
        memcpy(out + n, head, sizeof(head));
        n += sizeof(head);
        for (size_t i = 0; i < len; i++)
            out[n++] = rand_r(&seed) % 3 ? 0 : (unsigned char)rand_r(&seed);
    }
    return n;
}

START_TEST(it_makes_no_difference_how_bytes_are_cut_into_pieces)
{
    static unsigned char noise[20000];
    static const size_t portions[] = { 0, 1, 2, 7, 9, 10, 1000 };
    for (unsigned seed = 0; seed < 30; seed++) {
        size_t len = make_noise(seed, noise, sizeof(noise)), bytes = 0;
        const char *first = NULL;
        for (size_t i = 0; i < sizeof(portions) / sizeof(portions[0]); i++) {
            struct frames f;
            frames_init(&f, MAX_CALLS, &all_parts_bytes);
            portion = portions[i];
            const char *why = take(&f, noise, len);
            ck_assert(i == 0 || (why == first && f.parts_bytes == bytes));
            first = why;
            bytes = f.parts_bytes;
            frames_fini(&f);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frames");
    TCase *tcase = tcase_create("frames");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ordinary_calls_go_on_for_ever);
    tcase_add_test(tcase, a_header_block_ends_or_is_cut_off);
    tcase_add_test(tcase, a_long_header_block_is_cut_off_when_it_is_announced);
    tcase_add_test(tcase, empty_continuations_count_too);
    tcase_add_test(tcase, header_blocks_that_end_may_be_many);
    tcase_add_test(tcase, before_the_settings_are_acknowledged_only_so_many_calls_are_made);
    tcase_add_test(tcase, ids_that_clients_do_not_have_are_no_calls);
    tcase_add_test(tcase, settings_are_acknowledged_once_they_are_sent);
    tcase_add_test(tcase,
        before_any_settings_can_have_arrived_as_many_calls_are_made_as_clients_assume);
    tcase_add_test(tcase, calls_are_taken_back_so_fast_and_not_faster);
    tcase_add_test(tcase, without_a_limit_of_calls_there_is_none);
    tcase_add_test(tcase, many_pings_at_once_are_cut_off);
    tcase_add_test(tcase, frames_that_ask_for_nothing_may_come_now_and_then);
    tcase_add_test(tcase, complete_messages_may_be_as_many_and_large_as_they_like);
    tcase_add_test(tcase, a_message_without_end_is_cut_off);
    tcase_add_test(tcase, small_pieces_far_apart_count_as_what_they_keep);
    tcase_add_test(tcase, small_pieces_that_come_together_are_no_more_than_they_are);
    tcase_add_test(tcase, a_large_message_in_the_middle_of_much_else_goes_on);
    tcase_add_test(tcase, many_small_messages_far_apart_are_cut_off);
    tcase_add_test(tcase, small_messages_far_apart_have_their_time);
    tcase_add_test(tcase, messages_of_a_call_without_an_answer_are_kept);
    tcase_add_test(tcase, many_messages_without_end_are_cut_off_together);
    tcase_add_test(tcase, calls_that_end_take_their_messages_with_them);
    tcase_add_test(tcase, padding_is_no_part_of_a_message);
    tcase_add_test(tcase, as_many_messages_are_watched_as_there_may_be_calls);
    tcase_add_test(tcase, messages_under_way_are_bounded_when_calls_are_not);
    tcase_add_test(tcase, calls_that_the_server_ends_take_their_messages_with_them);
    tcase_add_test(tcase, a_call_ends_in_the_middle_of_a_frame);
    tcase_add_test(tcase, when_all_together_have_too_much_those_are_cut_off_who_have_much);
    tcase_add_test(tcase, a_call_whose_request_does_not_come_is_cut_off);
    tcase_add_test(tcase, a_call_waits_no_more_once_its_request_has_come_or_never_will);
    tcase_add_test(tcase,
        a_stream_that_was_answered_may_be_silent_and_its_messages_take_their_time);
    tcase_add_test(tcase, calls_that_wait_count_among_what_all_together_have);
    tcase_add_test(tcase, what_is_no_http2_is_cut_off);
    tcase_add_test(tcase, it_makes_no_difference_how_bytes_are_cut_into_pieces);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
