/* SPDX-License-Identifier: MIT */
/*
 * The events that wait for the one who takes them from a stream, the oldest first. It grows and
 * shrinks with them: an idle one holds next to no memory. Its owner locks.
 */
#ifndef SV_API_EVENT_RING_H
#define SV_API_EVENT_RING_H

#include <synctv/stream.h>

struct sv_event_ring {
    /* The bytes that an event counts for; the same each time it is asked for an event. */
    size_t (*charge)(const synctv_event *event);
    const synctv_event **events;
    unsigned size, head;
    unsigned count;
    size_t bytes;
};

void sv_event_ring_init(struct sv_event_ring *ring, size_t (*charge)(const synctv_event *event));
/*
 * Takes a reference of its own. Returns 0, or what keeps it out: SLOW_CONSUMER if there would be
 * more events or bytes than these (into an empty ring goes one of any size), NO_MEMORY.
 */
int sv_event_ring_push(struct sv_event_ring *ring, const synctv_event *event, unsigned max_events,
    size_t max_bytes);
/*
 * The oldest one, with its reference. NULL when there is none; then memory that a rush has taken is
 * given back.
 */
const synctv_event *sv_event_ring_pop(struct sv_event_ring *ring);
/* Drops all of them, and all memory. It can be used again. */
void sv_event_ring_clear(struct sv_event_ring *ring);

#endif
