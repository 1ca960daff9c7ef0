/* SPDX-License-Identifier: MIT */
/* Encodes and decodes the requests that travel on a MessageStream, as ClientMessage. */
#ifndef SV_WIRE_CLIENT_MESSAGE_H
#define SV_WIRE_CLIENT_MESSAGE_H

#include <synctv/call.h>

#include "base/arena.h"
#include "wire/pack.h"

/*
 * Decodes a ClientMessage. Its timestamp becomes client_time_ms; a PING has its own instead.
 *
 * @ret  what it points to lives as long as `a`. room_id may be "": then the room of the stream is
 *       meant. On failure only message_id is set, for the answer; "" if it could not be read.
 *
 * Errors: INVALID_ARGUMENT with the field ("payload": there is none, or none that we know),
 * TOO_LARGE, NO_MEMORY.
 */
int sv_wire_client_message_decode(const void *data, size_t len, struct sv_arena *a,
    synctv_request *ret, synctv_error *err);

/* Errors: NO_MEMORY, UNIMPLEMENTED (a method that is not for streams). */
int sv_wire_client_message_encode(const synctv_request *request, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err);

#endif
