/* SPDX-License-Identifier: MIT */
/*
 * The latest packets of a live stream, for everybody who watches it: viewers' connections, and
 * streams to other nodes. A *GOP* is a key frame and what follows up to the next one.
 *
 *                        starts: up to two, at key frames
 *                          |                    |
 *   ... K v a v a v a v a  K v a v a v a v a v  K v a v a   <- sv_gop_cache_add(): the publisher
 *           ^                         ^                   ^
 *           a slow viewer's cursor    |                   |
 *           skips to a start          a viewer's cursor   most viewers' cursors
 *
 * The packets have numbers that grow by one from 1 on. Each viewer has a cursor, the number of the
 * packet that it takes next. A viewer begins at a start: it gets the headers that hold there, then
 * all packets from there on. When it is too far behind, it goes on at the newest start instead; the
 * headers come again if others hold there. So a viewer never sees a frame that does not follow the
 * one before, but for key frames.
 *
 * A stream without video has its starts once a second, at any frame.
 *
 * Time is the stream's time, as of its packets. One thread at a time; the packets that are taken
 * may be used anywhere.
 */
#ifndef SV_MEDIA_GOP_CACHE_H
#define SV_MEDIA_GOP_CACHE_H

#include <synctv/error.h>

#include "media/packet.h"
#include "media/timeline.h"

/* What is kept at most; encoders use GOPs of up to 8 s. */
#define SV_GOP_MAX_BYTES (32 << 20)
#define SV_GOP_MAX_PACKETS 4096
#define SV_GOP_MAX_MS 20000
/* What is kept at least, if it is not too much: slow viewers need not skip before. */
#define SV_GOP_KEEP_MS 5000
#define SV_GOP_STARTS 2
/* A viewer begins at the newest start that is so old, so that it has something to buffer. */
#define SV_GOP_START_AGE_MS 500
/* A viewer that is further behind skips to the newest start. */
#define SV_GOP_BEHIND_MAX_MS 4000
/* If there is but one track by then, no other one is waited for. */
#define SV_GOP_SETTLE_MS 500
/* sv_gop_cache_take() needs place for so many. */
#define SV_GOP_TAKE_MIN (SV_PAYLOAD_N_HEADERS + 1)

/* Where a viewer is. All zeros at first. */
struct sv_gop_cursor {
    /* The number of the packet to be taken next; 0 = it has not begun. */
    uint64_t next;
    /* The headers it has; 0 = none. */
    uint64_t header_ids[SV_PAYLOAD_N_HEADERS];
    /* How far it was behind where it began or skipped to, until it has caught up. */
    int64_t allowance_ms;
};

struct sv_gop_header {
    /* NULL = none. */
    struct sv_packet *packet;
    /* The same for the same header of publishers that follow each other: viewers who have it do not
     * get it again. */
    uint64_t id;
};

struct sv_gop_start {
    uint64_t number;
    int64_t timestamp_ms;
    unsigned publication;
    /* What holds here; stamped with the time of the start, once somebody needs it. */
    struct sv_gop_header headers[SV_PAYLOAD_N_HEADERS];
    struct sv_packet *stamped[SV_PAYLOAD_N_HEADERS];
};

struct sv_gop_cache {
    /* A ring: packet n is at n % capacity, which is a power of two. */
    struct sv_gop_entry {
        struct sv_packet *packet;
        /* If it is a header. */
        uint64_t header_id;
    } * packets;
    size_t capacity, n_packets;
    uint64_t first_number;
    size_t bytes;
    struct sv_gop_start starts[SV_GOP_STARTS];
    unsigned n_starts;

    /* Of the publication; and the last ones of those before. */
    struct sv_gop_header headers[SV_PAYLOAD_N_HEADERS], former[SV_PAYLOAD_N_HEADERS];
    uint64_t last_header_id;
    unsigned publication;
    bool has_audio, has_video, has_frames;
    /* A frame was dropped that others build on. */
    bool needs_key;
    int64_t first_ms, last_ms, last_video_ms;
    struct sv_timeline timeline;
};

void sv_gop_cache_init(struct sv_gop_cache *cache);
void sv_gop_cache_fini(struct sv_gop_cache *cache);

/* ---- the publisher ---- */

/*
 * A publisher begins, or another one goes on with the stream: its times follow the last ones, and
 * its first video is a key frame.
 */
void sv_gop_cache_begin(struct sv_gop_cache *cache);
/*
 * Adds a message of the publisher's, or what another node relays. `timestamp_ms` is its own time.
 * Returns 1 if viewers have something new, 0 if nobody needs it (payload.h; a header that is there
 * already; video before the first key frame).
 * Errors: TOO_LARGE; NO_MEMORY: it is lost, and what builds on it, too.
 */
int sv_gop_cache_add(struct sv_gop_cache *cache, enum sv_media_type type, int64_t timestamp_ms,
    const uint8_t *data, size_t len);

/* ---- viewers ---- */

/* Whether a viewer could begin now: what is known of the tracks is true from here on. */
bool sv_gop_cache_is_ready(const struct sv_gop_cache *cache);
/* For the head of an FLV. */
static inline bool sv_gop_cache_has_audio(const struct sv_gop_cache *cache)
{
    return cache->has_audio;
}
static inline bool sv_gop_cache_has_video(const struct sv_gop_cache *cache)
{
    return cache->has_video;
}
/*
 * The next packets for a viewer, up to `max` (SV_GOP_TAKE_MIN or more), each with a reference of
 * its own. Take them when they can be sent, not before: how far a viewer is behind is seen by its
 * cursor. Returns how many; 0 = there is nothing for it now.
 * Errors: NO_MEMORY; then nothing was taken, try again.
 */
int sv_gop_cache_take(struct sv_gop_cache *cache, struct sv_gop_cursor *cursor,
    struct sv_packet **ret, size_t max);

#endif
