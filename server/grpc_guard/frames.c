/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

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

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LEN (sizeof(preface) - 1)
#define CHECK_EVERY_MS 1000
#define MESSAGE_HEAD_LEN 5 /* compressed or not, and the size in four bytes */

void frames_init(struct frames *f, unsigned max_calls, atomic_size_t *all_parts_bytes)
{
    if (max_calls > 0 && max_calls < FRAMES_CALLS_MIN)
        max_calls = FRAMES_CALLS_MIN;
    *f = (struct frames){ .lock = PTHREAD_MUTEX_INITIALIZER,
        .max_calls = max_calls,
        .all_parts_bytes = all_parts_bytes };
}

/* Adds a part to the sums (times = 1) or removes it (-1). */
static void count_part(struct frames *f, const struct frames_part *part, int times)
{
    size_t bytes = part->pinned_bytes + (part->is_request ? FRAMES_CALL_BYTES : 0);
    f->parts_bytes += (size_t)times * part->pinned_bytes;
    f->n_requests += (unsigned)times * part->is_request;
    atomic_fetch_add(f->all_parts_bytes, (size_t)times * bytes);
}

static size_t cost_of_parts(const struct frames *f)
{
    return f->parts_bytes + (size_t)f->n_requests * FRAMES_CALL_BYTES;
}

void frames_fini(struct frames *f)
{
    atomic_fetch_sub(f->all_parts_bytes, cost_of_parts(f));
    free(f->parts);
    pthread_mutex_destroy(&f->lock);
}

/* Adds `by` to the bucket. Returns whether it overflows. */
static bool is_too_fast(struct frames_rate *rate, double by, double at_once, double per_second,
    int64_t now_ms)
{
    rate->n -= (double)(now_ms - rate->at_ms) / 1000 * per_second;
    rate->at_ms = now_ms;
    rate->n = (rate->n > 0 ? rate->n : 0) + by;
    return rate->n > at_once;
}

static uint32_t length_in(const unsigned char *head)
{
    return (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
}

static uint32_t id_in(const unsigned char *head)
{
    return (uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 |
        head[8];
}

/* ---- messages ---- */

static void drop_part(struct frames *f, unsigned i)
{
    count_part(f, &f->parts[i], -1);
    f->n_parts--;
    memmove(&f->parts[i], &f->parts[i + 1], (f->n_parts - i) * sizeof(f->parts[0]));
}

/* Removes the unfinished message of the call from the list and returns it. */
static struct frames_part take_part(struct frames *f, uint32_t call_id)
{
    for (unsigned i = 0; i < f->n_parts; i++) {
        if (f->parts[i].call_id == call_id) {
            struct frames_part part = f->parts[i];
            drop_part(f, i);
            return part;
        }
    }
    return (struct frames_part){ .call_id = call_id };
}

static const char *make_room_for_part(struct frames *f)
{
    bool any = f->max_calls == 0 || f->max_calls > FRAMES_PARTS_MAX / 2;
    if (f->n_parts >= (any ? FRAMES_PARTS_MAX : 2 * f->max_calls))
        return "too many of its messages do not end";
    if (f->n_parts < f->parts_room)
        return NULL;
    unsigned room = f->parts_room > 0 ? 2 * f->parts_room : 8;
    struct frames_part *parts = realloc(f->parts, room * sizeof(parts[0]));
    if (parts == NULL)
        return "there is no memory to watch it";
    f->parts = parts;
    f->parts_room = room;
    return NULL;
}

static const char *add_part(struct frames *f, const struct frames_part *part)
{
    const char *why = make_room_for_part(f);
    if (why != NULL)
        return why;
    f->parts[f->n_parts++] = *part;
    count_part(f, part, 1);
    if (f->parts_bytes > FRAMES_PARTS_MAX_BYTES)
        return "its messages do not end";
    if (cost_of_parts(f) > FRAMES_FEW_PARTS_BYTES &&
        atomic_load(f->all_parts_bytes) > FRAMES_ALL_PARTS_MAX_BYTES)
        return "too many messages of too many clients do not end";
    return NULL;
}

static const char *check_late_requests(struct frames *f)
{
    f->checked_ms = f->now_ms;
    for (unsigned i = 0; i < f->n_parts; i++) {
        if (f->parts[i].is_request && f->now_ms - f->parts[i].since_ms > FRAMES_REQUEST_MAX_MS)
            return "a call of its waits for the request for too long";
    }
    return NULL;
}

/* The first HEADERS of the server on a call. A stream may be answered before its first message. */
static void on_answer(struct frames *f, uint32_t call_id)
{
    if (f->part.call_id == call_id)
        f->part.is_request = f->part.has_no_answer = false;
    for (unsigned i = 0; i < f->n_parts; i++) {
        struct frames_part *part = &f->parts[i];
        if (part->call_id != call_id)
            continue;
        count_part(f, part, -1);
        part->is_request = part->has_no_answer = false;
        count_part(f, part, 1);
        if (part->bytes == 0)
            drop_part(f, i);
        return;
    }
}

static bool is_closed(const struct frames *f, uint32_t call_id)
{
    for (unsigned i = 0; i < FRAMES_CLOSED_MAX && i < f->n_closed; i++) {
        if (f->closed[i] == call_id)
            return true;
    }
    return false;
}

/* The server has reset the call: the core frees its message and ignores what still comes. */
static void on_closed(struct frames *f, uint32_t call_id)
{
    take_part(f, call_id);
    if (f->part.call_id == call_id)
        f->part = (struct frames_part){ 0 };
    f->closed[f->n_closed++ % FRAMES_CLOSED_MAX] = call_id;
}

static uint32_t min_u32(size_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* Takes bytes of a message's head or body. Returns how many. */
static uint32_t take_message(struct frames_part *part, const unsigned char *data, uint32_t len)
{
    if (part->bytes < MESSAGE_HEAD_LEN) {
        if (part->bytes > 0)
            part->size = part->size << 8 | *data;
        part->bytes++;
        return 1;
    }
    uint32_t missing = part->size - (part->bytes - MESSAGE_HEAD_LEN), n = min_u32(len, missing);
    part->bytes += n;
    return n;
}

static bool is_complete(const struct frames_part *part)
{
    return part->bytes >= MESSAGE_HEAD_LEN && part->bytes - MESSAGE_HEAD_LEN == part->size;
}

static void on_complete(struct frames_part *part)
{
    *part = (struct frames_part){ .call_id = part->call_id,
        .has_no_answer = part->has_no_answer,
        .pinned_bytes = part->has_no_answer ? part->pinned_bytes : 0 };
}

static void take_data(struct frames *f, const unsigned char *data, uint32_t len)
{
    if (f->padding_follows && len > 0) {
        f->padding_follows = false;
        f->padding = *data++;
        len--;
        f->left--;
    }
    uint32_t left = f->left > f->padding ? f->left - f->padding : 0, rest = min_u32(len, left);
    f->left -= len;
    while (rest > 0 && f->part.call_id != 0) {
        uint32_t n = take_message(&f->part, data, rest);
        data += n;
        rest -= n;
        if (is_complete(&f->part))
            on_complete(&f->part);
    }
}

static size_t pinned_by_piece(struct frames *f)
{
    uint64_t since_last = f->taken - f->last_piece;
    size_t piece = length_in(f->head), most = piece > FRAMES_READ_BYTES ? piece : FRAMES_READ_BYTES;
    f->last_piece = f->taken;
    return since_last < most ? (size_t)since_last : most;
}

static const char *on_data_end(struct frames *f)
{
    if (f->part.call_id == 0 || (f->head[4] & END_STREAM) != 0)
        return NULL;
    size_t pinned_bytes = pinned_by_piece(f), own = length_in(f->head) + sizeof(f->head);
    if (pinned_bytes > own &&
        is_too_fast(&f->pinned, (double)(pinned_bytes - own), FRAMES_PINNED_AT_ONCE,
            FRAMES_PINNED_PER_SECOND, f->now_ms))
        return "there is too much of something else between its messages";
    bool is_under_way = f->part.bytes > 0 || f->part.has_no_answer;
    f->part.pinned_bytes += pinned_bytes;
    return is_under_way ? add_part(f, &f->part) : NULL;
}

static void on_data(struct frames *f, unsigned flags, uint32_t call_id)
{
    f->padding_follows = (flags & PADDED) != 0;
    f->padding = 0;
    f->part = (struct frames_part){ 0 };
    if (!is_closed(f, call_id))
        f->part = take_part(f, call_id);
}

/* ---- other frames ---- */

static const char *on_block(struct frames *f, unsigned flags)
{
    f->block_bytes += f->left + (uint32_t)sizeof(f->head);
    if (f->block_bytes > FRAMES_BLOCK_MAX_BYTES)
        return "its header fields do not end";
    if (flags & END_HEADERS)
        f->block_bytes = 0;
    return NULL;
}

static const char *on_call(struct frames *f, uint32_t call_id, bool waits)
{
    f->call_id = call_id;
    f->n_begun++;
    if (!f->acknowledged && f->max_calls > 0 && ++f->n_calls > f->max_calls)
        return "it makes more calls than it may and does not acknowledge our settings";
    struct frames_part request = {
        .call_id = call_id, .is_request = true, .has_no_answer = true, .since_ms = f->now_ms
    };
    return waits ? add_part(f, &request) : NULL;
}

static const char *on_headers(struct frames *f, unsigned flags, uint32_t call_id)
{
    /*
     * Otherwise these are trailers, or something that the core ignores, such as the even ids of
     * servers.
     */
    bool begins = (call_id & 1) != 0 && call_id > f->call_id, ends = (flags & END_STREAM) != 0;
    const char *why = NULL;
    if (begins)
        why = on_call(f, call_id, !ends);
    else if (ends)
        take_part(f, call_id);
    f->block_bytes = 0;
    return why != NULL ? why : on_block(f, flags);
}

static const char *on_reset(struct frames *f, uint32_t call_id)
{
    take_part(f, call_id);
    if (f->max_calls > 0 && is_too_fast(&f->resets, 1, 2.0 * f->max_calls, f->max_calls, f->now_ms))
        return "it takes back its calls too fast";
    return NULL;
}

/* A frame that asks for nothing still costs the core work, most of all GOAWAY. */
static const char *on_idle_frame(struct frames *f)
{
    return is_too_fast(&f->idle, 1, FRAMES_IDLE_AT_ONCE, FRAMES_IDLE_PER_SECOND, f->now_ms)
        ? "it sends too many frames that ask for nothing"
        : NULL;
}

/*
 * The core takes an acknowledgement that comes before it has sent its settings for one of the
 * default settings: any number of calls.
 */
static const char *on_settings(struct frames *f, unsigned flags)
{
    if ((flags & ACK) == 0)
        return on_idle_frame(f);
    f->acknowledged = atomic_load(&f->settings_sent);
    return f->acknowledged ? on_idle_frame(f) : "it acknowledges settings that were not sent";
}

static const char *on_ping(struct frames *f, unsigned flags)
{
    if ((flags & ACK) != 0)
        return on_idle_frame(f);
    if (is_too_fast(&f->pings, 1, FRAMES_PINGS_AT_ONCE, FRAMES_PINGS_PER_SECOND, f->now_ms))
        return "it sends too many PINGs";
    return NULL;
}

static const char *on_empty_data(struct frames *f, unsigned flags)
{
    const char *why = on_data_end(f);
    return why != NULL || (flags & END_STREAM) != 0 ? why : on_idle_frame(f);
}

static const char *on_head(struct frames *f)
{
    const unsigned char *h = f->head;
    uint32_t id = id_in(h);
    f->left = length_in(h);
    switch (h[3]) {
    case DATA:
        on_data(f, h[4], id);
        return f->left == 0 ? on_empty_data(f, h[4]) : NULL;
    case HEADERS:
        return on_headers(f, h[4], id);
    case CONTINUATION:
        return on_block(f, h[4]);
    case RST_STREAM:
        return on_reset(f, id);
    case PING:
        return on_ping(f, h[4]);
    case SETTINGS:
        return on_settings(f, h[4]);
    case WINDOW_UPDATE:
        /* A client sends one or two for each message that it has received. */
        return NULL;
    default:
        return on_idle_frame(f);
    }
}

/* ---- bytes: each of these takes some of them, at least one ---- */

/* The core also hangs up on another beginning, but logs nothing. */
static size_t take_preface(struct frames *f, const char *data, size_t len, const char **ret_why)
{
    size_t n = PREFACE_LEN - f->have < len ? PREFACE_LEN - f->have : len;
    if (memcmp(data, preface + f->have, n) != 0) {
        *ret_why = "what it speaks is no HTTP/2 (TLS to a port without, or HTTP/1?)";
        return len;
    }
    f->have += (unsigned)n;
    if (f->have == PREFACE_LEN) {
        f->state = FRAMES_HEAD;
        f->have = 0;
    }
    return n;
}

static size_t take_head(struct frames *f, const char *data, size_t len, const char **ret_why)
{
    size_t missing = sizeof(f->head) - f->have, n = missing < len ? missing : len;
    memcpy(f->head + f->have, data, n);
    f->have += (unsigned)n;
    f->taken += n;
    if (f->have == sizeof(f->head)) {
        f->have = 0;
        *ret_why = on_head(f);
        f->state = f->left > 0 ? FRAMES_PAYLOAD : FRAMES_HEAD;
    }
    return n;
}

static size_t take_payload(struct frames *f, const char *data, size_t len, const char **ret_why)
{
    uint32_t n = min_u32(len, f->left);
    f->taken += n;
    if (f->head[3] == DATA)
        take_data(f, (const unsigned char *)data, n);
    else
        f->left -= n;
    if (f->left == 0) {
        f->state = FRAMES_HEAD;
        *ret_why = f->head[3] == DATA ? on_data_end(f) : NULL;
    }
    return n;
}

const char *frames_take(struct frames *f, const void *data, size_t len, int64_t now_ms)
{
    const char *p = data, *end = p + len, *why = NULL;
    pthread_mutex_lock(&f->lock);
    f->now_ms = now_ms;
    if (now_ms - f->checked_ms >= CHECK_EVERY_MS)
        why = check_late_requests(f);
    while (p < end && why == NULL) {
        size_t left = (size_t)(end - p);
        switch (f->state) {
        case FRAMES_PREFACE:
            p += take_preface(f, p, left, &why);
            break;
        case FRAMES_HEAD:
            p += take_head(f, p, left, &why);
            break;
        case FRAMES_PAYLOAD:
            p += take_payload(f, p, left, &why);
            break;
        }
    }
    pthread_mutex_unlock(&f->lock);
    return why;
}

/* ---- what we send: with RST_STREAM the core closes a call whose client has not said all ---- */

static size_t take_sent_head(struct frames *f, const char *data, size_t len)
{
    uint32_t n = min_u32(len, (uint32_t)sizeof(f->sent_head) - f->sent_have);
    memcpy(f->sent_head + f->sent_have, data, n);
    f->sent_have += n;
    if (f->sent_have == sizeof(f->sent_head)) {
        f->sent_have = 0;
        f->sent_left = length_in(f->sent_head);
        if (f->sent_head[3] == RST_STREAM)
            on_closed(f, id_in(f->sent_head));
        else if (f->sent_head[3] == HEADERS)
            on_answer(f, id_in(f->sent_head));
    }
    return n;
}

void frames_sent(struct frames *f, const void *data, size_t len)
{
    const char *p = data, *end = p + len;
    pthread_mutex_lock(&f->lock);
    while (p < end) {
        size_t left = (size_t)(end - p);
        uint32_t skipped = min_u32(left, f->sent_left);
        f->sent_left -= skipped;
        p += skipped > 0 ? skipped : take_sent_head(f, p, left);
    }
    pthread_mutex_unlock(&f->lock);
}
