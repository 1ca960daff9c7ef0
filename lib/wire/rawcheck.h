/* SPDX-License-Identifier: MIT */
/*
 * What protobuf-c does not look at: one pass over the raw bytes of a message, driven by its descriptor, before anything
 * is unpacked. protobuf-c accepts invalid UTF-8, NUL in strings and unknown enum values.
 */
#ifndef SV_WIRE_RAWCHECK_H
#define SV_WIRE_RAWCHECK_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include <synctv/error.h>

#define SV_WIRE_RAWCHECK_MAX_DEPTH 16 /* messages in messages */

enum sv_wire_rawcheck_mode {
    /* From a client: an unknown enum value is refused, and there are at most 1024 messages in the message. */
    SV_WIRE_RAWCHECK_STRICT,
    /* From a server or node, which may be newer: enum values are not looked at, and there may be 65536 messages. */
    SV_WIRE_RAWCHECK_LENIENT,
};

/*
 * Well-formed tags and lengths, the wire types that the fields have, well-formed UTF-8 without NUL. Unknown fields are
 * skipped. What passes is unpacked by protobuf-c without an error, memory permitting.
 *
 * Returns 0, or INVALID_ARGUMENT with the dotted name of the field ("movie.url"; "" when the message as a whole is malformed).
 */
int sv_wire_rawcheck(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
    enum sv_wire_rawcheck_mode mode, synctv_error *err);

#endif
