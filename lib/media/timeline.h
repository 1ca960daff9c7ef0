/* SPDX-License-Identifier: MIT */
/*
 * The time of a stream that viewers see: it begins once, and goes on when its publisher has gone
 * and another has come, or when an encoder's clock jumps.
 */
#ifndef SV_MEDIA_TIMELINE_H
#define SV_MEDIA_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

/* Times of 32 bits, which wrap after 49 days, as times of 64 bits. All zeros at first. */
struct sv_clock32 {
    bool has_begun;
    int64_t last_ms;
};

/* The time that is at most 2^31 ms from the last one. */
int64_t sv_clock32_take(struct sv_clock32 *clock, uint32_t timestamp);
/* The last one; 0 at first. */
int64_t sv_clock32_now(const struct sv_clock32 *clock);

/*
 * A frame this much before the last one, or this much after, is no late or missing frame: the
 * publisher's clock has jumped.
 */
#define SV_TIMELINE_BACK_MAX_MS 3000
#define SV_TIMELINE_AHEAD_MAX_MS 30000
/* The most that the stream's time moves where publishers follow each other. */
#define SV_TIMELINE_SEAM_MAX_MS 1000

enum sv_timeline_track { SV_TIMELINE_VIDEO, SV_TIMELINE_AUDIO };

/* All zeros at first. */
struct sv_timeline {
    /* A frame has come, of this publication or an earlier one. */
    bool has_begun;
    /* The next frame is the first of its publication. */
    bool has_seam;
    /* Stream time less the publisher's; modulo 2^64. */
    uint64_t offset_ms;
    /* Stream time: of the latest frame, and of each track. */
    int64_t last_ms;
    int64_t track_ms[2];
    bool has_track[2];
    /* The time from one frame to the next. */
    int64_t frame_ms;
};

/* Another publisher begins. */
void sv_timeline_break(struct sv_timeline *timeline);
/*
 * The stream time of a frame. The first publication keeps its times (if they are from 0 to 2^30).
 * At a seam the time goes on one frame after the last one, with one offset for both tracks. The
 * time of a track never goes back.
 */
int64_t sv_timeline_place(struct sv_timeline *timeline, enum sv_timeline_track track,
    int64_t publisher_ms);

#endif
