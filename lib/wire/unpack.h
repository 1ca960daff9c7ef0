/* SPDX-License-Identifier: MIT */
/* From bytes to protobuf-c's structures, in bounded memory. */
#ifndef SV_WIRE_UNPACK_H
#define SV_WIRE_UNPACK_H

#include "base/arena.h"
#include "wire/rawcheck.h"

/*
 * Checks with sv_wire_rawcheck() and unpacks into `a`, which takes at most 4 × len + 16 KiB for it when the mode is STRICT, 16 × len + 256 KiB
 * when it is LENIENT, and never more than its own limit.
 *
 * @ret_message  lives as long as `a`, as all that it reaches; it is not freed. Untouched on failure.
 *
 * Errors: INVALID_ARGUMENT (with the field), TOO_LARGE (unpacked it is), NO_MEMORY.
 */
int sv_wire_unpack(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
    enum sv_wire_rawcheck_mode mode, struct sv_arena *a, const void **ret_message,
    synctv_error *err);

#endif
