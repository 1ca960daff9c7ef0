/* SPDX-License-Identifier: MIT */
#include "api/event_ring.h"

#include <stdlib.h>

#define SIZE_MIN 8 /* what is kept over idle times */

void sv_event_ring_init(struct sv_event_ring *ring, size_t (*charge)(const synctv_event *event))
{
    *ring = (struct sv_event_ring){ .charge = charge };
}

static int grow(struct sv_event_ring *ring)
{
    unsigned size = ring->size == 0 ? SIZE_MIN : ring->size * 2;
    const synctv_event **events = malloc(size * sizeof(*events));
    if (events == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (unsigned i = 0; i < ring->count; i++)
        events[i] = ring->events[(ring->head + i) % ring->size];
    free(ring->events);
    ring->events = events;
    ring->size = size;
    ring->head = 0;
    return 0;
}

int sv_event_ring_push(struct sv_event_ring *ring, const synctv_event *event, unsigned max_events,
    size_t max_bytes)
{
    size_t bytes = ring->charge(event);
    if (ring->count >= max_events ||
        (ring->count > 0 && (bytes > max_bytes || ring->bytes > max_bytes - bytes)))
        return SYNCTV_E_SLOW_CONSUMER;
    if (ring->count == ring->size && grow(ring) < 0)
        return SYNCTV_E_NO_MEMORY;
    ring->events[(ring->head + ring->count) % ring->size] = synctv_event_ref(event);
    ring->count++;
    ring->bytes += bytes;
    return 0;
}

const synctv_event *sv_event_ring_pop(struct sv_event_ring *ring)
{
    if (ring->count == 0) {
        if (ring->size > SIZE_MIN)
            sv_event_ring_clear(ring);
        return NULL;
    }
    const synctv_event *event = ring->events[ring->head];
    ring->head = (ring->head + 1) % ring->size;
    ring->count--;
    ring->bytes -= ring->charge(event);
    return event;
}

void sv_event_ring_clear(struct sv_event_ring *ring)
{
    for (unsigned i = 0; i < ring->count; i++)
        synctv_event_unref(ring->events[(ring->head + i) % ring->size]);
    free(ring->events);
    sv_event_ring_init(ring, ring->charge);
}
