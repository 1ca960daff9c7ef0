/* SPDX-License-Identifier: MIT */
#include "rpc/bytes.h"

#include <grpc/byte_buffer_reader.h>

void *sv_rpc_bytes_alloc(void *bytes, size_t len)
{
    struct sv_rpc_bytes *b = bytes;
    *b = sv_rpc_bytes_new(len);
    return sv_rpc_bytes_data(b);
}

bool sv_rpc_payload_flatten(grpc_byte_buffer *buffer, grpc_slice *ret_slice)
{
    if (buffer->data.raw.compression != GRPC_COMPRESS_NONE)
        return false;
    const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
    if (slices->count == 1) {
        *ret_slice = grpc_slice_ref(slices->slices[0]);
        return true;
    }
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, buffer))
        return false;
    *ret_slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    return true;
}
