/* SPDX-License-Identifier: MIT */
/* Requests: those of calls, and those that travel on a MessageStream as ClientMessage. */
#ifndef SV_WIRE_REQUEST_H
#define SV_WIRE_REQUEST_H

#include <synctv/call.h>

#include "base/arena.h"
#include "wire/pack.h"

/* The request message of a method; NULL for methods of streams only. */
const ProtobufCMessageDescriptor *sv_wire_request_descriptor(synctv_method method);

/*
 * From the bytes of a call's request message. Unknown enum values, invalid UTF-8 and the like are refused (rawcheck.h); what
 * fields mean is not looked at.
 *
 * @ret  what it points to lives as long as `a`. UPDATE_MOVIE has movie_id = movie->id, SEEK has_position, SET_PLAYBACK_RATE has_rate.
 *
 * Errors: INVALID_ARGUMENT (with the field), TOO_LARGE, NO_MEMORY, UNIMPLEMENTED (a method of streams only).
 */
int sv_wire_request_decode(synctv_method method, const void *data, size_t len, struct sv_arena *a,
    synctv_request *ret, synctv_error *err);

/* Errors: NO_MEMORY, UNIMPLEMENTED (a method of streams only). */
int sv_wire_request_encode(const synctv_request *request, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err);

/*
 * From a ClientMessage. `message_id` is the message's; its timestamp becomes client_time_ms, but for PING, which brings its own.
 * room_id may be "": that of the bound stream is meant.
 *
 * @ret  on failure only message_id is set, for the answer: "" if it cannot be told.
 *
 * Errors: as sv_wire_request_decode(); INVALID_ARGUMENT "payload" when there is none, or none that we know.
 */
int sv_wire_client_message_decode(const void *data, size_t len, struct sv_arena *a,
    synctv_request *ret, synctv_error *err);

/* Errors: NO_MEMORY, UNIMPLEMENTED (no method of streams). */
int sv_wire_client_message_encode(const synctv_request *request, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err);

#endif
