/* SPDX-License-Identifier: MIT */
#include <grpc/byte_buffer_reader.h>

#include "rpc/queue.h"

bool sv_payload_flatten(grpc_byte_buffer *buffer, grpc_slice *ret_slice)
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
