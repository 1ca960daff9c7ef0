/* SPDX-License-Identifier: MIT */
/*
 * A message on its way out: immutable once it is handed over, counted, shared by as many streams as need it. Passed by
 * value; whoever gets one by value owns that reference. Thread-safe. Memory exhaustion ends the process, as
 * everywhere in gRPC.
 */
#ifndef SV_RPC_BYTES_H
#define SV_RPC_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

struct sv_rpc_bytes {
    grpc_slice slice; /* the business of lib/rpc alone */
};

/* `len` bytes to be filled through sv_rpc_bytes_data() before anybody else sees them. */
static inline struct sv_rpc_bytes sv_rpc_bytes_new(size_t len)
{
    return (struct sv_rpc_bytes){ grpc_slice_malloc(len) };
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
    return (struct sv_rpc_bytes){ grpc_slice_ref(b.slice) };
}

static inline void sv_rpc_bytes_unref(struct sv_rpc_bytes b)
{
    grpc_slice_unref(b.slice);
}

/*
 * For encoders that ask for their memory: sv_rpc_bytes_new() into the struct sv_rpc_bytes at
 * `bytes`.
 */
void *sv_rpc_bytes_alloc(void *bytes, size_t len);

/* A received message in one piece, as a new reference. Returns false for a compressed one. */
bool sv_rpc_payload_flatten(grpc_byte_buffer *buffer, grpc_slice *ret_slice);

#endif
