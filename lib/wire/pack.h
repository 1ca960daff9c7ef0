/* SPDX-License-Identifier: MIT */
/* Packs protobuf-c's structures into bytes. */
#ifndef SV_WIRE_PACK_H
#define SV_WIRE_PACK_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include <synctv/error.h>

/*
 * Gives an encoder the memory for its bytes. Called once, at its end, with the exact length, which
 * may be 0. Returns NULL when out of memory.
 */
typedef void *sv_wire_alloc_fn(void *userdata, size_t len);

/* Bytes on the heap; free(data). */
struct sv_wire_bytes {
    void *data;
    size_t len;
};

/*
 * An sv_wire_alloc_fn that uses malloc(). `bytes`, its userdata, is a struct sv_wire_bytes; on
 * success bytes->data is never NULL.
 */
void *sv_wire_bytes_alloc(void *bytes, size_t len);

/* Errors: NO_MEMORY. */
int sv_wire_pack(const ProtobufCMessage *message, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err);

#endif
