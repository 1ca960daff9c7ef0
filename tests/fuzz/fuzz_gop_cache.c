/* SPDX-License-Identifier: MIT */
/*
 * A stream and its viewers. The input is a row of steps of three bytes: what happens (and to
 * which viewer), how much later (in units of 10 ms, signed), and a number more. Frames say
 * which one they are and which header they need, so that viewers can tell whether they may show
 * them: only a frame that follows the one before, or a key frame; with its header; of a track whose
 * time does not go back.
 */
#include <string.h>

#include <synctv/error.h>

#include "fuzz.h"
#include "media/gop_cache.h"

enum { N_VIEWERS = 4, STEP_LEN = 3, TAKE_MAX = 64, CHECK_EVERY = 16 };
enum step {
    KEY_FRAME,
    VIDEO_FRAME,
    AUDIO_FRAME,
    VIDEO_HEADER,
    AUDIO_HEADER,
    METADATA,
    JUNK,
    PUBLISHER,
    JUMP,
    VIEWER,
    TAKE,
    TAKE_ALL,
    N_STEPS,
};

struct viewer {
    bool is_here, has_video;
    struct sv_gop_cursor cursor;
    uint32_t last_frame;
    unsigned headers[SV_PAYLOAD_N_HEADERS];
    int64_t track_ms[2];
};

struct world {
    struct sv_gop_cache cache;
    struct viewer viewers[N_VIEWERS];
    int64_t now_ms;
    /* The publisher's last frame of video, and its headers; 0 = none. */
    uint32_t frame;
    unsigned video_header, audio_header;
};

static void check(const struct sv_gop_cache *c)
{
    size_t bytes = 0;
    FUZZ_MUST(c->n_packets <= SV_GOP_MAX_PACKETS && c->n_packets <= c->capacity);
    FUZZ_MUST(c->bytes <= SV_GOP_MAX_BYTES);
    for (uint64_t n = c->first_number; n < c->first_number + c->n_packets; n++) {
        const struct sv_packet *p = c->packets[n & (c->capacity - 1)].packet;
        bytes += sizeof(*p) + p->tag_len;
        /* One track may be behind the other. */
        FUZZ_MUST(c->last_ms - p->timestamp_ms <= SV_GOP_MAX_MS + SV_TIMELINE_BACK_MAX_MS);
    }
    FUZZ_MUST(bytes == c->bytes && c->n_starts <= SV_GOP_STARTS);
    for (unsigned i = 0; i < c->n_starts; i++) {
        FUZZ_MUST(c->starts[i].number >= c->first_number);
        FUZZ_MUST(c->starts[i].number < c->first_number + c->n_packets);
        FUZZ_MUST(i == 0 || c->starts[i].number > c->starts[i - 1].number);
    }
}

/* ---- the publisher ---- */

static void add(struct world *w, enum sv_media_type type, const uint8_t *data, size_t len)
{
    FUZZ_MUST(sv_gop_cache_add(&w->cache, type, w->now_ms, data, len) >= 0);
}

/* Head, header, number; and sometimes much more. */
static void add_frame(struct world *w, enum sv_media_type type, const uint8_t *head,
    size_t head_len, unsigned header, uint8_t size)
{
    static uint8_t data[1 << 20];
    memcpy(data, head, head_len);
    data[head_len] = (uint8_t)header;
    memcpy(data + head_len + 1, &w->frame, 4);
    add(w, type, data, size == UINT8_MAX ? sizeof(data) : head_len + 5 + size);
}

static void add_metadata(struct world *w, uint8_t number)
{
    uint8_t data[] = "\2\0\012onMetaData\3\0\1x\1.\0\0\x9";
    data[sizeof(data) - 5] = number;
    add(w, SV_MEDIA_METADATA, data, sizeof(data) - 1);
}

static void change_publisher(struct world *w)
{
    sv_gop_cache_begin(&w->cache);
    w->frame += 1000;
    w->video_header = w->audio_header = 0;
}

/* ---- a viewer ---- */

static void see_header(struct viewer *v, const struct sv_packet *p)
{
    v->headers[p->kind] = sv_packet_data(p)[sv_packet_data_len(p) - 1];
    if (p->kind == SV_PAYLOAD_METADATA)
        FUZZ_MUST(p->tag[4] == 0 && p->tag[5] == 0 && p->tag[6] == 0 && p->tag[7] == 0);
}

static void see_frame(struct viewer *v, const struct sv_packet *p)
{
    bool is_audio = p->kind == SV_PAYLOAD_AUDIO_FRAME;
    const uint8_t *data = sv_packet_data(p) + (is_audio ? 2 : 5);
    unsigned had = v->headers[is_audio ? SV_PAYLOAD_AUDIO_HEADER : SV_PAYLOAD_VIDEO_HEADER];
    FUZZ_MUST(data[0] == 0 || data[0] == had);
    FUZZ_MUST(p->timestamp_ms >= v->track_ms[is_audio] && p->timestamp_ms >= 0);
    v->track_ms[is_audio] = p->timestamp_ms;
    if (is_audio)
        return;
    uint32_t frame;
    memcpy(&frame, data + 1, 4);
    FUZZ_MUST(p->kind == SV_PAYLOAD_KEY_FRAME || (v->has_video && frame == v->last_frame + 1));
    v->last_frame = frame;
    v->has_video = true;
}

static int take(struct world *w, struct viewer *v, size_t max)
{
    struct sv_packet *packets[TAKE_MAX];
    uint64_t next = v->cursor.next;
    int n = sv_gop_cache_take(&w->cache, &v->cursor, packets, max);
    FUZZ_MUST(n >= 0 && (size_t)n <= max && v->cursor.next >= next);
    for (int i = 0; i < n; i++) {
        if (sv_payload_is_header(packets[i]->kind))
            see_header(v, packets[i]);
        else
            see_frame(v, packets[i]);
        sv_packet_unref(packets[i]);
    }
    return n;
}

/* ---- steps ---- */

static void take_step(struct world *w, uint8_t what, int later, uint8_t number)
{
    struct viewer *v = &w->viewers[what / N_STEPS % N_VIEWERS];
    unsigned header = 1 + number % 4;
    w->now_ms += 10 * later;
    switch ((enum step)(what % N_STEPS)) {
    case KEY_FRAME:
        w->frame++;
        add_frame(w, SV_MEDIA_VIDEO, (const uint8_t *)"\x17\1\0\0\0", 5, w->video_header, number);
        break;
    case VIDEO_FRAME:
        w->frame++;
        add_frame(w, SV_MEDIA_VIDEO, (const uint8_t *)"\x27\1\0\0\0", 5, w->video_header, number);
        break;
    case AUDIO_FRAME:
        add_frame(w, SV_MEDIA_AUDIO, (const uint8_t *)"\xaf\1", 2, w->audio_header, number);
        break;
    case VIDEO_HEADER:
        w->video_header = header;
        add(w, SV_MEDIA_VIDEO, (const uint8_t[]){ 0x17, 0, 0, 0, 0, (uint8_t)header }, 6);
        break;
    case AUDIO_HEADER:
        w->audio_header = header;
        add(w, SV_MEDIA_AUDIO, (const uint8_t[]){ 0xaf, 0, (uint8_t)header }, 3);
        break;
    case METADATA:
        add_metadata(w, number);
        break;
    case JUNK:
        add(w, (enum sv_media_type)(number % 3), &number, 1);
        break;
    case PUBLISHER:
        change_publisher(w);
        break;
    case JUMP:
        w->now_ms += (int64_t)later * (INT64_C(1) << number % 48);
        break;
    case VIEWER:
        *v = (struct viewer){ .is_here = true };
        break;
    case TAKE:
        if (v->is_here)
            take(w, v, SV_GOP_TAKE_MIN + number % 32);
        break;
    case TAKE_ALL:
        while (v->is_here && take(w, v, TAKE_MAX) > 0)
            ;
        break;
    case N_STEPS:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct world w = { .frame = 0 };
    sv_gop_cache_init(&w.cache);
    for (unsigned n = 0; len >= STEP_LEN; data += STEP_LEN, len -= STEP_LEN) {
        take_step(&w, data[0], (int8_t)data[1], data[2]);
        if (++n % CHECK_EVERY == 0)
            check(&w.cache);
    }
    check(&w.cache);
    sv_gop_cache_fini(&w.cache);
    return 0;
}
