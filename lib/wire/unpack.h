/* SPDX-License-Identifier: MIT */
/* Unpacks bytes into protobuf-c's structures, in bounded memory. */
#ifndef SV_WIRE_UNPACK_H
#define SV_WIRE_UNPACK_H

#include "base/arena.h"
#include "wire/rawcheck.h"

/*
 * Checks a message with sv_wire_rawcheck() and unpacks it into `a`. Takes at most this much of `a`,
 * and never more than the limit of `a` allows:
 *
 *   STRICT    4 × len + 16 KiB
 *   LENIENT   16 × len + 256 KiB
 *
 * @ret_message  it and what it points to live as long as `a`; do not free it. Untouched on failure.
 *
 * Errors: INVALID_ARGUMENT (with the field), TOO_LARGE (unpacked it would be), NO_MEMORY.
 */
int sv_wire_unpack(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
    enum sv_wire_rawcheck_mode mode, struct sv_arena *a, const void **ret_message,
    synctv_error *err);

#endif
