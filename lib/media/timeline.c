/* SPDX-License-Identifier: MIT */
#include "media/timeline.h"

/* Until two frames of a track have come. */
#define FRAME_MS_DEFAULT 20
/* The first publication keeps times below: then many days pass before 31 bits are full. */
#define FIRST_MAX_MS (INT64_C(1) << 30)

int64_t sv_clock32_take(struct sv_clock32 *clock, uint32_t timestamp)
{
    if (!clock->has_begun)
        clock->last_ms = timestamp;
    else
        clock->last_ms += (int32_t)(timestamp - (uint32_t)clock->last_ms);
    clock->has_begun = true;
    return clock->last_ms;
}

int64_t sv_clock32_now(const struct sv_clock32 *clock)
{
    return clock->last_ms;
}

void sv_timeline_break(struct sv_timeline *timeline)
{
    timeline->has_seam = true;
}

/* Places this time of the publisher's at that time of the stream. */
static void set_offset(struct sv_timeline *t, int64_t publisher_ms, int64_t stream_ms)
{
    t->offset_ms = (uint64_t)stream_ms - (uint64_t)publisher_ms;
    t->has_seam = false;
}

static void begin(struct sv_timeline *t, int64_t publisher_ms)
{
    bool keeps_times = publisher_ms >= 0 && publisher_ms < FIRST_MAX_MS;
    set_offset(t, publisher_ms, keeps_times ? publisher_ms : 0);
    t->last_ms = keeps_times ? publisher_ms : 0;
    t->frame_ms = FRAME_MS_DEFAULT;
    t->has_begun = true;
}

/* How far it is from the latest frame, wherever that is in 64 bits. */
static int64_t distance(const struct sv_timeline *t, int64_t publisher_ms)
{
    return (int64_t)((uint64_t)publisher_ms + t->offset_ms - (uint64_t)t->last_ms);
}

static bool is_jump(int64_t distance_ms)
{
    return distance_ms < -SV_TIMELINE_BACK_MAX_MS || distance_ms > SV_TIMELINE_AHEAD_MAX_MS;
}

/* A frame lasts as long as one of video, if there is video. */
static void learn_frame(struct sv_timeline *t, enum sv_timeline_track track, int64_t stream_ms)
{
    int64_t ms = stream_ms - t->track_ms[track];
    bool counts = track == SV_TIMELINE_VIDEO || !t->has_track[SV_TIMELINE_VIDEO];
    if (t->has_track[track] && counts && ms > 0)
        t->frame_ms = ms < SV_TIMELINE_SEAM_MAX_MS ? ms : SV_TIMELINE_SEAM_MAX_MS;
}

int64_t sv_timeline_place(struct sv_timeline *timeline, enum sv_timeline_track track,
    int64_t publisher_ms)
{
    struct sv_timeline *t = timeline;
    if (!t->has_begun)
        begin(t, publisher_ms);
    else if (t->has_seam || is_jump(distance(t, publisher_ms)))
        set_offset(t, publisher_ms, t->last_ms + t->frame_ms);
    int64_t stream_ms = t->last_ms + distance(t, publisher_ms);
    /* It has not begun before 0, nor does a track go back. */
    int64_t least_ms = t->has_track[track] ? t->track_ms[track] : 0;
    if (stream_ms < least_ms)
        stream_ms = least_ms;
    learn_frame(t, track, stream_ms);
    t->track_ms[track] = stream_ms;
    t->has_track[track] = true;
    if (stream_ms > t->last_ms)
        t->last_ms = stream_ms;
    return stream_ms;
}
