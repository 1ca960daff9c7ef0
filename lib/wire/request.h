/* SPDX-License-Identifier: MIT */
/*
 * Encodes and decodes the request messages of calls. Those that travel on a MessageStream are in
 * client_message.h.
 */
#ifndef SV_WIRE_REQUEST_H
#define SV_WIRE_REQUEST_H

#include <synctv/call.h>

#include "base/arena.h"
#include "wire/pack.h"

/* The request message of a method; NULL for methods of streams only. */
const ProtobufCMessageDescriptor *sv_wire_request_descriptor(synctv_method method);

/*
 * Decodes a call's request message. Malformed ones are refused (rawcheck.h: unknown enum values,
 * invalid UTF-8 …), but what the fields mean is not checked.
 *
 * @ret  what it points to lives as long as `a`. UPDATE_MOVIE has movie_id = movie->id, SEEK has
 *       has_position, SET_PLAYBACK_RATE has has_rate.
 *
 * Errors: INVALID_ARGUMENT (with the field), TOO_LARGE, NO_MEMORY, UNIMPLEMENTED (a method of
 * streams only).
 */
int sv_wire_request_decode(synctv_method method, const void *data, size_t len, struct sv_arena *a,
    synctv_request *ret, synctv_error *err);

/* Errors: NO_MEMORY, UNIMPLEMENTED (a method of streams only). */
int sv_wire_request_encode(const synctv_request *request, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err);

#endif
