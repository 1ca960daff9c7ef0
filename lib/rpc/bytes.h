/* SPDX-License-Identifier: MIT */
/*
 * A message to be sent: counted, and shared by as many streams as need it. It is passed by value,
 * and whoever gets one owns that reference. Nobody writes to it once it was handed over. May
 * be shared by threads.
 *
 * When memory is exhausted the process ends, as everywhere in gRPC.
 */
#ifndef SV_RPC_BYTES_H
#define SV_RPC_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include <synctv/error.h>

struct sv_rpc_bytes {
    /* For lib/rpc alone. */
    grpc_slice slice;
    /* The bytes are those of a gzip file, and the message is marked as compressed. */
    bool is_gzip;
};

/* `len` bytes. Fill them through sv_rpc_bytes_data() before you hand them over. */
static inline struct sv_rpc_bytes sv_rpc_bytes_new(size_t len)
{
    return (struct sv_rpc_bytes){ .slice = grpc_slice_malloc(len) };
}

/* Valid while *b stays where it is: short messages live inside the struct. */
static inline uint8_t *sv_rpc_bytes_data(struct sv_rpc_bytes *b)
{
    return GRPC_SLICE_START_PTR(b->slice);
}

static inline size_t sv_rpc_bytes_len(const struct sv_rpc_bytes *b)
{
    return GRPC_SLICE_LENGTH(b->slice);
}

static inline struct sv_rpc_bytes sv_rpc_bytes_copy(const void *data, size_t len)
{
    struct sv_rpc_bytes b = sv_rpc_bytes_new(len);
    if (len > 0)
        memcpy(sv_rpc_bytes_data(&b), data, len);
    return b;
}

static inline struct sv_rpc_bytes sv_rpc_bytes_ref(struct sv_rpc_bytes b)
{
    return (struct sv_rpc_bytes){ .slice = grpc_slice_ref(b.slice), .is_gzip = b.is_gzip };
}

static inline void sv_rpc_bytes_unref(struct sv_rpc_bytes b)
{
    grpc_slice_unref(b.slice);
}

/*
 * For encoders that ask for memory: makes sv_rpc_bytes_new() in the struct sv_rpc_bytes at `bytes`
 * and returns its data.
 */
void *sv_rpc_bytes_alloc(void *bytes, size_t len);

/* The message for the core, which takes a reference of its own. */
grpc_byte_buffer *sv_rpc_bytes_buffer(struct sv_rpc_bytes b);

/* Makes one piece of a received message, as a new reference. False for a compressed message. */
bool sv_rpc_payload_flatten(grpc_byte_buffer *buffer, grpc_slice *ret_slice);
/*
 * The same, but a message that was compressed with gzip is inflated to at most `gzip_max` bytes; 0
 * = it is not accepted. Errors: UNIMPLEMENTED (not accepted, or not gzip), INVALID_ARGUMENT (it is
 * damaged), TOO_LARGE, NO_MEMORY; `err` says it in a sentence.
 */
int sv_rpc_payload_inflate(grpc_byte_buffer *buffer, size_t gzip_max, grpc_slice *ret_slice,
    synctv_error *err);

#endif
