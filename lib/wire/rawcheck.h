/* SPDX-License-Identifier: MIT */
/*
 * Checks the raw bytes of a message against its descriptor before anything is unpacked, in one
 * pass. protobuf-c alone would accept invalid UTF-8, NUL in strings and unknown enum values.
 */
#ifndef SV_WIRE_RAWCHECK_H
#define SV_WIRE_RAWCHECK_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include <synctv/error.h>

/* Messages in messages. */
#define SV_WIRE_RAWCHECK_MAX_DEPTH 16

enum sv_wire_rawcheck_mode {
    /* From a client: refuses unknown enum values and more than 1024 messages in the message. */
    SV_WIRE_RAWCHECK_STRICT,
    /*
     * From a server or node, which may be newer than we are: takes any enum value, and 65536
     * messages in the message.
     */
    SV_WIRE_RAWCHECK_LENIENT,
};

/*
 * Checks tags, lengths, the fields' wire types, and that strings are UTF-8 without NUL. Skips
 * unknown fields. protobuf-c can unpack what passes, unless memory is exhausted.
 *
 * Returns 0, or INVALID_ARGUMENT with the dotted name of the field: "movie.url", or "" if the
 * message as a whole is malformed.
 */
int sv_wire_rawcheck(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
    enum sv_wire_rawcheck_mode mode, synctv_error *err);

#endif
