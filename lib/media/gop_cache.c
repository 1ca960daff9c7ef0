/* SPDX-License-Identifier: MIT */
#include "media/gop_cache.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64
/* The next start of a stream without video. */
#define AUDIO_START_MS 1000

void sv_gop_cache_init(struct sv_gop_cache *cache)
{
    *cache = (struct sv_gop_cache){ .first_number = 1, .needs_key = true };
}

/* ---- headers and starts ---- */

static void drop_header(struct sv_gop_header *header)
{
    sv_packet_unref(header->packet);
    *header = (struct sv_gop_header){ 0 };
}

static void drop_start(struct sv_gop_cache *c)
{
    for (unsigned i = 0; i < SV_PAYLOAD_N_HEADERS; i++) {
        drop_header(&c->starts[0].headers[i]);
        sv_packet_unref(c->starts[0].stamped[i]);
    }
    c->n_starts--;
    memmove(&c->starts[0], &c->starts[1], c->n_starts * sizeof(c->starts[0]));
}

static const struct sv_gop_start *newest_start(const struct sv_gop_cache *c)
{
    return c->n_starts > 0 ? &c->starts[c->n_starts - 1] : NULL;
}

/* The packet that is added next begins a GOP. */
static void add_start(struct sv_gop_cache *c, uint64_t number, int64_t timestamp_ms)
{
    while (c->n_starts == SV_GOP_STARTS ||
        (c->n_starts > 0 && c->starts[0].publication != c->publication))
        drop_start(c);
    struct sv_gop_start *start = &c->starts[c->n_starts++];
    *start = (struct sv_gop_start){
        .number = number,
        .timestamp_ms = timestamp_ms,
        .publication = c->publication,
    };
    for (unsigned i = 0; i < SV_PAYLOAD_N_HEADERS; i++) {
        start->headers[i] = c->headers[i];
        if (c->headers[i].packet != NULL)
            sv_packet_ref(c->headers[i].packet);
    }
}

/* ---- the ring ---- */

static struct sv_gop_entry *entry_at(const struct sv_gop_cache *c, uint64_t number)
{
    return &c->packets[number & (c->capacity - 1)];
}

static struct sv_packet *packet_at(const struct sv_gop_cache *c, uint64_t number)
{
    return entry_at(c, number)->packet;
}

static uint64_t end_number(const struct sv_gop_cache *c)
{
    return c->first_number + c->n_packets;
}

static size_t bytes_of(const struct sv_packet *packet)
{
    return sizeof(*packet) + packet->tag_len;
}

static bool grow(struct sv_gop_cache *c)
{
    if (c->n_packets < c->capacity)
        return true;
    size_t capacity = c->capacity > 0 ? c->capacity * 2 : FIRST_CAPACITY;
    struct sv_gop_entry *packets = calloc(capacity, sizeof(*packets));
    if (packets == NULL)
        return false;
    for (uint64_t n = c->first_number; n < end_number(c); n++)
        packets[n & (capacity - 1)] = *entry_at(c, n);
    free(c->packets);
    c->packets = packets;
    c->capacity = capacity;
    return true;
}

static void drop_first(struct sv_gop_cache *c)
{
    struct sv_packet *packet = packet_at(c, c->first_number);
    c->bytes -= bytes_of(packet);
    c->first_number++;
    c->n_packets--;
    sv_packet_unref(packet);
    if (c->n_starts > 0 && c->starts[0].number < c->first_number)
        drop_start(c);
}

/* Whether the first packet is too much, or needed by nobody. */
static bool is_first_spent(const struct sv_gop_cache *c)
{
    int64_t age_ms = c->last_ms - packet_at(c, c->first_number)->timestamp_ms;
    if (c->bytes > SV_GOP_MAX_BYTES || c->n_packets >= SV_GOP_MAX_PACKETS || age_ms > SV_GOP_MAX_MS)
        return true;
    bool is_before_starts = c->n_starts == 0 || c->first_number < c->starts[0].number;
    return is_before_starts && age_ms > SV_GOP_KEEP_MS;
}

/* Takes the reference. There is place for it. */
static void add_packet(struct sv_gop_cache *c, struct sv_packet *packet, uint64_t header_id)
{
    *entry_at(c, end_number(c)) = (struct sv_gop_entry){ packet, header_id };
    c->n_packets++;
    c->bytes += bytes_of(packet);
    /* The newest one stays, whatever it is. */
    while (c->n_packets > 1 && is_first_spent(c))
        drop_first(c);
}

void sv_gop_cache_fini(struct sv_gop_cache *cache)
{
    while (cache->n_packets > 0)
        drop_first(cache);
    while (cache->n_starts > 0)
        drop_start(cache);
    for (unsigned i = 0; i < SV_PAYLOAD_N_HEADERS; i++) {
        drop_header(&cache->headers[i]);
        drop_header(&cache->former[i]);
    }
    free(cache->packets);
    cache->packets = NULL;
}

/* ---- the publisher ---- */

void sv_gop_cache_begin(struct sv_gop_cache *cache)
{
    for (unsigned i = 0; i < SV_PAYLOAD_N_HEADERS; i++) {
        if (cache->headers[i].packet == NULL)
            continue;
        drop_header(&cache->former[i]);
        cache->former[i] = cache->headers[i];
        cache->headers[i] = (struct sv_gop_header){ 0 };
    }
    cache->publication++;
    cache->has_audio = cache->has_video = cache->has_frames = false;
    cache->needs_key = true;
    sv_timeline_break(&cache->timeline);
}

static int add_header(struct sv_gop_cache *c, const struct sv_payload *payload)
{
    struct sv_gop_header *header = &c->headers[payload->kind];
    const struct sv_gop_header *former = &c->former[payload->kind];
    c->has_video |= payload->kind == SV_PAYLOAD_VIDEO_HEADER;
    c->has_audio |= payload->kind == SV_PAYLOAD_AUDIO_HEADER;
    /* Some encoders repeat them all the time. */
    if (header->packet != NULL && sv_packet_holds(header->packet, payload))
        return 0;
    struct sv_packet *packet = grow(c) ? sv_packet_new(payload, c->last_ms) : NULL;
    if (packet == NULL)
        return SYNCTV_E_NO_MEMORY;
    bool is_former = header->packet == NULL && former->packet != NULL &&
        sv_packet_holds(former->packet, payload);
    drop_header(header);
    header->packet = sv_packet_ref(packet);
    header->id = is_former ? former->id : ++c->last_header_id;
    add_packet(c, packet, header->id);
    return 1;
}

/* Without video for so long it is a stream without, up to its next key frame. */
static void forget_video(struct sv_gop_cache *c)
{
    if (c->has_video && c->has_frames && c->last_ms - c->last_video_ms > SV_GOP_MAX_MS) {
        c->has_video = false;
        c->needs_key = true;
    }
}

static bool is_settled(const struct sv_gop_cache *c)
{
    return (c->has_audio && c->has_video) ||
        (c->has_frames && c->last_ms - c->first_ms >= SV_GOP_SETTLE_MS);
}

/* Whether this frame is one to begin at. Starts are not too close to each other. */
static bool is_start(const struct sv_gop_cache *c, enum sv_payload_kind kind, int64_t timestamp_ms)
{
    const struct sv_gop_start *last = newest_start(c);
    bool is_first = last == NULL || last->publication != c->publication;
    int64_t age_ms = is_first ? 0 : timestamp_ms - last->timestamp_ms;
    if (kind == SV_PAYLOAD_KEY_FRAME)
        return is_first || age_ms >= SV_GOP_START_AGE_MS;
    return kind == SV_PAYLOAD_AUDIO_FRAME && !c->has_video && is_settled(c) &&
        (is_first || age_ms >= AUDIO_START_MS);
}

/* The stream's time moves on, and what is known of its tracks. Returns the time of the frame. */
static int64_t place_frame(struct sv_gop_cache *c, enum sv_payload_kind kind, int64_t timestamp_ms)
{
    bool is_audio = kind == SV_PAYLOAD_AUDIO_FRAME;
    int64_t stream_ms = sv_timeline_place(&c->timeline,
        is_audio ? SV_TIMELINE_AUDIO : SV_TIMELINE_VIDEO, timestamp_ms);
    c->last_ms = c->timeline.last_ms;
    if (!c->has_frames)
        c->first_ms = c->last_video_ms = stream_ms;
    c->has_frames = true;
    c->has_audio |= is_audio;
    if (!is_audio)
        c->last_video_ms = stream_ms;
    forget_video(c);
    return stream_ms;
}

static int add_frame(struct sv_gop_cache *c, const struct sv_payload *payload, int64_t timestamp_ms)
{
    if (payload->kind == SV_PAYLOAD_VIDEO_FRAME && c->needs_key)
        return 0;
    c->has_video |= payload->type == SV_MEDIA_VIDEO;
    int64_t stream_ms = place_frame(c, payload->kind, timestamp_ms);
    struct sv_packet *packet = grow(c) ? sv_packet_new(payload, stream_ms) : NULL;
    if (packet == NULL) {
        c->needs_key |= payload->type == SV_MEDIA_VIDEO;
        return SYNCTV_E_NO_MEMORY;
    }
    if (payload->kind == SV_PAYLOAD_KEY_FRAME)
        c->needs_key = false;
    if (is_start(c, payload->kind, stream_ms))
        add_start(c, end_number(c), stream_ms);
    add_packet(c, packet, 0);
    return 1;
}

int sv_gop_cache_add(struct sv_gop_cache *cache, enum sv_media_type type, int64_t timestamp_ms,
    const uint8_t *data, size_t len)
{
    struct sv_payload payload;
    int rv = sv_payload_look(type, data, len, &payload);
    if (rv <= 0)
        return rv;
    return sv_payload_is_header(payload.kind) ? add_header(cache, &payload)
                                              : add_frame(cache, &payload, timestamp_ms);
}

/* ---- viewers ---- */

bool sv_gop_cache_is_ready(const struct sv_gop_cache *cache)
{
    return cache->n_starts > 0 && is_settled(cache);
}

/* Of those that are old enough the newest, else the oldest. */
static struct sv_gop_start *start_for_newcomer(struct sv_gop_cache *c)
{
    unsigned i = c->n_starts - 1;
    while (i > 0 && c->last_ms - c->starts[i].timestamp_ms < SV_GOP_START_AGE_MS)
        i--;
    return &c->starts[i];
}

/* Returns where the viewer begins or skips to; NULL if it goes on where it is, or cannot yet. */
static struct sv_gop_start *find_start(struct sv_gop_cache *c, const struct sv_gop_cursor *cursor)
{
    if (cursor->next == 0)
        return sv_gop_cache_is_ready(c) ? start_for_newcomer(c) : NULL;
    struct sv_gop_start *newest = c->n_starts > 0 ? &c->starts[c->n_starts - 1] : NULL;
    if (newest == NULL || cursor->next < c->first_number)
        return newest;
    if (newest->number <= cursor->next)
        return NULL;
    int64_t behind_ms = c->last_ms - packet_at(c, cursor->next)->timestamp_ms;
    return behind_ms > SV_GOP_BEHIND_MAX_MS + cursor->allowance_ms ? newest : NULL;
}

/* The headers that the viewer has not, stamped for this start. Returns their number. */
static int take_headers(struct sv_gop_start *start, const struct sv_gop_cursor *cursor,
    struct sv_packet **ret)
{
    int n = 0;
    for (unsigned i = 0; i < SV_PAYLOAD_N_HEADERS; i++) {
        struct sv_packet *header = start->headers[i].packet;
        if (header == NULL || start->headers[i].id == cursor->header_ids[i])
            continue;
        if (start->stamped[i] == NULL)
            start->stamped[i] = sv_packet_restamp(header, start->timestamp_ms);
        if (start->stamped[i] == NULL) {
            while (n > 0)
                sv_packet_unref(ret[--n]);
            return SYNCTV_E_NO_MEMORY;
        }
        ret[n++] = sv_packet_ref(start->stamped[i]);
    }
    return n;
}

static void move_to(const struct sv_gop_cache *c, const struct sv_gop_start *start,
    struct sv_gop_cursor *cursor)
{
    cursor->next = start->number;
    cursor->allowance_ms = c->last_ms - start->timestamp_ms;
    for (unsigned i = 0; i < SV_PAYLOAD_N_HEADERS; i++) {
        if (start->headers[i].packet != NULL)
            cursor->header_ids[i] = start->headers[i].id;
    }
}

/* A header that the viewer has. */
static bool is_known(const struct sv_gop_cursor *cursor, const struct sv_gop_entry *entry)
{
    return entry->header_id != 0 && cursor->header_ids[entry->packet->kind] == entry->header_id;
}

int sv_gop_cache_take(struct sv_gop_cache *cache, struct sv_gop_cursor *cursor,
    struct sv_packet **ret, size_t max)
{
    int n = 0;
    struct sv_gop_start *start = find_start(cache, cursor);
    if (start != NULL) {
        n = take_headers(start, cursor, ret);
        if (n < 0)
            return n;
        move_to(cache, start, cursor);
    }
    if (cursor->next < cache->first_number)
        return 0;
    for (; (size_t)n < max && cursor->next < end_number(cache); cursor->next++) {
        const struct sv_gop_entry *entry = entry_at(cache, cursor->next);
        if (is_known(cursor, entry))
            continue;
        if (entry->header_id != 0)
            cursor->header_ids[entry->packet->kind] = entry->header_id;
        ret[n++] = sv_packet_ref(entry->packet);
    }
    if (cursor->next == end_number(cache))
        cursor->allowance_ms = 0;
    return n;
}
