/* SPDX-License-Identifier: MIT */
/*
 * Encodes and decodes the response messages of calls. Failures travel as a status instead
 * (rpc/status.h).
 */
#ifndef SV_WIRE_RESULT_H
#define SV_WIRE_RESULT_H

#include <synctv/call.h>

#include "base/arena.h"
#include "wire/pack.h"

/* The response message of a method; NULL for methods of streams only. */
const ProtobufCMessageDescriptor *sv_wire_response_descriptor(synctv_method method);

/* `result` must not be a failure. Errors: NO_MEMORY, UNIMPLEMENTED (a method of streams only). */
int sv_wire_result_encode(synctv_method method, const synctv_result *result,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err);

/*
 * A server may be newer than we are: enum values that we do not know stay the numbers that they
 * are.
 *
 * @ret_result  one reference.
 *
 * Errors: INTERNAL (the answer is malformed, or a field that it must have is missing), TOO_LARGE,
 * NO_MEMORY, UNIMPLEMENTED.
 */
int sv_wire_result_decode(synctv_method method, const void *data, size_t len,
    synctv_result **ret_result, synctv_error *err);

/*
 * A playback state as a RoomStateUpdate, as in details[1] of a VERSION_CONFLICT and in
 * PlaybackEvent.data. Errors: NO_MEMORY.
 */
int sv_wire_playback_encode(const synctv_playback *playback, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err);
/*
 * *ret lives as long as `a`. Takes any enum value. Errors: INVALID_ARGUMENT, TOO_LARGE, NO_MEMORY.
 */
int sv_wire_playback_decode(const void *data, size_t len, struct sv_arena *a, synctv_playback *ret,
    synctv_error *err);

#endif
