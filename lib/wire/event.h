/* SPDX-License-Identifier: MIT */
/* Encodes and decodes events: the ServerMessages of a MessageStream. */
#ifndef SV_WIRE_EVENT_H
#define SV_WIRE_EVENT_H

#include <synctv/stream.h>

#include "wire/pack.h"

/*
 * event->room_id and event->actor_id are not encoded if the payload has them, too, as
 * state->actor_id or chat->user_id: then those of the payload travel.
 *
 * Errors: NO_MEMORY, UNIMPLEMENTED (CONNECTED and DISCONNECTED do not travel).
 */
int sv_wire_event_encode(const synctv_event *event, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err);

/*
 * A server may be newer than we are: enum values that we do not know stay the numbers that they
 * are.
 *
 * @ret_event  one reference.
 *
 * Errors: UNIMPLEMENTED (a payload that we do not know: skip it), INVALID_ARGUMENT, TOO_LARGE,
 * NO_MEMORY.
 */
int sv_wire_event_decode(const void *data, size_t len, synctv_event **ret_event, synctv_error *err);

#endif
